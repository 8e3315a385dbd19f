"""Files of a mapping to raw records, merged in order of time, the same in every run.

A table is read row by row. What is `sorted: true` in the mapping is streamed, any other table is sorted, on disk where
it is large; either way memory does not grow with the files. Between rows of the same instant the mapping's order of
tables decides, then the file's own order. A row without a usable time goes before the dated rows of its table when that
is sorted here, and stays where it is when it is streamed.

What is wrong with a row becomes a record that the parser rejects; what is wrong with a file is a `FilesError`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from programs.failures import FilesError
from programs.files.again import returning
from programs.files.lookups import lookup
from programs.files.memory import Memory
from programs.files.order import Placed, as_declared, in_order
from programs.files.placing import placed
from programs.files.snapshots import NO_TABLE, compared
from programs.files.tables import chosen, matches, problems
from topics.outcomes import RawRecord
from topics.sources.tables.mapping import History, Mapping, RowTable, Snapshot


class Numbered(NamedTuple):
    """A record and its row's number in its table; 0 for what is no row of a file."""

    n: int
    record: RawRecord


def _unheard(_rows: int) -> None:
    """Nobody asks how far it is."""


class Reread(NamedTuple):
    """How a load reads.

    `skip`: rows that an earlier run has written. `whole`: snapshots are not compared. `on_read` hears now and then how
    many rows were read.
    """

    memory: Memory | None = None
    skip: int = 0
    whole: bool = False
    on_read: Callable[[int], None] = _unheard


def records(path: Path, mapping: Mapping) -> Iterator[RawRecord]:
    """Every row of every table under a folder (or of the tables that one file belongs to), in order of time.

    Raises FilesError, before the first record where it can: files or columns that are not there, unreadable files, a
    table that is `sorted: true` and is not.
    """
    return (one.record for one in rows_of(path, mapping, Reread()))


def rows_of(path: Path, mapping: Mapping, reread: Reread) -> Iterator[Numbered]:
    """The same, as a load reads them: compared with what it remembers, and from where it was. Raises as `records`."""
    return _merged(_tables(path, mapping, _heard(reread.on_read)), reread)


def _merged(tables: list[_Table], reread: Reread) -> Iterator[Numbered]:
    with ExitStack() as stack:
        streams = [_sorted(table, reread, stack) for table in tables]
        merged = heapq.merge(*streams)
        yield from map(_numbered, _compared(merged, tables, reread, stack))


def unordered(path: Path, mapping: Mapping) -> Iterator[Numbered]:
    """The same rows, one table after the other, in order of time only where a row depends on those before it.

    Raises FilesError.
    """
    for table in _tables(path, mapping):
        with ExitStack() as stack:
            if isinstance(table.table, History | Snapshot) or table.table.sorted:
                rows = _compared(_sorted(table, Reread(), stack), [table], Reread(), stack)
            else:
                rows = table.rows
            yield from map(_numbered, rows)


def files_of(path: Path, mapping: Mapping) -> list[Path]:
    """All files that are read, those of lookups too. Raises FilesError."""
    folder, tables = chosen(path, mapping)
    return [file for table in (*tables.values(), *mapping.lookups().values()) for file in matches(folder, table.file)]


#: Rows between two reports of how many were read.
_EVERY = 20_000


def _heard(on_read: Callable[[int], None]) -> Callable[[Placed], Placed]:
    """Counts the rows that pass."""
    numbers = count(1)

    def pass_on(row: Placed) -> Placed:
        if (n := next(numbers)) % _EVERY == 0:
            on_read(n)
        return row

    return pass_on


class _Table(NamedTuple):
    """A table that is read: its name, its place in the mapping, its rows as they stand in its files."""

    name: str
    place: int
    table: RowTable
    rows: Iterator[Placed]


def _sorted(table: _Table, reread: Reread, stack: ExitStack) -> Iterator[Placed]:
    declared = table.table.sorted
    rows = as_declared(table.rows, table.name) if declared else in_order(table.rows, _folder(reread, stack))
    return returning(rows) if isinstance(table.table, History) else rows


def _folder(reread: Reread, stack: ExitStack) -> Path:
    """Where runs are written: what a killed load leaves is found by the next one."""
    scratch = None if reread.memory is None else reread.memory.scratch
    if scratch is not None:
        scratch.mkdir(mode=0o700, exist_ok=True)
    return Path(stack.enter_context(TemporaryDirectory(prefix="signals-sort-", dir=scratch)))


def _compared(rows: Iterable[Placed], tables: list[_Table], reread: Reread, stack: ExitStack) -> Iterator[Placed]:
    """The rows, those of snapshots compared with what is remembered, or with what comes before them here."""
    snapshots = {one.place: (one.name, one.table) for one in tables if isinstance(one.table, Snapshot)}
    if reread.whole or not snapshots:
        return islice(rows, reread.skip, None)
    memory = reread.memory
    if memory is None:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="signals-compare-")))
        memory = Memory(folder / "memory.sqlite")
        stack.callback(memory.close)
    return compared(rows, snapshots, memory, reread.skip)


def _numbered(one: Placed) -> Numbered:
    return Numbered(0 if one.table == NO_TABLE else one.n, RawRecord(one.key or None, one.row))


def _tables(path: Path, mapping: Mapping, heard: Callable[[Placed], Placed] | None = None) -> list[_Table]:
    folder, tables = chosen(path, mapping)
    if wrong := list(problems(folder, mapping, tables)):
        raise FilesError(wrong)
    lookups = {name: lookup(matches(folder, table.file), table) for name, table in mapping.lookups().items()}
    order = list(mapping.tables)
    made: list[_Table] = []
    for name, table in tables.items():
        rows = placed(folder, mapping, lookups, name, order.index(name))
        made.append(_Table(name, order.index(name), table, rows if heard is None else map(heard, rows)))
    return made
