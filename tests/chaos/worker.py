"""What a worker process of a chaos line is: one program of the product, wired as the product wires it.

Only what no setting says is put in between: a shorter session, where a line would otherwise wait for dead workers.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from engine.batches import run
from engine.children import dies_with_parent
from engine.settings import EngineSettings
from programs import wiring
from programs.logs import configure
from programs.settings import Settings
from programs.startup import prepare, to_engine


@dataclass(frozen=True)
class Job:
    """One worker: its program, what its process is told, its own folder."""

    program: str
    environ: Mapping[str, str]
    folder: Path
    session_s: float

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "worker.log"


def work(job: Job) -> int:
    """Run the program to its end; the exit code."""
    ready = prepare(job.environ, job.folder)
    configure(job.program, ready.settings.log_level)

    def settled(settings: Settings, program: str, servers: str) -> EngineSettings:
        return replace(to_engine(settings, program, servers), session_timeout_s=job.session_s)

    wiring.to_engine = settled  # type: ignore[attr-defined]  # wiring imports it by name
    return run(wiring.BUILDS[job.program](ready, ready.settings.broker.bootstrap or ""))


def run_logged(job: Job) -> None:
    """The whole life of a worker process: its output goes to its log, and it ends with the chaos run."""
    if (prepare_child := dies_with_parent(os.getppid())) is not None:
        prepare_child()
    file = os.open(job.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.exit(work(job))
