"""Looking at what stands in partitions, the last records or the first unread ones; for the clock.

By position, not by counting records: compaction leaves holes, and a transaction marker takes an offset without being
a record, so the last record may stand well before the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Literal, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from engine.omitting import heed_omissions
from engine.pacing import pace
from engine.records import Record
from engine.settings import ANSWER_MS, MAX_MESSAGE_BYTES, Broker

FETCH_BYTES = 64 * 1024 * 1024
POLL_MS = 1_000


Isolation = Literal["read_committed", "read_uncommitted"]
Place = tuple[str, int]

_new = tuple.__new__
"""A named tuple's own constructor takes twice the time, and this one runs for every record."""


class Span(NamedTuple):
    """The offsets that a partition holds: from `first` up to, not including, `end`, as far as its reader sees."""

    first: int
    end: int


def to_record(topic: str, partition: int, raw: ConsumerRecord) -> Record:
    """A record as aiokafka gives it, or as it stands in a record batch, as ours."""
    headers = raw.headers
    return _new(
        Record,
        (topic, partition, raw.offset, raw.timestamp * 1000, raw.key, raw.value, tuple(headers) if headers else ()),
    )


@asynccontextmanager
async def reader(
    broker: Broker,
    places: Collection[Place],
    fetch_bytes: int = MAX_MESSAGE_BYTES,
    wait_ms: int = 500,
    isolation: Isolation = "read_committed",
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group over these partitions; closed at the end. It sees committed records unless told otherwise.

    It fetches nothing until `peek` asks. `fetch_bytes` is what it asks of a partition at a time (a larger record
    comes whole), `wait_ms` how long the broker may hold a fetch that finds nothing. All partitions are named at once,
    for aiokafka takes up to a second to learn of a topic.
    """
    consumer = AIOKafkaConsumer(
        **broker.client_options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation,
        request_timeout_ms=ANSWER_MS,
        fetch_max_bytes=FETCH_BYTES,
        fetch_max_wait_ms=wait_ms,
        max_partition_fetch_bytes=fetch_bytes,
    )
    try:
        heed_omissions(consumer._client)  # noqa: SLF001  # aiokafka has no other place for it
        await consumer.start()
        pace(consumer, wait_ms)
        theirs = [TopicPartition(*place) for place in places]
        consumer.assign(theirs)
        consumer.pause(*theirs)
        yield consumer
    finally:
        await consumer.stop()


async def peek(consumer: AIOKafkaConsumer, spans: Mapping[Place, Span], limit: int) -> dict[Place, list[Record]]:
    """The first records, at most `limit`, of each span; all are fetched together."""
    wanted = {TopicPartition(*place): span for place, span in spans.items() if span.first < span.end}
    found: dict[Place, list[Record]] = {place: [] for place in spans}
    pending = dict(wanted)
    with _fetching(consumer, wanted):
        while pending:
            got = await consumer.getmany(*pending, timeout_ms=POLL_MS)
            for place, raws in got.items():
                records = (to_record(place.topic, place.partition, raw) for raw in raws)
                found[place].extend(record for record in records if record.offset < pending[place].end)
            for place, span in tuple(pending.items()):
                if len(found[place]) >= limit or await consumer.position(place) >= span.end:
                    del pending[place]
    return {place: records[:limit] for place, records in found.items()}


@contextmanager
def _fetching(consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, Span]) -> Iterator[None]:
    """Fetch these partitions, from where their spans begin, while the block runs."""
    for place, span in spans.items():
        consumer.seek(place, span.first)
    if spans:
        consumer.resume(*spans)
    try:
        yield
    finally:
        if spans:
            consumer.pause(*spans)
