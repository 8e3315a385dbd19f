"""What should stand on the topics: the programs' own processors over the same logs, one partition after another.

No workers, no rebalance, no restart, no transaction: each input partition once, in the order of its offsets, with a
dictionary for its state. What the programs wrote under fire must equal this.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter, defaultdict
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from engine.batches import BatchApp
from engine.clock import CLOCK_HEADER
from engine.lanes import Processor
from engine.records import EVERY_PARTITION, Batch, Output, Record
from engine.settings import MAX_MESSAGE_BYTES, Broker
from engine.tail import to_record
from engine.writer import partition_of
from programs.published import Published
from programs.startup import Ready
from programs.wiring import BUILDS
from signals.keyed import DictStore
from topics.catalog import DEAL_EVENTS, DEAL_SIGNALS, DEFINITIONS, PEOPLE_EVENTS, STAGE_DWELLS, Cleanup
from topics.codec import decode_deal_event, decode_signal, encode
from topics.dwells import Dwell, decode_dwell
from topics.events import DefinitionsChanged

#: The programs whose outputs follow from the log alone. What `send` does follows from the outside world, too.
PROGRAMS = ("ingest", "join", "detect", "route", "notify")
BATCH = 1_000
NOWHERE = "127.0.0.1:9"
"""The address of the apps that are built for their wiring alone: they never connect."""

Logs = Mapping[str, Sequence[Record]]
Row = tuple[bytes | None, bytes]
"""A record as it is compared: its key, and its value without what the moment of writing put in."""


SWITCHED = (DEAL_EVENTS, PEOPLE_EVENTS)
_SWITCH = b'"type":"definitions_changed"'
_VALUE = b'"type":"value_seen"'

Slot = tuple[int, bytes]
"""A key of a compacted topic, with its partition: the state of a partition as a whole has the same key in each."""


Seeds = Mapping[str, Mapping[Slot, bytes]]
NOTHING: Seeds = {}


class Place(NamedTuple):
    """Where a program writes: rows of one program in one partition have a defined order if one input leads there."""

    program: str
    topic: str
    partition: int


class Store(DictStore):
    """A state that lives as long as the oracle."""

    async def flush(self) -> None:
        """Nothing is more lasting than a dictionary here."""


class Expected(NamedTuple):
    """What follows from the logs.

    `rows`: by topic, every row. `said`: by `Place`, what one program says there, in order. `finals`: by compacted
    topic, the last value of each partition's keys.
    """

    rows: dict[str, list[Row]]
    said: dict[Place, list[Row]]
    finals: dict[str, dict[Slot, bytes]]


def logs_of(broker: Broker, ready: Ready) -> dict[str, list[Record]]:
    """Everything that the topics hold, as a reader of committed records sees it; of one partition in order."""
    return asyncio.run(_read(broker, partitions_of(ready)))


async def _read(broker: Broker, counts: Mapping[str, int]) -> dict[str, list[Record]]:
    consumer = AIOKafkaConsumer(
        **broker.client_options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=MAX_MESSAGE_BYTES,
    )
    await consumer.start()
    try:
        return await _read_up_to_ends(consumer, counts)
    finally:
        await consumer.stop()


async def _read_up_to_ends(consumer: AIOKafkaConsumer, counts: Mapping[str, int]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {topic: [] for topic in counts}
    places = [TopicPartition(topic, partition) for topic, count in counts.items() for partition in range(count)]
    consumer.assign(places)
    ends = await consumer.end_offsets(places)
    left = {place for place in places if ends[place] > 0}
    while left:
        for place, raws in (await consumer.getmany(*left, timeout_ms=500)).items():
            found[place.topic] += [to_record(place.topic, place.partition, raw) for raw in raws]
        left = {place for place in left if await consumer.position(place) < ends[place]}
    return found


def expected(ready: Ready, logs: Logs, programs: Sequence[str] = PROGRAMS, seeds: Seeds = NOTHING) -> Expected:
    """What these programs should have written, given what they read, and the states that they found, by topic."""
    found = Taken(ready)
    for name in programs:
        app = BUILDS[name](ready, NOWHERE)
        _publish(app, logs)
        for attachment in app.attachments:
            for partition, batches in _by_partition(attachment.topics, logs):
                store = Store()
                for (place, key), value in seeds.get(attachment.state_topic or "", {}).items():
                    if place == partition:
                        store.put(key, value)
                processor = attachment.make(partition, store)
                for batch in batches:
                    found.take(name, _process(processor, batch))
                if attachment.state_topic is not None:
                    found.keep(attachment.state_topic, partition, store)
    return found.all


def _publish(app: BatchApp, logs: Logs) -> None:
    """Tell the app every definition that was published: what counts where, its log says."""
    published = getattr(app.ready_checks.get("definitions"), "__self__", None)
    if isinstance(published, Published):
        for record in logs[DEFINITIONS]:
            published.take(record)


def versions_of(logs: Logs) -> dict[int, list[str]]:
    """The versions to which each partition of deal.events switched, in order."""
    switches: dict[int, list[str]] = {record.partition: [] for record in logs[DEAL_EVENTS]}
    for record in logs[DEAL_EVENTS]:
        event = decode_deal_event(record.value or b"")
        if isinstance(event, DefinitionsChanged):
            switches[record.partition].append(event.playbook)
    return switches


def partitions_of(ready: Ready) -> dict[str, int]:
    """How many partitions each topic has."""
    return {topic.name: topic.partitions or ready.settings.topics.partitions for topic in ready.topics()}


class Taken:
    """Collects what the processors say."""

    def __init__(self, ready: Ready) -> None:
        self._counts = partitions_of(ready)
        compacted = [topic.name for topic in ready.topics() if topic.cleanup is Cleanup.COMPACT]
        self.all = Expected(defaultdict(list), defaultdict(list), {name: {} for name in compacted})

    def take(self, program: str, outputs: Iterable[Output]) -> None:
        """What a program says."""
        for output in outputs:
            for partition in self._partitions(output):
                if output.topic in self.all.finals:
                    _put(self.all.finals[output.topic], (partition, output.key or b""), output.value)
                else:
                    row = row_of(output.topic, output.key, output.value)
                    self.all.rows[output.topic].append(row)
                    self.all.said[Place(program, output.topic, partition)].append(row)

    def keep(self, topic: str, partition: int, store: Store) -> None:
        """The state that is left in the end."""
        self.all.finals[topic] |= {(partition, key): value for key, value in store.items()}

    def _partitions(self, output: Output) -> Sequence[int]:
        count = self._counts[output.topic]
        if output.partition == EVERY_PARTITION:
            return range(count)
        if output.partition is not None:
            return (output.partition,)
        return (partition_of(output.key or b"", count),)


def row_of(topic: str, key: bytes | None, value: bytes | None) -> Row:
    """A record as it is compared."""
    if topic == DEAL_SIGNALS and value:
        return key, encode(msgspec.structs.replace(decode_signal(value), detected_at=""))
    if topic == PEOPLE_EVENTS and value and _VALUE in value:
        return key, _VALUE  # it names the first deal that this worker saw with it
    return key, value or b""


def standing(topic: str, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows that count in the end.

    A stay is said anew with each batch that changed it: its last word counts, and one that was undone is none.
    """
    if topic != STAGE_DWELLS:
        return rows
    last = {(dwell := decode_dwell(row[1])).identity: (dwell, row) for row in rows}
    return [row for dwell, row in last.values() if isinstance(dwell, Dwell)]


