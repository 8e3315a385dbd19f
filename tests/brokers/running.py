"""Starting and watching the worker processes of `tests.brokers.worker`, and reading what they left on the broker."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kafka.admin import KafkaAdminClient
from kafka.errors import CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError

from engine.admin import TopicSpec, apply, produce, read_all
from engine.records import Output
from engine.settings import Broker
from tests.brokers.worker import Plan, run_logged

PATIENCE_S = 40.0

_NOT_YET = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)


FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.brokers.worker"])  # a worker's imports take longer than all the rest of its start


class Worker:
    """One worker process."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.log = Path(plan.folder) / "worker.log"
        self.process = FORKS.Process(target=run_logged, args=(plan, self.log), daemon=True)
        self.process.start()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.process.pid or 0, number)

    def wait(self, seconds: float = PATIENCE_S) -> int | None:
        """Its exit code, once it has ended; None when it does not."""
        self.process.join(seconds)
        return self.process.exitcode

    def lines(self) -> list[list[str]]:
        """What it wrote in the journal: (what, partition, number)."""
        if not self.plan.journal.exists():
            return []
        split = (line.split() for line in self.plan.journal.read_text().splitlines())
        return [rest for pid, *rest in split if int(pid) == self.process.pid]

    def struck(self) -> bool:
        """Whether it has struck itself."""
        return any(what == "struck" for what, *_ in self.lines())

    def in_a_batch(self) -> bool:
        """Whether it has begun a batch that has not ended."""
        lines = [what for what, *_ in self.lines()]
        return lines.count("begin") > lines.count("end")

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something to become true while it lives; its log is the failure's message."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            if not self.process.is_alive() or time.monotonic() > deadline:
                raise AssertionError(self.log.read_text()[-4000:])
            time.sleep(0.02)


@contextmanager
def worker(plan: Plan) -> Iterator[Worker]:
    """A worker that is gone at the end, whatever happens."""
    running = Worker(plan)
    try:
        yield running
    finally:
        if running.process.is_alive():
            running.process.kill()
        running.process.join()


def prepare(broker: Broker, topic: str, partitions: int, records: int) -> None:
    """Make the topics of a plan, and fill the first."""
    specs = [
        TopicSpec(topic, partitions, {}),
        TopicSpec(f"{topic}.out", partitions, {}),
        TopicSpec(f"{topic}.state", partitions, {"cleanup.policy": "compact"}),
    ]
    apply(broker, specs)
    fill(broker, topic, records)


def fill(broker: Broker, topic: str, records: int, value: bytes = b"value") -> None:
    """Write records over fifty keys."""
    produce(broker, [Output(topic, b"key%d" % (number % 50), value) for number in range(records)])


def committed(broker: Broker, group: str) -> dict[int, int]:
    """The group's committed offset by partition."""
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    try:
        found = admin.list_group_offsets(group)[group]
    except _NOT_YET:  # the first group of a new broker: nobody has committed
        return {}
    finally:
        admin.close()
    return {place.partition: one.offset for place, one in found.items()}


def copied(broker: Broker, topic: str) -> list[tuple[int, int]]:
    """The positions (partition, offset) that outputs name, in any order, repeats included."""
    values = (record.value or b"" for record in read_all(broker, f"{topic}.out"))
    return [(int(partition), int(offset)) for partition, offset in (value.split() for value in values)]


def lost(broker: Broker, topic: str) -> set[tuple[int, int]]:
    """Positions below the committed offsets that no output names: there must be none."""
    below = {(partition, offset) for partition, end in committed(broker, topic).items() for offset in range(end)}
    return below - set(copied(broker, topic))


def unlike_once(broker: Broker, topic: str) -> dict[tuple[int, int], int]:
    """Positions of the input that were not done exactly once, with how often they were: there must be none."""
    done = Counter(copied(broker, topic))
    wanted = {(partition, offset) for partition, end in ends(broker, topic).items() for offset in range(end)}
    return {position: done[position] for position in wanted | set(done) if done[position] != 1}


def ends(broker: Broker, topic: str) -> dict[int, int]:
    """One past the last offset of each partition that has records."""
    return {record.partition: record.offset + 1 for record in read_all(broker, topic)}


def state(broker: Broker, topic: str) -> dict[bytes, tuple[int, int]]:
    """The last value of each key in the state topic: (last offset, count)."""
    values = {record.key or b"": record.value or b"" for record in read_all(broker, f"{topic}.state")}
    return {key: (int(value.split()[0]), int(value.split()[1])) for key, value in values.items()}
