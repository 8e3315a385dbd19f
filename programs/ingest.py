"""ingest: `crm.raw.<source>` to canonical events. Rejects go to `crm.rejected` with their bytes; nothing is lost.

What is keyed by a deal goes straight to `deal.events`; what is keyed by something else goes to `people.events`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import get_args

import msgspec

from engine.records import EVERY_PARTITION, Batch, Output, Record
from engine.state import Store
from programs.lines import Sparing, place_of
from signals.joining.ties import Ties, values_of
from signals.metrics import InputMetrics
from topics.catalog import DEAL_EVENTS, PEOPLE_EVENTS, RAW_PREFIX, REJECTED
from topics.codec import encode
from topics.events import CONTROLS, AnyEvent, LoadEnded, LoadStarted, PeopleEvent, ValueSeen
from topics.outcomes import Accepted, Outcome, Parser, RawRecord, Rejected, Silent
from topics.rejections import Position, rejections_of
from topics.sources.health import SourceHealth
from topics.sources.registry import parser
from topics.sources.source import Source

#: A header of raw records: `backfill` marks history that is being loaded.
ORIGIN_HEADER = "signals-origin"
#: Values of stages, pipelines and categories that a processor remembers having passed on; they are sent again above it.
MAX_VALUES = 4096


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
        self,
        sources: Mapping[str, Source],
        parsers: Mapping[str, Parser],
        ties: Ties,
        health: Health,
        metrics: InputMetrics,
    ) -> None:
        self._sources, self._parsers, self._ties = sources, parsers, ties
        self._health, self._metrics = health, metrics
        self._values: set[tuple[str, str]] = set()

    async def process(self, batch: Batch) -> Sequence[Output]:
        """The events of a batch, and its rejects. A source that is paused waits here until the program starts anew."""
        source = self._sources[batch.topic]
        if self._health.paused(source.key):
            await asyncio.Event().wait()
        parse = self._parsers[batch.topic]
        outputs: list[Output] = []
        all_outcomes: list[Outcome] = []
        for record in batch.records:
            raw = RawRecord(record.key, record.value, record.headers, record.timestamp_us)
            outcomes = parse(raw)
            all_outcomes += outcomes
            refused = False
            for outcome in outcomes:
                if isinstance(outcome, Accepted):
                    events = outcome.events if not record.headers else _marked(outcome.events, record)
                    for event in events:
                        outputs.append(_placed(event, record.timestamp_us))
                        outputs += [_placed(tie, record.timestamp_us) for tie in self._ties.of(event)]
                        outputs += [_placed(value, record.timestamp_us) for value in self._new_values(event)]
                elif isinstance(outcome, Rejected):
                    refused = True
            if refused:
                outputs += _refused(source.key, record, raw, outcomes)
        self._health.note(source.key, all_outcomes)
        self._count(source.key, all_outcomes)
        return outputs

    def _new_values(self, event: AnyEvent) -> Iterator[ValueSeen]:
        """The values that were not passed on yet.

        Who serves the partition next passes them on again, not knowing which batches were committed.
        """
        for value in values_of(event):
            what = (value.key, value.pipeline)
            if what not in self._values:
                if len(self._values) >= MAX_VALUES:
                    self._values.clear()
                self._values.add(what)
                yield value

    def _count(self, source: str, outcomes: Iterable[Outcome]) -> None:
        """Count a batch's rows: a metric's label is looked up once per batch, not once per row."""
        rows, silent, rejected, dirt = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        for outcome in outcomes:
            if isinstance(outcome, Rejected):
                rejected[outcome.reason] += 1
            elif isinstance(outcome, Silent):
                silent[outcome.reason] += 1
            else:
                if outcome.silent:
                    silent[outcome.silent] += 1
                else:
                    rows["events"] += 1
                if outcome.dirt:
                    dirt.update(outcome.dirt)
        rows["silent"], rows["rejected"] = silent.total(), rejected.total()
        counts = {
            self._metrics.rows: rows,
            self._metrics.silent: silent,
            self._metrics.rejected: rejected,
            self._metrics.dirt: dirt,
        }
        for metric, by_label in counts.items():
            for label, count in by_label.items():
                metric.labels(source, label).inc(count)


def _refused(source: str, record: Record, raw: RawRecord, outcomes: Iterable[Outcome]) -> Iterator[Output]:
    """What is put on `crm.rejected` for the rejected rows of a record."""
    position = Position(record.topic, record.partition, record.offset)
    for rejection in rejections_of(source, position, raw, outcomes):
        said.warning("refused", (source, rejection.reason), source=source, reason=rejection.reason, **place_of(record))
        yield Output(REJECTED, source.encode(), encode(rejection), timestamp_us=record.timestamp_us)


def _marked(events: Iterable[AnyEvent], record: Record) -> Iterable[AnyEvent]:
    """The events of a record, as history where its loader says so: whose load has its own beginning and end."""
    if (ORIGIN_HEADER, b"backfill") not in record.headers:
        return events
    history = (event for event in events if not isinstance(event, LoadStarted | LoadEnded))
    return [msgspec.structs.replace(event, origin="backfill") for event in history]


_OF_PEOPLE = frozenset(get_args(PeopleEvent)) - frozenset(CONTROLS)


def _placed(event: AnyEvent, timestamp_us: int) -> Output:
    """The record of an event, on the topic where it belongs, with the time at which the source's record arrived."""
    if type(event) in _OF_PEOPLE:
        return Output(PEOPLE_EVENTS, event.key.encode(), encode(event), (), timestamp_us)
    if isinstance(event, CONTROLS):
        return Output(DEAL_EVENTS, b"", encode(event), timestamp_us=timestamp_us, partition=EVERY_PARTITION)
    return Output(DEAL_EVENTS, event.key.encode(), encode(event), (), timestamp_us)


class MakeIngest:
    """Makes the processors of one process; parsers are compiled once. `compared`: see `Ties`."""

    def __init__(self, sources: Iterable[Source], metrics: InputMetrics, compared: Iterable[str] = ()) -> None:
        self.sources = {RAW_PREFIX + source.name: source for source in sources}
        self.health = Health()
        self._parsers = {topic: parser(source) for topic, source in self.sources.items()}
        self._ties = Ties(self.sources.values(), compared)
        self._metrics = metrics

    def __call__(self, _partition: int, _store: Store) -> Ingest:
        """The processor of a partition."""
        return Ingest(self.sources, self._parsers, self._ties, self.health, self._metrics)
