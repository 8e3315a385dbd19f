"""Rows to record batches, as the broker keeps them: the bytes that a produce request carries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from engine.records import Output

MAGIC = 2
UNCOMPRESSED = 0
TRANSACTIONAL = 1
MAX_SEQUENCE = 2**31

Row = tuple[int | None, bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Timestamp in milliseconds (None: now), key, value, headers; in the order that the builder takes them."""

_NO_HEADERS: list[tuple[str, bytes]] = []


class Stamp(NamedTuple):
    """By whom a batch is written: the producer's id and epoch, and the sequence number of its first record."""

    producer: int
    epoch: int
    sequence: int


class Packed(NamedTuple):
    """One record batch, and how many records are in it."""

    data: bytearray
    records: int


def rows_of(outputs: Iterable[Output]) -> list[Row]:
    """Outputs as rows."""
    return [
        (
            None if output.timestamp_us is None else output.timestamp_us // 1000,
            output.key,
            output.value,
            list(output.headers) if output.headers else _NO_HEADERS,
        )
        for output in outputs
    ]


def rows_of_changes(changes: Mapping[bytes, bytes | None]) -> list[Row]:
    """Changes of state as rows."""
    return [(None, key, value, _NO_HEADERS) for key, value in changes.items()]


def pack(rows: Sequence[Row], stamp: Stamp, max_bytes: int) -> list[Packed]:
    """The rows in batches of at most `max_bytes` (a larger row is alone in its batch), numbered from the stamp on."""
    packed: list[Packed] = []
    done, total = 0, len(rows)
    while done < total:
        sequence = (stamp.sequence + done) % MAX_SEQUENCE
        builder = DefaultRecordBatchBuilder(
            MAGIC, UNCOMPRESSED, TRANSACTIONAL, stamp.producer, stamp.epoch, sequence, max_bytes
        )
        append = builder.append
        count = 0
        for number in range(done, total):
            timestamp_ms, key, value, headers = rows[number]
            if append(count, timestamp_ms, key, value, headers) is None:
                break
            count += 1
        packed.append(Packed(builder.build(), count))
        done += count
    return packed
