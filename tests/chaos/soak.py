"""Two thousand events a second for a quarter of an hour: memory, open files and lag stay where they are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

from tests.chaos.crew import Worker
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.live import LiveFeed, Team, now_ms
from tests.chaos.scene import ALL, Scene, scene

QUICK_RATE, RATE = 500, 2_000
"""Events a second. The short form also runs where other work does, and says nothing about speed."""
DEALS = 4_000
SPEED = 8_640
"""Seconds of the CRM in a second of the run: three days, the lateness horizon, pass in thirty seconds, so that what a
deal keeps of its last three days has its full size soon."""
YEAR_MS = 365 * 24 * 3600 * 1000
"""How long ago the run begins: no broker takes a record from the future."""
SAMPLE_S = 2.0
MORE_MEMORY, MORE_BYTES = 1.05, 8 * 2**20
MORE_FILES = 4
MOST_LAG_S = 3.0


class Sample(NamedTuple):
    """One look: resident bytes and open files by worker, records that wait in all, seconds that the feed is late."""

    at_s: float
    memory: dict[str, int]
    files: dict[str, int]
    lag: int
    late_s: float


def _run(scale: Scale) -> Verdict:
    began_ms, began_s = now_ms() - YEAR_MS, time.monotonic()
    with scene() as stage:
        stage.staffed(1)
        rate, seconds = scale.of(QUICK_RATE, RATE), scale.of(60, 900)
        clock = lambda: began_ms + round((time.monotonic() - began_s) * 1000 * SPEED)  # noqa: E731  # one line says it
        with LiveFeed(stage.site.broker, Team(scale.seed, DEALS), rate, seconds, clock) as feed:
            samples = _watched(stage, feed)
            say(f"{feed.sent:,} events sent, {len(samples)} looks")
    third = len(samples) // 3
    return _verdict(samples[third : 2 * third], samples[2 * third :], feed.sent / seconds, MOST_LAG_S * rate)


def _watched(stage: Scene, feed: LiveFeed) -> list[Sample]:
    workers, began = list(stage.crew.workers.values()), time.monotonic()
    samples: list[Sample] = []
    while not feed.done:
        lag = sum(stage.gauge.behind().values())
        memory, files = {one.name: _memory(one) for one in workers}, {one.name: _files(one) for one in workers}
        samples.append(Sample(time.monotonic() - began, memory, files, lag, feed.late_s))
        if len(samples) % 10 == 0:
            total = sum(memory.values()) / 2**20
            say(f"{feed.sent:,} sent, late {feed.late_s:.1f} s, lag {lag}, {total:.0f} MB, {sum(files.values())} files")
        time.sleep(SAMPLE_S)
    return samples


def _memory(worker: Worker) -> int:
    pages = int(Path(f"/proc/{worker.pid}/statm").read_text().split()[1])
    return pages * 4096


def _files(worker: Worker) -> int:
    return sum(1 for _ in Path(f"/proc/{worker.pid}/fd").iterdir())


def _verdict(before: Sequence[Sample], after: Sequence[Sample], rate: float, most_lag: float) -> Verdict:
    """Compare the last third of the run with the one before it."""
    wrong: list[str] = []
    for program in (f"{name}-1" for name in ALL):
        was, now = (fmean(one.memory[program] for one in some) for some in (before, after))
        if now > was * MORE_MEMORY + MORE_BYTES:
            wrong.append(f"{program} grew from {was / 2**20:.0f} to {now / 2**20:.0f} MB")
        had, has = (max(one.files[program] for one in some) for some in (before, after))
        if has > had + MORE_FILES:
            wrong.append(f"{program} had {had} files open, then {has}")
    lag, late = max(one.lag for one in after), max(one.late_s for one in after)
    if lag > most_lag or late > MOST_LAG_S:
        wrong.append(f"lag of up to {lag} records, the feed {late:.1f} s late")
    was, now = (fmean(sum(one.memory.values()) for one in some) / 2**20 for some in (before, after))
    files = max(sum(one.files.values()) for one in after)
    figure = f"{rate:,.0f} events/s; memory {was:.0f}, then {now:.0f} MB; {files} files; lag up to {lag:,} records"
    return Verdict(not wrong, figure, tuple(wrong))


LINE = Line(
    "soak",
    "2,000 events a second for 15 minutes (quick: 500 for one), one worker per program",
    "memory +5 % and 8 MB at most in the last third, files and lag (3 s) flat",
    _run,
    alone=True,
)
