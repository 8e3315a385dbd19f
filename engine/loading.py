"""Opening the state of one partition: the store that was asked for, filled from its log up to the log's end."""

from __future__ import annotations

import time
from typing import NamedTuple

import structlog

from engine.link import Link
from engine.logs import read_pairs, span_of
from engine.metrics import EngineMetrics
from engine.rocks import RocksStore
from engine.settings import EngineSettings
from engine.state import AppendChanges, LoadedStore, MemoryStore
from engine.tail import Span
from engine.writer import BatchWriter

log = structlog.get_logger(__name__)


class Tools(NamedTuple):
    """What the work on every partition of a program shares."""

    settings: EngineSettings
    metrics: EngineMetrics
    writer: BatchWriter
    link: Link


class StateLog:
    """The log of one partition's state, as far as transactions have committed it.

    `span` is what it held when it was opened.
    """

    def __init__(self, link: Link, topic: str, partition: int, span: Span) -> None:
        self.span = span
        self._link = link
        self._topic = topic
        self._partition = partition

    def continues(self, store: LoadedStore) -> bool:
        """Whether the log still holds the place where the store stands."""
        position = store.resume_offset()
        return position is not None and self.span.first <= position <= self.span.end

    async def read_on(self, store: LoadedStore) -> None:
        """Fill the store up to the end, from where it stands. Raises `KafkaError` for what waiting cannot mend."""
        began, loaded = time.monotonic(), 0
        resume = store.resume_offset()
        rest = self.span if resume is None else self.span._replace(first=resume)
        async for chunk in read_pairs(self._link, self._topic, self._partition, rest):
            store.absorb(chunk.pairs, chunk.next_offset)
            loaded += len(chunk.pairs)
        seconds = round(time.monotonic() - began, 3)
        log.info("state loaded", topic=self._topic, partition=self._partition, records=loaded, seconds=seconds)


async def state_log(link: Link, topic: str, partition: int) -> StateLog:
    """The log of a partition. Raises `KafkaError` for what waiting cannot mend."""
    return StateLog(link, topic, partition, await span_of(link, topic, partition))


def make_store(settings: EngineSettings, topic: str, partition: int, span: Span, append: AppendChanges) -> LoadedStore:
    """The store of the settings' kind, empty or as its files have it."""
    if settings.store == "memory":
        return MemoryStore(append)
    path = settings.data_dir / "state" / settings.name / topic / str(partition)
    return RocksStore(path, append, span)
