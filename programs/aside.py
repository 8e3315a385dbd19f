"""Puts a record of our own topics aside that cannot be understood: on `crm.rejected`, with bytes and position."""

from __future__ import annotations

from alerts.metrics import Metrics
from alerts.reading import Unreadable
from engine.records import Output, Record
from programs.lines import Sparing, place_of
from topics.catalog import REJECTED
from topics.codec import encode
from topics.outcomes import RawRecord, Rejected
from topics.rejections import Position, rejection_of

#: The reason of an event that the brain cannot decode.
UNDECODABLE_EVENT = "undecodable_event"

said = Sparing("aside")


def put_aside(record: Record, why: Rejected) -> Output:
    """The rejection, logged; the caller counts. The next record is read as if this one had not been there."""
    said.warning("put_aside", (record.topic, why.reason), reason=why.reason, **place_of(record))
    raw = RawRecord(record.key, record.value, record.headers, record.timestamp_us)
    position = Position(record.topic, record.partition, record.offset)
    rejection = rejection_of(record.topic, position, raw, why)
    return Output(REJECTED, record.topic.encode(), encode(rejection), timestamp_us=record.timestamp_us)


def put_unreadable_aside(record: Record, why: Unreadable, metrics: Metrics) -> Output:
    """The same for the voice's records, counted."""
    metrics.unreadable.labels(record.topic, why.reason).inc()
    return put_aside(record, Rejected(why.reason, why.detail))
