"""Forecast: whether what the deal promises is to be believed."""

from __future__ import annotations

from calendar import monthrange
from functools import lru_cache
from typing import NamedTuple

from signals.deal import Deal, Move
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always
from signals.episodes import Details, Finding
from signals.rules import Rules
from topics.events import Scalar
from topics.instants import DAY_US, from_us, iso_day
from topics.signals import Kind, Severity


def _close_date_pushed(case: Case) -> Verdict:
    """Pushes of some days in a rolling window: 2 warn, 3 are critical; one long one, or a long sum, warns.

    An episode is anchored at the push that passed the limit; each further push updates it and renews its expiry.
    """
    numbers = case.rules.settings.close_date_pushed
    pushes = pushes_of(case.deal, numbers.min_days)
    if not pushes:
        return NOTHING
    chain = _chain(pushes, case.rules)
    if chain is None or case.at_us > (expires_us := chain.last.at_us + case.rules.push_life_us):
        return NOTHING
    finding = Finding(
        f"close date pushed {_times(len(chain.shown))}, {sum([one.days for one in chain.shown])} days in all",
        anchor=chain.first.mark.event,
        severity=chain.severity,
        observed=float(len(chain.shown)),
        limit=float(numbers.warning_count),
        unit="pushes",
        details=_details(chain.shown, case.rules),
        causes=tuple([one.mark for one in chain.shown]),
        expires_us=expires_us,
    )
    return (finding,), expires_us


class _Chain(NamedTuple):
    """Pushes past the limit, none later than the life of the one before; `shown` are those in the last one's window."""

    first: Move
    last: Move
    severity: Severity
    shown: list[Move]


def _chain(pushes: list[Move], rules: Rules) -> _Chain | None:
    """The latest chain. Moves stand in the order in which they were folded, so a window is a run of them.

    A deal keeps up to 32 moves, and a busy one asks at every push: hence one pass, and a chain made at its end only.
    """
    numbers = rules.settings.close_date_pushed
    window_us, life_us = rules.push_window_us, rules.push_life_us
    count = min(numbers.warning_count, numbers.critical_count)
    single_days, sum_days = numbers.single_days, numbers.sum_days
    first = last = None
    begin = days = end_us = 0
    shown = (0, 0)
    for end, push in enumerate(pushes, 1):
        at_us = push.at_us
        days += push.days
        while at_us - pushes[begin].at_us > window_us:
            days -= pushes[begin].days
            begin += 1
        if end - begin < count and push.days < single_days and days < sum_days:
            continue
        if last is None or at_us > end_us:
            first = push
        last, end_us, shown = push, at_us + life_us, (begin, end)
    if first is None or last is None:
        return None
    begin, end = shown
    critical = end - begin >= numbers.critical_count
    return _Chain(first, last, Severity.CRITICAL if critical else Severity.WARNING, pushes[begin:end])


def pushes_of(deal: Deal, min_days: int) -> list[Move]:
    """The moves that count. The first off a month-end default of the CRM is weak evidence and does not (signals.md)."""
    pushes = [move for move in deal.moves if move.days >= min_days]
    if not pushes or deal.created_us is None:
        return pushes
    default = _month_end(deal.created_us // DAY_US)
    for place, move in enumerate(pushes):
        if move.from_day == default:
            return pushes[:place] + pushes[place + 1 :]
    return pushes


@lru_cache(4096)  # 11 years of days; a month's end costs 2 us to work out
def _month_end(day: int) -> str:
    """The last day of the month of a day since 1970: what HubSpot fills in as the close date at creation."""
    date = from_us(day * DAY_US).date()
    return date.replace(day=monthrange(date.year, date.month)[1]).isoformat()


def _details(pushes: list[Move], rules: Rules) -> Details:
    starts = rules.playbook.fiscal_year_starts
    return tuple([_detail(one.from_day, one.to_day, one.days, starts) for one in pushes])


@lru_cache(4096)  # a busy deal shows up to 32 pushes at each further one
def _detail(from_day: str, to_day: str, days: int, fiscal_year_starts: int) -> dict[str, Scalar]:
    """One push, as the evidence shows it. Shared by all who show it: never changed."""
    crossed = _quarter(from_day, fiscal_year_starts) != _quarter(to_day, fiscal_year_starts)
    return {"from": from_day, "to": to_day, "days": days, "crossed_quarter": crossed}


def _quarter(day: str, fiscal_year_starts: int) -> int:
    """A running number of fiscal quarters."""
    date = iso_day(day)
    return (date.year * 12 + date.month - fiscal_year_starts) // 3


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


CLOSE_DATE_PUSHED = Detector(Kind.CLOSE_DATE_PUSHED, always("close_date", "created_at"), _close_date_pushed)
