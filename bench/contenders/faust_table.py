"""Faust as its manual shows it: an agent per event, the state as bytes in a Table with a changelog, signals sent.

Settings: at least once, its own defaults for throughput (a buffer of 4,096 events, a commit each 2.8 s, a linger of
zero, which it fills by itself); its web server is off, as it serves nothing here.
"""

from __future__ import annotations

import asyncio

import faust

from bench.contenders.brain import Brain, decode_state, encode_state
from bench.contenders.watch import Stopwatch, Task, task

PARTITIONS = 4


def build(given: Task, finished: asyncio.Event) -> faust.App:
    """The app, as a user would write it."""
    app = faust.App(
        given.run,
        broker=f"kafka://{given.servers}",
        store="memory://" if given.store == "memory" else "rocksdb://",
        datadir=given.folder,
        web_enabled=False,
        autodiscover=False,
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )
    states = app.Table("states", partitions=PARTITIONS, key_type=bytes, value_type=bytes)
    signals = app.topic(given.out, key_serializer="raw", value_serializer="raw", partitions=PARTITIONS)
    brain, watch = Brain(given.kinds), Stopwatch()

    async def detect(stream: faust.StreamT) -> None:
        seen = 0
        async for event in stream.events():
            watch.start()
            key, message = event.key, event.message
            held = states.get(key)
            state, transitions = brain.decided(
                None if held is None else decode_state(held), event.value, message.offset
            )
            if state is None:
                states.pop(key, None)
            else:
                states[key] = encode_state(state)
            for value in brain.encoded(transitions, message.partition):
                await signals.send(key=key, value=value)
            seen += 1
            if seen == given.events:
                await app.producer.flush()
                watch.report(seen, transitions=brain.transitions)
                finished.set()

    app.agent(app.topic(given.topic, key_serializer="raw", value_serializer="raw"))(detect)
    return app


async def main(given: Task) -> None:
    """Run until the last event is done."""
    finished = asyncio.Event()
    app = build(given, finished)
    await app.start()
    await finished.wait()
    await app.stop()


if __name__ == "__main__":
    asyncio.run(main(task()))
