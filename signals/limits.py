"""The playbook's limits of contact, forecast and intent, as detectors compare with them: in whole microseconds."""

from __future__ import annotations

from typing import NamedTuple

from playbook.kinds import SignalSettings
from topics.instants import DAY_US, HOUR_US


class Limits(NamedTuple):
    """`meeting`, `handoff` are business days of 24 hours each, `unanswered` business hours (`playbook.calendars`)."""

    plan_us: int
    silent_plan_us: int
    meeting_us: int
    threads_us: int
    threads_age_us: int
    handoff_us: int
    unanswered_us: int
    shrunk_life_us: int


def limits_of(settings: SignalSettings) -> Limits:
    """The limits of a playbook."""
    return Limits(
        plan_us=_days(settings.contact_gap.plan_days),
        silent_plan_us=_days(settings.buyer_silent.plan_days),
        meeting_us=_days(settings.no_next_meeting.business_days),
        threads_us=_days(settings.single_threaded.window_days),
        threads_age_us=_days(settings.single_threaded.min_age_days),
        handoff_us=_days(settings.handoff_stalled.business_days),
        unanswered_us=round(settings.intent_unanswered.business_hours * HOUR_US),
        shrunk_life_us=_days(settings.amount_shrunk.expires_days),
    )


def _days(days: float) -> int:
    return round(days * DAY_US)
