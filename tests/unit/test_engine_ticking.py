"""What the clock says next, case by case."""

from __future__ import annotations

import pytest

from engine.ticking import HOUR_US, Hold, Mode, Seen, next_tick

NOW = 1_700_000_000_000_000
GRACE = 120_000_000

CASES = (
    ("all is read: the moment of looking, less the grace", Mode.WALL, Seen(NOW), NOW - GRACE),
    ("a record is unread: its timestamp, less the grace", Mode.WALL, Seen(NOW, unread_us=NOW - 9), NOW - 9 - GRACE),
    ("an unread record from after the look holds nothing up", Mode.WALL, Seen(NOW, unread_us=NOW + 9), NOW - GRACE),
    ("it rises by a microsecond", Mode.WALL, Seen(NOW, last_us=NOW - GRACE - 1), NOW - GRACE),
    ("it does not repeat itself", Mode.WALL, Seen(NOW, last_us=NOW - GRACE), Hold.NOT_LATER),
    (
        "it never falls, though an old record is found unread",
        Mode.WALL,
        Seen(NOW, unread_us=0, last_us=5),
        Hold.NOT_LATER,
    ),
    ("time passed as expected", Mode.WALL, Seen(NOW, expected_us=NOW - 1000), NOW - GRACE),
    ("an hour off is believed", Mode.WALL, Seen(NOW, expected_us=NOW - HOUR_US), NOW - GRACE),
    ("more than an hour forward is not", Mode.WALL, Seen(NOW, expected_us=NOW - HOUR_US - 1), Hold.JUMPED),
    ("more than an hour back is not", Mode.WALL, Seen(NOW, expected_us=NOW + HOUR_US + 1), Hold.JUMPED),
    (
        "a jump that the records confirm is a clock set right",
        Mode.WALL,
        Seen(NOW, expected_us=NOW - 5 * HOUR_US, newest_us=NOW - HOUR_US),
        NOW - GRACE,
    ),
    (
        "a jump away from the records is refused",
        Mode.WALL,
        Seen(NOW, expected_us=NOW - 5 * HOUR_US, newest_us=NOW - 5 * HOUR_US),
        Hold.JUMPED,
    ),
    ("first look: old records say nothing", Mode.WALL, Seen(NOW, newest_us=NOW - 100 * HOUR_US), NOW - GRACE),
    (
        "first look: a clock behind the records is refused",
        Mode.WALL,
        Seen(NOW, newest_us=NOW + HOUR_US + 1),
        Hold.JUMPED,
    ),
    ("data: the largest timestamp, less the grace", Mode.DATA, Seen(NOW, newest_us=7 * GRACE), 6 * GRACE),
    ("data: no record, no time", Mode.DATA, Seen(NOW), Hold.NO_DATA),
    ("data: an unread record holds it", Mode.DATA, Seen(NOW, newest_us=7 * GRACE, unread_us=3 * GRACE), 2 * GRACE),
    ("data: nothing newer", Mode.DATA, Seen(NOW, newest_us=7 * GRACE, last_us=6 * GRACE), Hold.NOT_LATER),
    ("data: the wall may jump", Mode.DATA, Seen(NOW, expected_us=0, newest_us=7 * GRACE), 6 * GRACE),
)


@pytest.mark.parametrize(("sentence", "mode", "seen", "wanted"), CASES, ids=[case[0] for case in CASES])
def test_next_tick(sentence: str, mode: Mode, seen: Seen, wanted: int | Hold) -> None:
    assert next_tick(mode, GRACE, seen) == wanted, sentence
