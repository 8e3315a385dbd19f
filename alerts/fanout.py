"""One transition becomes one entry in the inbox of everybody who may hear of it, now or since it opened. Pure."""

from __future__ import annotations

from typing import NamedTuple

from alerts.actions import Action
from alerts.audience import Directory, Hearer, audience, revops
from alerts.floods import Recent
from alerts.reasons import Reason
from alerts.values import Acted, Decision, Flooded, Heard, Told, Withdrawn
from playbook.model import Playbook
from topics.instants import rfc3339
from topics.signals import Evidence, Severity, Signal, Step, signal_id


class FanOut(NamedTuple):
    """What goes to the inboxes, what to the log, and what to remember (None: forget)."""

    told: tuple[Told, ...]
    decisions: tuple[Decision, ...]
    heard: Heard | None


def fan_out(  # noqa: PLR0913 - everything that it depends on
    playbook: Playbook, directory: Directory, heard: Heard | None, signal: Signal, now_us: int, *, large: bool = False
) -> FanOut:
    """Who hears of this transition.

    Those who heard that it opened hear the rest too, also when the deal has another owner by now: a message that is
    never closed would go on claiming that something is wrong.
    """
    hearers, nobody = audience(playbook, directory, signal)
    known = {each.recipient.key for each in hearers}
    before = heard.recipients if heard else ()
    everyone = (*hearers, *(Hearer(each, Reason.HEARD_BEFORE) for each in before if each.key not in known))
    return FanOut(
        told=tuple(Told(recipient=each.recipient, via=each.via, signal=signal, large=large) for each in everyone),
        decisions=(unheard(signal, nobody, now_us),) if nobody and not everyone else (),
        heard=_remembered(everyone, signal),
    )


def acted(heard: Heard | None, action: Action) -> tuple[Acted, ...]:
    """An action goes to everybody who has heard of its signal."""
    return tuple(Acted(recipient=each, action=action) for each in (heard.recipients if heard else ()))


def withdrawn(heard: Heard | None, signal: str) -> tuple[Withdrawn, ...]:
    """A signal that turned out to be part of a flood."""
    return tuple(Withdrawn(recipient=each, signal=signal) for each in (heard.recipients if heard else ()))


def flooded(playbook: Playbook, signal: Signal, recent: Recent, partition: int) -> Flooded | None:
    """What RevOps hears of a flood, of which the signal is one; None where the playbook names no channel."""
    to = revops(playbook)
    since = rfc3339(recent.since_us)
    limit = playbook.alerts.flood.per_minute
    about = Signal(
        id=signal_id("flood", signal.kind, since),
        kind=signal.kind,
        family=signal.family,
        severity=Severity.CRITICAL,
        transition=Step.OPENED,
        subject_key=f"flood:{signal.kind.value}",
        anchor=since,
        occurred_at=since,
        opened_at=since,
        detected_at=signal.detected_at,
        reason=f"more than {limit} {signal.kind.value} opened within a minute",
        evidence=Evidence(observed=float(recent.count), limit=float(limit), unit="openings in a minute"),
        playbook=signal.playbook,
    )
    if to is None:
        return None
    return Flooded(
        recipient=to.recipient, via=to.via, signal=about, count=recent.count, partition=partition, since=since
    )


def unheard(signal: Signal, reason: Reason, now_us: int) -> Decision:
    """The line of the log that says why nobody hears of a transition."""
    return Decision(
        signal=signal.id,
        kind=signal.kind,
        transition=signal.transition,
        reason=reason,
        at=rfc3339(now_us),
        subject_key=signal.subject_key,
        detail=signal.owner or signal.owner_id if reason is Reason.NOBODY_TO_TELL else "",
    )


def _remembered(everyone: tuple[Hearer, ...], signal: Signal) -> Heard | None:
    if signal.transition is Step.RESOLVED or not everyone:
        return None
    return Heard(tuple(each.recipient for each in everyone))