def counted(rows: Iterable[Row]) -> Counter[Row]:
    """How often each row stands there. A value counts once: every worker of `ingest` passes it on once in its life."""
    counts = Counter(rows)
    return Counter({row: 1 if row[1] == _VALUE else count for row, count in counts.items()})


def is_input(record: Record) -> bool:
    """Whether the clock wrote it, or who published definitions: their words follow from nothing that stands here."""
    clock = any(name == CLOCK_HEADER for name, _ in record.headers)
    return clock or (record.topic in SWITCHED and _SWITCH in (record.value or b""))


def _by_partition(topics: Iterable[str], logs: Logs) -> Iterator[tuple[int, Iterator[Batch]]]:
    records = [record for topic in topics for record in logs[topic]]
    for partition in sorted({record.partition for record in records}):
        yield partition, _batches([record for record in records if record.partition == partition])


def _batches(records: Sequence[Record]) -> Iterator[Batch]:
    for topic in dict.fromkeys(record.topic for record in records):
        mine = tuple(record for record in records if record.topic == topic)
        for start in range(0, len(mine), BATCH):
            yield Batch(topic, mine[0].partition, mine[start : start + BATCH])


def _process(processor: Processor, batch: Batch) -> Sequence[Output]:
    outputs = processor.process(batch)
    return asyncio.run(_awaited(outputs)) if inspect.isawaitable(outputs) else outputs


async def _awaited(outputs: Awaitable[Sequence[Output]]) -> Sequence[Output]:
    return await outputs


def _put(finals: dict[Slot, bytes], slot: Slot, value: bytes | None) -> None:
    if value is None:
        finals.pop(slot, None)
    else:
        finals[slot] = value
