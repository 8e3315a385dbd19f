"""The days of a time zone as instants: which day it is, what the clock on the wall shows, and when it will show it.

A day runs from the first instant at which the clock shows its midnight to the first of the next day's, so it has 23 or
25 hours where daylight saving begins or ends. How late it is in a day is what its clock has shown by then: an hour that
comes twice is counted once, at its first coming, and where an hour is left out the clock jumps. So it never goes back.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from topics.instants import DAY_US, from_us, to_us

_ZONES_KEPT = 512
_DAYS_KEPT = 4096
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - what a clock on a wall shows has no zone
_EPOCH_DAY = _EPOCH.toordinal()
_MICROSECOND = timedelta(microseconds=1)


class Reading(NamedTuple):
    """A day, numbered as `date.toordinal` does, and how late it is in it by its clock, in microseconds."""

    day: int
    clock_us: int


class Zone:
    """One time zone. Get it from `zone_of`, which keeps what was worked out."""

    def __init__(self, name: str) -> None:
        """Raises ZoneInfoNotFoundError or ValueError for a name that is no zone's."""
        self.name = name
        self._info = ZoneInfo(name)
        self._starts = lru_cache(_DAYS_KEPT)(self._first)

    def start_us(self, day: int) -> int:
        """The first instant of a day."""
        return self._starts((day - _EPOCH_DAY) * DAY_US)

    def day_of(self, at_us: int) -> int:
        """The day that an instant is in."""
        return self._day_and_wall(at_us)[0]

    def read(self, at_us: int) -> Reading:
        """The day that an instant is in, and the latest that its clock has shown by then."""
        day, wall = self._day_and_wall(at_us)
        shown = _wall_us(wall)
        if wall.fold:  # the hour comes for the second time: the clock has been further already
            ended_us = self._change(self._reads(shown, fold=0), at_us)
            shown = max(shown, ended_us + self._offset_us(ended_us - 1))
        return Reading(day, min(max(0, shown - (day - _EPOCH_DAY) * DAY_US), DAY_US))

    def reads_us(self, reading: Reading) -> int:
        """The first instant at which the clock shows that, or more: where that is left out, the end of what is."""
        return self._starts((reading.day - _EPOCH_DAY) * DAY_US + reading.clock_us)

    def _day_and_wall(self, at_us: int) -> tuple[int, datetime]:
        wall = from_us(at_us).astimezone(self._info)
        day = wall.toordinal()
        # A clock that is set back over midnight shows the old date again on the new day.
        return (day + 1 if at_us >= self.start_us(day + 1) else day), wall

    def _first(self, wall_us: int) -> int:
        """The first instant at which the clock shows so many microseconds since 1970, or more."""
        before = self._reads(wall_us, fold=0)
        if before + self._offset_us(before) == wall_us:
            return before
        return self._change(self._reads(wall_us, fold=1), before)

    def _reads(self, wall_us: int, *, fold: int) -> int:
        wall = _EPOCH + timedelta(microseconds=wall_us)
        return to_us(wall.replace(tzinfo=self._info, fold=fold))

    def _offset_us(self, at_us: int) -> int:
        return _wall_us(from_us(at_us).astimezone(self._info)) - at_us

    def _change(self, low_us: int, high_us: int) -> int:
        """The instant between two others, of which the first is before it, from which the clock goes differently."""
        offset_us = self._offset_us(low_us)
        while high_us - low_us > 1:
            middle_us = (low_us + high_us) // 2
            if self._offset_us(middle_us) == offset_us:
                low_us = middle_us
            else:
                high_us = middle_us
        return high_us


@lru_cache(_ZONES_KEPT)
def zone_of(name: str) -> Zone:
    """The zone of this name. Raises ZoneInfoNotFoundError or ValueError for a name that is no zone's."""
    return Zone(name)


def _wall_us(wall: datetime) -> int:
    return (wall.replace(tzinfo=None, fold=0) - _EPOCH) // _MICROSECOND
