"""Pipeline-level figures, kept by difference: what a deal counted for is taken away, what it counts for now is added.

Each partition keeps its own sums, rebuilt from state when it is loaded; sums over partitions and ratios are PromQL's.

What a deal did within the window (`topics.indicators.WINDOW_DAYS`) is summed by day. A day that leaves the window is
dropped as a whole when T comes to the next day, so no deal is looked at for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec

from playbook.model import Hygiene
from signals.hygiene import DEVIATIONS, by_kind, score, weight_of
from signals.judge import Watch
from signals.rules import Rules
from signals.standing import Cell, OwnedBy, Standing, standing_of
from topics.indicators import WINDOW_DAYS, Amounts, CellFigures, Counts, Figures, GateFigures, OwnerFigures
from topics.instants import DAY_US, rfc3339
from topics.signals import Kind, Severity
from topics.standing import Answer

#: How many, by day since 1970 and answer.
Daily: TypeAlias = Counter[tuple[int, Answer]]


class Gate(NamedTuple):
    """Under what a stage's entry counts: names of the playbook; the team may be one that only the CRM knows."""

    pipeline: str
    stage: str
    team: str


Place: TypeAlias = Cell | Gate | OwnedBy
_SORT: dict[type[Place], str] = {Cell: "cell", Gate: "gate", OwnedBy: "owner"}
PlaceT = TypeVar("PlaceT", Cell, Gate, OwnedBy)
CountedT = TypeVar("CountedT", Answer, tuple[int, Answer], str, tuple[Kind, Severity], tuple[str, int])
SumT = TypeVar("SumT")


def places_of(standing: Standing | None) -> set[Place]:
    """Where a deal counts."""
    if standing is None:
        return set()
    gates = {Gate(one.pipeline, one.stage, one.team) for one in standing.entered}
    places: set[Place] = {standing.cell, *gates}
    return places if standing.owner is None else {*places, standing.owner}


def key_of(partition: int, place: Place) -> str:
    """The key on the topic: a JSON array of what it is, the partition, and the labels."""
    return msgspec.json.encode([_SORT[type(place)], partition, *place]).decode()


class Made(NamedTuple):
    """Where and when figures were made, and by which definitions: on every record of the topic."""

    partition: int
    as_of: str
    playbook: str


class CellSums:
    """The sums of one cell; amounts in hundredths of a currency's unit."""

    __slots__ = ("at_risk_cents", "cents", "icp", "kept_sql", "open_deals", "over_cycle", "sql", "suspect_deals")

    def __init__(self) -> None:
        self.open_deals = self.over_cycle = self.suspect_deals = 0
        self.sql: Counter[Answer] = Counter()
        self.icp: Counter[Answer] = Counter()
        self.kept_sql: Daily = Counter()
        self.cents: Counter[str] = Counter()
        self.at_risk_cents: Counter[str] = Counter()

    def add(self, standing: Standing, sign: int, first_day: int) -> None:
        """Add what a deal counts for, or take it away."""
        kept = standing.kept_sql
        if kept is not None and kept[0] >= first_day:
            _count(self.kept_sql, kept, sign)
        if not standing.is_open:
            return
        self.open_deals += sign
        if standing.sql is not None:
            _count(self.sql, standing.sql, sign)
        if standing.icp is not None:
            _count(self.icp, standing.icp, sign)
        self.over_cycle += sign * standing.over_cycle
        self.suspect_deals += sign * (standing.suspect is not None)
        if standing.cents:
            _count(self.cents, standing.currency, sign * standing.cents)
            if any(severity is Severity.CRITICAL for _, severity in standing.signals):
                _count(self.at_risk_cents, standing.currency, sign * standing.cents)

    def __bool__(self) -> bool:
        return bool(self.open_deals or self.kept_sql)


class OwnerSums:
    """The open deals of one owner, and the deviations that are open on them."""

    __slots__ = ("deviations", "open_deals")

    def __init__(self) -> None:
        self.open_deals = 0
        self.deviations: Counter[tuple[Kind, Severity]] = Counter()

    def add(self, standing: Standing, sign: int) -> None:
        """Add what a deal counts for, or take it away."""
        self.open_deals += sign
        for one in standing.signals:
            if one[0] in DEVIATIONS:
                _count(self.deviations, one, sign)

    def __bool__(self) -> bool:
        return bool(self.open_deals)


