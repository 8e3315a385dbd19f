"""What a transaction costs: ours over one shared connection, and aiokafka's transactional producer per partition.

`python bench/engine_commits.py [--broker HOST:PORT] [--partitions N] [--seconds S]`; starts Apache Kafka without one.
Each transaction writes ten records of 600 bytes to an output, ten to a state, and an input offset. First one partition
alone, a transaction every 30 ms; then all partitions at once, as fast as they can.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry

from engine.admin import TopicSpec, apply
from engine.link import Link
from engine.metrics import EngineMetrics
from engine.packing import Row
from engine.settings import Broker, EngineSettings
from engine.transactions import TIMEOUT_MS, Transaction
from tests.brokers.apache import kafka_cluster

INPUT, OUTPUT, STATE = "bench.commits", "bench.commits.out", "bench.commits.state"
ROWS: list[Row] = [(None, b"key%d" % number, b"x" * 600, []) for number in range(10)]
ALONE = 150
PAUSE_S = 0.03

Transact = Callable[[int, int], Awaitable[None]]
"""(partition, offset): one transaction."""


@asynccontextmanager
async def ours(settings: EngineSettings, partitions: int) -> AsyncIterator[Transact]:
    """The engine's transactions."""
    link = Link(settings, EngineMetrics(CollectorRegistry(), settings.name))
    await link.start()
    try:
        every = [
            Transaction(link, f"ours.{partition}", settings.name, settings.max_write_batch_bytes)
            for partition in range(partitions)
        ]
        await asyncio.gather(*(one.take_over() for one in every))

        async def transact(partition: int, offset: int) -> None:
            one = every[partition]
            await one.write({(OUTPUT, partition): ROWS, (STATE, partition): ROWS}, {(INPUT, partition): offset})
            await one.commit()

        yield transact
    finally:
        await link.stop()


@asynccontextmanager
async def theirs(settings: EngineSettings, partitions: int) -> AsyncIterator[Transact]:
    """The producers of aiokafka, one per partition."""
    async with AsyncExitStack() as stack:
        every = [
            await stack.enter_async_context(
                AIOKafkaProducer(
                    **settings.broker.client_options(),
                    transactional_id=f"theirs.{partition}",
                    transaction_timeout_ms=TIMEOUT_MS,
                    max_batch_size=settings.max_write_batch_bytes,
                )
            )
            for partition in range(partitions)
        ]

        async def transact(partition: int, offset: int) -> None:
            one = every[partition]
            async with one.transaction():
                sent = [await _send(one, topic, partition) for topic in (OUTPUT, STATE)]
                await asyncio.gather(*sent)
                await one.send_offsets_to_transaction({TopicPartition(INPUT, partition): offset}, settings.name)

        yield transact


async def _send(producer: AIOKafkaProducer, topic: str, partition: int) -> Awaitable[object]:
    batch = producer.create_batch()
    for timestamp_ms, key, value, _ in ROWS:
        batch.append(timestamp=timestamp_ms, key=key, value=value)
    batch.close()
    sent: Awaitable[object] = await producer.send_batch(batch, topic, partition=partition)
    return sent


async def alone(transact: Transact) -> list[float]:
    """Milliseconds of each transaction of one partition."""
    taken: list[float] = []
    for offset in range(ALONE):
        began = time.perf_counter()
        await transact(0, offset + 1)
        taken.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(PAUSE_S)
    return sorted(taken)


async def together(transact: Transact, partitions: int, seconds: float) -> tuple[float, float]:
    """Transactions per second over all partitions, and milliseconds of CPU of each."""
    began, cpu = time.perf_counter(), time.process_time()

    async def run(partition: int) -> int:
        done = 0
        while time.perf_counter() - began < seconds:
            done += 1
            await transact(partition, ALONE + done)
        return done

    done = sum(await asyncio.gather(*(run(partition) for partition in range(partitions))))
    return done / (time.perf_counter() - began), (time.process_time() - cpu) * 1000 / done


def _open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


async def measured(what: str, settings: EngineSettings, partitions: int, seconds: float) -> dict[str, object]:
    """One row of the table."""
    way = {"ours": ours, "aiokafka": theirs}[what]
    files, tasks, began = _open_files(), len(asyncio.all_tasks()), time.perf_counter()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with way(settings, partitions) as transact:
        await asyncio.gather(*(transact(partition, 1) for partition in range(partitions)))
        ready = time.perf_counter() - began
        row: dict[str, object] = {
            "what": what,
            "partitions": partitions,
            "connections": _open_files() - files,
            "tasks": len(asyncio.all_tasks()) - tasks,
            "memory_mb": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024, 1),
            "ready_s": round(ready, 2),
        }
        taken = await alone(transact)
        row["p50_ms"], row["p90_ms"] = round(statistics.median(taken), 1), round(taken[int(len(taken) * 0.9)], 1)
        rate, cpu = await together(transact, partitions, seconds)
        return row | {"transactions_per_s": round(rate), "cpu_ms_each": round(cpu, 2)}


def main() -> None:
    """Measure both, each in a process of its own, twice for the broker to warm up; one line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", help="host:port; Apache Kafka is started without it")
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=8)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        broker = Broker(arguments.broker or stack.enter_context(kafka_cluster()).servers)
        apply(broker, [TopicSpec(topic, arguments.partitions, {}) for topic in (INPUT, OUTPUT, STATE)])
        for what, counts in (("ours", False), ("aiokafka", False), ("ours", True), ("aiokafka", True)):
            child = os.fork()
            if child == 0:
                settings = EngineSettings(name=f"bench-commits-{what}", broker=broker, data_dir=Path())
                row = asyncio.run(measured(what, settings, arguments.partitions, arguments.seconds))
                if counts:
                    print(json.dumps(row), flush=True)
                os._exit(0)
            os.waitpid(child, 0)


if __name__ == "__main__":
    main()
