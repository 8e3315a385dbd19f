"""One transition becomes one entry in the inbox of everybody who may hear of it, now or since it opened. Pure."""

from __future__ import annotations

from typing import NamedTuple

from alerts.audience import Directory, Hearer, audience
from alerts.reasons import Reason
from alerts.values import Decision, Heard, Told
from playbook.model import Playbook
from topics.instants import rfc3339
from topics.signals import Signal, Step


class FanOut(NamedTuple):
    """What goes to the inboxes, what to the log, and what to remember (None: forget)."""

    told: tuple[Told, ...]
    decisions: tuple[Decision, ...]
    heard: Heard | None


def fan_out(playbook: Playbook, directory: Directory, heard: Heard | None, signal: Signal, now_us: int) -> FanOut:
    """Who hears of this transition.

    Those who heard that it opened hear the rest too, also when the deal has another owner by now: a message that is
    never closed would go on claiming that something is wrong.
    """
    hearers, nobody = audience(playbook, directory, signal)
    known = {each.recipient.key for each in hearers}
    before = heard.recipients if heard else ()
    everyone = (*hearers, *(Hearer(each, Reason.HEARD_BEFORE) for each in before if each.key not in known))
    return FanOut(
        told=tuple(Told(recipient=each.recipient, via=each.via, signal=signal) for each in everyone),
        decisions=(_nobody(signal, nobody, now_us),) if nobody and not everyone else (),
        heard=_remembered(everyone, signal),
    )


def _remembered(everyone: tuple[Hearer, ...], signal: Signal) -> Heard | None:
    if signal.transition is Step.RESOLVED or not everyone:
        return None
    return Heard(tuple(each.recipient for each in everyone))


def _nobody(signal: Signal, reason: Reason, now_us: int) -> Decision:
    return Decision(
        signal=signal.id,
        kind=signal.kind,
        transition=signal.transition,
        reason=reason,
        at=rfc3339(now_us),
        subject_key=signal.subject_key,
        detail=signal.owner or signal.owner_id if reason is Reason.NOBODY_TO_TELL else "",
    )
