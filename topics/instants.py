"""Instants: whole microseconds since 1970 in UTC inside, RFC 3339 at the edges."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

#: What an instant is put together from: formatting a `datetime` costs six times as much, and every signal and view
#: names several.
_MINUTES_OF_DAY = 24 * 60
_CLOCK = tuple(f"{minute // 60:02}:{minute % 60:02}:" for minute in range(_MINUTES_OF_DAY))
_SECONDS = tuple(f"{second:02}" for second in range(60))
_THOUSANDTHS = tuple(f"{part:03}" for part in range(1000))
_DAYS_KEPT = 4096
#: The same instants are named again and again: since when, opened, detected. About 8 MB.
_INSTANTS_KEPT = 32768


def to_us(moment: datetime) -> int:
    """Microseconds of an aware datetime. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        message = f"a time without a zone: {moment.isoformat()}"
        raise ValueError(message)
    return (moment - _EPOCH) // _MICROSECOND


def from_us(at_us: int) -> datetime:
    """The aware datetime, in UTC. Raises OverflowError outside the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=at_us)


@lru_cache(_INSTANTS_KEPT)
def rfc3339(at_us: int) -> str:
    """`2016-11-19T00:00:00Z`, with microseconds only where there are some. Raises OverflowError as `from_us` does."""
    minutes, rest_us = at_us // MINUTE_US, at_us % MINUTE_US
    start = _day(minutes // _MINUTES_OF_DAY) + _CLOCK[minutes % _MINUTES_OF_DAY] + _SECONDS[rest_us // SECOND_US]
    part_us = rest_us % SECOND_US
    return f"{start}.{_THOUSANDTHS[part_us // 1000]}{_THOUSANDTHS[part_us % 1000]}Z" if part_us else start + "Z"


@lru_cache(_DAYS_KEPT)
def _day(number: int) -> str:
    """The date of the day that begins so many days after 1970, up to the T."""
    return from_us(number * DAY_US).isoformat()[:11]


def parse_rfc3339(text: str) -> int:
    """Microseconds of an RFC 3339 instant. Raises ValueError, also for one without a zone."""
    return to_us(datetime.fromisoformat(text))


def iso_day(text: str) -> date:
    """The calendar day of an ISO string. Raises ValueError."""
    return date.fromisoformat(text[:10])
