"""A body that was posted or that an API answered with: one row by itself, an array of rows, or a page of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from topics.outcomes import Outcome, RawRecord, Rejected, Silent
from topics.silences import Silence
from topics.sources.json_records import json_value, that_fit
from topics.sources.refusals import Reason, RefusedError, shown

#: HubSpot posts up to 100 rows at once; the APIs answer with up to 500.
MOST_ROWS = 10_000

#: How a row is read; raises RefusedError.
ReadRow = Callable[[dict[str, Any], RawRecord], Outcome]
#: The rows of a page, where the object is one.
RowsOfPage = Callable[[dict[str, Any]], object]


def read_body(record: RawRecord, rows_of_page: RowsOfPage, read: ReadRow) -> list[Outcome]:
    """One outcome per row of the body."""
    value = record.value
    if value is None:
        return [Silent(Silence.TOMBSTONE)]
    try:
        rows = _rows(json_value(value), rows_of_page)
    except RefusedError as fault:
        return [fault.rejected()]
    if not rows:
        return [Silent(Silence.EMPTY_BATCH)]
    return that_fit(value, [_read_row(row, record, read) for row in rows])


def _rows(body: object, rows_of_page: RowsOfPage) -> list[object]:
    page = rows_of_page(body) if isinstance(body, dict) else body
    rows = page if isinstance(page, list) else [body]
    if len(rows) > MOST_ROWS:
        raise RefusedError(Reason.RECORD_TOO_LARGE, f"{len(rows)} rows, at most {MOST_ROWS} are read")
    return rows


def _read_row(row: object, record: RawRecord, read: ReadRow) -> Outcome:
    if not isinstance(row, dict):
        return Rejected(Reason.NOT_AN_OBJECT.value, f"the row is {shown(row)}")
    try:
        return read(row, record)
    except RefusedError as fault:
        return fault.rejected()
