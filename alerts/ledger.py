"""What was said, where and when; and what a delivery therefore still needs. Pure.

The intent stands in the ledger before the call and the outcome after it. So after a crash an entry that is still
*intended* says that a message may be out there: it is looked for before anything is said again.

    state      meaning                                   the next delivery of the message
    intended   the call may have happened                looks for the message, then says or edits
    said       the message stands at (channel, ts)       edits it
    failed     nothing is out there, `reason` says why   says it, unless all is over by now

A message has up to three parts, one call each, in this order: itself, the details in its thread, and a reminder, which
is a reply that everybody in the channel sees. `part` is the one that an intent is at.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from alerts.reasons import Reason
from alerts.values import Delivery, Op, digest
from topics.instants import DAY_US
from topics.signals import Kind, Step

#: How long the entry of a message that is over is kept.
KEEP_OVER_US = 90 * DAY_US

#: Reminders of one message whose places are kept, so that they can be taken back when a deal is to be forgotten.
MOST_REMINDERS = 20


class State(StrEnum):
    """What is known of a message."""

    INTENDED = "intended"
    SAID = "said"
    FAILED = "failed"


class Part(StrEnum):
    """What of a message a call is about."""

    MAIN = "main"
    DETAILS = "details"
    REMINDER = "reminder"


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message and one recipient (`alert.ledger`).

    `signal` is the gravest that it is about, `signals` are all, where there are several. `seq` is the latest delivery
    dealt with, `op` what it asked for; `attempts` counts its calls. `mark` finds the message again by its metadata.
    `channel` and `ts` are where it stands, `details_ts` and `reminders` where the replies in its thread do;
    `fallback` says that it is not where it was meant to be, `doubtful` that it was said again although an earlier
    attempt could not be ruled out. `reason` and `detail` explain a failure. Instants are microseconds since 1970.
    """

    recipient: str
    signal: str
    kind: Kind
    step: Step
    seq: int
    op: Op
    state: State
    mark: str
    attempts: int = 0
    channel: str = ""
    ts: str = ""
    fallback: bool = False
    reason: Reason | None = None
    detail: str = ""
    intended_us: int = 0
    said_us: int = 0
    part: Part = Part.MAIN
    details_ts: str = ""
    reminders: tuple[str, ...] = ()
    doubtful: bool = False
    signals: tuple[str, ...] = ()


class Skip(NamedTuple):
    """Nothing is left to do."""

    reason: Reason


class Say(NamedTuple):
    """Post a new message; look for it first where an earlier attempt may have succeeded (since `intended_us`)."""

    look_first: bool
    intended_us: int = 0


class Edit(NamedTuple):
    """Bring the message at (channel, ts) up to date."""

    channel: str
    ts: str


Plan: TypeAlias = Skip | Say | Edit

decode_entry = msgspec.json.Decoder(LedgerEntry).decode


def ledger_key(delivery: Delivery) -> str:
    """The key of the entry: recipient and message."""
    return f"{delivery.recipient.key}\x1f{delivery.about}"


def plan(entry: LedgerEntry | None, delivery: Delivery) -> Plan:
    """What a delivery still needs, given what the ledger knows."""
    if entry is None:
        return _unsaid(delivery)
    if entry.seq > delivery.seq or (entry.seq == delivery.seq and entry.state is not State.INTENDED):
        return Skip(Reason.ALREADY_SAID)
    if entry.ts:
        return Edit(entry.channel, entry.ts)
    if entry.state is State.INTENDED:
        return Say(look_first=True, intended_us=entry.intended_us)
    return _unsaid(delivery)


def _unsaid(delivery: Delivery) -> Plan:
    return Skip(Reason.NEVER_SAID) if is_over(delivery) else Say(look_first=False)


def is_over(delivery: Delivery) -> bool:
    """Whether nothing that the message shows holds any more."""
    return all(signal.transition is Step.RESOLVED for signal in delivery.shown)


def under_way(entry: LedgerEntry | None, delivery: Delivery) -> bool:
    """Whether this very delivery was begun and not finished."""
    return entry is not None and entry.state is State.INTENDED and entry.seq == delivery.seq


