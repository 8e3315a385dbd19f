"""What a worker process of a chaos line is: one program of the product, wired as the product wires it.

Put in between are only what no setting says (`tuning`), and a signal to itself at a named boundary of the engine.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.batches import run
from programs import wiring
from programs.logs import configure
from programs.startup import prepare
from tests.chaos.boundaries import Strike, struck
from tests.chaos.tuning import Tuning, tune


@dataclass(frozen=True)
class Job:
    """One worker: its program, what its process is told, its own folder, and where it strikes itself, if anywhere.

    `owner` is the process of the chaos run: a worker never outlives it.
    """

    program: str
    environ: Mapping[str, str]
    folder: Path
    tuning: Tuning
    owner: int
    strike: Strike | None = None

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "worker.log"


def work(job: Job) -> int:
    """Run the program to its end; the exit code."""
    ready = prepare(job.environ, job.folder)
    configure(job.program, ready.settings.log_level)

    tune(job.tuning)
    app = wiring.BUILDS[job.program](ready, ready.settings.broker.bootstrap or "")
    if job.strike is not None:
        struck(app, job.strike)
    return run(app)


def _end_with(owner: int) -> None:
    """End this process when its owner is gone. Its parent, which forks workers, lives as long as one of them does."""
    while True:
        try:
            os.kill(owner, 0)
        except ProcessLookupError:
            os._exit(1)
        time.sleep(1.0)


def run_logged(job: Job) -> None:
    """The whole life of a worker process: its output goes to its log, and it ends with the chaos run."""
    threading.Thread(target=_end_with, args=(job.owner,), name="owner", daemon=True).start()
    file = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.exit(work(job))
