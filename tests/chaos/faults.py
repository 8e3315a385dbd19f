"""Faults at moments that a seed decides: printed, so that a run can be had again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from tests.chaos.crew import Crew, Worker
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


def strike_while_fed(crew: Crew, feed: Feed, planned: Sequence[Kill]) -> int:
    """Kill as planned while the feed runs, and bring back to life; how many were killed.

    A worker that is away when its turn comes is waited for. Raises RuntimeError when one ended by itself.
    """
    waiting = list(planned)
    back_at_s: dict[str, float] = {}
    while waiting or back_at_s or not feed.done:
        for strike in [each for each in waiting if each.at <= feed.share]:
            if strike.worker not in back_at_s:
                _kill(crew.workers[strike.worker])
                waiting.remove(strike)
                back_at_s[strike.worker] = time.monotonic() + strike.away_s
                say(f"killed {strike.worker} at {feed.share:.1%} of the records, back in {strike.away_s:.1f} s")
        for name in [name for name, at_s in back_at_s.items() if at_s <= time.monotonic()]:
            del back_at_s[name]
            crew.workers[name].start()
        time.sleep(0.05)
    return len(planned)


def _kill(worker: Worker) -> None:
    if not worker.alive:
        message = f"{worker.name} had ended by itself, with {worker.exit_code}"
        raise RuntimeError(message)
    worker.kill()
