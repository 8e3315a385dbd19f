"""One lane per partition: its state, its processor, its batches one after another; lanes do not wait for each other.

A lane first takes over its transactions, then loads the state, then finds the committed offset: in this order nobody
can have written in between, whoever else believes to have the partition. What a batch produces, its state and its
offset are one transaction. When the broker refuses it, or an answer is missing, the lane begins anew.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import structlog
from faust.types import TP

from engine.link import Place
from engine.loading import Tools, make_store, state_log
from engine.logs import span_of
from engine.packing import Row, rows_of, rows_of_changes
from engine.records import Batch, Delivery, Extent, Output
from engine.state import Changes, LoadedStore, MemoryStore, NoStore, Store
from engine.transactions import Fenced, Lost, Transaction
from engine.writer import by_partition

log = structlog.get_logger(__name__)

DOUBT_PAUSE_S = 0.05


class Processor(Protocol):
    """What a program does with a batch. Made per assigned partition, after its state is loaded; dropped on revoke."""

    def process(self, batch: Batch) -> Sequence[Output] | Awaitable[Sequence[Output]]:
        """The outputs of the batch; changes of state go to the store. An exception ends the program, uncommitted."""
        ...


MakeProcessor = Callable[[int, Store], Processor]


@dataclass(frozen=True)
class Attachment:
    """Topics, what to do with them, and where the state of it is kept (None: nowhere)."""

    topics: tuple[str, ...]
    make: MakeProcessor
    state_topic: str | None

    def every_topic(self) -> frozenset[str]:
        """What is read, and the state."""
        return frozenset(self.topics) | ({self.state_topic} if self.state_topic is not None else set())

    def lanes_of(self, assigned: Collection[TP]) -> list[LanePlan]:
        """One lane per partition where the topics share a state; else one per topic and partition."""
        places = sorted(place for place in assigned if place.topic in self.topics)
        if self.state_topic is None:
            return [LanePlan(self, place.topic, place.partition, (place,)) for place in places]
        return [
            LanePlan(
                self, self.state_topic, partition, tuple(place for place in places if place.partition == partition)
            )
            for partition in sorted({place.partition for place in places})
        ]


class LanePlan(NamedTuple):
    """What a lane is for. `topic`, of the state or else of the input, and partition name its transactions."""

    attachment: Attachment
    topic: str
    partition: int
    places: tuple[TP, ...]


class Skipped(NamedTuple):
    """There is nothing in a partition between two offsets: markers of transactions, holes of compaction."""

    place: TP
    begins: int
    next_offset: int


class Deliverer(Protocol):
    """What brings the batches, as the lanes see it."""

    def hold(self, places: Collection[TP]) -> None:
        """Do not fetch these partitions; what was fetched of them and not delivered is dropped."""
        ...

    async def place_at(self, offsets: Mapping[TP, int]) -> None:
        """Fetch these partitions from here on."""
        ...

    def is_member(self, generation: int, since_s: float) -> bool:
        """Whether the group cannot have given our partitions away: it answered a heartbeat asked after `since_s`."""
        ...

    def free(self, place: TP) -> None:
        """Fetch the partition again."""
        ...


class Lane:
    """The work of one partition, on a task of its own.

    The steps, in order, each a method: `take_over`, `load`, `find_place`, then per batch `process`, and where it
    produced something `write`, `commit`, `settle`.
    """

    def __init__(self, lanes: Lanes, plan: LanePlan, kept: LoadedStore | None) -> None:
        self.loaded = False
        self.plan = plan
        self._lanes = lanes
        self._settings = lanes.tools.settings
        self._generation = lanes.generation()
        self._member_since_s = 0.0
        self._lost: Lost | None = None
        self._at_work: Batch | None = None
        self._closing = False
        self._store: LoadedStore | None = kept
        name = f"{self._settings.name}.{plan.topic}.{plan.partition}"
        self._transaction = Transaction(
            lanes.tools.link, name, self._settings.name, self._settings.max_write_batch_bytes
        )
        self._transacting = asyncio.Lock()
        self._reached: dict[TP, int] = {}
        self._committed: dict[TP, int] = {}
        self._committed_at_s = 0.0
        self._waiting: asyncio.Queue[Delivery | Skipped | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(), name=f"lane-{plan.topic}-{plan.partition}")

    def deliver(self, item: Delivery | Skipped) -> None:
        """Put a batch in line, at most one per topic, or what was skipped."""
        self._waiting.put_nowait(item)

    async def close(self, drain_s: float) -> LoadedStore | None:
        """Let the batch at work finish within `drain_s` and take no other; what can be kept of the state."""
        self._closing = True
        if not self.loaded:
            self._task.cancel()
        self._empty_queue()
        self._waiting.put_nowait(None)
        done, _ = await asyncio.wait([self._task], timeout=drain_s)
        if not done:
            log.warning("batch did not finish in time, it will be done again", partition=self.plan.partition)
            self._task.cancel()
            await asyncio.wait([self._task])
        if isinstance(self._store, MemoryStore):
            self._store.forget_changes()
            return self._store
        if self._store is not None:
            self._store.close()
        return None

    async def take_over(self) -> None:
        """From here on nobody else can write for this partition; what others left open is ended."""
        await self._transaction.take_over()

    async def load(self) -> LoadedStore:
        """The state as it is committed."""
        plan, began = self.plan, time.monotonic()
        if plan.attachment.state_topic is None:
            return NoStore()
        await self._lanes.check_counts(plan.attachment.topics, plan.topic)
        found = await state_log(self._lanes.tools.link, plan.topic, plan.partition)
        store = self._store
        if store is None or not found.continues(store):
            if store is not None:
                store.close()
            store = make_store(self._settings, plan.topic, plan.partition, found.span, self._append)
        store.append_with(self._append)
        self._store = store
        await found.read_on(store)
        self._lanes.count_load(time.monotonic() - began)
        return store

    async def find_place(self) -> None:
        """Go on where the last committed transaction of this partition ended, or at the beginning."""
        link = self._lanes.tools.link
        committed = await link.committed(self._settings.name, [tuple(place) for place in self.plan.places])
        spans = await asyncio.gather(*(span_of(link, *place) for place in self.plan.places))
        for place, span in zip(self.plan.places, spans, strict=True):
            offset = committed[tuple(place)]
            if offset is not None and not span.first <= offset <= span.end:
                log.error(
                    "the log does not hold the committed offset, going on at its beginning",
                    topic=place.topic,
                    partition=place.partition,
                    committed=offset,
                    first=span.first,
                    end=span.end,
                )
            known = offset is not None and span.first <= offset <= span.end
            self._reached[place] = offset if offset is not None and known else span.first
        self._committed = dict(self._reached)
        await self._lanes.consumer.place_at(self._reached)

    async def process(self, batch: Batch, processor: Processor) -> Sequence[Output]:
        """What the batch produces."""
        outputs = processor.process(batch)
        return await outputs if inspect.isawaitable(outputs) else outputs

    async def write(self, rows: Mapping[Place, Sequence[Row]], offsets: Mapping[TP, int]) -> Mapping[Place, Extent]:
        """Write records and offsets in a transaction that stays open."""
        return await self._transaction.write(rows, {tuple(place): offset for place, offset in offsets.items()})

    async def commit(self) -> None:
        """Make visible what was written, all at once."""
        await self._transaction.commit()

    def settle(self, store: LoadedStore, changes: Changes, next_offset: int) -> None:
        """Note in the store what the log now holds."""
        store.settle(changes, next_offset)

    async def _run(self) -> None:
        try:
            while not await self._serve():
                pass
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends the program before a commit
            self._lanes.fail(self.plan, self._at_work, error)
        finally:
            self.loaded = False
            await self._transaction.abandon()

    async def _serve(self) -> bool:
        """Work until told to end: True; False to begin anew, nothing of what was under way being known."""
        self._lost = None
        try:
            await self._membership()
            await self.take_over()
            store = await self.load()
            await self.find_place()
            await self._work(store, self.plan.attachment.make(self.plan.partition, store))
        except Exception as error:
            lost = error if isinstance(error, Lost) else self._lost
            if lost is None:
                raise
            self._begin_anew(lost)
            return self._closing
        return True

    async def _membership(self) -> None:
        """Return when the partition is ours by all that the group said, lest we put its rightful owner out."""
        while not self._lanes.consumer.is_member(self._generation, self._member_since_s):  # noqa: ASYNC110  # heartbeats are of another thread
            await asyncio.sleep(DOUBT_PAUSE_S)

    def _begin_anew(self, lost: Lost) -> None:
        self.loaded = False
        self._lanes.consumer.hold(self.plan.places)
        self._empty_queue()
        if self._store is not None:
            self._store.forget_changes()
        if isinstance(lost, Fenced):
            self._member_since_s = time.monotonic()
        self._lanes.note_lost(self.plan, lost)

    def _empty_queue(self) -> None:
        while not self._waiting.empty():
            self._waiting.get_nowait()
        if self._closing:
            self._waiting.put_nowait(None)

    async def _work(self, store: LoadedStore, processor: Processor) -> None:
        self.loaded = True
        for place in self.plan.places:
            self._lanes.consumer.free(place)
        while (item := await self._next(store)) is not None:
            if isinstance(item, Skipped):
                self._reach(item.place, item.begins, item.next_offset)
                continue
            place = TP(item.batch.topic, item.batch.partition)
            self._reach(place, item.begins, item.batch.next_offset)
            await self._do(item.batch, store, processor)
            self._lanes.consumer.free(place)
        await self._commit_progress(store)

    async def _next(self, store: LoadedStore) -> Delivery | Skipped | None:
        """What waits; meanwhile offsets that no transaction has carried are committed when they are due."""
        while self._reached != self._committed and self._waiting.empty():
            remaining = self._committed_at_s + self._settings.commit_interval_s - time.monotonic()
            if remaining <= 0:
                await self._commit_progress(store)
                continue
            try:
                return await asyncio.wait_for(self._waiting.get(), remaining)
            except TimeoutError:
                continue
        return await self._waiting.get()

    async def _do(self, batch: Batch, store: LoadedStore, processor: Processor) -> None:
        self._at_work = batch
        began = time.monotonic()
        outputs = await self.process(batch, processor)
        if self._lost is not None:  # in a flush whose error the processor kept to itself
            raise self._lost
        changes = store.changes()
        due = time.monotonic() - self._committed_at_s >= self._settings.commit_interval_s
        if outputs or changes or due:
            rows = await self._lanes.placed(outputs)
            async with self._transacting:
                await self._transact(store, rows, changes)
            self._lanes.count_outputs(rows)
        self._lanes.count(self.plan, batch, time.monotonic() - began, len(store))

    def _reach(self, place: TP, begins: int, next_offset: int) -> None:
        """What comes next is done with the next transaction. Raises `Lost` where it does not join what was before."""
        if begins != self._reached[place]:
            msg = f"{place.topic}[{place.partition}] is read from {begins}, and {self._reached[place]} comes next"
            raise Lost(msg)
        self._reached[place] = next_offset

    async def _commit_progress(self, store: LoadedStore) -> None:
        if self._reached != self._committed:
            async with self._transacting:
                await self._transact(store, {}, {})

    async def _append(self, changes: Mapping[bytes, bytes | None]) -> Extent:
        """Append changes of state before their batch is done; the store's `flush` comes here."""
        place = (self.plan.topic, self.plan.partition)
        async with self._transacting:
            try:
                extents = await self.write({place: rows_of_changes(changes)}, {})
                await self.commit()
            except Lost as lost:
                self._lost = lost  # a processor may wrap what it meets
                raise
        return extents[place]

    async def _transact(self, store: LoadedStore, rows: Mapping[Place, Sequence[Row]], changes: Changes) -> None:
        """Rows, changes and the offsets that were reached, all or nothing."""
        offsets = {place: offset for place, offset in self._reached.items() if offset != self._committed.get(place)}
        state = (self.plan.topic, self.plan.partition)
        everything = {**rows, state: [*rows.get(state, ()), *rows_of_changes(changes)]} if changes else rows
        extents = await self.write(everything, offsets)
        await self.commit()
        if changes:
            self.settle(store, changes, extents[state].end)
        self._committed |= offsets
        self._committed_at_s = time.monotonic()
        self._lanes.count_committed(offsets)


