"""join: `people.events` to the deals that they concern, in hops.

Intents of people without a deal and values that nobody defined become signals here.

What is told to somebody else on the way goes back to `people.events`, under the key of that one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from typing import TypeAlias

import msgspec

from engine.records import Batch, Output, Record
from engine.state import Store
from programs.aside import UNDECODABLE_EVENT, put_aside
from programs.published import Published
from programs.times import Times
from signals.intents import Intents
from signals.joining.joiner import Joiner, version_in
from signals.metrics import UNDECODABLE, JoinMetrics
from topics.catalog import DEAL_EVENTS, DEAL_SIGNALS, PEOPLE_EVENTS
from topics.codec import decode_people_event, encode
from topics.events import DefinitionsChanged, PeopleEvent
from topics.outcomes import Rejected
from topics.signals import Cause, Step

Read: TypeAlias = tuple[Record, PeopleEvent | msgspec.DecodeError]


class Join:
    """The processor of one partition of `people.events`. Its state: activities, ties, people, accounts and owners."""

    def __init__(
        self, intents: Intents, metrics: JoinMetrics, times: Times, store: Store, published: Published | None = None
    ) -> None:
        self._own, self._store, self._published = intents, store, published
        self._joiner: Joiner | None = None
        self._metrics, self._times = metrics, times

    def process(self, batch: Batch) -> Sequence[Output] | Awaitable[Sequence[Output]]:
        """What goes on to deals, and the signals of intents that have none.

        It waits for definitions that the log names and nobody knows yet.
        """
        read = [(record, _event(record)) for record in batch.records]
        needed = [event.playbook for _, event in read if isinstance(event, DefinitionsChanged)]
        if self._joiner is None and (version := version_in(self._store)) is not None:
            needed.append(version)
        if self._published is not None and self._published.missing(needed):
            return self._waited(self._published, needed, read)
        return self._joined(read)

    async def _waited(self, published: Published, versions: list[str], read: list[Read]) -> Sequence[Output]:
        await published.wait_for(versions)
        return self._joined(read)

    def _joined(self, read: list[Read]) -> list[Output]:
        if self._joiner is None:
            self._joiner = Joiner(self._own, self._store, None if self._published is None else self._published.intents)
        return [output for record, event in read for output in self._one(self._joiner, record, event)]

    def _one(self, joiner: Joiner, record: Record, event: PeopleEvent | msgspec.DecodeError) -> Iterable[Output]:
        if isinstance(event, msgspec.DecodeError):
            self._metrics.events.labels(UNDECODABLE).inc()
            yield put_aside(record, Rejected(UNDECODABLE_EVENT, str(event)))
            return
        self._metrics.events.labels(type(event).__name__).inc()
        joined = joiner.fold(event, Cause(event.id, record.topic, record.partition, record.offset))
        for topic, events in ((DEAL_EVENTS, joined.events), (PEOPLE_EVENTS, joined.people)):
            for sent in events:
                self._metrics.sent.labels(topic, type(sent).__name__).inc()
                yield Output(topic, sent.key.encode(), encode(sent), timestamp_us=record.timestamp_us)
        for signal in joined.signals:
            detected = msgspec.structs.replace(signal, detected_at=self._times.detected_at(record.timestamp_us))
            if signal.transition is Step.OPENED:
                self._metrics.opened.inc()
            at_us = self._times.timestamp_us(record.timestamp_us)
            yield Output(DEAL_SIGNALS, signal.subject_key.encode(), encode(detected), timestamp_us=at_us)


def _event(record: Record) -> PeopleEvent | msgspec.DecodeError:
    try:
        return decode_people_event(record.value or b"")
    except msgspec.DecodeError as error:
        return error


def make_join(
    intents: Intents,
    metrics: JoinMetrics,
    times: Times,
    _partition: int,
    store: Store,
    *,
    published: Published | None = None,
) -> Join:
    """The processor of a partition; bind the first three, and `published`, with `functools.partial`."""
    return Join(intents, metrics, times, store, published)
