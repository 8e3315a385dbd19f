"""From a change on the CRM's topic to its signal on Kafka, through the whole product at a steady rate.

`python bench/end_to_end.py [--rate N] [--seconds S] [--json]`. Apache Kafka and `signals up` with every program, all on
this machine, this program included. Deals are created first; then changes come at the rate, of which one in three moves
a close date far enough to open a signal (as often as a simulated team's changes say something), the others edit a
field. A reader of committed records notes when each record can be read.

The shares of a change's way, each from the end of the one before:

* `sent`: until it can be read on the CRM's topic
* `ingest`: until its event can be read on deal.events: ingest's waiting, work and transaction
* `detect in`: until detect has decided (the signal's own `detected_at`)
* `detect out`: until the signal can be read: detect's writing, its transaction, the reader's own fetch
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench.ground import end_in_order
from bench.installation import Installation, installed
from engine.settings import Broker
from topics.catalog import DEAL_EVENTS, DEAL_SIGNALS
from topics.codec import decode_signal
from topics.events import deal_key
from topics.instants import parse_rfc3339
from topics.signals import Kind

RAW = "crm.raw.salesforce"
SOURCE = "salesforce/default"
SAYS_SOMETHING = 3
QUIET_DEALS = 3_000
WARM_UP_S = 45.0
"""At the rate. A broker that has just started interprets and compiles: a transaction takes 110 ms of its processor time
at first, 25 after half a minute, 20 after a minute (four partitions, 10 to 40 transactions a second); one that serves a
company has been running for weeks."""
SETTLE_S = 10.0
LINGER_MS = 5
"""Without it who sends asks the broker a thousand times a second, for as much of a core as two programs need."""
LOOK_MS, LOOK_BYTES = 10, 1024 * 1024
"""The reader looks a hundred times a second, for the same reason; so much later a stop may be seen."""
STEPS = ("sent", "ingest", "detect in", "detect out")


def record_id(number: int) -> str:
    """The CRM's name of a deal."""
    return f"006{number:012d}AAA"


def change(number: int, kind: str, sequence: int, **fields: object) -> bytes:
    """A change event of one opportunity, as CometD sends it."""
    now_ms = time.time_ns() // 1_000_000
    header = {
        "entityName": "Opportunity",
        "recordIds": [record_id(number)],
        "changeType": kind,
        "changedFields": list(fields),
        "transactionKey": f"{kind}-{sequence}",
        "sequenceNumber": 1,
        "commitTimestamp": now_ms,
        "commitNumber": sequence,
        "commitUser": "005000000000001AAA",
    }
    return json.dumps({"data": {"payload": {"ChangeEventHeader": header, **fields}, "event": {}}}).encode()


@dataclass
class Way:
    """When a change was at which place, in microseconds of this machine's clock."""

    sent_us: int
    raw_us: int = 0
    event_us: int = 0
    detected_us: int = 0
    signal_us: int = 0

    def shares_ms(self) -> tuple[float, ...]:
        """Milliseconds of each step; they sum up to the whole."""
        stops = (self.sent_us, self.raw_us, self.event_us, self.detected_us, self.signal_us)
        return tuple((after - before) / 1000 for before, after in pairwise(stops))

    @property
    def whole_ms(self) -> float:
        """From sending to reading the signal."""
        return (self.signal_us - self.sent_us) / 1000


