"""Instants: whole microseconds since 1970 in UTC inside, RFC 3339 at the edges."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_us(moment: datetime) -> int:
    """Microseconds of an aware datetime. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        message = f"a time without a zone: {moment.isoformat()}"
        raise ValueError(message)
    return (moment - _EPOCH) // _MICROSECOND


def from_us(at_us: int) -> datetime:
    """The aware datetime, in UTC. Raises OverflowError outside the years 1 to 9999."""
    return _EPOCH + timedelta(microseconds=at_us)


def rfc3339(at_us: int) -> str:
    """`2016-11-19T00:00:00Z`, with microseconds only where there are some."""
    return from_us(at_us).isoformat().replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int:
    """Microseconds of an RFC 3339 instant. Raises ValueError, also for one without a zone."""
    return to_us(datetime.fromisoformat(text))


def iso_day(text: str) -> date:
    """The calendar day of an ISO string. Raises ValueError."""
    return date.fromisoformat(text[:10])
