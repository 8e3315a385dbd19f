"""What was said, where and when; and what a delivery therefore still needs. Pure.

The intent stands in the ledger before the call and the outcome after it. So after a crash an entry that is still
*intended* says that a message may be out there: it is looked for before anything is said again.

    state      meaning                                   the next delivery of the signal
    intended   the call may have happened                looks for the message, then says or edits
    said       the message stands at (channel, ts)       edits it
    failed     nothing is out there, `reason` says why   says it, unless it is over by now
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

import msgspec

from alerts.reasons import Reason
from alerts.values import Delivery, Op, digest
from topics.instants import DAY_US
from topics.signals import Kind, Step

#: How long the entry of a signal that is over is kept.
KEEP_OVER_US = 90 * DAY_US


class State(StrEnum):
    """What is known of a message."""

    INTENDED = "intended"
    SAID = "said"
    FAILED = "failed"


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One signal and one recipient (`alert.ledger`).

    `seq` is the latest delivery dealt with, `op` what it asked for; `attempts` counts its calls. `mark` finds the
    message again by its metadata. `channel` and `ts` are where it stands; `fallback` says that it is not where it
    was meant to be. `reason` and `detail` explain a failure. Instants are microseconds since 1970.
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
    """The key of the entry: recipient and signal."""
    return f"{delivery.recipient.key}\x1f{delivery.signal.id}"


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
    return Skip(Reason.NEVER_SAID) if delivery.signal.transition is Step.RESOLVED else Say(look_first=False)


def intended(entry: LedgerEntry | None, delivery: Delivery, op: Op, now_us: int) -> LedgerEntry:
    """The entry before the first call of a delivery. An intent that is taken up again keeps its mark and its time."""
    if entry is not None and entry.state is State.INTENDED and not entry.ts:
        return msgspec.structs.replace(entry, step=delivery.signal.transition, seq=delivery.seq, op=op)
    known = entry if entry is not None and entry.ts else None
    return LedgerEntry(
        recipient=delivery.recipient.key,
        signal=delivery.signal.id,
        kind=delivery.signal.kind,
        step=delivery.signal.transition,
        seq=delivery.seq,
        op=op,
        state=State.INTENDED,
        mark=known.mark if known else mark_of(delivery),
        channel=known.channel if known else "",
        ts=known.ts if known else "",
        fallback=known.fallback if known else False,
        intended_us=now_us,
        said_us=known.said_us if known else 0,
    )


def mark_of(delivery: Delivery) -> str:
    """What the message's metadata carries; the same for every attempt of the same delivery."""
    return digest("mark", delivery.id)


def called(entry: LedgerEntry) -> LedgerEntry:
    """One more call was made."""
    return msgspec.structs.replace(entry, attempts=entry.attempts + 1)


def addressed(entry: LedgerEntry, channel: str, *, fallback: bool) -> LedgerEntry:
    """The channel that the message is about to be posted in."""
    return msgspec.structs.replace(entry, channel=channel, fallback=fallback)


def said(entry: LedgerEntry, channel: str, ts: str, now_us: int) -> LedgerEntry:
    """The message stands."""
    first = entry.said_us or now_us
    return msgspec.structs.replace(
        entry, state=State.SAID, channel=channel, ts=ts, said_us=first, reason=None, detail=""
    )


def failed(entry: LedgerEntry, reason: Reason, detail: str) -> LedgerEntry:
    """It could not be done. A message that could not be edited still stands."""
    state = State.SAID if entry.ts else State.FAILED
    return msgspec.structs.replace(entry, state=state, reason=reason, detail=detail)


def forgettable(entry: LedgerEntry, now_us: int) -> bool:
    """Whether the signal has been over for so long that its message is never touched again."""
    over = entry.step is Step.RESOLVED and entry.state is not State.INTENDED
    return over and now_us - entry.intended_us > KEEP_OVER_US
