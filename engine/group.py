"""What the group's coordinator has to say to this worker: aiokafka keeps it, and waits, until somebody asks.

Its own `getmany` asks; ours takes what was fetched without it. Seen: a worker whose user may not join the group waited
for ever without a word.
"""

from __future__ import annotations

import asyncio

from aiokafka.errors import KafkaError
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

from engine.reach import may_pass


async def heed(thread: AIOKafkaConsumerThread) -> None:
    """Raise the `KafkaError` that keeps us out of the group, if there is one that waiting does not mend."""
    consumer = thread._consumer  # noqa: SLF001  # Faust's own raises before it is started
    if consumer is None or thread.thread_loop.is_closed():
        return
    try:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_ask(consumer), thread.thread_loop))
    except KafkaError as error:
        if not may_pass(error):
            raise


async def _ask(consumer: object) -> None:
    coordinator = getattr(consumer, "_coordinator", None)
    if coordinator is not None and not coordinator._coordination_task.cancelled():  # noqa: SLF001  # as above
        coordinator.check_errors()
