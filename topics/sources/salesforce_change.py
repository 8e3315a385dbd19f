"""One Salesforce change event as it was meant: who changed, when, in which order, and which fields to which values.

The rules of Change Data Capture that are kept here, and nowhere else:

* Two shapes. Flat (Pub/Sub API): every field of the entity is there. Wrapped (CometD, Kafka Connect): `{"data": ...}`
  and `{"schema": ..., "payload": ...}` around the body, which holds the changed fields only.
* On UPDATE, null in the flat shape means *unchanged* unless nulledFields names the field; in the wrapped shape a null
  of a field that changed means *cleared*. Without any list a flat null is unchanged.
* A field that is present on UPDATE while changedFields names others was added for context (enriched): unchanged.
* A field in diffFields carries a patch, not its value: it is not read, and counted as dirt.
* CREATE, UNDELETE and SNAPSHOT are full records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta

from topics.events import id_of
from topics.sources.bitmaps import Named
from topics.sources.field_values import TEXT_LIMIT_BYTES, event_time, text
from topics.sources.refusals import Reason, RefusedError

HEADER = "ChangeEventHeader"

ChangeType: TypeAlias = Literal[
    "CREATE",
    "UPDATE",
    "DELETE",
    "UNDELETE",
    "SNAPSHOT",
    "GAP_CREATE",
    "GAP_UPDATE",
    "GAP_DELETE",
    "GAP_UNDELETE",
    "GAP_OVERFLOW",
]
CHANGE_TYPES: tuple[str, ...] = get_args(ChangeType)
FULL = frozenset({"CREATE", "UNDELETE", "SNAPSHOT"})
GAPS = frozenset(kind for kind in CHANGE_TYPES if kind.startswith("GAP_"))

_RecordId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")]
_Sequence = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Names = tuple[Annotated[str, Meta(max_length=600)], ...] | None
_MAX_WRAPPERS = 4


class Header(msgspec.Struct, frozen=True, rename="camel"):
    """ChangeEventHeader. `commit_number` can exceed 2^53, so it must never pass through a float."""

    entity_name: Annotated[str, Meta(min_length=1, max_length=120)]
    record_ids: Annotated[list[_RecordId], Meta(min_length=1)]
    change_type: ChangeType
    transaction_key: Annotated[str, Meta(min_length=1, max_length=120)]
    sequence_number: _Sequence
    commit_timestamp: int
    commit_number: _Sequence
    change_origin: str | None = None
    nulled_fields: _Names = None
    diff_fields: _Names = None
    changed_fields: _Names = None


#: Which reason a header's fault is counted under; `bad_header` for the rest.
HEADER_FAULTS = (
    ("commitTimestamp", Reason.ABSURD_TIME),
    ("changeType", Reason.UNKNOWN_CHANGE_TYPE),
    ("recordIds", Reason.BAD_RECORD_IDS),
)


class Body(msgspec.Struct, frozen=True, gc=False):
    """The fields of the change with the header among them, out of their wrappers."""

    fields: dict[str, Any]
    flat: bool


class Change(msgspec.Struct, frozen=True, gc=False):
    """What the event says. `values`: the record's own field names; None for empty; on UPDATE only what changed."""

    source_key: str
    header: Header
    at_us: int
    values: Mapping[str, Any]
    full: bool
    dirt: tuple[str, ...] = ()

    @property
    def seq(self) -> tuple[int, int]:
        """The source's own order of changes."""
        return (self.header.commit_number, self.header.sequence_number)

    def id_of(self, record_id: str) -> str:
        """What identifies the change of one record: its place in a transaction."""
        header = self.header
        return id_of(f"{self.source_key}\x1f{header.transaction_key}\x1f{header.sequence_number}\x1f{record_id}")


def unwrap(document: dict[str, Any]) -> Body:
    """The body that holds ChangeEventHeader. Raises RefusedError: no_header."""
    if type(document.get(HEADER)) is dict:
        return Body(document, True)
    body: object = document.get("data") or document.get("payload")
    for _ in range(_MAX_WRAPPERS - 1):
        if not isinstance(body, dict):
            break
        if isinstance(body.get(HEADER), dict):
            return Body(body, False)
        body = body.get("data") or body.get("payload")
    raise RefusedError(Reason.NO_HEADER, f"no {HEADER} in the document or under data and payload")


def rows_of(body: Body) -> int:
    """How many records the event is about, at least one, also where the header is not understood otherwise."""
    ids = body.fields[HEADER].get("recordIds")
    return max(1, len(ids)) if isinstance(ids, list) else 1


def read_header(body: Body) -> Header:
    """The header. Raises RefusedError: bad_header and the reasons of HEADER_FAULTS."""
    try:
        return msgspec.convert(body.fields[HEADER], Header)
    except msgspec.ValidationError as error:
        message = str(error)
        reason = next((reason for name, reason in HEADER_FAULTS if name in message), Reason.BAD_HEADER)
        raise RefusedError(reason, f"{HEADER}: {message[:200]}") from error


def read_change(source_key: str, named: Named, header: Header, body: Body, broker_us: int) -> Change:
    """The change itself; `named` resolves the header's lists. Raises RefusedError."""
    at_us = event_time("commitTimestamp", header.commit_timestamp * 1000, broker_us)
    if header.change_type == "UPDATE":
        change = Change(source_key, header, at_us, _updated(named, header, body), full=False)
    elif header.change_type in FULL:
        change = Change(source_key, header, at_us, body.fields, full=True)
    else:
        change = Change(source_key, header, at_us, {}, full=False)
    return _without_patches(change, named) if header.diff_fields else change


def _updated(named: Named, header: Header, body: Body) -> dict[str, Any]:
    """The fields that an UPDATE changed: by the lists where there are any, else by what is there."""
    fields, flat = body.fields, body.flat
    values: dict[str, Any] = {}
    if header.changed_fields:
        null_clears = not flat or header.nulled_fields is None
        for name, whole in named(header.entity_name, header.changed_fields):
            value = fields.get(name)
            if value is not None or (null_clears and whole):
                values[name] = value
    else:
        values = {name: value for name, value in fields.items() if value is not None} if flat else fields.copy()
        values.pop(HEADER, None)
    if header.nulled_fields:
        values.update((name, None) for name, whole in named(header.entity_name, header.nulled_fields) if whole)
    return values


def _without_patches(change: Change, named: Named) -> Change:
    diffed = {name for name, _ in named(change.header.entity_name, change.header.diff_fields or ())}
    values = {name: value for name, value in change.values.items() if name not in diffed}
    dirt = ("diffed.long_text",) * (len(change.values) - len(values))
    return msgspec.structs.replace(change, values=values, dirt=dirt)


def refuse_large_fields(fields: Mapping[str, object], record_bytes: int) -> None:
    """Raise RefusedError("field_too_large") when any text field is over the limit, be it read or not."""
    if record_bytes > TEXT_LIMIT_BYTES:
        for name, value in _texts(fields):
            text(name, value)


def _texts(fields: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    return ((name, value) for name, value in fields.items() if isinstance(value, str))


def is_own_write(header: Header, own_client: str) -> bool:
    """Whether changeOrigin (`com/salesforce/api/soap/51.0;client=NAME/`) names the client that is ourselves."""
    if not own_client or not header.change_origin:
        return False
    _, found, client = header.change_origin.partition(";client=")
    return bool(found) and client.split(";")[0].strip("/") == own_client.strip("/")
