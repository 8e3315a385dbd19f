"""From stays to baselines, and what a limit is worth."""

from __future__ import annotations

import pytest

from signals.baselines import NO_BASELINES, Baselines, Measure, Row
from signals.fitting import fit, samples_of
from signals.rules import Rules
from signals.worth import Worth, worth_of
from tests.unit.brain_story import rules_of
from topics.dwells import Dwell, DwellOutcome
from topics.instants import DAY_US
from topics.signals import Kind, Severity

NOW = 1000


def stay(  # noqa: PLR0913 - what a stay is made of
    number: int,
    begun: float,
    ended: float | None = None,
    *,
    stage: str = "Lead",
    segment: str | None = "big",
    outcome: DwellOutcome = "open",
    closed: float | None = None,
) -> Dwell:
    """A stay in days."""
    return Dwell(
        deal=f"crm/acme:{number}",
        entry=f"e{number}",
        pipeline="Sales",
        stage=stage,
        segment=segment,
        from_us=int(begun * DAY_US),
        until_us=None if ended is None else int(ended * DAY_US),
        outcome=outcome,
        closed_us=None if closed is None else int(closed * DAY_US),
    )


def fitted(*dwells: Dwell, now: float = NOW) -> Baselines:
    return fit(samples_of(dwells), int(now * DAY_US))


def rows(baselines: Baselines, measure: Measure) -> dict[tuple[str, str | None], Row]:
    return {(row.stage, row.segment): row for row in baselines.rows if row.measure is measure}


def days(row: Row, share: float) -> float | None:
    found = row.quantile_us(share)
    return None if found is None else found / DAY_US


def test_a_row_per_segment_and_one_of_all_deals_of_the_stage() -> None:
    found = rows(
        fitted(
            stay(1, 0, 10),
            stay(2, 0, 20),
            stay(3, 0, 40, segment="small"),
            stay(4, 0, 30, segment=None),
            stay(5, 0, 5, stage="Demo", segment=None),
        ),
        Measure.DWELL,
    )
    assert set(found) == {("Lead", "big"), ("Lead", "small"), ("Lead", None), ("Demo", None)}
    assert (found["Lead", "big"].n, days(found["Lead", "big"], 0.5)) == (2, 10)
    assert (found["Lead", None].n, days(found["Lead", None], 0.5), days(found["Lead", None], 0.75)) == (4, 20, 30)


def test_what_still_runs_counts_as_running_so_long() -> None:
    row = rows(fitted(stay(1, 0, 10), stay(2, NOW - 5), stay(3, NOW - 30), stay(4, NOW - 30)), Measure.DWELL)[
        "Lead", None
    ]
    assert (row.n, row.events) == (4, 1)
    assert days(row, 0.3) == 10
    assert days(row, 0.34) is None, "two of three that lasted longer than 10 days were last seen running"


@pytest.mark.parametrize(
    ("why", "now", "n", "events"),
    [
        ("before it began it is not there", 9, 0, 0),
        ("at its beginning it is", 10, 1, 0),
        ("a day before its end it runs", 19, 1, 0),
        ("at its end it has ended", 20, 1, 1),
    ],
)
def test_only_what_had_happened_by_then_counts(why: str, now: float, n: int, events: int) -> None:
    found = rows(fitted(stay(1, 0, 1), stay(2, 10, 20), now=now), Measure.DWELL)["Lead", None]
    assert (found.n - 1, found.events - 1) == (n, events), why


def test_nothing_that_ended_gives_no_row() -> None:
    assert fitted(stay(1, 0), stay(2, 5)).rows == ()
    assert fitted().version == ""


def test_won_cycles_and_ways_to_a_win_are_of_won_deals_alone() -> None:
    found = fitted(
        stay(1, 0, 10, outcome="won", closed=50),
        stay(1, 0, 50, stage="", outcome="won", closed=50),
        stay(2, 0, 10, outcome="lost", closed=20),
        stay(2, 0, 20, stage="", outcome="lost", closed=20),
        stay(3, 0, 10),
        stay(3, 0, stage=""),
        stay(4, 0, 10, outcome="won", closed=90),
        stay(4, 5, 90, stage="", outcome="won", closed=90),
    )
    (cycle,) = [row for key, row in rows(found, Measure.CYCLE).items() if key == ("", "big")]
    assert (cycle.n, cycle.events, days(cycle, 0.5), days(cycle, 0.9)) == (2, 2, 50, 85)
    way = rows(found, Measure.TO_WIN)["Lead", "big"]
    assert (way.n, days(way, 0.25), days(way, 0.9)) == (2, 50, 90)
    assert ("", "big") not in rows(found, Measure.DWELL)


def test_a_deal_that_is_won_later_is_still_open() -> None:
    assert rows(fitted(stay(1, 0, 10, outcome="won", closed=50), now=49), Measure.TO_WIN) == {}
    assert rows(fitted(stay(1, 0, 10, outcome="won", closed=50), now=50), Measure.TO_WIN) != {}


def worths(dwells: list[Dwell], baselines: Baselines = NO_BASELINES, **signals: object) -> list[Worth]:
    rules = Rules(rules_of(dict(signals)).playbook, "sha256:story", (), baselines)
    return worth_of(rules, samples_of(dwells), NOW * DAY_US)


def test_a_fixed_limit_is_worth_what_it_fires_on_in_all_segments() -> None:
    slow_won = [stay(n, 0, 11, outcome="won", closed=60) for n in range(4)]
    fast_lost = [stay(n, 0, 10, segment="small", outcome="lost", closed=60) for n in range(10, 16)]
    (found,) = worths([*slow_won, *fast_lost, stay(20, NOW - 10.5), stay(21, NOW - 10)])
    assert (found.kind, found.severity, found.limit_us, found.learned) == (
        Kind.STAGE_OVERSTAY,
        Severity.WARNING,
        10 * DAY_US,
        None,
    )
    assert (found.past, found.past_fired, found.open, found.open_fired) == (10, 4, 2, 1), "10 days sharp are in time"
    assert found.share == pytest.approx(5 / 12)
    assert found.is_noise
    assert (found.fired.won_share, found.spared.won_share) == (1.0, 0.0)


def test_a_learned_limit_is_judged_where_it_counts() -> None:
    past = [stay(n, 0, 1 + n % 20) for n in range(200)]
    slow = [stay(1000 + n, 0, 30, segment="small") for n in range(10)]
    learned = fit(samples_of([*past, *slow]), NOW * DAY_US)
    found = {(one.group.segment, one.severity): one for one in worths([*past, *slow], learned)}
    own = found["big", Severity.WARNING]
    assert own.learned is not None
    assert (own.learned.segment, own.limit_us, own.is_noise) == ("big", 18 * DAY_US, False)
    borrowed = found["small", Severity.WARNING]
    assert borrowed.learned is not None
    assert borrowed.learned.segment is None, "10 of its own are too few: the stage answers"
    assert borrowed.is_noise, "what holds for the stage fires on every deal of this segment"


def test_a_kind_that_is_off_has_no_limit() -> None:
    dwells = [stay(1, 0, 50), stay(1, 0, 90, stage="")]
    assert {one.kind for one in worths(dwells)} == {Kind.STAGE_OVERSTAY, Kind.CYCLE_EXCEEDED}
    off = worths(dwells, stage_overstay={"enabled": False}, cycle_exceeded={"off_for": {"segments": ["big"]}})
    assert off == []
