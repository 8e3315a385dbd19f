"""A line is a record with all that Kafka knows of it, or a payload by itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from programs.jsonl import read_jsonl, read_piece, record_of
from topics.outcomes import RawRecord

LINES: list[tuple[str, str, RawRecord]] = [
    ("a value", '{"value": {"a": 1}}', RawRecord(None, b'{"a": 1}')),
    ("a value in text", '{"value": "a"}', RawRecord(None, b'"a"')),
    ("no value: a tombstone", '{"key": "7", "value": null}', RawRecord(b"7", None)),
    ("a key in text", '{"key": "7", "value": 1}', RawRecord(b"7", b"1")),
    ("a key in JSON", '{"key": {"id": 7}, "value": 1}', RawRecord(b'{"id": 7}', b"1")),
    ("a key in JSON as text", '{"key": "{\\"id\\": 7}", "value": 1}', RawRecord(b'{"id": 7}', b"1")),
    ("no key", '{"key": null, "value": 1}', RawRecord(None, b"1")),
    (
        "headers and a time",
        '{"headers": {"ce_id": "1", "empty": null}, "timestamp": 5, "value": null}',
        RawRecord(None, None, (("ce_id", b"1"), ("empty", None)), 5),
    ),
    (
        "where it stood",
        '{"topic": "crm.raw.crm", "partition": 1, "offset": 9, "key": null, "value": {"a": 1}, "timestamp": 5}',
        RawRecord(None, b'{"a": 1}', (), 5),
    ),
    ("a payload", '{"op": "u", "after": {"id": 7}}', RawRecord(None, b'{"op": "u", "after": {"id": 7}}')),
    ("a payload with a value of its own", '{"id": 7, "value": 100}', RawRecord(None, b'{"id": 7, "value": 100}')),
    ("no JSON", "half a line", RawRecord(None, b"half a line")),
    ("a key that is no text", '{"key": "\\ud800", "value": 1}', RawRecord(None, b'{"key": "\\ud800", "value": 1}')),
    ("a time that is text", '{"value": 1, "timestamp": "now"}', RawRecord(None, b'{"value": 1, "timestamp": "now"}')),
]


@pytest.mark.parametrize(("line", "record"), [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_a_line(line: str, record: RawRecord) -> None:
    assert record_of(line.encode()) == record


def test_no_line_is_lost(tmp_path: Path) -> None:
    file = tmp_path / "crm.jsonl"
    file.write_text("\n".join(line for _, line, _ in LINES) + "\n\n" + json.dumps({"value": None}))
    expected = [*(record for _, _, record in LINES), RawRecord(None, None)]
    assert list(read_jsonl(file)) == expected
    half = file.stat().st_size // 2
    pieces = [*read_piece(file, 0, half), *read_piece(file, half, file.stat().st_size)]
    assert [record for _, record in pieces] == expected
