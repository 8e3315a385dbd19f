"""Cells of text become values by their declared format, and are refused where they do not fit."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from topics.instants import parse_rfc3339
from topics.sources import cells
from topics.sources.cells import Clock, Read, Reason, UnreadableError

BERLIN = Clock(ZoneInfo("Europe/Berlin"))
UTC = Clock()
US = ("%m/%d/%Y",)


@pytest.mark.parametrize(
    ("decimal", "thousands", "cell", "value"),
    [
        (".", "", "1054", 1054.0),
        (".", "", "-0.5", -0.5),
        (".", "", "1.2e3", 1200.0),
        (".", ",", "1,234,567.89", 1234567.89),
        (".", ",", "1234567.89", 1234567.89),
        (",", ".", "1.234,5", 1234.5),
        (",", " ", "12 345", 12345.0),
    ],
)
def test_a_number_is_read_with_the_declared_separators(decimal: str, thousands: str, cell: str, value: float) -> None:
    assert cells.number(decimal, thousands)(cell) == value


NUMBER, GERMAN, GROUPED = cells.number(".", ""), cells.number(",", "."), cells.number(".", ",")
YES_NO = cells.boolean(("Yes",), ("No",))
US_DAY, TWO_WAYS = cells.day(US, UTC), cells.day(("%m/%d/%Y", "%d/%m/%Y"), UTC)


@pytest.mark.parametrize(
    ("read", "cell", "reason"),
    [
        (NUMBER, "1,054", Reason.WRONG_TYPE),
        (NUMBER, "$5", Reason.WRONG_TYPE),
        (NUMBER, "nan", Reason.WRONG_TYPE),
        (NUMBER, "inf", Reason.WRONG_TYPE),
        (NUMBER, "1e999", Reason.WRONG_TYPE),
        (NUMBER, "1_000", Reason.WRONG_TYPE),
        (NUMBER, "٣", Reason.WRONG_TYPE),
        (GERMAN, "1.5", Reason.WRONG_TYPE),
        (GROUPED, "1,5", Reason.WRONG_TYPE),
        (GROUPED, "12,34,567", Reason.WRONG_TYPE),
        (YES_NO, "maybe", Reason.WRONG_TYPE),
        (US_DAY, "2016-10-20", Reason.BAD_DATE),
        (US_DAY, "13/1/2016", Reason.BAD_DATE),
        (US_DAY, "2/29/2017", Reason.BAD_DATE),
        (US_DAY, "10/20/16", Reason.BAD_DATE),
        (US_DAY, "10/20/2016 ", Reason.BAD_DATE),
        (US_DAY, "12/31/9999", Reason.ABSURD_TIME),
        (US_DAY, "12/31/1969", Reason.ABSURD_TIME),
        (US_DAY, "1/1/1970", Reason.ABSURD_TIME),
        (TWO_WAYS, "1/2/2017", Reason.BAD_DATE),
        (cells.instant(("epoch_ms",), UTC), "-1", Reason.BAD_DATE),
        (cells.instant(("epoch_s",), UTC), "999999999999999", Reason.ABSURD_TIME),
        (cells.instant(("iso",), UTC), "yesterday", Reason.BAD_DATE),
        (cells.midnight(US, UTC), "1/32/2017", Reason.BAD_DATE),
    ],
)
def test_what_does_not_fit_its_format_is_refused(read: Read, cell: str, reason: Reason) -> None:
    with pytest.raises(UnreadableError) as raised:
        read(cell)
    assert raised.value.reason is reason


def test_a_refusal_shows_the_cell_and_cuts_it() -> None:
    with pytest.raises(UnreadableError) as raised:
        NUMBER("x" * 5000)
    assert len(str(raised.value)) < 100


@pytest.mark.parametrize(
    ("formats", "cell", "day"),
    [
        (US, "3/1/2017", "2017-03-01"),
        (US, "03/01/2017", "2017-03-01"),
        (("iso",), "2017-03-01", "2017-03-01"),
        (("%Y-%m-%d %H:%M:%S",), "2017-03-01 23:59:59", "2017-03-01"),
        (("%m/%d/%Y", "%d.%m.%Y"), "1.3.2017", "2017-03-01"),
        (("%m/%d/%Y", "%d/%m/%Y"), "2/2/2017", "2017-02-02"),
        (("epoch_ms",), "1488326400000", "2017-03-01"),
    ],
)
def test_a_day_is_read_by_the_one_format_that_fits(formats: tuple[str, ...], cell: str, day: str) -> None:
    assert cells.day(formats, UTC)(cell) == day


@pytest.mark.parametrize(
    ("formats", "cell", "moment"),
    [
        (("iso",), "2017-03-01T12:00:00Z", "2017-03-01T12:00:00Z"),
        (("iso",), "2017-07-01T12:00:00", "2017-07-01T10:00:00Z"),
        (("%Y-%m-%d %H:%M:%S.%f%z",), "2011-10-11 13:45:40.276000+02:00", "2011-10-11T11:45:40.276Z"),
        (("%Y-%m-%d %H:%M",), "2017-01-01 00:30", "2016-12-31T23:30:00Z"),
        (("epoch_ms",), "1488369600123", "2017-03-01T12:00:00.123Z"),
        (("epoch_s",), "1488369600.000001", "2017-03-01T12:00:00.000001Z"),
    ],
)
def test_a_time_without_a_zone_is_one_of_the_mappings_zone(formats: tuple[str, ...], cell: str, moment: str) -> None:
    assert cells.instant(formats, BERLIN)(cell) == parse_rfc3339(moment)


@pytest.mark.parametrize(
    ("cell", "moment"),
    [("7/1/2017", "2017-06-30T22:00:00Z"), ("1/1/2017", "2016-12-31T23:00:00Z")],
)
def test_a_day_begins_at_midnight_in_the_mappings_zone(cell: str, moment: str) -> None:
    assert cells.midnight(US, BERLIN)(cell) == parse_rfc3339(moment)


def test_words_for_true_and_false_are_read_in_any_case() -> None:
    assert (YES_NO("YES"), YES_NO("no")) == (True, False)
