"""Pipedrive: webhooks v2 as they were posted, and records of its API v2. See docs/sources/pipedrive.md.

A webhook's `data` is the whole record as it is now, so a create and a change are full records (law 13); `previous`
holds the fields that changed, with what they were, and of a delete, whose `data` is null, all of it. It is dated by
`meta.timestamp`. What identifies it is company, entity, record, action, event and time, never the number of the
attempt; the id of the event is not enough, as that of a user's events is the user's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from topics.codec import encode
from topics.events import AnyEvent, id_of
from topics.outcomes import Accepted, Outcome, Parser, RawRecord, Rejected, Silent
from topics.silences import Dirt, Silence
from topics.sources.field_values import event_time
from topics.sources.json_records import json_value, that_fit
from topics.sources.pipedrive_activities import activity_fields, participants
from topics.sources.pipedrive_fields import (
    CLOSED,
    DEAL_FIELDS,
    DELETED,
    ORGANIZATION_FIELDS,
    PERSON_FIELDS,
    USER_FIELDS,
    FieldNames,
    email_of,
    stage_of,
)
from topics.sources.pipedrive_values import Values, instant, reference
from topics.sources.read_at import read_at_us
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.source import Source
from topics.sources.statements import CHANGED, CREATED, ENDED, Statement

#: Entities that a webhook may be about beside those that are read.
ENTITIES_NOT_READ = frozenset(
    {"activityType", "lead", "note", "pipeline", "product", "project", "stage", "task", "board", "phase"}
)
CREATE, CHANGE, DELETE = "create", "change", "delete"
_RANKS = {CREATE: CREATED, CHANGE: CHANGED, DELETE: ENDED}
#: What changes by itself with every change, and when a user comes by.
TOUCHES = frozenset({"update_time", "modified", "last_login"})
_OWN_WRITE_SOURCE = "api"
#: The API answers with up to 500.
MOST_ROWS = 10_000
#: Where a record of the API says of which entity it is; without it, one with a stage is a deal.
ENTITY_NAMES = ("entity", "item_type")


class Names(NamedTuple):
    """What of a source is compiled once. `company`: the one whose webhooks are read, where the tenant is its number."""

    source: str
    subjects: str
    own_client: str
    company: str
    deals: FieldNames
    organizations: FieldNames
    persons: FieldNames
    users: FieldNames


class Change(NamedTuple):
    """One record as it is said to be. `previous`: what of it changed, with what it was; None where nobody says."""

    said: Statement
    id: str
    values: Values
    previous: Values | None
    action: str
    merged_to: str | None
    names: Names


def parse(source: Source, record: RawRecord) -> list[Outcome]:
    """One outcome per row of the body. Compiles the source each time; see `parser`."""
    return parser(source)(record)


def parser(source: Source) -> Parser:
    """The rules of this source, compiled once. Raises FieldTypeError for a type in `fields` that there is not."""
    names = Names(
        source.key,
        source.subject_key,
        source.own_client,
        source.tenant if source.tenant.isdecimal() else "",
        FieldNames(source, "", DEAL_FIELDS),
        FieldNames(source, "organization", ORGANIZATION_FIELDS),
        FieldNames(source, "person", PERSON_FIELDS),
        FieldNames(source, "user", USER_FIELDS),
    )
    return partial(_parse, names)


def _parse(names: Names, record: RawRecord) -> list[Outcome]:
    value = record.value
    if value is None:
        return [Silent(Silence.TOMBSTONE)]
    try:
        rows = _rows(json_value(value))
    except RefusedError as fault:
        return [fault.rejected()]
    if not rows:
        return [Silent(Silence.EMPTY_BATCH)]
    return that_fit(value, [_read_row(names, row, record) for row in rows])


def _rows(body: object) -> list[object]:
    """A webhook or a record by itself, an array of them, or a page of the API's."""
    if isinstance(body, dict) and "meta" not in body and isinstance(body.get("data"), list):
        body = body["data"]
    rows = body if isinstance(body, list) else [body]
    if len(rows) > MOST_ROWS:
        raise RefusedError(Reason.RECORD_TOO_LARGE, f"{len(rows)} rows, at most {MOST_ROWS} are read")
    return rows


