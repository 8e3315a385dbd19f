"""One record of a Debezium topic as it was meant: which row of which table changed, to what, when, and in which order.

All forms that Debezium and its transformations write are told apart here, and nowhere else:

* the envelope `{before, after, source, op, ts_ms}`, by itself or as the payload beside its schema;
* the unwrapped row (ExtractNewRecordState), by itself or beside its schema, with metadata as `__op`, `__deleted`,
  `__table`, `__source_ts_ms`, `__lsn` and so on, in fields or in headers; without `__op` it is an update;
* a CloudEvent around `{before, after}`, in any mode, with the metadata in its `iodebezium` attributes;
* the null value: a tombstone, which repeats a delete, or is the delete (`tombstones: delete`);
* what is no change of a row: heartbeats, boundaries of transactions, changes of schemas.

The time of a change is its source's. `clock_us` is when the connector saw it, which says less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from topics.instants import parse_rfc3339
from topics.outcomes import RawRecord, Rejected, Silent
from topics.silences import Silence
from topics.sources.cloudevents.modes import CloudEvent, Message, headers_of, is_cloudevent, messages
from topics.sources.debezium.positions import Position, position_of, whole
from topics.sources.json_records import json_object, json_value
from topics.sources.refusals import Reason, RefusedError, shown

#: Created, updated, deleted, read by a snapshot; truncated, a message.
ROW_OPS = frozenset("cudr")
OPS = ROW_OPS | {"t", "m"}

_ENVELOPE = frozenset({"schema", "payload"})
_META = "__"
_OWN_HEADERS = "__debezium."
_NEW_KEY, _OLD_KEY = "__debezium.newkey", "__debezium.oldkey"
_OF_SOURCE = "source_"
#: What metadata of an unwrapped row belong to the envelope; all others to its source.
_OF_ENVELOPE = frozenset({"op", "deleted", "ts_ms", "ts_us", "ts_ns"})
_CLOCK_NAMES = frozenset({"ts_ms", "ts_us", "ts_ns"})
#: What makes a record one of a connector's own: any of these sets of names.
_NO_ROWS = (
    frozenset({"status", "id", "event_count"}),
    frozenset({"databaseName", "ddl"}),
    frozenset({"databaseName", "tableChanges"}),
)
_EXTENSION = "iodebezium"
#: The source's fields that are read, by the name of the CloudEvent's attribute.
_ATTRIBUTES = {
    _EXTENSION + name.replace("_", ""): name
    for name in (
        *("db", "schema", "table", "snapshot", "ts_ms", "ts_us", "ts_ns"),
        *("lsn", "file", "pos", "row", "change_lsn", "commit_lsn", "event_serial_no", "scn", "ssn", "ord"),
    )
}

Row: TypeAlias = Mapping[str, Any]
#: A column's part of the connect schema.
Types: TypeAlias = Mapping[str, Mapping[str, Any]]


class Change(NamedTuple):
    """What happened to a row.

    `row`: the state after a change, before a delete (perhaps only its key). `before`: that before a change, as far as
    it was sent. `types`: the schema of its columns, where
    it was sent. `key`: the record's key as JSON. `moved_to`, `moved_from`: the other key of a row whose key changed.
    `at_us` is None where the source's time is not known, `snapshot` empty for a change of the log.
    """

    op: str
    row: Row
    before: Row
    types: Types
    source: Mapping[str, Any]
    key: object
    at_us: int | None
    clock_us: int | None
    position: Position
    snapshot: str = ""
    moved_to: object = None
    moved_from: object = None

    @property
    def is_read(self) -> bool:
        """Whether it says how things stand, not that anything happened: a snapshot, also where it writes creates."""
        return self.op == "r" or (self.op == "c" and bool(self.snapshot))


Read: TypeAlias = Change | Silent | Rejected


def changes(record: RawRecord, *, tombstones_delete: bool = False) -> list[Read]:
    """The changes of a record, at least one row. Never raises."""
    headers = headers_of(record)
    try:
        key = key_of(record.key)
        if is_cloudevent(headers):
            return [_of_message(message, key) for message in messages(record)]
        if record.value is None:
            return [_deletion(key, headers) if tombstones_delete else Silent(Silence.TOMBSTONE)]
        return [_of_document(json_object(record.value), key, headers, tombstones_delete=tombstones_delete)]
    except RefusedError as fault:
        return [fault.rejected()]


def key_of(key: bytes | None) -> object:
    """What a record's key, or a header, says, without its schema; text that is no JSON as it stands."""
    if key is None:
        return None
    try:
        document = json_value(key)
    except RefusedError:
        return key.decode(errors="replace")
    return _bare(document)[0]


def _bare(document: object) -> tuple[object, object]:
    """The payload and its schema; without a schema the document itself."""
    if isinstance(document, dict) and "payload" in document and document.keys() <= _ENVELOPE:
        return document["payload"], document.get("schema")
    return document, None


