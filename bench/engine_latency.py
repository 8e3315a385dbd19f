"""How long an event takes through two programs of the shell at a steady rate, and how large the batches become.

`python bench/engine_latency.py [--rate N] [--seconds S] [--broker HOST:PORT]`; the embedded broker without one. Each
program keeps a state entry per event's key; each hop is a topic of four partitions. Latency is from the moment of
sending to the moment at which the last reader holds the record.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

from aiokafka import AIOKafkaProducer

from engine.admin import TopicSpec, apply
from engine.batches import attach, build_app, run
from engine.embedded import EmbeddedBroker
from engine.records import Batch, Output
from engine.settings import Broker, EngineSettings
from engine.state import Store
from engine.tail import reader

PARTITIONS = 4
TOPICS = ("latency.first", "latency.second", "latency.third")
WARM_UP_S = 3.0


class Passing:
    """Counts per key and passes the record on."""

    def __init__(self, store: Store, target: str) -> None:
        self._store = store
        self._target = target

    def process(self, batch: Batch) -> Sequence[Output]:
        """One output and one state entry per record."""
        outputs = []
        for record in batch.records:
            key = record.key or b""
            self._store.put(key, b"%d" % (int(self._store.get(key) or b"0") + 1))
            outputs.append(Output(self._target, key, record.value))
        return outputs


def program(servers: str, folder: str, source: str, target: str) -> None:
    """One hop, as a process."""
    app = build_app(EngineSettings(name=f"{source}.group", broker=Broker(servers), data_dir=Path(folder)))
    attach(app, [source], lambda _, store: Passing(store, target), state_topic=f"{source}.state")
    run(app)


async def send(broker: Broker, rate: int, seconds: float) -> None:
    """Send events that carry their own moment of sending."""
    producer = AIOKafkaProducer(**broker.client_options(), acks="all", linger_ms=1)
    await producer.start()
    try:
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            ahead = began + number / rate - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            await producer.send(TOPICS[0], b"%d" % time.time_ns(), key=b"%d" % (number % 1000))
    finally:
        await producer.stop()


async def receive(broker: Broker, events: int, seconds: float) -> list[float]:
    """Milliseconds from sending to holding, in order of arrival."""
    places = [(TOPICS[2], partition) for partition in range(PARTITIONS)]
    taken: list[float] = []
    async with reader(broker, places) as consumer:
        consumer.resume(*consumer.assignment())
        deadline = time.perf_counter() + seconds
        while len(taken) < events and time.perf_counter() < deadline:
            got = await consumer.getmany(timeout_ms=200)
            now = time.time_ns()
            taken.extend((now - int(raw.value)) / 1e6 for raws in got.values() for raw in raws)
    return taken


async def measure(broker: Broker, rate: int, seconds: float) -> dict[str, float]:
    """Send and receive side by side."""
    total = WARM_UP_S + seconds
    events = int(rate * total)
    receiving = asyncio.create_task(receive(broker, events, total + 20))
    await asyncio.sleep(WARM_UP_S)  # the programs join their groups
    await send(broker, rate, total)
    taken = await receiving
    steady = sorted(taken[int(rate * WARM_UP_S) :])
    return {
        "sent": events,
        "received": len(taken),
        "p50_ms": round(steady[len(steady) // 2], 1),
        "p99_ms": round(steady[int(len(steady) * 0.99)], 1),
        "max_ms": round(steady[-1], 1),
    }


def main() -> None:
    """Measure and print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--broker", help="host:port; the embedded broker without it")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        servers = arguments.broker
        if servers is None:
            servers = stack.enter_context(EmbeddedBroker(Path(folder) / "broker")).servers
        broker = Broker(servers)
        specs = [TopicSpec(topic, PARTITIONS, {}) for topic in TOPICS]
        specs += [TopicSpec(f"{topic}.state", PARTITIONS, {"cleanup.policy": "compact"}) for topic in TOPICS[:2]]
        apply(broker, specs)
        context = multiprocessing.get_context("spawn")
        hops = [
            context.Process(target=program, args=(servers, folder, source, target), daemon=True)
            for source, target in pairwise(TOPICS)
        ]
        for hop in hops:
            hop.start()
        try:
            print(json.dumps(asyncio.run(measure(broker, arguments.rate, arguments.seconds))))
        finally:
            for hop in hops:
                hop.terminate()
                hop.join(12)


if __name__ == "__main__":
    main()
