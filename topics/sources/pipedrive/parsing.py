"""The rows of a body: a webhook, or records of the API. A page of the API has them under `data`."""

from __future__ import annotations

from functools import partial
from typing import Any

from topics.outcomes import Outcome, Parser, RawRecord
from topics.sources.json_bodies import read_body
from topics.sources.pipedrive.records import read_record
from topics.sources.pipedrive.rules import Rules
from topics.sources.pipedrive.webhooks import read_webhook
from topics.sources.read_at import read_at_us
from topics.sources.source import Source

_META = "meta"


def parse(source: Source, record: RawRecord) -> list[Outcome]:
    """One outcome per row of the body. Compiles the source each time; see `parser`."""
    return parser(source)(record)


def parser(source: Source) -> Parser:
    """The rules of this source, compiled once. Raises FieldTypeError for a type in `fields` that there is not."""
    return partial(read_body, rows_of_page=_page, read=partial(_read, Rules.of(source)))


def _page(body: dict[str, Any]) -> object:
    return None if _META in body else body.get("data")


def _read(rules: Rules, row: dict[str, Any], record: RawRecord) -> Outcome:
    if _META in row:
        return read_webhook(rules, row, record.timestamp_us)
    return read_record(rules, row, read_at_us(record), record.timestamp_us)
