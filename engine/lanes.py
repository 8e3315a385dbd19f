"""One lane per partition: its state, its processor, its batches one after another; lanes do not wait for each other.

The order within a lane is the contract: outputs are acknowledged before the state, the state before the offset.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog
from faust.types import TP

from engine.loading import StillOurs, Tools, open_state
from engine.records import Batch, Output
from engine.state import LoadedStore, NoStore, Store
from engine.writer import BatchWriter

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


class Deliverer(Protocol):
    """What brings the batches, as the lanes see it."""

    def hold(self, places: Collection[TP]) -> None:
        """Do not fetch these partitions."""
        ...

    def mark_done(self, place: TP, next_offset: int) -> None:
        """Everything below is processed and written."""
        ...

    def is_member(self, generation: int) -> bool:
        """Whether the partitions of this generation are surely still ours."""
        ...

    def free(self, place: TP) -> None:
        """Fetch the partition again."""
        ...


class Commit:
    """The one place that decides in which order a batch becomes lasting.

    Outputs, then state, then offset, each acknowledged before the next begins: a crash in between repeats the batch,
    and never loses it. Before each write `still_ours` returns only if the group cannot have given the partition to
    another worker yet. That keeps a worker that was frozen from writing old state over new; what it wrote in the very
    moment of freezing only a transaction can refuse, fenced per partition, which would replace this class.
    """

    def __init__(self, writer: BatchWriter, consumer: Deliverer, still_ours: StillOurs) -> None:
        self._writer = writer
        self._consumer = consumer
        self._still_ours = still_ours

    async def __call__(self, batch: Batch, outputs: Sequence[Output], store: Store) -> None:
        """Make the batch lasting."""
        await self._still_ours()
        await self._writer.write(outputs)
        await store.flush()
        self._consumer.mark_done(TP(batch.topic, batch.partition), batch.next_offset)


class Lane:
    """The work of one partition, on a task of its own."""

    def __init__(self, lanes: Lanes, attachment: Attachment, partition: int, places: Collection[TP]) -> None:
        self.loaded = False
        self._lanes = lanes
        self._generation = lanes.generation()
        self._doubtful = False
        self._commit = lanes.make_commit(self._still_ours)
        self._attachment = attachment
        self._partition = partition
        self._places = places
        self._waiting: asyncio.Queue[Batch | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run(), name=f"lane-{attachment.topics[0]}-{partition}")

    def deliver(self, batch: Batch) -> None:
        """Put a batch in line; the consumer brings at most one per topic."""
        self._waiting.put_nowait(batch)

    async def close(self, drain_s: float) -> None:
        """Let the batch at work finish within `drain_s`, take no other, and let go of the state."""
        if not self.loaded or self._doubtful:
            self._task.cancel()
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)
        done, _ = await asyncio.wait([self._task], timeout=drain_s)
        if not done:
            log.warning("batch did not finish in time, it will be done again", partition=self._partition)
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            store = await self._open()
            try:
                await self._work(store, self._attachment.make(self._partition, store))
            finally:
                store.close()
        except Exception as error:  # noqa: BLE001  # whatever it is, it ends the program before a commit
            self._lanes.fail(self._attachment.topics, self._partition, error)

    async def _still_ours(self) -> None:
        """Return when we surely are in the group; if another generation has begun, we are cancelled while waiting."""
        while not self._lanes.consumer.is_member(self._generation):
            self._doubtful = True
            await asyncio.sleep(DOUBT_PAUSE_S)
        self._doubtful = False

    async def _open(self) -> LoadedStore | NoStore:
        if self._attachment.state_topic is None:
            return NoStore()
        await self._lanes.check_counts(self._attachment.topics, self._attachment.state_topic)
        return await self._lanes.open(self._attachment.state_topic, self._partition, self._still_ours)

    async def _work(self, store: LoadedStore | NoStore, processor: Processor) -> None:
        self.loaded = True
        for place in self._places:
            self._lanes.consumer.free(place)
        while (batch := await self._waiting.get()) is not None:
            await self._do(batch, store, processor)
            self._lanes.consumer.free(TP(batch.topic, batch.partition))

    async def _do(self, batch: Batch, store: LoadedStore | NoStore, processor: Processor) -> None:
        began = time.monotonic()
        outputs = processor.process(batch)
        if inspect.isawaitable(outputs):
            outputs = await outputs
        await self._commit(batch, outputs, store)
        self._lanes.count(batch, time.monotonic() - began, self._attachment.state_topic, len(store))


class Lanes:
    """All lanes of one program."""

    def __init__(
        self,
        tools: Tools,
        consumer: Deliverer,
        generation: Callable[[], int],
        fail: Callable[[BaseException], None],
    ) -> None:
        self.consumer = consumer
        self.generation = generation
        self._tools = tools
        self._settings = tools.settings
        self._metrics = tools.metrics
        self._fail = fail
        self._by_place: dict[TP, Lane] = {}

    def deliver(self, batch: Batch) -> None:
        """Hand a batch to its lane; without one the partition has left, and its next owner reads it again."""
        lane = self._by_place.get(TP(batch.topic, batch.partition))
        if lane is not None:
            lane.deliver(batch)

    def open_for(self, attachments: Collection[Attachment], assigned: Collection[TP]) -> None:
        """Start a lane for each partition; each is held until its state is loaded."""
        self.consumer.hold(assigned)
        for attachment in attachments:
            places = [place for place in assigned if place.topic in attachment.topics]
            for partition in sorted({place.partition for place in places}):
                mine = [place for place in places if place.partition == partition]
                lane = Lane(self, attachment, partition, mine)
                self._by_place |= dict.fromkeys(mine, lane)
        self._metrics.partitions.labels(self._settings.name).set(len(self._by_place))

    async def close(self) -> None:
        """Finish the batches at work, and end all lanes."""
        lanes = set(self._by_place.values())
        if lanes:
            await asyncio.gather(*(lane.close(self._settings.drain_s) for lane in lanes))

    def forget(self) -> None:
        """The partitions left: their lanes and series go."""
        for place in self._by_place:
            self._metrics.forget_partition(place.topic, place.partition)
        self._by_place.clear()
        self._metrics.partitions.labels(self._settings.name).set(0)

    def not_loaded(self) -> int:
        """How many partitions still load their state."""
        return sum(1 for lane in self._by_place.values() if not lane.loaded)

    @property
    def places(self) -> frozenset[TP]:
        """The partitions that are ours."""
        return frozenset(self._by_place)

    async def check_counts(self, topics: Sequence[str], state_topic: str) -> None:
        """Raises `ValueError` where a topic has another number of partitions than the state that belongs to it."""
        wanted = await self._tools.writer.partitions(state_topic)
        for topic in topics:
            found = await self._tools.writer.partitions(topic)
            if found != wanted:
                msg = f"{topic} has {found} partitions and its state {state_topic} has {wanted}: they must agree"
                raise ValueError(msg)

    async def open(self, state_topic: str, partition: int, still_ours: StillOurs) -> LoadedStore:
        """Load the state of a partition."""
        return await open_state(self._tools, state_topic, partition, still_ours)

    def make_commit(self, still_ours: StillOurs) -> Commit:
        """What makes a lane's batches lasting."""
        return Commit(self._tools.writer, self.consumer, still_ours)

    def count(self, batch: Batch, seconds: float, state_topic: str | None, keys: int) -> None:
        """Count a finished batch."""
        name = self._settings.name
        self._metrics.batches.labels(name, batch.topic).inc()
        self._metrics.records.labels(name, batch.topic).inc(len(batch.records))
        self._metrics.batch_seconds.labels(name, batch.topic).observe(seconds)
        if state_topic is not None:
            self._metrics.state_keys.labels(name, state_topic, str(batch.partition)).set(keys)

    def fail(self, topics: Sequence[str], partition: int, error: BaseException) -> None:
        """A lane failed: so does the program."""
        log.error(
            "processing failed, nothing of the batch is committed",
            topics=topics,
            partition=partition,
            error=repr(error),
            exc_info=error,
        )
        self._fail(error)
