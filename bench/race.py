"""The engine beside its peers: same machine, same broker, same topic of the same events, one after another.

`python bench/race.py [--events N] [--rounds N] [--only NAME ...] [--json]`. Every contender is a process of its own
that reads the topic from its beginning in a group of its own. Each round runs all of them; the median of the rounds
counts. A contender's time runs from the first event in its hands to the last one done with all that follows from it.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from bench.events import PARTITIONS, encoded
from bench.ground import (
    FailedError,
    Figures,
    Ground,
    as_mapping,
    emptied,
    end_in_order,
    ground,
    make_anew,
    measured,
    python,
)
from engine.admin import TopicSpec, apply
from topics.catalog import DEAL_EVENTS

TWO_KINDS = "stage_overstay,contact_gap"
ROUNDS = 3
PATIENCE_S = 240.0


class Contender(NamedTuple):
    """One way to do it. `does` is what it does with an event; `share` is the part of the events that it is given."""

    name: str
    does: str
    script: str
    options: Mapping[str, str] = {}
    ours: bool = False
    share: float = 1.0


DETECT, ROCKS = "detect", "detect-rocksdb"
BARE, CONSUME, QUIX, FAUST = "bare", "consume", "quix", "faust"
TWO, TWO_ROCKS = "detect-two", "detect-two-rocksdb"
STREAMS, STREAMS_ONCE = "kafka-streams", "kafka-streams-once"

CONTENDERS: tuple[Contender, ...] = (
    Contender(CONSUME, "aiokafka alone: fetch, look at nothing", "contenders/consume.py"),
    Contender(BARE, "aiokafka, decode, step, a dict of decoded states; nothing written", "contenders/bare.py"),
    Contender(
        DETECT,
        "the program: decode, step, state, views, signals, sums; one transaction a batch; memory store",
        "contenders/detect.py",
        ours=True,
    ),
    Contender(ROCKS, "the same with the RocksDB store", "contenders/detect.py", {"store": "rocksdb"}, ours=True),
    Contender(
        QUIX, "decode, step, state bytes in RocksDB and changelog, signals; a checkpoint each 5 s", "contenders/quix.py"
    ),
    Contender(
        FAUST,
        "decode, step, state bytes in a Table with changelog, signals; the first tenth of the events, for it is slow",
        "contenders/faust_table.py",
        share=0.1,
    ),
    Contender(TWO, "the program with two kinds, memory store", "contenders/detect.py", {"kinds": TWO_KINDS}, ours=True),
    Contender(
        TWO_ROCKS,
        "the program with two kinds, RocksDB store",
        "contenders/detect.py",
        {"kinds": TWO_KINDS, "store": "rocksdb"},
        ours=True,
    ),
    Contender(
        STREAMS,
        "Kafka Streams, Java: two kinds, RocksDB and changelog, record cache, at least once; warm machine",
        "contenders/kafka_streams.py",
    ),
    Contender(
        STREAMS_ONCE,
        "the same with exactly_once_v2",
        "contenders/kafka_streams.py",
        {"guarantee": "exactly_once_v2"},
    ),
)


class Result(NamedTuple):
    """What the rounds of a contender gave: events per second of the wall and of its own processor time, medians."""

    name: str
    per_s: float
    per_cpu_s: float
    runs: tuple[float, ...]
    cpu_runs: tuple[float, ...] = ()
    transitions: int | None = None
    failed: str = ""


def run_once(place: Ground, contender: Contender, number: int) -> Figures:
    """One run. Raises FailedError."""
    run = f"{contender.name}-{number}"
    if contender.ours:
        make_anew(place.broker, ["detect"])
    else:
        apply(place.broker, [TopicSpec(f"{run}.signals", PARTITIONS, {})])
    folder = emptied(place.folder, run)
    given = {
        "servers": place.broker.servers,
        "topic": DEAL_EVENTS,
        "events": round(place.events * contender.share),
        "folder": folder,
        "run": run,
        **contender.options,
    }
    command = python(contender.script, *as_mapping(given))
    return measured(command, place.folder / f"{run}.log", PATIENCE_S)


def race(
    place: Ground,
    contenders: Sequence[Contender],
    rounds: int,
    note: Callable[[str], None] = print,
) -> dict[str, Result]:
    """All rounds; what fails is noted and takes no further part."""
    runs: dict[str, list[Figures]] = {contender.name: [] for contender in contenders}
    failed: dict[str, str] = {}
    for number in range(1, rounds + 1):
        for contender in contenders:
            if contender.name in failed:
                continue
            try:
                figures = run_once(place, contender, number)
            except FailedError as error:
                failed[contender.name] = str(error)
                note(f"round {number}  {contender.name:20} FAILED: {error}")
                continue
            runs[contender.name].append(figures)
            note(f"round {number}  {contender.name:20} {per_s(figures):10,.0f} events/s  {json.dumps(figures)}")
    return {contender.name: _result(contender, runs[contender.name], failed) for contender in contenders}


def per_s(figures: Figures) -> float:
    """Events per second of the wall."""
    return float(figures["events"] / max(figures["seconds"], 1e-9))


def ratio(ours: Sequence[float], peers: Sequence[float]) -> float:
    """How many times the peer's speed ours is: the median of the rounds, each compared within itself."""
    return statistics.median(mine / theirs for mine, theirs in zip(ours, peers, strict=False))


def _result(contender: Contender, runs: Sequence[Figures], failed: Mapping[str, str]) -> Result:
    if contender.name in failed or not runs:
        return Result(contender.name, 0.0, 0.0, (), failed=failed.get(contender.name, "did not run"))
    walls = [per_s(run) for run in runs]
    cpus = [run["events"] / max(run["cpu_seconds"], 1e-9) for run in runs]
    return Result(
        contender.name,
        statistics.median(walls),
        statistics.median(cpus),
        tuple(walls),
        tuple(cpus),
        runs[-1].get("transitions"),
    )


def main() -> None:
    """Run the race by itself."""
    end_in_order()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000, help="at most so many; the team has 168,297")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", nargs="*", default=[contender.name for contender in CONTENDERS])
    given = parser.parse_args()
    chosen = [contender for contender in CONTENDERS if contender.name in given.only]
    with ground(encoded(given.events)) as place:
        results = race(place, chosen, given.rounds)
    for result in results.values():
        print(
            f"{result.name:20} {result.per_s:10,.0f} events/s {result.per_cpu_s:10,.0f} per CPU second {result.failed}"
        )


if __name__ == "__main__":
    main()
