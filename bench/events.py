"""The events that every line of the race reads: a simulated sales team's changes, parsed and joined as the programs do.

The same seed gives the same events. They are what stands on `deal.events` after ingest and join: stage moves, field
edits, close dates, activities and intents of deals that begin over the simulated days, in order of time, without ticks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from engine.settings import Broker
from programs.startup import prepare
from signals.intents import intents_of
from signals.joining.joiner import Joiner
from signals.joining.ties import Ties, compared
from signals.keyed import DictStore
from signals.replay import heard
from signals.simulate import Options, simulate
from topics.codec import encode
from topics.events import CONTROLS, DealEvent
from topics.outcomes import Accepted
from topics.sources.registry import parser

SEED = 7
START_MS = 1_709_251_200_000  # 2024-03-01
DEALS = 10_000
DAYS = 60
PARTITIONS = 4


class Keyed(NamedTuple):
    """A record to be: key and encoded event."""

    key: bytes
    value: bytes


def deal_events(deals: int = DEALS, days: int = DAYS, seed: int = SEED) -> Iterator[DealEvent]:
    """Canonical events of deals, in order of time."""
    ready = prepare({}, Path("/nonexistent"))
    parsers = {source.name: parser(source) for source in ready.sources}
    joiner = Joiner(intents_of(ready.playbook.playbook, ready.playbook.hash), DictStore())
    ties = Ties(ready.sources, compared(ready.playbook.playbook))
    options = Options(seed=seed, deals=deals, days=days, start_ms=START_MS, playbook=ready.playbook.playbook)
    for number, emitted in enumerate(simulate(options)):
        for outcome in parsers[emitted.source](emitted.record):
            if isinstance(outcome, Accepted):
                for event in outcome.events:
                    if not isinstance(event, CONTROLS):
                        yield from heard(joiner, ties, event, number)[0]


def encoded(count: int) -> list[Keyed]:
    """The first so many events of the simulated team, as they stand on the topic; fewer where it has not as many."""
    return [Keyed(event.key.encode(), encode(event)) for event in islice(deal_events(), count)]


async def fill(broker: Broker, topic: str, events: Sequence[Keyed]) -> None:
    """Write the events, placed by key as any Kafka client does."""
    producer = AIOKafkaProducer(**broker.client_options(), acks="all", linger_ms=20, max_batch_size=512 * 1024)
    await producer.start()
    try:
        pending = [await producer.send(topic, event.value, key=event.key) for event in events]
        await asyncio.gather(*pending)
    finally:
        await producer.stop()
