"""A mapping is proposed from headings and values; where two readings fit, it is left open."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from programs.failures import CallError, FilesError
from programs.files.rows import records
from programs.guess.values import Looks, looks, separators
from programs.guess.writing import proposal
from topics.instants import DAY_US
from topics.outcomes import Rejected
from topics.sources.mapping_parts import ValueType
from topics.sources.tables import parser
from topics.sources.tables.mapping import MappingError, as_source, load


def look(*cells: str, name: str = "changed_at", may_be_time: bool = True) -> Looks:
    return looks(name, cells, may_be_time=may_be_time)


@pytest.mark.parametrize(
    ("cells", "kind", "formats"),
    [
        (("2024-01-31", "2024-02-01"), ValueType.DAY, ("iso",)),
        (("2024-01-31T10:00:00Z",), ValueType.INSTANT, ("iso",)),
        (("10/20/2016", "3/1/2017"), ValueType.DAY, ("%m/%d/%Y",)),
        (("20/10/2016", "3/1/2017"), ValueType.DAY, ("%d/%m/%Y",)),
        (("20.10.2016 14:05", "1.3.2017 00:00"), ValueType.INSTANT, ("%d.%m.%Y %H:%M",)),
        (("2021-01-07 6:49:18", "2021-01-07 16:49:18"), ValueType.INSTANT, ("%Y-%m-%d %H:%M:%S",)),
        (("10/20/2016 1:05 PM",), ValueType.INSTANT, ("%m/%d/%Y %I:%M %p",)),
        (("1706695200", "1706695201"), ValueType.INSTANT, ("epoch_s",)),
        (("1706695200000",), ValueType.INSTANT, ("epoch_ms",)),
        (("true", "FALSE", ""), ValueType.BOOL, ()),
        (("Yes", "no"), ValueType.BOOL, ()),
        (("1", "2.5", "?"), ValueType.NUMBER, ()),
        (("$1,234.50", "$7"), ValueType.NUMBER, ()),
        (("a", "7"), ValueType.TEXT, ()),
        (("", "?"), ValueType.TEXT, ()),
    ],
)
def test_what_a_column_looks_like(cells: tuple[str, ...], kind: ValueType, formats: tuple[str, ...]) -> None:
    found = look(*cells)
    assert (found.type, found.formats, found.unsure) == (kind, formats, "")


@pytest.mark.parametrize(
    "cells", [("3/1/2017", "12/12/2017"), ("1/2/2017 10:00", "3/4/2017 11:00"), ("1-2-2017", "3-4-2017")]
)
def test_a_date_that_fits_both_orders_is_left_open(cells: tuple[str, ...]) -> None:
    found = look(*cells)
    assert found.formats == ()
    assert "%m" in found.unsure
    assert "%d" in found.unsure


def test_where_month_and_day_are_the_same_the_order_does_not_matter() -> None:
    assert look("1/1/2017", "12/12/2017").unsure == ""


def test_digits_are_an_epoch_only_where_the_name_says_time() -> None:
    assert look("1706695200", name="id", may_be_time=False).type is ValueType.NUMBER


@pytest.mark.parametrize("nothing", ["?", "N/A", "NULL", "NaN", "-", "NA", "9999-12-31"])
def test_what_stands_for_nothing_is_no_date(nothing: str) -> None:
    found = look("2024-01-31", nothing, "2024-02-01")
    assert (found.type, found.nulls, found.rows) == (ValueType.DAY, (nothing,), 2)


@pytest.mark.parametrize(
    ("cells", "pairs"),
    [
        (("1", "2.5"), [(".", "")]),
        (("1", "20"), [(".", "")]),
        (("1,5", "2"), [(",", "")]),
        (("1.234,5",), [(",", ".")]),
        (("1,234.5",), [(".", ",")]),
        (("1 234,5",), [(",", " ")]),
        (("1,234", "12,345"), [(",", ""), (".", ",")]),  # a decimal comma, or groups of thousands
    ],
)
def test_separators_are_those_with_which_every_number_can_be_read(
    cells: tuple[str, ...], pairs: list[tuple[str, str]]
) -> None:
    assert separators([look(*cells, name="amount", may_be_time=False)]) == pairs


def write(folder: Path, name: str, heading: str, rows: Iterable[str]) -> Path:
    (folder / name).write_text("\n".join([heading, *rows, ""]))
    return folder


def refusals(path: Path) -> list[str]:
    with pytest.raises(MappingError) as raised:
        load(yaml.safe_load(proposal(path)))
    return [str(one) for one in raised.value.problems]


def test_an_order_of_the_day_that_fits_both_ways_is_refused_until_it_is_filled_in(tmp_path: Path) -> None:
    write(tmp_path, "deals.csv", "deal_id,stage,changed_at", ["D1,New,1/2/2024", "D1,Won,3/4/2024"])
    text = proposal(tmp_path)
    assert "# unsure: every date fits %m/%d/%Y and %d/%m/%Y" in text
    assert any("a date is never guessed" in one for one in refusals(tmp_path))


def test_numbers_that_can_be_read_in_two_ways_are_refused(tmp_path: Path) -> None:
    write(
        tmp_path, "deals.csv", "deal_id;stage;amount;changed_at", ["D1;New;1,234;2024-01-31", "D1;Won;9,876;2024-02-01"]
    )
    assert "decimal: unsure" in proposal(tmp_path)
    assert any(one.startswith("decimal") for one in refusals(tmp_path))


def test_weekly_exports_are_snapshots_dated_by_their_names(tmp_path: Path) -> None:
    for day in ("2024-01-05", "2024-01-12"):
        write(tmp_path, f"deals_{day}.csv", "deal_id,stage,amount", ["D1,New,5", "D2,Won,6"])
    (table,) = load(yaml.safe_load(proposal(tmp_path))).row_tables().values()
    assert (table.kind, table.file, table.event_times()[0].name) == ("snapshot", "deals_*.csv", r"(\d{4}-\d{2}-\d{2})")


@pytest.mark.parametrize(
    ("time", "is_sure"),
    [
        ("31.01.2024 09:00", False),
        ("2024-01-31 09:00:00", False),
        ("1/2/2024 09:00", False),  # of which not even the day is sure
        ("2024-01-31T09:00:00Z", True),
        ("1706695200000", True),
    ],
)
def test_times_that_name_no_zone_are_told(time: str, *, is_sure: bool, tmp_path: Path) -> None:
    write(tmp_path, "deal_history.csv", "deal_id,stage,changed_at", [f"D1,New,{time}", f"D2,Won,{time}"])
    assert ("timezone: UTC # unsure" not in proposal(tmp_path)) is is_sure


def test_a_table_without_deals_is_told(tmp_path: Path) -> None:
    write(tmp_path, "weather.csv", "city,degrees", ["Oslo,3"])
    text = proposal(tmp_path)
    assert "left out: weather.csv" in text
    assert "nothing here looks like deals" in text
    assert refusals(tmp_path)


def test_two_spellings_of_one_word_are_told(tmp_path: Path) -> None:
    write(
        tmp_path,
        "deals.csv",
        "deal_id,stage,product,changed_at",
        ["D1,New,GTX Pro,2024-01-31", "D2,New,GTXPro,2024-01-31", "D1,Won,GTX Pro,2024-02-01"],
    )
    assert "'GTX Pro' and 'GTXPro' may be the same" in proposal(tmp_path)


def test_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="no such file or folder"):
        proposal(tmp_path / "nowhere")
    with pytest.raises(FilesError, match="no CSV, JSON lines or Parquet file"):
        proposal(tmp_path)


DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))
WRITTEN = st.sampled_from(["%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%d/%m/%Y"])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["New", "Trial", "Won"]), DAYS), min_size=2, max_size=20),
    WRITTEN,
)
def test_what_is_proposed_reads_every_day_as_it_was_meant_or_is_refused(
    tmp_path: Path, changes: list[tuple[int, str, date]], written: str
) -> None:
    rows = [f"D{deal},{stage},{day.strftime(written)}" for deal, stage, day in changes]
    write(tmp_path, "deal_history.csv", "deal_id,stage,changed_at", rows)
    data = yaml.safe_load(proposal(tmp_path))
    try:
        mapping = load(data)
    except MappingError:
        assert any(month <= 12 and day <= 12 for month, day in ((one.month, one.day) for _, _, one in changes))
        return
    parse = parser(as_source("tables", data))
    outcomes = [one for record in records(tmp_path, mapping) for one in parse(record)]
    assert not [one for one in outcomes if isinstance(one, Rejected)]
    read = sorted(event.at_us for one in outcomes for event in one.events)  # type: ignore[union-attr]  # all accepted
    meant = sorted((day - date(1970, 1, 1)).days * DAY_US for _, _, day in changes)
    assert read == meant
