"""A manager's roll-up of the forecast: by category, owner and team, with the exceptions that were made. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from alerts.actions import Action, ActionKind
from alerts.rollups.standings import OPEN, WON, Standing, Worth, owner_name, team_name
from playbook.owners import Directory
from topics.instants import from_us, parse_rfc3339
from topics.signals import Kind, Severity

MONTHS_OF_A_QUARTER = 3


class Group(StrEnum):
    """By what the forecast is told apart."""

    CATEGORY = "category"
    OWNER = "owner"
    TEAM = "team"


@dataclass(slots=True)
class Line:
    """Some open deals, and those won in the quarter. Money is in the base currency.

    `unknown` of them have no amount, or one that cannot be converted. `due`: with a close date in the quarter or
    before it; `at_risk`: under a critical signal.
    """

    deals: int = 0
    unknown: int = 0
    amount: float = 0.0
    due: float = 0.0
    at_risk: float = 0.0
    won_deals: int = 0
    won: float = 0.0

    def add(self, deal: Standing, worth: float | None, *, due: bool) -> None:
        """Count one open deal."""
        self.deals += 1
        self.unknown += worth is None
        money = worth or 0.0
        self.amount += money
        self.due += money if due else 0.0
        if any(signal.severity is Severity.CRITICAL for signal in deal.open_signals):
            self.at_risk += money

    def add_won(self, worth: float | None) -> None:
        """Count a deal that was won in the quarter."""
        self.won_deals += 1
        self.won += worth or 0.0


class Exempt(NamedTuple):
    """An exception that holds: of which deal and kind, who made it and why, until when (RFC 3339)."""

    deal: str
    kind: Kind | None
    by: str
    reason: str
    until: str


class Quarter(NamedTuple):
    """The days of a fiscal quarter, both in it."""

    first: date
    last: date


class Forecast(NamedTuple):
    """The roll-up: each group's lines, the most money first."""

    quarter: Quarter
    total: Line
    groups: dict[Group, dict[str, Line]]
    exempt: tuple[Exempt, ...]


def forecast(  # noqa: PLR0913, PLR0917 - what it is made of
    deals: Iterable[Standing],
    directory: Directory,
    worth: Worth,
    actions: Iterable[Action],
    at_us: int,
    fiscal_year_starts: int,
) -> Forecast:
    """The roll-up of all deals at an instant; `actions` in the order in which they were taken."""
    quarter = quarter_of(from_us(at_us).date(), fiscal_year_starts)
    total, groups = Line(), {group: defaultdict[str, Line](Line) for group in Group}
    called: dict[str, tuple[str, Kind]] = {}
    for deal in deals:
        money = deal.worth(worth)
        names = {
            Group.CATEGORY: deal.category,
            Group.OWNER: owner_name(deal, directory),
            Group.TEAM: team_name(deal, directory),
        }
        lines = [total, *(groups[group][name] for group, name in names.items())] if _counts(deal, quarter) else []
        for line in lines:
            if deal.outcome == OPEN:
                line.add(deal, money, due=_is_due(deal, quarter))
            else:
                line.add_won(money)
        called |= {signal.id: (deal.called, signal.kind) for signal in deal.open_signals}
    ordered = {group: dict(sorted(lines.items(), key=_most_first)) for group, lines in groups.items()}
    return Forecast(quarter, total, ordered, _exempt(actions, called, at_us))


def quarter_of(day: date, fiscal_year_starts: int) -> Quarter:
    """The fiscal quarter of a day; `fiscal_year_starts` is a month."""
    months = day.year * 12 + day.month - 1
    begin = months - (months - (fiscal_year_starts - 1)) % MONTHS_OF_A_QUARTER
    end = begin + MONTHS_OF_A_QUARTER - 1
    last = date(end // 12, end % 12 + 1, monthrange(end // 12, end % 12 + 1)[1])
    return Quarter(date(begin // 12, begin % 12 + 1, 1), last)


def _counts(deal: Standing, quarter: Quarter) -> bool:
    """Whether a deal is in the forecast: open, or won in the quarter."""
    if deal.outcome != WON or not deal.ended_at:
        return deal.outcome == OPEN
    return quarter.first.isoformat() <= deal.ended_at[:10] <= quarter.last.isoformat()


def _is_due(deal: Standing, quarter: Quarter) -> bool:
    return bool(deal.close_date) and deal.close_date <= quarter.last.isoformat()


def _most_first(item: tuple[str, Line]) -> tuple[float, str]:
    name, line = item
    return -(line.amount + line.won), name


def _exempt(actions: Iterable[Action], called: dict[str, tuple[str, Kind]], at_us: int) -> tuple[Exempt, ...]:
    """The exceptions that hold: of each signal the last, until its end."""
    latest = {action.signal: action for action in actions if action.kind is ActionKind.OVERRIDE}
    found = []
    for action in latest.values():
        if action.until and parse_rfc3339(action.until) > at_us:
            deal, kind = called.get(action.signal, (action.deal_id or action.subject_key, None))
            found.append(Exempt(deal, kind, action.by.name, action.reason, action.until))
    return tuple(sorted(found, key=lambda one: (one.until, one.deal)))
