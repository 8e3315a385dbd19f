"""Intent: what a buyer does that wants an answer at once."""

from __future__ import annotations

from signals.deal import ACTIVITIES, INTENTS, IntentMark
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_business_hours
from signals.detectors.contact import earliest
from signals.episodes import Finding
from topics.instants import HOUR_US, rfc3339
from topics.signals import Kind, Severity


def _high_intent(case: Case) -> Verdict:
    """A high-intent event that no contact has followed yet; the deal keeps one per intent and window."""
    waiting = waiting_of(case)
    return (tuple([_intent(one) for one in waiting]), _next_contact(case)) if waiting else NOTHING


def _intent_unanswered(case: Case) -> Verdict:
    """The same, and the owner's business hours in which somebody should have answered are over."""
    waiting = waiting_of(case)
    if not waiting:
        return NOTHING
    due_us, limit_us = _next_contact(case), case.rules.limits.unanswered_us
    business = case.rules.business_time(case.deal.fields, case.stage.pipeline)
    findings = []
    for one in waiting:
        passed_us = business.after_hours(one.at_us, limit_us)
        due_us = earliest(due_us, passed_us, case.at_us)
        if case.at_us > passed_us:
            observed = business.hours_between(one.at_us, case.on.dated_us) / HOUR_US
            findings.append(_unanswered(one, observed, limit_us))
    return tuple(findings), due_us


def waiting_of(case: Case) -> list[IntentMark]:
    """The intents that no contact has followed."""
    if not case.deal.intents:
        return []
    contact = case.deal.last_contact(case.at_us)
    return [one for one in case.deal.intents if contact is None or contact.at_us < one.at_us]


def _next_contact(case: Case) -> int | None:
    """When somebody will have spoken, by time alone: a meeting ends."""
    meetings = [one.contact_us() for one in case.deal.activities.values()]
    return min((one for one in meetings if one is not None and one > case.at_us), default=None)


def _intent(intent: IntentMark) -> Finding:
    return Finding(
        f"high intent: {intent.intent.replace('_', ' ')}",
        anchor=intent.mark.event,
        severity=Severity.INFO,
        details=({"intent": intent.intent, "at": rfc3339(intent.at_us)},),
        causes=(intent.mark,),
    )


def _unanswered(intent: IntentMark, observed: float, limit_us: int) -> Finding:
    return Finding(
        f"{intent.intent.replace('_', ' ')} without an answer for more than {in_business_hours(limit_us)}",
        anchor=intent.mark.event,
        severity=Severity.CRITICAL,
        observed=observed,
        limit=limit_us / HOUR_US,
        unit="business hours",
        details=({"intent": intent.intent, "at": rfc3339(intent.at_us)},),
        causes=(intent.mark,),
    )


HIGH_INTENT = Detector(Kind.HIGH_INTENT, always(ACTIVITIES, INTENTS), _high_intent)
INTENT_UNANSWERED = Detector(
    Kind.INTENT_UNANSWERED, always(ACTIVITIES, INTENTS, "owner_id", "owner_team"), _intent_unanswered
)
