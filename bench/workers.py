"""Workers of `detect` beside each other: what a second one brings, and how soon a dead one's partitions are served.

`python bench/workers.py [--events N] [--kills N] [--json]`. The workers are the real program, `signals detect`, with
its default settings, over the events of the race on four partitions. Progress is the group's committed offsets.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import CoordinatorNotAvailableError, GroupIdNotFoundError, NotCoordinatorError

from bench.events import PARTITIONS, Keyed, encoded
from bench.ground import ROOT, FailedError, Ground, emptied, end_in_order, environment, ground, make_anew
from engine.settings import Broker
from topics.catalog import DEAL_EVENTS

GROUP = "detect"
PATIENCE_S = 240.0
LOOK_S = 0.05
FEED_PER_S = 200
SETTLE_S = 3.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Worker:
    """One `signals detect`."""

    def __init__(self, place: Ground, name: str) -> None:
        self.log = place.folder / f"{name}.log"
        told = {
            "SIGNALS_BROKER": place.broker.servers,
            "SIGNALS_DATA_DIR": str(emptied(place.folder, name)),
            "SIGNALS_WEB_PORT": "0",
        }
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "programs", "detect"],
                env=environment() | told,
                cwd=ROOT,
                stdout=log,
                stderr=log,
            )

    def has_partitions(self) -> bool:
        """Whether it was given any yet. Raises FailedError when it has ended."""
        if self.process.poll() is not None:
            raise FailedError(f"a worker ended: {self.log.read_text()[-200:]}")  # noqa: EM102, TRY003 - a row's text
        return "deal.events[" in self.log.read_text()

    def processor_s(self) -> float:
        """Seconds of processor time that it has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


class Progress:
    """The group's committed offsets."""

    def __init__(self, broker: Broker) -> None:
        self._admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)

    def now(self) -> dict[int, int]:
        """By partition."""
        try:
            found = self._admin.list_group_offsets(GROUP)[GROUP]
        except (CoordinatorNotAvailableError, NotCoordinatorError, GroupIdNotFoundError):
            return {}
        return {where.partition: one.offset for where, one in found.items()}

    def total(self) -> int:
        """Events that are done."""
        return sum(self.now().values())

    def wait(self, wanted: Mapping[int, int]) -> None:
        """Return when every partition is at least there. Raises FailedError when that takes too long."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = self.now()
            if all(found.get(partition, 0) >= offset for partition, offset in wanted.items()):
                return
            if time.monotonic() > deadline:
                raise FailedError(f"stood at {found} for {PATIENCE_S:.0f} s")  # noqa: EM102, TRY003 - a row's text
            time.sleep(LOOK_S)


@contextmanager
def workers(place: Ground, names: Sequence[str]) -> Iterator[list[Worker]]:
    """So many workers, gone at the end; whoever adds one to the list hands it over."""
    running: list[Worker] = []
    try:
        running += [Worker(place, name) for name in names]
        yield running
    finally:
        for worker in running:
            worker.kill()


def ends(broker: Broker) -> dict[int, int]:
    """The end offset of each partition of deal.events."""
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap)
    try:
        found = consumer.end_offsets([TopicPartition(DEAL_EVENTS, partition) for partition in range(PARTITIONS)])
        return {where.partition: offset for where, offset in found.items()}
    finally:
        consumer.close()


class Speed(NamedTuple):
    """Events per second by the wall, and microseconds of the workers' processor time for each."""

    per_s: float
    cpu_us: float


def held_back(broker: Broker, events: Sequence[Keyed]) -> KafkaProducer:
    """The events on the topic in a transaction that is still open: nobody can read them until it is committed."""
    producer = KafkaProducer(
        **broker.client_options(),
        transactional_id="bench-workers",
        transaction_timeout_ms=300_000,
        linger_ms=20,
        batch_size=512 * 1024,
    )
    producer.init_transactions()
    producer.begin_transaction()
    for event in events:
        producer.send(DEAL_EVENTS, event.value, key=event.key)
    producer.flush()
    return producer


def speed(place: Ground, progress: Progress, running: Sequence[Worker], events: Sequence[Keyed]) -> Speed:
    """From the moment at which all events can be read, each worker having its partitions, to the last commit."""
    producer = held_back(place.broker, events)
    while not all(worker.has_partitions() for worker in running):
        time.sleep(LOOK_S)
    time.sleep(SETTLE_S)
    used = sum(worker.processor_s() for worker in running)
    producer.commit_transaction()
    began = time.perf_counter()
    progress.wait({partition: offset - 1 for partition, offset in ends(place.broker).items()})  # the last is a marker
    seconds = time.perf_counter() - began
    producer.close()
    used = sum(worker.processor_s() for worker in running) - used
    return Speed(len(events) / seconds, used / len(events) * 1e6)


@contextmanager
def feeding(broker: Broker, events: Sequence[Keyed]) -> Iterator[None]:
    """Events keep coming, at a low rate, to every partition."""
    producer, stop = KafkaProducer(**broker.client_options(), linger_ms=5), threading.Event()

    def feed() -> None:
        for event in itertools.cycle(events):
            if stop.wait(1 / FEED_PER_S):
                return
            producer.send(DEAL_EVENTS, event.value, key=event.key)

    thread = threading.Thread(target=feed, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        producer.close()


def takeover_s(place: Ground, progress: Progress, running: list[Worker], name: str) -> float:
    """Kill the first worker; seconds until an event that came after it is done on every partition. Then replace it."""
    victim = running.pop(0)
    victim.kill()
    began = time.perf_counter()
    progress.wait({partition: offset + 1 for partition, offset in ends(place.broker).items()})
    seconds = time.perf_counter() - began
    running.append(Worker(place, name))
    while not running[-1].has_partitions():
        time.sleep(LOOK_S)
    return seconds


def measure(place: Ground, events: Sequence[Keyed], kills: int) -> dict[str, object]:
    """All figures."""
    progress = Progress(place.broker)
    make_anew(place.broker, [GROUP], keep=())
    with workers(place, ["alone"]) as running:
        one = speed(place, progress, running, events)
    time.sleep(SETTLE_S)
    make_anew(place.broker, [GROUP], keep=())
    with workers(place, ["first", "second"]) as running:
        two = speed(place, progress, running, events)
        with feeding(place.broker, events[-2_000:]):
            took = [takeover_s(place, progress, running, f"heir-{number}") for number in range(kills)]
    return {
        "one_per_s": round(one.per_s),
        "two_per_s": round(two.per_s),
        "ratio": round(two.per_s / one.per_s, 2),
        "one_cpu_us": round(one.cpu_us, 1),
        "two_cpu_us": round(two.cpu_us, 1),
        "takeover_s": [round(seconds, 1) for seconds in took],
    }


def main() -> None:
    """Measure by itself."""
    end_in_order()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="at most so many; the team has 168,297")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one line")
    given = parser.parse_args()
    events = encoded(given.events)
    with ground(events) as place:
        figures = measure(place, events, given.kills)
    print(json.dumps(figures, indent=None if given.json else 2))


if __name__ == "__main__":
    main()
