"""Puts a record of our own topics aside that cannot be understood: on `crm.rejected`, with bytes and position."""

from __future__ import annotations

import structlog

from alerts.metrics import Metrics
from alerts.reading import Unreadable
from engine.records import Output, Record
from topics.catalog import REJECTED
from topics.codec import encode
from topics.outcomes import RawRecord, Rejected
from topics.rejections import Position, rejection_of

log = structlog.get_logger("aside")


def put_aside(record: Record, why: Unreadable, metrics: Metrics) -> Output:
    """The rejection, counted and logged. The next record is read as if this one had not been there."""
    metrics.unreadable.labels(record.topic, why.reason).inc()
    log.warning("put_aside", reason=why.reason, topic=record.topic, partition=record.partition, offset=record.offset)
    raw = RawRecord(record.key, record.value, record.headers, record.timestamp_us)
    position = Position(record.topic, record.partition, record.offset)
    rejection = rejection_of(record.topic, position, raw, Rejected(why.reason, why.detail))
    return Output(REJECTED, record.topic.encode(), encode(rejection))
