"""What the machinery hands to a program and takes from it: plain values, no Kafka client in sight."""

from __future__ import annotations

from typing import NamedTuple

EVERY_PARTITION = -1
"""The partition of an `Output` that goes to each partition of its topic once: controls and ticks."""

Headers = tuple[tuple[str, bytes], ...]


class Record(NamedTuple):
    """One record as the broker holds it. `timestamp_us` is the record's timestamp in microseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp_us: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Batch(NamedTuple):
    """The records of one partition that were waiting, in the order of their offsets; never empty.

    `end` is where reading goes on, when something that is no record follows: the marker of a transaction.
    """

    topic: str
    partition: int
    records: tuple[Record, ...]
    end: int | None = None

    @property
    def next_offset(self) -> int:
        """The offset to commit once this batch is done."""
        return self.records[-1].offset + 1 if self.end is None else self.end


class Delivery(NamedTuple):
    """A batch on its way to its lane, and the offset from which it was read: where the batch before it ended."""

    batch: Batch
    begins: int


class Output(NamedTuple):
    """One record to write.

    `value` None is a tombstone. `timestamp_us` None is the moment of writing. `partition` None places the record by
    the murmur2 hash of its key, as Kafka's own clients do (without a key: all such records of a batch go to one
    partition, the next batch to the next); `EVERY_PARTITION` writes one copy to each partition.
    """

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_us: int | None = None
    partition: int | None = None


class Extent(NamedTuple):
    """Which offsets a write took: from `first` up to, not including, `end`."""

    first: int
    end: int
