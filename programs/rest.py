"""Raw records at rest: tables by their mapping, everything else as `.jsonl` or `.json` of its records."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from programs.failures import CallError
from programs.files.rows import records
from programs.jsonl import read_json, read_jsonl
from topics.outcomes import RawRecord
from topics.sources.source import Source, SourceKind
from topics.sources.tables.mapping import load as load_mapping


def records_at_rest(path: Path, source: Source) -> Iterable[RawRecord]:
    """The records of a source in a folder or a file, in order. Raises FilesError, CallError, OSError."""
    if source.kind is SourceKind.TABLES:
        return records(path, load_mapping(source.mapping))
    return chain.from_iterable(map(read_file, files_at_rest(path, source)))


def read_file(file: Path) -> Iterable[RawRecord]:
    """The records of one file that is no table. Raises OSError."""
    return read_json(file) if file.suffix == ".json" else read_jsonl(file)


def files_at_rest(path: Path, source: Source) -> list[Path]:
    """The file itself; of a folder `<source>.jsonl`, else all its `.json` and `.jsonl` files. Raises CallError."""
    own = path / f"{source.name}.jsonl"
    if path.is_dir() and not own.is_file():
        files = sorted(file for file in path.iterdir() if file.suffix in (".json", ".jsonl"))
    else:
        files = [own if path.is_dir() else path]
    if not files or not files[0].is_file():
        message = f"{own if path.is_dir() else path}: no such file"
        raise CallError(message)
    return files
