"""A program's state: a keyed store per partition, whose truth is a compacted topic of the same partition count.

The store is loaded from its topic before the first batch of a partition, and dropped when the partition leaves.
A change is visible at once; it becomes durable with `flush`, which the shell calls after the outputs of a batch and
before its offset.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Protocol

from engine.records import Record
from engine.writer import Extent

Changes = dict[bytes, bytes | None]
AppendChanges = Callable[[Mapping[bytes, bytes | None]], Awaitable[Extent]]


class Store(Protocol):
    """The state of one partition."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        ...

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key; None deletes it. Visible at once, durable when the batch is committed."""
        ...

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys with their values, in no promised order. Do not `put` while iterating."""
        ...

    async def flush(self) -> None:
        """Make the puts so far durable now; for processors that are about to call the outside world."""
        ...


class LoadedStore(Store, Protocol):
    """A store as the shell sees it: it can be filled from its log, and closed."""

    def resume_offset(self) -> int | None:
        """Where to go on reading the log; None reads it from the beginning."""
        ...

    def absorb(self, records: Iterable[Record], next_offset: int) -> None:
        """Take in records of the log, which reach up to `next_offset`, as already durable."""
        ...

    def __len__(self) -> int:
        """How many keys there are (an estimate where the store cannot count)."""
        ...

    def close(self) -> None:
        """Let go of files. The store must not be used afterwards."""
        ...


class NoStore:
    """The store of a program without a state topic: empty, and it refuses to remember."""

    def get(self, key: bytes) -> bytes | None:  # noqa: ARG002  # the protocol names it
        """Nothing is ever stored."""
        return None

    def put(self, key: bytes, value: bytes | None) -> None:  # noqa: ARG002  # the protocol names them
        """Raises `TypeError`: a program that remembers must name its state topic."""
        msg = "this program has no state topic, so nothing can be stored"
        raise TypeError(msg)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Nothing."""
        return iter(())

    async def flush(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""

    def __len__(self) -> int:
        """Nothing is ever stored."""
        return 0


class MemoryStore:
    """The state in a dict: fast, loaded in full on every assignment."""

    def __init__(self, append: AppendChanges) -> None:
        self._append = append
        self._values: dict[bytes, bytes] = {}
        self._dirty: Changes = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        return self._values.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key; None deletes it."""
        self._dirty[key] = value
        self._set(key, value)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys with their values."""
        return iter(self._values.items())

    async def flush(self) -> None:
        """Append what changed to the log."""
        if self._dirty:
            changes, self._dirty = self._dirty, {}
            await self._append(changes)

    def resume_offset(self) -> int | None:
        """Memory starts empty."""
        return None

    def absorb(self, records: Iterable[Record], next_offset: int) -> None:  # noqa: ARG002  # memory keeps no position
        """Take in records of the log."""
        for record in records:
            if record.key is not None:
                self._set(record.key, record.value)

    def close(self) -> None:
        """Nothing to let go of."""

    def __len__(self) -> int:
        """How many keys there are."""
        return len(self._values)

    def _set(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value
