"""States of earlier releases: their bytes stay in `tests/golden/states/` and are read by every later release."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from signals import migrations
from signals.emit import Position
from signals.judge import Stored, Watch
from signals.keyed import DictStore
from signals.migrations import STEPS, NewerStateError, read_state
from signals.partition import META_KEY, Partition
from signals.step import SCHEMA, State
from tests.golden.states.write import golden as golden_now
from tests.unit.brain_story import PANEL, at, tick
from topics.codec import decode_deal_event

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "states").glob("schema_*.json"))


#: What the releases that wrote forms 1 to 3 could say; later files name it themselves.
FIRST_KINDS = frozenset(
    {
        "stage_overstay",
        "cycle_exceeded",
        "stage_regressed",
        "contact_gap",
        "sql_unqualified",
        "post_sql_inconsistent",
        "gate_violated",
        "close_date_pushed",
        "high_intent",
    }
)


def of_its_kinds(content: dict[str, Any], says: list[list[Any]]) -> list[list[Any]]:
    """What is said of the kinds that a release knew."""
    kinds = content.get("kinds", FIRST_KINDS)
    return [one for one in says if one[1] in kinds]


def golden(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def store_of(content: dict[str, Any]) -> DictStore:
    """A partition's store as the release left it."""
    store = DictStore()
    store.put(META_KEY, base64.b64decode(content["meta"]))
    for key, value in content["states"].items():
        store.put(key.encode(), base64.b64decode(value))
    return store


def holds(said: object, now: object) -> bool:
    """Whether a value says all that was said then; what was added since is its own business."""
    if isinstance(said, dict):
        fields = now if isinstance(now, dict) else _fields(now)
        return all(name in fields and holds(value, fields[name]) for name, value in said.items())
    if isinstance(said, list):
        return (
            isinstance(now, list | tuple)
            and len(said) == len(now)
            and all(holds(a, b) for a, b in zip(said, now, strict=True))
        )
    return said == now


def _fields(value: object) -> dict[str, Any]:
    assert isinstance(value, msgspec.Struct), value
    tag = type(value).__struct_config__.tag
    return {"type": tag} | {name: getattr(value, name) for name in value.__struct_fields__}


def test_there_is_a_golden_file_of_every_earlier_form() -> None:
    assert [golden(file)["schema"] for file in GOLDEN] == list(range(1, SCHEMA))
    assert set(STEPS) == set(range(1, SCHEMA))


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_a_state_of_an_earlier_release_means_what_it_meant(file: Path) -> None:
    content = golden(file)
    assert len(content["states"]) > 5
    for key, value in content["states"].items():
        said = content["means"][key]
        del said["schema"]
        state = read_state(base64.b64decode(value))
        assert state.schema == SCHEMA
        assert holds(said, state), key


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_a_partition_goes_on_from_an_earlier_release_as_that_would_have(file: Path) -> None:
    content = golden(file)
    partition = Partition(PANEL, store_of(content), Position("deal.events", 3))
    events = [decode_deal_event(json.dumps(one).encode()) for one in content["then"]]
    said = partition.fold([Stored(event, 1000 + n) for n, event in enumerate(events)]).signals
    says = [
        [one.deal_id, one.kind.value, one.transition.value, one.occurred_at, one.resolution and one.resolution.value]
        for one in said
    ]
    assert of_its_kinds(content, says) == content["says"]


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_a_visited_deal_is_written_in_the_present_form(file: Path) -> None:
    store = store_of(golden(file))
    Partition(PANEL, store, Position("deal.events", 3)).fold([Stored(tick(at(40)), 1000)])
    schemas = {_schema(value) for key, value in store.items() if key != META_KEY}
    assert SCHEMA in schemas


def _schema(value: bytes) -> int:
    return int(migrations._without_head(msgspec.msgpack.decode(value))[migrations._SCHEMA_AT])


def test_a_state_of_a_later_release_is_refused() -> None:
    file = golden(GOLDEN[0])
    form = msgspec.msgpack.decode(base64.b64decode(next(iter(file["states"].values()))))
    form[migrations._SCHEMA_AT] = SCHEMA + 1
    with pytest.raises(NewerStateError, match=f"form {SCHEMA + 1}"):
        read_state(msgspec.msgpack.encode(form))


@pytest.mark.parametrize("value", [b"", b"\x90", b"\x93\x01\x02\x03", b"\xc0", msgspec.msgpack.encode([1, 2, 3, 4, 1])])
def test_what_is_no_state_is_refused(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_state(value)


def test_the_present_form_is_read_as_it_was_written() -> None:
    state = read_state(base64.b64decode(next(iter(golden(GOLDEN[-1])["states"].values()))))
    assert isinstance(state, State)
    assert read_state(msgspec.msgpack.encode(state)) == state


def test_the_golden_file_of_the_present_form_can_be_written_and_is_that_of_the_first_but_for_the_bytes() -> None:
    """Who changes the form finds the means to keep the old one; and the deals of all forms are the same."""
    content = json.loads(json.dumps(golden_now()))
    first = golden(GOLDEN[0])
    assert content["schema"] == SCHEMA
    assert content["then"] == first["then"]
    assert of_its_kinds(first, content["says"]) == first["says"]
    assert {one[1] for one in content["says"]} <= set(content["kinds"])
    for key, value in content["states"].items():
        del first["means"][key]["schema"]
        assert holds(first["means"][key], with_episodes_of(read_state(base64.b64decode(value)), FIRST_KINDS)), key


def with_episodes_of(state: State, kinds: frozenset[str]) -> State:
    """The state as a release knows it that knows these kinds."""

    def known(watch: Watch) -> Watch:
        return msgspec.structs.replace(watch, episodes=tuple(one for one in watch.episodes if one.kind in kinds))

    base = None if state.base is None else known(state.base)
    return msgspec.structs.replace(state, now=known(state.now), base=base)