@dataclass
class Journey:
    """The ways of the changes that say something, by the deal's key, in the order of sending."""

    ways: dict[str, Way] = field(default_factory=dict)

    def send(self, number: int) -> None:
        """A change of this deal is sent now."""
        key = deal_key(SOURCE, record_id(number))
        self.ways[key] = Way(time.time_ns() // 1000)

    def waiting(self) -> bool:
        """Whether a signal is still to come."""
        return not all(way.signal_us for way in self.ways.values())

    def seen(self, topic: str, key: str, value: bytes) -> None:
        """A record can be read."""
        now_us = time.time_ns() // 1000
        way = self.ways.get(key if topic != RAW else deal_key(SOURCE, key))
        if way is None:
            return
        if topic == RAW:
            way.raw_us = now_us
        elif topic == DEAL_EVENTS:
            way.event_us = now_us
        else:
            signal = decode_signal(value)
            if signal.kind is Kind.CLOSE_DATE_PUSHED and not way.signal_us:
                way.detected_us, way.signal_us = parse_rfc3339(signal.detected_at), now_us


async def watch(broker: Broker, journey: Journey) -> None:
    """Note what can be read, until cancelled."""
    consumer = AIOKafkaConsumer(
        RAW,
        DEAL_EVENTS,
        DEAL_SIGNALS,
        **broker.client_options(),
        group_id=None,
        auto_offset_reset="latest",
        isolation_level="read_committed",
        fetch_max_wait_ms=LOOK_MS,
        fetch_min_bytes=LOOK_BYTES,
    )
    await consumer.start()
    try:
        while True:
            for records in (await consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    journey.seen(record.topic, (record.key or b"").decode(), record.value or b"")
    finally:
        await consumer.stop()


async def create(producer: AIOKafkaProducer, deals: int) -> None:
    """Deals with a close date, as fast as they go."""
    fields = {"StageName": "Prospecting", "CloseDate": "2030-01-15", "Amount": 30_000}
    for number in range(deals):
        value = change(number, "CREATE", number, **fields)
        await producer.send(RAW, value, key=record_id(number).encode())
    await producer.flush()


async def until_done(place: Installation, events: int) -> None:
    """Wait until detect has done so many events."""
    while True:
        done = await asyncio.to_thread(place.figure, "detect", "signals_engine_records_total", f'topic="{DEAL_EVENTS}"')
        if done >= events:
            return
        await asyncio.sleep(0.2)


async def drive(producer: AIOKafkaProducer, journey: Journey, rate: int, seconds: float, loud: int) -> None:
    """Changes at a steady rate: every third pushes the close date of a deal of its own, the others edit a quiet one."""
    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        ahead = began + number / rate - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        sequence = 10_000_000 + time.time_ns() // 1000
        if number % SAYS_SOMETHING:
            deal = number % QUIET_DEALS
            value = change(deal, "UPDATE", sequence, NextStep=f"step {number}")
        else:
            deal = loud
            loud += 1
            value = change(deal, "UPDATE", sequence, CloseDate="2030-06-20")
            journey.send(deal)
        await producer.send(RAW, value, key=record_id(deal).encode())
    await producer.flush()


class Spread(NamedTuple):
    """Milliseconds."""

    p50: float
    p99: float
    worst: float


def spread(values: Sequence[float]) -> Spread:
    """Median, 99th percentile and the worst."""
    cuts = statistics.quantiles(values, n=100)
    return Spread(round(cuts[49], 1), round(cuts[98], 1), round(max(values), 1))


def report(ways: Sequence[Way], sent: int, rate: int, processor: dict[str, float]) -> dict[str, object]:
    """All figures of a run."""
    whole = [way.whole_ms for way in ways]
    third = len(ways) // 3
    shares = zip(*(way.shares_ms() for way in ways), strict=True)
    return {
        "rate": rate,
        "signals_wanted": sent,
        "signals": len(ways),
        "whole_ms": spread(whole)._asdict(),
        "steps_ms": {name: spread(values)._asdict() for name, values in zip(STEPS, shares, strict=True)},
        "first_third_p50_ms": spread(whole[:third]).p50,
        "last_third_p50_ms": spread(whole[-third:]).p50,
        "cores_used": {name: round(share, 3) for name, share in processor.items()},
    }


async def measure(place: Installation, rate: int, seconds: float) -> dict[str, object]:
    """Create, warm up, measure."""
    loud = int(rate * (seconds + WARM_UP_S)) // SAYS_SOMETHING + SAYS_SOMETHING
    producer = AIOKafkaProducer(**place.broker.client_options(), acks="all", linger_ms=LINGER_MS)
    await producer.start()
    journey = Journey()
    watching = asyncio.create_task(watch(place.broker, journey))
    try:
        await create(producer, QUIET_DEALS + loud)
        await until_done(place, QUIET_DEALS + loud)
        await drive(producer, Journey(), rate, WARM_UP_S, QUIET_DEALS)
        used = place.processor_s()
        began = time.monotonic()
        await drive(producer, journey, rate, seconds, QUIET_DEALS + int(rate * WARM_UP_S) // SAYS_SOMETHING + 1)
        took_s = time.monotonic() - began
        processor = {name: (after - used[name]) / took_s for name, after in place.processor_s().items()}
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline and journey.waiting():  # noqa: ASYNC110 - records set no event
            await asyncio.sleep(0.2)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await producer.stop()
    arrived = [way for way in journey.ways.values() if way.signal_us]
    return report(arrived, len(journey.ways), rate, processor)


def main() -> None:
    """Measure once."""
    end_in_order()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--quick", action="store_true", help="ten seconds")
    parser.add_argument("--json", action="store_true", help="one line")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="signals-bench-") as folder, installed(Path(folder)) as place:
        figures = asyncio.run(measure(place, given.rate, 10.0 if given.quick else given.seconds))
    print(json.dumps(figures, indent=None if given.json else 2))


if __name__ == "__main__":
    main()
