"""Whether and how a recipient hears of a transition: an ordered list of pure steps; the first that answers decides.

    decide(said, told, now) -> (said, decision, delivery)

Each step gets the same case and answers with a verdict, which names its reason, or with None: "not mine". The order
of `STEPS` is the policy. `record` then folds the verdict into what is remembered of the signal and the recipient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import msgspec

from alerts.reasons import Reason
from alerts.values import Decision, Delivery, Op, Said, Told, digest
from topics.codec import encode
from topics.instants import DAY_US, parse_rfc3339, rfc3339
from topics.signals import Cause, Signal, Step

#: How many transitions of one signal are recognised when they come again. A redelivered batch repeats the latest.
REMEMBERED = 32
#: How long a resolved signal is remembered, so that a repeat of its transitions changes nothing.
KEEP_RESOLVED_US = 30 * DAY_US


class Case(NamedTuple):
    """Everything that a step may look at. `said` is None for a signal that this recipient never met."""

    said: Said | None
    signal: Signal
    at_us: int
    mark: str
    now_us: int


class Verdict(NamedTuple):
    """What a step answers. `op` None: nothing is sent."""

    reason: Reason
    op: Op | None = None


class Ruling(NamedTuple):
    """What comes of one transition for one recipient."""

    said: Said
    decision: Decision
    delivery: Delivery | None


PolicyStep: TypeAlias = Callable[[Case], Verdict | None]


def repeated(case: Case) -> Verdict | None:
    """The same transition once more, from a redelivered batch: nothing."""
    return Verdict(Reason.DUPLICATE) if case.said and case.mark in case.said.seen else None


def overtaken(case: Case) -> Verdict | None:
    """An update from before what is known already: nothing."""
    stale = case.said and case.signal.transition is Step.UPDATED and case.at_us < case.said.at_us
    return Verdict(Reason.OUT_OF_ORDER) if stale else None


def over_unheard(case: Case) -> Verdict | None:
    """Over before it was told: nothing."""
    heard = case.said is not None and case.said.told
    over = case.signal.transition is Step.RESOLVED
    return Verdict(Reason.RESOLVED_BEFORE_TOLD) if over and not heard else None


def first_time(case: Case) -> Verdict | None:
    """Not told yet: one message."""
    return None if case.said and case.said.told else Verdict(Reason.TOLD, Op.POST)


def in_place(case: Case) -> Verdict | None:
    """Told already: the message is edited and nobody is interrupted again."""
    return Verdict(_EDITS[case.signal.transition], Op.EDIT)


_EDITS = {Step.OPENED: Reason.REOPENED, Step.UPDATED: Reason.UPDATED, Step.RESOLVED: Reason.RESOLVED}

STEPS: tuple[PolicyStep, ...] = (repeated, overtaken, over_unheard, first_time, in_place)


def decide(said: Said | None, told: Told, now_us: int) -> Ruling:
    """Run the steps. `now_us` is the time of the record in the inbox, so that the same log gives the same rulings."""
    signal = told.signal
    case = Case(said, signal, parse_rfc3339(signal.occurred_at), fingerprint(signal), now_us)
    verdict = next(found for step in STEPS if (found := step(case)) is not None)
    after = record(case, verdict)
    return Ruling(after, _decision(told, verdict, after, now_us), _delivery(told, verdict, after))


def record(case: Case, verdict: Verdict) -> Said:
    """What is remembered after the verdict."""
    if verdict.reason in (Reason.DUPLICATE, Reason.OUT_OF_ORDER) and case.said:
        return case.said
    seen = (*(case.said.seen if case.said else ()), case.mark)
    return Said(
        step=case.signal.transition,
        at_us=case.at_us,
        heard_us=case.now_us,
        seq=(case.said.seq if case.said else 0) + (verdict.op is not None),
        told=verdict.op is not None or (case.said is not None and case.said.told),
        seen=seen[-REMEMBERED:],
    )


def forgettable(said: Said, now_us: int) -> bool:
    """Whether the signal has been over for so long that nothing of it can come again."""
    return said.step is Step.RESOLVED and now_us - said.heard_us > KEEP_RESOLVED_US


def fingerprint(signal: Signal) -> str:
    """What two runs over the same log agree on: all but `detected_at` and the causes' positions (law 6)."""
    causes = tuple(Cause(each.id) for each in signal.evidence.events)
    evidence = msgspec.structs.replace(signal.evidence, events=causes)
    return digest(encode(msgspec.structs.replace(signal, detected_at="", evidence=evidence)).decode())


def _decision(told: Told, verdict: Verdict, after: Said, now_us: int) -> Decision:
    return Decision(
        signal=told.signal.id,
        kind=told.signal.kind,
        transition=told.signal.transition,
        reason=verdict.reason,
        at=rfc3339(now_us),
        subject_key=told.signal.subject_key,
        recipient=told.recipient.key,
        via=told.via,
        op=verdict.op,
        seq=after.seq if verdict.op else 0,
    )


def _delivery(told: Told, verdict: Verdict, after: Said) -> Delivery | None:
    if verdict.op is None:
        return None
    return Delivery(
        seq=after.seq,
        op=verdict.op,
        reason=verdict.reason,
        via=told.via,
        recipient=told.recipient,
        signal=told.signal,
    )
