"""Pipeline-level figures, kept by difference: what a deal counted for is taken away, what it counts for now is added.

Each partition keeps its own sums, rebuilt from state when it is loaded; sums over partitions and ratios are PromQL's.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from enum import StrEnum
from typing import NamedTuple

from signals.deal import is_true
from signals.judge import Watch
from signals.rules import Condition, Rules
from topics.signals import Kind, Severity

_CURRENCY = re.compile(r"[A-Z]{3}")


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


class Standing(NamedTuple):
    """What one open deal counts for. `sql`: None where the deal is not at or past SQL; `icp`: None without criteria."""

    cell: Cell
    sql: Answer | None
    icp: Answer | None
    over_cycle: bool
    amount: float
    currency: str
    signals: tuple[tuple[Kind, Severity], ...]


def standing_of(rules: Rules, watch: Watch) -> Standing | None:
    """What a deal counts for now; None when it is not open."""
    deal = watch.deal
    stage = rules.stage(deal, deal.entries[-1].stage) if deal.entries and not deal.removed else None
    if stage is None or not stage.is_open:
        return None
    segment, owner = rules.segment(deal.fields), rules.owner(deal.fields)
    amount, currency = deal.fields.get("amount"), deal.fields.get("currency")
    return Standing(
        cell=Cell(stage.pipeline, segment.name if segment else "", (owner.team or "") if owner else ""),
        sql=_sql(rules, watch) if stage.is_sql and rules.sql_fields else None,
        icp=_all(rules.icp, watch) if rules.icp else None,
        over_cycle=any(episode.kind is Kind.CYCLE_EXCEEDED for episode in watch.episodes),
        amount=float(amount) if isinstance(amount, int | float) and math.isfinite(amount) else 0.0,
        currency=currency if isinstance(currency, str) and _CURRENCY.fullmatch(currency) else "",
        signals=tuple((episode.kind, episode.severity) for episode in watch.episodes if episode.told),
    )


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

    def change(self, before: Standing | None, after: Standing | None) -> None:
        """A deal counted for `before` and counts for `after`. Amounts in whole cents, so that sums do not drift."""
        if before == after:
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
        self.amount_cents[cell, standing.currency] += sign * round(standing.amount * 100)
        for kind_and_severity in standing.signals:
            self.signals[kind_and_severity] += sign
