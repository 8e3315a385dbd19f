"""Files of a mapping to raw records, merged in order of time, the same in every run.

A table is read row by row. What is `sorted: true` in the mapping is streamed, so its size does not matter; any other
table is held and sorted in memory. Between rows of the same instant the mapping's order of tables decides, then the
file's own order. A row without a usable time goes before the dated rows of its table when that is sorted here, and
stays where it is when it is streamed.

What is wrong with a row becomes a record that the parser rejects; what is wrong with a file is a `FilesError`.
"""

from __future__ import annotations

import csv
import gzip
import heapq
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple, TextIO, TypeAlias

from topics.outcomes import RawRecord
from topics.sources.cells import Raw, Reason
from topics.sources.columns import MAX_CELL, cleaned
from topics.sources.mapping import Column, History, Lookup, Mapping, RowTable
from topics.sources.tables import first_moment
from topics.sources.tables_rows import Row, encode

Cells: TypeAlias = dict[str, str]
Join: TypeAlias = Callable[[Cells], dict[str, Raw]]


class FilesError(ValueError):
    """Files that cannot be read as the mapping says; `problems` holds all that was found."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[FilesError], tuple[tuple[str, ...]]]:
        """The same error in another process."""
        return type(self), (self.problems,)


class Line(NamedTuple):
    """One row of a file: its cells by heading, or what is wrong with it."""

    cells: Cells
    flaw: str = ""
    detail: str = ""


class _Timed(NamedTuple):
    """A row, the time of its first event (0: none), and how often it came back within that instant."""

    line: Line
    at_us: int
    again: int


class _Placed(NamedTuple):
    """A record and its place in the merge."""

    at_us: int
    table: int
    n: int
    record: RawRecord


class Numbered(NamedTuple):
    """A record and its row's number in its table."""

    n: int
    record: RawRecord


def records(path: Path, mapping: Mapping) -> Iterator[RawRecord]:
    """Every row of every table under a folder (or of the tables that one file belongs to), in order of time.

    Raises FilesError, before the first record where it can: files or columns that are not there, unreadable files, a
    table that is `sorted: true` and is not.
    """
    tables = _tables(path, mapping)
    streams = (
        _in_order(rows, name) if table.sorted else iter(sorted(rows, key=_place)) for name, table, rows in tables
    )
    return (placed.record for placed in heapq.merge(*streams, key=_place))


def unordered(path: Path, mapping: Mapping) -> Iterator[Numbered]:
    """The same rows, one table after the other as they stand in their files: nothing is held. Raises FilesError."""
    for name, table, rows in _tables(path, mapping):
        for placed in _in_order(rows, name) if table.sorted else rows:
            yield Numbered(placed.n, placed.record)


class _Table(NamedTuple):
    """A table that is read, and its rows as they stand in its files."""

    name: str
    table: RowTable
    rows: Iterator[_Placed]


def _tables(path: Path, mapping: Mapping) -> list[_Table]:
    folder, tables = _chosen(path, mapping)
    if problems := list(_problems(folder, mapping, tables)):
        raise FilesError(problems)
    lookups = {name: _lookup(folder, table) for name, table in mapping.lookups().items()}
    order = list(mapping.tables)
    return [
        _Table(name, table, _placed(folder, mapping, lookups, name, order.index(name)))
        for name, table in tables.items()
    ]


def _place(placed: _Placed) -> tuple[int, int, int]:
    return placed[:3]


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
    for name, lookup in mapping.lookups().items():
        yield from _table_problems(folder, name, lookup, {lookup.key, *_wanted(mapping, tables, name)})


def _wanted(mapping: Mapping, tables: dict[str, RowTable], lookup: str) -> Iterator[str]:
    """The columns of a lookup that some table maps."""
    for table in tables.values():
        for column in filter(mapping.is_joined, table.columns):
            name, _, wanted = column.partition(".")
            if name == lookup:
                yield wanted


