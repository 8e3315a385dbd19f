"""Values on their way from one step to the next, in files: what a step holds in memory is one share, not the history.

A spill is a file of blocks, one per share, that are read by place. A stream is a file of small blocks, read from its
beginning. Both are msgpack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

import msgspec

from programs.failures import WorkError

ItemT = TypeVar("ItemT")

_LENGTH_BYTES = 8
#: Values per block of a stream, which is what a reader holds of it.
_STREAMED = 256

_encode = msgspec.msgpack.Encoder().encode


class Block(NamedTuple):
    """Where a share's values stand."""

    path: Path
    start: int
    length: int


def spill(path: Path, shares: Sequence[list[ItemT]]) -> list[Block | None]:
    """Write the values of each share; None for a share without any. Raises WorkError."""
    blocks: list[Block | None] = []
    with written(path) as file:
        start = 0
        for share in shares:
            length = file.write(_encode(share)) if share else 0
            blocks.append(Block(path, start, length) if share else None)
            start += length
    return blocks


def spilt(block: Block, decode: Callable[[bytes], list[ItemT]]) -> list[ItemT]:
    """The values of a block. Raises OSError."""
    with block.path.open("rb") as file:
        file.seek(block.start)
        return decode(file.read(block.length))


def stream(path: Path, values: Iterable[object]) -> None:
    """Write values to be read one by one. Raises WorkError."""
    values = iter(values)
    with written(path) as file:
        while block := list(islice(values, _STREAMED)):
            content = _encode(block)
            file.write(len(content).to_bytes(_LENGTH_BYTES, "little"))
            file.write(content)


def streamed(path: Path, decode: Callable[[bytes], list[ItemT]]) -> Iterator[ItemT]:
    """The values of a stream. Raises OSError."""
    with path.open("rb") as file:
        while length := int.from_bytes(file.read(_LENGTH_BYTES), "little"):
            yield from decode(file.read(length))


@contextmanager
def written(path: Path) -> Iterator[BinaryIO]:
    """A file to write to. What goes wrong is the work's failure: a full disk, a folder that is gone."""
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise WorkError(message) from None
