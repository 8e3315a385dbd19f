"""HubSpot's property values: text whatever the property's type, empty text for a property without a value.

Webhooks send a date as epoch milliseconds and the API as RFC 3339, a number in decimal or, when large, with an
exponent, a checkbox as `true` or `false`. A property's day is the day in UTC of its instant: HubSpot does not say in
which zone a user picked it.
"""

from __future__ import annotations

import re

from topics.events import Scalar
from topics.sources import field_values
from topics.sources.declared_fields import FieldType, Readers
from topics.sources.refusals import Reason, RefusedError, shown

_NUMBER = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?([eE][+-]?\d{1,2})?", re.ASCII)
_EPOCH_MS = re.compile(r"-?\d{1,15}", re.ASCII)
_FLAGS = {"true": True, "false": False}


def plain(name: str, value: object) -> str | None:
    """A value as the text that it stands for; None for one that is empty. Raises RefusedError("wrong_type")."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(field_values.scalar(name, value))
    raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected one value, got {shown(value)}")


def text(name: str, value: object) -> str | None:
    """Text of at most 32 KB."""
    return field_values.text(name, plain(name, value))


def number(name: str, value: object) -> float | None:
    """A finite number of at most 18 digits before the point."""
    said = plain(name, value)
    if said is None:
        return None
    if not _NUMBER.fullmatch(said):
        raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected a number, got {shown(said)}")
    return field_values.number(name, float(said))


def flag(name: str, value: object) -> bool | None:
    """True, false or None."""
    said = plain(name, value)
    if said is None:
        return None
    if said.lower() not in _FLAGS:
        raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected true or false, got {shown(said)}")
    return _FLAGS[said.lower()]


def day(name: str, value: object) -> str | None:
    """A calendar day as ISO text; 1990 to 2100."""
    return field_values.day(name, _dated(plain(name, value)))


def instant(name: str, value: object) -> int | None:
    """Microseconds; 1990 to 2100."""
    return field_values.instant(name, _dated(plain(name, value)))


def _dated(said: str | None) -> str | int | None:
    return int(said) if said is not None and _EPOCH_MS.fullmatch(said) else said


#: How the values of a declared field are read.
READERS: Readers = {
    FieldType.TEXT: text,
    FieldType.NUMBER: number,
    FieldType.BOOL: flag,
    FieldType.DAY: day,
    FieldType.TIME: instant,
}

Fields = dict[str, Scalar]
