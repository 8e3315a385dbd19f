"""Files become records: every row once, in order of time, joined, with what is wrong named."""

from __future__ import annotations

import gzip
import json
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from programs.failures import FilesError
from programs.files import rows as files
from programs.files.formats import Line, csv_lines
from topics.events import DealChanged
from topics.outcomes import Accepted, Rejected
from topics.sources import tables
from topics.sources.tables.mapping import as_source, load

AT = {"column": "at", "type": "day", "format": "iso"}
DEALS: dict[str, Any] = {"kind": "history", "file": "deals*.csv", "deal": "id", "at": AT, "columns": {"stage": "stage"}}
CALLS: dict[str, Any] = {"kind": "activity", "file": "calls.csv*", "deal": "id", "at": AT, "sorted": True}
PEOPLE: dict[str, Any] = {"kind": "lookup", "file": "people.csv", "key": "name"}


def mapping(**tables: object) -> dict[str, Any]:
    return {"tenant": "acme", "tables": tables}


def rows(folder: Path, data: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(record.value or b"") for record in files.records(folder, load(data))]


def places(folder: Path, data: dict[str, Any]) -> list[tuple[str, int]]:
    return [(row["table"], row["n"]) for row in rows(folder, data)]


def write(folder: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.csv").write_bytes(text.encode())
    return folder


def problems(folder: Path, data: dict[str, Any]) -> list[str]:
    with pytest.raises(FilesError) as raised:
        list(files.records(folder, load(data)))
    return list(raised.value.problems)


def test_a_row_is_one_record_with_its_table_its_number_and_its_deal_as_the_key(tmp_path: Path) -> None:
    write(tmp_path, deals="id,at,stage,note\nD1,2017-01-01,Open,\n")
    (record,) = files.records(tmp_path, load(mapping(deals=DEALS)))
    assert record.key == b"D1"
    assert json.loads(record.value or b"") == {
        "table": "deals",
        "n": 1,
        "row": {"id": "D1", "at": "2017-01-01", "stage": "Open", "note": ""},
    }


def test_tables_are_merged_by_time_then_by_table_then_by_row(tmp_path: Path) -> None:
    write(
        tmp_path,
        deals="id,at,stage\nD1,2017-01-03,c\nD1,2017-01-01,a\nD1,2017-01-03,d\nD1,,u\nD1,never,v\n",
        calls="id,at\nD1,2017-01-01\nD1,\nD1,2017-01-02\nD1,2017-01-03\n",
    )
    assert places(tmp_path, mapping(calls=CALLS, deals=DEALS)) == [
        ("deals", 4),  # without a usable time: before all
        ("deals", 5),
        ("calls", 1),
        ("calls", 2),  # without a time, but streamed: stays with its neighbour
        ("deals", 2),
        ("calls", 3),
        ("calls", 4),
        ("deals", 1),
        ("deals", 3),
    ]


def test_several_files_of_a_table_are_one_table_in_order_of_name(tmp_path: Path) -> None:
    for day in (3, 9, 1, 7, 2, 8, 4, 6, 5):
        write(tmp_path, **{f"deals_{day}": f"id,stage,at\nD1,{day},2017-01-01\n"})
    write(tmp_path, deals="at,id,stage\n2017-01-01,D1,0\n2017-01-01,D1,00\n")
    read = [(row["n"], row["row"]["stage"]) for row in rows(tmp_path, mapping(deals=DEALS))]
    assert read == [(1, "0"), (2, "00"), *((day + 2, str(day)) for day in range(1, 10))]


def test_a_single_file_is_read_as_the_table_that_it_belongs_to(tmp_path: Path) -> None:
    write(tmp_path, deals="id,at,stage\nD1,2017-01-01,a\n")
    assert places(tmp_path / "deals.csv", mapping(deals=DEALS, calls=CALLS)) == [("deals", 1)]


def test_gzip_is_unpacked(tmp_path: Path) -> None:
    (tmp_path / "calls.csv.gz").write_bytes(gzip.compress(b"id,at\nD1,2017-01-01\n"))
    assert places(tmp_path, mapping(calls=CALLS)) == [("calls", 1)]


def test_an_excel_export_is_read_with_its_byte_order_mark_its_semicolons_and_its_line_ends(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_bytes('id;at;stage\r\nD1;2017-01-01;"a\r\nb ""c"""\r\n\r\n'.encode("utf-8-sig"))
    (row,) = rows(tmp_path, mapping(deals=DEALS | {"delimiter": ";"}))
    assert row["row"] == {"id": "D1", "at": "2017-01-01", "stage": 'a\r\nb "c"'}


def test_another_encoding_is_read_as_declared(tmp_path: Path) -> None:
    (tmp_path / "deals.csv").write_bytes("id,at,stage\nD1,2017-01-01,Übergabe\n".encode("cp1252"))
    (row,) = rows(tmp_path, mapping(deals=DEALS | {"encoding": "cp1252"}))
    assert row["row"]["stage"] == "Übergabe"


def test_lookups_are_asked_with_the_repaired_value_and_bring_only_what_is_mapped(tmp_path: Path) -> None:
    write(
        tmp_path,
        deals="id,at,stage,owner\nD1,2017-01-01,a,Anne\nD2,2017-01-01,a,Eve\nD3,2017-01-01,a,\n",
        people="name,team,phone\nAnn,East,1\n",
    )
    owner = {"to": "owner_id", "repairs": {"Anne": "Ann"}, "join": "people"}
    data = mapping(deals=DEALS | {"columns": {"owner": owner, "people.team": "team"}}, people=PEOPLE)
    assert [row.get("joined", {}) for row in rows(tmp_path, data)] == [
        {"people.name": "Ann", "people.team": "East"},
        {},
        {},
    ]
    parse = tables.parser(as_source("tables", data))
    outcomes = [parse(record)[0] for record in files.records(tmp_path, load(data))]
    assert [one.dirt for one in outcomes if isinstance(one, Accepted)] == [
        ("repaired.owner",),
        ("unmatched.owner",),
        (),
    ]


def test_a_row_that_cannot_be_read_is_rejected_by_name_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = [
        b"id,at,stage",
        b"D1,2017-01-01",
        b"D2,2017-01-01,a,b",
        b'D3,2017-01-01,"a"b',
        b"D4,2017-01-01,\xff",
        b"D5,2017-01-01," + b"x" * 100_000,
        b"D6,2017-01-01," + b"x" * 200_000,
        b"D7,2017-01-01,\x00",
        b'D8,2017-01-01,"never closed',
    ]
    (tmp_path / "deals.csv").write_bytes(b"\n".join(lines))
    parse = tables.parser(as_source("tables", mapping(deals=DEALS)))
    outcomes = [parse(record)[0] for record in files.records(tmp_path, load(mapping(deals=DEALS)))]
    assert sorted(one.reason for one in outcomes if isinstance(one, Rejected)) == [
        "bad_quoting",
        "bad_quoting",
        "bad_quoting",
        "not_text",
        "ragged_row",
        "ragged_row",
        "too_long",
    ]
    assert len(outcomes) == 8
    details = {one.detail for one in outcomes if isinstance(one, Rejected)}
    assert {"2 cells under 3 headings", "4 cells under 3 headings", "a cell of 100000 characters"} <= details


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a,b\n", []),
        ("a,b\n1,2\n\n3,4", [Line({"a": "1", "b": "2"}), Line({"a": "3", "b": "4"})]),
        ("a,b\n1\n", [Line({"a": "1"}, "ragged_row", "1 cells under 2 headings")]),
    ],
)
def test_csv_lines(text: str, lines: list[Line]) -> None:
    assert list(csv_lines(text.splitlines(keepends=True), ",")) == lines


