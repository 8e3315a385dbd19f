"""The same rows as CSV, JSON lines and Parquet, packed or not, are the same events; what cannot be read is named."""

from __future__ import annotations

import gzip
import json
import math
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from programs.failures import FilesError
from programs.files.order import RUN_ROWS, Placed, in_order
from programs.files.rows import records
from topics.events import DealChanged
from topics.outcomes import Accepted, Outcome, Rejected
from topics.sources.tables import parser
from topics.sources.tables.mapping import as_source, load

DATA: dict[str, Any] = {
    "tenant": "acme",
    "tables": {
        "deals": {
            "kind": "history",
            "file": "deals.*",
            "deal": "id",
            "at": {"column": "at", "type": "instant", "format": "iso"},
            "columns": {
                "stage": "stage",
                "amount": {"to": "amount", "type": "number"},
                "close": {"to": "close_date", "type": "day", "format": "iso"},
                "hot": {"to": "hot", "type": "bool"},
                "owner.id": {"to": "owner_id", "optional": True},
            },
        }
    },
}
ROWS: list[dict[str, Any]] = [
    {
        "id": 9_007_199_254_740_993,
        "at": datetime(2024, 1, 5, 12, tzinfo=UTC),
        "stage": "New",
        "amount": 1234.5,
        "close": date(2024, 6, 30),
        "hot": True,
        "owner": {"id": "005"},
    },
    {
        "id": 2,
        "at": datetime(2024, 1, 6, tzinfo=UTC),
        "stage": None,
        "amount": 0,
        "close": None,
        "hot": False,
        "owner": None,
    },
]


def outcomes(folder: Path, data: dict[str, Any] = DATA) -> list[Outcome]:
    parse = parser(as_source("tables", data))
    return [one for record in records(folder, load(data)) for one in parse(record)]


def events(folder: Path) -> list[tuple[str, int, dict[str, Any]]]:
    found = []
    for one in outcomes(folder):
        assert isinstance(one, Accepted), one
        (event,) = one.events
        assert isinstance(event, DealChanged)
        found.append((event.key, event.at_us, event.fields))
    return found


EXPECTED = [
    (
        "tables/acme:9007199254740993",
        1_704_456_000_000_000,
        {"stage": "New", "amount": 1234.5, "close_date": "2024-06-30", "hot": True, "owner_id": "005"},
    ),
    (
        "tables/acme:2",
        1_704_499_200_000_000,
        {"stage": None, "amount": 0.0, "close_date": None, "hot": False, "owner_id": None},
    ),
]


def as_json(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, default=lambda value: value.isoformat()) + "\n" for row in rows).encode()


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    def cell(value: object) -> str:
        if isinstance(value, datetime | date):
            return value.isoformat()
        return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

    heads = ["id", "at", "stage", "amount", "close", "hot", "owner.id"]
    flat = [{**row, "owner.id": (row["owner"] or {}).get("id")} for row in rows]
    return "".join(
        ",".join(line) + "\n" for line in (heads, *([cell(row[head]) for head in heads] for row in flat))
    ).encode()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor().compress,
}


@pytest.mark.parametrize("packed", PACKED)
@pytest.mark.parametrize(
    ("end", "content"), [(".csv", as_csv(ROWS)), (".jsonl", as_json(ROWS)), (".ndjson", as_json(ROWS))]
)
def test_the_same_rows_are_the_same_events(end: str, content: bytes, packed: str, tmp_path: Path) -> None:
    (tmp_path / f"deals{end}{packed}").write_bytes(PACKED[packed](content))
    assert events(tmp_path) == EXPECTED


def test_parquet_too(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "deals.parquet")
    assert events(tmp_path) == EXPECTED


def test_parquet_s_own_types_are_read_by_the_declared_ones(tmp_path: Path) -> None:
    zoned = datetime(2024, 1, 5, 13, tzinfo=timezone(timedelta(hours=1)))
    row = {
        "id": Decimal(9007199254740993),
        "at": zoned,
        "stage": b"New",
        "amount": Decimal("1234.50"),
        "close": datetime(2024, 6, 30),  # noqa: DTZ001 -- a time without a zone
    }
    pq.write_table(pa.Table.from_pylist([row | {"hot": True, "owner": {"id": "005"}}]), tmp_path / "deals.parquet")
    assert events(tmp_path) == EXPECTED[:1]