def _read_row(names: Names, row: object, record: RawRecord) -> Outcome:
    if not isinstance(row, dict):
        return Rejected(Reason.NOT_AN_OBJECT.value, f"the row is {shown(row)}")
    try:
        if "meta" in row:
            return _webhook(names, row, record.timestamp_us)
        return _record(names, row, read_at_us(record), record.timestamp_us)
    except RefusedError as fault:
        return fault.rejected()


# --- webhooks ---------------------------------------------------------------------------------------------------


def _webhook(names: Names, body: Mapping[str, Any], broker_us: int) -> Outcome:
    meta = body["meta"]
    if not isinstance(meta, dict):
        raise RefusedError(Reason.NO_META, f"meta is {shown(meta)}")
    action, entity = meta.get("action"), meta.get("entity")
    if action not in _RANKS:
        raise RefusedError(Reason.UNKNOWN_ACTION, f"action {shown(action)}: webhooks v2 are read, no others")
    if names.company and str(meta.get("company_id")) != names.company:
        raise RefusedError(Reason.FOREIGN_COMPANY, f"company_id {shown(meta.get('company_id'))}, not {names.company}")
    read = _reader(entity)
    if read is None:
        return Silent(Silence.ENTITY_NOT_READ)
    if _is_own_write(names, meta):
        return Silent(Silence.OWN_WRITE)
    change, dirt = _changed(names, body, meta, broker_us)
    if _is_touch(change, meta):
        return Silent(Silence.TOUCHED)
    return Accepted(read(change), dirt=dirt)


def _is_own_write(names: Names, meta: Mapping[str, Any]) -> bool:
    """Whether it was written through the API by the user who is ourselves."""
    by_api = meta.get("change_source") == _OWN_WRITE_SOURCE
    return bool(names.own_client) and by_api and str(meta.get("user_id")) == names.own_client


def _changed(
    names: Names, body: Mapping[str, Any], meta: Mapping[str, Any], broker_us: int
) -> tuple[Change, tuple[str, ...]]:
    data, previous, action = _object("data", body), _object("previous", body), str(meta["action"])
    if action == CREATE and previous:
        action = CHANGE  # seen in Pipedrive's own samples: what was before is told, so it is no creation
    values = data if data is not None else previous
    if values is None:
        raise RefusedError(Reason.NOT_AN_OBJECT, "neither data nor previous is an object")
    record = reference("id", values.get("id")) or reference("entity_id", meta.get("entity_id"))
    if record is None:
        raise RefusedError(Reason.BAD_RECORD_IDS, "neither the record nor entity_id has an id")
    at_us = instant("timestamp", meta.get("timestamp"))
    if at_us is None:
        at_us = instant("update_time", values.get("update_time"))
    if at_us is None:
        raise RefusedError(Reason.NO_TIME, "neither timestamp nor update_time")
    event = (meta.get("company_id"), meta["entity"], record, action, meta.get("id"), at_us, values.get("update_time"))
    identity = "\x1f".join(map(str, event))
    at_us = event_time("timestamp", at_us, broker_us)
    said = Statement(names.source, names.subjects, identity, at_us, _RANKS[action])
    other = meta.get("entity_id") is not None and str(meta["entity_id"]) != record
    dirt = (f"{Dirt.OTHER_ID}.entity_id",) if other else ()
    merged_to = reference("merged_to_id", meta.get("merged_to_id"))
    return Change(said, record, values, previous, action, merged_to, names), dirt


def _object(name: str, body: Mapping[str, Any]) -> Values | None:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise RefusedError(Reason.NOT_AN_OBJECT, f"{name} is {shown(value)}")
    return value


def _is_touch(change: Change, meta: Mapping[str, Any]) -> bool:
    """Whether nothing changed but what changes by itself; after a merge everything may have."""
    if change.action != CHANGE or change.previous is None or meta.get("merged_from_id"):
        return False
    return change.previous.keys() <= TOUCHES


# --- records of the API -----------------------------------------------------------------------------------------