def _table_problems(folder: Path, name: str, table: RowTable | Lookup, columns: set[str]) -> Iterator[str]:
    files = _matches(folder, table.file)
    if not files:
        yield f"{name}: no file {table.file!r} in {folder}"
    for file in files:
        try:
            heading = _heading(file, table)
        except FilesError as error:
            yield from error.problems
            continue
        yield from (f"{file.name}: no column {column!r}" for column in sorted(columns - set(heading)))
        yield from (f"{file.name}: {times} columns {column!r}" for column, times in heading.items() if times > 1)


def _heading(file: Path, table: RowTable | Lookup) -> Counter[str]:
    with _opened(file, table) as text:
        return Counter(next(csv.reader(text, delimiter=table.delimiter, strict=True), []))


@contextmanager
def _opened(file: Path, table: RowTable | Lookup) -> Iterator[TextIO]:
    """The file as text, unpacked. Bytes that are no text come through as surrogates, so that only their row is lost."""
    encoding = "utf-8-sig" if table.encoding.lower() in {"utf-8", "utf8"} else table.encoding
    opener = gzip.open if file.suffix == ".gz" else open
    try:
        with opener(file, "rt", encoding=encoding, errors="surrogateescape", newline="") as text:
            yield text
    except (OSError, EOFError, zlib.error, csv.Error, UnicodeError) as error:
        raise FilesError([f"{file.name}: {error}"]) from error


def _lines(file: Path, table: RowTable | Lookup) -> Iterator[Line]:
    with _opened(file, table) as text:
        yield from csv_lines(text, table.delimiter)


