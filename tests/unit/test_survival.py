"""Kaplan-Meier: the published numbers, what `lifelines` says of the same samples, and what a quantile is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signals.survival import Curve

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared/reference/survival_reference.json"
#: Written by `bench/survival.py --golden`: samples with many ties, and the answers of `lifelines`.
GOLDEN = json.loads((ROOT / "tests/golden/survival/lifelines.json").read_text())


def curve(durations: list[int], ended: list[int]) -> Curve:
    return Curve(np.array(durations, np.int64), np.array(ended, np.bool_))


@pytest.fixture(scope="module")
def freireich() -> dict[str, Any]:
    if not REFERENCE.is_file():
        pytest.skip("the published survival estimates are not beside the checkout")
    found: dict[str, Any] = json.loads(REFERENCE.read_text())["freireich_6mp"]
    return found


def test_the_published_estimates_hold_to_three_digits(freireich: dict[str, Any]) -> None:
    published = freireich["published"]
    treated = curve(freireich["durations_6mp"], freireich["event_6mp"])
    found = {weeks: round(treated.survival(int(weeks)), 3) for weeks in published["S_6mp"]}
    assert found == pytest.approx(published["S_6mp"], abs=0.0005 + 1e-9)
    assert treated.quantile(0.5) == published["median_6mp"]
    placebo = curve(freireich["durations_placebo"], freireich["event_placebo"])
    assert placebo.quantile(0.5) == published["median_placebo"]


@pytest.mark.parametrize("sample", GOLDEN["samples"], ids=lambda sample: sample["name"])
def test_the_quantiles_are_those_of_lifelines(sample: dict[str, Any]) -> None:
    found = curve(sample["durations"], sample["ended"])
    assert {share: found.quantile(float(share)) for share in sample["quantiles"]} == sample["quantiles"]
    assert [found.survival(each) for each in sample["at"]] == pytest.approx(sample["survival"], abs=1e-12)


def test_a_share_that_is_met_exactly_ends_with_the_step_that_meets_it() -> None:
    tenths = curve(list(range(1, 11)), [1] * 10)
    assert [tenths.quantile(step / 10) for step in range(1, 10)] == list(range(1, 10))
    assert tenths.quantiles(10) == tuple(range(1, 10))
    assert curve([1, 2, 3, 4, 5, 6], [1] * 6).quantile(1 / 3) == 2


def test_what_still_runs_holds_the_curve_up() -> None:
    assert curve([1, 2, 3, 4], [1, 1, 1, 1]).quantile(0.5) == 2
    assert curve([1, 2, 3, 4], [1, 0, 1, 1]).quantile(0.5) == 3
    assert curve([1, 2, 3, 4], [1, 0, 0, 0]).quantile(0.5) is None


def test_one_that_ends_and_one_that_is_last_seen_at_the_same_time_were_both_at_risk() -> None:
    assert curve([5, 5], [1, 0]).survival(5) == 0.5


def test_without_anything_there_is_no_quantile() -> None:
    for nothing in (curve([], []), curve([1, 2], [0, 0])):
        assert nothing.quantile(0.1) is None
        assert nothing.quantiles(200) == ()
        assert nothing.survival(3) == 1.0


def test_microseconds_of_centuries_are_exact() -> None:
    long = 100 * 365 * 86_400 * 1_000_000
    assert curve([long + 1, long + 2], [1, 1]).quantiles(2) == (long + 1,)
