"""The rows of one file as they stand there: CSV, JSON lines, Parquet; unpacked where it is packed.

What is wrong with a row becomes a `Line` with a flaw; what is wrong with a file is a `FilesError`.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeAlias

import msgspec
import zstandard

from programs.failures import FilesError
from topics.sources.cells import Raw, Reason
from topics.sources.columns import MAX_CELL
from topics.sources.tables.mapping import File, FileFormat
from topics.sources.tables.rows import MAX_ROW_BYTES

Cells: TypeAlias = dict[str, Raw]

#: What packs a file, by the end of its name.
_PACKED = (".gz", ".zst")
_FORMATS = {".jsonl": FileFormat.JSONL, ".ndjson": FileFormat.JSONL, ".parquet": FileFormat.PARQUET}
#: So many rows of a file of JSON lines say which columns it has: each row has names of its own.
_LOOKED_AT = 1_000
#: Rows of a Parquet file that are decoded at a time.
_BATCH_ROWS = 2_000
_DEEPEST = 8


class Line(NamedTuple):
    """One row of a file: its cells by heading, or what is wrong with it."""

    cells: Cells
    flaw: str = ""
    detail: str = ""


def format_of(path: Path, table: File) -> FileFormat:
    """How the rows of a file are written: as the table says, else as its name ends."""
    if table.format is not None:
        return table.format
    bare = path.with_suffix("") if path.suffix in _PACKED else path
    return _FORMATS.get(bare.suffix.lower(), FileFormat.CSV)


def heading(path: Path, table: File) -> Counter[str]:
    """The columns of a file, and how often each stands there. Raises FilesError."""
    match format_of(path, table):
        case FileFormat.CSV:
            with _text(path, table) as text:
                return Counter(next(csv.reader(text, delimiter=table.delimiter, strict=True), []))
        case FileFormat.JSONL:
            return Counter({name for line in islice(lines(path, table), _LOOKED_AT) for name in line.cells})
        case FileFormat.PARQUET:
            with _parquet(path) as file:
                return Counter(file.schema_arrow.names)


def lines(path: Path, table: File) -> Iterator[Line]:
    """The rows of a file, in its order. Raises FilesError."""
    match format_of(path, table):
        case FileFormat.CSV:
            with _text(path, table) as text:
                yield from csv_lines(text, table.delimiter)
        case FileFormat.JSONL:
            with _bytes(path) as file:
                yield from json_lines(file)
        case FileFormat.PARQUET:
            with _parquet(path) as file:
                yield from _parquet_lines(file)


@contextmanager
def _bytes(path: Path) -> Iterator[IO[bytes]]:
    """The file's content, unpacked."""
    try:
        with _open(path) as file:
            yield file
    except (OSError, EOFError, zlib.error, zstandard.ZstdError, csv.Error, UnicodeError) as error:
        raise FilesError([f"{path.name}: {error}"]) from error


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".gz":
        return io.BufferedReader(gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(path.open("rb"), closefd=True))
    return path.open("rb")


@contextmanager
def _text(path: Path, table: File) -> Iterator[IO[str]]:
    """The file as text. Bytes that are none come through as surrogates, so that only their row is lost."""
    encoding = "utf-8-sig" if table.encoding.lower() in {"utf-8", "utf8"} else table.encoding
    with (
        _bytes(path) as file,
        io.TextIOWrapper(file, encoding=encoding, errors="surrogateescape", newline="") as text,
    ):
        yield text


# --- CSV


def csv_lines(text: Iterable[str], delimiter: str) -> Iterator[Line]:
    """The rows under the heading. Empty lines are none. Raises csv.Error for a heading that is badly quoted."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    names = next(reader, [])
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line({}, Reason.BAD_QUOTING, f"line {reader.line_num}: {error}")
            continue
        if row:
            yield _csv_line(names, row)


def _csv_line(names: list[str], row: list[str]) -> Line:
    cells: Cells = dict(zip(names, row, strict=False))
    if len(row) != len(names):
        return Line(_shown(cells), Reason.RAGGED_ROW, f"{len(row)} cells under {len(names)} headings")
    if max(map(len, row)) > MAX_CELL:
        return Line({}, Reason.TOO_LONG, f"a cell of {max(map(len, row))} characters")
    text = "".join(row)
    if not text.isascii() and any("\udc80" <= sign <= "\udcff" for sign in text):
        return Line(_shown(cells), Reason.NOT_TEXT, "bytes that are not of the table's encoding")
    return Line(cells)


def _shown(cells: Mapping[str, Raw]) -> Cells:
    """The cells of a flawed row as far as they can be shown."""
    return {
        name: cell[:MAX_CELL].encode(errors="backslashreplace").decode() if isinstance(cell, str) else cell
        for name, cell in cells.items()
    }


# --- JSON lines

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(enc_hook=str).encode


def json_lines(file: Iterable[bytes]) -> Iterator[Line]:
    """One object per line; what is nested is named with dots, and a list is the text of its JSON."""
    for n, line in enumerate(file, start=1):
        if not line.isspace():
            yield _json_line(line, n)


def _json_line(line: bytes, n: int) -> Line:
    if len(line) > MAX_ROW_BYTES:
        return Line({}, Reason.TOO_LONG, f"line {n}: {len(line)} bytes")
    try:
        value = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Line({}, Reason.NOT_JSON, f"line {n}: {error}")
    if not isinstance(value, dict):
        return Line({}, Reason.WRONG_TYPE, f"line {n}: no object")
    return _typed_line(value, f"line {n}")


def _typed_line(value: Mapping[str, Any], where: str) -> Line:
    cells: Cells = {}
    _flatten(value, "", cells, _DEEPEST)
    longest = max((len(cell) for cell in cells.values() if isinstance(cell, str)), default=0)
    if longest > MAX_CELL:
        return Line({}, Reason.TOO_LONG, f"{where}: a cell of {longest} characters")
    return Line(cells)


def _flatten(value: Mapping[str, Any], prefix: str, cells: Cells, depth: int) -> None:
    for name, part in value.items():
        if isinstance(part, dict) and depth:
            _flatten(part, f"{prefix}{name}.", cells, depth - 1)
        else:
            cells[prefix + name] = _cell(part)


def _cell(value: object) -> Raw:
    """A value of JSON or Parquet as a cell: dates and times as ISO has them, decimals as whole numbers if they are."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return _fraction(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    return _encode(value).decode()


def _fraction(value: float) -> Raw:
    """A float as a cell. NaN is how columns of numbers say that a cell is empty; what is infinite is for its reader."""
    if math.isnan(value):
        return None
    return value if math.isfinite(value) else str(value)


# --- Parquet


@contextmanager
def _parquet(path: Path) -> Iterator[Any]:
    try:
        from pyarrow import ArrowException  # noqa: PLC0415 - an extra, and 0.3 s
        from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - the same
    except ImportError:
        message = f"{path.name}: Parquet is read by an extra: pip install 'deal-signals[parquet]'"
        raise FilesError([message]) from None
    try:
        with ParquetFile(path) as file:
            yield file
    except (ArrowException, OSError) as error:
        raise FilesError([f"{path.name}: {error}"]) from error


def _parquet_lines(file: Any) -> Iterator[Line]:  # noqa: ANN401 - pyarrow publishes no types
    n = 0
    for batch in file.iter_batches(batch_size=_BATCH_ROWS):
        for row in batch.to_pylist():
            n += 1
            yield _typed_line(row, f"row {n}")
