"""Changes as Salesforce sends them: Change Data Capture in the Pub/Sub shape and in the CometD one.

Pub/Sub: flat, every field of the schema present, unchanged ones null, what was cleared named in `nulledFields`;
dates and instants in ms since 1970; field lists as names or, if asked for, as bitmaps over the schema.
CometD: `{"data": {"payload": ...}}` with only the changed fields; dates and instants as ISO text.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from signals.simulation.changes import (
    ACCOUNT,
    CONTACT,
    CREATE,
    EVENT,
    OPPORTUNITY,
    ROLE,
    SNAPSHOT,
    TASK,
    USER,
    Change,
    Value,
)
from signals.simulation.market import FLAGS

_HEADER = "ChangeEventHeader"
_STAMPS = ("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")

#: The fields of each entity in the order of its schema, which is what bitmaps count.
SCHEMAS: dict[str, tuple[str, ...]] = {
    OPPORTUNITY: (
        _HEADER,
        "AccountId",
        "Name",
        "Description",
        "StageName",
        "Amount",
        "Probability",
        "CloseDate",
        "Type",
        "NextStep",
        "LeadSource",
        "IsClosed",
        "IsWon",
        "ForecastCategory",
        "ForecastCategoryName",
        "OwnerId",
        *_STAMPS,
        "LastStageChangeDate",
        *FLAGS,
    ),
    TASK: (
        _HEADER,
        "WhoId",
        "WhatId",
        "Subject",
        "ActivityDate",
        "Status",
        "Priority",
        "OwnerId",
        "IsClosed",
        *_STAMPS,
        "CallType",
        "TaskSubtype",
        "CompletedDateTime",
    ),
    EVENT: (
        _HEADER,
        "WhoId",
        "WhatId",
        "Subject",
        "ActivityDateTime",
        "DurationInMinutes",
        "StartDateTime",
        "EndDateTime",
        "OwnerId",
        *_STAMPS,
    ),
    USER: (
        _HEADER,
        "Username",
        "LastName",
        "FirstName",
        "Name",
        "Department",
        "Title",
        "Email",
        "IsActive",
        "TimeZoneSidKey",
        *_STAMPS,
    ),
    ACCOUNT: (
        _HEADER,
        "Name",
        "Type",
        "Industry",
        "NumberOfEmployees",
        "AnnualRevenue",
        "BillingCountry",
        "Website",
        *_STAMPS,
    ),
    CONTACT: (_HEADER, "AccountId", "LastName", "FirstName", "Email", "Title", "OwnerId", *_STAMPS),
    ROLE: (_HEADER, "OpportunityId", "ContactId", "Role", "IsPrimary", *_STAMPS),
}

_DATES = frozenset({"CloseDate", "ActivityDate"})
_INSTANTS = frozenset(
    {
        "CreatedDate",
        "LastModifiedDate",
        "LastStageChangeDate",
        "CompletedDateTime",
        "ActivityDateTime",
        "StartDateTime",
        "EndDateTime",
    }
)
_TIMES = _DATES | _INSTANTS
_FULL = frozenset({CREATE, SNAPSHOT})
_ORIGIN = "com/salesforce/api/soap/60.0;client=SfdcInternalAPI/"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLANKS = {entity: dict.fromkeys(names[1:]) for entity, names in SCHEMAS.items()}


class Commit(NamedTuple):
    """Where a change stands in the CRM's log: its transaction, its number there, and the records that it changed."""

    number: int
    sequence: int
    transaction: str
    records: tuple[str, ...]
    user: str


def pubsub(change: Change, commit: Commit, *, bitmaps: bool) -> bytes:
    """One change in the Pub/Sub API's shape, as JSON."""
    fields = _stamped(change, commit)
    full = change.change in _FULL
    changed: Collection[str] = () if full else fields
    nulled = () if full else [name for name, value in fields.items() if value is None]
    write = _bitmap if bitmaps else _names
    header = {
        **_header(change, commit),
        "nulledFields": write(change.entity, nulled),
        "diffFields": [],
        "changedFields": write(change.entity, changed),
    }
    return msgspec.json.encode({_HEADER: header, **_BLANKS[change.entity], **fields})


def cometd(change: Change, commit: Commit) -> bytes:
    """One change in the Streaming API's shape, as JSON."""
    fields = _stamped(change, commit)
    header = _header(change, commit)
    if change.change not in _FULL:
        header["changedFields"] = list(fields)
    payload: dict[str, object] = {**fields, _HEADER: header}
    for name in _TIMES & fields.keys():
        payload[name] = _written(name, fields[name])
    body = {"schema": "I8b-dYxvxs5wOtCBr4qsew", "payload": payload, "event": {"replayId": commit.number}}
    return msgspec.json.encode({"data": body, "channel": f"/data/{change.entity}ChangeEvent"})


def _header(change: Change, commit: Commit) -> dict[str, object]:
    return {
        "entityName": change.entity,
        "recordIds": commit.records,
        "changeType": change.change,
        "changeOrigin": _ORIGIN,
        "transactionKey": commit.transaction,
        "sequenceNumber": commit.sequence,
        "commitTimestamp": change.at_ms,
        "commitNumber": commit.number,
        "commitUser": commit.user,
    }


def _stamped(change: Change, commit: Commit) -> dict[str, Value]:
    if not change.fields:
        return {}
    return {**change.fields, "LastModifiedDate": change.at_ms, "LastModifiedById": commit.user}


def _names(_entity: str, fields: Collection[str]) -> list[str]:
    return list(fields)


def _bitmap(entity: str, fields: Collection[str]) -> list[str]:
    """`0x400800`: bit i is the i-th field of the schema, the header being field 0."""
    bits = sum(1 << SCHEMAS[entity].index(name) for name in fields)
    return [f"0x{bits:X}"] if bits else []


def _written(name: str, value: Value) -> Value:
    """A date or an instant as ISO text."""
    if not isinstance(value, int):
        return value
    text = (_EPOCH + timedelta(milliseconds=value)).isoformat(timespec="milliseconds")
    return text[:10] if name in _DATES else text.replace("+00:00", "Z")
