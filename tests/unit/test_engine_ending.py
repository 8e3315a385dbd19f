"""What runs beside a program ends with it, whatever it was doing."""

from __future__ import annotations

import asyncio
import contextlib

from engine.batches import ended


async def test_a_cancellation_that_is_swallowed_is_said_again() -> None:
    """As in aiokafka's client, which suppresses all of them while it waits for a task of its own."""
    swallowed = False

    async def closing() -> None:
        nonlocal swallowed
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        swallowed = True
        await asyncio.Event().wait()

    task = asyncio.create_task(closing())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await ended([task])
    assert task.cancelled()
    assert swallowed


async def test_what_failed_and_what_is_done_are_ended() -> None:
    async def failing() -> None:
        raise ValueError

    async def done() -> int:
        return 1

    tasks = [asyncio.create_task(failing()), asyncio.create_task(done())]
    await asyncio.sleep(0)
    await ended(tasks)
    await ended([])
    assert isinstance(tasks[0].exception(), ValueError)
    assert tasks[1].result() == 1
