"""ingest: `crm.raw.<source>` to canonical events. Rejects go to `crm.rejected` with their bytes; nothing is lost.

What is keyed by a deal goes straight to `deal.events`; what is keyed by something else goes to `people.events`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from engine.records import EVERY_PARTITION, Batch, Output, Record
from engine.state import Store
from programs.lines import Sparing, place_of
from signals.metrics import InputMetrics
from topics.catalog import DEAL_EVENTS, PEOPLE_EVENTS, RAW_PREFIX, REJECTED
from topics.codec import encode
from topics.events import CONTROLS, AnyEvent, PeopleEvent
from topics.outcomes import Accepted, Outcome, Parser, RawRecord, Rejected, Silent
from topics.rejections import Position, rejections_of
from topics.sources.health import SourceHealth
from topics.sources.registry import parser
from topics.sources.source import Source

#: A header of raw records: `backfill` marks history that is being loaded.
ORIGIN_HEADER = "signals-origin"


said = Sparing("ingest")


class Health:
    """The health of every source of this process: shared by its partitions, asked by its readiness."""

    def __init__(self) -> None:
        self._of: dict[str, SourceHealth] = {}

    def note(self, source: str, outcomes: Iterable[Outcome]) -> None:
        """Take in what became of some rows."""
        self._of[source] = self._of.get(source, SourceHealth()).after(outcomes)

    def paused(self, source: str) -> bool:
        """Whether a source sends little but rejects."""
        return self._of.get(source, SourceHealth()).paused

    def not_ready(self) -> str | None:
        """The sources that are paused, as a reason; None when there are none."""
        paused = sorted(source for source, health in self._of.items() if health.paused)
        return f"paused, as nearly all of their input is rejected: {', '.join(paused)}" if paused else None


class Ingest:
    """The processor of one partition of a raw topic. It keeps no state."""

    def __init__(
        self, sources: Mapping[str, Source], parsers: Mapping[str, Parser], health: Health, metrics: InputMetrics
    ) -> None:
        self._sources, self._parsers = sources, parsers
        self._health, self._metrics = health, metrics

    async def process(self, batch: Batch) -> Sequence[Output]:
        """The events of a batch, and its rejects. A source that is paused waits here until the program starts anew."""
        source = self._sources[batch.topic]
        if self._health.paused(source.key):
            await asyncio.Event().wait()
        return [output for record in batch.records for output in self._one(source, record)]

    def _one(self, source: Source, record: Record) -> Iterable[Output]:
        raw = RawRecord(record.key, record.value, record.headers, record.timestamp_us)
        outcomes = self._parsers[record.topic](raw)
        self._health.note(source.key, outcomes)
        self._count(source, outcomes)
        for outcome in outcomes:
            if isinstance(outcome, Accepted):
                yield from (_placed(event, record.timestamp_us) for event in _marked(outcome.events, record))
        position = Position(record.topic, record.partition, record.offset)
        for rejection in rejections_of(source.key, position, raw, outcomes):
            kind = (source.key, rejection.reason)
            said.warning("refused", kind, source=source.key, reason=rejection.reason, **place_of(record))
            yield Output(REJECTED, source.key.encode(), encode(rejection), timestamp_us=record.timestamp_us)

    def _count(self, source: Source, outcomes: Iterable[Outcome]) -> None:
        metrics = self._metrics
        for outcome in outcomes:
            silent = outcome.silent if isinstance(outcome, Accepted) else getattr(outcome, "reason", "")
            if isinstance(outcome, Accepted):
                for what in outcome.dirt:
                    metrics.dirt.labels(source.key, what).inc()
            if isinstance(outcome, Rejected):
                metrics.rejected.labels(source.key, outcome.reason).inc()
            elif silent:
                metrics.silent.labels(source.key, silent).inc()
            metrics.rows.labels(source.key, _counted_as(outcome)).inc()


def _marked(events: Iterable[AnyEvent], record: Record) -> Iterable[AnyEvent]:
    """The events of a record, as history where its loader says so."""
    if (ORIGIN_HEADER, b"backfill") not in record.headers:
        return events
    return [msgspec.structs.replace(event, origin="backfill") for event in events]


def _counted_as(outcome: Outcome) -> str:
    if isinstance(outcome, Rejected):
        return "rejected"
    return "silent" if isinstance(outcome, Silent) or outcome.silent else "events"


def _placed(event: AnyEvent, timestamp_us: int) -> Output:
    """The record of an event, on the topic where it belongs, with the time at which the source's record arrived."""
    if isinstance(event, CONTROLS):
        return Output(DEAL_EVENTS, b"", encode(event), timestamp_us=timestamp_us, partition=EVERY_PARTITION)
    topic = PEOPLE_EVENTS if isinstance(event, PeopleEvent) else DEAL_EVENTS
    return Output(topic, event.key.encode(), encode(event), timestamp_us=timestamp_us)


class MakeIngest:
    """Makes the processors of one process; parsers are compiled once."""

    def __init__(self, sources: Iterable[Source], metrics: InputMetrics) -> None:
        self.sources = {RAW_PREFIX + source.name: source for source in sources}
        self.health = Health()
        self._parsers = {topic: parser(source) for topic, source in self.sources.items()}
        self._metrics = metrics

    def __call__(self, _partition: int, _store: Store) -> Ingest:
        """The processor of a partition."""
        return Ingest(self.sources, self._parsers, self.health, self._metrics)
