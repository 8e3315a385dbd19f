"""Records of Pipedrive's API v2: how a load begins, and how a deal is read again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from topics.codec import encode
from topics.events import AnyEvent, id_of
from topics.outcomes import Accepted, Outcome, Silent
from topics.silences import Silence
from topics.sources.field_values import event_time
from topics.sources.pipedrive.changes import Action, Change
from topics.sources.pipedrive.entities import reader
from topics.sources.pipedrive.fields import stage_of
from topics.sources.pipedrive.rules import Rules
from topics.sources.pipedrive.values import instant, reference
from topics.sources.read_at import dated
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.statements import Statement

#: Where a record says of which entity it is: the API leaves that to the address, so an export must put it in.
ENTITY_NAMES = ("entity", "item_type")
_DEAL = "deal"
#: By status, where a deal says since when it is in its stage, the better place first: one that never moved is in the
#: stage in which it was made.
_SINCE = {"won": ("won_time",), "lost": ("lost_time",)}
_SINCE_OPEN = ("stage_change_time", "add_time")


def read_record(rules: Rules, row: Mapping[str, Any], read_us: int | None, broker_us: int) -> Outcome:
    """A record is read as a change that says all of it; one whose entity nobody names is a deal if it has a stage."""
    entity = next((row[name] for name in ENTITY_NAMES if row.get(name)), _DEAL if "stage_id" in row else None)
    if entity is None:
        raise RefusedError(Reason.NO_META, "neither a webhook's meta nor a record's entity")
    read = reader(entity)
    if read is None:
        return Silent(Silence.ENTITY_NOT_READ)
    record = reference("id", row.get("id"))
    if record is None:
        raise RefusedError(Reason.BAD_RECORD_IDS, f"id: expected an id, got {shown(row.get('id'))}")
    changed_us = instant("update_time", row.get("update_time")) or instant("add_time", row.get("add_time"))
    at_us = dated("update_time", changed_us, read_us, broker_us)
    identity = f"record\x1f{at_us}\x1f{id_of(encode(row).decode())}"
    change = Change(
        rules, Statement(rules.source, rules.subjects, identity, at_us), record, row, None, Action.CHANGE, None
    )
    return Accepted((*(_stage_since(change) if entity == _DEAL else ()), *read(change)))


def _stage_since(change: Change) -> Iterator[AnyEvent]:
    """When the deal entered the stage that it is in."""
    since = _SINCE.get(str(change.values.get("status")), _SINCE_OPEN)
    times = (instant(name, change.values.get(name)) for name in since)
    since_us = next((at_us for at_us in times if at_us is not None), None)
    stage = stage_of(change.values)
    if since_us is not None and stage:
        identity = f"stage since\x1f{since_us}\x1f{stage['stage']}"
        then = change.said._replace(identity=identity, at_us=event_time(since[0], since_us, 0))
        yield then.deal(change.id, stage)
