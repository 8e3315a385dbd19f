"""Carries deliveries to a `Voice`: the intent in the ledger before the call, the outcome after it.

It decides nothing: what is left to do comes from `ledger.plan`, what follows an unfinished call from
`retry.next_move`. Time, waiting and the ledger are handed in. Whatever happens to the process between two lines here,
the ledger says whether a message may be out there, and then it is looked for before it is said again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from alerts.audience import channel as as_channel
from alerts.ledger import (
    Edit,
    LedgerEntry,
    Say,
    Skip,
    addressed,
    called,
    failed,
    intended,
    ledger_key,
    plan,
    said,
)
from alerts.message import Message
from alerts.metrics import Metrics
from alerts.reasons import Reason
from alerts.replies import Ambiguous, Barred, Limited, NotDone, Refused, Unreached
from alerts.retry import PATIENCE, Again, LookFirst, Patience, Stop, next_move
from alerts.values import Delivery, Op, Recipient
from alerts.voice import Spot, Voice
from topics.instants import DAY_US, SECOND_US, parse_rfc3339

T = TypeVar("T")
#: The outbox keeps nothing for longer; a greater distance means that detection lives by a simulated clock.
LONGEST_DELAY_US = 7 * DAY_US
NOT_DONE = (Limited, Unreached, Barred, Ambiguous, Refused)


class Ledger(Protocol):
    """Where entries are kept; `put` returns once the entry is durable."""

    def get(self, key: str) -> LedgerEntry | None:
        """The entry of a recipient and a signal."""

    async def put(self, key: str, entry: LedgerEntry) -> None:
        """Write it, durably."""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What the courier needs from outside. `compose` renders a delivery; `fallback` is a channel's id or name."""

    voice: Voice
    compose: Callable[[Delivery, Reason], Message]
    metrics: Metrics
    now_us: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    fallback: str | None = None
    patience: Patience = PATIENCE


class End(NamedTuple):
    """How a delivery ended. `reason` None: it was said or edited."""

    reason: Reason | None = None
    detail: str = ""


