"""What `make bench` measures, as a table of parts: each knows its lines and returns as many findings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from bench import race
from bench.events import encoded
from bench.ground import Figures, Ground, every_line, ground, python
from bench.race import (
    BARE,
    CONSUME,
    CONTENDERS,
    DETECT,
    FAUST,
    QUIX,
    ROCKS,
    STREAMS,
    STREAMS_ONCE,
    TWO,
    TWO_ROCKS,
    Result,
)
from bench.table import Finding, Line, Verdict, judged, reported
from tests.brokers.apache import fetch_jars

QUICK_EVENTS = 20_000
EVERY_EVENT = 1_000_000
"""More than the simulated team has."""
QUICK_CONTENDERS = (CONSUME, BARE, DETECT, ROCKS, QUIX, FAUST)
SCRIPT_S = 900.0
CORES_FOR_TWO = 4
"""Two workers, the broker, and whoever feeds and watches."""


class Course:
    """One run of the benchmark: short or full, with the broker and its events once somebody asks for them.

    On a machine that is `crowded` by other work at the start, comparisons are judged by processor time.
    """

    def __init__(self, folder: Path, *, quick: bool, note: Callable[[str], None], events: int | None = None) -> None:
        self.folder, self.quick, self.note = folder, quick, note
        self._events = events or (QUICK_EVENTS if quick else EVERY_EVENT)
        self.crowded = os.getloadavg()[0] > (os.cpu_count() or 1) / 2
        self._stack = ExitStack()
        self._ground: Ground | None = None

    def ground(self) -> Ground:
        """The broker with the events. Raises NoKafkaError where there can be none."""
        if self._ground is None:
            self.note("simulating the events, starting Apache Kafka")
            self._ground = self._stack.enter_context(ground(encoded(self._events)))
        return self._ground

    def script(self, name: str, *arguments: str) -> Figures:
        """The last line of another script of `bench/`."""
        return self.lines_of(name, *arguments)[-1]

    def lines_of(self, name: str, *arguments: str) -> list[Figures]:
        """Every line of another script of `bench/`."""
        return every_line(python(name, *arguments), self.folder / f"{name}.log", SCRIPT_S)

    @property
    def short(self) -> tuple[str, ...]:
        """What asks a script for its short form."""
        return ("--quick",) if self.quick else ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class Part(NamedTuple):
    """Lines that are measured together."""

    name: str
    lines: tuple[Line, ...]
    measure: Callable[[Course], Sequence[Finding]]


def _step(course: Course) -> Sequence[Finding]:
    found = course.script("step.py", "--json", *course.short)
    per_s, encoded_bytes, held_bytes = (float(found[name]) for name in ("step_per_s", "state_bytes", "memory_bytes"))
    others = (("hot", "half of it on one deal"), ("late", "5 % late, 5 % twice"), ("simulated", "the simulated team's"))
    mixes = "; ".join(f"{what} {float(found[f'{name}_per_s']):,.0f}" for name, what in others)
    packed = f"{encoded_bytes:,.0f} bytes, {found['value_bytes']:,} with its head in the store"
    return [
        judged(f"{per_s:,.0f} events/s of processor time", good=per_s >= 100_000),  # noqa: PLR2004 - the goal
        reported(f"{mixes} events/s"),
        judged(packed, good=encoded_bytes < 800),  # noqa: PLR2004 - the goal
        judged(f"{held_bytes:,.0f} bytes", good=held_bytes < 1_300),  # noqa: PLR2004 - the goal
    ]


def _replay(course: Course) -> Sequence[Finding]:
    found = course.script("replay.py", "--json", *course.short)
    per_s, one, every = (float(found[name]) for name in ("per_core_per_s", "wall_1_per_s", "wall_all_per_s"))
    jobs = int(found["jobs"])
    return [
        judged(f"{per_s:,.0f} events/s of processor time", good=per_s >= 60_000),  # noqa: PLR2004 - the goal
        reported(
            f"{every:,.0f} events/s by the wall with {jobs} processes, {one:,.0f} with one: {every / one:.2f} times"
        ),
    ]


def _race(course: Course) -> Sequence[Finding]:
    names = QUICK_CONTENDERS if course.quick else tuple(each.name for each in CONTENDERS)
    chosen = [each for each in CONTENDERS if each.name in names]
    results = race.race(course.ground(), chosen, 1 if course.quick else race.ROUNDS, course.note)
    return [
        *(_speeds(results[name]) if name in results else _skipped() for name in _REPORTED),
        _alike(results, (BARE, DETECT, ROCKS, QUIX)),
        _alike(results, (TWO, TWO_ROCKS, STREAMS, STREAMS_ONCE)),
        *(compared(results, goal, crowded=course.crowded) for goal in _GOALS),
    ]


_REPORTED = (CONSUME, BARE, DETECT, ROCKS, QUIX, FAUST, TWO, TWO_ROCKS, STREAMS, STREAMS_ONCE)


class Goal(NamedTuple):
    """How many times the peer's speed ours must be."""

    ours: str
    peer: str
    times: float


