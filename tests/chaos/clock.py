"""The machine's wall clock jumps forward and back: T never falls, and a jump of more than an hour is not believed.

Not libfaketime: it would have to be loaded before Python starts, and workers are forked here. What the worker's Python
takes for the wall clock (`time.time`, `time.time_ns`) is wrong by as many seconds as a file says, in every worker.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from engine.clock import CLOCK_HEADER
from engine.records import Record
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.live import LiveFeed, Team, now_ms
from tests.chaos.scene import scene
from tests.chaos.tuning import Tuning
from topics.catalog import DEAL_EVENTS

RATE, DEALS, DEMOS = 40, 500, 0.1
SMALL_S, LARGE_S = 20.0, 7_200.0
GRACE_S = 2
REFUSALS = "signals_engine_clock_refusals_total"


class Jump(NamedTuple):
    """The clock is wrong by `by_s`, for so many seconds."""

    by_s: float
    for_s: float


#: After the small jump forward T stands still until the time has come to where it was.
JUMPS = (
    Jump(0, 5),
    Jump(LARGE_S, 5),
    Jump(0, 5),
    Jump(-LARGE_S, 5),
    Jump(0, 5),
    Jump(-SMALL_S, 5),
    Jump(SMALL_S, 5),
    Jump(0, SMALL_S + 10),
)
SETTINGS = {"SIGNALS_CLOCK_MODE": "wall", "SIGNALS_CLOCK_INTERVAL": "1", "SIGNALS_CLOCK_GRACE": str(GRACE_S)}


def _run(scale: Scale) -> Verdict:
    with TemporaryDirectory(prefix="chaos-clock-") as folder:
        file = Path(folder) / "wrong-by"
        file.write_text("0")
        with scene(Tuning(clock=file), settings=SETTINGS) as stage:
            stage.staffed(1)
            began_s = now_ms() / 1000
            with LiveFeed(stage.site.broker, Team(scale.seed, DEALS, DEMOS), RATE, _seconds(JUMPS)) as feed:
                for _ in range(scale.of(1, 4)):
                    _play(file, JUMPS)
                refusals = stage.crew.workers["ingest-1"].metric(REFUSALS)
                ended_s = now_ms() / 1000
                found = stage.judged(feed, scale.of(120, 300))
    ticks = _ticks(found.logs[DEAL_EVENTS])
    wrong = (*found.wrong, *_wrong(ticks, began_s, ended_s, refusals))
    figure = f"{len(ticks[0])} ticks, {refusals:.0f} refusals, {found.figure}"
    return Verdict(not wrong, figure, wrong)


def _seconds(jumps: Sequence[Jump]) -> float:
    return sum(jump.for_s for jump in jumps)


def _play(file: Path, jumps: Sequence[Jump]) -> None:
    for jump in jumps:
        say(f"the clock is wrong by {jump.by_s:+.0f} s")
        file.write_text(str(jump.by_s))
        time.sleep(jump.for_s)


def _ticks(records: Sequence[Record]) -> list[list[float]]:
    """T by partition, in the order of the log, in seconds."""
    ticks: dict[int, list[float]] = {}
    for record in records:
        for name, value in record.headers:
            if name == CLOCK_HEADER:
                ticks.setdefault(record.partition, []).append(int(value) / 1e6)
    return list(ticks.values())


def _wrong(ticks: Sequence[Sequence[float]], began_s: float, ended_s: float, refusals: float) -> Iterator[str]:
    if any(later < earlier for some in ticks for earlier, later in pairwise(some)):
        yield "T fell"
    if max(map(max, ticks)) > ended_s + SMALL_S + 60:
        yield f"T is {max(map(max, ticks)) - ended_s:.0f} s ahead: a jump of more than an hour was believed"
    if min(map(min, ticks)) < began_s - 60:
        yield f"T began {began_s - min(map(min, ticks)):.0f} s before the run"
    if min(some[-1] for some in ticks) < ended_s - 2 * SMALL_S:
        yield "T did not go on when the clock was right again"
    if not refusals:
        yield "no jump was refused"


LINE = Line(
    "clock",
    "the wall clock of all programs jumps by hours and by seconds, forward and back",
    "T never falls, jumps of over an hour are refused, T goes on afterwards: equal, nothing twice",
    _run,
)
