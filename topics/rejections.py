"""What stands on crm.rejected: input that was not understood, with its bytes, where it stood, and why."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple, TypedDict

import msgspec

from topics.outcomes import Outcome, RawRecord, Rejected

#: Over this a record is not kept whole (law 9); in base64 it still fits into the topic's largest message.
KEPT_WHOLE_BYTES = 8 * 1024 * 1024
#: What is kept of a larger one, of its value and of its key.
KEPT_BYTES = 64 * 1024
_DETAIL_LIMIT = 500


#: The reason of a rejection of no rows that says: the record that stood there was sent again.
REPLAYED = "replayed"
#: A header of raw records that were sent again: a `Replay`, as JSON.
REPLAYED_HEADER = "signals-replayed"


class Position(NamedTuple):
    """Where a record stood."""

    topic: str
    partition: int
    offset: int


class Replay(msgspec.Struct, frozen=True):
    """Where a raw record that was sent again stood before, when it first arrived, and the how manieth time it is."""

    topic: str
    partition: int
    offset: int
    timestamp_us: int
    attempt: int


class Rejection(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One or more rows of one record that were rejected for the same reason.

    `key`, `value` and the headers' values are the bytes as sent (base64 in JSON). `rows`: how many rows of the record
    this stands for. A record over 8 MB is cut: `value` and `key` are then the first 64 KB, `headers` are empty where
    they are longer, and `size` (bytes) and `sha256` are those of the whole value; it cannot be replayed from here.
    """

    source: str
    reason: str
    detail: str = ""
    topic: str
    partition: int
    offset: int
    timestamp_us: int = 0
    rows: int = 1
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    size: int | None = None
    sha256: str | None = None

    @property
    def whole(self) -> bool:
        """Whether the record's bytes are all here, so that it can be replayed."""
        return self.sha256 is None


def rejections_of(source: str, position: Position, record: RawRecord, outcomes: Iterable[Outcome]) -> list[Rejection]:
    """A record's rejected rows, one value per reason and detail, so that its bytes are not kept once per row."""
    rejected = Counter(outcome for outcome in outcomes if isinstance(outcome, Rejected))
    return [rejection_of(source, position, record, outcome, rows) for outcome, rows in rejected.items()]


def rejection_of(source: str, position: Position, record: RawRecord, outcome: Rejected, rows: int = 1) -> Rejection:
    """The rejected rows with the record's bytes, cut where it is too large. `source` is its key."""
    return Rejection(
        source=source,
        reason=outcome.reason,
        detail=outcome.detail[:_DETAIL_LIMIT],
        topic=position.topic,
        partition=position.partition,
        offset=position.offset,
        timestamp_us=record.timestamp_us,
        rows=rows,
        **_kept(record),
    )


class _Kept(TypedDict, total=False):
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    size: int
    sha256: str


def _kept(record: RawRecord) -> _Kept:
    key, value, headers = record.key, record.value or b"", record.headers
    header_bytes = sum(len(name.encode()) + len(content or b"") for name, content in headers)
    if len(key or b"") + len(value) + header_bytes <= KEPT_WHOLE_BYTES:
        return {"key": key, "value": record.value, "headers": headers}
    return {
        "key": None if key is None else key[:KEPT_BYTES],
        "value": value[:KEPT_BYTES],
        "headers": headers if header_bytes <= KEPT_BYTES else (),
        "size": len(value),
        "sha256": hashlib.sha256(value).hexdigest(),
    }
