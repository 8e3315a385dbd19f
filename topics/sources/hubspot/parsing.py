"""The rows of a body: notices of a webhook, or records of the API. A page of the API has them under `results`."""

from __future__ import annotations

from functools import partial
from operator import methodcaller
from typing import Any

from topics.outcomes import Outcome, Parser, RawRecord
from topics.sources.hubspot.notices import is_notice, read_notice
from topics.sources.hubspot.records import is_record, read_record
from topics.sources.hubspot.rules import Rules
from topics.sources.json_bodies import RowsOfPage, read_body
from topics.sources.read_at import read_at_us
from topics.sources.source import Source

_RESULTS: RowsOfPage = methodcaller("get", "results")


def parse(source: Source, record: RawRecord) -> list[Outcome]:
    """One outcome per element of the body. Compiles the source each time; see `parser`."""
    return parser(source)(record)


def parser(source: Source) -> Parser:
    """The rules of this source, compiled once. Raises FieldTypeError for a type in `fields` that there is not."""
    return partial(read_body, rows_of_page=_RESULTS, read=partial(_read, Rules.of(source)))


def _read(rules: Rules, row: dict[str, Any], record: RawRecord) -> Outcome:
    if is_notice(row) or not is_record(row):
        return read_notice(rules, row, record.timestamp_us)
    return read_record(rules, row, read_at_us(record), record.timestamp_us)
