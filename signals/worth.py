"""What a limit is worth: on how many deals it fires, and how those ended, against the deals that it leaves alone.

What an owner is told is worth an interruption: a limit that fires on more than `MOST_FIRED` of all deals is noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from signals.baselines import Learned
from signals.fitting import WON, Columns, Group, Outcomes, Samples
from signals.rules import Rules, SegmentRule, StageRule
from topics.signals import Kind, Severity

#: The most that a learned limit may fire on: the share of all deals that were in the stage (signals.md).
MOST_FIRED = 0.15


class Ends(NamedTuple):
    """How some deals ended: how many closed, how many of those were won."""

    closed: int
    won: int

    @property
    def won_share(self) -> float | None:
        """Of those that closed; None where none did."""
        return self.won / self.closed if self.closed else None


class Worth(NamedTuple):
    """One limit over the stays of one group. `past` ended, `open` still run; `learned` None: a fixed limit.

    `segment` None: of all segments together, for a fixed limit; else of deals of no segment.
    """

    kind: Kind
    severity: Severity
    group: Group
    limit_us: int
    learned: Learned | None
    past: int
    past_fired: int
    open: int
    open_fired: int
    fired: Ends
    spared: Ends

    @property
    def share(self) -> float:
        """The share of all deals, past and open, that the limit fires on."""
        total = self.past + self.open
        return (self.past_fired + self.open_fired) / total if total else 0.0

    @property
    def is_noise(self) -> bool:
        """Whether it fires on more than is worth an interruption."""
        return self.share > MOST_FIRED


def noise_of(worths: Iterable[Worth]) -> list[Worth]:
    """The learned limits that are not worth an interruption."""
    return [one for one in worths if one.learned is not None and one.is_noise]


class _Limit(NamedTuple):
    """A limit and whom it is for; a limit of None fires on nobody."""

    kind: Kind
    severity: Severity
    group: Group
    limit_us: int | None
    learned: Learned | None = None


def worth_of(rules: Rules, samples: Samples, at_us: int) -> list[Worth]:
    """Every limit on time in a stage and on the cycle that these rules have, over these stays as of T."""
    by_limit: dict[_Limit, Columns] = {}
    for group, columns in samples.groups(at_us):
        for limit in _limits(rules, group):
            by_limit[limit] = by_limit[limit].joined(columns) if limit in by_limit else columns
    return [_worth(limit, limit.limit_us, columns) for limit, columns in by_limit.items() if limit.limit_us is not None]


def _limits(rules: Rules, group: Group) -> Iterator[_Limit]:
    stages = rules.stages({"pipeline": group.pipeline})
    stage = stages.get(group.stage) if group.stage else next(iter(stages.values()), None)
    segment = next((one for one in rules.segments if one.name == group.segment), None)
    kind = Kind.STAGE_OVERSTAY if group.stage else Kind.CYCLE_EXCEEDED
    if stage is None or not rules.settings.of(kind).enabled or _is_off(rules, kind, group):
        return
    yield from _overstay(rules, stage, segment, group) if group.stage else _cycle(rules, stage, segment, group)


def _overstay(rules: Rules, stage: StageRule, segment: SegmentRule | None, group: Group) -> Iterator[_Limit]:
    kind, found = Kind.STAGE_OVERSTAY, rules.overstay(stage, segment)
    if found.learned is None:  # the stage's fixed days, whatever the segment
        yield _Limit(kind, Severity.WARNING, group._replace(segment=None), found.warning_us)
        return
    yield _Limit(kind, Severity.WARNING, group, found.warning_us, found.learned)
    yield _Limit(kind, Severity.CRITICAL, group, found.critical_us, found.critical)


def _cycle(rules: Rules, stage: StageRule, segment: SegmentRule | None, group: Group) -> Iterator[_Limit]:
    found = rules.corridor(stage, segment)
    yield _Limit(Kind.CYCLE_EXCEEDED, Severity.WARNING, group, found.limit_us, found.learned)


def _is_off(rules: Rules, kind: Kind, group: Group) -> bool:
    """Whether the playbook switches the kind off for all of a group."""
    scope = rules.settings.of(kind).off_for
    return group.pipeline in scope.pipelines or group.stage in scope.stages or group.segment in scope.segments


def _worth(limit: _Limit, limit_us: int, columns: Columns) -> Worth:
    fires, ended = columns.lasted > limit_us, columns.ended
    past, past_fired = int(ended.sum()), int((fires & ended).sum())
    return Worth(
        limit.kind,
        limit.severity,
        limit.group,
        limit_us,
        limit.learned,
        past,
        past_fired,
        len(ended) - past,
        int(fires.sum()) - past_fired,
        _ends(columns.outcome[fires]),
        _ends(columns.outcome[~fires]),
    )


def _ends(outcomes: Outcomes) -> Ends:
    return Ends(int(np.count_nonzero(outcomes)), int((outcomes == WON).sum()))
