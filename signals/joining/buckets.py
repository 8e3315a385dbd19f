"""A map under one name in a keyed store, cut into values that stay small however much it holds.

An owner may have 100,000 deals, and one more must not write all of them again. Linear hashing: one bucket is split at a
time, as the map grows, so that a bucket holds `FULL` on average and no change touches more than two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar
from zlib import crc32

import msgspec

from signals.keyed import Keyed

#: Entries per bucket: at 150 bytes each, a value of some 5 KB.
FULL = 32

ValueT = TypeVar("ValueT")
_encode = msgspec.msgpack.Encoder().encode
_size = msgspec.msgpack.Decoder(tuple[int, int]).decode


class Buckets(Generic[ValueT]):
    """A map from text to values. What is written is what `decode` reads: a bucket, a dictionary."""

    def __init__(self, store: Keyed, name: str, decode: Callable[[bytes], dict[str, ValueT]]) -> None:
        self._store, self._name, self._decode = store, name, decode
        head = store.get(name.encode())
        #: How many buckets there are, and entries.
        self._buckets, self._count = (1, 0) if head is None else _size(head)

    def get(self, key: str) -> ValueT | None:
        """The value of a key, or None."""
        return self._read(_place(key, self._buckets)).get(key)

    def put(self, key: str, value: ValueT | None, stays: Callable[[ValueT], bool] = lambda _: True) -> None:
        """Set a value; None deletes. On the way those that need not stay leave its bucket."""
        number = _place(key, self._buckets)
        before = self._read(number)
        bucket = {one: known for one, known in before.items() if one != key and stays(known)}
        if value is not None:
            bucket[key] = value
        self._write(number, bucket)
        more = len(bucket) - len(before)
        if more:
            self._count += more
            if self._count > FULL * self._buckets:
                self._split()
            self._store.put(self._name.encode(), _encode((self._buckets, self._count)))

    def items(self) -> Iterator[tuple[str, ValueT]]:
        """Every key with its value, a bucket at a time. The map must not be changed meanwhile."""
        for number in range(self._buckets):
            yield from self._read(number).items()

    def clear(self) -> None:
        """Delete every key; nothing of the map stays in the store."""
        for number in range(self._buckets):
            self._store.put(self._key(number), None)
        self._store.put(self._name.encode(), None)
        self._buckets, self._count = 1, 0

    def _split(self) -> None:
        """One bucket more, with half of what the oldest unsplit one held."""
        new = self._buckets
        old = new - (1 << (new.bit_length() - 1))
        bucket = self._read(old)
        self._buckets += 1
        moved = {key: value for key, value in bucket.items() if _place(key, self._buckets) == new}
        self._write(new, moved)
        self._write(old, {key: value for key, value in bucket.items() if key not in moved})

    def _read(self, number: int) -> dict[str, ValueT]:
        value = self._store.get(self._key(number))
        return {} if value is None else self._decode(value)

    def _write(self, number: int, bucket: dict[str, ValueT]) -> None:
        self._store.put(self._key(number), _encode(bucket) if bucket else None)

    def _key(self, number: int) -> bytes:
        return f"{self._name} {number}".encode()


def _place(key: str, buckets: int) -> int:
    """The bucket of a key: by the lowest bits of its hash, one more of them where that bucket is there already."""
    spread, low = crc32(key.encode()), buckets.bit_length() - 1
    place = spread & ((2 << low) - 1)
    return place if place < buckets else spread & ((1 << low) - 1)