@given(st.text(max_size=300))
def test_any_text_under_a_heading_is_some_lines_and_never_an_exception(text: str) -> None:
    for line in csv_lines(["a,b\n", *text.splitlines(keepends=True)], ","):
        assert line.flaw or set(line.cells) == {"a", "b"}


@pytest.mark.parametrize(
    ("stages", "again"),
    [
        ("ABC", [0, 0, 0]),
        ("ABA", [0, 0, 1]),  # came back within the day
        ("AAB", [0, 0, 0]),  # written twice running: a repeat
        ("ABABA", [0, 0, 1, 1, 2]),
        ("AABBAA", [0, 0, 0, 0, 1, 1]),
    ],
)
@pytest.mark.parametrize("is_sorted", [True, False])
def test_a_history_by_days_knows_how_often_a_row_came_back(
    stages: str, again: list[int], tmp_path: Path, *, is_sorted: bool
) -> None:
    body = "".join(f"D1,2017-01-01,{stage}\nD2,2017-01-01,{stage}\n" for stage in stages)
    write(tmp_path, deals="id,at,stage\n" + body + "D1,2017-01-02,A\n")
    data = mapping(deals=DEALS | {"sorted": is_sorted})
    read = rows(tmp_path, data)
    assert [row.get("again", 0) for row in read if row["row"]["id"] == "D1"] == [*again, 0]
    parse = tables.parser(as_source("tables", data))
    events = [
        event
        for record in files.records(tmp_path, load(data))
        for one in parse(record)
        if isinstance(one, Accepted)
        for event in one.events
        if isinstance(event, DealChanged) and event.key.endswith("D1")
    ]
    first_of_each = {event.id: event for event in reversed(events)}
    in_order = sorted(first_of_each.values(), key=lambda event: event.order)
    changes = [stage for stage, _ in groupby(stages)]
    assert [event.fields["stage"] for event in in_order] == [*changes, "A"]


