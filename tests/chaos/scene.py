"""The stage on which a line plays: Kafka of its own, a site, a crew, and the judgement in the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from engine.clock import CLOCK_HEADER
from engine.records import Record
from programs.startup import Ready
from programs.wiring import BUILDS
from signals.emit import view_of
from signals.judge import advance, panel_of
from signals.migrations import read_state
from signals.replay import replay
from signals.rules import Rules
from tests.brokers.apache import KafkaCluster, kafka_cluster
from tests.chaos.calm import Gauge, calm, reasons, until
from tests.chaos.crew import Crew, crew_at
from tests.chaos.feed import Feed
from tests.chaos.lines import say
from tests.chaos.oracle import NOTHING as NO_SEEDS
from tests.chaos.oracle import Logs, Seeds, expected, logs_of
from tests.chaos.site import Site, made
from tests.chaos.tuning import Tuning
from tests.chaos.verdict import TWICE, differences
from topics.catalog import DEAL_EVENTS, RAW_PREFIX, STATE_DETECT
from topics.outcomes import RawRecord
from topics.sources.registry import parser
from topics.views import DealView

ALL = tuple(name for name in BUILDS if name != "baselines")
"""The path of a record. `baselines` reads one partition, so of several workers one has work; nothing waits for it."""
PRODUCTION = Tuning()
NOTHING: Mapping[str, str] = {}
SHOWN = 3
LAST_LINES = 3


class Scene(NamedTuple):
    """What a line has in its hands."""

    cluster: KafkaCluster
    site: Site
    crew: Crew
    gauge: Gauge

    def staffed(self, count: int, programs: Sequence[str] = ALL) -> None:
        """Start so many workers of each program, and wait until all are ready."""
        for program in programs:
            self.crew.add(program, count)
        workers = self.crew.workers.values()
        took = until("all workers are ready", lambda: not reasons(workers), why=lambda: reasons(workers))
        say(f"{len(self.crew.workers)} workers ready after {took:.1f} s")

    def judged(
        self, feed: Feed, patience_s: float, *, replayed: bool = True, told: bool = False, seeds: Seeds = NO_SEEDS
    ) -> Judgement:
        """Wait until everything is read, and hold all of it against the oracles, a replay of the raw input among them.

        Not where definitions changed on the way, for the raw input does not say when; nor where the workers found
        states, `seeds`, that do not follow from it. `told`: wait for `send`, too, which is slow.
        """
        feed.wait(patience_s)
        took = calm(self.gauge, feed.newest_us, patience_s, () if told else ("send",))
        logs = logs_of(self.site.broker, self.site.ready)
        say(f"at rest {took:.1f} s after the last record; {sum(map(len, logs.values()))} records on the topics")
        found = judged(self.site.ready, logs, (feed.newest_us or last_tick_us(logs)) if replayed else None, seeds)
        if found.wrong:
            _tell(self.crew)
        return found


@contextmanager
def scene(
    tuning: Tuning = PRODUCTION, *, nodes: int = 1, programs: Sequence[str] = ALL, settings: Mapping[str, str] = NOTHING
) -> Iterator[Scene]:
    """A scene without workers yet; nothing of it is left at the end, unless the line fails: then the logs are named."""
    with ExitStack() as stack:
        cluster = stack.enter_context(kafka_cluster(nodes))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True)))
        site = made(cluster.servers, folder, tuning, settings)
        crew = stack.enter_context(crew_at(site))
        gauge = Gauge(site, programs)
        stack.callback(gauge.close)
        try:
            yield Scene(cluster, site, crew, gauge)
        except BaseException:
            _tell(crew)
            raise


def _tell(crew: Crew) -> None:
    """The end of each worker's log, for the person who must find the reason, and where the whole of each is kept."""
    kept = Path(tempfile.mkdtemp(prefix="chaos-logs-"))
    say(f"the workers' logs are kept in {kept}")
    for worker in crew.workers.values():
        say(f"--- {worker.name}, life {worker.lives}, {'alive' if worker.alive else worker.exit_code}")
        kept.joinpath(f"{worker.name}.log").write_text(worker.log)
        for line in worker.log.splitlines()[-LAST_LINES:]:
            say(f"    {line[:400]}")


