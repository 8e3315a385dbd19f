"""What a line needs of a worker that no setting says: shorter waits, the store, a wall clock that jumps."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from alerts.retry import PATIENCE, Patience
from engine.settings import EngineSettings, StoreKind
from programs import wiring
from programs.send import make_world
from programs.settings import Settings
from programs.startup import to_engine


class Tuning(NamedTuple):
    """How a worker differs from one in production.

    `hour_s`: how long an hour of Slack being away takes here; its retries are scaled with it, except for the pauses
    that Slack itself asks for. `clock`: a file with the seconds by which the wall clock is wrong at the moment.
    """

    session_s: float = 10.0
    store: StoreKind = "memory"
    hour_s: float = 3600.0
    clock: Path | None = None


def tune(tuning: Tuning) -> None:
    """Tune this process, before its app is built."""

    def settled(settings: Settings, program: str, servers: str) -> EngineSettings:
        found = to_engine(settings, program, servers)
        return replace(found, session_timeout_s=tuning.session_s, store=tuning.store)

    wiring.to_engine = settled  # type: ignore[attr-defined]  # wiring imports it by name
    wiring.make_world = functools.partial(make_world, patience=scaled(tuning.hour_s / 3600))  # type: ignore[attr-defined]  # as above
    if tuning.clock is not None:
        _jump_with(tuning.clock)


def scaled(share: float) -> Patience:
    """The patience with Slack, every wait being this share of its own."""
    return Patience(
        backoff_s=tuple(wait * share for wait in PATIENCE.backoff_s),
        barred_s=PATIENCE.barred_s * share,
        look_after_s=tuple(wait * share for wait in PATIENCE.look_after_s),
        attempts=PATIENCE.attempts,
        away_attempts=PATIENCE.away_attempts,
    )


def _jump_with(file: Path) -> None:
    """Let the process's wall clock be wrong by what stands in the file, for all that asks Python for the time."""
    wrong = _Wrong(file, time.monotonic)
    right, right_ns = time.time, time.time_ns
    time.time = lambda: right() + wrong.seconds()
    time.time_ns = lambda: right_ns() + round(wrong.seconds() * 1e9)


class _Wrong:
    """What stands in the file, looked up ten times a second at most."""

    def __init__(self, file: Path, monotonic: Callable[[], float]) -> None:
        self._file, self._monotonic = file, monotonic
        self._seconds, self._at = 0.0, float("-inf")

    def seconds(self) -> float:
        """By how many seconds the clock is wrong now."""
        now = self._monotonic()
        if now - self._at > 0.1:
            self._at = now
            self._seconds = float(self._file.read_text() or 0)
        return self._seconds
