"""The workers of a line: several processes per program, each with a folder of its own, started, killed and frozen."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.error import URLError
from urllib.request import urlopen

from programs.demo.health import why_not_ready
from tests.chaos.boundaries import Strike
from tests.chaos.site import Site
from tests.chaos.worker import Job, run_logged

STOP_S = 15.0
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.chaos.worker"])  # a worker's imports take longer than all the rest of its start

_SERVING = re.compile(rb'"address": "(http://[^"]+)/metrics"')
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)


class Worker:
    """One worker, through all its lives: the folder stays, the process is another each time."""

    def __init__(self, site: Site, program: str, number: int) -> None:
        folder = site.folder / f"{program}-{number}"
        folder.mkdir(exist_ok=True)
        environ = {**site.environ, "SIGNALS_DATA_DIR": str(folder / "data")}
        self.name = f"{program}-{number}"
        self.job = Job(program, environ, folder, site.tuning, os.getpid())
        self.lives = 0
        self.process = self._started()

    @property
    def log(self) -> str:
        """Everything that it said, in all its lives."""
        return self.job.log.read_text(errors="replace") if self.job.log.exists() else ""

    @property
    def alive(self) -> bool:
        """Whether its process runs (or is frozen)."""
        return self.process.is_alive()

    @property
    def exit_code(self) -> int | None:
        """How its last life ended; None while it lives. A signal's number is negative."""
        return self.process.exitcode

    def start(self, strike: Strike | None = None) -> None:
        """Begin another life, unless this one goes on; in it, it strikes itself as told."""
        if not self.alive:
            self.job = replace(self.job, strike=strike)
            self.process = self._started()

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal, if it lives."""
        if self.alive:
            os.kill(self.process.pid or 0, number)

    def kill(self) -> None:
        """End it at once; returns when it is gone."""
        self.signal(signal.SIGKILL)
        self.process.join()

    def stop(self, patience_s: float = STOP_S) -> int | None:
        """Ask it to stop; its exit code, or None when it does not."""
        self.signal(signal.SIGTERM)
        self.process.join(patience_s)
        return self.process.exitcode

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid or 0

    @property
    def serving(self) -> bool:
        """Whether it has begun its work in this life; before that a signal ends it as it ends any process."""
        return self._get("/healthz") is not None

    def ready(self) -> bool:
        """Whether it says that it is ready."""
        return self.why_not_ready() == ""

    def why_not_ready(self) -> str:
        """What it says stands against being ready; empty when nothing does."""
        address = self._address()
        if address is None:
            return "it has not begun its work" if self.alive else f"it ended with {self.exit_code}"
        return why_not_ready(address)

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that bear these labels; 0 where nothing answers."""
        wanted = {f'{key}="{value}"' for key, value in labels.items()}
        text = self._get("/metrics") or ""
        samples = _SAMPLE.findall(text)
        return sum(float(value) for found, had, value in samples if found == name and wanted <= set(had.split(",")))

    def _address(self) -> str | None:
        """Where it answers in this life, once it has said so."""
        found = _SERVING.findall(self.job.log.read_bytes()) if self.job.log.exists() else []
        return None if len(found) < self.lives else found[-1].decode()

    def _get(self, path: str) -> str | None:
        address = self._address()
        if address is None:
            return None
        try:
            with urlopen(address + path, timeout=2) as answer:  # noqa: S310  # loopback, as it said itself
                text: str = answer.read().decode()
                return text
        except (URLError, OSError):
            return None

    def _started(self) -> multiprocessing.context.ForkServerProcess:
        self.lives += 1
        process = FORKS.Process(target=run_logged, args=(self.job,), name=self.name, daemon=True)
        process.start()
        return process


class Crew:
    """All workers of a line, by name."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.workers: dict[str, Worker] = {}

    def add(self, program: str, count: int = 1) -> list[Worker]:
        """Start more workers of a program."""
        have = sum(worker.job.program == program for worker in self.workers.values())
        added = [Worker(self.site, program, have + number) for number in range(1, count + 1)]
        self.workers |= {worker.name: worker for worker in added}
        return added

    def of(self, program: str) -> list[Worker]:
        """The workers of a program."""
        return [worker for worker in self.workers.values() if worker.job.program == program]

    def end(self) -> None:
        """End every process at once."""
        for worker in self.workers.values():
            worker.signal(signal.SIGKILL)
        for worker in self.workers.values():
            worker.process.join()


@contextmanager
def crew_at(site: Site) -> Iterator[Crew]:
    """A crew that is gone at the end, whatever happens."""
    crew = Crew(site)
    try:
        yield crew
    finally:
        crew.end()
