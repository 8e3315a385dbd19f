"""Traps of clocks and numbers: what is doubtful is counted, what cannot be is refused, nothing is guessed."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.instants import parse_rfc3339
from topics.outcomes import Accepted, Outcome, RawRecord, Rejected
from topics.sources import cells
from topics.sources.cells import Clock, Reason, UnreadableError
from topics.sources.tables import parser
from topics.sources.tables.mapping import as_source
from topics.sources.tables.rows import Row, encode

BERLIN = ZoneInfo("Europe/Berlin")
#: Clocks were put back on 2023-10-29 at 03:00 and forward on 2024-03-31 at 02:00.
TWICE, LEFT_OUT = "2023-10-29 02:30:00", "2024-03-31 02:30:00"


@pytest.mark.parametrize(("later", "moment"), [(False, "2023-10-29T00:30:00Z"), (True, "2023-10-29T01:30:00Z")])
def test_a_time_that_was_twice_is_the_declared_one(moment: str, *, later: bool) -> None:
    clock = Clock(BERLIN, later=later)
    assert cells.instant(("iso",), clock)(TWICE) == parse_rfc3339(moment)
    assert cells.ambiguous(("iso",), clock)(TWICE)
    assert not cells.ambiguous(("iso",), clock)("2023-10-29 03:30:00")
    assert not cells.ambiguous(("iso",), clock)("2023-10-29T02:30:00+02:00")
    assert not cells.ambiguous(("epoch_s",), clock)("1698539400")
    assert not cells.ambiguous(("iso",), clock)("no time")


def test_a_time_that_was_left_out_is_refused() -> None:
    with pytest.raises(UnreadableError, match="clocks went forward"):
        cells.instant(("iso",), Clock(BERLIN))(LEFT_OUT)
    assert cells.instant(("iso",), Clock())(LEFT_OUT) == parse_rfc3339("2024-03-31T02:30:00Z")


@pytest.mark.parametrize(
    ("stamped", "moment"),
    [
        ("2024-01-05T09:00:00+00:00", "2024-01-05T08:00:00Z"),
        ("2024-07-05T09:00:00+00:00", "2024-07-05T07:00:00Z"),
        ("2024-07-05T09:00:00Z", "2024-07-05T07:00:00Z"),
        ("2024-07-05T09:00:00", "2024-07-05T07:00:00Z"),
    ],
)
def test_digits_that_were_stamped_wrongly_are_those_of_the_zone(stamped: str, moment: str) -> None:
    assert cells.instant(("iso",), Clock(BERLIN, local=True))(stamped) == parse_rfc3339(moment)


def test_an_epoch_is_never_local() -> None:
    local = cells.instant(("epoch_s",), Clock(BERLIN, local=True))
    assert local("1704445200") == parse_rfc3339("2024-01-05T09:00:00Z")


@pytest.mark.parametrize(
    ("formats", "cell"),
    [
        (("epoch_s",), "1704445200000"),  # milliseconds
        (("epoch_ms",), "1704445200"),  # seconds
        (("epoch_ms",), "0"),
        (("iso",), "9999-12-31"),
        (("iso",), "1970-01-01T00:00:00Z"),
        (("iso",), "1970-01-20 17:27:25"),  # seconds that somebody read as milliseconds
        (("iso",), "0001-01-01T00:00:00+14:00"),
        (("iso",), "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_wild_time_is_absurd(formats: tuple[str, ...], cell: str) -> None:
    for clock in (Clock(), Clock(BERLIN)):
        with pytest.raises(UnreadableError) as raised:
            cells.instant(formats, clock)(cell)
        assert raised.value.reason is Reason.ABSURD_TIME


@given(st.text(max_size=40) | st.datetimes().map(str) | st.integers().map(str))
def test_any_text_is_an_instant_or_refused(cell: str) -> None:
    for formats in (("iso",), ("epoch_s",), ("epoch_ms",), ("%m/%d/%Y", "%d.%m.%Y %H:%M")):
        with suppress(UnreadableError):  # any other exception fails
            cells.instant(formats, Clock(BERLIN))(cell)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("$1,234.50", 1234.5),
        ("-$1,234.50", -1234.5),
        ("$-5", -5.0),
        ("1,234.50 EUR", 1234.5),
        ("EUR 1,234", 1234.0),
        ("7%", None),
        ("$ ", None),
        ("-$-5", None),
        ("1.234,50", None),
    ],
)
def test_signs_of_a_currency_are_those_that_are_declared(cell: str, value: float | None) -> None:
    read = cells.number(".", ",", ("$", "EUR"))
    if value is None:
        with pytest.raises(UnreadableError):
            read(cell)
    else:
        assert read(cell) == value


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u202f"])
def test_groups_may_be_apart_by_any_space(space: str) -> None:
    assert cells.number(",", " ")(f"1{space}234{space}567,5") == 1234567.5


@pytest.mark.parametrize(("cell", "code"), [("EUR", "EUR"), ("usd", "USD"), ("€", None), ("EURO", None), ("E1R", None)])
def test_a_currency_is_three_letters(cell: str, code: str | None) -> None:
    if code is None:
        with pytest.raises(UnreadableError):
            cells.currency(cell)
    else:
        assert cells.currency(cell) == code


DATA: dict[str, Any] = {
    "tenant": "acme",
    "timezone": "Europe/Berlin",
    "tables": {
        "deals": {
            "kind": "history",
            "file": "deals.csv",
            "deal": "id",
            "at": {"column": "at", "type": "instant", "format": "iso"},
            "columns": {
                "amount": {"to": "amount", "type": "number"},
                "currency": "currency",
                "seen": {"to": "created_at", "type": "instant", "format": "iso"},
            },
        }
    },
}
PARSE = parser(as_source("tables", DATA))


def outcome(**row: str | float | bool | None) -> Outcome:
    said: dict[str, str | int | float | bool | None] = {
        "id": "D1",
        "at": "2024-01-05",
        "amount": 1,
        "currency": "EUR",
        "seen": "",
    }
    (one,) = PARSE(RawRecord(None, encode(Row("deals", 1, said | row))))
    return one


def test_what_was_twice_is_counted_by_its_column() -> None:
    one = outcome(at=TWICE, seen=TWICE)
    assert isinstance(one, Accepted)
    assert sorted(one.dirt) == ["ambiguous.at", "ambiguous.seen"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"currency": "Euro"}, "bad_currency"),
        ({"at": LEFT_OUT}, "bad_date"),
        ({"at": "1970-01-19 07:11:40"}, "absurd_time"),
        ({"amount": "1e999"}, "wrong_type"),
        ({"amount": True}, "wrong_type"),
    ],
)
def test_what_cannot_be_is_rejected_by_name(row: dict[str, str], reason: str) -> None:
    one = outcome(**row)
    assert isinstance(one, Rejected)
    assert one.reason == reason


@pytest.mark.parametrize("given_id", [9_007_199_254_740_993, "9007199254740993", 12345678901234567890])
def test_an_id_of_many_digits_keeps_them_all(given_id: str | int) -> None:
    one = outcome(id=given_id)
    assert isinstance(one, Accepted)
    assert one.events[0].key == f"tables/acme:{given_id}"
