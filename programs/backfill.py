"""A source's files onto its raw topic, as history that sets state and does not shout (law 14).

The deals of the source wait from `load_started` to `load_ended`, which is said once the programs have folded all of it.
The lease is renewed while the loader lives, so a dead loader frees them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from itertools import islice

from engine.admin import partition_counts, produce
from engine.clock import Gauge, gauge
from engine.records import EVERY_PARTITION, Output
from engine.settings import Broker
from programs.ingest import ORIGIN_HEADER
from topics.catalog import DEAL_EVENTS, PEOPLE_EVENTS, RAW_PREFIX
from topics.codec import encode
from topics.events import Event, LoadEnded, LoadStarted, event_id
from topics.instants import MINUTE_US
from topics.outcomes import RawRecord
from topics.sources.source import Source

LEASE_US = 10 * MINUTE_US
#: Records written at a time: bounded memory, and a lease that is renewed in between.
CHUNK = 5_000
_RENEW_S = 60.0
_LOOK_S = 0.2


class Load:
    """One load of one source. `as_live`: the records are new, so they are neither marked nor waited for."""

    def __init__(self, broker: Broker, source: Source, *, as_live: bool) -> None:
        self._broker, self._source, self._as_live = broker, source, as_live
        self._id = event_id("load", source.key, time.time_ns())
        self._renewed = 0.0

    def run(self, records: Iterable[RawRecord]) -> Iterator[int]:
        """Write everything, yielding how many so far; return when all of it is folded. Raises `BrokerAway`."""
        written = 0
        outputs = map(self._output, records)
        self._hold()
        while chunk := list(islice(outputs, CHUNK)):
            written += produce(self._broker, chunk)
            self._hold()
            yield written
        if not self._as_live:
            asyncio.run(self._folded())
            self._say(LoadEnded(id=event_id(self._id, "ended"), key="", source=self._source.key, at_us=_now_us()))

    def _output(self, record: RawRecord) -> Output:
        origin = () if self._as_live else ((ORIGIN_HEADER, b"backfill"),)
        headers = tuple((name, content or b"") for name, content in record.headers)
        return Output(RAW_PREFIX + self._source.name, record.key, record.value, (*headers, *origin))

    def _hold(self) -> None:
        """Say that the load is alive, now and then."""
        if self._as_live or time.monotonic() - self._renewed < _RENEW_S:
            return
        self._renewed = time.monotonic()
        now_us = _now_us()
        started = LoadStarted(
            id=event_id(self._id, now_us), key="", source=self._source.key, at_us=now_us, lease_us=now_us + LEASE_US
        )
        self._say(started)

    def _say(self, event: Event) -> None:
        produce(self._broker, [Output(DEAL_EVENTS, b"", encode(event), partition=EVERY_PARTITION)])

    async def _folded(self) -> None:
        """Wait until ingest has read the raw topic, and then join what ingest wrote."""
        readers = {RAW_PREFIX + self._source.name: "ingest", PEOPLE_EVENTS: "join"}
        topics = await asyncio.to_thread(partition_counts, self._broker, tuple(readers))
        async with gauge(self._broker, topics) as look:
            for topic, group in readers.items():
                await self._read(look, topic, group)

    async def _read(self, look: Gauge, topic: str, group: str) -> None:
        ends = await look.ends([topic])
        while await look.behind(group, ends):
            await asyncio.to_thread(self._hold)
            await asyncio.sleep(_LOOK_S)


def _now_us() -> int:
    return time.time_ns() // 1000
