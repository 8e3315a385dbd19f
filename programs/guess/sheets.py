"""The files of a folder as sheets: files that continue each other are one, with what each column looks like."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from programs.failures import CallError, FilesError
from programs.files.formats import Cells, format_of, lines
from programs.guess.values import LOOKED_AT, Looks, looks
from topics.sources.cells import Raw
from topics.sources.tables.kinds import File, FileFormat

_ENDS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet")
_PACKED = (".gz", ".zst")
_DELIMITERS = (",", ";", "\t", "|")
_HEAD_BYTES = 64 * 1024
#: A column whose name says that it holds a time.
_TIME_NAME = re.compile(r"date|time|stamp|created|modified|updated|synced|(?:^|_)(?:at|on|start|end|entered)$")
_DATE_IN_NAME = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2}|\d{8})(?!\d)")


class Sheet(NamedTuple):
    """Files that are read as one table. `dates`: the regular expression that finds a date in their names, or none."""

    name: str
    pattern: str
    files: int
    file: File
    columns: tuple[Looks, ...]
    rows: tuple[Cells, ...]
    dates: str = ""
    date_format: str = ""
    unsure: tuple[str, ...] = ()

    def column(self, name: str) -> Looks:
        """The column called so."""
        return next(column for column in self.columns if column.name == name)


def plain_name(name: str) -> str:
    """A heading in small letters and underscores, as rules about names want it."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")


def sheets(path: Path) -> list[Sheet]:
    """Every table of a folder, or the one of a file. Raises CallError where there is none, FilesError."""
    if not path.exists():
        message = f"{path}: no such file or folder"
        raise CallError(message)
    files = sorted(filter(_is_table, path.iterdir())) if path.is_dir() else [path]
    groups: dict[tuple[str, tuple[str, ...]], list[Path]] = {}
    unread: list[str] = []
    for file in files:
        try:
            key = (re.sub(r"\d+", "#", file.name), tuple(_heading(file)))
        except FilesError as error:
            unread += error.problems
            continue
        groups.setdefault(key, []).append(file)
    if not groups:
        raise FilesError(unread or [f"{path}: no CSV, JSON lines or Parquet file"])
    return [_sheet(group) for group in groups.values()]


def _is_table(path: Path) -> bool:
    bare = path.with_suffix("") if path.suffix in _PACKED else path
    return path.is_file() and bare.suffix.lower() in _ENDS


def _heading(path: Path) -> Iterable[str]:
    file = _file_of(path)
    first = next(iter(islice(lines(path, file), 1)), None)
    return [] if first is None else first.cells


def _file_of(path: Path) -> File:
    """How a file is written, by its beginning."""
    bare = File(file=path.name)
    if format_of(path, bare) is not FileFormat.CSV:
        return bare
    for encoding in ("utf-8", "cp1252"):
        flaws = [line.flaw for line in islice(lines(path, File(file=path.name, encoding=encoding)), LOOKED_AT)]
        if "not_text" not in flaws:
            break
    found = Counter(
        {
            one: min(_widths(path, File(file=path.name, encoding=encoding, delimiter=one)), default=0)
            for one in _DELIMITERS
        }
    )
    return File(file=path.name, encoding=encoding, delimiter=found.most_common(1)[0][0])


def _widths(path: Path, file: File) -> list[int]:
    """How many columns the first rows have that fit their heading."""
    return [len(line.cells) for line in islice(lines(path, file), 50) if not line.flaw]


def _sheet(files: list[Path]) -> Sheet:
    file = _file_of(files[0])
    rows = tuple(
        line.cells for path in files for line in islice(lines(path, file), LOOKED_AT // len(files) + 1) if not line.flaw
    )
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = tuple(
        looks(name, _cells(rows, name), may_be_time=bool(_TIME_NAME.search(plain_name(name)))) for name in names
    )
    dates, date_format = _dates_in_names(files)
    unsure = ["other encodings than UTF-8 cannot be told apart"] if file.encoding != "utf-8" else []
    return Sheet(
        _table_name(files[0]), _pattern(files), len(files), file, columns, rows, dates, date_format, tuple(unsure)
    )


def _cells(rows: Iterable[Cells], name: str) -> list[Raw]:
    return [row.get(name) for row in rows]


def _dates_in_names(files: list[Path]) -> tuple[str, str]:
    found = [_DATE_IN_NAME.search(file.name) for file in files]
    if not all(found):
        return "", ""
    forms = {"-" in one[1] for one in found if one is not None}
    if len(forms) > 1:
        return "", ""
    return (r"(\d{4}-\d{2}-\d{2})", "%Y-%m-%d") if forms == {True} else (r"(\d{8})", "%Y%m%d")


def _pattern(files: list[Path]) -> str:
    """A name, or a glob that the names have in common."""
    if len(files) == 1 and not _DATE_IN_NAME.search(files[0].name):
        return files[0].name
    return re.sub(r"[\d*][\d*_.-]*(?=.*\.)", "*", re.sub(r"\d+", "*", files[0].name))


def _table_name(file: Path) -> str:
    bare = re.sub(r"\d+", "", file.name.partition(".")[0])
    return re.sub(r"[^A-Za-z0-9_-]+", "_", bare).strip("_-")[:60] or "table"
