"""Records as Salesforce's REST API answers a query with them: `{"attributes": {"type": ...}, "Id": ..., ...}`.

One by one, or a page of them (`{"totalSize": 2, "done": true, "records": [...]}`; the command line's tool has it under
`result`). A record holds the fields that the query named: one that is null is empty, one that is not there was not
asked for, so it stays as it was. Its time is when it was modified last (SystemModstamp, else LastModifiedDate); where
the raw record says when it was read, that: a deal whose changes were lost is clean again only by what was read after
the loss. `IsDeleted` is a delete.

Such a record has no place in a transaction; what identifies it are its content and its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topics.events import event_id
from topics.sources.field_values import event_time, instant
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.salesforce.changes import HEADER, Change, read_header

MODIFIED = ("SystemModstamp", "LastModifiedDate")
#: Since when the stage is what it is, which a re-read need not say: what it was before is known.
STAGE_SINCE = "LastStageChangeDate"
_ATTRIBUTES = "attributes"


def records_in(document: Mapping[str, Any]) -> list[Any]:
    """The records that the document is or holds. Raises RefusedError: no_header, as it holds no change either."""
    if _is_record(document):
        return [document]
    page = document.get("result", document)
    records = page.get("records") if isinstance(page, dict) else None
    if not isinstance(records, list):
        raise RefusedError(Reason.NO_HEADER, f"no {HEADER} in the document or under data and payload, and no records")
    return records


def _is_record(document: Mapping[str, Any]) -> bool:
    attributes = document.get(_ATTRIBUTES)
    return isinstance(attributes, dict) and "type" in attributes and "Id" in document


def read_record(source_key: str, record: object, read_us: int | None, broker_us: int) -> Change:
    """The record as a change; `read_us`: when it was queried, if that is known. Raises RefusedError."""
    if not isinstance(record, dict) or not _is_record(record):
        raise RefusedError(Reason.NO_HEADER, f"no {_ATTRIBUTES} with a type, or no Id, in {shown(record)}")
    at_us = event_time(MODIFIED[0], _at_us(record, read_us), broker_us)
    deleted = record.get("IsDeleted") is True
    header = read_header(
        {
            "entityName": record[_ATTRIBUTES]["type"],
            "recordIds": [record["Id"]],
            "changeType": "DELETE" if deleted else "SNAPSHOT",
            "transactionKey": event_id(repr(record), at_us),
            "sequenceNumber": 0,
            "commitTimestamp": at_us // 1000,
            "commitNumber": 0,
        }
    )
    left_out = {_ATTRIBUTES} if read_us is None else {_ATTRIBUTES, STAGE_SINCE}
    values = {name: value for name, value in record.items() if name not in left_out}
    return Change(source_key, header, at_us, values, full=not deleted, whole=False)


def modified_us(record: Mapping[str, Any]) -> int | None:
    """When the record was modified last, if the query asked for it. Raises RefusedError."""
    times = (instant(name, record.get(name)) for name in MODIFIED)
    return next((at_us for at_us in times if at_us is not None), None)


def _at_us(record: Mapping[str, Any], read_us: int | None) -> int:
    times = [at_us for at_us in (modified_us(record), read_us) if at_us is not None]
    if not times:
        raise RefusedError(Reason.NO_TIME, f"neither {' nor '.join(MODIFIED)} is in the record")
    return max(times)
