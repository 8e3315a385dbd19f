"""Following a small topic of one partition for as long as a program lives: all that stands there, then what comes.

For what every worker must know, whichever partitions it holds. Records of committed transactions only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from engine.records import Record
from engine.settings import Broker
from engine.tail import reader, to_record

log = structlog.get_logger(__name__)

POLL_MS = 500
HOLD_MS = 1_000
"""How long the broker holds a fetch that finds nothing; so long it may take to see that only a marker was left."""
PAUSE_S = 1.0
"""Pause after an error of the broker before it is asked again."""


class Follower:
    """Hands each record of a topic's only partition to `take`, in order; after a break from the beginning again."""

    def __init__(self, broker: Broker, topic: str, take: Callable[[Record], None]) -> None:
        self._broker, self._place, self._take = broker, TopicPartition(topic, 0), take
        self._moved = asyncio.Condition()
        self._position = -1
        self._consumer: Any = None  # an AIOKafkaConsumer while one is connected

    async def run(self) -> None:
        """Follow until cancelled. Errors of the broker are waited out."""
        while True:
            try:
                async with reader(self._broker, [self._place], wait_ms=HOLD_MS) as consumer:
                    await self._follow(consumer)
            except KafkaError as error:
                log.warning("cannot read, trying again", topic=self._place.topic, error=repr(error))
            await asyncio.sleep(PAUSE_S)

    async def caught_up(self) -> None:
        """Return when everything has been taken that was committed when this was called."""
        end = await self._end()
        async with self._moved:
            await self._moved.wait_for(lambda: self._position >= end)

    async def _end(self) -> int:
        while True:
            async with self._moved:
                await self._moved.wait_for(lambda: self._consumer is not None)
                consumer = self._consumer
            try:
                ends = await consumer.end_offsets([self._place])
            except KafkaError as error:
                log.warning("cannot read, trying again", topic=self._place.topic, error=repr(error))
                await asyncio.sleep(PAUSE_S)
            else:
                return int(ends[self._place])

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        first = await consumer.beginning_offsets([self._place])
        consumer.seek(self._place, first[self._place])
        consumer.resume(self._place)
        self._consumer = consumer
        await self._move_to(first[self._place])
        try:
            while True:
                got = await consumer.getmany(self._place, timeout_ms=POLL_MS)
                for raw in got.get(self._place, ()):
                    self._take(to_record(self._place.topic, self._place.partition, raw))
                await self._move_to(await consumer.position(self._place))
        finally:
            self._consumer, self._position = None, -1

    async def _move_to(self, position: int) -> None:
        async with self._moved:
            self._position = position
            self._moved.notify_all()
