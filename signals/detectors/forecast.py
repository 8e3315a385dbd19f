"""Forecast: whether what the deal promises is to be believed."""

from __future__ import annotations

from calendar import monthrange

from signals.deal import Deal, Move
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always
from signals.episodes import Details, Finding
from signals.rules import Rules, days_us
from topics.instants import from_us, iso_day
from topics.signals import Kind, Severity


def _close_date_pushed(case: Case) -> Verdict:
    """Pushes of some days in a rolling window: 2 warn, 3 are critical; one long one, or a long sum, warns.

    An episode is anchored at the push that passed the limit; each further push updates it and renews its expiry.
    """
    numbers = case.rules.settings.close_date_pushed
    window_us, life_us = days_us(numbers.window_days), days_us(numbers.expires_days)
    pushes = _pushes(case.deal, numbers.min_days)
    first = last = None
    severity = Severity.WARNING
    for push in pushes:
        recent = [one for one in pushes if one.mark.n <= push.mark.n and push.at_us - one.at_us <= window_us]
        found = _severity(recent, case.rules)
        if found is None:
            continue
        if last is None or push.at_us - last.at_us > life_us:
            first = push
        last, severity = push, found
    if first is None or last is None or case.at_us - last.at_us > life_us:
        return NOTHING
    shown = [one for one in pushes if last.at_us - one.at_us <= window_us and one.mark.n <= last.mark.n]
    finding = Finding(
        f"close date pushed {_times(len(shown))}, {sum(one.days for one in shown)} days in all",
        anchor=first.mark.event,
        severity=severity,
        observed=float(len(shown)),
        limit=float(numbers.warning_count),
        unit="pushes",
        details=_details(shown, case.rules),
        causes=tuple(one.mark for one in shown),
        expires_us=last.at_us + life_us,
    )
    return Verdict((finding,), finding.expires_us)


def _pushes(deal: Deal, min_days: int) -> list[Move]:
    """The moves that count. The first off a month-end default of the CRM is weak evidence and does not (signals.md)."""
    pushes = [move for move in deal.moves if move.days >= min_days]
    weak = next((move for move in pushes if move.from_day == _default_day(deal)), None)
    return [move for move in pushes if move is not weak]


def _default_day(deal: Deal) -> str | None:
    """The last day of the month of creation, which HubSpot fills in as the close date."""
    if deal.created_us is None:
        return None
    created = from_us(deal.created_us).date()
    return created.replace(day=monthrange(created.year, created.month)[1]).isoformat()


def _severity(recent: list[Move], rules: Rules) -> Severity | None:
    numbers = rules.settings.close_date_pushed
    if len(recent) >= numbers.critical_count:
        return Severity.CRITICAL
    long = recent[-1].days >= numbers.single_days or sum(one.days for one in recent) >= numbers.sum_days
    return Severity.WARNING if long or len(recent) >= numbers.warning_count else None


def _details(pushes: list[Move], rules: Rules) -> Details:
    return tuple(
        {
            "from": one.from_day,
            "to": one.to_day,
            "days": one.days,
            "crossed_quarter": _quarter(one.from_day, rules) != _quarter(one.to_day, rules),
        }
        for one in pushes
    )


def _quarter(day: str, rules: Rules) -> int:
    """A running number of fiscal quarters."""
    date = iso_day(day)
    return (date.year * 12 + date.month - rules.playbook.fiscal_year_starts) // 3


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


CLOSE_DATE_PUSHED = Detector(Kind.CLOSE_DATE_PUSHED, always("close_date", "created_at"), _close_date_pushed)
