"""Instants: written as the standard library writes them, only faster."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.brain_streams import examples
from topics.events import FIRST_US, LAST_US
from topics.instants import DAY_US, SECOND_US, from_us, parse_rfc3339, rfc3339, to_us

YEAR_1_US = to_us(datetime(1, 1, 1, tzinfo=UTC))
YEAR_10000_US = to_us(datetime(9999, 12, 31, tzinfo=UTC)) + DAY_US
#: Any instant, whole seconds, and those beside the borders of days.
_seconds = st.integers(YEAR_1_US // SECOND_US, YEAR_10000_US // SECOND_US - 1).map(lambda second: second * SECOND_US)
_borders = st.builds(
    lambda day, beside: day * DAY_US + beside, st.integers(FIRST_US // DAY_US, LAST_US // DAY_US), st.integers(-1, 1)
)
_instants = st.integers(YEAR_1_US, YEAR_10000_US - 1) | _seconds | _borders


@given(_instants)
@examples(300)
def test_an_instant_is_written_as_the_standard_library_writes_it(at_us: int) -> None:
    assert rfc3339(at_us) == from_us(at_us).isoformat().replace("+00:00", "Z")


@given(_instants)
@examples(100)
def test_what_was_written_is_read_back(at_us: int) -> None:
    assert parse_rfc3339(rfc3339(at_us)) == at_us


@pytest.mark.parametrize("at_us", [YEAR_1_US - 1, YEAR_10000_US], ids=["before the year 1", "after the year 9999"])
def test_outside_the_calendar_is_an_error(at_us: int) -> None:
    with pytest.raises(OverflowError):
        rfc3339(at_us)