class Courier:
    """One per partition. Deliveries of one recipient must be handed over one after the other."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        self._world = world
        self._ledger = ledger

    async def deliver(self, delivery: Delivery) -> End:
        """Do what the delivery still needs; returns when it is said, or final that it will not be."""
        entry = self._ledger.get(ledger_key(delivery))
        match plan(entry, delivery):
            case Skip(reason):
                end = End(reason)
            case Edit(channel, ts):
                end = await self._edit(intended(entry, delivery, Op.EDIT, self._world.now_us()), delivery, channel, ts)
            case Say(look_first):
                end = await self._say(
                    intended(entry, delivery, Op.POST, self._world.now_us()), delivery, look_first=look_first
                )
        self._world.metrics.messages.labels(delivery.op.value, end.reason.value if end.reason else "done").inc()
        return end

    async def _edit(self, entry: LedgerEntry, delivery: Delivery, channel: str, ts: str) -> End:
        await self._write(delivery, entry)
        via = Reason.RECIPIENT_REFUSED if entry.fallback else delivery.via
        message = self._world.compose(delivery, via)
        done = await self._insist(Op.EDIT, lambda: self._world.voice.edit(Spot(channel, ts), message, entry.mark))
        if isinstance(done, Stop):
            return await self._fail(entry, delivery, done)
        await self._write(delivery, said(entry, channel, ts, self._world.now_us()))
        return End()

    async def _say(self, entry: LedgerEntry, delivery: Delivery, *, look_first: bool) -> End:
        await self._write(delivery, entry)
        if look_first and entry.channel:
            found = await self._look(entry)
            if found is not None:
                return await self._said(entry, delivery, found)
            self._world.metrics.possible_doubles.inc()
        entry, done = await self._say_to(entry, delivery, delivery.recipient, delivery.via)
        if isinstance(done, Stop) and done.reason is Reason.RECIPIENT_REFUSED and self._elsewhere(delivery):
            self._world.metrics.fallbacks.labels(done.reason.value).inc()
            entry, done = await self._say_to(entry, delivery, self._fallback(), Reason.RECIPIENT_REFUSED)
        if isinstance(done, Stop):
            return await self._fail(entry, delivery, done)
        return await self._said(entry, delivery, done)

    async def _say_to(
        self, entry: LedgerEntry, delivery: Delivery, recipient: Recipient, via: Reason
    ) -> tuple[LedgerEntry, Spot | Stop]:
        voice = self._world.voice
        channel = await self._insist(Op.EDIT, lambda: voice.open(recipient))
        if isinstance(channel, Stop):
            return entry, channel
        entry = addressed(entry, channel, fallback=recipient is not delivery.recipient)
        await self._write(delivery, entry)
        message = self._world.compose(delivery, via)

        async def post() -> Spot | NotDone:
            nonlocal entry
            entry = called(entry)
            return await voice.post(channel, message, entry.mark)

        done = await self._insist(Op.POST, post, look=lambda: self._look(entry))
        return entry, done

    async def _insist(
        self,
        op: Op,
        call: Callable[[], Awaitable[T | NotDone]],
        look: Callable[[], Awaitable[T | None]] | None = None,
    ) -> T | Stop:
        """Call until it is done or final. After an unclear answer to a post, look before the next call."""
        tries = doubts = 0
        while True:
            reply = await call()
            if not isinstance(reply, NOT_DONE):
                self._world.metrics.barred.set(0)
                return reply
            tries += 1
            doubts += isinstance(reply, Ambiguous) and not reply.away
            self._world.metrics.barred.set(isinstance(reply, Barred))
            match next_move(op, reply, tries, doubts, self._world.patience):
                case Stop() as stop:
                    return stop
                case Again(after_s):
                    await self._wait(after_s, reply)
                case LookFirst(after_s):
                    found = await look() if look else None
                    if found is not None:
                        return found
                    await self._wait(after_s, reply)
                    self._world.metrics.possible_doubles.inc()

    async def _look(self, entry: LedgerEntry) -> Spot | None:
        """Whether the message is there after all; more than once, since history may lag behind."""
        voice = self._world.voice
        result = "missing"
        for after_s in self._world.patience.look_after_s:
            await self._world.sleep(after_s)
            found = await self._insist(Op.EDIT, lambda: voice.find(entry.channel, entry.mark, entry.intended_us))
            if isinstance(found, Spot):
                self._world.metrics.look_ups.labels("found").inc()
                return found
            result = "impossible" if isinstance(found, Stop) else result
        self._world.metrics.look_ups.labels(result).inc()
        return None

    async def _wait(self, seconds: float, reply: NotDone) -> None:
        self._world.metrics.waited.labels(type(reply).__name__.lower()).inc(seconds)
        await self._world.sleep(seconds)

    async def _said(self, entry: LedgerEntry, delivery: Delivery, spot: Spot) -> End:
        now_us = self._world.now_us()
        await self._write(delivery, said(entry, spot.channel, spot.ts, now_us))
        self._measure(delivery, now_us)
        return End()

    def _measure(self, delivery: Delivery, now_us: int) -> None:
        if not delivery.signal.detected_at:
            return
        delay_us = now_us - parse_rfc3339(delivery.signal.detected_at)
        if abs(delay_us) < LONGEST_DELAY_US:
            self._world.metrics.told_seconds.observe(max(delay_us, 0) / SECOND_US)

    async def _fail(self, entry: LedgerEntry, delivery: Delivery, stop: Stop) -> End:
        await self._write(delivery, failed(entry, stop.reason, stop.detail))
        return End(stop.reason, stop.detail)

    async def _write(self, delivery: Delivery, entry: LedgerEntry) -> None:
        self._world.metrics.ledger.labels(entry.state.value).inc()
        await self._ledger.put(ledger_key(delivery), entry)

    def _elsewhere(self, delivery: Delivery) -> bool:
        return self._world.fallback is not None and delivery.recipient.channel != self._world.fallback

    def _fallback(self) -> Recipient:
        return as_channel(self._world.fallback or "")