def last_tick_us(logs: Logs) -> int:
    """The last T in the logs."""
    values = (value for one in logs[DEAL_EVENTS] for name, value in one.headers if name == CLOCK_HEADER)
    return max(map(int, values), default=0)


class Judgement(NamedTuple):
    """What the oracles say of a run."""

    logs: Logs
    transitions: int
    rows: int
    twice: int
    wrong: tuple[str, ...]

    @property
    def figure(self) -> str:
        """In a few words."""
        right = f"{len(self.wrong)} differences" if self.wrong else "equal to the oracle"
        return f"{self.rows:,} rows written, {self.transitions:,} transitions, {self.twice} twice, {right}"


def judged(ready: Ready, logs: Mapping[str, list[Record]], until_us: int | None, seeds: Seeds = NO_SEEDS) -> Judgement:
    """Both oracles: the same logs without faults, and the raw input in order up to `until_us` (None: not that)."""
    should = expected(ready, logs, seeds=seeds)
    unlike = differences(logs, should)
    wrong = [str(each) for each in unlike]
    wrong += [] if until_us is None else unlike_replay(ready, logs, until_us)
    for each in wrong:
        say(f"WRONG {each[:1000]}")
    return Judgement(
        logs=logs,
        transitions=len(logs["deal.signals"]),
        rows=sum(map(len, should.rows.values())),
        twice=sum(each.times for each in unlike if each.what == TWICE),
        wrong=tuple(wrong),
    )


def unlike_replay(ready: Ready, logs: Logs, until_us: int) -> list[str]:
    """The deals whose final state, open signals among it, is not what the raw input in order of time gives."""
    rules = Rules(ready.playbook.playbook, ready.playbook.hash, ready.sources)
    parsers = {RAW_PREFIX + source.name: parser(source) for source in ready.sources}
    raw = [(parsers[topic], _raw(record)) for topic in parsers for record in logs[topic]]
    should = {view.key: _timeless(view) for view in replay(raw, rules, until_us).views(rules)}
    actual = {view.key: _timeless(view) for view in _views(rules, logs[STATE_DETECT], until_us)}
    unlike = sorted(key for key in should.keys() | actual.keys() if should.get(key) != actual.get(key))
    if not unlike:
        return []
    shown = [f"{key}: {_unlike(actual.get(key), should.get(key))}" for key in unlike[:SHOWN]]
    return [f"{len(unlike)} of {len(should)} deals end otherwise than in a replay, e.g. {' | '.join(shown)}"]


def _views(rules: Rules, states: Sequence[Record], until_us: int) -> Iterator[DealView]:
    """The views of the states that were left, at the same instant for all: a deal is looked at only when it is due."""
    panel = panel_of(rules)
    last = {(record.partition, record.key): record.value for record in states}
    for (_, key), value in last.items():
        if value and key:
            watch, _ = advance(panel, read_state(value).now, until_us)
            yield view_of(rules, watch)


def _raw(record: Record) -> RawRecord:
    return RawRecord(record.key, record.value, record.headers, record.timestamp_us)


def _timeless(view: DealView) -> DealView:
    """A view without the instant at which it was looked at."""
    return msgspec.structs.replace(view, as_of="")


def _unlike(actual: DealView | None, should: DealView | None) -> str:
    if actual is None or should is None:
        return "missing" if actual is None else "should not be"
    names = [name for name in DealView.__struct_fields__ if getattr(actual, name) != getattr(should, name)]
    return ", ".join(f"{name} is {getattr(actual, name)!r}, should be {getattr(should, name)!r}" for name in names)
