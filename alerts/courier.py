"""Carries deliveries to a `Voice`: the intent in the ledger before the call, the outcome after it.

It decides nothing: what is left to do comes from `ledger.plan`, what follows an unfinished call from
`retry.next_move`. Time, waiting and the ledger are handed in. Whatever happens to the process between two lines here,
the ledger says whether something may be out there, and then it is looked for before it is said again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from alerts.audience import channel as as_channel
from alerts.blocks import Composed, Message
from alerts.ledger import (
    Edit,
    LedgerEntry,
    Part,
    Say,
    Skip,
    addressed,
    at_part,
    called,
    doubted,
    failed,
    intended,
    ledger_key,
    part_mark,
    plan,
    replied,
    said,
    stands,
    under_way,
)
from alerts.metrics import DONE, REPLY, Metrics
from alerts.reasons import Reason
from alerts.replies import Ambiguous, Barred, Limited, NotDone, Refused, Unreached
from alerts.retry import PATIENCE, Again, LookFirst, Patience, Stop, next_move
from alerts.values import Delivery, Op, Recipient
from alerts.voice import Place, Spot, Voice
from topics.instants import DAY_US, SECOND_US, parse_rfc3339

T = TypeVar("T")
#: The outbox keeps nothing for longer; a greater distance means that detection lives by a simulated clock.
LONGEST_DELAY_US = 7 * DAY_US
NOT_DONE = (Limited, Unreached, Barred, Ambiguous, Refused)


class Ledger(Protocol):
    """Where entries are kept; `put` returns once the entry is durable."""

    def get(self, key: str) -> LedgerEntry | None:
        """The entry of a recipient and a message."""

    async def put(self, key: str, entry: LedgerEntry) -> None:
        """Write it, durably."""


class Compose(Protocol):
    """Renders a delivery as this recipient reads it; `doubtful`: it may be said twice, and says so."""

    def __call__(self, delivery: Delivery, via: Reason, *, doubtful: bool) -> Composed:
        """The message, its details, its reminder."""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What the courier needs from outside. `fallback` is a channel's id or name."""

    voice: Voice
    compose: Compose
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
            case Edit():
                again = under_way(entry, delivery)
                end = await self._edit(intended(entry, delivery, Op.EDIT, self._world.now_us()), delivery, again=again)
            case Say(look_first):
                first = intended(entry, delivery, Op.POST, self._world.now_us())
                end = await self._say(first, delivery, look_first=look_first)
        self._world.metrics.messages.labels(delivery.op.value, end.reason.value if end.reason else DONE).inc()
        return end

    async def _edit(self, entry: LedgerEntry, delivery: Delivery, *, again: bool) -> End:
        """Bring it up to date, and its thread; `again`: an earlier process had begun with that."""
        await self._write(delivery, entry)
        spot, composed = Spot(entry.channel, entry.ts), self._composed(entry, delivery)
        if entry.part is Part.MAIN:
            done = await self._insist(Op.EDIT, lambda: self._world.voice.edit(spot, composed.main, entry.mark))
            if isinstance(done, Stop) and composed.reminder is None:
                return await self._fail(entry, delivery, done)
        return await self._thread(entry, delivery, composed, again=again)

    async def _say(self, entry: LedgerEntry, delivery: Delivery, *, look_first: bool) -> End:
        await self._write(delivery, entry)
        if look_first and entry.channel:
            found = await self._look(Place(entry.channel), entry.mark, entry.intended_us)
            if found is not None:
                return await self._said(entry, delivery, found)
            entry = await self._doubt(entry, delivery, Part.MAIN)
        entry, done = await self._say_to(entry, delivery, delivery.recipient)
        if isinstance(done, Stop) and done.reason is Reason.RECIPIENT_REFUSED and self._elsewhere(delivery):
            self._world.metrics.fallbacks.labels(done.reason.value).inc()
            entry, done = await self._say_to(entry, delivery, self._fallback())
        if isinstance(done, Stop):
            return await self._fail(entry, delivery, done)
        return await self._said(entry, delivery, done)

    async def _say_to(
        self, entry: LedgerEntry, delivery: Delivery, recipient: Recipient
    ) -> tuple[LedgerEntry, Spot | Stop]:
        voice = self._world.voice
        channel = await self._insist(Op.EDIT, lambda: voice.open(recipient))
        if isinstance(channel, Stop):
            return entry, channel
        entry = addressed(entry, channel, fallback=recipient is not delivery.recipient)
        await self._write(delivery, entry)
        return await self._post(entry, delivery, Part.MAIN, lambda last: self._composed(last, delivery).main)

    async def _post(
        self, entry: LedgerEntry, delivery: Delivery, part: Part, words: Callable[[LedgerEntry], Message]
    ) -> tuple[LedgerEntry, Spot | Stop]:
        """Say a part; after every unclear answer it is looked for before it is said again, in words that admit it."""
        place = Place(entry.channel, "" if part is Part.MAIN else entry.ts)
        mark = part_mark(entry, delivery, part)

        async def post() -> Spot | NotDone:
            nonlocal entry
            entry = called(entry)
            return await self._world.voice.post(place, words(entry), mark)

        async def look() -> Spot | None:
            nonlocal entry
            found = await self._look(place, mark, entry.intended_us)
            if found is None:
                entry = await self._doubt(entry, delivery, part)
            return found

        done = await self._insist(Op.POST, post, look)
        return entry, done

    async def _thread(self, entry: LedgerEntry, delivery: Delivery, composed: Composed, *, again: bool) -> End:
        """What stands below the message: its details, once and then edited, and the reminder that was asked for."""
        stopped: Stop | None = None
        if composed.details is not None and entry.part is not Part.REMINDER:
            entry, stopped = await self._details(entry, delivery, composed.details)
        if composed.reminder is not None:
            entry, stopped = await self._reminder(entry, delivery, composed.reminder, again=again)
            if stopped is not None:
                return await self._fail(entry, delivery, stopped)
        await self._write(delivery, said(entry, stopped.detail if stopped else ""))
        return End()

    async def _details(self, entry: LedgerEntry, delivery: Delivery, words: Message) -> tuple[LedgerEntry, Stop | None]:
        mark = part_mark(entry, delivery, Part.DETAILS)
        if entry.details_ts:
            spot = Spot(entry.channel, entry.details_ts)
            done = await self._insist(Op.EDIT, lambda: self._world.voice.edit(spot, words, mark))
            return entry, self._counted(done)
        return await self._reply(entry, delivery, Part.DETAILS, words, look_first=entry.part is Part.DETAILS)

    async def _reminder(
        self, entry: LedgerEntry, delivery: Delivery, words: Message, *, again: bool
    ) -> tuple[LedgerEntry, Stop | None]:
        look_first = again and entry.part is Part.REMINDER
        return await self._reply(entry, delivery, Part.REMINDER, words, look_first=look_first)

    async def _reply(
        self, entry: LedgerEntry, delivery: Delivery, part: Part, words: Message, *, look_first: bool
    ) -> tuple[LedgerEntry, Stop | None]:
        """Say a part in the message's thread."""
        done: Spot | Stop | None = None
        if look_first:
            place = Place(entry.channel, entry.ts)
            done = await self._look(place, part_mark(entry, delivery, part), entry.intended_us)
            entry = entry if done is not None else await self._doubt(entry, delivery, part)
        else:
            entry = at_part(entry, part)
            await self._write(delivery, entry)
        if done is None:
            entry, done = await self._post(entry, delivery, part, lambda _: words)
        return (replied(entry, part, done.ts) if isinstance(done, Spot) else entry), self._counted(done)

    def _counted(self, done: Spot | Stop) -> Stop | None:
        stop = done if isinstance(done, Stop) else None
        self._world.metrics.messages.labels(REPLY, stop.reason.value if stop else DONE).inc()
        return stop

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

    async def _look(self, place: Place, mark: str, since_us: int) -> Spot | None:
        """Whether the message is there after all; more than once, since history may lag behind."""
        voice = self._world.voice
        result = "missing"
        for after_s in self._world.patience.look_after_s:
            await self._world.sleep(after_s)
            found = await self._insist(Op.EDIT, lambda: voice.find(place, mark, since_us))
            if isinstance(found, Spot):
                self._world.metrics.look_ups.labels("found").inc()
                return found
            result = "impossible" if isinstance(found, Stop) else result
        self._world.metrics.look_ups.labels(result).inc()
        return None

    async def _doubt(self, entry: LedgerEntry, delivery: Delivery, part: Part) -> LedgerEntry:
        """It is about to be said again, and nobody can rule out that it stands there twice: counted, and marked."""
        self._world.metrics.possible_doubles.inc()
        if part is not Part.MAIN:
            return entry
        entry = doubted(entry)
        await self._write(delivery, entry)
        return entry

    async def _wait(self, seconds: float, reply: NotDone) -> None:
        self._world.metrics.waited.labels(type(reply).__name__.lower()).inc(seconds)
        await self._world.sleep(seconds)

    async def _said(self, entry: LedgerEntry, delivery: Delivery, spot: Spot) -> End:
        """The message stands; what belongs into its thread follows."""
        now_us = self._world.now_us()
        entry = stands(entry, spot.channel, spot.ts, now_us)
        self._measure(delivery, now_us)
        composed = self._composed(entry, delivery)._replace(reminder=None)  # who hears it now needs none
        return await self._thread(entry, delivery, composed, again=False)

    def _composed(self, entry: LedgerEntry, delivery: Delivery) -> Composed:
        via = Reason.RECIPIENT_REFUSED if entry.fallback else delivery.via
        return self._world.compose(delivery, via, doubtful=entry.doubtful)

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
