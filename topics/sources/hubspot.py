"""HubSpot: webhooks as they were posted, and records of the CRM API. See docs/sources/hubspot.md.

One raw record holds one body: an array of notices, one notice, one record of the API, or a page of them (`results`).
Each element is one row. What a notice becomes is in `hubspot_notices`, a record in `hubspot_records`.
"""

from __future__ import annotations

from functools import partial

from topics.outcomes import Outcome, Parser, RawRecord, Rejected, Silent
from topics.silences import Silence
from topics.sources.hubspot_notices import is_notice, read_notice
from topics.sources.hubspot_records import is_record, read_record
from topics.sources.hubspot_rules import Rules
from topics.sources.json_records import json_value, that_fit
from topics.sources.read_at import read_at_us
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.source import Source

#: HubSpot posts up to 100 at once, and its API answers with up to 100.
MOST_ROWS = 10_000


def parse(source: Source, record: RawRecord) -> list[Outcome]:
    """One outcome per element of the body. Compiles the source each time; see `parser`."""
    return parser(source)(record)


def parser(source: Source) -> Parser:
    """The rules of this source, compiled once. Raises FieldTypeError for a type in `fields` that there is not."""
    return partial(_parse, Rules.of(source))


def _parse(rules: Rules, record: RawRecord) -> list[Outcome]:
    value = record.value
    if value is None:
        return [Silent(Silence.TOMBSTONE)]
    try:
        rows = _rows(json_value(value))
    except RefusedError as fault:
        return [fault.rejected()]
    if not rows:
        return [Silent(Silence.EMPTY_BATCH)]
    return that_fit(value, [_read(rules, row, record) for row in rows])


def _rows(body: object) -> list[object]:
    if isinstance(body, dict) and isinstance(body.get("results"), list):
        body = body["results"]
    rows = body if isinstance(body, list) else [body]
    if len(rows) > MOST_ROWS:
        raise RefusedError(Reason.RECORD_TOO_LARGE, f"{len(rows)} rows, at most {MOST_ROWS} are read")
    return rows


def _read(rules: Rules, row: object, record: RawRecord) -> Outcome:
    if not isinstance(row, dict):
        return Rejected(Reason.NOT_AN_OBJECT.value, f"the row is {shown(row)}")
    try:
        if is_notice(row) or not is_record(row):
            return read_notice(rules, row, record.timestamp_us)
        return read_record(rules, row, read_at_us(record), record.timestamp_us)
    except RefusedError as fault:
        return fault.rejected()
