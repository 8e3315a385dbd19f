"""The rows of a table as they stand in its files, each with its place in the merge and what it is compared by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from hashlib import blake2b
from itertools import count
from pathlib import Path

import msgspec

from programs.files.formats import Cells, Line, lines
from programs.files.lookups import Lookups, join
from programs.files.order import Placed
from programs.files.snapshots import CONTENT_BYTES
from programs.files.tables import matches
from topics.sources.cells import FROM_NAME, as_text
from topics.sources.tables.mapping import History, Mapping, RowTable, Snapshot
from topics.sources.tables.parsing import first_moment
from topics.sources.tables.rows import Row, encode


def placed(folder: Path, mapping: Mapping, lookups: Lookups, name: str, place: int) -> Iterator[Placed]:
    """The rows of a table, file after file."""
    table = mapping.row_tables()[name]
    make = _Make(mapping, table, name, place, lookups)
    numbers = count(1)
    for number, file in enumerate(matches(folder, table.file)):
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
