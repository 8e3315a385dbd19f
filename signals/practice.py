"""Where the playbook and the practice differ: how often each definition is met, broken and overridden, and by whom.

* a *gate*: the entries into its stage within 90 days, as the gate was found then, and which of its criteria failed;
* *SQL*: each qualification field, over the open deals at or past SQL; *ICP*: each criterion, over the open deals;
* a *stage*: the open deals in it, broken where a signal of its pace is open on one (too long, left out, fallen back).

An *override* is an exception that a lead or RevOps made for a signal of that definition, or its owner's word that it is
not relevant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

import msgspec

from playbook.model import Playbook
from signals.questions import Asked
from topics.indicators import WINDOW_DAYS, GateFigures
from topics.instants import DAY_US, parse_rfc3339
from topics.signals import FAMILY, Family, Kind, Signal, Step
from topics.standing import Answer, Judged

MET, NOT_MET, UNKNOWN = Answer.MET, Answer.NOT_MET, Answer.UNKNOWN
#: Under so many judged, a share says little: such definitions stand after the others.
ENOUGH = 5


class Sort(StrEnum):
    """What kind of definition."""

    GATE = "gate"
    SQL = "sql"
    ICP = "icp"
    STAGE = "stage"


class Definition(NamedTuple):
    """A definition of the playbook. `pipeline` is empty for those of all pipelines."""

    sort: Sort
    pipeline: str
    name: str


class OpenKind(msgspec.Struct, frozen=True):
    """A signal that is open on a deal, as far as it matters here."""

    kind: Kind


class Seen(Asked, frozen=True):
    """A deal's view with the kinds that are open on it."""

    open_signals: tuple[OpenKind, ...] = ()


class Practice:
    """What became of one definition, by team. `criteria`: those of a gate that failed, how often."""

    def __init__(self) -> None:
        self.by_team: dict[str, Counter[Answer]] = {}
        self.overridden: Counter[str] = Counter()
        self.criteria: Counter[str] = Counter()

    def count(self, team: str, answer: Answer, times: int = 1) -> None:
        """It was met, broken or not known so often."""
        if times:
            self.by_team.setdefault(team, Counter())[answer] += times

    @property
    def total(self) -> Counter[Answer]:
        """Over all teams."""
        return sum(self.by_team.values(), Counter())

    @property
    def judged(self) -> int:
        """Met and broken."""
        return judged(self.total)

    @property
    def broken_share(self) -> float | None:
        """Broken of those judged; None where nothing was."""
        return broken_share(self.total)

    @property
    def worst_team(self) -> tuple[str, float] | None:
        """The team that breaks it most, by share, and that share; None where nobody does."""
        teams = [(share, judged(count), team) for team, count in self.by_team.items() if (share := broken_share(count))]
        if not teams:
            return None
        share, _, team = max(teams)
        return team, share


def judged(count: Counter[Answer]) -> int:
    """Met and not met."""
    return count[Answer.MET] + count[Answer.NOT_MET]


def broken_share(count: Counter[Answer]) -> float | None:
    """Not met of met and not met."""
    return count[Answer.NOT_MET] / judged(count) if judged(count) else None


#: The kinds that say that a stage is not what the playbook says.
_OF_STAGE = frozenset(kind for kind, family in FAMILY.items() if family is Family.PACE) - {Kind.CYCLE_EXCEEDED}
#: The kinds that are about qualification fields.
_OF_SQL = frozenset({Kind.SQL_UNQUALIFIED, Kind.POST_SQL_INCONSISTENT})


