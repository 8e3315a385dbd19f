"""Files of a mapping to raw records, merged in order of time, the same in every run.

A table is read row by row. What is `sorted: true` in the mapping is streamed, any other table is sorted, on disk where
it is large; either way memory does not grow with the files. Between rows of the same instant the mapping's order of
tables decides, then the file's own order. A row without a usable time goes before the dated rows of its table when that
is sorted here, and stays where it is when it is streamed.

What is wrong with a row becomes a record that the parser rejects; what is wrong with a file is a `FilesError`.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from programs.failures import FilesError
from programs.files.again import returning
from programs.files.formats import Cells, Line, format_of, heading, lines
from programs.files.lookups import Lookups, join, lookup
from programs.files.memory import Memory
from programs.files.order import Placed, as_declared, in_order
from programs.files.snapshots import CONTENT_BYTES, NO_TABLE, compared
from topics.outcomes import RawRecord
from topics.sources.cells import FROM_NAME, as_text
from topics.sources.tables.mapping import File, FileFormat, History, Mapping, RowTable, Snapshot, When
from topics.sources.tables.parsing import first_moment
from topics.sources.tables.rows import Row, encode

__all__ = ["FilesError", "Numbered", "Reread", "files_of", "records", "rows_of", "unordered"]


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
        streams = [_sorted(table, stack) for table in tables]
        merged = heapq.merge(*streams)
        yield from map(_numbered, _compared(merged, tables, reread, stack))


def unordered(path: Path, mapping: Mapping) -> Iterator[Numbered]:
    """The same rows, one table after the other, in order of time only where a row depends on those before it.

    Raises FilesError.
    """
    for table in _tables(path, mapping):
        with ExitStack() as stack:
            if isinstance(table.table, History | Snapshot) or table.table.sorted:
                rows = _compared(_sorted(table, stack), [table], Reread(), stack)
            else:
                rows = table.rows
            yield from map(_numbered, rows)


def files_of(path: Path, mapping: Mapping) -> list[Path]:
    """All files that are read, those of lookups too. Raises FilesError."""
    folder, tables = _chosen(path, mapping)
    return [file for table in (*tables.values(), *mapping.lookups().values()) for file in _matches(folder, table.file)]


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


def _sorted(table: _Table, stack: ExitStack) -> Iterator[Placed]:
    if table.table.sorted:
        rows = as_declared(table.rows, table.name)
    else:
        rows = in_order(table.rows, Path(stack.enter_context(TemporaryDirectory(prefix="signals-sort-"))))
    return returning(rows) if isinstance(table.table, History) else rows


def _compared(rows: Iterable[Placed], tables: list[_Table], reread: Reread, stack: ExitStack) -> Iterator[Placed]:
    """The rows, those of snapshots compared with what is remembered, or with what comes before them here."""
    snapshots = {one.place: (one.name, one.table) for one in tables if isinstance(one.table, Snapshot)}
    if reread.whole or not snapshots:
        return _from(rows, reread.skip)
    memory = reread.memory
    if memory is None:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="signals-compare-")))
        memory = Memory(folder / "memory.sqlite")
        stack.callback(memory.close)
    return compared(rows, snapshots, memory, reread.skip)


def _from(rows: Iterable[Placed], skip: int) -> Iterator[Placed]:
    rows = iter(rows)
    for _ in zip(range(skip), rows, strict=False):
        pass
    return rows


def _numbered(placed: Placed) -> Numbered:
    return Numbered(0 if placed.table == NO_TABLE else placed.n, RawRecord(placed.key or None, placed.row))


def _tables(path: Path, mapping: Mapping, heard: Callable[[Placed], Placed] | None = None) -> list[_Table]:
    folder, tables = _chosen(path, mapping)
    if problems := list(_problems(folder, mapping, tables)):
        raise FilesError(problems)
    lookups = {name: lookup(_matches(folder, table.file), table) for name, table in mapping.lookups().items()}
    order = list(mapping.tables)
    made: list[_Table] = []
    for name, table in tables.items():
        rows = _placed(folder, mapping, lookups, name, order.index(name))
        made.append(_Table(name, order.index(name), table, rows if heard is None else map(heard, rows)))
    return made


def _chosen(path: Path, mapping: Mapping) -> tuple[Path, dict[str, RowTable]]:
    """The folder, and the tables that are read from it. Given a file: its folder, and the tables that it belongs to."""
    tables = mapping.row_tables()
    if path.is_dir():
        return path, tables
    if not path.is_file():
        raise FilesError([f"{path}: no such file or folder"])
    chosen = {name: table for name, table in tables.items() if path in _matches(path.parent, table.file)}
    if not chosen:
        raise FilesError([f"{path}: no table of the mapping is read from a file of this name"])
    return path.parent, chosen


def _matches(folder: Path, pattern: str) -> list[Path]:
    """The files of a table in order of name: one table, one after the other."""
    return sorted(found for found in folder.glob(pattern) if found.is_file())


def _problems(folder: Path, mapping: Mapping, tables: dict[str, RowTable]) -> Iterator[str]:
    for name, table in tables.items():
        own = {column for column in table.own_columns() if not mapping.is_joined(column)}
        yield from _table_problems(folder, name, table, own)
        for when in table.event_times():
            yield from _name_problems(folder, table, when)
    for name, known in mapping.lookups().items():
        yield from _table_problems(folder, name, known, {known.key, *_wanted(mapping, tables, name)})


def _wanted(mapping: Mapping, tables: dict[str, RowTable], lookup: str) -> Iterator[str]:
    """The columns of a lookup that some table maps."""
    for table in tables.values():
        for column in filter(mapping.is_joined, table.columns):
            name, _, wanted = column.partition(".")
            if name == lookup:
                yield wanted


def _table_problems(folder: Path, name: str, table: File, columns: set[str]) -> Iterator[str]:
    files = _matches(folder, table.file)
    if not files:
        yield f"{name}: no file {table.file!r} in {folder}"
    for file in files:
        try:
            found = heading(file, table)
        except FilesError as error:
            yield from error.problems
            continue
        lines_name_columns = format_of(file, table) is FileFormat.JSONL
        if lines_name_columns and not found:
            continue  # no row, so nothing is missing
        hint = " in its first rows (`optional: true`, if rows may lack it)" if lines_name_columns else ""
        yield from (f"{file.name}: no column {column!r}{hint}" for column in sorted(columns - set(found)))
        yield from (f"{file.name}: {times} columns {column!r}" for column, times in found.items() if times > 1)


def _name_problems(folder: Path, table: RowTable, when: When) -> Iterator[str]:
    if when.name is not None:
        for file in _matches(folder, table.file):
            if re.search(when.name, file.name) is None:
                yield f"{file.name}: its name does not say the time as {when.name!r} does"


def _placed(folder: Path, mapping: Mapping, lookups: Lookups, name: str, place: int) -> Iterator[Placed]:
    """The rows of a table, file after file."""
    table = mapping.row_tables()[name]
    make = _Make(mapping, table, name, place, lookups)
    numbers = count(1)
    for number, file in enumerate(_matches(folder, table.file)):
        said = _said_by_name(table, file)
        for line, n in zip(lines(file, table), numbers, strict=False):
            if said is not None and not line.flaw:
                line.cells[FROM_NAME] = said
            yield make(line, n, number)


def _said_by_name(table: RowTable, file: Path) -> str | None:
    """What the file's name, or the mapping, says of the time of all rows."""
    for when in table.event_times():
        if when.constant is not None:
            return when.constant
        found = None if when.name is None else re.search(when.name, file.name)
        if found is not None:
            return found[1] or ""
    return None


