"""How long a worker takes to have its state: from the changelog to memory and RocksDB, from warm files, after a kill.

`python bench/engine_loading.py [--keys N] [--broker HOST:PORT]`; starts Apache Kafka without one. Keys of 20 bytes with
values of 650, over four partitions, written in transactions as a program does. `taken over` is the time from the
kill -9 of a worker until one that had no partitions before has committed a record in each of them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry

from engine.admin import TopicSpec, apply, produce
from engine.batches import attach, build_app, run
from engine.link import Link
from engine.loading import make_store, state_log
from engine.metrics import EngineMetrics
from engine.packing import rows_of_changes
from engine.records import Batch, Extent, Output
from engine.settings import Broker, EngineSettings, StoreKind
from engine.state import Store
from engine.transactions import Transaction
from tests.brokers.apache import kafka_cluster
from tests.brokers.running import committed

PARTITIONS = 4
VALUE_BYTES = 650
TOPIC, STATE = "bench.loading", "bench.loading.state"
SESSION_S = 10.0


def key_of(number: int) -> bytes:
    """As long as the keys of deals are."""
    return b"tables/maven:%07d" % number


@asynccontextmanager
async def linked(settings: EngineSettings) -> AsyncIterator[Link]:
    """A connection."""
    link = Link(settings, EngineMetrics(CollectorRegistry(), settings.name))
    await link.start()
    try:
        yield link
    finally:
        await link.stop()


async def fill(settings: EngineSettings, keys: int) -> None:
    """Write the state in transactions of 5,000 keys."""
    async with linked(settings) as link:
        for partition in range(PARTITIONS):
            writer = Transaction(link, f"fill.{partition}", settings.name, settings.max_write_batch_bytes)
            await writer.take_over()
            mine = range(partition, keys, PARTITIONS)
            for begin in range(0, len(mine), 5_000):
                some = {key_of(number): os.urandom(VALUE_BYTES) for number in mine[begin : begin + 5_000]}
                await writer.write({(STATE, partition): rows_of_changes(some)}, {})
                await writer.commit()


async def unused(_: object) -> Extent:
    """Nothing is flushed here."""
    raise AssertionError


async def loaded(settings: EngineSettings) -> tuple[int, float, float]:
    """Load all partitions side by side: keys, seconds, seconds of CPU."""
    began, cpu = time.perf_counter(), time.process_time()
    async with linked(settings) as link:

        async def one(partition: int) -> int:
            log = await state_log(link, STATE, partition)
            store = make_store(settings, STATE, partition, log.span, unused)
            await log.read_on(store)
            keys = len(store)
            store.close()
            return keys

        keys = sum(await asyncio.gather(*(one(partition) for partition in range(PARTITIONS))))
    return keys, time.perf_counter() - began, time.process_time() - cpu


class Copying:
    """Touches the key of each record."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def process(self, batch: Batch) -> Sequence[Output]:
        """One change of state per record."""
        for record in batch.records:
            self._store.put(record.key or b"", b"touched")
        return ()


def serve(settings: EngineSettings) -> None:
    """A worker."""
    app = build_app(settings)
    attach(app, [TOPIC], lambda _, store: Copying(store), state_topic=STATE)
    sys.exit(run(app))


def taken_over(settings: EngineSettings) -> float:
    """Seconds from the kill of the worker that had all partitions to the first commit of the next in each of them."""
    spawn = multiprocessing.get_context("spawn")
    first = spawn.Process(target=serve, args=(settings,), daemon=True)
    first.start()
    put(settings.broker, settings.name, 1)
    heir = spawn.Process(target=serve, args=(settings,), daemon=True)
    first.kill()
    began = time.monotonic()
    heir.start()
    put(settings.broker, settings.name, 2)
    seconds = time.monotonic() - began
    heir.terminate()
    heir.join(20)
    return seconds


def put(broker: Broker, group: str, turn: int) -> None:
    """One record to each partition, and wait until all are committed."""
    produce(broker, [Output(TOPIC, b"touched", b"%d" % turn, partition=partition) for partition in range(PARTITIONS)])
    while sum(committed(broker, group).values()) < turn * PARTITIONS:
        time.sleep(0.1)


def settings_of(broker: Broker, folder: Path, store: StoreKind) -> EngineSettings:
    """A worker's settings."""
    return EngineSettings(
        name=f"bench-loading-{store}", broker=broker, data_dir=folder, store=store, session_timeout_s=SESSION_S
    )


def main() -> None:
    """Measure, and print one line of JSON per figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--broker", help="host:port; Apache Kafka is started without it")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = arguments.broker or stack.enter_context(kafka_cluster()).servers
        broker = Broker(servers)
        apply(broker, [TopicSpec(TOPIC, PARTITIONS, {}), TopicSpec(STATE, PARTITIONS, {"cleanup.policy": "compact"})])
        memory, rocks = settings_of(broker, folder, "memory"), settings_of(broker, folder, "rocksdb")
        asyncio.run(fill(memory, arguments.keys))
        for what, settings in (("memory", memory), ("rocksdb, cold", rocks), ("rocksdb, warm", rocks)):
            keys, seconds, cpu = asyncio.run(loaded(settings))
            print(json.dumps({"load": what, "keys": keys, "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2)}))
        print(json.dumps({"taken over": "memory", "seconds": round(taken_over(memory), 2), "session_s": SESSION_S}))


if __name__ == "__main__":
    main()
