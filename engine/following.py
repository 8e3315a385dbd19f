"""Following a topic for as long as a program lives: all that stands there, then what comes.

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
    """Hands each record of a topic to `take`, in order of its partition; after a break from the beginning again."""

    def __init__(self, broker: Broker, topic: str, take: Callable[[Record], None], partitions: int = 1) -> None:
        self._broker, self._topic, self._take = broker, topic, take
        self._places = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._moved = asyncio.Condition()
        self._positions: dict[TopicPartition, int] = {}
        self._consumer: Any = None  # an AIOKafkaConsumer while one is connected

    async def run(self) -> None:
        """Follow until cancelled. Errors of the broker are waited out."""
        while True:
            try:
                async with reader(self._broker, self._places, wait_ms=HOLD_MS) as consumer:
                    await self._follow(consumer)
            except KafkaError as error:
                log.warning("cannot read, trying again", topic=self._topic, error=repr(error))
            await asyncio.sleep(PAUSE_S)

    async def caught_up(self) -> None:
        """Return when everything has been taken that was committed when this was called."""
        ends = await self._ends()
        async with self._moved:
            await self._moved.wait_for(lambda: all(self._positions.get(one, -1) >= end for one, end in ends.items()))

    async def _ends(self) -> dict[TopicPartition, int]:
        while True:
            async with self._moved:
                await self._moved.wait_for(lambda: self._consumer is not None)
                consumer = self._consumer
            try:
                ends: dict[TopicPartition, int] = await consumer.end_offsets(self._places)
            except KafkaError as error:
                log.warning("cannot read, trying again", topic=self._topic, error=repr(error))
                await asyncio.sleep(PAUSE_S)
            else:
                return ends

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        first = await consumer.beginning_offsets(self._places)
        for place, offset in first.items():
            consumer.seek(place, offset)
        consumer.resume(*self._places)
        self._consumer = consumer
        await self._move_to(first)
        try:
            while True:
                got = await consumer.getmany(*self._places, timeout_ms=POLL_MS)
                for place, raws in got.items():
                    for raw in raws:
                        self._take(to_record(place.topic, place.partition, raw))
                await self._move_to({place: await consumer.position(place) for place in self._places})
        finally:
            self._consumer, self._positions = None, {}

    async def _move_to(self, positions: dict[TopicPartition, int]) -> None:
        async with self._moved:
            self._positions = positions
            self._moved.notify_all()
