"""Business time: when people work, how much of that lies between two instants, and when so much of it is over.

Two measures, since people count in two ways. A *business day* is a day of the calendar that is neither weekend nor
holiday: two business days after Friday at 15:00 is Tuesday at 15:00, whatever the clock did on Sunday. A *business
hour* is an hour that really passes inside the working hours of such a day. Outside of them no time passes: what begins
on a Saturday begins, as far as business time goes, with the next business day or the next opening.

Limits are passed strictly (law 4), so `after` is the last instant by which no more than the span has passed: four hours
that end with the working day are over when the next one begins.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import lru_cache

from playbook.days_off import public_holidays
from playbook.hours import Calendar, Weekday
from playbook.model import Owner, Playbook
from playbook.zones import Reading, Zone, zone_of
from topics.instants import DAY_US, MINUTE_US

_MEASURED = 4096
_WEEK = tuple(Weekday)
_WEEK_DAYS = len(_WEEK)


class BusinessTime:
    """The business time of one calendar in one zone. Pure; what is asked again is remembered."""

    def __init__(self, calendar: Calendar, zone: Zone) -> None:
        self.zone = zone
        self._opens_us, self._closes_us = calendar.opens * MINUTE_US, calendar.closes * MINUTE_US
        works = [day not in calendar.weekend for day in _WEEK]
        # Of the days before each weekday of a week that begins on Monday, how many are worked.
        self._before = tuple(sum(works[:place]) for place in range(_WEEK_DAYS + 1))
        self._works = works
        self._off = tuple(sorted(day for day in _days_off(calendar) if works[_weekday(day)]))
        self._off_set = frozenset(self._off)
        self.after_days = lru_cache(_MEASURED)(self._after_days)
        self.after_hours = lru_cache(_MEASURED)(self._after_hours)

    def is_business_day(self, day: int) -> bool:
        """Whether people work on a day (numbered as `date.toordinal` does)."""
        return self._works[_weekday(day)] and day not in self._off_set

    def is_open(self, at_us: int) -> bool:
        """Whether an instant is inside the working hours of a business day."""
        return self.opens_us(at_us) == at_us

    def opens_us(self, at_us: int) -> int:
        """The instant itself inside working hours, else the next opening."""
        return self.after_hours(at_us, 0)

    def closes_us(self, at_us: int) -> int:
        """When the working hours end that an instant is in, or that begin next."""
        return self._window(self.zone.day_of(self.opens_us(at_us)))[1]

    def week_of(self, day: int) -> int:
        """The day on which the week of a day begins: the first after a weekend; Monday, where there is none."""
        works = self._works
        if all(works):
            return day - _weekday(day)
        while not works[_weekday(day)] or works[_weekday(day - 1)]:
            day -= 1
        return day

    def days_between(self, start_us: int, end_us: int) -> int:
        """Business days from one instant to a later one, in microseconds: each counts 24 hours of its clock."""
        return self._days(end_us) - self._days(start_us)

    def hours_between(self, start_us: int, end_us: int) -> int:
        """Microseconds of working hours from one instant to a later one."""
        if end_us <= start_us:
            return 0
        first, last = self.zone.day_of(start_us), self.zone.day_of(end_us)
        if first == last:
            return self._worked(last, end_us) - self._worked(first, start_us)
        whole = sum(self._length(one) for one in self._business_days(first + 1, last))
        return self._length(first) - self._worked(first, start_us) + whole + self._worked(last, end_us)

    def _after_days(self, at_us: int, span_us: int) -> int:
        """The last instant by which no more than so many business days have passed, each counted as 24 hours."""
        number, clock_us = divmod(self._days(at_us) + span_us, DAY_US)
        return self.zone.reads_us(Reading(self._day(number), clock_us))

    def _after_hours(self, at_us: int, span_us: int) -> int:
        """The last instant by which no more than so much time inside working hours has passed."""
        day = self.zone.day_of(at_us)
        left_us = span_us + self._worked(day, at_us)
        while left_us >= (length_us := self._length(day)):
            left_us -= length_us
            day = self._day(self._number(day + 1))
        return self._window(day)[0] + left_us

    def _days(self, at_us: int) -> int:
        """Business days before an instant, since the first of all days, in microseconds."""
        day, clock_us = self.zone.read(at_us)
        return self._number(day) * DAY_US + (clock_us if self.is_business_day(day) else 0)

    def _number(self, day: int) -> int:
        """How many business days there are before a day."""
        weeks, weekday = divmod(day - 1, _WEEK_DAYS)  # day 1 was a Monday
        return weeks * self._before[-1] + self._before[weekday] - bisect_left(self._off, day)

    def _day(self, number: int) -> int:
        """The business day before which there are so many."""
        weeks = number // self._before[-1]
        days = range(weeks * _WEEK_DAYS, (weeks + 2) * _WEEK_DAYS + len(self._off) * _WEEK_DAYS)
        return days[bisect_right(days, number, key=self._number) - 1]

    def _business_days(self, first: int, end: int) -> Iterable[int]:
        """The business days from one on and before another."""
        return (self._day(number) for number in range(self._number(first), self._number(end)))

    def _window(self, day: int) -> tuple[int, int]:
        """When the working hours of a day begin and end."""
        reads = self.zone.reads_us
        return reads(Reading(day, self._opens_us)), reads(Reading(day, self._closes_us))

    def _length(self, day: int) -> int:
        """How long the working hours of a day really are: none on a day that is off."""
        if not self.is_business_day(day):
            return 0
        start_us, end_us = self._window(day)
        return end_us - start_us

    def _worked(self, day: int, at_us: int) -> int:
        """How much of the working hours of a day have passed at an instant in it."""
        if not self.is_business_day(day):
            return 0
        start_us, end_us = self._window(day)
        return min(max(at_us, start_us), end_us) - start_us


class Calendars:
    """The calendars of a playbook, and whose is which.

    An owner's own goes first, then the one of the team, then the one of the pipeline, then the one that is for
    everybody: the first in the file that names neither team nor pipeline. The clock is that of the owner, else the
    calendar's, else the playbook's.
    """

    def __init__(self, playbook: Playbook) -> None:
        self._zone = playbook.timezone
        self._by_name = {one.name: one for one in playbook.calendars}
        self._by_team = _first_of((team, one) for one in playbook.calendars for team in one.teams)
        self._by_pipeline = _first_of((name, one) for one in playbook.calendars for name in one.pipelines)
        for_all = [one for one in playbook.calendars if not one.teams and not one.pipelines]
        self._default = for_all[0] if for_all else Calendar(name="everybody's")
        self._known: dict[tuple[str, str], BusinessTime] = {}

    def of(self, owner: Owner | None = None, team: str = "", pipeline: str = "") -> BusinessTime:
        """The business time of an owner whom the playbook knows, of a CRM's team, of a pipeline, or of everybody."""
        calendar = self._calendar(owner, team, pipeline)
        zone = (owner.timezone if owner is not None else None) or calendar.timezone or self._zone
        known = self._known.get((calendar.name, zone))
        if known is None:
            known = self._known[calendar.name, zone] = BusinessTime(calendar, zone_of(zone))
        return known

    def _calendar(self, owner: Owner | None, team: str, pipeline: str) -> Calendar:
        named = None if owner is None or owner.calendar is None else self._by_name.get(owner.calendar)
        if owner is not None and owner.team:
            team = owner.team
        return named or self._by_team.get(team) or self._by_pipeline.get(pipeline) or self._default


def _first_of(named: Iterable[tuple[str, Calendar]]) -> dict[str, Calendar]:
    found: dict[str, Calendar] = {}
    for name, calendar in named:
        found.setdefault(name, calendar)
    return found


def _days_off(calendar: Calendar) -> set[int]:
    own = {day.toordinal() for day in calendar.days_off}
    if calendar.country is None:
        return own
    return own | public_holidays(calendar.country, calendar.subdivision)


def _weekday(day: int) -> int:
    """0 for Monday."""
    return (day - 1) % _WEEK_DAYS
