"""A replay of files on every core: pieces are read side by side, then people's events joined, then deals judged.

Every step deals with shares (`signals.history`), and a share is written down before the next step takes it, so memory
holds a share per worker and not the history. What comes out does not depend on the number of workers or shares. A small
history is one share in one process, and nothing is written down: it would cost more than it saves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from heapq import merge
from itertools import chain
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec

from playbook.model import Playbook
from programs.crew import Crew, rarely_collected
from programs.pieces import Piece, pieces, size_at_rest
from programs.spill import Block, spill, spilt, stream, streamed
from signals.baselines import NO_BASELINES, Baselines
from signals.dwells import dwells_of
from signals.emit import view_of
from signals.history import Place, Reading, Said, StoredPeople, Tally, joined, joined_at_once, judged, share_of
from signals.indicators import figures_of
from signals.intents import intents_of
from signals.joining.joiner import HOPS, hop_of
from signals.joining.ties import Ties, compared
from signals.judge import Stored, Watch, panel_of
from signals.money import Exchange
from signals.replay import steps_of
from signals.rules import NO_RATES, Rules
from topics.codec import encode
from topics.dwells import Dwell
from topics.indicators import Figures
from topics.instants import rfc3339
from topics.sources.registry import parser
from topics.sources.source import Source

#: A history of fewer bytes than this is replayed at once in this process.
SMALL_BYTES = 2 * 1024 * 1024
#: What a share is cut to: its events, in memory, are about as many bytes as their records were.
SHARE_BYTES = 64 * 1024 * 1024

_deal_events = msgspec.msgpack.Decoder(list[Stored]).decode
_people_events = msgspec.msgpack.Decoder(list[StoredPeople]).decode
_lines = msgspec.msgpack.Decoder(list[tuple[Place, bytes]]).decode
_views = msgspec.msgpack.Decoder(list[tuple[str, bytes]]).decode
_dwells = msgspec.msgpack.Decoder(list[Dwell]).decode
_replace = msgspec.structs.replace

KeyT = TypeVar("KeyT", Place, str)
Line: TypeAlias = tuple[Place, bytes]
Steps: TypeAlias = Counter[tuple[str, str]]


class Plan(NamedTuple):
    """What is replayed by which definitions.

    `views`, `dwells`, `figures`: whether the deals' final states, their stays and the indicators are wanted.
    """

    sources: tuple[Source, ...]
    playbook: Playbook
    version: str
    until_us: int | None = None
    views: bool = False
    dwells: bool = False
    baselines: Baselines = NO_BASELINES
    figures: bool = False
    exchange: Exchange = NO_RATES


class Result(NamedTuple):
    """What a replay gave: JSON lines of signals in order and of deals by key, and stays; each to be read once.

    And the figures of the run; `indicators` are sums, those of a share each.
    """

    signals: Iterator[bytes]
    views: Iterator[bytes]
    dwells: Iterator[Dwell]
    tally: Tally
    deals: int
    steps: Steps
    until_us: int
    indicators: Sequence[Figures] = ()


@contextmanager
def replayed(path: Path, plan: Plan, jobs: int) -> Iterator[Result]:
    """Replay the files; the result can be read while the context lasts.

    Raises FilesError, CallError and OSError for what is wrong with the files, WorkError for what fails on the way.
    """
    size = size_at_rest(path, plan.sources)
    with ExitStack() as stack:
        stack.enter_context(rarely_collected())
        if size < SMALL_BYTES:
            yield _at_once(path, plan)
            return
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="signals-replay-")))
        shares = max(jobs, -(-size // SHARE_BYTES))
        prepare = partial(Worker, plan, folder, shares)
        run: Run = partial(map, prepare()) if jobs == 1 else stack.enter_context(Crew(jobs, prepare, ())).map
        yield _in_shares(pieces(path, plan.sources), plan, shares, run)


def _rules(plan: Plan) -> Rules:
    return Rules(plan.playbook, plan.version, plan.sources, plan.baselines, plan.exchange)


def _at_once(path: Path, plan: Plan) -> Result:
    rules = _rules(plan)
    intents = intents_of(rules.playbook, rules.version)
    parsers = [parser(source) for source in plan.sources]
    reading = Reading(intents, Ties(plan.sources, compared(plan.playbook)))
    for piece in pieces(path, plan.sources):
        parse = parsers[piece.source]
        for offset, record in piece.records():
            reading.take(offset, parse(record))
    until_us = _until(plan, reading.last_us)
    (deals,) = reading.deals
    of_people = joined_at_once([people for (people,) in reading.people], intents, until_us)
    detected_at = rfc3339(until_us)
    of_deals = judged(panel_of(rules), deals + of_people.events, reading.gaps, until_us, detected_at)
    said = [*_dated(of_people.said, detected_at), *of_deals.said]
    return Result(
        signals=map(itemgetter(1), _encoded(said)),
        views=map(itemgetter(1), _views_of(rules, of_deals.watches)),
        dwells=_dwells_of(rules, of_deals.watches),
        tally=reading.tally,
        deals=len(of_deals.watches),
        steps=steps_of(one.signal for one in said),
        until_us=until_us,
        indicators=figures_of(rules, of_deals.watches.values(), until_us) if plan.figures else (),
    )


def _until(plan: Plan, last_us: int | None) -> int:
    """T: what was asked for, else the instant of the last event."""
    return (last_us or 0) if plan.until_us is None else plan.until_us


def _dated(said: Iterable[Said], detected_at: str) -> list[Said]:
    return [one._replace(signal=_replace(one.signal, detected_at=detected_at)) for one in said]


def _encoded(said: Iterable[Said]) -> list[Line]:
    """The lines of signals, in order."""
    return sorted(((one.place, encode(one.signal)) for one in said), key=itemgetter(0))


def _views_of(rules: Rules, watches: dict[str, Watch]) -> Iterator[tuple[str, bytes]]:
    """The lines of deals, by key."""
    return ((key, encode(view_of(rules, watches[key]))) for key in sorted(watches))


def _dwells_of(rules: Rules, watches: dict[str, Watch]) -> Iterator[Dwell]:
    """The stays of all deals."""
    return (dwell for watch in watches.values() for dwell in dwells_of(rules, watch.deal))


class Read(NamedTuple):
    """A piece to read. `number` counts the pieces."""

    number: int
    piece: Piece


class Join(NamedTuple):
    """A share of people's events of one hop to join."""

    hop: int
    share: int
    blocks: tuple[Block, ...]
    until_us: int


