"""What detect costs beside Kafka: `python bench/partition.py [--quick] [--json]`.

The real processor (`programs.detect.Detect.process`: decode, step, sums, views, states, outputs) with every kind of the
default playbook, on four partitions with the state in memory and batches of 5,000 events. Processor time of one core;
the sizes are measured in turns, so that their ratio holds on a busy machine; each figure is the median of its turns.

* events/s by deals in state: the events are those of 10,000 simulated deals at work, the others are at rest;
* events/s by what happens: edits as in `bench/step.py`; half of all events on one deal; each on another deal at rest;
* bytes of a typical open deal (simulated, 60 days, at rest), encoded and in memory with its place in the heap;
* a tick with a million deals and none due, the visit of a deal that is due, loading a partition of a million deals.

The last line is the figures as JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import statistics
import time
import zlib
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import step as step_bench
from events import deal_events
from prometheus_client import CollectorRegistry

from engine.records import Batch, Record
from programs.detect import MakeDetect
from programs.times import Times
from signals.kept import read_head, read_kept
from signals.keyed import DictStore
from signals.metrics import DetectMetrics
from signals.partition import META_KEY
from topics.catalog import DEAL_EVENTS
from topics.codec import decode_deal_event, encode
from topics.events import DealChanged, Scalar, Tick, event_id
from topics.instants import DAY_US, SECOND_US

PARTITIONS = 4
BATCH = 5_000
SLICE = BATCH * PARTITIONS
SIMULATED, COPIES = 1_000, 10
SIZES = (10_000, 100_000, 1_000_000)
NAMES = {10_000: "10k", 100_000: "100k", 1_000_000: "1m"}


class Pair(NamedTuple):
    """A record to be: key and encoded event."""

    key: bytes
    value: bytes


def real_events() -> list[Pair]:
    """The events of 10,000 deals: those of 1,000 simulated ones, each deal ten times under other keys, in turns."""
    pairs: list[Pair] = []
    for event in deal_events(deals=SIMULATED):
        key, value = event.key.encode(), encode(event)
        for copy in range(COPIES):
            name = key + b"-%d" % copy
            pairs.append(Pair(name, value.replace(b'"' + key + b'"', b'"' + name + b'"')))
    return pairs


def edits(count: int) -> list[Pair]:
    """The mix of `bench/step.py` over 10,000 deals."""
    step_bench.DEALS = SIMULATED * COPIES
    return [Pair(one.event.key.encode(), encode(one.event)) for one in step_bench.stream(count)]


def hot(pairs: Sequence[Pair]) -> list[Pair]:
    """The same load with every second event on one deal: edits, a minute apart."""
    key = "crm/acme:hot"
    first_us = decode_deal_event(pairs[0].value).at_us
    mixed: list[Pair] = []
    for n, pair in enumerate(pairs[::2]):
        at_us = first_us + n * 60 * SECOND_US
        fields: dict[str, Scalar] = {
            "next_step": f"step {n % 50}",
            "stage": "Prospecting",
            "amount": float(n % 9) * 1000,
        }
        event = DealChanged(id=event_id("hot", n), key=key, source="crm/acme", at_us=at_us, fields=fields)
        mixed += [pair, Pair(key.encode(), encode(event))]
    return mixed


class _InMemory:
    """A store of the engine over one of the brain's: the same dictionary underneath."""

    def __init__(self, store: DictStore) -> None:
        self.get, self.put, self.items = store.get, store.put, store.items

    async def flush(self) -> None:
        """Nothing to do."""


