"""Reading one partition up to where it ends now, in batches; for loading state and for looking back.

By position, not by counting records: compaction leaves holes, and a transaction marker takes an offset without being
a record, so the last record may stand well before the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from engine.records import Record
from engine.settings import MAX_MESSAGE_BYTES, Broker

FETCH_BYTES = 64 * 1024 * 1024
POLL_MS = 1_000


Chunk = tuple[list[Record], int]


class Span(NamedTuple):
    """The offsets that a partition holds: from `first` up to, not including, `end` (of committed records)."""

    first: int
    end: int


def to_record(topic: str, partition: int, raw: ConsumerRecord) -> Record:
    """A record as aiokafka gives it, as ours."""
    return Record(topic, partition, raw.offset, raw.timestamp * 1000, raw.key, raw.value, raw.headers)


@asynccontextmanager
async def reader(broker: Broker, fetch_bytes: int = MAX_MESSAGE_BYTES) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group that sees committed records only; closed at the end.

    `fetch_bytes` is what it asks of a partition at a time; a larger record comes whole.
    """
    consumer = AIOKafkaConsumer(
        **broker.client_options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=fetch_bytes,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def span_of(consumer: AIOKafkaConsumer, topic: str, partition: int) -> Span:
    """What the partition holds now."""
    place = TopicPartition(topic, partition)
    first = await consumer.beginning_offsets([place])
    end = await consumer.end_offsets([place])
    return Span(first[place], end[place])


async def read_span(consumer: AIOKafkaConsumer, topic: str, partition: int, span: Span) -> AsyncIterator[Chunk]:
    """The records of the span, in chunks, each with the offset at which reading goes on.

    The last chunk ends at the span's end or after it, and may be without records.
    """
    place = TopicPartition(topic, partition)
    consumer.assign([place])
    consumer.seek(place, span.first)
    position = span.first
    while position < span.end:
        got = await consumer.getmany(place, timeout_ms=POLL_MS)
        position = await consumer.position(place)
        yield [to_record(topic, partition, raw) for raw in got.get(place, ())], position
