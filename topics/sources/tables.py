"""Tables: rows of files, through a mapping file, to events. Pure; reading the files is the programs' business.

One record is one row, as JSON:

    {"table": "sales_pipeline", "n": 17, "row": {"opportunity_id": "1C1I7A6R", ...}}

* `n` is the row's number in its table, from 1. It orders rows of the same instant, and nothing else.
* `joined` (optional) holds what lookups add: {"accounts.sector": "medical"}.
* `again` (optional): how many rows before it in its file were the same and of the same deal and instant, with another
  row of the deal between: a history by days that goes A, B, A comes back to A, and is not a repeat.
* `flaw` and `detail` (optional) say what was wrong with a row that could not be read (see `FLAWS`).

What identifies a change is the table and the row's own content (with `again`), so that a row that is loaded again is a
repeat, and so is a row that is written twice running.

Reasons of rejection: `topics.sources.cells.Reason`. Reasons of silence: `undated` (the deal is made all the same),
`field_unmapped`, `no_deal` (an activity of no deal), `tombstone`. Dirt: repaired, trimmed, empty, unexpected and
unmatched, each with the column's name; `contradiction.stage`; `again.row`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, NamedTuple, TypeAlias, get_args

import msgspec

from topics.events import ActivityChanged, DealChanged, Direction, Scalar, deal_key, event_id
from topics.outcomes import Accepted, Outcome, Parser, RawRecord, Rejected, Silent
from topics.sources.cells import Reason, UnreadableError
from topics.sources.columns import Cell, Moment, Text, cell_of, moment_of
from topics.sources.mapping import Activity, History, Milestones, RowTable, load
from topics.sources.mapping import Mapping as TableMapping
from topics.sources.source import Source

#: What a reader of files may find wrong with a row before there is a row.
FLAWS = frozenset({Reason.RAGGED_ROW, Reason.BAD_QUOTING, Reason.NOT_TEXT, Reason.TOO_LONG})

MAX_ROW_BYTES = 512 * 1024  # so that the row's events fit `deal.events` (1 MB)
MAX_ID = 255  # characters; Salesforce has 18, HubSpot 12


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of the raw topic, as the module's docstring says."""

    table: str
    n: Annotated[int, msgspec.Meta(ge=1, le=2**52)]
    row: dict[str, str | None]
    joined: dict[str, str | None] = {}
    again: Annotated[int, msgspec.Meta(ge=0, le=2**31)] = 0
    flaw: str = ""
    detail: str = ""


_decode = msgspec.json.Decoder(Row).decode
encode = msgspec.json.Encoder().encode


class _Plan(NamedTuple):
    """What all rows of one table have in common, compiled."""

    source: str
    table: str
    place: int
    deal: str
    nulls: frozenset[str]
    cells: tuple[Cell, ...]
    constants: dict[str, Scalar]
    moments: tuple[Moment, ...]


class _Filled(NamedTuple):
    """The fields of a row, what was dirty on the way, and whether the row had every mapped column."""

    fields: dict[str, Scalar]
    dirt: tuple[str, ...]
    complete: bool


class _Subject(NamedTuple):
    """The deal of a row, by its key; the row's number and what identifies its content."""

    key: str
    n: int
    content: str


class _Change(NamedTuple):
    """What a row says of its deal at one time. `place` of `places` keeps the changes of one row and day in order."""

    at_us: int | None
    fields: dict[str, Scalar]
    full: bool = False
    created: bool = False
    place: int = 0
    places: int = 1


_Interpret: TypeAlias = Callable[[Row], Outcome]


def parser(source: Source) -> Parser:
    """The parser of one source, its mapping compiled once. Raises MappingError."""
    mapping = load(source.mapping)
    interpreters = {
        name: _interpreter(_plan(source.key, mapping, name, table), table)
        for name, table in mapping.row_tables().items()
    }

    def parse(record: RawRecord) -> list[Outcome]:
        return [_outcome(record.value, interpreters)]

    return parse


def first_moment(mapping: TableMapping, table: RowTable) -> Callable[[Text], int]:
    """The time of a row's first event in microseconds, 0 where it says none: the order in which tables are merged."""
    moments = tuple(moment_of(mapping, when) for when in table.event_times())

    def first(row: Text) -> int:
        try:
            return min((at_us for moment in moments if (at_us := moment(row)) is not None), default=0)
        except UnreadableError:
            return 0

    return first


