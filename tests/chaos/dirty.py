"""Dirty input: garbage, duplicates, disorder, one hot deal, and workers that are far behind on some partitions."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from signals.step import MAX_TAIL
from tests.chaos.crew import Worker
from tests.chaos.feed import Feed
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.records import UNTIDY, records, with_hot_deal
from tests.chaos.scene import scene

WORKERS = 2
AHEAD = MAX_TAIL // 2
"""So many records may be newer than T, half of them the hot deal's. Of a deal with so many changes the last 128 to 256
are kept in order, not those of three days, so what the join has still to tell it must not be later than that. At a real
CRM's pace those are days, here a tenth of a second."""
ASLEEP_S, AWAKE_S = 4.0, 0.6
"""How a worker is slowed down: it gets so much of the time, and its session of 10 s outlasts each sleep."""


def _run(scale: Scale) -> Verdict:
    emitted = with_hot_deal(records(scale.seed, scale.of(1_500, 60_000), UNTIDY))
    with scene() as stage:
        stage.staffed(WORKERS)
        with Feed(stage.site.broker, emitted, ahead=AHEAD) as feed, slowed(stage.crew.workers["detect-1"]):
            most = 0
            while not feed.done:
                most = max(most, stage.gauge.behind()["detect"])
        say(f"detect was up to {most} records behind on the partitions of its slow worker")
        found = stage.judged(feed, scale.of(150, 900))
    figure = f"{len(emitted):,} events, half of them one deal, up to {most:,} behind, {found.figure}"
    return Verdict(not found.wrong, figure, found.wrong)


@contextmanager
def slowed(worker: Worker) -> Iterator[None]:
    """Freeze a worker again and again, each time for less than its session."""
    over = threading.Event()

    def doze() -> None:
        while not over.wait(AWAKE_S):
            worker.signal(signal.SIGSTOP)
            over.wait(ASLEEP_S)
            worker.signal(signal.SIGCONT)

    thread = threading.Thread(target=doze, name="doze")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


LINE = Line(
    "dirty",
    "5 % garbage, 10 % duplicates, reordering over an hour, half of all events on one deal, partitions far behind",
    "equal to the oracle and to a replay of the raw input; nothing twice",
    _run,
)
