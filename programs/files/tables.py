"""Which files a table is read from, and what is wrong with them before the first row is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from programs.failures import FilesError
from programs.files.formats import format_of, heading
from topics.sources.tables.mapping import File, FileFormat, Mapping, RowTable, When


def chosen(path: Path, mapping: Mapping) -> tuple[Path, dict[str, RowTable]]:
    """The folder, and the tables that are read from it. Given a file: its folder, and the tables that it belongs to."""
    tables = mapping.row_tables()
    if path.is_dir():
        return path, tables
    if not path.is_file():
        raise FilesError([f"{path}: no such file or folder"])
    chosen = {name: table for name, table in tables.items() if path in matches(path.parent, table.file)}
    if not chosen:
        raise FilesError([f"{path}: no table of the mapping is read from a file of this name"])
    return path.parent, chosen


def matches(folder: Path, pattern: str) -> list[Path]:
    """The files of a table in order of name: one table, one after the other."""
    return sorted(found for found in folder.glob(pattern) if found.is_file())


def problems(folder: Path, mapping: Mapping, tables: dict[str, RowTable]) -> Iterator[str]:
    """Files and columns that are not there, names that say no date, files that cannot be read."""
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
    files = matches(folder, table.file)
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
        for file in matches(folder, table.file):
            if re.search(when.name, file.name) is None:
                yield f"{file.name}: its name does not say the time as {when.name!r} does"
