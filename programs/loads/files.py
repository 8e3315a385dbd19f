"""What a load reads: the rows of its files from any of them on, and what tells this load from others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from programs.files.memory import Memory
from programs.files.rows import Reread, files_of, rows_of
from programs.rest import files_at_rest, read_file
from topics.outcomes import READ_AT_HEADER, RawRecord
from topics.sources.source import Source, SourceKind
from topics.sources.tables.mapping import load as load_mapping

#: So much of a file says, with its size and its time, which one it is.
_HEAD_BYTES = 64 * 1024


class Mode(NamedTuple):
    """How the files are loaded.

    `snapshot`: they say how things stand, and every row is read; `read_at_us` is when that was so, else the time of the
    file itself.
    """

    as_live: bool = False
    snapshot: bool = False
    read_at_us: int | None = None


class Written(NamedTuple):
    """How far a load is: rows of the files, those among them that an earlier run wrote, and records of its own."""

    rows: int
    resumed: int = 0
    derived: int = 0


class Files(NamedTuple):
    """The files of a load."""

    path: Path
    source: Source
    mode: Mode

    def all(self) -> list[Path]:
        """Every file that is read. Raises FilesError, CallError."""
        if self.source.kind is SourceKind.TABLES:
            return files_of(self.path, load_mapping(self.source.mapping))
        return files_at_rest(self.path, self.source)

    def identity(self) -> str:
        """What is loaded, and how: other files, another mapping or another way are another load. Raises OSError."""
        said = blake2b(digest_size=20)
        for part in (self.source.key, self.mode, self.source.mapping, self.source.fields):
            said.update(msgspec.json.encode(part, order="sorted"))
        for file in self.all():
            stat = file.stat()
            said.update(f"{file.name} {stat.st_size} {stat.st_mtime_ns}".encode())
            with file.open("rb") as opened:
                said.update(opened.read(_HEAD_BYTES))
        return said.hexdigest()

    def rows(self, memory: Memory, skip: int, on_read: Callable[[int], None]) -> Iterator[tuple[bool, RawRecord]]:
        """The records after the first `skip` rows, and whether each is a row of the files.

        `on_read` hears now and then how many rows were read. Raises FilesError, CallError, OSError.
        """
        if self.source.kind is SourceKind.TABLES:
            mapping = load_mapping(self.source.mapping)
            reread = Reread(memory, skip, whole=self.mode.snapshot, on_read=on_read)
            read_at = self._read_at(self.all()) if self.mode.snapshot else ()
            for numbered in rows_of(self.path, mapping, reread):
                yield numbered.n > 0, _with(numbered.record, read_at)
            return
        yield from ((True, record) for record in islice(self._records(), skip, None))

    def _records(self) -> Iterator[RawRecord]:
        for file in files_at_rest(self.path, self.source):
            read_at = self._read_at([file]) if self.mode.snapshot else ()
            for record in read_file(file):
                yield _with(record, read_at)

    def _read_at(self, files: list[Path]) -> tuple[tuple[str, bytes], ...]:
        """The header that says when the files were read from the source."""
        at_us = self.mode.read_at_us
        at_s = max(file.stat().st_mtime for file in files) if at_us is None else at_us / 1_000_000
        return ((READ_AT_HEADER, datetime.fromtimestamp(at_s, UTC).isoformat().encode()),)


def _with(record: RawRecord, headers: tuple[tuple[str, bytes], ...]) -> RawRecord:
    return record._replace(headers=(*record.headers, *headers)) if headers else record
