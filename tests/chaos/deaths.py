"""A kill at each boundary of the engine, by name, in every program at once."""

from __future__ import annotations

import signal

from tests.chaos.boundaries import Boundary, Strike
from tests.chaos.calm import until
from tests.chaos.crew import Worker
from tests.chaos.feed import Feed
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.records import UNTIDY, supply
from tests.chaos.scene import ALL, Scene, scene
from tests.chaos.tuning import Tuning

WORKERS = 2
SETTLING = ("join", "detect", "notify")
"""The programs with a state that changes with their batches; that of `send` changes message by message."""


def _run(scale: Scale) -> Verdict:
    count = scale.of(2_500, 60_000)
    with scene(Tuning(session_s=3, store="rocksdb")) as stage:
        stage.staffed(WORKERS)
        with Feed(stage.site.broker, supply(scale.seed, count, UNTIDY), rate=scale.of(40, 100)) as feed:
            died = sum(_died_at(stage, where, nth) for nth in range(1, scale.of(1, 3) + 1) for where in Boundary)
            if feed.done:
                return Verdict(passed=False, figure="the records ended before the boundaries were through")
            feed.enough(count)
            found = stage.judged(feed, scale.of(150, 600))
    return Verdict(not found.wrong, f"{died} deaths at {len(Boundary)} boundaries, {found.figure}", found.wrong)


def _died_at(stage: Scene, where: Boundary, nth: int) -> int:
    """Let the first worker of each program die there, and come back; how many did."""
    programs = SETTLING if where is Boundary.SETTLED else ALL
    doomed = [stage.crew.workers[f"{program}-1"] for program in programs]
    for worker in doomed:
        worker.kill()
        worker.start(Strike(where, nth))
    if where is Boundary.REVOKED:
        _rebalance(stage, programs)
    until(f"all die {where}", lambda: not any(worker.alive for worker in doomed))
    wrong = [f"{worker.name}: {worker.exit_code}" for worker in doomed if worker.exit_code != -signal.SIGKILL]
    if wrong:
        message = f"{where}: ended otherwise than killed: {', '.join(wrong)}"
        raise RuntimeError(message)
    for worker in doomed:
        worker.start()
    say(f"{len(doomed)} workers died {where}")
    return len(doomed)


def _rebalance(stage: Scene, programs: tuple[str, ...]) -> None:
    """Make every group share its partitions anew, once the doomed have theirs: the second worker leaves and returns."""
    others: list[Worker] = [stage.crew.workers[f"{program}-2"] for program in programs]
    doomed = [stage.crew.workers[f"{program}-1"] for program in programs]
    until("the doomed have partitions", lambda: all(worker.ready() or not worker.alive for worker in doomed))
    for worker in others:
        worker.stop()
        worker.start()


LINE = Line(
    "boundaries",
    "kill -9 inside the transaction, between commit and local store, while loading, in mid-rebalance: every program",
    "each boundary reached by each program: equal, nothing twice",
    _run,
)