def _outcome(value: bytes | None, interpreters: Mapping[str, _Interpret]) -> Outcome:
    if value is None:
        return Silent("tombstone")
    if len(value) > MAX_ROW_BYTES:
        return Rejected(Reason.TOO_LONG, f"{len(value)} bytes; the limit is {MAX_ROW_BYTES}")
    try:
        row = _decode(value)
    except msgspec.ValidationError as error:
        return Rejected(Reason.WRONG_TYPE, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return Rejected(Reason.NOT_JSON, str(error))
    return _interpreted(row, interpreters)


def _interpreted(row: Row, interpreters: Mapping[str, _Interpret]) -> Outcome:
    interpret = interpreters.get(row.table)
    if interpret is None:
        return Rejected(Reason.UNKNOWN_TABLE, row.table[:MAX_ID])
    if row.flaw:
        return Rejected(row.flaw if row.flaw in FLAWS else Reason.WRONG_TYPE, row.detail)
    try:
        return interpret(row)
    except UnreadableError as error:
        return Rejected(error.reason, str(error))


def _plan(source: str, mapping: TableMapping, name: str, table: RowTable) -> _Plan:
    return _Plan(
        source=source,
        table=name,
        place=list(mapping.tables).index(name),
        deal=table.deal,
        nulls=frozenset(("", *mapping.nulls)),
        cells=tuple(cell_of(mapping, column_name, column) for column_name, column in table.columns.items()),
        constants=dict(table.constants),
        moments=tuple(moment_of(mapping, when) for when in table.event_times()),
    )


def _id(plan: _Plan, row: Row, column: str) -> str:
    """The id that stands in a column, empty where there is none."""
    text = (row.row.get(column) or "").strip()
    if len(text) > MAX_ID:
        raise UnreadableError(Reason.TOO_LONG, f"{column}: an id of {len(text)} characters")
    return "" if text in plan.nulls else text


def _filled(plan: _Plan, row: Row) -> _Filled:
    """Every mapped field of the row. A column that the row does not have is not covered."""
    fields: dict[str, Scalar] = dict(plan.constants)
    dirt: list[str] = []
    complete = True
    cells, joined = row.row, row.joined
    for name, to, read, is_joined, match in plan.cells:
        raw = (joined if is_joined else cells).get(name)
        if raw is None and not is_joined and name not in cells:
            complete = False
            continue
        value, found = read(raw or "")
        if found:
            dirt += found
        if match and value is not None and match not in joined:
            dirt.append(f"unmatched.{name}")
        fields[to] = value
    return _Filled(fields, tuple(dirt), complete)


def _value(cell: Cell, raw: str | None, joined: Text, dirt: list[str]) -> Scalar:
    """The cell's value, None for a null; adds to `dirt` what had to be put right or is missing."""
    value, found = cell.read(raw or "")
    if found:
        dirt.extend(found)
    if cell.match and value is not None and cell.match not in joined:
        dirt.append(f"unmatched.{cell.name}")
    return value


def _interpreter(plan: _Plan, table: RowTable) -> _Interpret:
    match table:
        case History():
            return _history(plan, table)
        case Activity():
            return _activity(plan, table)
        case Milestones():
            return _milestones(plan, table)


def _history(plan: _Plan, table: History) -> _Interpret:
    fill = _filled if table.changes is None else _single_change(table.changes.field, table.changes.value, plan)

    def interpret(row: Row) -> Outcome:
        deal = _id(plan, row, plan.deal)
        if not deal:
            return Rejected(Reason.NO_DEAL_ID, plan.deal)
        filled = fill(plan, row)
        if filled is None:
            return Silent("field_unmapped")
        at_us = plan.moments[0](row.row)
        change = _Change(at_us, filled.fields, full=table.full and filled.complete)
        event = _deal_changed(plan, _subject(plan, row, deal), change)
        dirt = (*filled.dirt, "again.row") if row.again else filled.dirt
        return Accepted((event,), "undated" if at_us is None else "", dirt)

    return interpret


def _single_change(field: str, value: str, plan: _Plan) -> Callable[[_Plan, Row], _Filled | None]:
    """Reads a row that says which field it changes, as if that field were its only column. None: not mapped."""
    by_name = {cell.name: cell for cell in plan.cells}

    def fill(plan: _Plan, row: Row) -> _Filled | None:
        cell = by_name.get((row.row.get(field) or "").strip())
        if cell is None or value not in row.row:
            return None
        dirt: list[str] = []
        fields = plan.constants | {cell.to: _value(cell, row.row[value], row.joined, dirt)}
        return _Filled(fields, tuple(dirt), complete=False)

    return fill


def _activity(plan: _Plan, table: Activity) -> _Interpret:
    def interpret(row: Row) -> Outcome:
        deal = _id(plan, row, plan.deal)
        if not deal:
            return Silent("no_deal")
        at_us = plan.moments[0](row.row)
        if at_us is None:
            return Silent("undated")
        filled = _filled(plan, row)
        _check_direction(filled.fields.get("direction"))
        fields = {"done": True} | filled.fields | {"deal": deal_key(plan.source, deal), "at_us": at_us}
        return Accepted((_activity_changed(plan, row, table.id, at_us, fields),), "", filled.dirt)

    return interpret


def _check_direction(direction: Scalar) -> None:
    if direction is not None and direction not in get_args(Direction):
        raise UnreadableError(Reason.WRONG_TYPE, f"direction: {str(direction)[:60]!r}")


def _activity_changed(
    plan: _Plan, row: Row, id_column: str | None, at_us: int, fields: dict[str, Scalar]
) -> ActivityChanged:
    content = _content_id(plan, row)
    activity = (_id(plan, row, id_column) if id_column else "") or content
    return ActivityChanged(
        id=content,
        key=deal_key(plan.source, activity),
        source=plan.source,
        at_us=at_us,
        seq=(plan.place, row.n),
        activity=activity,
        fields=fields,
    )


def _milestones(plan: _Plan, table: Milestones) -> _Interpret:
    """The dated columns of a row, as changes.

    Where the dates and the row's stage contradict each other, or there are none, the row is undated: it says where
    the deal is, not since when.
    """
    reveals = [{table.columns[name].to for name in milestone.reveals} for milestone in table.milestones]

    def interpret(row: Row) -> Outcome:
        deal = _id(plan, row, plan.deal)
        if not deal:
            return Rejected(Reason.NO_DEAL_ID, plan.deal)
        filled = _filled(plan, row)
        reached = [
            (at_us, place) for place, moment in enumerate(plan.moments) if (at_us := moment(row.row)) is not None
        ]
        if _agree(reached, filled.fields.get("stage"), table):
            subject = _subject(plan, row, deal)
            events = tuple(_deal_changed(plan, subject, change) for change in _passed(table, reveals, filled, reached))
            return Accepted(events, "", filled.dirt)
        undated = _deal_changed(plan, _subject(plan, row, deal), _Change(None, filled.fields, full=filled.complete))
        contradiction = ("contradiction.stage",) if reached else ()
        return Accepted((undated,), "undated", filled.dirt + contradiction)

    return interpret


def _agree(reached: list[tuple[int, int]], stage: Scalar, table: Milestones) -> bool:
    """Whether the dates rise in the milestones' order and end with the one that the row's stage belongs to."""
    return bool(reached) and reached == sorted(reached) and stage in table.milestones[reached[-1][1]].stage


def _passed(
    table: Milestones, reveals: list[set[str]], filled: _Filled, reached: list[tuple[int, int]]
) -> Iterable[_Change]:
    """One change per date. The last is the full row; those before do not know what a later one revealed."""
    *earlier, (last_us, last) = reached
    for position, (at_us, place) in enumerate(earlier, start=1):
        hidden = set[str]().union(*(reveals[later] for _, later in reached[position:]))
        known = {name: value for name, value in filled.fields.items() if name not in hidden}
        fields = known | {"stage": table.milestones[place].stage[0]}
        yield _Change(at_us, fields, created=table.milestones[place].creates, place=place, places=len(reveals))
    created = table.milestones[last].creates
    # A full record of a deal never seen before does not say since when it is in its stage; a milestone does.
    full = filled.complete and (created or bool(earlier))
    yield _Change(last_us, filled.fields, full=full, created=created, place=last, places=len(reveals))


def _subject(plan: _Plan, row: Row, deal: str) -> _Subject:
    return _Subject(deal_key(plan.source, deal), row.n, _content_id(plan, row, row.again))


def _deal_changed(plan: _Plan, subject: _Subject, change: _Change) -> DealChanged:
    return DealChanged(
        id=f"{subject.content}{change.place:x}",
        key=subject.key,
        source=plan.source,
        at_us=change.at_us or 0,
        seq=(plan.place, subject.n * change.places + change.place),
        fields=change.fields,
        full=change.full,
        created=change.created,
        undated=change.at_us is None,
    )


def _content_id(plan: _Plan, row: Row, again: int = 0) -> str:
    cells_of_row = [f"{name}={value or ''}" for name, value in row.row.items()]
    cells_of_row.sort()  # by name: the order of columns means nothing
    return event_id(plan.source, plan.table, again, *cells_of_row)
