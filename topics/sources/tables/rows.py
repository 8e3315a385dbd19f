"""What the rows of all tables have in common: their record, their ids, their fields, what identifies them."""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, NamedTuple, TypeAlias

import msgspec

from topics.events import Scalar, deal_key, event_id
from topics.outcomes import Outcome
from topics.silences import Dirt
from topics.sources.cells import Raw, Reason, UnreadableError, as_text, is_whole
from topics.sources.columns import Doubt, Meaning, Moment, doubt_of, moment_of, reading
from topics.sources.source import Source
from topics.sources.tables.kinds import DealRows
from topics.sources.tables.mapping import Activity, Column, Mapping, RowTable

#: What a reader of files may find wrong with a row before there is a row.
FLAWS = frozenset(
    {Reason.RAGGED_ROW, Reason.BAD_QUOTING, Reason.NOT_TEXT, Reason.TOO_LONG, Reason.NOT_JSON, Reason.WRONG_TYPE}
)

MAX_ROW_BYTES = 512 * 1024  # so that the row's events fit `deal.events` (1 MB)
MAX_ID = 255  # characters; Salesforce has 18, HubSpot 12


class Against(StrEnum):
    """How a row of a snapshot compares with the deal's row in the one before it, where there is one to compare with."""

    SAME = "same"
    OTHER = "other"
    ENTERED = "entered"  # other, and the stage or since when it is so is among it
    OLDER = "older"  # a later snapshot was loaded before
    MISSING = "missing"  # no row of the file: the deal is not in this snapshot


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of the raw topic, as `topics.sources.tables` describes it.

    `read_us`: when it was read, where the record's headers say so: what a full row says was so then, too.
    """

    table: str
    n: Annotated[int, msgspec.Meta(ge=1, le=2**52)]
    row: dict[str, Raw]
    joined: dict[str, Raw] = {}
    again: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 0
    flaw: str = ""
    detail: str = ""
    against: Against | None = None
    read_us: int = 0


decode = msgspec.json.Decoder(Row).decode
encode = msgspec.json.Encoder().encode

Interpret: TypeAlias = Callable[[Row], Outcome]


class Cell(NamedTuple):
    """A column, compiled."""

    name: str
    to: str
    read: Callable[[Raw], Meaning]
    joined: bool
    match: str  # the joined column that is there when the lookup knows the value; "" without a lookup


def cell_of(mapping: Mapping, name: str, column: Column) -> Cell:
    """The column called `name`, compiled."""
    lookup = mapping.lookups().get(column.join or "")
    return Cell(
        name=name,
        to=column.to,
        read=reading(mapping, name, column),
        joined=mapping.is_joined(name),
        match=f"{column.join}.{lookup.key}" if lookup else "",
    )


class Plan(NamedTuple):
    """What all rows of one table have in common, compiled.

    `source`: whose deals, people and accounts these are. `identity`: whose rows.
    """

    source: str
    identity: str
    table: str
    place: int
    nulls: frozenset[str]
    deal: re.Pattern[str] | None
    cells: tuple[Cell, ...]
    constants: dict[str, Scalar]
    moments: tuple[Moment, ...]
    doubts: tuple[Doubt, ...]

    def key(self, record: str) -> str:
        """The key of a deal, a person, an account, an activity."""
        return deal_key(self.source, record)


def plan_of(source: Source, mapping: Mapping, name: str, table: RowTable) -> Plan:
    """The plan of the table called `name`."""
    pattern = table.deal_matches if isinstance(table, DealRows | Activity) else None
    times = table.event_times()
    return Plan(
        source=source.subject_key,
        identity=source.key,
        table=name,
        place=list(mapping.tables).index(name),
        nulls=frozenset(("", *mapping.nulls)),
        deal=None if pattern is None else re.compile(pattern),
        cells=tuple(cell_of(mapping, column_name, column) for column_name, column in table.columns.items()),
        constants=dict(table.constants),
        moments=tuple(moment_of(mapping, when) for when in times),
        doubts=tuple(doubt for when in times if (doubt := doubt_of(mapping, when)) is not None),
    )


def id_in(plan: Plan, row: Row, column: str) -> str:
    """The id that stands in a column, empty where there is none. Raises UnreadableError for one that can be none."""
    raw = row.row.get(column)
    if isinstance(raw, float) and not is_whole(raw):
        raise UnreadableError(Reason.WRONG_TYPE, f"{column}: {raw} is a fraction; no id is, or it lost digits")
    text = "" if raw is None else as_text(raw).strip()
    if len(text) > MAX_ID:
        raise UnreadableError(Reason.TOO_LONG, f"{column}: an id of {len(text)} characters")
    return "" if text in plan.nulls else text


class Filled(NamedTuple):
    """The fields of a row, what was dirty on the way, and whether the row had every mapped column."""

    fields: dict[str, Scalar]
    dirt: tuple[str, ...]
    complete: bool


def filled(plan: Plan, row: Row) -> Filled:
    """Every mapped field of the row. A column that the row does not have is not covered. Raises UnreadableError."""
    fields: dict[str, Scalar] = dict(plan.constants)
    dirt: list[str] = []
    complete = True
    cells, joined = row.row, row.joined
    for cell in plan.cells:
        name = cell.name
        raw = (joined if cell.joined else cells).get(name)
        if raw is None and not cell.joined and name not in cells:
            complete = False
        else:
            fields[cell.to] = read_cell(cell, raw, joined, dirt)
    return Filled(fields, tuple(dirt) + doubts(plan, row), complete)


def read_cell(cell: Cell, raw: Raw, joined: dict[str, Raw], dirt: list[str]) -> Scalar:
    """The cell's value, None for a null; adds to `dirt` what had to be put right or is missing."""
    value, found = cell.read(raw)
    if found:
        dirt.extend(found)
    if cell.match and value is not None and cell.match not in joined:
        dirt.append(f"{Dirt.UNMATCHED}.{cell.name}")
    return value


def doubts(plan: Plan, row: Row) -> tuple[str, ...]:
    """The dirt of the row's own times."""
    return tuple(one for doubt in plan.doubts for one in doubt(row.row)) if plan.doubts else ()


def content_id(plan: Plan, row: Row, again: int = 0) -> str:
    """What identifies the row's content."""
    cells = [f"{name}={'' if value is None else as_text(value)}" for name, value in row.row.items()]
    cells.sort()  # by name: the order of columns means nothing
    return event_id(plan.identity, plan.table, again, *cells)
