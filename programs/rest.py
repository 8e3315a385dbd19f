"""Raw records at rest: tables by their mapping, everything else as `.jsonl` of its records."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from programs.failures import CallError
from programs.files import records
from programs.jsonl import read_jsonl
from topics.outcomes import RawRecord
from topics.sources.mapping import load as load_mapping
from topics.sources.source import Source, SourceKind


def records_at_rest(path: Path, source: Source) -> Iterable[RawRecord]:
    """The records of a source in a folder or a file, in order. Raises FilesError, CallError, OSError."""
    if source.kind is SourceKind.TABLES:
        return records(path, load_mapping(source.mapping))
    file = path / f"{source.name}.jsonl" if path.is_dir() else path
    if not file.is_file():
        message = f"{file}: no such file"
        raise CallError(message)
    return read_jsonl(file)
