"""Running a program inside the test's own process, for what needs no kill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from engine.batches import BatchApp, build_app, serve
from engine.settings import Broker, EngineSettings
from engine.web import reasons

PATIENCE_S = 30.0


def new_app(broker: Broker, name: str, folder: Path) -> BatchApp:
    """An app with the settings of a test."""
    return build_app(EngineSettings(name=name, broker=broker, data_dir=folder, session_timeout_s=6.0, drain_s=2.0))


@asynccontextmanager
async def serving(app: BatchApp) -> AsyncIterator[asyncio.Task[int]]:
    """The running app; stopped at the end. The task's result is its exit code."""
    stop = asyncio.Event()
    task = asyncio.create_task(serve(app, stop))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait([task])


async def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for something to become true; it may ask the broker, beside the loop that the programs run on."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110  # what is waited for sets no event
            await asyncio.sleep(0.02)


async def until_ready(app: BatchApp) -> None:
    """Wait until nothing stands against being ready."""
    await until(lambda: not reasons(app.ready_checks))
