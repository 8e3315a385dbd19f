"""A worker frozen inside its transaction, past its session, and then continued: fenced, it writes nothing."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from tests.chaos.boundaries import Boundary, Strike
from tests.chaos.calm import until
from tests.chaos.crew import Worker
from tests.chaos.feed import Feed
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.records import UNTIDY, supply
from tests.chaos.scene import ALL, Scene, scene
from tests.chaos.tuning import Tuning

WORKERS = 2
ATTEMPTS = 3
HELD = "signals_engine_partitions"
LOST = "signals_engine_transactions_lost_total"


def _run(scale: Scale) -> Verdict:
    count = scale.of(4_000, 60_000)
    session_s = scale.of(3, 10)
    with scene(Tuning(session_s=session_s)) as stage:
        stage.staffed(WORKERS)
        with Feed(stage.site.broker, supply(scale.seed, count, UNTIDY), rate=scale.of(60, 100)) as feed:
            fenced = sum(_fence_all(stage, session_s) for _ in range(scale.of(1, 3)))
            if feed.done:
                return Verdict(passed=False, figure="the records ended before all were frozen")
            feed.enough(count)
            found = stage.judged(feed, scale.of(150, 600))
    rounds = len(ALL) * scale.of(1, 3)
    missed = () if fenced == rounds else (f"{rounds - fenced} of {rounds} were not fenced when they went on",)
    wrong = found.wrong + missed
    return Verdict(not wrong, f"{fenced} of {rounds} fenced, {found.figure}", wrong)


def _fence_all(stage: Scene, session_s: float) -> int:
    """Freeze each program's first worker until it was fenced; how many were.

    One whose question to the broker was cut off by the freeze may give its transaction up before it hears that it is
    fenced. That shows nothing of the fence, so it is frozen once more.
    """
    left = list(ALL)
    for _ in range(ATTEMPTS):
        left = _freeze(stage, session_s, left) if left else left
    return len(ALL) - len(left)


def _freeze(stage: Scene, session_s: float, programs: list[str]) -> list[str]:
    """Freeze the first workers in mid-transaction until others have their work; the programs of those not fenced."""
    doomed = [stage.crew.workers[f"{program}-1"] for program in programs]
    for worker in doomed:
        worker.kill()
        worker.start(Strike(Boundary.WRITTEN, 2, signal.SIGSTOP))
    until("all are frozen inside a transaction", lambda: all(map(_stopped, doomed)))
    say(f"{len(doomed)} workers frozen inside a transaction")
    time.sleep(session_s + 1)
    others = [stage.crew.workers[f"{program}-2"] for program in programs]
    until(
        "the others have taken over",
        lambda: all(_holds_all(stage, worker) for worker in others),
        why=lambda: "; ".join(_lacks(stage, worker) for worker in others),
    )
    for worker in doomed:
        worker.signal(signal.SIGCONT)
    until("all have lost their transaction", lambda: all(worker.metric(LOST) > 0 for worker in doomed))
    return [name for name, worker in zip(programs, doomed, strict=True) if not worker.metric(LOST, reason="fenced")]


def _stopped(worker: Worker) -> bool:
    try:
        text = Path(f"/proc/{worker.process.pid}/stat").read_text()
    except OSError:
        return False
    return text.rsplit(")", 1)[1].split()[0] == "T"


def _holds_all(stage: Scene, worker: Worker) -> bool:
    """Whether the worker has every partition of what its program reads, with its state loaded."""
    return worker.metric(HELD) == len(stage.gauge.places_of(worker.job.program)) and worker.ready()


def _lacks(stage: Scene, worker: Worker) -> str:
    wanted = len(stage.gauge.places_of(worker.job.program))
    return f"{worker.name} has {worker.metric(HELD):.0f} of {wanted} partitions {worker.why_not_ready()}".strip()


LINE = Line(
    "frozen",
    "every program's worker SIGSTOPped inside a transaction, past its session, then continued",
    "each is fenced when it goes on, writes nothing: equal, nothing twice",
    _run,
)
