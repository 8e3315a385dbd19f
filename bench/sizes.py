"""What an event and a deal weigh: the constants of `docs/scale.md`.

`python bench/sizes.py [--deals N] [--days N]`. A simulated team's events, with a tick each hour, go through the
processor of `detect`, as `programs.wiring` builds it, in batches as small as live ones; what it writes is weighed as
key plus value, before Kafka's own few bytes a record and any compression. States are those of
open deals after the last tick.
"""

from __future__ import annotations

import argparse
import asyncio
import inspect
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from bench.contenders.detect import build
from bench.contenders.watch import Task
from bench.events import DAYS, DEALS, Keyed, deal_events
from engine.batches import Processor
from engine.records import Batch, Output, Record
from signals.keyed import DictStore
from topics.catalog import DEAL_CURRENT, DEAL_EVENTS, DEAL_SIGNALS
from topics.codec import decoder, encode
from topics.events import Tick, event_id
from topics.instants import DAY_US, HOUR_US
from topics.views import DealView

BATCH = 100
decode_view: Callable[[bytes], DealView] = decoder(DealView)


class Weighed(DictStore):
    """A store that weighs what is put, as the changelog will hold it."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[int] = []

    def put(self, key: bytes, value: bytes | None) -> None:
        """As the store; one record of the changelog."""
        self.writes.append(len(key) + len(value or b""))
        super().put(key, value)

    def __len__(self) -> int:
        """How many keys there are."""
        return sum(1 for _ in self.items())

    async def flush(self) -> None:
        """Nothing waits."""


def batches(events: Sequence[Keyed]) -> Iterator[Batch]:
    """The events as one partition would hand them over."""
    records = (
        Record(DEAL_EVENTS, 0, offset, 1_700_000_000_000_000 + offset, event.key, event.value)
        for offset, event in enumerate(events)
    )
    while chunk := tuple(islice(records, BATCH)):
        yield Batch(DEAL_EVENTS, 0, chunk)


async def outputs_of(processor: Processor, events: Sequence[Keyed]) -> list[Output]:
    """Everything that is written."""
    written: list[Output] = []
    for batch in batches(events):
        outputs = processor.process(batch)
        written += await outputs if inspect.isawaitable(outputs) else outputs
    return written


def tick_of(at_us: int) -> Tick:
    """It is `at_us`."""
    return Tick(id=event_id("tick", at_us), key="", source="", at_us=at_us)


def weight(records: Sequence[int], events: int) -> dict[str, float]:
    """How many there are for an event, and their bytes."""
    mean = statistics.mean(records) if records else 0.0
    return {"for_an_event": round(len(records) / events, 3), "bytes": round(mean)}


def weigh(deals: int, days: int) -> dict[str, object]:
    """Every constant."""
    events, records = [], []
    ticked_us = 0
    first_us: dict[str, int] = {}
    last_us: dict[str, int] = {}
    for event in deal_events(deals, days):
        first_us.setdefault(event.key, event.at_us)
        last_us[event.key] = event.at_us
        if event.at_us > ticked_us + HOUR_US:
            ticked_us = event.at_us
            records.append(Keyed(b"", encode(tick_of(ticked_us))))
        keyed = Keyed(event.key.encode(), encode(event))
        events.append(keyed)
        records.append(keyed)
    store = Weighed()
    with tempfile.TemporaryDirectory(prefix="signals-bench-") as folder:
        app = build(Task("127.0.0.1:9", DEAL_EVENTS, len(events), folder, "sizes", "memory", (), ""))
        make = app.attachments[0].make
        written = asyncio.run(outputs_of(make(0, store), records))
        began = time.process_time()
        again = make(0, store)
        index_us = (time.process_time() - began) / len(store) * 1e6
        del again
    sizes = {
        topic: [len(one.key or b"") + len(one.value or b"") for one in written if one.topic == topic]
        for topic in (DEAL_SIGNALS, DEAL_CURRENT)
    }
    last = {one.key: decode_view(one.value) for one in written if one.topic == DEAL_CURRENT and one.value is not None}
    states = [len(value) for key, value in store.items() if key in last and last[key].outcome == "open"]
    return {
        "events": len(events),
        "events_a_deal": round(len(events) / deals, 1),
        "events_a_deal_and_day": round(len(events) * DAY_US / sum(last_us[key] - first_us[key] for key in last_us), 2),
        "event_bytes": round(statistics.mean(len(event.key) + len(event.value) for event in events)),
        "signals": weight(sizes[DEAL_SIGNALS], len(events)),
        "views": weight(sizes[DEAL_CURRENT], len(events)),
        "changelog": weight(store.writes, len(events)),
        "index_us_a_deal": round(index_us, 2),
        "state_bytes_median": round(statistics.median(states)),
        "state_bytes_p95": round(statistics.quantiles(states, n=20)[18]),
    }


def main() -> None:
    """Weigh, and print one object of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deals", type=int, default=DEALS)
    parser.add_argument("--days", type=int, default=DAYS)
    given = parser.parse_args()
    print(json.dumps(weigh(given.deals, given.days), indent=2))


if __name__ == "__main__":
    main()
