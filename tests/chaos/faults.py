"""Faults at moments that a seed decides: printed, so that a run can be had again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from tests.chaos.crew import Crew
from tests.chaos.feed import Feed
from tests.chaos.lines import say

RESTART_S = (0.0, 2.0)
"""How long a killed worker stays away, at random: a supervisor takes up to so long."""


class Kill(NamedTuple):
    """When this share of the records is sent, this worker is killed; it stays away for some seconds."""

    at: float
    worker: str
    away_s: float


def strikes(seed: int, names: Sequence[str], count: int) -> list[Kill]:
    """`count` strikes in order; every worker's program is hit before one is hit again, the rest is chance."""
    rng = Random(seed)  # noqa: S311  # repeatable, not secret
    programs = sorted({name.rsplit("-", 1)[0] for name in names})
    targets = [programs[number % len(programs)] for number in range(count)]
    rng.shuffle(targets)
    workers = [rng.choice([name for name in names if name.startswith(program)]) for program in targets]
    moments = sorted(rng.uniform(0.02, 0.98) for _ in workers)
    return [Kill(at, name, rng.uniform(*RESTART_S)) for at, name in zip(moments, workers, strict=True)]


def strike_while_fed(crew: Crew, feed: Feed, planned: Sequence[Kill], also: Callable[[], None] = lambda: None) -> int:
    """Kill as planned while the feed runs, and bring back to life; how many were killed. `also` runs between."""
    waiting = list(planned)
    away: list[tuple[float, str]] = []
    killed = 0
    while waiting or away or not feed.done:
        while waiting and waiting[0].at <= feed.share:
            strike = waiting.pop(0)
            worker = crew.workers[strike.worker]
            if worker.alive:
                worker.kill()
                killed += 1
                say(f"killed {strike.worker} at {feed.share:.1%} of the records, back in {strike.away_s:.1f} s")
                away.append((time.monotonic() + strike.away_s, strike.worker))
        for back in [each for each in away if each[0] <= time.monotonic()]:
            away.remove(back)
            crew.workers[back[1]].start()
        also()
        time.sleep(0.05)
    return killed
