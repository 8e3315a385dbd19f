"""Writes the golden file of the present form of states: `python -m tests.golden.states.write` in a release's tree.

To be run once, by whoever is about to change the form, before the change: the file then stays, and every later release
must read it (`tests/unit/test_brain_migrations.py`). `schema_1.json` was written like this by the tree of cbd3eb1,
`schema_2.json` by that of f2d2609, `schema_3.json` by that of e3f8d74.

The file: `states` and `meta` are the store of a partition as the release left it (base64); `means` what each state
says, by the names of its fields; `then` further events, `kinds` what that release can say, and `says` what it says.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec

from signals.emit import Position
from signals.judge import Stored
from signals.kept import read_kept
from signals.keyed import DictStore
from signals.partition import META_KEY, Partition
from signals.step import SCHEMA
from tests.unit.brain_story import (
    PANEL,
    activity,
    at,
    changed,
    created,
    gap,
    intent,
    load_ended,
    load_started,
    removed,
    tick,
)
from topics.codec import encode
from topics.events import DealEvent

POSITION = Position("deal.events", 3)


def _key(name: str) -> str:
    return f"crm/acme:{name}"


def _loaded(event: DealEvent) -> DealEvent:
    return msgspec.structs.replace(event, origin="backfill")


def log() -> list[DealEvent]:
    """Deals of every shape: at rest, closed, busy, merged away, suspect, being loaded, with a tail of every event."""
    moved, tail = _key("moved"), _key("tail")
    return [
        created(at(0), _key("rest"), stage="Lead", need=True, amount=500.0, close_date="2024-03-31"),
        created(at(0), _key("closed"), stage="Lead", amount=5.0),
        changed(at(1), _key("closed"), stage="Won"),
        created(
            at(0),
            moved,
            stage="Demo",
            budget=True,
            need=True,
            close_date="2024-03-31",
            amount=5000.0,
            currency="EUR",
            owner_id="u1",
            next_step=None,
        ),
        changed(at(1), moved, close_date="2024-04-25"),
        changed(at(1.5), moved, budget=False, stage="Proposal"),
        changed(at(1.75), moved, stage="Demo"),
        activity(at(1), "a1", moved, at_us=at(4), done=False, person="p1", direction="outbound"),
        activity(at(2), "a2", moved, at_us=at(2), done=True, meets=True, person="p2"),
        intent(at(2), "demo_request", moved),
        created(at(0), _key("gone"), stage="Lead"),
        removed(at(2), _key("gone"), merged_into=moved),
        created(at(0), _key("suspect"), stage="Lead"),
        gap(at(1), _key("suspect")),
        load_started(at(2), at(400)),
        _loaded(created(at(1), _key("loading"), stage="Lead", need=False)),
        _loaded(changed(at(2), _key("loading"), stage="Demo", need=False)),
        tick(at(12)),
        changed(at(13), tail, stage="Lead", amount=1.5, flag=True, count=7, text="naïve"),
        changed(at(12.5), tail, stage="Demo"),
        intent(at(13), "pricing_page", tail),
        activity(at(13), "a9", tail, at_us=at(15), meets=True),
        removed(at(13.25), tail),
        changed(at(13.5), tail, stage="Proposal"),
        gap(at(13.6), tail),
        changed(at(13.7), moved, amount=None),
        *(changed(at(7 + n / 4), _key("busy"), amount=float(n), stage=("Lead", "Demo")[n % 2]) for n in range(28)),
        tick(at(14)),
    ]


def more() -> list[DealEvent]:
    """What comes after: late events, the end of the load, time."""
    return [
        changed(at(12.75), _key("tail"), stage="Proposal"),
        changed(at(13.1), _key("moved"), need=False),
        activity(at(14.5), "a1", _key("moved"), at_us=at(4), done=True),
        changed(at(13.5), _key("busy"), stage="Proposal"),
        changed(at(15), _key("rest"), stage="Demo"),
        created(at(15), _key("suspect"), stage="Demo", need=True, budget=True, amount=9.0),
        created(at(15), _key("new"), stage="Lead"),
        load_ended(at(16)),
        tick(at(40)),
        tick(at(110)),
        tick(at(450)),
    ]


def golden() -> dict[str, Any]:
    """The content of the file."""
    store = DictStore()
    Partition(PANEL, store, POSITION).fold([Stored(event, offset) for offset, event in enumerate(log())])
    values = {key.decode(): value for key, value in store.items()}
    meta = values.pop(META_KEY.decode())
    means = {key: _named(read_kept(value).state) for key, value in values.items()}
    said = Partition(PANEL, store, POSITION).fold([Stored(event, 1000 + n) for n, event in enumerate(more())]).signals
    return {
        "schema": SCHEMA,
        "meta": base64.b64encode(meta).decode(),
        "states": {key: base64.b64encode(value).decode() for key, value in values.items()},
        "means": means,
        "then": json.loads(encode(more())),
        "kinds": sorted(kind.value for kind in PANEL.detectors),
        "says": [[one.deal_id, one.kind, one.transition, one.occurred_at, one.resolution] for one in said],
    }


def _named(value: Any) -> Any:  # noqa: ANN401 - any value of a state
    """A value as JSON, its fields by their names."""
    if isinstance(value, msgspec.Struct):
        tag = value.__struct_config__.tag
        fields = {name: _named(getattr(value, name)) for name in value.__struct_fields__}
        return {"type": tag} | fields if tag else fields
    if isinstance(value, list | tuple):
        return [_named(one) for one in value]
    if isinstance(value, dict):
        return {str(key): _named(one) for key, one in value.items()}
    return value


if __name__ == "__main__":
    file = Path(__file__).with_name(f"schema_{SCHEMA}.json")
    file.write_text(json.dumps(golden(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