_GOALS = (
    Goal(DETECT, FAUST, 10.0),
    Goal(DETECT, QUIX, 1.7),
    Goal(DETECT, BARE, 0.7),
    Goal(ROCKS, BARE, 0.5),
    Goal(TWO_ROCKS, STREAMS_ONCE, 0.5),
    Goal(TWO_ROCKS, STREAMS, 0.5),
)


def _skipped() -> Finding:
    return reported("not in the short form")


def _speeds(result: Result) -> Finding:
    if result.failed:
        return Finding(result.failed, Verdict.FAILED)
    spread = f"{min(result.runs):,.0f} to {max(result.runs):,.0f}"
    return reported(f"{result.per_s:,.0f} events/s ({spread}); {result.per_cpu_s:,.0f} a second of its processor time")


def _alike(results: Mapping[str, Result], names: Sequence[str]) -> Finding:
    """Whether contenders that do the same work say the same number of transitions."""
    said = {name: results[name].transitions for name in names if name in results and not results[name].failed}
    if not said:
        return _skipped()
    figure = ", ".join(f"{name} {count:,}" for name, count in said.items())
    return judged(figure, good=len(set(said.values())) == 1)


def compared(results: Mapping[str, Result], goal: Goal, *, crowded: bool) -> Finding:
    """How many times the peer's speed ours is, round by round: by the wall, and by processor time."""
    if goal.ours not in results or goal.peer not in results:
        return _skipped()
    mine, theirs = results[goal.ours], results[goal.peer]
    for one in (mine, theirs):
        if one.failed:
            return Finding(f"{one.name}: {one.failed}", Verdict.FAILED)
    by_wall, by_cpu = race.ratio(mine.runs, theirs.runs), race.ratio(mine.cpu_runs, theirs.cpu_runs)
    if crowded:
        figure = f"{by_cpu:.2f} times by processor time (the machine was busy; {by_wall:.2f} by the wall)"
    else:
        figure = f"{by_wall:.2f} times by the wall ({by_cpu:.2f} by processor time)"
    return judged(figure, good=(by_cpu if crowded else by_wall) >= goal.times)


def _partition(course: Course) -> Sequence[Finding]:
    found = course.script("partition.py", "--json", *course.short)
    small, large = float(found["per_s_10k"]), float(found["per_s_1m"])
    tick_ms = float(found["tick_ms_1m"])
    return [
        judged(f"{large / small:.2f} ({large:,.0f} against {small:,.0f} events/s)", good=large >= 0.8 * small),
        judged(
            f"{tick_ms:.3f} ms; {float(found['tick_us_per_due']):.1f} µs for each deal that is due", good=tick_ms < 1
        ),
    ]


def _loading(course: Course) -> Sequence[Finding]:
    fetch_jars()
    keys = 100_000 if course.quick else 1_000_000
    found = course.lines_of("engine_loading.py", "--keys", str(keys))
    seconds = {line["load"]: float(line["seconds"]) * 1_000_000 / keys for line in found if "load" in line}
    counted = f" ({keys:,} keys measured)" if course.quick else ""
    log_s, rocks_s = seconds["memory"], seconds["rocksdb, warm"]
    return [
        judged(f"{log_s:.1f} s{counted}", good=log_s < 60),  # noqa: PLR2004 - the goal
        judged(f"{rocks_s:.1f} s{counted}", good=rocks_s < 10),  # noqa: PLR2004 - the goal
    ]


def _latency(course: Course) -> Sequence[Finding]:
    fetch_jars()
    found = course.script("end_to_end.py", "--json", *course.short)
    whole, first, last = found["whole_ms"], float(found["first_third_p50_ms"]), float(found["last_third_p50_ms"])
    missing = int(found["signals_wanted"]) - int(found["signals"])
    shares = "; ".join(f"{name} {step['p50']:.0f} / {step['p99']:.0f}" for name, step in found["steps_ms"].items())
    used = ", ".join(f"{name} {share:.2f}" for name, share in found["cores_used"].items())
    return [
        judged(f"{whole['p50']:.0f} ms", good=whole["p50"] < 75),  # noqa: PLR2004 - the goal
        judged(f"{whole['p99']:.0f} ms (worst {whole['worst']:.0f})", good=whole["p99"] < 400),  # noqa: PLR2004 - the goal
        reported(f"{shares} ms; cores used: {used}"),
        judged(
            f"p50 {first:.0f} ms in the first third, {last:.0f} in the last; {missing} signals missing",
            good=last < 1.5 * first + 10 and not missing,
        ),
    ]


