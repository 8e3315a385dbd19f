"""One column of a mapping, compiled: its cells to values, with what had to be put right; and times of events.

Reading a cell raises `UnreadableError` with the column's name before the detail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

from topics.events import Scalar
from topics.silences import Dirt
from topics.sources import cells
from topics.sources.cells import Raw, Reason, UnreadableError, as_text
from topics.sources.mapping_parts import Column, ValueType, When, Writing

T = TypeVar("T")
FromT = TypeVar("FromT")
Cells: TypeAlias = Mapping[str, Raw]
#: The time that a row says, in microseconds, None for a null.
Moment: TypeAlias = Callable[[Cells], int | None]
#: The dirt of that time.
Doubt: TypeAlias = Callable[[Cells], tuple[str, ...]]

MAX_CELL = 65_536  # characters; the longest text property of the CRMs that export tables (HubSpot)

_REMEMBERED_CELLS = 4096  # per column
_REMEMBERED_LENGTH = 60  # characters


class Meaning(NamedTuple):
    """What a cell says, None for a null, and what had to be put right for it."""

    value: Scalar
    dirt: tuple[str, ...] = ()


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


def reading(mapping: Writing, name: str, column: Column) -> Callable[[Raw], Meaning]:
    """Cells of one column, of text or with a type of their own. Raises UnreadableError, with the column's name."""
    of_text = _Remembered(_text_reading(mapping, name, column)).__getitem__
    is_number, is_bool = column.type is ValueType.NUMBER, column.type is ValueType.BOOL

    def read(raw: Raw) -> Meaning:
        if isinstance(raw, str):
            return of_text(raw)
        if raw is None:
            return of_text("")
        if is_bool and isinstance(raw, bool):
            return Meaning(raw)
        if is_number and not isinstance(raw, bool):
            return Meaning(_named(name, cells.finite, raw))
        return of_text(as_text(raw))

    return read


def _text_reading(mapping: Writing, name: str, column: Column) -> Callable[[str], Meaning]:
    nulls = frozenset(("", *mapping.nulls, *column.nulls))
    value_of, doubtful = _value_reader(mapping, column), _doubtful(mapping, column)

    def read(raw: str) -> Meaning:
        if len(raw) > MAX_CELL:
            raise UnreadableError(Reason.TOO_LONG, f"{name}: {len(raw)} characters; the limit is {MAX_CELL}")
        text = raw.strip()
        trimmed = (f"{Dirt.TRIMMED}.{name}",) if text != raw else ()
        if text in nulls:
            return Meaning(None, (*trimmed, f"{Dirt.EMPTY}.{name}") if column.required else trimmed)
        right = _right(column, text)
        dirt = (*trimmed, *_flaws(name, column, text, right))
        value = _named(name, value_of, right)
        return Meaning(value, (*dirt, f"{Dirt.AMBIGUOUS}.{name}") if doubtful is not None and doubtful(right) else dirt)

    return read


def _doubtful(mapping: Writing, column: Column) -> Callable[[str], bool] | None:
    return cells.ambiguous(column.format, mapping.clock()) if column.type is ValueType.INSTANT else None


def _right(column: Column, text: str) -> str:
    repaired = column.repairs.get(text, text)
    return column.values.get(repaired, repaired)


def _flaws(name: str, column: Column, text: str, right: str) -> Iterable[str]:
    if text in column.repairs:
        yield f"{Dirt.REPAIRED}.{name}"
    if column.expect and right not in column.expect:
        yield f"{Dirt.UNEXPECTED}.{name}"


def _value_reader(mapping: Writing, column: Column) -> cells.Read:
    match column.type:
        case ValueType.TEXT:
            return cells.currency if column.to == "currency" else cells.text
        case ValueType.NUMBER:
            return cells.number(mapping.decimal, mapping.thousands, column.signs)
        case ValueType.BOOL:
            return cells.boolean(column.true_when, column.false_when)
        case ValueType.DAY:  # `created_at` is the one day that the product reads as an instant
            return (cells.midnight if column.to == "created_at" else cells.day)(column.format, mapping.clock())
        case ValueType.INSTANT:
            return cells.instant(column.format, mapping.clock())


def moment_of(mapping: Writing, when: When) -> Moment:
    """The time that a row says where `when` says, in microseconds; None for a null."""
    make = cells.midnight if when.type is ValueType.DAY else cells.instant
    read, text_of = make(when.format, mapping.clock()), _said_time(mapping, when)

    def moment(row: Cells) -> int | None:
        text = text_of(row)
        return None if text is None else _named(when.cell, read, text)

    return moment


def doubt_of(mapping: Writing, when: When) -> Doubt | None:
    """The dirt of a time that `moment_of` could read; None where there never is any."""
    if when.type is ValueType.DAY or mapping.timezone == "UTC":
        return None
    doubtful, text_of = cells.ambiguous(when.format, mapping.clock()), _said_time(mapping, when)
    dirt = (f"{Dirt.AMBIGUOUS}.{when.cell}",)

    def doubt(row: Cells) -> tuple[str, ...]:
        text = text_of(row)
        return dirt if text is not None and doubtful(text) else ()

    return doubt


def _said_time(mapping: Writing, when: When) -> Callable[[Cells], str | None]:
    nulls, name = frozenset(("", *mapping.nulls)), when.cell

    def text_of(row: Cells) -> str | None:
        raw = row.get(name)
        text = "" if raw is None else as_text(raw).strip()
        return None if text in nulls else text

    return text_of


def _named(column: str, read: Callable[[FromT], T], text: FromT) -> T:
    """What a cell says. Raises UnreadableError with the column's name before its detail."""
    try:
        return read(text)
    except UnreadableError as error:
        raise UnreadableError(error.reason, f"{column}: {error}") from error


def cleaned(mapping: Writing, column: Column) -> Callable[[Raw], str | None]:
    """A cell's text after trimming, translation and repair, None for a null: what lookups are asked with."""
    nulls = frozenset(("", *mapping.nulls, *column.nulls))

    def clean(cell: Raw) -> str | None:
        text = "" if cell is None else as_text(cell).strip()
        return None if text in nulls else _right(column, text)

    return clean
