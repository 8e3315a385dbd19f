"""A program's state: a keyed store per partition, whose truth is a compacted topic of the same partition count.

The store is loaded from its topic before the first batch of a partition. A change is visible at once and durable when
the transaction that carries it has committed: with the batch, or before that by `flush`. Until then it stands aside,
so that what comes to nothing is forgotten and the store goes on from what the log says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Protocol

from engine.records import Extent

Pair = tuple[bytes, bytes | None]
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
    """A store as the shell sees it: it is filled from its log, its changes are taken and settled, it is closed."""

    def resume_offset(self) -> int | None:
        """Where to go on reading the log; None reads it from the beginning."""
        ...

    def absorb(self, pairs: Iterable[Pair], next_offset: int) -> None:
        """Take in keys and values of the log, which reach up to `next_offset`, as already durable."""
        ...

    def changes(self) -> Changes:
        """A copy of what is not yet durable."""
        ...

    def settle(self, changes: Mapping[bytes, bytes | None], next_offset: int) -> None:
        """These changes are durable: the log holds them, up to `next_offset`."""
        ...

    def forget_changes(self) -> None:
        """What is not yet durable never will be."""
        ...

    def append_with(self, append: AppendChanges) -> None:
        """Let `flush` append to the log by this."""
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

    def resume_offset(self) -> int | None:
        """There is no log."""
        return None

    def absorb(self, pairs: Iterable[Pair], next_offset: int) -> None:
        """Nothing to take in."""

    def changes(self) -> Changes:
        """Never any."""
        return {}

    def settle(self, changes: Mapping[bytes, bytes | None], next_offset: int) -> None:
        """Nothing to do."""

    def forget_changes(self) -> None:
        """Nothing to forget."""

    def append_with(self, append: AppendChanges) -> None:
        """Nothing is appended."""

    def close(self) -> None:
        """Nothing to do."""

    def __len__(self) -> int:
        """Nothing is ever stored."""
        return 0


class MemoryStore:
    """The state in a dict: fast, loaded in full by a new process."""

    def __init__(self, append: AppendChanges) -> None:
        self._append = append
        self._values: dict[bytes, bytes] = {}
        self._dirty: Changes = {}
        self._position: int | None = None
        self._flushing = asyncio.Lock()

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        if key in self._dirty:
            return self._dirty[key]
        return self._values.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key; None deletes it."""
        self._dirty[key] = value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys with their values: what is not yet durable, then the rest."""
        changed = self._dirty
        yield from ((key, value) for key, value in changed.items() if value is not None)
        if changed:
            yield from ((key, value) for key, value in self._values.items() if key not in changed)
        else:
            yield from self._values.items()

    async def flush(self) -> None:
        """Append what changed to the log; what changes meanwhile goes with the next."""
        async with self._flushing:
            if changes := self.changes():
                self.settle(changes, (await self._append(changes)).end)

    def resume_offset(self) -> int | None:
        """Where the log was read or written to last."""
        return self._position

    def absorb(self, pairs: Iterable[Pair], next_offset: int) -> None:
        """Take in keys and values of the log."""
        self._set_all(pairs)
        self._position = next_offset

    def changes(self) -> Changes:
        """A copy of what is not yet durable."""
        return self._dirty.copy()

    def settle(self, changes: Mapping[bytes, bytes | None], next_offset: int) -> None:
        """These changes are durable."""
        self._set_all(changes.items())
        self._position = next_offset
        self._dirty = unsettled(self._dirty, changes)

    def forget_changes(self) -> None:
        """Go back to what the log holds."""
        self._dirty = {}

    def append_with(self, append: AppendChanges) -> None:
        """The store went to a new lane."""
        self._append = append

    def close(self) -> None:
        """Nothing to let go of."""

    def __len__(self) -> int:
        """How many keys there are, those that are not yet durable left out."""
        return len(self._values)

    def _set_all(self, pairs: Iterable[Pair]) -> None:
        values = self._values
        for key, value in pairs:
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value


_NEVER = object()


def unsettled(dirty: Changes, settled: Mapping[bytes, bytes | None]) -> Changes:
    """What of `dirty` was put after `settled` was taken from it."""
    return {key: value for key, value in dirty.items() if settled.get(key, _NEVER) is not value}
