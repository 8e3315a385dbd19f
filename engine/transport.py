"""Faust's Kafka transport, changed to carry record batches: one message holds what a partition had waiting.

Faust costs time per message, through its conductor, channel, stream and acknowledgement; a message per batch spreads
that over the batch. Three things are therefore done here and not by Faust, each because of what was seen in 0.15.3:

- fetching: a partition whose batch is at work is not fetched, so records coalesce and a slow partition holds up
  nobody; the fetch is woken as soon as a partition is free again.
- acknowledging and committing: Faust acknowledges in `finally`, so an exception or a stop acknowledges what was not
  processed, and takes a failed commit for a done one. Here offsets travel in the lanes' transactions and nowhere else.
- seeking: a lane says where its partition is read from, after it has taken over from whoever had it before.

What makes a discard of fetched records safe: records are dropped only when the generation of the group has changed
since they were fetched, or their lane has held the partition since; in both cases a lane places the partition anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import aiokafka
import faust
import structlog
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.subscription_state import TopicPartitionState
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import ConsumerStoppedError
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust.serializers.schemas import Schema
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Producer, Transport
from faust.types import TP, ConsumerMessage, EventT, Message

from engine.metrics import EngineMetrics
from engine.omitting import heed_omissions
from engine.pacing import pace
from engine.progress import Progress
from engine.records import Batch, Delivery, Record
from engine.settings import ANSWER_MS, MAX_MESSAGE_BYTES, EngineSettings
from engine.tail import FETCH_BYTES, to_record

log = structlog.get_logger(__name__)

T = TypeVar("T")
Drained = Mapping[TP, list[Record]]

FETCH_WAIT_MS = 500
"""How long the broker holds a fetch that finds nothing; it answers at once when something arrives."""

CREATE_TIME = 0
"""Whose a message's time is, in Faust's terms: its sender's. Nothing here asks."""

NEVER_MS = 24 * 3600 * 1000
"""The poll interval after which a member leaves by itself: practically never, for a batch of `send` may wait for
Slack for minutes. A dead or frozen worker is found by its missing heartbeats instead."""


class Fetched(NamedTuple):
    """What one fetch brought: the group's generation, records by partition, and where each partition stands.

    `begins` says where each partition was read from, `positions` where reading goes on, `ends` the known end offset,
    `stable` the end of what is committed.
    """

    generation: int
    records: dict[TP, list[Record]]
    begins: dict[TP, int]
    positions: dict[TP, int]
    ends: dict[TP, int]
    stable: dict[TP, int]


class Lease(NamedTuple):
    """The last proof that we are in the group: in which generation, and when (monotonic) we asked for it."""

    generation: int
    asked_at_s: float


class BatchSchema(Schema):  # type: ignore[misc]  # Faust publishes no types
    """Hands the batch through as it is: bytes are decoded by the programs, where an error is a value."""

    def compile(self, app: faust.App, **_: object) -> Callable[..., Awaitable[EventT]]:
        """The decoder that Faust calls for each message."""

        async def decode(message: Message, *, propagate: bool = False) -> EventT:  # noqa: ARG001  # Faust's signature
            return app.create_event(None, message.value, None, message)

        return decode


class BatchConsumerThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust publishes no types
    """The thread in which aiokafka lives: heartbeats go on whatever the program does."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.wakes = 0
        self._lease = Lease(-1, 0.0)
        self._woken = asyncio.Event()

    def _create_worker_consumer(self, transport: Transport) -> aiokafka.AIOKafkaConsumer:  # noqa: ARG002  # Faust's signature
        settings: EngineSettings = self.app.engine_settings
        rebalance_ms = int(max(settings.session_timeout_s, settings.drain_s * 2 + 5) * 1000)
        # range gives partition p of every topic to one worker where the counts agree, which shared state needs
        self._assignor = RangePartitionAssignor
        return aiokafka.AIOKafkaConsumer(
            **settings.broker.client_options(),
            client_id=settings.name,
            group_id=settings.name,
            group_instance_id=settings.name if self.app.sole_worker else None,
            partition_assignment_strategy=[RangePartitionAssignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_interval_ms=NEVER_MS,
            max_partition_fetch_bytes=MAX_MESSAGE_BYTES,
            fetch_max_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            request_timeout_ms=rebalance_ms + ANSWER_MS // 2,  # a join is answered when the rebalance is over
            session_timeout_ms=int(settings.session_timeout_s * 1000),
            heartbeat_interval_ms=int(settings.session_timeout_s * 1000 / 5),
            rebalance_timeout_ms=rebalance_ms,
            isolation_level="read_committed",
            metadata_max_age_ms=30_000,
        )

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_consumer(loop)
        heed_omissions(consumer._client)  # noqa: SLF001  # aiokafka has no other place for it
        return consumer

    async def fetch(self, holds: Mapping[TP, int], timeout_s: float, limit: int) -> Fetched:
        """What waits in these partitions, at most `limit` records each; comes back empty-handed when woken.

        `holds` says how often each was held before. One that is held in the meantime is left alone from then on: its
        lane places it anew, and what was taken after that, only to be dropped, would be lost.
        """
        return await self._on_thread(self._fetch(holds, timeout_s, limit, self.wakes))

    def wake(self) -> None:
        """End a waiting fetch, so that the next one can ask for more partitions. Called from the program's loop."""
        self.wakes += 1
        if not self.thread_loop.is_closed():
            self.thread_loop.call_soon_threadsafe(self._woken.set)

    async def on_start(self) -> None:
        """Start the client, and note each heartbeat that the group answers."""
        await super().on_start()
        pace(self._ensure_consumer(), FETCH_WAIT_MS)
        coordinator = self._ensure_consumer()._coordinator  # noqa: SLF001  # aiokafka tells nobody of its heartbeats
        beat = coordinator._do_heartbeat  # noqa: SLF001  # as above

        async def noted() -> bool:
            asked_at_s = time.monotonic()
            alive: bool = await beat()
            if alive:
                self._lease = Lease(coordinator.generation, asked_at_s)
            return alive

        coordinator._do_heartbeat = noted  # noqa: SLF001  # as above

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """A new generation begins, and we are in it."""
        self._lease = Lease(generation_id, time.monotonic())
        await super().on_partitions_assigned(assigned, generation_id)

    def is_member(self, generation: int, since_s: float) -> bool:
        """Whether the group cannot have put us out of this generation: its session has not run out since we asked."""
        lease = self._lease
        session_s: float = self.app.engine_settings.session_timeout_s
        asked_after_s = max(since_s, time.monotonic() - session_s)
        return lease.generation == generation and lease.asked_at_s > asked_after_s

    async def place_at(self, offsets: Mapping[TP, int]) -> None:
        """Fetch from these offsets on; a partition that has left is left alone."""
        await self._on_thread(self._place_at(offsets))

    def _stopped_set(self) -> None:
        if not self.thread_loop.is_closed():  # after a crash the thread has ended by itself
            super()._stopped_set()

    async def on_thread_stop(self) -> None:
        """Close the consumer, also where no broker answers: a fetch that waits to try again ends in its own cancel."""
        try:
            await super().on_thread_stop()
        except asyncio.CancelledError:
            await self._ensure_consumer()._client.close()  # noqa: SLF001  # what aiokafka's stop did not come to

    async def _on_thread(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self.thread_loop))

    async def _place_at(self, offsets: Mapping[TP, int]) -> None:
        consumer = self._ensure_consumer()
        for place, offset in offsets.items():
            if TopicPartition(*place) in consumer.assignment():
                consumer.seek(TopicPartition(*place), offset)

    async def _fetch(self, holds: Mapping[TP, int], timeout_s: float, limit: int, wakes: int) -> Fetched:
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher  # noqa: SLF001  # aiokafka's getmany cannot be woken
        self._woken.clear()
        deadline = asyncio.get_running_loop().time() + timeout_s
        begins: dict[TP, int] = {}
        while True:
            if consumer._closed or fetcher._closed:  # noqa: SLF001  # as above
                raise ConsumerStoppedError
            fetched = await self._take(fetcher, holds, limit, begins)
            remaining = deadline - asyncio.get_running_loop().time()
            if fetched.records or remaining <= 0 or self.wakes != wakes or not self.consumer.flow_active:
                return fetched
            await self._wait_for_data(fetcher, remaining)

    async def _take(self, fetcher: Fetcher, holds: Mapping[TP, int], limit: int, begins: dict[TP, int]) -> Fetched:
        """Everything that has arrived. Runs without giving way, so that records and generation belong together.

        `begins` is filled in: where the fetch found each partition first. A look that finds nothing but the marker of a
        transaction moves on, too, and the fetch looks again; what it skipped belongs to what it brings.

        The seek of a lane runs on this thread, too, after its hold: what is taken while the count of holds is still
        the same is taken before that seek, and may be dropped.
        """
        fetched = Fetched(self.app.consumer_generation_id, {}, begins, {}, {}, {})
        subscriptions = fetcher._subscriptions  # noqa: SLF001  # as above
        for place, held in holds.items():
            if self.consumer.times_held(place) != held:
                continue
            if subscriptions.reassignment_in_progress or not self.consumer.flow_active:
                break
            if not subscriptions.is_assigned(place):
                continue
            state = subscriptions.subscription.assignment.state_value(place)
            if not state.has_valid_position:
                continue
            begins.setdefault(place, state.position)
            _make_ours(fetcher._records.get(place))  # noqa: SLF001  # as above
            drained = await fetcher.fetched_records((place,), timeout=0, max_records=limit)
            _note(fetched, place, drained, state)
        return fetched

    async def _wait_for_data(self, fetcher: Fetcher, timeout_s: float) -> None:
        arrived = fetcher._create_fetch_waiter()  # noqa: SLF001  # as above
        woken = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait([arrived, woken], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
            if arrived.done():
                arrived.result()  # raises what the fetcher met, a missing permission for one
        finally:
            arrived.cancel()
            woken.cancel()


def _make_ours(found: object) -> None:
    """Let aiokafka make its records as ours at once: its own have eleven fields, checked and frozen one by one."""
    parts = getattr(found, "_partition_records", None)  # an error that was met has none
    if parts is not None:
        parts._consumer_record = _record_of  # noqa: SLF001  # aiokafka has no other place for it


def _record_of(place: TopicPartition, raw: ConsumerRecord) -> Record:
    return to_record(place.topic, place.partition, raw)


def _note(fetched: Fetched, place: TP, drained: Drained, state: TopicPartitionState) -> None:
    fetched.records.update(drained)
    fetched.positions[place] = state.position
    if state.highwater is not None:
        fetched.ends[place] = state.highwater
        fetched.stable[place] = state.highwater if state.lso in (None, -1) else state.lso


class BatchConsumer(Consumer):  # type: ignore[misc]  # Faust publishes no types
    """Yields one message per partition, holding its `Batch`; commits nothing, for the lanes do."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._settings: EngineSettings = self.app.engine_settings
        self._metrics: EngineMetrics = self.app.engine_metrics
        self._busy: set[TP] = set()
        self._holds: dict[TP, int] = {}
        self._freed = asyncio.Event()
        self._told: dict[TP, int] = {}
        self.progress = Progress()

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def hold(self, places: Collection[TP]) -> None:
        """Do not fetch these partitions until they are freed; what is being fetched of them now is dropped."""
        self._busy.update(places)
        for place in places:
            self._holds[place] = self.times_held(place) + 1
            self._told.pop(place, None)

    def times_held(self, place: TP) -> int:
        """How often the partition was held so far. Asked from both threads."""
        return self._holds.get(place, 0)

    def free(self, place: TP) -> None:
        """The partition's batch is done (or its state loaded): fetch it again."""
        self._busy.discard(place)
        self._freed.set()
        self._thread.wake()

    async def place_at(self, offsets: Mapping[TP, int]) -> None:
        """Fetch these partitions from here on."""
        await self._thread.place_at(offsets)

    def is_member(self, generation: int, since_s: float) -> bool:
        """Whether the partitions of this generation are surely still ours."""
        member: bool = self._thread.is_member(generation, since_s)
        return member

    def forget(self, places: Iterable[TP]) -> None:
        """The partitions left."""
        for place in places:
            self._told.pop(place, None)
            self._busy.discard(place)
        self.progress.forget(places)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109  # Faust's signature
        """One message per partition that has records and no batch at work."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        if self.should_stop:
            return
        ready = frozenset(self._get_active_partitions() - self._busy)
        if not ready:
            await self._wait_until_freed(timeout)
            return
        holds = {place: self.times_held(place) for place in ready}
        fetched = await self._thread.fetch(holds, timeout, self._settings.max_batch_records)
        for place, position in fetched.positions.items():
            if place not in fetched.records and self._is_current(fetched.generation, place, holds):
                self._note_idle(place, fetched.begins[place], position)
                self._note_progress(fetched, place, position)
        for place, raw in fetched.records.items():
            if self._is_current(fetched.generation, place, holds):
                self._busy.add(place)
                self._note_progress(fetched, place, raw[0].offset)
                yield place, self._message(place, raw, fetched)

    def _note_progress(self, fetched: Fetched, place: TP, done: int) -> None:
        """A partition is fetched once its batch before is done: all below what comes next is processed."""
        if place in fetched.stable:
            self.progress.note(place, done, fetched.stable[place])

    async def commit(self, topics: object = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002, FBT001, FBT002  # Faust's signature
        """Nothing: offsets travel in the lanes' transactions."""
        return False

    async def perform_seek(self) -> None:
        """Nothing: each lane says where its partition is read from."""

    async def verify_all_partitions_active(self) -> None:
        """Faust's livelock warnings take a slow batch for a fault; our own metrics say what is slow."""

    def on_buffer_full(self, tp: TP) -> None:
        """Not used: a partition with a batch at work is held instead."""

    def on_buffer_drop(self, tp: TP) -> None:
        """Not used, as above."""

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Not used: offsets are acknowledged by batch."""

    def _is_current(self, generation: int, place: TP, holds: Mapping[TP, int]) -> bool:
        current: bool = (
            self.flow_active
            and generation == self.app.consumer_generation_id
            and place in self._get_active_partitions()
            and place not in self._busy
            and holds[place] == self.times_held(place)
        )
        return current

    def _note_idle(self, place: TP, begins: int, position: int) -> None:
        """Nothing waits: markers of transactions and compacted holes that were skipped are done with, too."""
        self._metrics.lag.labels(self._settings.name, place.topic, str(place.partition)).set(0)
        if position > self._told.get(place, 0):
            self._told[place] = position
            self.app.skip(place, begins, position)

    def _message(self, place: TP, records: Sequence[Record], fetched: Fetched) -> ConsumerMessage:
        batch = Batch(place.topic, place.partition, tuple(records), fetched.positions[place])
        end = fetched.ends.get(place)
        last = records[-1]
        self._told[place] = batch.next_offset
        waiting = (end or batch.next_offset) - batch.records[0].offset
        self._metrics.lag.labels(self._settings.name, place.topic, str(place.partition)).set(waiting)
        return ConsumerMessage(
            place.topic,
            place.partition,
            last.offset,
            last.timestamp_us / 1_000_000,
            CREATE_TIME,
            None,
            None,
            Delivery(batch, fetched.begins[place]),
            None,
            tp=place,
            generation_id=self.app.consumer_generation_id,
        )

    async def _wait_until_freed(self, timeout_s: float) -> None:
        self._freed.clear()
        if self._get_active_partitions() - self._busy:
            return
        try:
            await asyncio.wait_for(self._freed.wait(), timeout_s)
        except TimeoutError:
            return


class BatchTransport(Transport):  # type: ignore[misc]  # Faust publishes no types
    """Faust's transport with our consumer."""

    Consumer = BatchConsumer

    class Producer(Producer):  # type: ignore[misc]  # Faust publishes no types
        """Faust's own producer, which nothing is written with; it must be able to connect."""

        def _settings_auth(self) -> Mapping[str, Any]:
            settings: EngineSettings = self.app.engine_settings
            return settings.broker.security.client_options()
