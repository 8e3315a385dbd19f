"""What every contender shares: its arguments, its stopwatch, its one line of JSON."""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import NamedTuple


class Task(NamedTuple):
    """What a contender is told. Each run has a `run` of its own: groups and topics of the peers are named by it."""

    servers: str
    topic: str
    events: int
    folder: str
    run: str
    store: str
    kinds: tuple[str, ...]
    guarantee: str

    @property
    def out(self) -> str:
        """The peers' topic of signals."""
        return f"{self.run}.signals"


def task() -> Task:
    """The task as the command line says it."""
    parser = argparse.ArgumentParser()
    for name in ("servers", "topic", "folder", "run"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--store", default="memory")
    parser.add_argument("--kinds", default="", help="comma-separated; none: every kind")
    parser.add_argument("--guarantee", default="at_least_once")
    given = parser.parse_args()
    kinds = tuple(kind for kind in given.kinds.split(",") if kind)
    return Task(given.servers, given.topic, given.events, given.folder, given.run, given.store, kinds, given.guarantee)


class Stopwatch:
    """From the first event in hand to the last one done, by the wall and by this process's processor time."""

    def __init__(self) -> None:
        self.running = False
        self._wall = self._cpu = 0.0

    def start(self) -> None:
        """The first events are in hand; later calls change nothing."""
        if not self.running:
            self.running = True
            self._wall, self._cpu = time.perf_counter(), time.process_time()

    def report(self, events: int, **more: float | str) -> None:
        """All is done: say so on standard output."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        figures = {"events": events, "seconds": round(wall, 3), "cpu_seconds": round(cpu, 3), **more}
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()
