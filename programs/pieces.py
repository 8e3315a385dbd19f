"""Raw records at rest, cut into pieces that can be read side by side, with where each record stands.

A line stands where it begins in its file, in bytes; a payload of a `.json` file is counted in its file, a row in its
table. Files of lines are cut anywhere, rows of tables are read by one reader and parsed by many.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

from programs.files.rows import Numbered, unordered
from programs.jsonl import read_json, read_piece
from programs.rest import files_at_rest
from topics.outcomes import RawRecord
from topics.sources.source import Source, SourceKind
from topics.sources.tables.mapping import load as load_mapping

#: So many bytes of a file of lines are one piece, and so many rows of a table.
PIECE_BYTES = 4 * 1024 * 1024
PIECE_ROWS = 2_000


class Lines(NamedTuple):
    """The lines of a file that begin between two bytes of it."""

    source: int
    path: Path
    start: int
    end: int

    def records(self) -> Iterator[tuple[int, RawRecord]]:
        """Each record and where it stands. Raises OSError."""
        return read_piece(self.path, self.start, self.end)


class Whole(NamedTuple):
    """A `.json` file."""

    source: int
    path: Path

    def records(self) -> Iterator[tuple[int, RawRecord]]:
        """Each payload and its number. Raises OSError."""
        return enumerate(read_json(self.path))


class Rows(NamedTuple):
    """Rows of a table, as they are: tables are merged with others, and quoted cells may hold ends of lines."""

    source: int
    rows: list[tuple[int, bytes | None]]

    def records(self) -> Iterator[tuple[int, RawRecord]]:
        """Each row and its number."""
        return ((n, RawRecord(None, value)) for n, value in self.rows)


Piece: TypeAlias = Lines | Whole | Rows


def pieces(path: Path, sources: tuple[Source, ...]) -> Iterator[Piece]:
    """All records of the sources in a folder or a file. Raises FilesError, CallError, OSError."""
    for number, source in enumerate(sources):
        if source.kind is SourceKind.TABLES:
            rows = unordered(path, load_mapping(source.mapping))
            while block := list(islice(rows, PIECE_ROWS)):
                yield Rows(number, [_row(one) for one in block])
        else:
            for file in files_at_rest(path, source):
                yield from _of_file(number, file)


def size_at_rest(path: Path, sources: tuple[Source, ...]) -> int:
    """How many bytes the sources have there. Raises CallError, OSError."""
    files = (file for source in sources for file in _files(path, source))
    return sum(file.stat().st_size for file in files if file.is_file())


def _files(path: Path, source: Source) -> list[Path]:
    if source.kind is not SourceKind.TABLES:
        return files_at_rest(path, source)
    tables = load_mapping(source.mapping).tables.values()
    return [file for table in tables for file in path.glob(table.file)] if path.is_dir() else [path]


def _row(numbered: Numbered) -> tuple[int, bytes | None]:
    return numbered.n, numbered.record.value


def _of_file(source: int, file: Path) -> Iterator[Piece]:
    if file.suffix == ".json":
        yield Whole(source, file)
        return
    size = file.stat().st_size
    for start in range(0, size, PIECE_BYTES):
        yield Lines(source, file, start, min(size, start + PIECE_BYTES))
