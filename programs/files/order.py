"""Rows in order of time, however many there are: sorted in memory, and beyond a share of it in runs on disk.

The runs are merged by `heapq.merge`. It is our own spill (`programs.spill`) and no database's sort: a run is written
and read once, in order, which costs 3 microseconds a row.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec

from programs.failures import FilesError
from programs.spill import stream, streamed

#: A run: rows held at a time. With what Python adds, about 60 MB.
RUN_ROWS = 100_000
RUN_BYTES = 32 * 1024 * 1024
#: Runs that are merged at a time: each is an open file.
MAX_RUNS = 64


class Placed(NamedTuple):
    """A row and its place in the merge: its time (0: none), its table's, its number there. No two have the same.

    `file` counts the table's files. `row` is the encoded record; `content` stands for what the row says.
    """

    at_us: int
    table: int
    n: int
    file: int
    key: bytes
    row: bytes
    content: bytes


_decode = msgspec.msgpack.Decoder(list[Placed]).decode


def in_order(rows: Iterable[Placed], folder: Path) -> Iterator[Placed]:
    """The rows, sorted. Runs are written to the folder. Raises WorkError where that cannot be written to."""
    names = count()
    runs: list[Path] = []
    run: list[Placed] = []
    size = 0
    for row in rows:
        run.append(row)
        size += len(row.row)
        if len(run) >= RUN_ROWS or size >= RUN_BYTES:
            runs.append(_written(folder, next(names), sorted(run)))
            run, size = [], 0
            if len(runs) == MAX_RUNS:
                runs = [_merged(folder, next(names), runs)]
    run.sort()
    return heapq.merge(*(streamed(path, _decode) for path in runs), run) if runs else iter(run)


def _written(folder: Path, name: int, rows: Iterable[Placed]) -> Path:
    path = folder / f"run-{name}"
    stream(path, rows)
    return path


def _merged(folder: Path, name: int, runs: list[Path]) -> Path:
    path = _written(folder, name, heapq.merge(*(streamed(run, _decode) for run in runs)))
    for run in runs:
        run.unlink()
    return path


def as_declared(rows: Iterable[Placed], name: str) -> Iterator[Placed]:
    """The rows as they come, which must be in order. A row without a time gets that of the row before.

    Raises FilesError where they are not.
    """
    last = 0
    for row in rows:
        if 0 < row.at_us < last:
            raise FilesError([f"{name}: row {row.n} is earlier than the one before it, so the table is not sorted"])
        last = max(last, row.at_us)
        yield row._replace(at_us=last)
