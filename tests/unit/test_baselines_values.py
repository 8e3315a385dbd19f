"""Learned baselines as values: which row answers, what a quantile is, and that a file says what was written."""

from __future__ import annotations

import pytest

from signals.baselines import NO_BASELINES, Baselines, BaselinesError, Measure, Row, read, written
from topics.instants import DAY_US


def row(
    segment: str | None, reaches: int, *, events: int = 30, measure: Measure = Measure.DWELL, stage: str = "Demo"
) -> Row:
    """A row whose quantile at i half percents is i days."""
    days = tuple(place * DAY_US for place in range(1, reaches + 1))
    return Row(measure=measure, pipeline="Sales", stage=stage, segment=segment, n=40, events=events, quantiles=days)


@pytest.mark.parametrize(
    ("share", "days", "why"),
    [
        (0.005, 1, "the lowest step"),
        (0.001, 1, "below the lowest step counts as the lowest"),
        (0.25, 50, "a quarter"),
        (0.9, 180, "a tenth is left: 0.9 * 200 is 180, whatever binary fractions make of it"),
        (0.901, 181, "between two steps the upper one counts"),
        (0.95, 190, "the last step that the curve reaches"),
        (0.955, None, "one step further the curve does not reach"),
        (0.999, None, "further than any step"),
    ],
)
def test_a_quantile_is_a_step_of_the_curve(share: float, days: int | None, why: str) -> None:
    assert row(None, 190).quantile_us(share) == (None if days is None else days * DAY_US), why


def test_every_half_percent_is_its_own_step() -> None:
    full = row(None, 199)
    assert [full.quantile_us(step / 200) for step in range(1, 200)] == list(full.quantiles)


def test_the_segment_answers_before_the_stage_and_nothing_before_fixed_days() -> None:
    learned = Baselines([row("big", 180), row("small", 190, events=29), row(None, 185)])
    big = learned.dwell("Sales", "Demo", "big", 0.9, 30)
    assert big is not None
    assert (big.limit_us, big.segment, big.n, big.events) == (180 * DAY_US, "big", 40, 30)
    too_few = learned.dwell("Sales", "Demo", "small", 0.9, 30)
    assert too_few is not None
    assert too_few.segment is None
    assert learned.dwell("Sales", "Demo", None, 0.9, 30) == too_few
    assert learned.dwell("Sales", "Demo", "big", 0.9, 31) is None
    assert learned.dwell("Sales", "Other", "big", 0.9, 30) is None
    assert learned.dwell("Else", "Demo", "big", 0.9, 30) is None
    assert NO_BASELINES.dwell("Sales", "Demo", "big", 0.9, 30) is None


def test_a_curve_that_does_not_reach_gives_no_limit_and_no_fallback() -> None:
    learned = Baselines([row("big", 170), row(None, 199)]).dwell("Sales", "Demo", "big", 0.9, 30)
    assert learned is not None
    assert learned.limit_us is None


def test_the_measures_do_not_answer_for_each_other() -> None:
    cycle, way = row("big", 199, measure=Measure.CYCLE, stage=""), row("big", 100, measure=Measure.TO_WIN)
    learned = Baselines([cycle, way])
    assert learned.dwell("Sales", "Demo", "big", 0.5, 30) is None
    won = learned.won_cycle("Sales", "big", 0.9, 30)
    assert won is not None
    assert won.limit_us == 180 * DAY_US
    rest = learned.to_win("Sales", "Demo", "big", 0.25, 30)
    assert rest is not None
    assert rest.limit_us == 50 * DAY_US


def test_the_evidence_names_the_version_and_what_is_behind_it() -> None:
    learned = Baselines([row("big", 199)])
    answer = learned.dwell("Sales", "Demo", "big", 0.975, 30)
    assert answer is not None
    assert answer.evidence() == {
        "version": learned.version,
        "quantile": 0.975,
        "n": 40,
        "events": 30,
        "segment": "big",
    }


def test_a_file_says_what_was_written_and_the_version_is_of_the_rows_alone() -> None:
    rows = [row("big", 180), row(None, 185), row("small", 3, measure=Measure.TO_WIN)]
    first = Baselines(rows, "2017-12-31T00:00:00Z")
    again = read(written(first))
    assert (again.rows, again.made_at, again.version) == (first.rows, first.made_at, first.version)
    assert Baselines(reversed(rows), "2018-01-01T00:00:00Z").version == first.version
    assert Baselines([*rows[:-1], row("small", 4, measure=Measure.TO_WIN)]).version != first.version
    assert read(written(NO_BASELINES)).rows == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Input data was truncated"),
        ("[]", "Expected `object`, got `array`"),
        ('{"version": "", "made_at": "", "rows": [], "more": 1}', "unknown field `more`"),
        ('{"version": "sha256:0", "made_at": "", "rows": []}', "the version says sha256:0, the rows are none"),
    ],
)
def test_what_is_no_baselines_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(BaselinesError, match=why.replace("[", r"\[")):
        read(text)


def test_a_number_changed_by_hand_is_found() -> None:
    text = written(Baselines([row("big", 180)]))
    with pytest.raises(BaselinesError, match="the version says"):
        read(text.replace('"n":40', '"n":41'))
