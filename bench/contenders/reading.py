"""A bare aiokafka consumer over the events, in a group as ours is, which ends with the last event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord

from bench.contenders.watch import Task

Records = Sequence[ConsumerRecord]


async def batches(given: Task, most: int = 5_000) -> AsyncIterator[Records]:
    """The events of one partition at a time, at most so many."""
    consumer = AIOKafkaConsumer(
        given.topic,
        bootstrap_servers=given.servers,
        group_id=given.run,
        auto_offset_reset="earliest",
        enable_auto_commit=True,
        isolation_level="read_committed",
        max_partition_fetch_bytes=16 * 1024 * 1024,
    )
    await consumer.start()
    try:
        left = given.events
        while left:
            got = await consumer.getmany(timeout_ms=1_000, max_records=most)
            for records in got.values():
                left -= len(records)
                yield records
    finally:
        await consumer.stop()
