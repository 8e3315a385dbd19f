"""A replay of a log of `deal.events` on several cores: each worker relives its partitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from heapq import merge
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeAlias

import msgspec

from playbook.load import Loaded
from programs.crew import Crew, rarely_collected
from programs.failures import CallError
from programs.jsonl import read_log
from programs.replaying import Result, Steps
from programs.spill import stream, streamed
from signals.baselines import NO_BASELINES, Baselines
from signals.history import Tally
from signals.judge import Panel, panel_of
from signals.money import Exchange
from signals.relive import Logged, replay_log
from signals.replay import steps_of
from signals.rules import NO_RATES, Rules
from signals.step import Fate
from topics.codec import encode
from topics.definitions import parts_of
from topics.sources.source import Source

#: Records that are no event of ours; live, they are put aside under this name (without Prometheus' client, which would
#: cost each replay 50 ms).
UNDECODABLE = "undecodable"
#: A log of fewer bytes is relived at once in this process.
SMALL_BYTES = 4 * 1024 * 1024

#: When it was said, in which partition, as which of its signals.
Place: TypeAlias = tuple[int, int, int]
_SILENT = frozenset({Fate.DUPLICATE, Fate.TOO_LATE})
_lines = msgspec.msgpack.Decoder(list[tuple[Place, bytes]]).decode
_views = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode


class LogPlan(NamedTuple):
    """What is relived by which definitions: `playbooks` are those that count first, then those that the log names.

    `learned`: the baselines that it names.
    """

    path: Path
    playbooks: tuple[Loaded, ...]
    sources: tuple[Source, ...]
    views: bool = False
    jobs: int = 1
    learned: tuple[Baselines, ...] = ()
    exchange: Exchange = NO_RATES


class Relived(NamedTuple):
    """Where what a worker's partitions said is; the figures."""

    said: Path
    views: Path | None
    tally: Tally
    deals: int
    steps: Steps
    last_us: int


@contextmanager
def relived(plan: LogPlan) -> Iterator[Result]:
    """Relive the log; the result can be read while the context lasts.

    Raises FilesError, LogError and OSError for what is wrong with the log, CallError for definitions that it names and
    the plan does not, WorkError for what fails on the way.
    """
    jobs = 1 if plan.path.stat().st_size < SMALL_BYTES else plan.jobs
    with ExitStack() as stack:
        stack.enter_context(rarely_collected())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="signals-replay-")))
        prepare = partial(Worker, plan, folder, jobs)
        run: Run = partial(map, prepare()) if jobs == 1 else stack.enter_context(Crew(jobs, prepare, ())).map
        yield _together(list(run(range(jobs))))


Run: TypeAlias = Callable[[Iterable[int]], Iterable[Relived]]


class Worker:
    """Relives every partition whose number leaves its own rest; it reads the whole log, which costs little beside."""

    def __init__(self, plan: LogPlan, folder: Path, jobs: int) -> None:
        self._plan, self._folder, self._jobs = plan, folder, jobs
        self._playbooks = {one.hash: one for one in plan.playbooks}
        self._learned = {one.version: one for one in (*plan.learned, NO_BASELINES)}
        self._panels: dict[str, Panel] = {}

    def __call__(self, rest: int) -> Relived:
        """The partitions with this rest."""
        mine = (record for record in read_log(self._plan.path) if record.partition % self._jobs == rest)
        logged = replay_log(mine, self._panel(self._plan.playbooks[0].hash), self._panel)
        said, views = self._folder / f"said-{rest}", None
        stream(said, _placed(logged))
        if self._plan.views:
            views = self._folder / f"views-{rest}"
            stream(views, ((view.key, encode(view)) for view in logged.views()))
        last_us = max((state.now.now_us for state in logged.states.values()), default=0)
        return Relived(said, views, _tally(logged), len(logged.states), steps_of(logged.signals), last_us)

    def _panel(self, version: str) -> Panel:
        found = self._panels.get(version)
        return self._made(version) if found is None else found

    def _made(self, version: str) -> Panel:
        parts = parts_of(version)
        playbook, learned = self._playbooks.get(parts.playbook), self._learned.get(parts.baselines)
        if playbook is None or learned is None:
            unknown = parts.playbook if playbook is None else parts.baselines
            message = f"the log names definitions {unknown}: give their file with --definitions"
            raise CallError(message)
        made = panel_of(Rules(playbook.playbook, playbook.hash, self._plan.sources, learned, self._plan.exchange))
        self._panels[version] = made
        return made


def _placed(logged: Logged) -> Iterator[tuple[Place, bytes]]:
    return (((one.at_us, one.partition, n), encode(one.signal)) for n, one in enumerate(logged.said))


def _tally(logged: Logged) -> Tally:
    """Its records as rows. What was folded already, or came too late, is silent."""
    tally = Tally()
    tally.rows = logged.records
    tally.silent.update({fate.value: n for fate, n in logged.fates.items() if fate in _SILENT})
    if logged.undecodable:
        tally.rejected[UNDECODABLE] += logged.undecodable
    tally.events = tally.rows - logged.undecodable - tally.silent.total()
    return tally


def _together(parts: list[Relived]) -> Result:
    tally = Tally()
    for part in parts:
        tally.add(part.tally)
    return Result(
        signals=map(itemgetter(1), merge(*(streamed(part.said, _lines) for part in parts))),
        views=map(itemgetter(1), merge(*(streamed(part.views, _views) for part in parts if part.views is not None))),
        dwells=iter(()),  # a log's stays stand on their own topic
        tally=tally,
        deals=sum(part.deals for part in parts),
        steps=sum((part.steps for part in parts), Steps()),
        until_us=max((part.last_us for part in parts), default=0),
    )