class Judge(NamedTuple):
    """A share of deals to judge, with the gaps of all sources."""

    share: int
    blocks: tuple[Block, ...]
    gaps: tuple[Stored, ...]
    until_us: int


class WasRead(NamedTuple):
    """What a piece held: where its events are by share, those of people by hop and share, and what was counted."""

    deals: list[Block | None]
    people: list[list[Block | None]]
    gaps: list[Stored]
    last_us: int | None
    tally: Tally


class WasJoined(NamedTuple):
    """Where the events of deals are, by share, and those of later hops; signals of intents without a deal."""

    deals: list[Block | None]
    people: list[list[Block | None]]
    said: Path | None
    steps: Steps


class WasJudged(NamedTuple):
    """Where the signals, and the deals' views and stays are."""

    said: Path
    views: Path | None
    dwells: Path | None
    deals: int
    steps: Steps
    indicators: Sequence[Figures] = ()


Task: TypeAlias = Read | Join | Judge
Answer: TypeAlias = WasRead | WasJoined | WasJudged
#: Does tasks, and answers in their order.
Run: TypeAlias = Callable[[Iterable[Task]], Iterable[Answer]]


class Worker:
    """Does any task, in any process: the definitions are compiled here, everything else stands in files."""

    def __init__(self, plan: Plan, folder: Path, shares: int) -> None:
        self._folder, self._shares, self._plan = folder, shares, plan
        self._rules = _rules(plan)
        self._panel = panel_of(self._rules)
        self._intents, self._ties = intents_of(plan.playbook, plan.version), Ties(plan.sources, compared(plan.playbook))
        self._parsers = [parser(source) for source in plan.sources]

    def __call__(self, task: Task) -> Answer:
        """Do a task. Raises OSError for files that cannot be read, WorkError for what cannot be written."""
        match task:
            case Read():
                return self._read(task)
            case Join():
                return self._join(task)
            case Judge():
                return self._judge(task)

    def _read(self, task: Read) -> WasRead:
        reading = Reading(self._intents, self._ties, self._shares)
        parse = self._parsers[task.piece.source]
        for offset, record in task.piece.records():
            reading.take(offset, parse(record))
        deals = spill(self._folder / f"read-{task.number}-deals", reading.deals)
        people = self._spill_people(f"read-{task.number}", reading.people)
        return WasRead(deals, people, reading.gaps, reading.last_us, reading.tally)

    def _join(self, task: Join) -> WasJoined:
        share = (one for block in task.blocks for one in spilt(block, _people_events))
        found = joined(share, self._intents, task.until_us)
        name = f"joined-{task.hop}-{task.share}"
        by_share: list[list[Stored]] = [[] for _ in range(self._shares)]
        for one in found.events:
            by_share[share_of(one.event.key, self._shares)].append(one)
        people: list[list[list[StoredPeople]]] = [[[] for _ in range(self._shares)] for _ in range(HOPS)]
        for told in found.people:
            people[hop_of(told.event)][share_of(told.event.key, self._shares)].append(told)
        path = None
        if found.said:
            path = self._folder / f"{name}-said"
            stream(path, _encoded(_dated(found.said, rfc3339(task.until_us))))
        deals = spill(self._folder / name, by_share)
        return WasJoined(deals, self._spill_people(name, people), path, steps_of(one.signal for one in found.said))

    def _spill_people(self, name: str, people: list[list[list[StoredPeople]]]) -> list[list[Block | None]]:
        return [spill(self._folder / f"{name}-people-{hop}", shares) for hop, shares in enumerate(people)]

    def _judge(self, task: Judge) -> WasJudged:
        share = (one for block in task.blocks for one in spilt(block, _deal_events))
        said, watches = judged(self._panel, share, task.gaps, task.until_us, rfc3339(task.until_us))
        path, views, dwells = self._folder / f"judged-{task.share}-said", None, None
        stream(path, _encoded(said))
        if self._plan.views:
            views = self._folder / f"judged-{task.share}-views"
            stream(views, _views_of(self._rules, watches))
        if self._plan.dwells:
            dwells = self._folder / f"judged-{task.share}-dwells"
            stream(dwells, _dwells_of(self._rules, watches))
        indicators = figures_of(self._rules, watches.values(), task.until_us) if self._plan.figures else ()
        return WasJudged(path, views, dwells, len(watches), steps_of(one.signal for one in said), indicators)


