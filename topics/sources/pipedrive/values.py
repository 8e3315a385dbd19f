"""Pipedrive's values: times in three forms, custom fields with their type beside them, references as numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping

from topics.events import Scalar
from topics.instants import SECOND_US
from topics.sources import field_values
from topics.sources.declared_fields import FieldType, Readers
from topics.sources.refusals import Reason, RefusedError, shown

Fields = dict[str, Scalar]
Values = Mapping[str, object]

_NUMBER = re.compile(r"\d{9,16}", re.ASCII)
_NAIVE = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", re.ASCII)
#: Beyond this a number of 2000 to 2100 is one of milliseconds, below it one of seconds.
_FIRST_MS = 100_000_000_000
_CLOCK = re.compile(r"(\d{1,3}):([0-5]\d)(?::([0-5]\d)(?:\.\d+)?)?", re.ASCII)
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
#: Where a custom field's value stands, whatever its type; of a span it is its beginning.
_CUSTOM_VALUE = ("value", "id", "from")


def instant(name: str, value: object) -> int | None:
    """Microseconds, from RFC 3339, `YYYY-MM-DD hh:mm:ss` (UTC), or epoch seconds or milliseconds; 1990 to 2100."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _FIRST_MS:
        return field_values.instant(name, value * 1000)
    if isinstance(value, str) and _NAIVE.fullmatch(value):
        return field_values.instant(name, f"{value}Z")
    return field_values.instant(name, value)


def day(name: str, value: object) -> str | None:
    """A calendar day as ISO text; 1990 to 2100."""
    return field_values.day(name, value or None)


def reference(name: str, value: object) -> str | None:
    """The id of another record, also where it stands in an object of its own; None for none."""
    if isinstance(value, dict):
        value = value.get("value", value.get("id"))
    if value is None or value == "":
        return None
    said = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(said, str) or not _ID.fullmatch(said):
        raise RefusedError(Reason.BAD_RECORD_IDS, f"{name}: expected an id, got {shown(value)}")
    return said


def text(name: str, value: object) -> str | None:
    """Text of at most 32 KB; a number is text, too, and empty text is empty."""
    said = str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
    return field_values.text(name, said) or None


def number(name: str, value: object) -> float | None:
    """A finite number."""
    return field_values.number(name, None if value == "" else value)


def flag(name: str, value: object) -> bool | None:
    """True, false or None; 1 and 0 are so, too."""
    if isinstance(value, int) and value in (0, 1):
        return bool(value)
    return field_values.flag(name, value)


def span_us(name: str, value: object) -> int | None:
    """`hh:mm` or `hh:mm:ss`, by itself or as an object's value, in microseconds; None for none."""
    if isinstance(value, dict):
        value = value.get("value")
    if value is None or value == "":
        return None
    found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise RefusedError(Reason.BAD_TIME, f"{name}: expected hh:mm, got {shown(value)}")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * SECOND_US


def custom(value: object) -> object:
    """What a custom field holds: of `{"type": …, "value": …}` the value or the id, of several choices their ids."""
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("values"), list):
        return ",".join(str(one.get("id")) for one in value["values"] if isinstance(one, dict)) or None
    return next((value[name] for name in _CUSTOM_VALUE if name in value), value)


#: How the values of a declared field are read.
READERS: Readers = {
    FieldType.TEXT: text,
    FieldType.NUMBER: number,
    FieldType.BOOL: flag,
    FieldType.DAY: day,
    FieldType.TIME: instant,
}