def test_what_two_exports_overlap_in_is_a_repeat(tmp_path: Path) -> None:
    day = "D1,2017-01-01,A\nD1,2017-01-01,B\nD1,2017-01-01,A\n"
    write(tmp_path, deals_1="id,at,stage\n" + day, deals_2="id,at,stage\n" + day + "D1,2017-01-02,B\n")
    data = mapping(deals=DEALS)
    assert [row.get("again", 0) for row in rows(tmp_path, data)] == [0, 0, 1, 0, 0, 1, 0]
    parse = tables.parser(as_source("tables", data))
    outcomes = [parse(record)[0] for record in files.records(tmp_path, load(data))]
    ids = [event.id for one in outcomes if isinstance(one, Accepted) for event in one.events]
    assert ids[:3] == ids[3:6]
    assert len(set(ids)) == 4
    assert [one.dirt for one in outcomes if isinstance(one, Accepted)].count(("again.row",)) == 2


def test_everything_wrong_with_the_files_is_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, deals_1="id,id,when,stage\n", deals_2="", people="nom\n")
    (tmp_path / "calls.csv.gz").write_bytes(b"no gzip")
    owner = {"owner": {"to": "owner_id", "join": "people"}, "people.team": "team"}
    more = {"kind": "history", "file": "more/*.csv", "deal": "id", "at": AT, "columns": owner}
    assert problems(tmp_path, mapping(deals=DEALS, calls=CALLS, more=more, people=PEOPLE)) == [
        "deals_1.csv: no column 'at'",
        "deals_1.csv: 2 columns 'id'",
        "deals_2.csv: no column 'at'",
        "deals_2.csv: no column 'id'",
        "deals_2.csv: no column 'stage'",
        "calls.csv.gz: Not a gzipped file (b'no')",
        f"more: no file 'more/*.csv' in {tmp_path}",
        "people.csv: no column 'name'",
        "people.csv: no column 'team'",
    ]


def test_a_folder_that_is_not_there_and_a_file_of_no_table_are_told(tmp_path: Path) -> None:
    write(tmp_path, other="id\n")
    data = mapping(deals=DEALS)
    assert problems(tmp_path / "nowhere", data) == [f"{tmp_path / 'nowhere'}: no such file or folder"]
    assert problems(tmp_path / "other.csv", data) == [
        f"{tmp_path / 'other.csv'}: no table of the mapping is read from a file of this name"
    ]


def test_a_sorted_table_is_streamed_so_a_truncated_file_is_told_after_what_could_be_read(tmp_path: Path) -> None:
    whole = gzip.compress(b"id,at\n" + b"".join(b"D%d,2017-01-01\n" % n for n in range(50_000)))
    (tmp_path / "calls.csv.gz").write_bytes(whole[: len(whole) // 2])
    stream = files.records(tmp_path, load(mapping(calls=CALLS)))
    assert next(stream).key == b"D0"
    with pytest.raises(FilesError, match=r"calls.csv.gz: Compressed file ended"):
        list(stream)


def test_a_table_that_is_not_sorted_as_declared_is_told_with_its_row(tmp_path: Path) -> None:
    write(tmp_path, calls="id,at\nD1,2017-01-02\nD1,\nD1,2017-01-01\n")
    assert problems(tmp_path, mapping(calls=CALLS)) == [
        "calls: row 3 is earlier than the one before it, so the table is not sorted"
    ]


def test_a_lookup_must_have_one_row_per_key(tmp_path: Path) -> None:
    write(tmp_path, deals="id,at,owner\n", people="name,team\nAnn,East\nAnn,East\nAnn,West\nBob\n")
    owner = {"owner": {"to": "owner_id", "join": "people"}, "people.team": "team"}
    assert problems(tmp_path, mapping(deals=DEALS | {"columns": owner}, people=PEOPLE)) == [
        "people.csv: row 3: a second, different row for name 'Ann'",
        "people.csv: row 4: ragged_row: 1 cells under 2 headings",
    ]
