"""Intent: what a buyer does that wants an answer at once."""

from __future__ import annotations

from signals.deal import ACTIVITIES, INTENTS, IntentMark
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always
from signals.episodes import Finding
from topics.instants import rfc3339
from topics.signals import Kind, Severity


def _high_intent(case: Case) -> Verdict:
    """A high-intent event that no contact has followed yet; the deal keeps one per intent and window."""
    if not case.deal.intents:
        return NOTHING
    contact = case.deal.last_contact(case.at_us)
    waiting = [one for one in case.deal.intents if contact is None or contact.at_us < one.at_us]
    if not waiting:
        return NOTHING
    meetings = [one.contact_us() for one in case.deal.activities.values()]
    due_us = min((one for one in meetings if one is not None and one > case.at_us), default=None)
    return tuple(_finding(one) for one in waiting), due_us


def _finding(intent: IntentMark) -> Finding:
    return Finding(
        f"high intent: {intent.intent.replace('_', ' ')}",
        anchor=intent.mark.event,
        severity=Severity.INFO,
        details=({"intent": intent.intent, "at": rfc3339(intent.at_us)},),
        causes=(intent.mark,),
    )


HIGH_INTENT = Detector(Kind.HIGH_INTENT, always(ACTIVITIES, INTENTS), _high_intent)