def _record(names: Names, row: Mapping[str, Any], read_us: int | None, broker_us: int) -> Outcome:
    """A record is read as a change that says all of it; one whose entity nobody names is a deal if it has a stage."""
    entity = next((row[name] for name in ENTITY_NAMES if row.get(name)), "deal" if "stage_id" in row else None)
    if entity is None:
        raise RefusedError(Reason.NO_META, "neither a webhook's meta nor a record's entity")
    read = _reader(entity)
    if read is None:
        return Silent(Silence.ENTITY_NOT_READ)
    record = reference("id", row.get("id"))
    if record is None:
        raise RefusedError(Reason.BAD_RECORD_IDS, f"id: expected an id, got {shown(row.get('id'))}")
    changed_us = instant("update_time", row.get("update_time")) or instant("add_time", row.get("add_time"))
    times = [at_us for at_us in (changed_us, read_us) if at_us is not None]
    if not times:
        raise RefusedError(Reason.NO_TIME, "neither update_time nor a time at which the record was read")
    at_us = event_time("update_time", max(times), broker_us)
    identity = f"record\x1f{at_us}\x1f{id_of(encode(row).decode())}"
    said = Statement(names.source, names.subjects, identity, at_us)
    return Accepted(read(Change(said, record, row, None, CHANGE, None, names)))


# --- what each entity becomes -----------------------------------------------------------------------------------


def _deal(change: Change) -> tuple[AnyEvent, ...]:
    said, values, deal = change.said, change.values, change.id
    if _is_gone(change):
        return (said.deal_removed(deal, change.merged_to),)
    fields = {**change.names.deals.read(values), **stage_of(values)}
    if fields.get("created_at", 0) is None:
        del fields["created_at"]
    created = change.action == CREATE
    events: list[AnyEvent] = [said.deal(deal, fields, full="stage_id" in values, created=created)]
    if "person_id" in values:
        person = reference("person_id", values["person_id"])
        ends = {"deal": deal, "person": person}
        events.append(said.relation(f"deal:{deal} person", ends, {"removed": person is None}))
    return tuple(events)


def _is_gone(change: Change) -> bool:
    """Whether the deal was deleted, or put away while it was open: nobody works on it any more."""
    status = change.values.get("status")
    archived = change.values.get("is_archived") is True and status not in CLOSED
    return change.action == DELETE or status == DELETED or archived


def _activity(change: Change) -> tuple[AnyEvent, ...]:
    said, values = change.said, change.values
    if change.action == DELETE:
        return (said.activity(change.id, {"removed": True}),)
    just_done = change.action == CREATE or (change.previous is not None and "done" in change.previous)
    fields = activity_fields(values, said.at_us if just_done else None, said.at_us)
    if "deal_id" in values:
        deal = reference("deal_id", values["deal_id"])
        fields["deal"] = None if deal is None else said.key(deal)
    there, before = participants(values), participants(change.previous)
    taking_part = (
        said.relation(
            f"activity:{change.id} person:{person}",
            {"activity": change.id, "person": person},
            {"removed": person not in there},
        )
        for person in sorted(there | before)
    )
    return (said.activity(change.id, fields), *taking_part)


def _person(change: Change) -> tuple[AnyEvent, ...]:
    if change.action == DELETE:
        return (change.said.person(change.id, {"removed": True}, user=False),)
    fields = {**change.names.persons.read(change.values), **email_of(change.values), "removed": False}
    return (change.said.person(change.id, fields, user=False),)


def _organization(change: Change) -> tuple[AnyEvent, ...]:
    if change.action == DELETE:
        return (change.said.account(change.id, {"removed": True}),)
    return (change.said.account(change.id, {**change.names.organizations.read(change.values), "removed": False}),)


def _user(change: Change) -> tuple[AnyEvent, ...]:
    if change.action == DELETE:
        return (change.said.person(change.id, {"active": False}, user=True),)
    return (change.said.person(change.id, change.names.users.read(change.values), user=True),)


Read = Callable[[Change], tuple[AnyEvent, ...]]

_READERS: Mapping[str, Read] = {
    "deal": _deal,
    "activity": _activity,
    "person": _person,
    "organization": _organization,
    "user": _user,
}


def _reader(entity: object) -> Read | None:
    """What reads this entity; None for one that is not read. Raises RefusedError("unknown_entity")."""
    if isinstance(entity, str):
        if entity in _READERS:
            return _READERS[entity]
        if entity in ENTITIES_NOT_READ:
            return None
    raise RefusedError(Reason.UNKNOWN_ENTITY, f"entity {shown(entity)}")
