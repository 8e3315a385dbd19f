"""Business time: days of the calendar and hours that really pass, over weekends, holidays and changes of the clock."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook.calendars import BusinessTime, Calendars
from playbook.days_off import FIRST_YEAR, LAST_YEAR, public_holidays
from playbook.hours import Calendar, Weekday
from playbook.model import Owner, Playbook
from playbook.zones import Reading, zone_of
from topics.instants import DAY_US, HOUR_US, MINUTE_US, parse_rfc3339, rfc3339


def business(zone: str = "Europe/Berlin", **said: object) -> BusinessTime:
    return BusinessTime(Calendar.model_validate({"name": "theirs", **said}), zone_of(zone))


BERLIN = business(country="DE", subdivision="BY")
TEL_AVIV = business("Asia/Jerusalem", weekend=("friday", "saturday"), country="IL")
ALL_DAY = business(opens="00:00", closes="24:00", weekend=())
ALL_DAY_SYDNEY = business("Australia/Sydney", opens="00:00", closes="24:00", weekend=("sunday",), country="AU")
LORD_HOWE = business("Australia/Lord_Howe", opens="01:00", closes="03:00", weekend=())
ST_JOHNS = business("America/St_Johns", opens="00:00", closes="24:00", weekend=())


class Row(NamedTuple):
    """From an instant, a span later: the instant by which no more than that has passed."""

    sentence: str
    of: BusinessTime
    start: str
    span: float
    end: str


DAYS = [
    Row("the same time two days on", BERLIN, "2026-11-16T15:00+01:00", 2, "2026-11-18T15:00+01:00"),
    Row("over a weekend", BERLIN, "2026-11-13T15:00+01:00", 2, "2026-11-17T15:00+01:00"),
    Row("over the end of summer time: 73 hours", BERLIN, "2026-10-23T15:00+02:00", 1, "2026-10-26T15:00+01:00"),
    Row("over its beginning: 71 hours", BERLIN, "2026-03-27T15:00+01:00", 1, "2026-03-30T15:00+02:00"),
    Row("over Good Friday and Easter Monday", BERLIN, "2026-04-02T15:00+02:00", 1, "2026-04-07T15:00+02:00"),
    Row("from a Saturday: Monday has to pass", BERLIN, "2026-11-14T15:00+01:00", 1, "2026-11-17T00:00+01:00"),
    Row("none, from a Saturday: Monday begins", BERLIN, "2026-11-14T15:00+01:00", 0, "2026-11-16T00:00+01:00"),
    Row("none, on a working day", BERLIN, "2026-11-16T15:00+01:00", 0, "2026-11-16T15:00+01:00"),
    Row("half a day", BERLIN, "2026-11-13T15:00+01:00", 0.5, "2026-11-16T03:00+01:00"),
    Row("midnight belongs to the day that begins", BERLIN, "2026-11-13T00:00+01:00", 1, "2026-11-16T00:00+01:00"),
    Row("a Bavarian holiday in November", BERLIN, "2024-10-31T12:00+01:00", 1, "2024-11-04T12:00+01:00"),
    Row("a week that begins on Sunday", TEL_AVIV, "2026-11-12T10:00+02:00", 1, "2026-11-15T10:00+02:00"),
    Row("onto a day whose hour is left out", ALL_DAY, "2026-03-28T02:30+01:00", 1, "2026-03-29T03:00+02:00"),
    Row(
        "from an hour that comes twice: both are 02:59", ALL_DAY, "2026-10-25T02:30+01:00", 1, "2026-10-26T03:00+01:00"
    ),
    Row("the far future", BERLIN, "8999-12-02T15:00+01:00", 1, "8999-12-03T15:00+01:00"),
]
HOURS = [
    Row("within a day", BERLIN, "2026-11-16T10:00+01:00", 4, "2026-11-16T14:00+01:00"),
    Row("over a night", BERLIN, "2026-11-16T15:00+01:00", 4, "2026-11-17T11:00+01:00"),
    Row("over a weekend", BERLIN, "2026-11-13T15:30+01:00", 4, "2026-11-16T11:30+01:00"),
    Row("from the night", BERLIN, "2026-11-16T02:00+01:00", 4, "2026-11-16T13:00+01:00"),
    Row("from a Sunday", BERLIN, "2026-11-15T12:00+01:00", 4, "2026-11-16T13:00+01:00"),
    Row("that end with the day are over with the next", BERLIN, "2026-11-13T13:00+01:00", 4, "2026-11-16T09:00+01:00"),
    Row("of several days", BERLIN, "2026-11-16T10:00+01:00", 20, "2026-11-18T14:00+01:00"),
    Row("that really pass: two of three on the wall", ALL_DAY, "2026-03-29T01:00+01:00", 2, "2026-03-29T04:00+02:00"),
    Row("that come twice pass twice", ALL_DAY, "2026-10-25T01:00+02:00", 2, "2026-10-25T02:00+01:00"),
    Row("of a day of 23 hours", ALL_DAY, "2026-03-29T00:00+01:00", 24, "2026-03-30T01:00+02:00"),
    Row("a quarter of one", BERLIN, "2026-11-16T16:50+01:00", 0.25, "2026-11-17T09:05+01:00"),
]


def us(text: str) -> int:
    return parse_rfc3339(text)


@pytest.mark.parametrize("row", DAYS, ids=lambda row: row.sentence)
def test_business_days(row: Row) -> None:
    found = row.of.after_days(us(row.start), round(row.span * DAY_US))
    assert rfc3339(found) == rfc3339(us(row.end))
    assert row.of.days_between(us(row.start), found) == round(row.span * DAY_US) or row.sentence.startswith("onto")


@pytest.mark.parametrize("row", HOURS, ids=lambda row: row.sentence)
def test_business_hours(row: Row) -> None:
    found = row.of.after_hours(us(row.start), round(row.span * HOUR_US))
    assert rfc3339(found) == rfc3339(us(row.end))
    assert row.of.hours_between(us(row.start), found) == round(row.span * HOUR_US)


def test_when_people_work() -> None:
    friday = us("2026-11-13T16:59:59.999999+01:00")
    assert BERLIN.is_open(friday)
    assert not BERLIN.is_open(friday + 1)
    assert rfc3339(BERLIN.opens_us(friday + 1)) == "2026-11-16T08:00:00Z"
    assert rfc3339(BERLIN.closes_us(friday)) == "2026-11-13T16:00:00Z"
    assert rfc3339(BERLIN.closes_us(friday + 1)) == "2026-11-16T16:00:00Z"
    assert not BERLIN.is_business_day(date(2026, 12, 25).toordinal())
    assert BERLIN.is_business_day(date(2026, 12, 24).toordinal())
    assert not business(days_off=("2026-12-24",)).is_business_day(date(2026, 12, 24).toordinal())


# The instants that are hard: around changes of the clock, holidays, weekends and the edges of a working day.
HARD = [
    us(text)
    for text in (
        "2026-03-29T01:00:00Z",
        "2026-10-25T01:00:00Z",
        "2026-10-04T16:00:00Z",
        "2026-04-04T15:30:00Z",
        "2006-10-29T02:31:00Z",
        "2006-04-02T03:31:00Z",
        "2026-03-27T00:00:00Z",
        "2026-04-03T00:00:00Z",
        "2026-12-31T23:00:00Z",
    )
]
NEAR = st.integers(-4 * DAY_US, 4 * DAY_US) | st.sampled_from([0, 1, -1, HOUR_US, -HOUR_US, 30 * MINUTE_US])
INSTANTS = st.builds(lambda base, offset: base + offset, st.sampled_from(HARD), NEAR) | st.integers(
    us("1989-06-01T00:00Z"), us("2062-06-01T00:00Z")
)
ALL = [BERLIN, TEL_AVIV, ALL_DAY, ALL_DAY_SYDNEY, LORD_HOWE, ST_JOHNS]
OF = st.sampled_from(ALL)
SPANS = st.integers(0, 12 * DAY_US) | st.sampled_from([0, 1, DAY_US, 2 * DAY_US, 4 * HOUR_US])


@given(OF, INSTANTS, SPANS)
def test_hours_after_are_the_last_instant_by_which_no_more_has_passed(of: BusinessTime, at: int, span: int) -> None:
    end = of.after_hours(at, span)
    assert end >= at
    assert of.hours_between(at, end) == span
    assert of.hours_between(at, end + 1) == span + 1
    assert of.is_open(end)


@given(OF, INSTANTS, SPANS)
def test_days_after_are_the_last_instant_by_which_no_more_has_passed(of: BusinessTime, at: int, span: int) -> None:
    end = of.after_days(at, span)
    assert end >= at
    assert of.is_business_day(of.zone.day_of(end))
    assert of.days_between(at, end) >= span  # more only where the clock jumps over the time of day that is meant
    assert end == at or of.days_between(at, end - 1) <= span
    assert of.days_between(at, end + 1) > span or of.zone.read(end) == of.zone.read(end + 1)


@given(OF, INSTANTS, SPANS, SPANS)
def test_what_is_later_ends_later_and_longer_ends_later(of: BusinessTime, at: int, later: int, span: int) -> None:
    for after in (of.after_days, of.after_hours):
        assert after(at, span) <= after(at + later, span)
        assert after(at, span) <= after(at, span + later)


@given(OF, INSTANTS, SPANS, SPANS)
def test_what_lies_between_adds_up(of: BusinessTime, at: int, first: int, second: int) -> None:
    middle, end = at + first, at + first + second
    for between in (of.days_between, of.hours_between):
        assert between(at, middle) + between(middle, end) == between(at, end)
    assert 0 <= of.hours_between(at, end) <= end - at


@given(OF, INSTANTS)
def test_the_clock_of_a_zone_never_goes_back_and_is_found_again(of: BusinessTime, at: int) -> None:
    zone = of.zone
    reading = zone.read(at)
    assert zone.start_us(reading.day) <= at < zone.start_us(reading.day + 1)
    assert zone.reads_us(reading) >= at or zone.read(zone.reads_us(reading)) == reading
    assert zone.read(at - 1) <= reading <= zone.read(at + 1)
    assert zone.reads_us(Reading(reading.day, 0)) == zone.start_us(reading.day)


def playbook(**said: object) -> Playbook:
    stages = [{"name": "Lead"}, {"name": "Won", "outcome": "won"}]
    return Playbook.model_validate({"name": "b", "pipelines": [{"name": "Sales", "stages": stages}], **said})


def test_whose_calendar_it_is() -> None:
    calendars = Calendars(
        playbook(
            timezone="Europe/Paris",
            calendars=[
                {"name": "own", "opens": "07:00"},
                {"name": "south", "opens": "08:00", "teams": ["South"], "timezone": "Europe/Lisbon"},
                {"name": "renewals", "opens": "11:00", "pipelines": ["Sales"]},
                {"name": "all", "opens": "10:00"},
            ],
        )
    )
    noon = us("2026-11-14T12:00Z")  # a Saturday
    ana = Owner(name="Ana", calendar="own", team="South", timezone="Asia/Tokyo")
    assert rfc3339(calendars.of(ana).opens_us(noon)) == "2026-11-15T22:00:00Z"
    bo = Owner(name="Bo", team="South")
    assert rfc3339(calendars.of(bo, "North", "Sales").opens_us(noon)) == "2026-11-16T08:00:00Z"
    assert calendars.of(None, "South") is calendars.of(bo)
    assert rfc3339(calendars.of(None, "North", "Sales").opens_us(noon)) == "2026-11-16T10:00:00Z"
    assert rfc3339(calendars.of(None, "North", "Other").opens_us(noon)) == "2026-11-16T06:00:00Z"
    assert rfc3339(Calendars(playbook()).of().opens_us(noon)) == "2026-11-16T09:00:00Z"


def test_holidays_are_those_of_the_law_and_end_somewhere() -> None:
    germany, bavaria = public_holidays("DE"), public_holidays("DE", "BY")
    corpus_christi = date(2026, 6, 4).toordinal()
    assert germany < bavaria
    assert corpus_christi in bavaria - germany
    years = {date.fromordinal(day).year for day in public_holidays("US")}
    assert (min(years), max(years)) == (FIRST_YEAR, LAST_YEAR)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"weekend": tuple(Weekday)}, "no day of the week is left"),
        ({"opens": "09:00", "closes": "09:30"}, "less than an hour"),
        ({"opens": "9"}, "like 09:30"),
        ({"opens": "25:00"}, "less than or equal to 1440"),
        ({"country": "Germany"}, "should match pattern"),
    ],
)
def test_a_calendar_that_cannot_be_is_refused(said: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Calendar.model_validate({"name": "x", **said})


def test_a_time_of_day_may_stand_without_quotes() -> None:
    # YAML 1.1 reads 17:00 as a number to the base of sixty: the minutes since midnight.
    calendar = Calendar.model_validate({"name": "x", "opens": "08:15", "closes": 1020})
    assert (calendar.opens, calendar.closes) == (495, 1020)
