"""Tables: rows of files, through a mapping file, to events. Pure; reading the files is the programs' business.

One record is one row, as JSON:

    {"table": "sales_pipeline", "n": 17, "row": {"opportunity_id": "1C1I7A6R", ...}}

* `n` is the row's number in its table, from 1. It orders rows of the same instant, and nothing else.
* `row` holds the cells: text, or what JSON and Parquet have for a number, a truth value or nothing. Under `(at)` stands
  what the file's own name says of the time.
* `joined` (optional) holds what lookups add: {"accounts.sector": "medical"}.
* `again` (optional): how many rows before it in its file were the same and of the same deal and instant, with another
  row of the deal between: a history by days that goes A, B, A comes back to A, and is not a repeat.
* `against` (optional): how a row of a snapshot compares with the one before it (see `Against`).
* `flaw` and `detail` (optional) say what was wrong with a row that could not be read (see `FLAWS`).

What identifies a change is the table and the row's own content (with `again`), so that a row that is loaded again is a
repeat, and so is a row that is written twice running.

Reasons of rejection: `topics.sources.cells.Reason`; of silence, and what dirt there is: `topics.silences`. A row that
is `undated` makes its deal all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from topics.outcomes import Outcome, Parser, RawRecord, Rejected, Silent
from topics.silences import Silence
from topics.sources.cells import Reason, UnreadableError
from topics.sources.columns import Cells, moment_of
from topics.sources.read_at import read_at_us
from topics.sources.refusals import RefusedError
from topics.sources.source import Source
from topics.sources.tables.deals import history, milestones, removals, snapshot
from topics.sources.tables.mapping import (
    Accounts,
    Activity,
    History,
    Milestones,
    People,
    Relations,
    Removals,
    RowTable,
    Snapshot,
    load,
)
from topics.sources.tables.mapping import Mapping as TableMapping
from topics.sources.tables.people import accounts, activity, people, relations
from topics.sources.tables.rows import FLAWS, MAX_ID, MAX_ROW_BYTES, Interpret, Plan, Row, decode, plan_of


def parser(source: Source) -> Parser:
    """The parser of one source, its mapping compiled once. Raises MappingError."""
    mapping = load(source.mapping)
    interpreters = {
        name: _interpreter(plan_of(source, mapping, name, table), table, mapping)
        for name, table in mapping.row_tables().items()
    }

    def parse(record: RawRecord) -> list[Outcome]:
        return [_outcome(record, interpreters)]

    return parse


def _interpreter(plan: Plan, table: RowTable, mapping: TableMapping) -> Interpret:
    """What the rows of one table mean, by its kind."""
    match table:
        case History():
            interpret = history(plan, table)
        case Snapshot():
            interpret = snapshot(plan, table, mapping)
        case Milestones():
            interpret = milestones(plan, table)
        case Removals():
            interpret = removals(plan, table)
        case Activity():
            interpret = activity(plan, table)
        case Accounts():
            interpret = accounts(plan, table)
        case People():
            interpret = people(plan, table)
        case Relations():
            interpret = relations(plan, table)
    return interpret


def first_moment(mapping: TableMapping, table: RowTable) -> Callable[[Cells], int]:
    """The time of a row's first event in microseconds, 0 where it says none: the order in which tables are merged."""
    moments = tuple(moment_of(mapping, when) for when in table.event_times())

    def first(row: Cells) -> int:
        try:
            return min((at_us for moment in moments if (at_us := moment(row)) is not None), default=0)
        except UnreadableError:
            return 0

    return first


def _outcome(record: RawRecord, interpreters: Mapping[str, Interpret]) -> Outcome:
    value = record.value
    if value is None:
        return Silent(Silence.TOMBSTONE)
    if len(value) > MAX_ROW_BYTES:
        return Rejected(Reason.TOO_LONG, f"{len(value)} bytes; the limit is {MAX_ROW_BYTES}")
    try:
        row = decode(value)
        read_us = read_at_us(record) if record.headers else None
    except msgspec.ValidationError as error:
        return Rejected(Reason.WRONG_TYPE, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Rejected(Reason.NOT_JSON, str(error))
    except RefusedError as error:
        return Rejected(error.reason, error.detail)
    return _interpreted(row if read_us is None else msgspec.structs.replace(row, read_us=read_us), interpreters)


def _interpreted(row: Row, interpreters: Mapping[str, Interpret]) -> Outcome:
    interpret = interpreters.get(row.table)
    if interpret is None:
        return Rejected(Reason.UNKNOWN_TABLE, row.table[:MAX_ID])
    if row.flaw:
        return Rejected(row.flaw if row.flaw in FLAWS else Reason.WRONG_TYPE, row.detail)
    try:
        return interpret(row)
    except UnreadableError as error:
        return Rejected(error.reason, str(error))