class _Make:
    """Makes the rows of one table."""

    def __init__(self, mapping: Mapping, table: RowTable, name: str, place: int, lookups: Lookups) -> None:
        self._name, self._place, self._ids = name, place, table.id_columns()
        self._moment, self._join = first_moment(mapping, table), join(mapping, table, lookups)
        self._content = _content_of(table)
        #: What is named with dots, and the names of what it is a part of.
        self._parts = [(name, _wholes(name)) for name in table.columns if "." in name and not mapping.is_joined(name)]

    def __call__(self, line: Line, n: int, file: int) -> Placed:
        """The row of a line, with its place in the merge."""
        cells = line.cells
        for name, wholes in self._parts:
            if name not in cells and any(whole in cells and cells[whole] is None for whole in wholes):
                cells[name] = None  # nothing has no parts: they are empty, not unknown
        at_us = self._moment(cells)
        key = self._key(cells)
        joined = {} if line.flaw else self._join(cells)
        row = encode(Row(self._name, n, cells, joined, 0, line.flaw, line.detail))
        content = b"" if line.flaw or not key else self._content(cells, at_us)
        return Placed(at_us, self._place, n, file, key, row, content)

    def _key(self, cells: Cells) -> bytes:
        for column in self._ids:
            raw = cells.get(column)
            if raw is not None and (text := as_text(raw).strip()):
                return text.encode(errors="replace")
        return b""


def _wholes(name: str) -> tuple[str, ...]:
    parts = name.split(".")
    return tuple(".".join(parts[:n]) for n in range(1, len(parts)))


_encode_cells = msgspec.json.Encoder(order="sorted").encode


def _content_of(table: RowTable) -> Callable[[Cells, int], bytes]:
    """What stands for a row where rows are compared with each other; nothing where they are not."""
    if isinstance(table, History):
        return lambda cells, _at_us: _digest(cells)
    if isinstance(table, Snapshot):
        since = None if table.entered is None else table.entered.column
        stage = [name for name, column in table.columns.items() if column.to == "stage"]
        of_stage, when = [*stage, since] if since else [], table.at.cell

        def content(cells: Cells, at_us: int) -> bytes:
            if not at_us:
                return b""
            whole = _digest({name: cell for name, cell in cells.items() if name != when})
            return whole + _digest({name: cells.get(name) for name in of_stage}) if of_stage else whole

        return content
    return lambda _cells, _at_us: b""


def _digest(cells: Cells) -> bytes:
    return blake2b(_encode_cells(cells), digest_size=CONTENT_BYTES).digest()
