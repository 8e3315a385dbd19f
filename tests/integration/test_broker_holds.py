"""A fetch that finds nothing: how long a broker holds it, and how often ours is asked where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher

from engine.admin import TopicSpec, apply
from engine.settings import Broker
from engine.tail import reader
from tests.brokers.matrix import on_brokers

HOLD_MS = 500
WATCH_S = 2.0
Fetch = Callable[[Fetcher, object, int, object], Coroutine[object, object, bool]]


@pytest.fixture
def fetches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry per fetch that any consumer makes."""
    made: list[int] = []
    fetch: Fetch = Fetcher._proc_fetch_request

    async def counted(fetcher: Fetcher, assignment: object, node: int, request: object) -> bool:
        made.append(node)
        return await fetch(fetcher, assignment, node, request)

    monkeypatch.setattr(Fetcher, "_proc_fetch_request", counted)
    return made


@on_brokers(embedded_fails="it answers a fetch that finds nothing at once, 1,100 times a second")
async def test_a_fetch_that_finds_nothing_is_held(broker: Broker, fresh: str, fetches: list[int]) -> None:
    apply(broker, [TopicSpec(fresh, 1, {})])
    consumer = AIOKafkaConsumer(**broker.client_options(), group_id=None, fetch_max_wait_ms=HOLD_MS)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(fresh, 0)])
        await consumer.seek_to_beginning()
        await consumer.getmany(timeout_ms=HOLD_MS)
        fetches.clear()
        await consumer.getmany(timeout_ms=int(WATCH_S * 1000))
    finally:
        await consumer.stop()
    assert len(fetches) <= 2 * WATCH_S * 1000 / HOLD_MS


async def test_ours_asks_seldom_while_nothing_comes(broker: Broker, fresh: str, fetches: list[int]) -> None:
    apply(broker, [TopicSpec(fresh, 1, {})])
    place = TopicPartition(fresh, 0)
    async with reader(broker, [place], wait_ms=HOLD_MS) as consumer:
        await consumer.seek_to_beginning(place)
        consumer.resume(place)
        await consumer.getmany(timeout_ms=HOLD_MS)
        fetches.clear()
        await asyncio.sleep(WATCH_S)
    assert 0 < len(fetches) <= 25 * WATCH_S