class Totals:
    """The sums of one partition. `touched`: where something changed since it was last asked."""

    def __init__(self, at_us: int = 0) -> None:
        self.cells: dict[Cell, CellSums] = {}
        self.gates: dict[Gate, Daily] = {}
        self.owners: dict[OwnedBy, OwnerSums] = {}
        self.signals: Counter[tuple[Kind, Severity]] = Counter()
        #: By source and the hour in which it lost changes, so that the longest wait is known.
        self.suspect: Counter[tuple[str, int]] = Counter()
        self.first_day = _first_day(at_us)
        self.touched: set[Place] = set()

    def change(self, before: Standing | None, after: Standing | None) -> None:
        """A deal counted for `before` and counts for `after`."""
        if before is after or before == after:
            return
        if before is not None:
            self._add(before, -1)
        if after is not None:
            self._add(after, 1)

    def pass_to(self, at_us: int) -> None:
        """It is this instant: what happened before the window counts no longer."""
        first_day = _first_day(at_us)
        if first_day <= self.first_day:
            return
        self.first_day = first_day
        for cell, sums in list(self.cells.items()):
            if _drop_before(sums.kept_sql, first_day):
                self.touched.add(cell)
                if not sums:
                    del self.cells[cell]
        for gate, daily in list(self.gates.items()):
            if _drop_before(daily, first_day):
                self.touched.add(gate)
                if not daily:
                    del self.gates[gate]

    def figures(self, place: Place, made: Made, weights: Hygiene) -> Figures | None:
        """What the topic says of a place; None where nothing is left to count."""
        if isinstance(place, Cell):
            cell = self.cells.get(place)
            return None if cell is None else _cell_figures(place, cell, made)
        if isinstance(place, Gate):
            daily = self.gates.get(place)
            return None if daily is None else GateFigures(**place._asdict(), entries=of_days(daily), **made._asdict())
        owner = self.owners.get(place)
        return None if owner is None else _owner_figures(place, owner, made, weights)

    def _add(self, standing: Standing, sign: int) -> None:
        first_day = self.first_day
        cell = standing.cell
        sums = self._at(self.cells, cell, CellSums)
        sums.add(standing, sign, first_day)
        if not sums:
            del self.cells[cell]
        for pipeline, stage, team, day, answer in standing.entered:
            if day >= first_day:
                self._add_entry(Gate(pipeline, stage, team), (day, answer), sign)
        for kind_and_severity in standing.signals:
            _count(self.signals, kind_and_severity, sign)
        if not standing.is_open:
            return
        if standing.owner is not None:
            owner = self._at(self.owners, standing.owner, OwnerSums)
            owner.add(standing, sign)
            if not owner:
                del self.owners[standing.owner]
        if standing.suspect is not None:
            _count(self.suspect, standing.suspect, sign)

    def _add_entry(self, gate: Gate, entry: tuple[int, Answer], sign: int) -> None:
        daily = self._at(self.gates, gate, Counter)
        _count(daily, entry, sign)
        if not daily:
            del self.gates[gate]

    def _at(self, sums: dict[PlaceT, SumT], place: PlaceT, make: Callable[[], SumT]) -> SumT:
        self.touched.add(place)
        found = sums.get(place)
        if found is None:
            found = sums[place] = make()
        return found


def figures_of(rules: Rules, watches: Iterable[Watch], at_us: int) -> list[Figures]:
    """The indicators of some deals as of an instant, counted anew; as if of the partition 0."""
    totals = Totals(at_us)
    for watch in watches:
        totals.change(None, standing_of(rules, watch))
    made, weights = Made(0, rfc3339(at_us), rules.version), rules.playbook.hygiene
    places: list[Place] = [*totals.cells, *totals.gates, *totals.owners]
    return [figures for place in places if (figures := totals.figures(place, made, weights)) is not None]


def counts(answers: Mapping[Answer, int]) -> Counts:
    """Sums as the topic says them."""
    return Counts(answers.get(Answer.MET, 0), answers.get(Answer.NOT_MET, 0), answers.get(Answer.UNKNOWN, 0))


def of_days(daily: Daily) -> Counts:
    """The sum over the days."""
    answers: Counter[Answer] = Counter()
    for (_, answer), count in daily.items():
        answers[answer] += count
    return counts(answers)


def _cell_figures(cell: Cell, sums: CellSums, made: Made) -> CellFigures:
    return CellFigures(
        **cell._asdict(),
        open_deals=sums.open_deals,
        over_cycle=sums.over_cycle,
        suspect_deals=sums.suspect_deals,
        sql=counts(sums.sql),
        icp=counts(sums.icp),
        sql_kept=of_days(sums.kept_sql),
        money=tuple(
            Amounts(currency, sums.cents[currency] / 100, sums.at_risk_cents[currency] / 100)
            for currency in sorted(sums.cents)
        ),
        **made._asdict(),
    )


def _owner_figures(owner: OwnedBy, sums: OwnerSums, made: Made, weights: Hygiene) -> OwnerFigures:
    weight = weight_of(weights, sums.deviations)
    return OwnerFigures(
        owner_id=owner.id,
        owner=owner.name,
        team=owner.team,
        open_deals=sums.open_deals,
        deviations=by_kind(sums.deviations.items()),
        weight=weight,
        score=score(weight, sums.open_deals),
        **made._asdict(),
    )


def _first_day(at_us: int) -> int:
    return at_us // DAY_US - WINDOW_DAYS


def _count(sums: Counter[CountedT], key: CountedT, by: int) -> None:
    """Count, and forget what is zero."""
    sums[key] += by
    if not sums[key]:
        del sums[key]


def _drop_before(daily: Daily, first_day: int) -> bool:
    """Forget the days that are over; say whether there were any."""
    over = [one for one in daily if one[0] < first_day]
    for one in over:
        del daily[one]
    return bool(over)