class Served:
    """Four partitions as one worker serves them, over stores in memory."""

    def __init__(self, stores: Sequence[DictStore]) -> None:
        make = MakeDetect(step_bench.the_panel(), Times("data"))
        make.report_to(DetectMetrics(CollectorRegistry(), make.served))
        self._offset = 0
        begin = time.process_time()
        self._parts = [make(number, _InMemory(store)) for number, store in enumerate(stores)]
        self.loaded_s = time.process_time() - begin

    def process(self, pairs: Sequence[Pair]) -> float:
        """Processor seconds for these events, dealt out to their partitions."""
        batches: list[list[Record]] = [[] for _ in self._parts]
        for key, value in pairs:
            self._offset += 1
            place = zlib.crc32(key) % PARTITIONS
            batches[place].append(Record(DEAL_EVENTS, place, self._offset, self._offset, key, value))
        return sum(self._one(number, records) for number, records in enumerate(batches) if records)

    def tick(self, at_us: int) -> float:
        """Processor seconds for a tick on the first partition."""
        self._offset += 1
        value = encode(Tick(id=event_id("tick", at_us), key="", source="", at_us=at_us))
        return self._one(0, [Record(DEAL_EVENTS, 0, self._offset, self._offset, b"", value)])

    def _one(self, number: int, records: list[Record]) -> float:
        batch = Batch(DEAL_EVENTS, number, tuple(records))
        begin = time.process_time()
        self._parts[number].process(batch)
        return time.process_time() - begin


def stores_of(resting: Sequence[bytes], deals: int) -> list[DictStore]:
    """Four stores with so many deals at rest, their values in turn those given."""
    stores = [DictStore() for _ in range(PARTITIONS)]
    for number, value in enumerate(islice(cycle(resting), deals)):
        stores[number % PARTITIONS].put(resting_key(number), value[:1] + value[1:])  # bytes of its own
    return stores


def resting_key(number: int) -> bytes:
    """The key of a deal at rest."""
    return b"salesforce/default:0064X00002%07dQAA" % number


def typical(pairs: Sequence[Pair]) -> list[bytes]:
    """What the store holds of open deals that are at rest: four days after their last event."""
    stores = [DictStore() for _ in range(PARTITIONS)]
    served = Served(stores)
    for part in slices(pairs):
        served.process(part)
    last_us = decode_deal_event(pairs[-1].value).at_us
    values: list[bytes] = []
    for number in range(PARTITIONS):
        served._parts[number].process(_tick_batch(number, last_us + 4 * DAY_US))  # noqa: SLF001 - the same bench
        values += [value for key, value in stores[number].items() if key != META_KEY]
    return [value for value in values if read_kept(value).state.now.ended_us is None]


def _tick_batch(number: int, at_us: int) -> Batch:
    value = encode(Tick(id=event_id("tick", at_us), key="", source="", at_us=at_us))
    return Batch(DEAL_EVENTS, number, (Record(DEAL_EVENTS, number, 10**9, 10**9, b"", value),))


def slices(pairs: Sequence[Pair]) -> Iterator[Sequence[Pair]]:
    """The events in the order of time, as many at a time as fill a batch of each partition."""
    return (pairs[first : first + SLICE] for first in range(0, len(pairs), SLICE))


