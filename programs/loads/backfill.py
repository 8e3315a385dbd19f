"""A source's files onto its raw topic, as history that sets state and does not shout (law 14).

The deals of the source wait from `load_started` to `load_ended`, which is said once the programs have folded all of it.
The lease is renewed while the loader lives, so a dead loader frees them. What stands on the topic is remembered with
each chunk: the same load begins there after it was killed, and the rows of the chunk in between stand there twice, with
the same ids.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, suppress
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from prometheus_client import CollectorRegistry

from engine.admin import partition_counts
from engine.clock import Gauge, gauge
from engine.metrics import EngineMetrics
from engine.reach import BrokerAway
from engine.records import EVERY_PARTITION, Output
from engine.settings import Broker, EngineSettings
from engine.writer import BatchWriter
from programs.files.memory import Memory, Progress
from programs.ingest import ORIGIN_HEADER
from programs.loads.files import Written
from signals.joining.joiner import HOPS
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
#: A chunk that takes longer to be acknowledged will not be: the broker is away.
_WRITE_S = 120.0
#: Who has to read what before a load is folded: ingest its topic, then join the hops of people's events.
_READERS = ("ingest", *("join",) * HOPS)

#: The records from the one with this number on, and whether each is a row of the files.
Rows: TypeAlias = Callable[[int], Iterator[tuple[bool, RawRecord]]]


class Load:
    """One load of one source. `as_live`: the records are new, so they are neither marked nor waited for.

    `identity` says which files are read, and how: the same load goes on where it was killed.
    """

    def __init__(self, broker: Broker, source: Source, memory: Memory, identity: str, *, as_live: bool) -> None:
        self._broker, self._source, self._memory, self._as_live = broker, source, memory, as_live
        self._identity = identity
        self._topic = RAW_PREFIX + source.name
        self._id = event_id("load", source.key, time.time_ns())
        self._renewed = 0.0

    def run(self, rows: Rows) -> Iterator[Written]:
        """Write everything, yielding how far it is; return when all of it is folded. Raises `BrokerAway`."""
        with asyncio.Runner() as runner:
            desk = _Desk(self._broker, self._topic)
            runner.run(desk.open())
            try:
                yield from self._written(rows, runner, desk)
                if not self._as_live:
                    runner.run(self._folded(desk))
                    runner.run(desk.write([self._ended()]))
            finally:
                with suppress(RuntimeError):
                    runner.run(desk.close())

    def _written(self, rows: Rows, runner: asyncio.Runner, desk: _Desk) -> Iterator[Written]:
        done = self._resumed(runner.run(desk.end()))
        yield done
        records = rows(done.rows)
        while chunk := list(islice(records, CHUNK)):
            outputs = [self._output(record) for _, record in chunk]
            runner.run(desk.write(self._lease()))
            runner.run(desk.write(outputs))
            own = sum(is_row for is_row, _ in chunk)
            done = done._replace(rows=done.rows + own, derived=done.derived + len(chunk) - own)
            self._memory.came(self._identity, Progress(done.rows, runner.run(desk.end())))
            self._memory.commit()
            yield done
        self._memory.ended(self._identity)
        self._memory.commit()

    def _resumed(self, end: int) -> Written:
        """Where this load was when it was killed. A topic that holds less than then is another one: begin anew."""
        progress = self._memory.progress(self._identity)
        if progress is None:
            return Written(0)
        if end < progress.ends:
            self._memory.forget_snapshots()
            self._memory.ended(self._identity)
            return Written(0)
        return Written(progress.rows, progress.rows)

    def _output(self, record: RawRecord) -> Output:
        origin = () if self._as_live else ((ORIGIN_HEADER, b"backfill"),)
        headers = tuple((name, content or b"") for name, content in record.headers)
        return Output(self._topic, record.key, record.value, (*headers, *origin))

    def _lease(self) -> list[Output]:
        """What says that the load is alive, now and then; its deals wait before the first of them comes."""
        if self._as_live or time.monotonic() - self._renewed < _RENEW_S:
            return []
        self._renewed = time.monotonic()
        now_us = _now_us()
        started = LoadStarted(
            id=event_id(self._id, now_us),
            key="",
            source=self._source.subject_key,
            at_us=now_us,
            lease_us=now_us + LEASE_US,
        )
        return [_control(started)]

    def _ended(self) -> Output:
        return _control(
            LoadEnded(id=event_id(self._id, "ended"), key="", source=self._source.subject_key, at_us=_now_us())
        )

    async def _folded(self, desk: _Desk) -> None:
        """Wait until everybody has read what the load wrote, and what others wrote because of it."""
        for group in _READERS:
            topic = self._topic if group == "ingest" else PEOPLE_EVENTS
            ends = await desk.look.ends([topic])
            while await desk.look.behind(group, ends):
                await desk.write(self._lease())
                await asyncio.sleep(_LOOK_S)


class _Desk:
    """The loader's connections."""

    look: Gauge

    def __init__(self, broker: Broker, topic: str) -> None:
        settings = EngineSettings("load", broker, data_dir=Path())  # it keeps no state of its own
        self._writer = BatchWriter(settings, EngineMetrics(CollectorRegistry(), "load"))
        self._broker, self._topic = broker, topic
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Connect. Raises `BrokerAway`, and `LookupError` for a topic that is not there."""
        topics = await asyncio.to_thread(partition_counts, self._broker, (self._topic, PEOPLE_EVENTS))
        self.look = await self._stack.enter_async_context(gauge(self._broker, topics))
        await self._writer.start()
        self._stack.push_async_callback(self._writer.stop)

    async def close(self) -> None:
        """Disconnect."""
        await self._stack.aclose()

    async def write(self, outputs: list[Output]) -> None:
        """Write records; acknowledged on return. Raises `BrokerAway`."""
        try:
            async with asyncio.timeout(_WRITE_S):
                await self._writer.write(outputs)
        except TimeoutError:
            message = f"the Kafka broker at {self._broker.servers} stopped answering"
            raise BrokerAway(message) from None

    async def end(self) -> int:
        """Where the raw topic ends, over all partitions."""
        return sum((await self.look.ends([self._topic])).values())


def _control(event: Event) -> Output:
    return Output(DEAL_EVENTS, b"", encode(event), partition=EVERY_PARTITION)


def _now_us() -> int:
    return time.time_ns() // 1000
