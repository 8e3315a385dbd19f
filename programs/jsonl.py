"""Raw records at rest, as `.jsonl` or `.json`.

`.jsonl`: one JSON object per line, {"timestamp": microseconds, "key": text, "value": anything}. `signals simulate`
writes such files; a raw topic that was dumped reads the same. A line that is no such object is a record by itself: a
payload as the source sent it, or something that the parser rejects with its reason. No line is lost.

`.json`: one payload, or an array of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from topics.outcomes import RawRecord


class _Line(msgspec.Struct):
    value: msgspec.Raw
    timestamp: int = 0
    key: str | None = None
    headers: dict[str, str] = {}


_decode = msgspec.json.Decoder(_Line).decode
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_jsonl(path: Path) -> Iterator[RawRecord]:
    """The records of a file, in its order. Raises OSError."""
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield _record(line.rstrip(b"\r\n"))


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


def _record(line: bytes) -> RawRecord:
    try:
        read = _decode(line)
    except msgspec.DecodeError:
        return RawRecord(None, line)
    headers = tuple((name, text.encode()) for name, text in read.headers.items())
    return RawRecord(None if read.key is None else read.key.encode(), bytes(read.value), headers, read.timestamp)