def fractions(folder: Path, ids: list[float | None]) -> list[Outcome]:
    """Rows of a Parquet file in which ids are fractions, as many writers have columns of numbers with empty cells."""
    rows = [ROWS[0] | {"id": None, "owner": {"id": one}} for one in ids]
    table = pa.Table.from_pylist(rows).set_column(0, "id", pa.array(ids, pa.float64()))
    pq.write_table(table, folder / "deals.parquet")
    return outcomes(folder)


def test_an_id_that_a_file_has_as_a_fraction_is_the_same_id(tmp_path: Path) -> None:
    (one,) = fractions(tmp_path, [7.0])
    assert isinstance(one, Accepted)
    assert isinstance(one.events[0], DealChanged)
    assert (one.events[0].key, one.events[0].fields["owner_id"]) == ("tables/acme:7", "7")


@pytest.mark.parametrize(
    ("id", "reason"), [(1.5, "wrong_type"), (2.0**53, "wrong_type"), (math.nan, "no_deal_id"), (None, "no_deal_id")]
)
def test_an_id_that_is_a_fraction_or_may_have_lost_digits_is_none(
    id: float | None,  # noqa: A002 -- what it is
    reason: str,
    tmp_path: Path,
) -> None:
    (one,) = fractions(tmp_path, [id])
    assert isinstance(one, Rejected)
    assert one.reason == reason


def test_a_format_may_be_declared_against_the_name(tmp_path: Path) -> None:
    (tmp_path / "deals.txt").write_bytes(as_json(ROWS))
    data = {**DATA, "tables": {"deals": DATA["tables"]["deals"] | {"format": "jsonl"}}}
    assert len(outcomes(tmp_path, data)) == 2


def test_numbers_of_json_need_no_decimal_sign(tmp_path: Path) -> None:
    (tmp_path / "deals.jsonl").write_bytes(as_json(ROWS))
    (one, _) = outcomes(tmp_path, DATA | {"decimal": ",", "thousands": "."})
    assert isinstance(one, Accepted)
    assert isinstance(one.events[0], DealChanged)
    assert one.events[0].fields["amount"] == 1234.5


def test_lines_that_are_no_rows_are_rejected_by_name(tmp_path: Path) -> None:
    good = as_json(ROWS[:1])
    lines = [good, b"{\n", b"[1]\n", b"\n", b'{"id": "\\ud800"}\n', b'{"id": "' + b"x" * 600_000 + b'"}\n', good]
    (tmp_path / "deals.jsonl").write_bytes(b"".join(lines))
    reasons = [one.reason for one in outcomes(tmp_path) if isinstance(one, Rejected)]
    assert sorted(reasons) == ["not_json", "not_json", "too_long", "wrong_type"]


def test_a_column_that_no_row_has_is_told(tmp_path: Path) -> None:
    (tmp_path / "deals.jsonl").write_bytes(
        b'{"id": 1, "at": "2024-01-05", "stage": "New", "amount": 1, "close": null}\n'
    )
    with pytest.raises(FilesError, match="no column 'hot' in its first rows"):
        outcomes(tmp_path)


def test_what_a_row_does_not_name_it_does_not_say(tmp_path: Path) -> None:
    second = b'{"id": 1, "at": "2024-01-06T00:00:00Z", "stage": "Won"}\n'
    (tmp_path / "deals.jsonl").write_bytes(as_json(ROWS[:1]) + second)
    assert events(tmp_path)[1][2] == {"stage": "Won"}


def test_parquet_without_its_reader_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deals.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(FilesError, match=r"pip install 'deal-signals\[parquet\]'"):
        outcomes(tmp_path)


@pytest.mark.parametrize("name", ["deals.parquet", "deals.csv.zst", "deals.csv.gz"])
def test_a_file_that_is_broken_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"no such thing")
    with pytest.raises(FilesError, match=name):
        outcomes(tmp_path)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), max_size=8))
def test_any_lines_are_so_many_rows_and_never_an_exception(tmp_path: Path, lines: list[bytes]) -> None:
    content = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    (tmp_path / "deals.jsonl").write_bytes(as_json(ROWS[:1]) + content)
    rows = sum(bool(line.strip(b" \t\n\r\x0b\x0c")) for line in content.split(b"\n"))
    assert len(outcomes(tmp_path)) == rows + 1


def test_more_rows_than_a_run_holds_are_sorted_as_in_memory(tmp_path: Path) -> None:
    count = 2 * RUN_ROWS + 1
    rows = [Placed((n * 7_919) % 1_000, 0, n, 0, b"", b"{}", b"") for n in range(count)]
    assert list(in_order(iter(rows), tmp_path)) == sorted(rows)
    assert len(list(tmp_path.iterdir())) == 2
