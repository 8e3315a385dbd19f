"""One column of a mapping, compiled: its cells to values, with what had to be put right; and times of events.

Reading a cell raises `UnreadableError` with the column's name before the detail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

from topics.events import Scalar
from topics.sources import cells
from topics.sources.cells import Reason, UnreadableError
from topics.sources.mapping import Column, ValueType, When
from topics.sources.mapping import Mapping as TableMapping

T = TypeVar("T")
Text: TypeAlias = Mapping[str, str | None]
Moment: TypeAlias = Callable[[Text], int | None]

MAX_CELL = 65_536  # characters; the longest text property of the CRMs that export tables (HubSpot)

_REMEMBERED_CELLS = 4096  # per column
_REMEMBERED_LENGTH = 60  # characters


class Meaning(NamedTuple):
    """What a cell says, None for a null, and what had to be put right for it."""

    value: Scalar
    dirt: tuple[str, ...] = ()


class Cell(NamedTuple):
    """A column, compiled."""

    name: str
    to: str
    read: Callable[[str], Meaning]
    joined: bool
    match: str  # the joined column that is there when the lookup knows the value; "" without a lookup


def cell_of(mapping: TableMapping, name: str, column: Column) -> Cell:
    """The column called `name`, compiled."""
    lookup = mapping.lookups().get(column.join or "")
    return Cell(
        name=name,
        to=column.to,
        read=_Remembered(_reading(mapping, name, column)).__getitem__,
        joined=mapping.is_joined(name),
        match=f"{column.join}.{lookup.key}" if lookup else "",
    )


class _Remembered(dict[str, Meaning]):
    """Owners, stages, products, days: most short cells of a table were read before, and a lookup is all they cost.

    What is full is not emptied: the cells that come often come early.
    """

    def __init__(self, read: Callable[[str], Meaning]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, raw: str) -> Meaning:
        meaning = self._read(raw)
        if len(raw) <= _REMEMBERED_LENGTH and len(self) < _REMEMBERED_CELLS:
            self[raw] = meaning
        return meaning


def _reading(mapping: TableMapping, name: str, column: Column) -> Callable[[str], Meaning]:
    """Cells of one column. Raises UnreadableError, with the column's name."""
    nulls = frozenset(("", *mapping.nulls, *column.nulls))
    value_of = _value_reader(mapping, column)

    def read(raw: str) -> Meaning:
        if len(raw) > MAX_CELL:
            raise UnreadableError(Reason.TOO_LONG, f"{name}: {len(raw)} characters; the limit is {MAX_CELL}")
        text = raw.strip()
        trimmed = (f"trimmed.{name}",) if text != raw else ()
        if text in nulls:
            return Meaning(None, (*trimmed, f"empty.{name}") if column.required else trimmed)
        right = _right(column, text)
        dirt = (*trimmed, *_flaws(name, column, text, right))
        return Meaning(_named(name, value_of, right), dirt)

    return read


def _right(column: Column, text: str) -> str:
    repaired = column.repairs.get(text, text)
    return column.values.get(repaired, repaired)


def _flaws(name: str, column: Column, text: str, right: str) -> Iterable[str]:
    if text in column.repairs:
        yield f"repaired.{name}"
    if column.expect and right not in column.expect:
        yield f"unexpected.{name}"


def _value_reader(mapping: TableMapping, column: Column) -> cells.Read:
    where = cells.zone(mapping.timezone)
    match column.type:
        case ValueType.TEXT:
            return cells.text
        case ValueType.NUMBER:
            return cells.number(mapping.decimal, mapping.thousands)
        case ValueType.BOOL:
            return cells.boolean(column.true_when, column.false_when)
        case ValueType.DAY if column.to == "created_at":  # the one day that the product reads as an instant
            return cells.midnight(column.format, where)
        case ValueType.DAY:
            return cells.day(column.format, where)
        case ValueType.INSTANT:
            return cells.instant(column.format, where)


def moment_of(mapping: TableMapping, when: When) -> Moment:
    """The time that a row says in this column, in microseconds; None for a null."""
    nulls = frozenset(mapping.nulls)
    make = cells.midnight if when.type is ValueType.DAY else cells.instant
    read = make(when.format, cells.zone(mapping.timezone))

    def moment(row: Text) -> int | None:
        text = (row.get(when.column) or "").strip()
        if not text or text in nulls:
            return None
        return _named(when.column, read, text)

    return moment


def _named(column: str, read: Callable[[str], T], text: str) -> T:
    """What the text says. Raises UnreadableError with the column's name before its detail."""
    try:
        return read(text)
    except UnreadableError as error:
        raise UnreadableError(error.reason, f"{column}: {error}") from error


def cleaned(mapping: TableMapping, column: Column) -> Callable[[str], str | None]:
    """A cell's text after trimming, translation and repair, None for a null: what lookups are asked with."""
    nulls = frozenset(("", *mapping.nulls, *column.nulls))

    def clean(cell: str) -> str | None:
        text = cell.strip()
        return None if text in nulls else _right(column, text)

    return clean
