"""A broker that answers an empty fetch at once is asked less and less often, and at once again when something comes."""

from __future__ import annotations

from itertools import accumulate, repeat, takewhile

from engine.pacing import FIRST_S, SHARE, Pace

HOLD_S = 0.5


def test_a_fetch_that_was_held_is_followed_at_once() -> None:
    pace = Pace(HOLD_S)
    assert [pace.after(HOLD_S, brought=False) for _ in range(3)] == [0.0] * 3


def test_pauses_double_up_to_a_part_of_what_may_be_held() -> None:
    pace = Pace(HOLD_S)
    pauses = [pace.after(0.001, brought=False) for _ in range(10)]
    doubled = list(takewhile(lambda pause: pause < HOLD_S / SHARE, accumulate(repeat(FIRST_S), lambda one, _: one * 2)))
    assert pauses[: len(doubled)] == doubled
    assert pauses[len(doubled) :] == [HOLD_S / SHARE] * (10 - len(doubled))


def test_records_end_the_pauses() -> None:
    pace = Pace(HOLD_S)
    for _ in range(10):
        pace.after(0.001, brought=False)
    assert pace.after(0.001, brought=True) == 0.0
    assert pace.after(0.001, brought=False) == FIRST_S