class Report:
    """The practice of every definition, as of an instant.

    `playbook` names the criteria; `overridden` are the signals of which there was an override.
    """

    def __init__(self, at_us: int, playbook: Playbook, overridden: Iterable[str] = ()) -> None:
        self.at_us = at_us
        self._names = {Sort.SQL: playbook.sql.fields, Sort.ICP: tuple(one.name for one in playbook.icp)}
        self.rows: dict[Definition, Practice] = {}
        self._since_us = (at_us // DAY_US - WINDOW_DAYS) * DAY_US
        self._overridden = frozenset(overridden)

    def take_gate(self, figures: GateFigures) -> None:
        """The entries into a stage, of one partition and team."""
        practice = self._at(Sort.GATE, figures.pipeline, figures.stage)
        entries = figures.entries
        for answer, times in zip(Answer, (entries.met, entries.not_met, entries.unknown), strict=True):
            practice.count(figures.team, answer, times)

    def take_deal(self, deal: Seen) -> None:
        """How an open deal stands now."""
        if not deal.is_open:
            return
        if deal.sql is not None:
            self._take_judged(Sort.SQL, deal, deal.sql)
        if deal.icp is not None:
            self._take_judged(Sort.ICP, deal, deal.icp)
        broken = any(one.kind in _OF_STAGE for one in deal.open_signals)
        self._at(Sort.STAGE, deal.pipeline, deal.stage).count(deal.team, NOT_MET if broken else MET)

    def take_signal(self, signal: Signal) -> None:
        """What was said: which criteria of a gate failed, and which signals there was an override of."""
        if signal.transition is not Step.OPENED or parse_rfc3339(signal.occurred_at) < self._since_us:
            return
        if signal.kind is Kind.GATE_VIOLATED:
            failed = _named(signal, "criterion")
            self._at(Sort.GATE, signal.pipeline, signal.stage).criteria.update(failed)
        if signal.id in self._overridden:
            self._override(signal)

    def _override(self, signal: Signal) -> None:
        kind, team = signal.kind, signal.team
        if kind in _OF_STAGE:
            self._at(Sort.STAGE, signal.pipeline, signal.stage).overridden[team] += 1
        elif kind is Kind.GATE_VIOLATED:
            self._at(Sort.GATE, signal.pipeline, signal.stage).overridden[team] += 1
        elif kind in _OF_SQL:
            for name in _named(signal, "field"):
                self._at(Sort.SQL, "", name).overridden[team] += 1
        elif kind is Kind.ICP_MISMATCH:
            for name in _named(signal, "criterion"):
                self._at(Sort.ICP, "", name).overridden[team] += 1

    def _take_judged(self, sort: Sort, deal: Seen, found: Judged) -> None:
        for name in self._names[sort]:
            answer = NOT_MET if name in found.failed else UNKNOWN if name in found.unknown else MET
            self._at(sort, "", name).count(deal.team, answer)

    def _at(self, sort: Sort, pipeline: str, name: str) -> Practice:
        return self.rows.setdefault(Definition(sort, pipeline, name), Practice())

    def worst_first(self) -> list[tuple[Definition, Practice]]:
        """The definitions, those that are broken most by share first; with few judged after the others."""
        return sorted(self.rows.items(), key=lambda row: (row[1].judged < ENOUGH, -(row[1].broken_share or 0), row[0]))


def _named(signal: Signal, what: str) -> list[str]:
    """What the evidence names as failed, each once; not what was only unknown."""
    return list(
        dict.fromkeys(str(one[what]) for one in signal.evidence.details if what in one and "unknown" not in one)
    )


def as_document(report: Report) -> list[dict[str, object]]:
    """The rows as JSON, worst first."""
    return [_row(definition, practice) for definition, practice in report.worst_first()]


def _row(definition: Definition, practice: Practice) -> dict[str, object]:
    return {
        "sort": definition.sort.value,
        "pipeline": definition.pipeline,
        "definition": definition.name,
        **_numbers(practice.total),
        "overridden": practice.overridden.total(),
        "criteria": dict(practice.criteria.most_common()),
        "teams": [
            {"team": team, **_numbers(count), "overridden": practice.overridden[team]}
            for team, count in sorted(practice.by_team.items(), key=lambda row: (-(broken_share(row[1]) or 0), row[0]))
        ],
    }


def _numbers(count: Counter[Answer]) -> dict[str, object]:
    return {
        "met": count[MET],
        "broken": count[NOT_MET],
        "unknown": count[UNKNOWN],
        "n": judged(count),
        "broken_share": broken_share(count),
    }
