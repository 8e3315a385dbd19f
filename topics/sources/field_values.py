"""How a value that a CRM sent becomes a canonical scalar. All raise RefusedError for a value that cannot be one."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache

from topics.events import Scalar
from topics.instants import DAY_US, HOUR_US, iso_day, parse_rfc3339
from topics.sources.refusals import Reason, RefusedError, shown

#: No text field of a CRM's deal is longer by far (Salesforce: long text 131,072, of which nothing here is read).
TEXT_LIMIT_BYTES = 32 * 1024
#: A record over this size is not decoded at all.
RECORD_LIMIT_BYTES = 8 * 1024 * 1024
#: What a canonical event may take on the wire, below Kafka's default limit of a message (1,048,588 with its header).
EVENT_LIMIT_BYTES = 1_000_000
#: The largest amount that is believed; Salesforce's currency fields end at 18 digits.
NUMBER_LIMIT = 1e18
#: Event times before this were never sent by a CRM with a change stream.
FIRST_EVENT_US = 946_684_800 * 1_000_000  # 2000-01-01
LAST_EVENT_US = 4_102_444_800 * 1_000_000  # 2100-01-01
#: How far a source's clock may run ahead of the broker's.
CLOCK_LEAD_US = HOUR_US
FIRST_DAY = date(1990, 1, 1)
LAST_DAY = date(2100, 12, 31)

_INT64 = 2**63
_LONGEST_DATE = 40
_FIRST_ISO, _LAST_ISO = FIRST_DAY.isoformat(), LAST_DAY.isoformat()
_EPOCH_DAY = date(1970, 1, 1)
_DAY_MS = DAY_US // 1000
_FIRST_MS = (FIRST_DAY - _EPOCH_DAY).days * _DAY_MS
_LAST_MS = ((LAST_DAY - _EPOCH_DAY).days + 1) * _DAY_MS
_DECIMAL = re.compile(r"[+-]?\d{1,18}(\.\d{1,18})?", re.ASCII)
_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(T.*)?", re.ASCII | re.DOTALL)


Coerce = Callable[[str, object], Scalar]


def text(name: str, value: object) -> str | None:
    """Text of at most 32 KB in UTF-8, or None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected text, got {shown(value)}")
    if 4 * len(value) > TEXT_LIMIT_BYTES:
        _refuse_large(name, value)
    return value


def _refuse_large(name: str, value: str) -> None:
    size = len(value.encode())
    if size > TEXT_LIMIT_BYTES:
        raise RefusedError(Reason.FIELD_TOO_LARGE, f"{name}: {size} bytes, at most {TEXT_LIMIT_BYTES} are read")


def number(name: str, value: object) -> float | None:
    """A finite number of at most 18 digits before the point; a decimal string is one too."""
    if value is None:
        return None
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        return float(value)
    if isinstance(value, bool | str) or not isinstance(value, int | float):
        raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected a number, got {shown(value)}")
    if not -NUMBER_LIMIT < value < NUMBER_LIMIT:
        raise RefusedError(Reason.ABSURD_NUMBER, f"{name}: {shown(value)}")
    return float(value)


def flag(name: str, value: object) -> bool | None:
    """True, false or None."""
    if value is None or isinstance(value, bool):
        return value
    raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected true or false, got {shown(value)}")


def scalar(name: str, value: object) -> Scalar:
    """Whatever a field of the customer's own holds, as long as it is one value that the wire can carry."""
    if isinstance(value, str):
        return text(name, value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -_INT64 <= value < _INT64:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int | float):
        raise RefusedError(Reason.ABSURD_NUMBER, f"{name}: {shown(value)}")
    raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected one value, got {shown(value)}")


def day(name: str, value: object) -> str | None:
    """A calendar day as ISO text, from ISO text (with or without a time) or epoch milliseconds; 1990 to 2100."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected a date, got {shown(value)}")
    if isinstance(value, int):
        if not _FIRST_MS <= value < _LAST_MS:
            raise RefusedError(Reason.ABSURD_DATE, f"{name}: {shown(value)}")
        return _iso_of_ms(value)
    if len(value) > _LONGEST_DATE:
        raise RefusedError(Reason.BAD_DATE, f"{name}: {shown(value)}")
    iso = _iso_of_text(value)
    if iso is None:
        raise RefusedError(Reason.BAD_DATE, f"{name}: {shown(value)}")
    if not _FIRST_ISO <= iso <= _LAST_ISO:
        raise RefusedError(Reason.ABSURD_DATE, f"{name}: {shown(value)}")
    return iso


@lru_cache(maxsize=4096)
def _iso_of_ms(epoch_ms: int) -> str:
    return (_EPOCH_DAY + timedelta(days=epoch_ms // _DAY_MS)).isoformat()


@lru_cache(maxsize=4096)
def _iso_of_text(value: str) -> str | None:
    if not _ISO_DAY.fullmatch(value):
        return None
    try:
        return iso_day(value).isoformat()
    except ValueError:
        return None


def instant(name: str, value: object) -> int | None:
    """Microseconds, from RFC 3339 text with a zone or epoch milliseconds; 1990 to 2100."""
    if value is None:
        return None
    if isinstance(value, str):
        return _instant_of_text(name, value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected a time, got {shown(value)}")
    return _believed(name, value * 1000, value)


def _instant_of_text(name: str, value: str) -> int:
    try:
        at_us = parse_rfc3339(value)
    except (ValueError, OverflowError) as error:
        raise RefusedError(Reason.BAD_TIME, f"{name}: {shown(value)}") from error
    return _believed(name, at_us, value)


def _believed(name: str, at_us: int, value: object) -> int:
    if not _FIRST_MS * 1000 <= at_us < _LAST_MS * 1000:
        raise RefusedError(Reason.ABSURD_DATE, f"{name}: {shown(value)}")
    return at_us


def day_end(name: str, value: object) -> int | None:
    """The first microsecond after a calendar day in UTC: what is due on a day is due until the day is over."""
    iso = day(name, value)
    if iso is None:
        return None
    return midnight(iso) + DAY_US


def midnight(iso: str) -> int:
    """Midnight in UTC of an ISO day."""
    return (iso_day(iso) - _EPOCH_DAY).days * DAY_US


def event_time(name: str, at_us: int, broker_us: int) -> int:
    """The event's own time, unless nobody can have sent it then. `broker_us` is the record's timestamp; 0: none."""
    if not FIRST_EVENT_US <= at_us < LAST_EVENT_US:
        raise RefusedError(Reason.ABSURD_TIME, f"{name}: {shown(at_us)} microseconds")
    if broker_us > 0 and at_us - broker_us > CLOCK_LEAD_US:
        lead_s = (at_us - broker_us) // 1_000_000
        raise RefusedError(Reason.TIME_IN_FUTURE, f"{name}: {lead_s} s after the broker received it")
    return at_us