def csv_lines(text: Iterable[str], delimiter: str) -> Iterator[Line]:
    """The rows under the heading. Empty lines are none. Raises csv.Error for a heading that is badly quoted."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    heading = next(reader, [])
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line({}, Reason.BAD_QUOTING, f"line {reader.line_num}: {error}")
            continue
        if row:
            yield _line(heading, row)


def _line(heading: list[str], row: list[str]) -> Line:
    cells = dict(zip(heading, row, strict=False))
    if len(row) != len(heading):
        return Line(_shown(cells), Reason.RAGGED_ROW, f"{len(row)} cells under {len(heading)} headings")
    if max(map(len, row)) > MAX_CELL:
        return Line({}, Reason.TOO_LONG, f"a cell of {max(map(len, row))} characters")
    text = "".join(row)
    if not text.isascii() and any("\udc80" <= sign <= "\udcff" for sign in text):
        return Line(_shown(cells), Reason.NOT_TEXT, "bytes that are not of the table's encoding")
    return Line(cells)


def _shown(cells: Cells) -> Cells:
    """The cells of a flawed row as far as they can be shown."""
    return {name: cell[:MAX_CELL].encode(errors="backslashreplace").decode() for name, cell in cells.items()}


def _lookup(folder: Path, table: Lookup) -> dict[str, Cells]:
    """The rows of a lookup by their key. Raises FilesError for a flawed row and for a key that stands twice."""
    rows: dict[str, Cells] = {}
    problems = []
    lines = chain.from_iterable(_lines(file, table) for file in _matches(folder, table.file))
    for n, line in enumerate(lines, start=1):
        key = line.cells.get(table.key, "").strip()
        if line.flaw:
            problems.append(f"{table.file}: row {n}: {line.flaw}: {line.detail}")
        elif rows.setdefault(key, line.cells) != line.cells:
            problems.append(f"{table.file}: row {n}: a second, different row for {table.key} {key!r}")
    if problems:
        raise FilesError(problems)
    return rows


def _join(mapping: Mapping, table: RowTable, lookups: dict[str, dict[str, Cells]]) -> Join:
    """What the lookups say about a row: their mapped columns as `lookup.column`, and their key as a sign of a match."""
    steps = [
        (name, _Found(cleaned(mapping, column), lookups[column.join], _fetched(mapping, table, column)))
        for name, column in table.columns.items()
        if column.join
    ]

    def join(cells: Cells) -> dict[str, str | None]:
        found: dict[str, Raw] = {}
        for name, known in steps:
            found |= known[cells.get(name, "")]
        return found

    return join


def _fetched(mapping: Mapping, table: RowTable, column: Column) -> list[tuple[str, str]]:
    """(name in the record, column of the lookup) of all that a join brings."""
    lookup = mapping.lookups()[column.join or ""]
    wanted = (name.partition(".") for name in table.columns if mapping.is_joined(name))
    columns = {lookup.key, *(name for owner, _, name in wanted if owner == column.join)}
    return [(f"{column.join}.{name}", name) for name in sorted(columns)]


class _Found(dict[str, dict[str, Raw]]):
    """What a lookup says about a cell, remembered for the cells that it knows: a lookup is small."""

    def __init__(
        self, clean: Callable[[Raw], str | None], lookup: dict[str, Cells], fetched: list[tuple[str, str]]
    ) -> None:
        super().__init__()
        self._clean, self._lookup, self._fetched = clean, lookup, fetched

    def __missing__(self, cell: str) -> dict[str, Raw]:
        key = self._clean(cell)
        row = None if key is None else self._lookup.get(key)
        if row is None:
            return {}
        found: dict[str, Raw] = {name: row.get(source) for name, source in self._fetched}
        if cell == key:
            self[cell] = found
        return found


def _placed(
    folder: Path, mapping: Mapping, lookups: dict[str, dict[str, Cells]], name: str, place: int
) -> Iterator[_Placed]:
    table = mapping.row_tables()[name]
    join, numbers = _join(mapping, table, lookups), count(1)
    return (
        _Placed(timed.at_us, place, n, _record(name, n, timed, table.deal, join))
        for file in _matches(folder, table.file)
        for timed, n in zip(_timed(_lines(file, table), mapping, table), numbers, strict=False)
    )


def _timed(lines: Iterable[Line], mapping: Mapping, table: RowTable) -> Iterator[_Timed]:
    """The rows of one file with their times; in a history, with how often each came back.

    What was seen of an instant is forgotten when a sorted table moves on, so that it can be streamed.
    """
    moment = first_moment(mapping, table)
    seen: dict[tuple[str, int], _Seen] = {}
    last = 0
    for line in lines:
        at_us = moment(line.cells)
        if table.sorted and at_us != last:
            seen.clear()
            last = at_us
        returning = isinstance(table, History) and not line.flaw
        again = seen.setdefault((line.cells[table.deal], at_us), _Seen()).again(line) if returning else 0
        yield _Timed(line, at_us, again)


class _Seen:
    """The rows of one deal and instant, as they come."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._times: Counter[int] = Counter()

    def again(self, line: Line) -> int:
        """How often the row was left before for another one: a row twice running did not come back."""
        content = hash(tuple(line.cells.values()))
        if content != self._last:
            self._times[content] += 1
        self._last = content
        return self._times[content] - 1


def _in_order(rows: Iterable[_Placed], name: str) -> Iterator[_Placed]:
    """The rows as they come, which must be in order. A row without a time gets that of the row before."""
    last = 0
    for row in rows:
        if 0 < row.at_us < last:
            raise FilesError([f"{name}: row {row.n} is earlier than the one before it, so the table is not sorted"])
        last = max(last, row.at_us)
        yield row._replace(at_us=last)


def _record(table: str, n: int, timed: _Timed, deal: str, join: Join) -> RawRecord:
    line = timed.line
    joined = {} if line.flaw else join(line.cells)
    row = Row(table, n, dict[str, Raw](line.cells), joined, timed.again, line.flaw, line.detail)
    return RawRecord(key=line.cells.get(deal, "").strip().encode() or None, value=encode(row))
