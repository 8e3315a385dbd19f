"""A record as Salesforce's REST API answers a query with it, `{"attributes": {"type": ...}, "Id": ..., ...}`.

It is a full record of the fields that the query named: one that is null is empty, one that is not there was not asked
for, so it stays as it was. Its time is when it was modified last (SystemModstamp, else LastModifiedDate); where the raw
record says when it was read (`READ_AT_HEADER`), that: a deal whose changes were lost is clean again only by what was
read after the loss. `IsDeleted` is a delete.

Such a record has no place in a transaction; what identifies it are its bytes and its time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topics.events import event_id
from topics.outcomes import READ_AT_HEADER, RawRecord
from topics.sources.field_values import event_time, instant
from topics.sources.refusals import Reason, RefusedError
from topics.sources.salesforce_change import Change, read_header

ATTRIBUTES = "attributes"
MODIFIED = ("SystemModstamp", "LastModifiedDate")
#: Since when the stage is what it is, which a re-read need not say: what it was before is known.
STAGE_SINCE = "LastStageChangeDate"


def is_record(document: Mapping[str, Any]) -> bool:
    """Whether the document is a record that was queried."""
    attributes = document.get(ATTRIBUTES)
    return isinstance(attributes, dict) and "type" in attributes and "Id" in document


def read_record(source_key: str, document: Mapping[str, Any], raw: RawRecord) -> Change:
    """The record as a change. Raises RefusedError."""
    read_us = _read_us(raw)
    at_us = event_time("SystemModstamp", _at_us(document, read_us), raw.timestamp_us)
    deleted = document.get("IsDeleted") is True
    header = read_header(
        {
            "entityName": document[ATTRIBUTES]["type"],
            "recordIds": [document["Id"]],
            "changeType": "DELETE" if deleted else "SNAPSHOT",
            "transactionKey": event_id((raw.value or b"").decode(), at_us),
            "sequenceNumber": 0,
            "commitTimestamp": at_us // 1000,
            "commitNumber": 0,
        }
    )
    left_out = {ATTRIBUTES, STAGE_SINCE} if read_us is not None else {ATTRIBUTES}
    values = {name: value for name, value in document.items() if name not in left_out}
    return Change(source_key, header, at_us, values, full=not deleted, whole=False)


def _at_us(document: Mapping[str, Any], read_us: int | None) -> int:
    modified = (instant(name, document.get(name)) for name in MODIFIED)
    times = [at_us for at_us in (*modified, read_us) if at_us is not None]
    if not times:
        raise RefusedError(Reason.NO_TIME, f"neither {' nor '.join(MODIFIED)} is in the record")
    return times[0] if read_us is None else max(times)


def _read_us(raw: RawRecord) -> int | None:
    said = dict(raw.headers).get(READ_AT_HEADER)
    return None if said is None else instant(READ_AT_HEADER, said.decode(errors="replace"))
