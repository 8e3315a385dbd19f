"""One Salesforce change event as it was meant: who changed, when, in which order, and which fields to which values.

The rules of Change Data Capture that are kept here, and nowhere else:

* Two shapes. *Sparse* (CometD, the Streaming API; Confluent's connector with `SF_API`): `{"data": {"schema": "<id>",
  "payload": ..., "event": {"replayId": n}}}`, with or without `data`, around a body of the changed fields only. *Dense*
  (the Pub/Sub API; Kafka Connect's records, which are structs): every field of the entity is there, the body bare, or
  under `payload` beside Connect's `schema` object or a client's `replayId`. What stands beside the fields (`ReplayId`,
  `_ObjectType`, `_EventType`) is no field of the entity and is not read.
* On UPDATE, null in the dense shape means *unchanged* unless nulledFields names the field; where the header has no
  nulledFields (Connect's structs made of CometD's messages), unless changedFields does. In the sparse shape a null
  means *cleared*. Without any list a dense null is unchanged.
* A list may name a part of a compound field (`BillingAddress.Country`): only that part changed, and it stands in the
  values under that name. So do the parts of a compound field that is there without a list.
* A field that is present on UPDATE while changedFields names others was added for context (enriched): unchanged.
* A field in diffFields carries a patch, not its value: it is not read, and counted as dirt.
* CREATE, UNDELETE and SNAPSHOT are full records.
* A record id `006*` stands for all records of the entity (a custom field was converted and its data lost).

Sources: Salesforce's Change Data Capture Developer Guide ("Change Event Message Structure", "Change Event Body Fields",
"Get Compound Fields in Change Events", "Conversions That Generate a Change Event"); Confluent's pages on the Salesforce
CDC source connector.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta

from topics.events import Actor, id_of
from topics.silences import Dirt
from topics.sources.field_values import TEXT_LIMIT_BYTES, event_time, text
from topics.sources.refusals import Reason, RefusedError
from topics.sources.salesforce.bitmaps import Named

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
_EVERY = "*"

_RecordId = Annotated[str, Meta(pattern=r"^(?:[A-Za-z0-9_-]{1,64}|[A-Za-z0-9]{3}\*)\Z")]
_Sequence = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Names = tuple[Annotated[str, Meta(max_length=600)], ...] | None
_MAX_WRAPPERS = 3


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
    """The fields of the change with the header among them, out of their wrappers. `sparse`: only what changed."""

    fields: dict[str, Any]
    sparse: bool = False


class Change(msgspec.Struct, frozen=True, gc=False):
    """What the event says. `values`: the record's own field names; None for empty; on UPDATE only what changed.

    `full`: it is a full record. `whole`: a field that is not there is empty; not so where somebody chose the fields.
    """

    source_key: str
    header: Header
    at_us: int
    values: Mapping[str, Any]
    full: bool
    whole: bool
    dirt: tuple[str, ...] = ()

    @property
    def seq(self) -> tuple[int, int]:
        """The source's own order of changes."""
        return (self.header.commit_number, self.header.sequence_number)

    def says(self, name: str) -> bool:
        """Whether it covers the field."""
        return self.whole or name in self.values

    def part(self, compound: str, part: str) -> Any:  # noqa: ANN401 - a value of the record
        """A part of a compound field, be it within the field or, changed alone, under its own name."""
        value = self.values.get(compound)
        return value.get(part) if isinstance(value, dict) else self.values.get(f"{compound}.{part}")

    def id_of(self, record_id: str) -> str:
        """What identifies the change of one record: its place in a transaction."""
        header = self.header
        return id_of(f"{self.source_key}\x1f{header.transaction_key}\x1f{header.sequence_number}\x1f{record_id}")

    @property
    def is_of_every_record(self) -> bool:
        """Whether it is about all records of the entity, without saying what became of each."""
        ids = self.header.record_ids
        return _EVERY in (ids[0] if len(ids) == 1 else "".join(ids))

    @property
    def is_queried(self) -> bool:
        """Whether it is a record that was queried: of the fields that somebody chose, at any time after its change."""
        return self.full and not self.whole


def unwrap(document: dict[str, Any]) -> Body | None:
    """The body that holds ChangeEventHeader; None where there is none."""
    if type(document.get(HEADER)) is dict:
        return Body(document)
    sparse, wrapper = False, document
    for _ in range(_MAX_WRAPPERS):
        body = wrapper.get("data") or wrapper.get("payload")
        if type(body) is not dict:
            return None
        # CometD's schema is an id, and its replayId is in `event`; Connect's is an object, and other clients have none.
        sparse = sparse or type(wrapper.get("schema")) is str or type(wrapper.get("event")) is dict
        if type(body.get(HEADER)) is dict:
            return Body(body, sparse)
        wrapper = body
    return None


