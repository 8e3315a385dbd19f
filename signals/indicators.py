"""Pipeline-level figures, kept by difference: what a deal counted for is taken away, what it counts for now is added.

Each partition keeps its own sums, rebuilt from state when it is loaded; sums over partitions and ratios are PromQL's.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from enum import StrEnum
from typing import NamedTuple

import msgspec

from signals.deal import is_true
from signals.episodes import Episode
from signals.judge import Watch
from signals.rules import Condition, Rules
from topics.events import Scalar
from topics.instants import HOUR_US
from topics.signals import Kind, Severity

_CURRENCY = re.compile(r"[A-Z]{3}")
_MOST_CENTS = 2**63 - 1
_replace = msgspec.structs.replace


class Answer(StrEnum):
    """How a deal stands to a definition. Unknown is reported beside the ratio, never in it (law 13)."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


class Cell(NamedTuple):
    """The bounded labels under which a deal counts: all of them names of the playbook, or empty (law 12)."""

    pipeline: str
    segment: str
    team: str


class Standing(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one open deal counts for. `sql`: None where the deal is not at or past SQL; `icp`: None without criteria.

    `cents`: its amount in hundredths of the currency's unit, whole, so that sums do not drift. `suspect`: its source,
    and the hour since 1970 in which that lost changes of it, while it has not been read again.
    """

    cell: Cell
    sql: Answer | None
    icp: Answer | None
    over_cycle: bool
    cents: int
    currency: str
    signals: tuple[tuple[Kind, Severity], ...]
    suspect: tuple[str, int] | None = None


def standing_of(rules: Rules, watch: Watch) -> Standing | None:
    """What a deal counts for now; None when it is not open."""
    deal = watch.deal
    stage = rules.stage(deal, deal.entries[-1].stage) if deal.entries and not deal.removed else None
    if stage is None or not stage.is_open:
        return None
    fields, episodes = deal.fields, watch.episodes
    segment, owner = rules.segment(fields), rules.owner(fields)
    currency = fields.get("currency")
    return Standing(
        Cell(stage.pipeline, segment.name if segment else "", (owner.team or "") if owner else ""),
        _sql(rules, watch) if stage.is_sql and rules.sql_fields else None,
        _all(rules.icp, watch) if rules.icp else None,
        _over_cycle(episodes),
        _cents(fields.get("amount")),
        currency if isinstance(currency, str) and _CURRENCY.fullmatch(currency) else "",
        _signals(episodes),
        None if deal.suspect_us is None else (deal.source, deal.suspect_us // HOUR_US),
    )


def standing_after(rules: Rules, before: Watch, counted: Standing | None, now: Watch) -> Standing | None:
    """What a deal counts for now, given what it counted for before: only what can have changed is asked again.

    Both by the same rules. An activity, say, changes no sum by itself; an episode changes two.
    """
    old, deal = before.deal, now.deal
    same = old.entries == deal.entries and old.removed == deal.removed and old.suspect_us == deal.suspect_us
    if not same or old.fields != deal.fields:
        return standing_of(rules, now)
    if counted is None or before.episodes is now.episodes:
        return counted
    return _replace(counted, over_cycle=_over_cycle(now.episodes), signals=_signals(now.episodes))


def _over_cycle(episodes: tuple[Episode, ...]) -> bool:
    return Kind.CYCLE_EXCEEDED in [episode.kind for episode in episodes]


def _signals(episodes: tuple[Episode, ...]) -> tuple[tuple[Kind, Severity], ...]:
    return tuple([(episode.kind, episode.severity) for episode in episodes if episode.told])


def _cents(amount: Scalar) -> int:
    """Zero for what is no amount, or cannot be kept: an integer of 64 bits is what states hold."""
    if not isinstance(amount, int | float) or isinstance(amount, bool) or not math.isfinite(amount):
        return 0
    cents = round(amount * 100)
    return cents if -_MOST_CENTS <= cents <= _MOST_CENTS else 0


def _sql(rules: Rules, watch: Watch) -> Answer:
    fields = watch.deal.fields
    return _together([is_true(fields[name]) if name in fields else None for name in rules.sql_fields])


def _all(conditions: tuple[Condition, ...], watch: Watch) -> Answer:
    return _together([condition.judge(watch.deal.fields) for condition in conditions])


def _together(answers: list[bool | None]) -> Answer:
    """One that is false decides; else one that is unknown."""
    if False in answers:
        return Answer.NOT_MET
    return Answer.UNKNOWN if None in answers else Answer.MET


class Totals:
    """The sums of one partition."""

    def __init__(self) -> None:
        self.open_deals: Counter[Cell] = Counter()
        self.sql: Counter[tuple[Cell, Answer]] = Counter()
        self.icp: Counter[tuple[Cell, Answer]] = Counter()
        self.over_cycle: Counter[Cell] = Counter()
        self.amount_cents: Counter[tuple[Cell, str]] = Counter()
        self.signals: Counter[tuple[Kind, Severity]] = Counter()
        #: By source and the hour in which it lost changes, so that the longest wait is known.
        self.suspect: Counter[tuple[str, int]] = Counter()

    def change(self, before: Standing | None, after: Standing | None) -> None:
        """A deal counted for `before` and counts for `after`."""
        if before is after or before == after:
            return
        if before is not None:
            self._add(before, -1)
        if after is not None:
            self._add(after, 1)

    def _add(self, standing: Standing, sign: int) -> None:
        cell = standing.cell
        self.open_deals[cell] += sign
        if standing.sql is not None:
            self.sql[cell, standing.sql] += sign
        if standing.icp is not None:
            self.icp[cell, standing.icp] += sign
        if standing.over_cycle:
            self.over_cycle[cell] += sign
        self.amount_cents[cell, standing.currency] += sign * standing.cents
        for kind_and_severity in standing.signals:
            self.signals[kind_and_severity] += sign
        if standing.suspect is not None:
            self.suspect[standing.suspect] += sign
            if not self.suspect[standing.suspect]:
                del self.suspect[standing.suspect]
