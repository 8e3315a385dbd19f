"""join: `people.events` to the deals that they concern. Intents of people without a deal become signals here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from engine.records import Batch, Output, Record
from engine.state import Store
from programs.aside import UNDECODABLE_EVENT, put_aside
from programs.times import Times
from signals.joiner import Joiner
from signals.joining import Intents
from signals.metrics import UNDECODABLE, JoinMetrics
from topics.catalog import DEAL_EVENTS, DEAL_SIGNALS
from topics.codec import decode_people_event, encode
from topics.outcomes import Rejected
from topics.signals import Cause


class Join:
    """The processor of one partition of `people.events`. Its state: activities, people and subjects by key."""

    def __init__(self, intents: Intents, metrics: JoinMetrics, times: Times, store: Store) -> None:
        self._joiner = Joiner(intents, store)
        self._metrics, self._times = metrics, times

    def process(self, batch: Batch) -> Sequence[Output]:
        """What goes on to deals, and the signals of intents that have none."""
        return [output for record in batch.records for output in self._one(record)]

    def _one(self, record: Record) -> Iterable[Output]:
        try:
            event = decode_people_event(record.value or b"")
        except msgspec.DecodeError as error:
            self._metrics.events.labels(UNDECODABLE).inc()
            yield put_aside(record, Rejected(UNDECODABLE_EVENT, str(error)))
            return
        self._metrics.events.labels(type(event).__name__).inc()
        joined = self._joiner.fold(event, Cause(event.id, record.topic, record.partition, record.offset))
        for sent in joined.events:
            self._metrics.sent.labels(type(sent).__name__).inc()
            yield Output(DEAL_EVENTS, sent.key.encode(), encode(sent), timestamp_us=record.timestamp_us)
        for signal in joined.signals:
            detected = msgspec.structs.replace(signal, detected_at=self._times.detected_at(record.timestamp_us))
            self._metrics.opened.inc()
            at_us = self._times.timestamp_us(record.timestamp_us)
            yield Output(DEAL_SIGNALS, signal.subject_key.encode(), encode(detected), timestamp_us=at_us)


def make_join(intents: Intents, metrics: JoinMetrics, times: Times, _partition: int, store: Store) -> Join:
    """The processor of a partition; bind the first three with `functools.partial`."""
    return Join(intents, metrics, times, store)
