"""Meetings: whether the next one is in the calendar."""

from __future__ import annotations

from signals.deal import ACTIVITIES, Contact
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_business_days
from signals.detectors.contact import earliest, planned
from signals.episodes import Finding
from topics.instants import DAY_US, rfc3339
from topics.signals import Kind


def _no_next_meeting(case: Case) -> Verdict:
    """No meeting is planned some business days after the last one, or after the stage was entered where that is later.

    One that is planned further ahead than a plan counts is none yet.
    """
    numbers, limits = case.rules.settings.no_next_meeting, case.rules.limits
    if case.stage.order + 1 < numbers.from_stage:
        return NOTHING
    start = counted_from(case)
    if start is None:
        return NOTHING
    is_planned, due_us = planned(case.deal, case.at_us, limits.plan_us, meetings=True)
    business = case.rules.business_time(case.deal.fields, case.stage.pipeline)
    passed_us = business.after_days(start.at_us, limits.meeting_us)
    due_us = earliest(due_us, passed_us, case.at_us)
    if is_planned or case.at_us <= passed_us:
        return (), due_us
    finding = Finding(
        f"no meeting is planned, more than {in_business_days(limits.meeting_us)} after "
        + (f"{case.stage.name} was entered" if start.mark is case.deal.entries[-1].mark else "the last one"),
        anchor=rfc3339(start.at_us),
        observed=business.days_between(start.at_us, case.on.dated_us) / DAY_US,
        limit=limits.meeting_us / DAY_US,
        unit="business days",
        causes=() if start.mark is None else (start.mark,),
    )
    return (finding,), due_us


def counted_from(case: Case) -> Contact | None:
    """The end of the last meeting or the entry into the stage; of both the later one. None: neither is known."""
    entry, meeting = case.deal.entries[-1], case.deal.last_meeting(case.at_us)
    if entry.at_us is None or (meeting is not None and meeting.at_us >= entry.at_us):
        return meeting
    return Contact(entry.at_us, entry.mark)


NO_NEXT_MEETING = Detector(Kind.NO_NEXT_MEETING, always(ACTIVITIES, "owner_id", "owner_team"), _no_next_meeting)
