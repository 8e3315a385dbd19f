"""Events per second through Faust: a plain agent with a table, and the record-batch shell. Take the ratio.

`python bench/engine_batches.py [--events N] [--broker HOST:PORT]`; the embedded broker without one. Each way runs in a
process of its own over the same topic of 150-byte events, keeps a count per key with a changelog, in memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty

import faust
from prometheus_client import CollectorRegistry

from engine.admin import TopicSpec, apply
from engine.batches import attach, build_app, run
from engine.embedded import EmbeddedBroker
from engine.metrics import EngineMetrics
from engine.records import Batch, Output
from engine.settings import Broker, EngineSettings
from engine.state import Store
from engine.writer import BatchWriter

PARTITIONS = 4
KEYS = 10_000
VALUE = b"x" * 150
TOPIC, STATE = "bench.events", "bench.state"


class Counting:
    """Counts per key, as small a state as the table's, and says when the last event is done."""

    def __init__(self, store: Store, note: Callable[[int], None]) -> None:
        self._store = store
        self._note = note

    def process(self, batch: Batch) -> Sequence[Output]:
        """One state entry per touched key."""
        get, put = self._store.get, self._store.put
        for record in batch.records:
            key = record.key or b""
            put(key, b"%d" % (int(get(key) or b"0") + 1))
        self._note(len(batch.records))
        return ()


class Stopwatch:
    """From the first event to the last."""

    def __init__(self, events: int, done: Queue[float]) -> None:
        self._left = events
        self._done = done
        self._began: float | None = None

    def note(self, count: int) -> None:
        """So many events are processed; the first call starts the watch."""
        self._began = self._began or time.perf_counter()
        self._left -= count
        if self._left <= 0:
            self._done.put(time.perf_counter() - self._began)
            os.kill(os.getpid(), signal.SIGTERM)


def batches(servers: str, folder: str, events: int, done: Queue[float]) -> None:
    """The shell."""
    watch = Stopwatch(events, done)
    app = build_app(EngineSettings(name="bench-batches", broker=Broker(servers), data_dir=Path(folder)))
    attach(app, [TOPIC], lambda _, store: Counting(store, watch.note), state_topic=STATE)
    run(app)


def plain(servers: str, folder: str, events: int, done: Queue[float]) -> None:
    """Faust as its manual shows it."""
    watch = Stopwatch(events, done)
    app = faust.App(
        "bench-plain",
        broker=f"kafka://{servers}",
        datadir=folder,
        web_enabled=False,
        autodiscover=False,
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
    )
    counts = app.Table("counts", default=int, partitions=PARTITIONS, key_type=bytes)
    topic = app.topic(TOPIC, key_serializer="raw", value_serializer="raw")

    async def count(stream: faust.StreamT) -> None:
        async for event in stream.events():
            counts[event.key] += 1
            watch.note(1)

    app.agent(topic)(count)

    async def main() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await app.start()
        await stop.wait()

    asyncio.run(main())


def measured(way: Callable[..., None], servers: str, folder: str, events: int) -> float:
    """Events per second of one way, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    done: Queue[float] = context.Queue()
    process = context.Process(target=way, args=(servers, folder, events, done), daemon=True)
    process.start()
    try:
        while process.is_alive():
            with suppress(Empty):
                return events / done.get(timeout=1)
        msg = f"{way.__name__} ended without finishing"
        raise SystemExit(msg)
    finally:
        process.join(10)
        process.kill()


async def fill(broker: Broker, folder: Path, events: int) -> None:
    """Write the events, as record batches."""
    settings = EngineSettings(name="bench-fill", broker=broker, data_dir=folder)
    writer = BatchWriter(settings, EngineMetrics(CollectorRegistry(), "bench-fill"))
    await writer.start()
    try:
        for begin in range(0, events, 10_000):
            keys = range(begin, min(events, begin + 10_000))
            await writer.write([Output(TOPIC, b"%d" % (number % KEYS), VALUE) for number in keys])
    finally:
        await writer.stop()


def main() -> None:
    """Measure both ways and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--broker", help="host:port; the embedded broker without it")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        servers = arguments.broker
        if servers is None:
            servers = stack.enter_context(EmbeddedBroker(Path(folder) / "broker")).servers
        broker = Broker(servers)
        apply(broker, [TopicSpec(TOPIC, PARTITIONS, {}), TopicSpec(STATE, PARTITIONS, {"cleanup.policy": "compact"})])
        asyncio.run(fill(broker, Path(folder), arguments.events))
        slow = measured(plain, servers, folder, arguments.events)
        fast = measured(batches, servers, folder, arguments.events)
    figures = {"plain_events_per_s": round(slow), "batches_events_per_s": round(fast), "ratio": round(fast / slow, 1)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
