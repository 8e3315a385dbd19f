"""Close dates: past, further out than anyone can know, sooner than such deals close.

A close date is a day of the owner's zone: it is over with the last instant of that day there.
"""

from __future__ import annotations

from datetime import date

from playbook.zones import Zone
from signals.detectors.case import NOTHING, Case, Detector, Verdict, in_days, said_by
from signals.episodes import Finding
from signals.rules import Rules
from topics.events import FIRST_US, LAST_US, Scalar
from topics.instants import DAY_US, from_us, iso_day, rfc3339
from topics.signals import Kind, Severity

_FIRST, _LAST = from_us(FIRST_US).date(), from_us(LAST_US).date()
#: What decides in which zone a close date is.
_OF_THE_OWNER = frozenset({"close_date", "owner_id", "owner_team"})


def day_of(value: Scalar) -> int | None:
    """A calendar day, numbered as `date.toordinal` does; None for what is none, or in no year that events may be of."""
    if not isinstance(value, str):
        return None
    try:
        day = iso_day(value)
    except ValueError:
        return None
    return day.toordinal() if _FIRST <= day <= _LAST else None


def zone_of_owner(case: Case) -> Zone:
    """The zone of the deal's owner, else of their calendar, else the playbook's."""
    return case.rules.business_time(case.deal.fields, case.stage.pipeline).zone


def _close_date_passed(case: Case) -> Verdict:
    """The close date is before today."""
    day = day_of(case.deal.fields.get("close_date"))
    if day is None:
        return NOTHING
    end_us = zone_of_owner(case).start_us(day + 1)
    if case.at_us <= end_us:
        return (), end_us
    finding = Finding(
        f"the close date {_iso(day)} has passed",
        # The end of the day as UTC has it: another owner's zone makes no other episode of it.
        anchor=f"{_iso(day + 1)}T00:00:00Z",
        start_us=end_us,
        limit_us=0,
        details=({"close_date": _iso(day)},),
        causes=said_by(case.deal, "close_date"),
    )
    return (finding,), None


def _close_date_parked(case: Case) -> Verdict:
    """The close date is more days ahead than 270, and than one and a half corridors of the deal's segment."""
    day = day_of(case.deal.fields.get("close_date"))
    if day is None:
        return NOTHING
    zone, limit = zone_of_owner(case), horizon_days(case)
    near_us = zone.start_us(day - int(limit))  # from then on it is no more than the limit ahead
    if case.at_us >= near_us:
        return NOTHING
    ahead = day - zone.day_of(case.at_us)
    finding = Finding(
        f"the close date {_iso(day)} is more than {in_days(round(limit * DAY_US))} ahead",
        severity=Severity.INFO,
        observed=float(ahead),
        limit=limit,
        details=({"close_date": _iso(day)},),
        causes=said_by(case.deal, "close_date"),
    )
    return (finding,), near_us


def horizon_days(case: Case) -> float:
    """How many days ahead a close date may lie."""
    rules, numbers = case.rules, case.rules.settings.close_date_parked
    corridor_us = rules.corridor(case.stage, rules.segment(case.deal.fields)).limit_us
    return numbers.days if corridor_us is None else max(numbers.days, corridor_us * numbers.corridor_factor / DAY_US)


def _close_date_wishful(case: Case) -> Verdict:
    """The stage's entry and the close date lie closer together than the fastest quarter of won deals needed from there.

    The whole of the close date is left to win the deal in.
    """
    entry, day = case.deal.entries[-1], day_of(case.deal.fields.get("close_date"))
    if entry.at_us is None or day is None:
        return NOTHING
    rules, numbers = case.rules, case.rules.settings.close_date_wishful
    segment = rules.segment(case.deal.fields)
    name = None if segment is None else segment.name
    learned = rules.baselines.to_win(case.stage.pipeline, case.stage.name, name, numbers.quantile, numbers.min_n)
    if learned is None or learned.limit_us is None:
        return NOTHING
    left_us = zone_of_owner(case).start_us(day + 1) - entry.at_us
    if left_us >= learned.limit_us:
        return NOTHING
    needed, left = learned.limit_us / DAY_US, max(left_us / DAY_US, 0.0)
    share = f"{1 - numbers.quantile:.0%}"
    finding = Finding(
        f"{share} of won deals took more than {needed:.1f} days from {case.stage.name}, this one is to take {left:.1f}",
        observed=left_us / DAY_US,
        limit=needed,
        baseline=learned.evidence(),
        details=({"close_date": _iso(day), "entered": rfc3339(entry.at_us)},),
        causes=(entry.mark, *said_by(case.deal, "close_date")),
    )
    return (finding,), None


def _iso(day: int) -> str:
    return date.fromordinal(day).isoformat()


def _reads_passed(_rules: Rules) -> frozenset[str]:
    return _OF_THE_OWNER


def _reads_segment(rules: Rules) -> frozenset[str]:
    return _OF_THE_OWNER | rules.segment_reads


CLOSE_DATE_PASSED = Detector(Kind.CLOSE_DATE_PASSED, _reads_passed, _close_date_passed)
CLOSE_DATE_PARKED = Detector(Kind.CLOSE_DATE_PARKED, _reads_segment, _close_date_parked)
CLOSE_DATE_WISHFUL = Detector(Kind.CLOSE_DATE_WISHFUL, _reads_segment, _close_date_wishful)
