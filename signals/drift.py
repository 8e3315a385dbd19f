"""Whether the pace of a stage has changed: a CUSUM chart over stays in the order in which they began.

Each stay is scored against the stays before it: its place in their Kaplan-Meier curve, as a standard normal deviate; a
stay that still runs gets what it can be expected to end with, given how long it runs. So the scores have the mean zero
at every T while the pace is the same, also where the last weeks hold young stays only, and a slow-down shows before
anything has ended. The chart is the tabular CUSUM (k = 0.5) of Montgomery and of Lucas & Crosier's tables, one side for
each direction. `docs/decisions/pace-drift.md` has what it was chosen against.

The stays that are scored against are learned anew whenever twice as many have ended, and after each change.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from signals.survival import Durations, Flags
from topics.instants import DAY_US

Floats = npt.NDArray[np.float64]

#: So many stays must have ended before others are compared with them.
LEARNED = 100
#: The slack and the limit of the chart, in standard deviations. With known scores it would run for millions of stays;
#: what is left of false alarms comes from scores that are estimated (`python bench/drift.py --null`).
SLACK, LIMIT = 0.5, 12.0
#: The furthest score. A reference of a hundred stays ends at 2.6; one that lasts ten times as long says more.
FURTHEST = 5.0
#: Between the quartiles of a normal distribution lie so many standard deviations.
QUARTILES = 1.349
#: Where nearly all stays are alike, a tenth more or less is one deviation.
LEAST_SPREAD = 0.1
#: A mean stay that differs by less than this factor is no change of pace, however sure it is.
LEAST_RATIO = 1.15
#: A change in the same direction before so many more have ended is the same change, still going on.
GOES_ON = 3 * LEARNED
#: A day on which so many times more stays end than on a usual one is a clean-up: they count as last seen then.
CLEAN_UP, LEAST_CLEAN_UP, LEAST_DAYS = 10, 20, 14


class Change(NamedTuple):
    """The pace changed: stays that began at `since_us` or later last `ratio` times as long, over 1 is slower.

    `n` stays have begun since; `at_us` is the beginning of the stay that made it certain.
    """

    since_us: int
    at_us: int
    ratio: float
    n: int

    @property
    def slower(self) -> bool:
        """The direction."""
        return self.ratio > 1


class _Series(NamedTuple):
    """Stays in the order of their beginnings, as of T."""

    from_us: Durations
    lasted: Durations
    ended: Flags

    def part(self, start: int, stop: int) -> _Series:
        return _Series(self.from_us[start:stop], self.lasted[start:stop], self.ended[start:stop])


class _Learned(NamedTuple):
    """The curve that stays are scored against: the share that has ended by a time, in the middle of each step.

    `last` never ended; `least` is the share that one stay makes half of; `spread` is how far the logarithms of stays
    lie apart, one standard deviation.
    """

    times: Floats
    shares: Floats
    last: float
    least: float
    spread: float


class _Crossing(NamedTuple):
    """Where the chart began to rise, and where it passed the limit; places in the part that was charted."""

    start: int
    end: int
    slower: bool


def changes_of(from_us: Durations, until_us: Durations, at_us: int) -> list[Change]:
    """Every change of pace in a stage, oldest first. `until_us` of stays that still run is anything beyond T."""
    series = _series(from_us, until_us, at_us)
    ends = np.cumsum(series.ended, dtype=np.int64)
    found: list[tuple[int, Change]] = []
    base, size = 0, LEARNED
    while (stop := _place(ends, base, size)) < len(ends):
        further = min(_place(ends, base, 2 * size), len(ends))
        crossing = _crossing(series, base, stop, further)
        if crossing is None:
            if further == len(ends):
                break
            size *= 2
            continue
        change = _change(series, base, stop, crossing)
        if not _goes_on(found, change, crossing.start, ends):
            found.append((crossing.start, change))
        base, size = crossing.start, LEARNED
    return [change._replace(n=len(ends) - start) for start, change in found]


def _place(ends: npt.NDArray[np.int64], base: int, count: int) -> int:
    """The place before which so many have ended, counted from a base."""
    before = int(ends[base - 1]) if base else 0
    return int(np.searchsorted(ends, before + count)) + 1


def _goes_on(found: list[tuple[int, Change]], change: Change, start: int, ends: npt.NDArray[np.int64]) -> bool:
    if not found or found[-1][1].slower is not change.slower:
        return False
    return int(ends[start] - ends[found[-1][0]]) < GOES_ON


def _series(from_us: Durations, until_us: Durations, at_us: int) -> _Series:
    order = np.argsort(from_us, kind="stable")
    from_us, until_us = from_us[order], until_us[order]
    begun = from_us <= at_us
    from_us, until_us = from_us[begun], until_us[begun]
    ended = until_us <= at_us
    return _Series(from_us, np.minimum(until_us, at_us) - from_us, ended & ~_cleaned_up(until_us, ended))


def _cleaned_up(until_us: Durations, ended: Flags) -> Flags:
    """Which stays ended on a day of cleaning up: that day says nothing of how long they would have lasted."""
    days = until_us // DAY_US
    seen, counts = np.unique(days[ended], return_counts=True)
    if len(seen) < LEAST_DAYS:
        return np.zeros(len(days), np.bool_)
    many = max(LEAST_CLEAN_UP, CLEAN_UP * float(np.median(counts)))
    return ended & np.isin(days, seen[counts > many])


def _crossing(series: _Series, base: int, stop: int, further: int) -> _Crossing | None:
    """The first place beyond `stop` at which the chart passes its limit by a difference that matters."""
    learned = _learned(series.part(base, stop))
    scores = _scores(series.part(stop, further), learned)
    start = 0
    while start < len(scores):
        found = [one for slower in (False, True) if (one := _passed(scores[start:], slower=slower)) is not None]
        if not found:
            return None
        first = min(found, key=lambda one: one.end)
        crossing = _Crossing(stop + start + first.start, stop + start + first.end, first.slower)
        ratio = _ratio(series, base, stop, crossing)
        if (ratio >= LEAST_RATIO) if first.slower else (ratio <= 1 / LEAST_RATIO):
            return crossing
        start += first.end + 1
    return None


def _passed(scores: Floats, *, slower: bool) -> _Crossing | None:
    sums = np.concatenate(([0.0], np.cumsum((scores if slower else -scores) - SLACK)))
    lowest = np.minimum.accumulate(sums)
    over = np.flatnonzero(sums - lowest > LIMIT)
    if not len(over):
        return None
    end = int(over[0])
    return _Crossing(int(np.flatnonzero(sums[: end + 1] == lowest[end])[-1]), end - 1, slower)


def _learned(series: _Series) -> _Learned:
    function = stats.ecdf(_censored(series)).sf
    before = np.concatenate(([1.0], function.probabilities[:-1]))
    steps = before > function.probabilities
    middle = 1 - (before + function.probabilities)[steps] / 2
    times, shares = function.quantiles[steps], middle
    quarters = np.log(np.maximum(np.interp((0.25, 0.75), shares, times), 1.0))
    return _Learned(
        np.concatenate(([0.0], times)),
        np.concatenate(([0.0], shares)),
        float(function.probabilities[-1]),
        0.5 / max(1, int(np.count_nonzero(series.ended))),
        max(float(quarters[1] - quarters[0]) / QUARTILES, LEAST_SPREAD),
    )


def _scores(series: _Series, learned: _Learned) -> Floats:
    """Standard normal deviates. Between steps the curve is taken as straight: an hour more or less is no other step.

    Beyond all that was learned it goes on as a lognormal's would, up to `FURTHEST`.
    """
    share = np.interp(series.lasted, learned.times, learned.shares)
    share = np.where(series.lasted > learned.times[-1], 1 - learned.last / 2, share)
    inside = np.clip(share, learned.least, 1 - learned.least)
    scores: Floats = stats.norm.ppf(inside) + np.where(learned.last > learned.least, 0.0, _beyond(series, learned))
    scores = np.clip(scores, -FURTHEST, FURTHEST)
    expected = stats.norm.pdf(scores) / stats.norm.sf(scores)
    return np.where(series.ended, scores, np.where(share <= learned.least, 0.0, expected))


def _beyond(series: _Series, learned: _Learned) -> Floats:
    """How far a stay lies outside the learned ones, in standard deviations of the logarithm."""
    lasted, low, high = np.log(np.maximum(series.lasted, 1)), *np.log(np.maximum(learned.times[[1, -1]], 1.0))
    further: Floats = np.minimum(lasted - low, 0.0) + np.maximum(lasted - high, 0.0)
    return further / learned.spread


def _change(series: _Series, base: int, stop: int, crossing: _Crossing) -> Change:
    since_us, at_us = int(series.from_us[crossing.start]), int(series.from_us[crossing.end])
    return Change(since_us, at_us, _ratio(series, base, stop, crossing), 0)


def _ratio(series: _Series, base: int, stop: int, crossing: _Crossing) -> float:
    """How many times as long stays last on average after the change.

    Of slower ones only as far as they have been seen, of faster ones as if those that run went on: either is the less.
    """
    after, before = series.part(crossing.start, crossing.end + 1), series.part(base, stop)
    horizon = float((after if crossing.slower else before).lasted.max())
    usual = _mean(before, horizon)
    return _mean(after, horizon) / usual if usual else 1.0


def _mean(series: _Series, horizon: float) -> float:
    """The area under the Kaplan-Meier curve up to a horizon."""
    function = stats.ecdf(_censored(series)).sf
    inside = function.quantiles < horizon
    times = np.concatenate(([0.0], function.quantiles[inside], [horizon]))
    shares = np.concatenate(([1.0], function.probabilities[inside]))
    return float(np.sum(np.diff(times) * shares))


def _censored(series: _Series) -> stats.CensoredData:
    return stats.CensoredData(uncensored=series.lasted[series.ended], right=series.lasted[~series.ended])