def _intake(course: Course) -> Sequence[Finding]:
    fetch_jars()
    found = course.script("intake.py", *course.short)
    whole = f"{found['requests']:,} requests, {found['not_200'] + found['broken']} not answered 200"
    cost = f"{found['intake_us_per_request']} µs of its processor time each"
    return [
        judged(f"{found['requests_per_s']:,} requests/s; {cost}", good=found["requests_per_s"] >= 2_000),  # noqa: PLR2004 - the goal
        judged(f"{found['p99_ms']:.0f} ms (p50 {found['p50_ms']:.0f})", good=found["p99_ms"] < 100),  # noqa: PLR2004 - the goal
        judged(whole, good=found["all_on_topic"] and not found["not_200"] and not found["broken"]),
    ]


def _workers(course: Course) -> Sequence[Finding]:
    events = ("--events", str(QUICK_EVENTS), "--kills", "1") if course.quick else ()
    fetch_jars()
    found = course.script("workers.py", "--json", *events)
    ratio, took = float(found["ratio"]), [float(seconds) for seconds in found["takeover_s"]]
    figure = (
        f"{ratio:.2f} times ({found['two_per_s']:,} against {found['one_per_s']:,} events/s; "
        f"{found['two_cpu_us']} against {found['one_cpu_us']} µs of processor time an event)"
    )
    cores = os.cpu_count() or 1
    if ratio < 1.6 and cores < CORES_FOR_TWO:  # noqa: PLR2004 - the goal
        beside = Finding(f"{figure}; {cores} cores with the broker on them are too few to tell", Verdict.REPORTED)
    else:
        beside = judged(figure, good=ratio >= 1.6)  # noqa: PLR2004 - the goal
    return [beside, judged(", ".join(f"{seconds:.1f}" for seconds in took) + " s", good=max(took) < 15)]  # noqa: PLR2004 - the goal


RACE_LINES = (
    *(Line(name, "") for name in _REPORTED),
    Line("transitions said under every kind", "all alike"),
    Line("transitions said under two kinds", "all alike"),
    Line("detect against plain Faust with a Table", "10 times"),
    Line("detect against Quix Streams", "1.7 times"),
    Line("detect against a bare loop with a dict", "0.7 times"),
    Line("detect with RocksDB against a bare loop with a dict", "0.5 times"),
    Line("two kinds, RocksDB, against Kafka Streams exactly once", "0.5 times, aim 1"),
    Line("the same against Kafka Streams at least once", "0.5 times, aim 1"),
)

PARTS: tuple[Part, ...] = (
    Part(
        "step",
        (
            Line("step, default playbook, one core", "100,000 events/s"),
            Line("step on other mixes of events", ""),
            Line("state of a typical open deal, encoded", "under 800 bytes"),
            Line("the same in memory, with heap and index", "under 1.3 KB"),
        ),
        _step,
    ),
    Part(
        "replay",
        (Line("signals replay, a core", "60,000 events/s"), Line("signals replay, every core", "uses every core")),
        _replay,
    ),
    Part("race", RACE_LINES, _race),
    Part(
        "partition",
        (
            Line("events/s with 1,000,000 deals in state, of that with 10,000", "0.8"),
            Line("a tick with 1,000,000 deals, none due", "under 1 ms"),
        ),
        _partition,
    ),
    Part(
        "loading",
        (
            Line("1,000,000 deals from the changelog", "under 60 s"),
            Line("1,000,000 deals from a warm RocksDB", "under 10 s"),
        ),
        _loading,
    ),
    Part(
        "intake",
        (
            Line("webhooks taken in, signature v3, one process: wrk, 32 connections", "2,000 requests/s"),
            Line("the same: p99", "under 100 ms"),
            Line("the same: what was answered 200 is on the topic", "all of it"),
        ),
        _intake,
    ),
    Part(
        "latency",
        (
            Line("CRM event to signal at 1,000 events/s, all programs: p50", "under 75 ms"),
            Line("the same: p99", "under 400 ms"),
            Line("the same: each step's share, p50 / p99", ""),
            Line("the same: steady, no queue that grows", "last third as the first"),
        ),
        _latency,
    ),
    Part(
        "workers",
        (
            Line("two workers of detect against one", "1.6 times where the cores are"),
            Line("a killed worker's partitions are served again", "within 15 s"),
        ),
        _workers,
    ),
)
