"""When people work: office hours, weekends, and the slow months. All in milliseconds since 1970."""

from __future__ import annotations

from datetime import date
from random import Random

from signals.simulation.changes import DAY_MS, HOUR_MS

_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday
_SATURDAY = 5
_OPENS_MS, _CLOSES_MS = 8 * HOUR_MS, 18 * HOUR_MS
_AFTER_HOURS = 0.06  # the share of work that is done at night and on weekends

#: How much longer everything takes when the month's name is in the table; how many fewer deals start.
_SLOW = {8: 1.5, 12: 1.35}
_WEEKEND_BIRTHS = 0.05


def day_of(at_ms: int) -> date:
    """The calendar day in UTC."""
    return date.fromordinal(_EPOCH_ORDINAL + at_ms // DAY_MS)


def midnight_ms(day: date) -> int:
    """The first instant of a calendar day in UTC."""
    return (day.toordinal() - _EPOCH_ORDINAL) * DAY_MS


def month_end(day: date) -> date:
    """The last day of the month that `day` is in."""
    after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return date.fromordinal(after.toordinal() - 1)


def slowness(at_ms: int) -> float:
    """How much longer a dwell that starts now takes: 1 but for August and December."""
    return _SLOW.get(day_of(at_ms).month, 1.0)


def births(day_start_ms: int) -> float:
    """How many deals start on this day, against a working day of an ordinary month."""
    weekend = _weekday(day_start_ms // DAY_MS) >= _SATURDAY
    return (_WEEKEND_BIRTHS if weekend else 1.0) / slowness(day_start_ms)


def office(rng: Random, at_ms: int, zone_ms: int = 0) -> int:
    """This moment, or one in the next office hours of a seller whose clock is `zone_ms` ahead of UTC."""
    if rng.random() < _AFTER_HOURS:
        return at_ms
    day, of_day = divmod(at_ms + zone_ms, DAY_MS)
    weekday = _weekday(day)
    if weekday < _SATURDAY and _OPENS_MS <= of_day < _CLOSES_MS:
        return at_ms
    if of_day >= _CLOSES_MS:
        day, weekday = day + 1, (weekday + 1) % 7
    if weekday >= _SATURDAY:
        day += 7 - weekday
    return day * DAY_MS + _OPENS_MS + int(rng.random() * (_CLOSES_MS - _OPENS_MS)) - zone_ms


def working_days_later(at_ms: int, days: int) -> int:
    """The same time of day so many working days later, by a clock in UTC; what falls on a weekend begins on Monday."""
    day, of_day = divmod(at_ms, DAY_MS)
    if _weekday(day) >= _SATURDAY:
        day, of_day = day + 7 - _weekday(day), 0
    for _ in range(days):
        day += 3 if _weekday(day) == _SATURDAY - 1 else 1
    return day * DAY_MS + of_day


def within_one_day(at_ms: int, span_ms: int) -> bool:
    """Whether a span lies between nine and five of one working day, by a clock in UTC."""
    day, of_day = divmod(at_ms, DAY_MS)
    return _weekday(day) < _SATURDAY and of_day >= 9 * HOUR_MS and of_day + span_ms < 17 * HOUR_MS


def _weekday(day: int) -> int:
    return (day + _EPOCH_WEEKDAY) % 7
