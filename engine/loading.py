"""Opening the state of one partition: the store that was asked for, filled from its log up to the log's end."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import structlog

from engine.metrics import EngineMetrics
from engine.rocks import RocksStore
from engine.settings import EngineSettings
from engine.state import LoadedStore, MemoryStore
from engine.tail import Span, read_span, reader, span_of
from engine.writer import BatchWriter, Extent

log = structlog.get_logger(__name__)

StillOurs = Callable[[], Awaitable[None]]
"""Returns when the partition is surely ours; waits while it is not."""


class Tools(NamedTuple):
    """What the work on every partition of a program shares."""

    settings: EngineSettings
    metrics: EngineMetrics
    writer: BatchWriter


class StateLog:
    """The log of one partition's state, as its one writer sees it.

    `end` is where the log ended after our last read or write. When an append lands further on, somebody else has
    written: a worker that was frozen, say. That is counted and said, for it can only be prevented by fencing.
    """

    def __init__(self, tools: Tools, topic: str, partition: int, still_ours: StillOurs) -> None:
        self._writer = tools.writer
        self._metrics = tools.metrics
        self._still_ours = still_ours
        self._topic = topic
        self._partition = partition
        self.end = 0

    async def append(self, changes: Mapping[bytes, bytes | None]) -> Extent:
        """Append the changes; acknowledged on return."""
        await self._still_ours()
        extent = await self._writer.append(self._topic, self._partition, changes)
        if extent.first != self.end:
            self._metrics.state_foreign_writes.labels(self._metrics.program, self._topic).inc()
            log.warning(
                "another writer appended to this state",
                topic=self._topic,
                partition=self._partition,
                expected=self.end,
                found=extent.first,
            )
        self.end = extent.end
        return extent


async def open_state(tools: Tools, topic: str, partition: int, still_ours: StillOurs) -> LoadedStore:
    """The loaded store of one partition; `still_ours` returns when it may write. Raises what the broker raises."""
    settings, metrics = tools.settings, tools.metrics
    began = time.monotonic()
    state_log = StateLog(tools, topic, partition, still_ours)
    loaded = 0
    async with reader(settings.broker, [(topic, partition)]) as consumer:
        span = await span_of(consumer, topic, partition)
        store = _make(settings, state_log, topic, partition, span)
        try:
            resume = store.resume_offset()
            rest = span if resume is None else span._replace(first=resume)
            state_log.end = rest.first
            async for records, position in read_span(consumer, topic, partition, rest):
                store.absorb(records, position)
                state_log.end = position
                loaded += len(records)
        except BaseException:
            store.close()
            raise
    seconds = time.monotonic() - began
    metrics.state_load_seconds.labels(settings.name).observe(seconds)
    log.info("state loaded", topic=topic, partition=partition, records=loaded, seconds=round(seconds, 3))
    return store


def _make(settings: EngineSettings, state_log: StateLog, topic: str, partition: int, span: Span) -> LoadedStore:
    if settings.store == "memory":
        return MemoryStore(state_log.append)
    path = settings.data_dir / "state" / settings.name / topic / str(partition)
    return RocksStore(path, state_log.append, span)
