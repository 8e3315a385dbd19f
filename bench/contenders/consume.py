"""Consuming alone: what is left of the time when nothing is done with the events."""

from __future__ import annotations

import asyncio

from bench.contenders.reading import batches
from bench.contenders.watch import Stopwatch, Task, task


async def main(given: Task) -> None:
    """Read all events and look at none."""
    watch, seen = Stopwatch(), 0
    async for records in batches(given):
        watch.start()
        seen += len(records)
    watch.report(seen)


if __name__ == "__main__":
    asyncio.run(main(task()))