def _in_shares(all_pieces: Iterator[Piece], plan: Plan, shares: int, run: Run) -> Result:
    read, tally = list[WasRead](), Tally()
    for answer in run(Read(number, piece) for number, piece in enumerate(all_pieces)):
        if isinstance(answer, WasRead):
            read.append(answer)
            tally.add(answer.tally)
    until_us = _until(plan, max((one.last_us for one in read if one.last_us is not None), default=None))
    was_joined = list[WasJoined]()
    for hop in range(HOPS):
        people = _by_share([*(one.people[hop] for one in read), *(one.people[hop] for one in was_joined)], shares)
        joins = [Join(hop, share, blocks, until_us) for share, blocks in enumerate(people) if blocks]
        was_joined += [answer for answer in run(joins) if isinstance(answer, WasJoined)]
    deals = _by_share([*(one.deals for one in read), *(one.deals for one in was_joined)], shares)
    gaps = tuple(gap for one in read for gap in one.gaps)
    judges = (Judge(share, blocks, gaps, until_us) for share, blocks in enumerate(deals) if blocks)
    was_judged = [answer for answer in run(judges) if isinstance(answer, WasJudged)]
    said = [*(one.said for one in was_joined if one.said is not None), *(one.said for one in was_judged)]
    return Result(
        signals=_merged(streamed(path, _lines) for path in said),
        views=_merged(streamed(one.views, _views) for one in was_judged if one.views is not None),
        dwells=chain.from_iterable(streamed(one.dwells, _dwells) for one in was_judged if one.dwells is not None),
        tally=tally,
        deals=sum(one.deals for one in was_judged),
        steps=sum([*(one.steps for one in was_joined), *(one.steps for one in was_judged)], Steps()),
        until_us=until_us,
        indicators=[figures for one in was_judged for figures in one.indicators],
    )


def _by_share(blocks: Iterable[Sequence[Block | None]], shares: int) -> list[tuple[Block, ...]]:
    """The blocks of each share, in the order in which they were written down."""
    of_all = list(blocks)
    return [tuple(block for of_one in of_all if (block := of_one[share]) is not None) for share in range(shares)]


def _merged(streams: Iterable[Iterator[tuple[KeyT, bytes]]]) -> Iterator[bytes]:
    """The lines of several streams that are in order."""
    return map(itemgetter(1), merge(*streams))
