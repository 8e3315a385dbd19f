"""Following a small topic: what stands there, what comes, and what is behind the marker of a transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.admin import TopicSpec, apply, produce, produce_together
from engine.following import Follower
from engine.records import Output, Record
from engine.settings import Broker


@asynccontextmanager
async def following(broker: Broker, topic: str, taken: list[Record]) -> AsyncIterator[Follower]:
    follower = Follower(broker, topic, taken.append)
    running = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def values(taken: list[Record]) -> list[bytes | None]:
    return [record.value for record in taken]


async def say(broker: Broker, topic: str, *words: bytes, together: bool = False) -> None:
    outputs = [Output(topic, word, word) for word in words]
    if together:
        await asyncio.to_thread(produce_together, broker, outputs, f"test.{topic}")
    else:
        await asyncio.to_thread(produce, broker, outputs)


async def test_all_that_stands_there_then_what_comes_each_once(broker: Broker) -> None:
    topic = "followed.small"
    await asyncio.to_thread(apply, broker, [TopicSpec(topic, 1, {"cleanup.policy": "compact"})])
    taken: list[Record] = []
    async with following(broker, topic, taken) as follower:
        await asyncio.wait_for(follower.caught_up(), 20)
        assert taken == []
        await say(broker, topic, b"a", b"b")
        await asyncio.wait_for(follower.caught_up(), 20)
        assert values(taken) == [b"a", b"b"]
        await say(broker, topic, b"c", together=True)  # the topic ends in a marker
        await asyncio.wait_for(follower.caught_up(), 20)
        assert values(taken) == [b"a", b"b", b"c"]
        await asyncio.wait_for(follower.caught_up(), 20)
        await say(broker, topic, b"d")
        while len(taken) < 4:  # noqa: ASYNC110 - the broker decides when
            await asyncio.sleep(0.05)
    again: list[Record] = []
    async with following(broker, topic, again) as follower:
        await asyncio.wait_for(follower.caught_up(), 20)
    assert values(again) == [b"a", b"b", b"c", b"d"]
    assert [record.offset for record in again] == sorted(record.offset for record in again)
