"""Raw records at rest, as `.jsonl` or `.json`.

`.jsonl`: one JSON object per line, {"timestamp": microseconds, "key": text or JSON, "headers": {name: text or null},
"value": anything, or null for a record without a value}. `signals simulate` writes such files; a raw topic that was
dumped reads the same. A line that is no such object is a record by itself: a payload as the source sent it, or
something that the parser rejects with its reason. No line is lost.

A log of `deal.events` is `.jsonl`, too: {"partition": 0, "offset": 17, "timestamp": microseconds, "key": text, "value":
the event, or null}. It is our own, so that a line that is none is a mistake and no record.

`.json`: one payload, or an array of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from programs.failures import FilesError
from signals.relive import LogRecord
from topics.outcomes import RawRecord


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    """A record; where it stood does not matter. An object with any other name in it is a payload with a `value`."""

    value: msgspec.Raw
    timestamp: int = 0
    key: msgspec.Raw = msgspec.Raw(b"null")
    headers: dict[str, str | None] = {}
    topic: str = ""
    partition: int = 0
    offset: int = 0


class _LogLine(msgspec.Struct):
    partition: int
    offset: int
    value: msgspec.Raw
    timestamp: int = 0
    key: str | None = None


_decode = msgspec.json.Decoder(_Line).decode
_decode_log = msgspec.json.Decoder(_LogLine).decode
_decode_text = msgspec.json.Decoder(str).decode
_NULL = b"null"
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_jsonl(path: Path) -> Iterator[RawRecord]:
    """The records of a file, in its order. Raises OSError."""
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield record_of(line.rstrip(b"\r\n"))


def read_piece(path: Path, start: int, end: int) -> Iterator[tuple[int, RawRecord]]:
    """The records of the lines that begin between two bytes of a file, each with the byte where it begins.

    So pieces that follow each other give every line once, wherever they are cut. A piece is held in memory. Raises
    OSError.
    """
    with path.open("rb") as file:
        if start:
            file.seek(start - 1)
            start += len(file.readline()) - 1
        content = file.read(max(0, end - start))
        if not content.endswith(b"\n"):
            content += file.readline() if content else b""
    for line in content.split(b"\n"):
        if line and not line.isspace():
            yield start, record_of(line.rstrip(b"\r"))
        start += len(line) + 1


def read_json(path: Path) -> Iterator[RawRecord]:
    """The payloads of a file: each element of an array, else the whole. Raises OSError."""
    content = path.read_bytes()
    try:
        payloads = _decode_array(content)
    except msgspec.DecodeError:
        yield RawRecord(None, content)
        return
    for payload in payloads:
        yield RawRecord(None, bytes(payload))


def read_log(path: Path) -> Iterator[LogRecord]:
    """The records of a log, in its order. Raises FilesError for a line that is none, OSError."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield _log_record(path, number, line)


def _log_record(path: Path, number: int, line: bytes) -> LogRecord:
    try:
        read = _decode_log(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FilesError([f"{path.name}: line {number}: {error}"]) from None
    value, key = bytes(read.value), None if read.key is None else read.key.encode()
    return LogRecord(read.partition, read.offset, read.timestamp, key, None if value == _NULL else value)


def record_of(line: bytes) -> RawRecord:
    """The record that stands in a line without its end: of its envelope, else the line itself."""
    try:
        read = _decode(line)
        key = _key(bytes(read.key))
    except msgspec.DecodeError:
        return RawRecord(None, line)
    headers = tuple((name, None if text is None else text.encode()) for name, text in read.headers.items())
    value = bytes(read.value)
    return RawRecord(key, None if value == _NULL else value, headers, read.timestamp)


def _key(said: bytes) -> bytes | None:
    """A key is text; anything else is a key in JSON, as it stands."""
    if said == _NULL:
        return None
    return _decode_text(said).encode() if said.startswith(b'"') else said
