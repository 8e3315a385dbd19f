"""What a worker process of a chaos line is: one program of the product, wired as the product wires it.

What no setting says is put in between here: a shorter session where a line would otherwise wait for dead workers, the
store, and a signal to itself at a named boundary of the engine.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from engine.batches import run
from engine.children import dies_with_parent
from engine.settings import EngineSettings, StoreKind
from programs import wiring
from programs.logs import configure
from programs.settings import Settings
from programs.startup import prepare, to_engine
from tests.chaos.boundaries import Strike, struck


@dataclass(frozen=True)
class Job:
    """One worker: its program, what its process is told, its own folder, and where it strikes itself, if anywhere."""

    program: str
    environ: Mapping[str, str]
    folder: Path
    session_s: float
    store: StoreKind = "memory"
    strike: Strike | None = None

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "worker.log"


def work(job: Job) -> int:
    """Run the program to its end; the exit code."""
    ready = prepare(job.environ, job.folder)
    configure(job.program, ready.settings.log_level)

    def settled(settings: Settings, program: str, servers: str) -> EngineSettings:
        return replace(to_engine(settings, program, servers), session_timeout_s=job.session_s, store=job.store)

    wiring.to_engine = settled  # type: ignore[attr-defined]  # wiring imports it by name
    app = wiring.BUILDS[job.program](ready, ready.settings.broker.bootstrap or "")
    if job.strike is not None:
        struck(app, job.strike)
    return run(app)


def run_logged(job: Job) -> None:
    """The whole life of a worker process: its output goes to its log, and it ends with the chaos run."""
    if (prepare_child := dies_with_parent(os.getppid())) is not None:
        prepare_child()
    file = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.exit(work(job))
