"""What lookups say about the values of other tables: read once, asked by every row."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from programs.failures import FilesError
from programs.files.formats import Cells, lines
from topics.sources.cells import Raw, as_text
from topics.sources.columns import cleaned
from topics.sources.tables.mapping import Column, Lookup, Mapping, RowTable

Join: TypeAlias = Callable[[Cells], Cells]
Lookups: TypeAlias = dict[str, dict[str, Cells]]


def lookup(files: list[Path], table: Lookup) -> dict[str, Cells]:
    """The rows of a lookup by their key. Raises FilesError for a flawed row and for a key that stands twice."""
    rows: dict[str, Cells] = {}
    problems = []
    for n, line in enumerate(chain.from_iterable(lines(file, table) for file in files), start=1):
        raw = line.cells.get(table.key)
        key = "" if raw is None else as_text(raw).strip()
        if line.flaw:
            problems.append(f"{table.file}: row {n}: {line.flaw}: {line.detail}")
        elif rows.setdefault(key, line.cells) != line.cells:
            problems.append(f"{table.file}: row {n}: a second, different row for {table.key} {key!r}")
    if problems:
        raise FilesError(problems)
    return rows


def join(mapping: Mapping, table: RowTable, lookups: Lookups) -> Join:
    """What the lookups say about a row: their mapped columns as `lookup.column`, and their key as a sign of a match."""
    steps = [
        (name, _Found(cleaned(mapping, column), lookups[column.join], _fetched(mapping, table, column)))
        for name, column in table.columns.items()
        if column.join
    ]

    def joined(cells: Cells) -> Cells:
        found: Cells = {}
        for name, known in steps:
            found |= known[cells.get(name)]
        return found

    return joined


def _fetched(mapping: Mapping, table: RowTable, column: Column) -> list[tuple[str, str]]:
    """(name in the record, column of the lookup) of all that a join brings."""
    wanted = (name.partition(".") for name in table.columns if mapping.is_joined(name))
    key = mapping.lookups()[column.join or ""].key
    columns = {key, *(name for owner, _, name in wanted if owner == column.join)}
    return [(f"{column.join}.{name}", name) for name in sorted(columns)]


class _Found(dict[Raw, Cells]):
    """What a lookup says about a cell, remembered for the cells that it knows: a lookup is small."""

    def __init__(
        self, clean: Callable[[Raw], str | None], rows: dict[str, Cells], fetched: list[tuple[str, str]]
    ) -> None:
        super().__init__()
        self._clean, self._rows, self._fetched = clean, rows, fetched

    def __missing__(self, cell: Raw) -> Cells:
        key = self._clean(cell)
        row = None if key is None else self._rows.get(key)
        if row is None:
            return {}
        found = {name: row.get(source) for name, source in self._fetched}
        if cell == key:
            self[cell] = found
        return found