def _of_document(
    document: dict[str, Any], key: object, headers: Mapping[str, bytes], *, tombstones_delete: bool
) -> Read:
    payload, schema = _bare(document)
    if payload is None:  # a null value beside its schema
        return _deletion(key, headers) if tombstones_delete else Silent(Silence.TOMBSTONE)
    if not isinstance(payload, dict):
        raise RefusedError(Reason.NOT_A_CHANGE, f"the payload is {shown(payload)}")
    if "specversion" in payload and f"{_EXTENSION}op" in payload:
        return _of_event(CloudEvent(payload, payload.get("data")), key)
    if isinstance(payload.get("op"), str) and not payload.keys().isdisjoint({"before", "after", "source"}):
        return _of_envelope(payload, schema, key, headers)
    if payload.keys() <= _CLOCK_NAMES or any(names <= payload.keys() for names in _NO_ROWS):
        return Silent(Silence.NOT_A_ROW)
    return _unwrapped(payload, schema, key, headers)


def _of_envelope(
    payload: Mapping[str, Any], schema: object, key: object, headers: Mapping[str, bytes], time_us: int | None = None
) -> Change:
    op, source = payload["op"], payload.get("source")
    source = source if isinstance(source, dict) else {}
    if not isinstance(op, str) or op not in OPS:
        raise RefusedError(Reason.UNKNOWN_OP, f"op {shown(op)}")
    part = "before" if op == "d" else "after"
    row = payload.get(part)
    if not isinstance(row, dict):
        if op in ROW_OPS and (op != "d" or row is not None):
            raise RefusedError(Reason.WRONG_TYPE, f"{part}: expected a row, got {shown(row)}")
        row = {}
    at_us, before = _clock(source), payload.get("before")
    return Change(
        op=op,
        row=row,
        before=before if isinstance(before, dict) else {},
        types=_types(_member(schema, part)),
        source=source,
        key=key,
        at_us=time_us if at_us is None else at_us,
        clock_us=_clock(payload),
        position=position_of(source),
        snapshot=_snapshot(source.get("snapshot")),
        moved_to=key_of(headers.get(_NEW_KEY)),
        moved_from=key_of(headers.get(_OLD_KEY)),
    )


def _deletion(key: object, headers: Mapping[str, bytes]) -> Change:
    """A null value that is all that is said of a delete."""
    return _unwrapped({f"{_META}op": "d"}, None, key, headers)


def _unwrapped(payload: Row, schema: object, key: object, headers: Mapping[str, bytes]) -> Change:
    row = {name: value for name, value in payload.items() if not name.startswith(_META)}
    said = {
        name.removeprefix(_META): key_of(value)
        for name, value in headers.items()
        if name.startswith(_META) and not name.startswith(_OWN_HEADERS)
    }
    said |= {name.removeprefix(_META): value for name, value in payload.items() if name.startswith(_META)}
    envelope: dict[str, Any] = {name: said[name] for name in _OF_ENVELOPE & said.keys()}
    envelope["source"] = {
        name.removeprefix(_OF_SOURCE): value for name, value in said.items() if name not in _OF_ENVELOPE
    }
    op = "d" if str(envelope.get("deleted")).lower() == "true" else envelope.get("op") or "u"
    envelope |= {"op": op, "before" if op == "d" else "after": row}
    return _of_envelope(envelope, None, key, headers)._replace(types=_types(schema))


def _of_message(message: Message, key: object) -> Read:
    if not isinstance(message, CloudEvent):
        return message
    try:
        return _of_event(message, key)
    except RefusedError as fault:
        return fault.rejected()


def _of_event(event: CloudEvent, key: object) -> Change:
    op = event.attributes.get(f"{_EXTENSION}op")
    data, schema = _bare(event.data)
    if not isinstance(op, str) or not isinstance(data, dict):
        raise RefusedError(Reason.NOT_A_CHANGE, f"a CloudEvent with {_EXTENSION}op {shown(op)} and {shown(data)}")
    attributes = event.attributes
    source = {name: attributes[attribute] for attribute, name in _ATTRIBUTES.items() if attribute in attributes}
    envelope = {"op": op, "source": source, "before": data.get("before"), "after": data.get("after")}
    return _of_envelope(envelope, schema, key, {}, _time(attributes.get("time")))


def _time(said: object) -> int | None:
    if said is None:
        return None
    try:
        return parse_rfc3339(said) if isinstance(said, str) else _bad_time(said)
    except (ValueError, OverflowError):
        return _bad_time(said)


def _bad_time(said: object) -> int:
    raise RefusedError(Reason.BAD_TIME, f"time: {shown(said)}")


def _clock(part: Mapping[str, Any]) -> int | None:
    """Microseconds of the most exact time that a part says. Zero is what connectors write that do not know it."""
    for name, multiplied, divided in (("ts_us", 1, 1), ("ts_ns", 1, 1000), ("ts_ms", 1000, 1)):
        number = whole(part.get(name))
        if number:
            return number * multiplied // divided
    return None


def _snapshot(said: object) -> str:
    word = str(said).lower() if isinstance(said, bool | str) else ""
    return "" if word == "false" else word


def _member(schema: object, part: str) -> object:
    """The schema of a part of the envelope."""
    return next((field for field in _fields(schema) if field.get("field") == part), None)


def _types(schema: object) -> Types:
    return {field["field"]: field for field in _fields(schema) if isinstance(field.get("field"), str)}


def _fields(schema: object) -> Iterable[Mapping[str, Any]]:
    fields = schema.get("fields") if isinstance(schema, dict) else None
    return (field for field in fields if isinstance(field, dict)) if isinstance(fields, list) else ()