class Lanes:
    """All lanes of one program."""

    def __init__(
        self,
        tools: Tools,
        consumer: Deliverer,
        generation: Callable[[], int],
        fail: Callable[[BaseException], None],
        lane: type[Lane] = Lane,
    ) -> None:
        self.tools = tools
        self.consumer = consumer
        self.generation = generation
        self._lane = lane
        self._metrics = tools.metrics
        self._name = tools.settings.name
        self._fail = fail
        self._by_place: dict[TP, Lane] = {}
        self._kept: dict[Place, LoadedStore] = {}
        self._keyless = 0

    def deliver(self, delivery: Delivery) -> None:
        """Hand a batch to its lane; without one the partition has left, and its next owner reads it again."""
        lane = self._by_place.get(TP(delivery.batch.topic, delivery.batch.partition))
        if lane is not None:
            lane.deliver(delivery)

    def skip(self, skipped: Skipped) -> None:
        """There is nothing in a part of a partition."""
        lane = self._by_place.get(skipped.place)
        if lane is not None and lane.loaded:
            lane.deliver(skipped)

    def open_for(self, attachments: Collection[Attachment], assigned: Collection[TP]) -> None:
        """Start the lanes of these partitions; each is held until its state is loaded."""
        self.consumer.hold(assigned)
        kept, self._kept = self._kept, {}
        for attachment in attachments:
            for plan in attachment.lanes_of(assigned):
                lane = self._lane(self, plan, kept.pop((plan.topic, plan.partition), None))
                self._by_place |= dict.fromkeys(plan.places, lane)
        for store in kept.values():
            store.close()
        self._metrics.partitions.labels(self._name).set(len(self._by_place))

    async def close(self) -> None:
        """Finish the batches at work, and end all lanes; states in memory are kept for the next generation."""
        lanes = list(dict.fromkeys(self._by_place.values()))
        drain_s = self.tools.settings.drain_s
        for lane, store in zip(lanes, await asyncio.gather(*(lane.close(drain_s) for lane in lanes)), strict=True):
            if store is not None:
                self._kept[lane.plan.topic, lane.plan.partition] = store

    def forget(self) -> None:
        """The partitions left: their lanes and series go."""
        for place in self._by_place:
            self._metrics.forget_partition(place.topic, place.partition)
        self._by_place.clear()
        self._metrics.partitions.labels(self._name).set(0)

    def not_loaded(self) -> int:
        """How many partitions still load their state."""
        return sum(1 for lane in self._by_place.values() if not lane.loaded)

    @property
    def places(self) -> frozenset[TP]:
        """The partitions that are ours."""
        return frozenset(self._by_place)

    async def check_counts(self, topics: Sequence[str], state_topic: str) -> None:
        """Raises `ValueError` where a topic has another number of partitions than the state that belongs to it."""
        wanted = await self.tools.link.partitions(state_topic)
        for topic in topics:
            found = await self.tools.link.partitions(topic)
            if found != wanted:
                msg = f"{topic} has {found} partitions and its state {state_topic} has {wanted}: they must agree"
                raise ValueError(msg)

    async def placed(self, outputs: Sequence[Output]) -> dict[Place, list[Row]]:
        """Outputs as rows by topic and partition, each in the order given. Raises `ValueError`, see `by_partition`."""
        if not outputs:
            return {}
        partitions = {topic: await self.tools.link.partitions(topic) for topic in {one.topic for one in outputs}}
        self._keyless += 1
        return {place: rows_of(some) for place, some in by_partition(outputs, partitions, self._keyless).items()}

    def count(self, plan: LanePlan, batch: Batch, seconds: float, keys: int) -> None:
        """Count a finished batch."""
        name = self._name
        self._metrics.batches.labels(name, batch.topic).inc()
        self._metrics.records.labels(name, batch.topic).inc(len(batch.records))
        self._metrics.batch_seconds.labels(name, batch.topic).observe(seconds)
        if plan.attachment.state_topic is not None:
            self._metrics.state_keys.labels(name, plan.topic, str(plan.partition)).set(keys)

    def count_outputs(self, rows: Mapping[Place, Sequence[Row]]) -> None:
        """Count what a committed transaction wrote, state left out."""
        for (topic, _), some in rows.items():
            self._metrics.outputs.labels(self._name, topic).inc(len(some))

    def count_load(self, seconds: float) -> None:
        """Note how long the load of a state took."""
        self._metrics.state_load_seconds.labels(self._name).observe(seconds)

    def count_committed(self, offsets: Mapping[TP, int]) -> None:
        """Note committed offsets."""
        for place, offset in offsets.items():
            self._metrics.committed.labels(self._name, place.topic, str(place.partition)).set(offset)

    def note_lost(self, plan: LanePlan, lost: Lost) -> None:
        """Say that a lane begins anew."""
        reason = "fenced" if isinstance(lost, Fenced) else "lost"
        self._metrics.transactions_lost.labels(self._name, reason).inc()
        log.warning(
            "transaction lost, going on from what is committed",
            lane=plan.topic,
            partition=plan.partition,
            reason=str(lost),
        )

    def fail(self, plan: LanePlan, batch: Batch | None, error: BaseException) -> None:
        """A lane failed, with this batch at work or taken last: so does the program."""
        log.error(
            "processing failed, nothing of the batch is committed",
            topic=plan.topic if batch is None else batch.topic,
            partition=plan.partition,
            offsets=None if batch is None else [batch.records[0].offset, batch.records[-1].offset],
            error=repr(error),
            exc_info=error,
        )
        self._fail(error)
