"""Declared types of a deal's fields: what a value is to a criterion, and why it is none.

CRMs and exports write the same thing in many ways: a number as text, a yes as `Yes`, a date as milliseconds. A field
that the playbook declares is read as its type wherever a criterion names it. A value that does not fit is *unknown*
there, never false.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from topics.events import Scalar
from topics.instants import from_us, parse_rfc3339


class FieldType(StrEnum):
    """What a field may be, beside one of a few texts."""

    NUMBER = "number"
    TEXT = "text"
    DATE = "date"
    YES_NO = "yes_no"


#: A type, or the only texts that may stand in the field.
Declared: TypeAlias = FieldType | tuple[str, ...]


class Misfit(NamedTuple):
    """A value is none of its field's type."""

    reason: str


#: What CEL is given.
Typed: TypeAlias = float | str | bool | datetime | None

_NUMBER = re.compile(r"[+-]?(\d+([.]\d*)?|[.]\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INTEGER = re.compile(r"\d{1,19}", re.ASCII)
_YES, _NO = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})
#: Instants as numbers: milliseconds as Salesforce and HubSpot write them, microseconds as `created_at` is. Told apart
#: by their size: what is a year between 1973 and 2286 in one is none in the other.
_MS, _US = (10**11, 10**13), (10**14, 10**16)


def typed(declared: Declared, value: Scalar) -> Typed | Misfit:
    """The value as its type; None for an empty one. An empty text is empty, unless the field holds texts."""
    if value is None or (value == "" and declared is not FieldType.TEXT):
        return None
    if isinstance(declared, FieldType):
        found = _READ[declared](value)
        return Misfit(f"no {_WORDS[declared]}: {_shown(value)}") if found is None else found
    text = _text(value)
    if text is not None and text.strip() in declared:
        return text.strip()
    return Misfit(f"none of {', '.join(declared)}: {_shown(value)}")


def _number(value: Scalar) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) else None
    return None if value is None else float(value)


def _text(value: Scalar) -> str | None:
    """A text; whole numbers are taken for one, since ids are sent as both."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _yes_no(value: Scalar) -> bool | None:
    word = str(value).strip().lower()
    return True if word in _YES else False if word in _NO else None


def _date(value: Scalar) -> datetime | None:
    """A day is its midnight in UTC."""
    text = str(value).strip() if isinstance(value, str) else ""
    if isinstance(value, int) or _INTEGER.fullmatch(text):
        return None if isinstance(value, bool) else _instant(int(value))  # type: ignore[arg-type]  # digits or an int
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        return from_us(parse_rfc3339(text)) if text else None
    except (ValueError, OverflowError):
        return None


def _instant(number: int) -> datetime | None:
    if _MS[0] <= number < _MS[1]:
        return from_us(number * 1000)
    return from_us(number) if _US[0] <= number < _US[1] else None


_READ: dict[FieldType, Callable[[Scalar], Typed]] = {
    FieldType.NUMBER: _number,
    FieldType.TEXT: _text,
    FieldType.DATE: _date,
    FieldType.YES_NO: _yes_no,
}
_WORDS = {
    FieldType.NUMBER: "number",
    FieldType.TEXT: "text",
    FieldType.DATE: "date",
    FieldType.YES_NO: "yes or no",
}
#: Characters of a value that a reason shows.
_SHOWN = 40


def _shown(value: Scalar) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
