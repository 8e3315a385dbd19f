"""A keyed store of bytes: what the brain reads and writes. Durable in the programs, a dictionary in replays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Keyed(Protocol):
    """A keyed store of bytes."""

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a value; None deletes."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key with its value."""


class DictStore:
    """A keyed store in memory."""

    def __init__(self) -> None:
        self._values: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        return self._values.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a value; None deletes."""
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every key with its value, as they stand now."""
        return iter(list(self._values.items()))
