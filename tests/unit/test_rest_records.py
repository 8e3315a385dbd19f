"""Raw records at rest: lines with an envelope, lines without, payload files, folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from programs.failures import CallError
from programs.rest import records_at_rest
from topics.outcomes import RawRecord
from topics.sources.source import Source, SourceKind

CRM = Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="acme")


def read(path: Path) -> list[RawRecord]:
    return list(records_at_rest(path, CRM))


def test_a_line_with_an_envelope_is_its_record(tmp_path: Path) -> None:
    file = tmp_path / "dump.jsonl"
    file.write_text('{"timestamp":5,"key":"k","value":{"a":1},"headers":{"h":"v"}}\n\n')
    assert read(file) == [RawRecord(b"k", b'{"a":1}', (("h", b"v"),), 5)]


@pytest.mark.parametrize("line", [b'{"ChangeEventHeader":{}}', b"not json", b"[1,2]", b'{"value":'])
def test_a_line_without_one_is_a_record_by_itself(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "dump.jsonl"
    file.write_bytes(line + b"\n")
    assert read(file) == [RawRecord(None, line)]


def test_a_json_file_is_one_payload_however_it_is_laid_out(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text('{\n  "a": 1\n}\n')
    assert read(file) == [RawRecord(None, b'{\n  "a": 1\n}\n')]


def test_an_array_is_a_payload_each(tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    file.write_text('[{"a": 1}, {"b": 2}]')
    assert read(file) == [RawRecord(None, b'{"a": 1}'), RawRecord(None, b'{"b": 2}')]


def test_a_folder_is_read_by_the_source_s_name_or_else_whole(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text('{"b":2}')
    (tmp_path / "a.jsonl").write_text('{"a":1}\n')
    (tmp_path / "notes.txt").write_text("no record")
    assert [record.value for record in read(tmp_path)] == [b'{"a":1}', b'{"b":2}']
    (tmp_path / "salesforce.jsonl").write_text('{"value":3}\n')
    assert [record.value for record in read(tmp_path)] == [b"3"]


@pytest.mark.parametrize("name", ["", "nowhere", "nothing.jsonl"])
def test_what_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(CallError, match="no such file"):
        read(tmp_path / name)