def memory_bytes() -> int:
    """What the process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def by_deals(pairs: Sequence[Pair], resting: Sequence[bytes], turns: int) -> Iterator[tuple[str, float]]:
    """Events per second by deals in state, in turns; and what only a million deals can show."""
    worked, timed = pairs[: -turns * SLICE], pairs[-turns * SLICE :]
    served: dict[int, Served] = {}
    for size in SIZES:
        gc.collect()
        before = memory_bytes()
        stores = stores_of(resting, size - SIMULATED * COPIES)
        served[size] = Served(stores)
        if size == SIZES[-1]:
            yield "memory_bytes", (memory_bytes() - before) / (size - SIMULATED * COPIES)
            yield "load_s_1m", served[size].loaded_s
            yield from ticks(served[size], stores[0])
        for part in slices(worked):
            served[size].process(part)
    gc.freeze()
    figures: dict[int, list[float]] = {size: [] for size in SIZES}
    for part in slices(timed):
        for size in SIZES:
            figures[size].append(len(part) / served[size].process(part))
    for size in SIZES:
        yield f"per_s_{NAMES[size]}", statistics.median(figures[size])
    yield "flat", statistics.median(a / b for a, b in zip(figures[SIZES[-1]], figures[SIZES[0]], strict=True))
    yield "cold_per_s_1m", statistics.median(cold(served[SIZES[-1]], timed, turns))


def ticks(served: Served, store: DictStore) -> Iterator[tuple[str, float]]:
    """A tick when nothing is due, and one for which 2,000 deals are due; on a partition of a quarter of the deals."""
    dues = sorted(due for key, value in store.items() if key != META_KEY and (due := read_head(value).due_us))
    quiet = [served.tick(dues[0] - 100 + n) for n in range(50)]
    yield "tick_ms_1m", statistics.median(quiet) * 1000 * PARTITIONS
    count = 2_000
    yield "tick_us_per_due", served.tick(dues[count] + 1) / sum(due <= dues[count] for due in dues) * 1e6


def cold(served: Served, timed: Sequence[Pair], turns: int) -> Iterator[float]:
    """Events per second when each is of another deal, at rest until then."""
    last_us = decode_deal_event(timed[-1].value).at_us + 10 * DAY_US
    numbers = random.Random(5).sample(range(SIZES[-1] - SIMULATED * COPIES), turns * SLICE)  # noqa: S311 - a load
    for turn in range(turns):
        pairs: list[Pair] = []
        for number in numbers[turn * SLICE : (turn + 1) * SLICE]:
            key = resting_key(number).decode()
            fields: dict[str, Scalar] = {"amount": float(number % 100_000), "next_step": f"step {number % 99}"}
            event = DealChanged(
                id=event_id("cold", number), key=key, source="salesforce/default", at_us=last_us + number, fields=fields
            )
            pairs.append(Pair(key.encode(), encode(event)))
        yield len(pairs) / placed_as_stored(served, pairs)


def placed_as_stored(served: Served, pairs: Sequence[Pair]) -> float:
    """Processor seconds for events of deals at rest, each on the partition whose store holds its deal."""
    total = 0.0
    for place in range(PARTITIONS):
        records = [
            Record(DEAL_EVENTS, place, 10**8 + n, 10**8 + n, key, value)
            for n, (key, value) in enumerate(pairs)
            if int(key[-10:-3]) % PARTITIONS == place
        ]
        total += served._one(place, records)  # noqa: SLF001 - the same bench
    return total


def by_mix(pairs: Sequence[Pair]) -> float:
    """Events per second of a load, the median of its second half."""
    served = Served([DictStore() for _ in range(PARTITIONS)])
    speeds = [len(part) / served.process(part) for part in slices(pairs)]
    return statistics.median(speeds[len(speeds) // 2 :])


LINES = {
    "per_s_10k": "events/s, 10,000 deals in state",
    "per_s_100k": "events/s, 100,000 deals in state",
    "per_s_1m": "events/s, 1,000,000 deals in state",
    "flat": "1,000,000 deals against 10,000 (goal 0.8)",
    "cold_per_s_1m": "events/s, each of another deal at rest among 1,000,000",
    "edits_per_s": "events/s, the edits of bench/step.py",
    "hot_per_s": "events/s, half of them of one deal",
    "state_bytes": "bytes, a typical open deal encoded (goal 800)",
    "memory_bytes": "bytes, the same in memory, heap included (goal 1,300)",
    "tick_ms_1m": "ms, a tick with 1,000,000 deals and none due (goal 1)",
    "tick_us_per_due": "us for each deal that is due at a tick",
    "load_s_1m": "s to take over 1,000,000 deals once their bytes are there",
}


def main() -> None:
    """Measure, print."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true", help="fewer turns")
    arguments.add_argument("--json", action="store_true", help="only the line of JSON")
    options = arguments.parse_args()
    pairs = real_events()
    resting = typical(pairs[::COPIES])
    turns = 2 if options.quick else 4
    pairs = pairs[: 2 * turns * SLICE]
    figures = {"state_bytes": statistics.mean(map(len, resting))}
    figures |= dict(by_deals(pairs, resting, turns))
    figures["edits_per_s"] = by_mix(edits(SLICE * turns))
    figures["hot_per_s"] = by_mix(hot(pairs[: SLICE * turns]))
    if not options.json:
        for name, line in LINES.items():
            print(f"{figures[name]:12,.2f} {line}")
    print(json.dumps({name: round(figure, 3) for name, figure in figures.items()}))


if __name__ == "__main__":
    main()
