"""Workers joining and leaving all the time."""

from __future__ import annotations

import signal
import time
from random import Random

from tests.chaos.crew import Worker
from tests.chaos.feed import Feed
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.records import UNTIDY, records
from tests.chaos.scene import ALL, Scene, scene
from tests.chaos.tuning import Tuning

MOST = 3
STOP_S = 10.0
PAUSE_S = (0.2, 1.5)


def _run(scale: Scale) -> Verdict:
    emitted = records(scale.seed, scale.of(8_000, 100_000), UNTIDY)
    with scene(Tuning(session_s=scale.of(3, 10))) as stage:
        stage.staffed(MOST)
        with Feed(stage.site.broker, emitted, rate=scale.of(500, 500)) as feed:
            joined, slow = _churn(stage, feed, Random(scale.seed))  # noqa: S311  # repeatable, not secret
            found = stage.judged(feed, scale.of(150, 900))
    late = [f"{name} took {seconds:.1f} s to stop, exit code {code}" for name, seconds, code in slow]
    wrong = (*found.wrong, *late)
    return Verdict(not wrong, f"{joined} joined and left in {len(emitted):,} events, {found.figure}", wrong)


def _churn(stage: Scene, feed: Feed, rng: Random) -> tuple[int, list[tuple[str, float, int | None]]]:
    """Until all is sent: one leaves, another comes; one worker of each program always stays."""
    changes, slow = 0, []
    while not feed.done:
        worker = stage.crew.workers[f"{rng.choice(ALL)}-{rng.randint(2, MOST)}"]
        if worker.alive:
            fresh = not worker.serving
            seconds, code = _left(worker)
            if seconds > STOP_S or code not in ((0, -signal.SIGTERM) if fresh else (0,)):
                slow.append((worker.name, seconds, code))
        else:
            worker.start()
        changes += 1
        time.sleep(rng.uniform(*PAUSE_S))
    say(f"{changes} changes of the groups")
    for worker in stage.crew.workers.values():
        worker.start()
    return changes, slow


def _left(worker: Worker) -> tuple[float, int | None]:
    began = time.monotonic()
    code = worker.stop()
    return time.monotonic() - began, code


LINE = Line(
    "churn",
    "workers of every program joining and leaving all the time",
    "each leaves within 10 s with exit code 0: equal, nothing twice",
    _run,
)