def intended(entry: LedgerEntry | None, delivery: Delivery, op: Op, now_us: int) -> LedgerEntry:
    """The entry before the first call of a delivery. What is taken up again keeps its mark, its time and its place."""
    if entry is not None and (under_way(entry, delivery) or (entry.state is State.INTENDED and not entry.ts)):
        return msgspec.structs.replace(entry, step=_step(delivery), seq=delivery.seq, op=op, signals=_signals(delivery))
    fresh = LedgerEntry(
        recipient=delivery.recipient.key,
        signal=delivery.signal.id,
        kind=delivery.signal.kind,
        step=_step(delivery),
        seq=delivery.seq,
        op=op,
        state=State.INTENDED,
        mark=mark_of(delivery),
        intended_us=now_us,
        signals=_signals(delivery),
    )
    if entry is None or not entry.ts:
        return fresh
    return msgspec.structs.replace(
        fresh,
        mark=entry.mark,
        channel=entry.channel,
        ts=entry.ts,
        fallback=entry.fallback,
        said_us=entry.said_us,
        details_ts=entry.details_ts,
        reminders=entry.reminders,
        doubtful=entry.doubtful,
    )


def _signals(delivery: Delivery) -> tuple[str, ...]:
    return tuple(signal.id for signal in delivery.signals) if len(delivery.signals) > 1 else ()


def _step(delivery: Delivery) -> Step:
    if is_over(delivery):
        return Step.RESOLVED
    return Step.UPDATED if delivery.signal.transition is Step.RESOLVED else delivery.signal.transition


def mark_of(delivery: Delivery) -> str:
    """What the message's metadata carries; the same for every attempt of the same delivery."""
    return digest("mark", delivery.id)


def part_mark(entry: LedgerEntry, delivery: Delivery, part: Part) -> str:
    """The mark of a part: of the details one per message, of a reminder one per delivery."""
    match part:
        case Part.MAIN:
            return entry.mark
        case Part.DETAILS:
            return digest(part.value, entry.mark)
        case Part.REMINDER:
            return digest(part.value, delivery.id)


def called(entry: LedgerEntry) -> LedgerEntry:
    """One more call was made."""
    return msgspec.structs.replace(entry, attempts=entry.attempts + 1)


def doubted(entry: LedgerEntry) -> LedgerEntry:
    """It is about to be said again although an earlier attempt cannot be ruled out."""
    return msgspec.structs.replace(entry, doubtful=True)


def addressed(entry: LedgerEntry, channel: str, *, fallback: bool) -> LedgerEntry:
    """The channel that the message is about to be posted in."""
    return msgspec.structs.replace(entry, channel=channel, fallback=fallback)


def stands(entry: LedgerEntry, channel: str, ts: str, now_us: int) -> LedgerEntry:
    """The message itself stands; its other parts may still be to come."""
    return msgspec.structs.replace(entry, channel=channel, ts=ts, said_us=entry.said_us or now_us)


def replied(entry: LedgerEntry, part: Part, ts: str) -> LedgerEntry:
    """A reply stands in the message's thread."""
    if part is Part.DETAILS:
        return msgspec.structs.replace(entry, details_ts=ts)
    return msgspec.structs.replace(entry, reminders=(*entry.reminders, ts)[-MOST_REMINDERS:])


def at_part(entry: LedgerEntry, part: Part) -> LedgerEntry:
    """The next call is about this part."""
    return msgspec.structs.replace(entry, part=part)


def said(entry: LedgerEntry, detail: str = "") -> LedgerEntry:
    """Every part is done; `detail` says what of the thread could not be."""
    return msgspec.structs.replace(entry, state=State.SAID, part=Part.MAIN, reason=None, detail=detail)


def failed(entry: LedgerEntry, reason: Reason, detail: str) -> LedgerEntry:
    """It could not be done. A message that could not be edited still stands."""
    state = State.SAID if entry.ts else State.FAILED
    return msgspec.structs.replace(entry, state=state, part=Part.MAIN, reason=reason, detail=detail)


def places(entry: LedgerEntry) -> tuple[str, ...]:
    """Every `ts` in the entry's channel where something of the message stands."""
    return tuple(ts for ts in (entry.ts, entry.details_ts, *entry.reminders) if ts)


def forgettable(entry: LedgerEntry, now_us: int) -> bool:
    """Whether all was over for so long that the message is never touched again."""
    over = entry.step is Step.RESOLVED and entry.state is not State.INTENDED
    return over and now_us - entry.intended_us > KEEP_OVER_US
