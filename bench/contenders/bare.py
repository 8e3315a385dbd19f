"""The same step over a bare aiokafka consumer and a dict of decoded states: no durability, no outputs."""

from __future__ import annotations

import asyncio

from bench.contenders.brain import Brain
from bench.contenders.reading import batches
from bench.contenders.watch import Stopwatch, Task, task
from signals.step import State


async def main(given: Task) -> None:
    """Decide every event."""
    brain, watch, seen = Brain(given.kinds), Stopwatch(), 0
    states: dict[bytes, State | None] = {}
    async for records in batches(given):
        watch.start()
        for record in records:
            states[record.key], _ = brain.decided(states.get(record.key), record.value, record.offset)
        seen += len(records)
    watch.report(seen, transitions=brain.transitions, deals=len(states))


if __name__ == "__main__":
    asyncio.run(main(task()))