def rows_of(body: Body) -> int:
    """How many records the event is about, at least one, also where the header is not understood otherwise."""
    ids = body.fields[HEADER].get("recordIds")
    return max(1, len(ids)) if isinstance(ids, list) else 1


def read_header(header: object) -> Header:
    """The header. Raises RefusedError: bad_header and the reasons of HEADER_FAULTS."""
    try:
        return msgspec.convert(header, Header)
    except msgspec.ValidationError:
        return _read_lax_header(header)


def _read_lax_header(header: object) -> Header:
    """The header with its numbers as text, as JavaScript writes those of 64 bits so as to lose no digit."""
    try:
        return msgspec.convert(header, Header, strict=False)
    except msgspec.ValidationError as error:
        message = str(error)
        reason = next((reason for name, reason in HEADER_FAULTS if name in message), Reason.BAD_HEADER)
        raise RefusedError(reason, f"{HEADER}: {message[:200]}") from error


def read_change(source_key: str, named: Named, header: Header, body: Body, broker_us: int) -> Change:
    """The change itself; `named` resolves the header's lists. Raises RefusedError."""
    at_us = event_time("commitTimestamp", header.commit_timestamp * 1000, broker_us)
    if header.change_type == "UPDATE":
        change = Change(source_key, header, at_us, _updated(named, header, body), full=False, whole=False)
    elif header.change_type in FULL:
        change = Change(source_key, header, at_us, body.fields, full=True, whole=True)
    else:
        change = Change(source_key, header, at_us, {}, full=False, whole=False)
    return _without_patches(change, named) if header.diff_fields else change


def _updated(named: Named, header: Header, body: Body) -> dict[str, Any]:
    """The fields that an UPDATE changed: by the lists where there are any, else by what is there."""
    fields = body.fields
    values: dict[str, Any] = {}
    if header.changed_fields:
        null_clears = body.sparse or header.nulled_fields is None
        for name, parent, part in named(header.entity_name, header.changed_fields):
            value = fields.get(parent)
            if part:
                value = value.get(part) if isinstance(value, dict) else None
            if value is not None or null_clears:
                values[name] = value
    else:
        null_clears = body.sparse
        values = fields.copy() if null_clears else {name: value for name, value in fields.items() if value is not None}
        values.pop(HEADER, None)
    if not null_clears:
        values = {name: _filled(value) if type(value) is dict else value for name, value in values.items()}
    if header.nulled_fields:
        values.update((name, None) for name, _, _ in named(header.entity_name, header.nulled_fields))
    return values


def _filled(compound: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a compound field that have a value."""
    return {part: value for part, value in compound.items() if value is not None}


def _without_patches(change: Change, named: Named) -> Change:
    diffed = {name for name, _, _ in named(change.header.entity_name, change.header.diff_fields or ())}
    values = {name: value for name, value in change.values.items() if name not in diffed}
    dirt = (f"{Dirt.DIFFED}.long_text",) * (len(change.values) - len(values))
    return msgspec.structs.replace(change, values=values, dirt=dirt)


def refuse_large_fields(fields: Mapping[str, object], record_bytes: int) -> None:
    """Raise RefusedError("field_too_large") when any text field is over the limit, be it read or not."""
    if record_bytes > TEXT_LIMIT_BYTES:
        for name, value in _texts(fields):
            text(name, value)


def _texts(fields: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    return ((name, value) for name, value in fields.items() if isinstance(value, str))


def actor_of(header: Header) -> Actor:
    """Who made the change, as far as changeOrigin says: a person in Lightning, or a load of many records.

    An app of another maker may act for a person, so that it says nothing.
    """
    origin = header.change_origin
    if not origin:
        return ""
    if "/api/bulk/" in origin:
        return "system"
    return "person" if ";client=SfdcInternalAPI/" in origin else ""


def is_own_write(header: Header, own_client: str) -> bool:
    """Whether changeOrigin (`com/salesforce/api/soap/51.0;client=NAME/`) names the client that is ourselves.

    A client may have told its version (`NAME/100`), which need not be said here. Upper and lower case differ, as for
    Salesforce. Source: the Sforce-Call-Options header in Salesforce's REST API guide.
    """
    if not own_client or not header.change_origin:
        return False
    _, found, client = header.change_origin.partition(";client=")
    client, ours = client.split(";")[0].strip("/"), own_client.strip("/")
    return bool(found) and ours in (client, client.partition("/")[0])
