"""Fitting: from stays to baselines.

Stays are kept as columns, 17 bytes each, so that millions fit; a stay that still runs lasts until T, the instant as of
which is fitted. What happens later than T is not known yet.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from signals.baselines import GRID, Baselines, Measure, Row
from signals.survival import Curve, Durations, Flags
from topics.dwells import Dwell

#: What became of a deal, as a column holds it.
OUTCOMES = ("open", "won", "lost")
OPEN, WON = 0, 1
_CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}
_NEVER_US = 2**63 - 1

Outcomes = npt.NDArray[np.uint8]


class Group(NamedTuple):
    """What is measured together. `stage` empty: the cycle."""

    pipeline: str
    stage: str
    segment: str | None


class Columns(NamedTuple):
    """The stays of a group as of T, in microseconds, one place each.

    `lasted`; `ended` or still running; `outcome` of the deal (a place in OUTCOMES); `to_close` from the stay's
    beginning until the deal closed, of those that did.
    """

    lasted: Durations
    ended: Flags
    outcome: Outcomes
    to_close: Durations

    def joined(self, other: Columns) -> Columns:
        """Both."""
        return Columns(
            np.concatenate((self.lasted, other.lasted)),
            np.concatenate((self.ended, other.ended)),
            np.concatenate((self.outcome, other.outcome)),
            np.concatenate((self.to_close, other.to_close)),
        )


class _Stays:
    """The stays of a group, as they came."""

    __slots__ = ("closed_us", "from_us", "outcome", "until_us")

    def __init__(self) -> None:
        self.from_us, self.until_us, self.closed_us = array("q"), array("q"), array("q")
        self.outcome = bytearray()

    def columns(self, at_us: int) -> Columns:
        """As of T: who began later is not there, what ended later still runs, who closed later is open."""
        from_us, until_us, closed_us = (
            np.frombuffer(one, np.int64) for one in (self.from_us, self.until_us, self.closed_us)
        )
        outcome = np.frombuffer(self.outcome, np.uint8)
        begun = from_us <= at_us
        from_us, until_us, closed_us, outcome = from_us[begun], until_us[begun], closed_us[begun], outcome[begun]
        known = np.where(closed_us <= at_us, outcome, OPEN).astype(np.uint8)
        return Columns(
            np.minimum(until_us, at_us) - from_us, until_us <= at_us, known, np.minimum(closed_us, at_us) - from_us
        )


class Samples:
    """Every stay, by group."""

    def __init__(self) -> None:
        self._groups: dict[Group, _Stays] = {}
        self.n = 0

    def add(self, dwell: Dwell) -> None:
        """Take in one stay."""
        group = (dwell.pipeline, dwell.stage, dwell.segment)
        stays = self._groups.get(group)  # type: ignore[call-overload]  # a Group is such a tuple; making one costs more than the rest
        if stays is None:
            stays = self._groups[Group(*group)] = _Stays()
        stays.from_us.append(dwell.from_us)
        stays.until_us.append(_NEVER_US if dwell.until_us is None else dwell.until_us)
        stays.closed_us.append(_NEVER_US if dwell.closed_us is None else dwell.closed_us)
        stays.outcome.append(_CODES[dwell.outcome])
        self.n += 1

    def spans(self) -> Iterator[tuple[Group, Durations, Durations]]:
        """Each stage's group with the beginnings and the ends of its stays (of those that run: beyond all time)."""
        for group, stays in self._groups.items():
            if group.stage:
                yield group, np.frombuffer(stays.from_us, np.int64), np.frombuffer(stays.until_us, np.int64)

    def groups(self, at_us: int) -> Iterator[tuple[Group, Columns]]:
        """Each group as of T, in order."""
        for group in sorted(
            self._groups, key=lambda one: (one.pipeline, one.stage, one.segment is not None, one.segment or "")
        ):
            yield group, self._groups[group].columns(at_us)


def fit(samples: Samples, at_us: int, made_at: str = "") -> Baselines:
    """The baselines of all stays as of T: a row per segment that deals are in, and one of all deals of a stage."""
    rows: list[Row] = []
    for group, columns in _with_sums(samples.groups(at_us)):
        rows += _rows(group, columns)
    return Baselines(rows, made_at)


def samples_of(dwells: Iterable[Dwell]) -> Samples:
    """All of them."""
    samples = Samples()
    for dwell in dwells:
        samples.add(dwell)
    return samples


def naive_medians(samples: Samples, at_us: int) -> dict[Group, int]:
    """The medians of the stays that ended, in microseconds: what one gets who leaves out those that still run."""
    return {
        group: int(np.median(columns.lasted[columns.ended]))
        for group, columns in _with_sums(samples.groups(at_us))
        if group.stage and columns.ended.any()
    }


def _with_sums(groups: Iterable[tuple[Group, Columns]]) -> Iterator[tuple[Group, Columns]]:
    """The segments' groups, and of each stage the sum over its segments; deals of no segment are in the sum only."""
    sums: dict[Group, Columns] = {}
    for group, columns in groups:
        whole = group._replace(segment=None)
        sums[whole] = sums[whole].joined(columns) if whole in sums else columns
        if group.segment is not None:
            yield group, columns
    yield from sums.items()


def _rows(group: Group, columns: Columns) -> Iterator[Row]:
    won = columns.outcome == WON
    if group.stage:
        yield from _row(Measure.DWELL, group, columns.lasted, columns.ended)
        yield from _row(Measure.TO_WIN, group, columns.to_close[won])
    else:
        yield from _row(Measure.CYCLE, group, columns.to_close[won])


def _row(measure: Measure, group: Group, durations: Durations, ended: Flags | None = None) -> Iterator[Row]:
    """A row, unless nothing of it has ended: then nothing can be said. `ended` None: all have."""
    curve = Curve(durations, np.ones(len(durations), np.bool_) if ended is None else ended)
    if curve.events:
        yield Row(measure=measure, **group._asdict(), n=curve.n, events=curve.events, quantiles=curve.quantiles(GRID))
