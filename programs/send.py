"""send: `alert.outbox` to Slack, or to the terminal where there is no token. The only program that waits for Slack."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import structlog

from alerts.blocks import Composed, Message
from alerts.calls import API_URL, Calls, slack_client
from alerts.compose import compose
from alerts.courier import Courier, End, World
from alerts.drawn import draw
from alerts.ledger import LedgerEntry, decode_entry, forgettable
from alerts.metrics import Metrics
from alerts.reading import Unreadable, read_delivery
from alerts.reasons import Reason
from alerts.replies import NotDone
from alerts.retry import PATIENCE, Patience
from alerts.slack import Slack
from alerts.values import Decision, Delivery, Recipient
from alerts.voice import Place, Spot, Voice
from engine.records import Batch, Output
from engine.state import Store
from programs.aside import put_unreadable_aside
from programs.published import Published
from topics.catalog import ALERT_LOG, ALERT_OUTBOX
from topics.codec import encode
from topics.instants import DAY_US, rfc3339

INPUT = ALERT_OUTBOX
#: Recipients that are spoken to at the same time. Slack allows about one message a second per channel.
AT_ONCE = 8
#: Where something stands that a terminal does not show.
FOLDED = "folded:"

log = structlog.get_logger("send")


class StoredLedger:
    """The ledger of one partition, on its store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str) -> LedgerEntry | None:
        """The entry of a recipient and a signal."""
        value = self._store.get(key.encode())
        return None if value is None else decode_entry(value)

    async def put(self, key: str, entry: LedgerEntry) -> None:
        """Write it and wait until the broker has it."""
        self._store.put(key.encode(), encode(entry))
        await self._store.flush()

    def sweep(self, now_us: int) -> None:
        """Forget what was over long ago."""
        old = [key for key, value in self._store.items() if forgettable(decode_entry(value), now_us)]
        for key in old:
            self._store.put(key, None)


class Terminal:
    """A `Voice` for machines without a token: each message is drawn where `write` leads."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    async def open(self, recipient: Recipient) -> str | NotDone:
        """The name under which messages are drawn."""
        return recipient.name

    async def post(self, place: Place, message: Message, mark: str) -> Spot | NotDone:
        """Draw it. What stands in a thread is drawn only where it interrupts: the message has the gist of the rest."""
        if place.thread and not message.broadcast:
            return Spot(place.channel, FOLDED + mark)
        self._write("\n".join(draw(place.channel, message, edited=False)))
        return Spot(place.channel, mark)

    async def edit(self, spot: Spot, message: Message, mark: str) -> Spot | NotDone:  # noqa: ARG002 - a Voice's signature
        """Draw it again, as edited."""
        if not spot.ts.startswith(FOLDED):
            self._write("\n".join(draw(spot.channel, message, edited=True)))
        return spot

    async def find(self, place: Place, mark: str, since_us: int) -> Spot | NotDone | None:  # noqa: ARG002 - a Voice's signature
        """What was drawn cannot be found again."""
        return None


class Send:
    """The processor of one partition: in order for one recipient, several recipients at once."""

    def __init__(self, world: World, store: Store, at_once: int = AT_ONCE, published: Published | None = None) -> None:
        self._world, self._published = world, published
        self._ledger = StoredLedger(store)
        self._couriers: dict[str | None, Courier] = {}
        self._at_once = at_once
        self._swept_day = 0

    async def process(self, batch: Batch) -> Sequence[Output]:
        """Deliver everything, in the words of the definitions that each signal names.

        What could not be said is logged with its reason.
        """
        queues: dict[str, list[Delivery]] = {}
        outputs: list[Output] = []
        for record in batch.records:
            delivery = read_delivery(record.value or b"")
            if isinstance(delivery, Unreadable):
                outputs.append(put_unreadable_aside(record, delivery, self._world.metrics))
            else:
                queues.setdefault(delivery.recipient.key, []).append(delivery)
        versions = {each.signal.playbook for queue in queues.values() for each in queue}
        if self._published is not None and self._published.unsought(versions):
            await self._published.find(versions)
        free = asyncio.Semaphore(self._at_once)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._queue(free, each)) for each in queues.values()]
        self._sweep(batch.records[-1].timestamp_us)
        return [*outputs, *(output for task in tasks for output in task.result())]

    async def _queue(self, free: asyncio.Semaphore, deliveries: list[Delivery]) -> list[Output]:
        async with free:
            ends = [(each, await self._courier(each).deliver(each)) for each in deliveries]
        return [self._logged(each, end) for each, end in ends if end.reason not in (None, Reason.ALREADY_SAID)]

    def _courier(self, delivery: Delivery) -> Courier:
        """The courier who knows the fallback channel of the signal's definitions."""
        fallback = self._world.fallback
        if self._published is not None:
            fallback = self._published.playbook(delivery.signal.playbook).fallback_channel
        if fallback not in self._couriers:
            self._couriers[fallback] = Courier(replace(self._world, fallback=fallback), self._ledger)
        return self._couriers[fallback]

    def _logged(self, delivery: Delivery, end: End) -> Output:
        reason = end.reason or Reason.TOLD
        signal = delivery.signal
        log.warning(
            "not_said",
            signal=signal.id,
            kind=signal.kind.value,
            deal=signal.subject_key,
            reason=reason.value,
            detail=end.detail,
        )
        decision = Decision(
            signal=signal.id,
            kind=signal.kind,
            transition=signal.transition,
            reason=reason,
            at=rfc3339(self._world.now_us()),
            subject_key=signal.subject_key,
            recipient=delivery.recipient.key,
            via=delivery.via,
            op=delivery.op,
            seq=delivery.seq,
            detail=end.detail,
        )
        return Output(ALERT_LOG, signal.id.encode(), encode(decision))

    def _sweep(self, now_us: int) -> None:
        if now_us // DAY_US > self._swept_day:
            self._swept_day = now_us // DAY_US
            self._ledger.sweep(now_us)


def make_send(world: World, _partition: int, store: Store, *, published: Published | None = None) -> Send:
    """The processor of a partition; bind the first, and `published`, with `functools.partial`."""
    return Send(world, store, published=published)


def make_voice(token: str | None, api_url: str | None, metrics: Metrics, write: Callable[[str], None]) -> Voice:
    """Slack where there is a token, else the terminal. Raises ValueError for an address that Slack must not have."""
    return Slack(Calls(slack_client(token, api_url or API_URL), metrics)) if token else Terminal(write)


def slack_trouble(voice: Voice) -> str | None:
    """The readiness check: why nothing can be said at present; None when all is well."""
    return voice.trouble if isinstance(voice, Slack) else None


def make_world(published: Published, voice: Voice, metrics: Metrics, patience: Patience = PATIENCE) -> World:
    """The world of a running program: the wall clock, real waiting, the playbook's words."""
    return World(
        voice=voice,
        compose=functools.partial(_compose, published),
        metrics=metrics,
        now_us=lambda: time.time_ns() // 1000,
        sleep=asyncio.sleep,
        patience=patience,
    )


def _compose(published: Published, delivery: Delivery, via: Reason, *, doubtful: bool) -> Composed:
    return compose(published.playbook(delivery.signal.playbook), delivery, via, doubtful=doubtful)
