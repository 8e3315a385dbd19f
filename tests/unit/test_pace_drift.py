"""Whether a stage's pace changed: one alarm per change, none without, whatever looks like one."""

from __future__ import annotations

import importlib.util
import json
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pytest

from signals import drift
from signals.drift import Change, changes_of
from signals.fitting import samples_of
from signals.learning import paces_of
from topics.dwells import Dwell
from topics.instants import DAY_US, rfc3339, to_us

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/time_drift"
RUN_LENGTHS = ROOT.parent / "shared/reference/arl_published.json"
TABLES = ROOT.parent / "shared/reference/montgomery_cusum_ewma.json"

with_data = pytest.mark.skipif(not DATA.is_dir(), reason="the drift logs are not beside the checkout")
with_reference = pytest.mark.skipif(not TABLES.is_file(), reason="the published charts are not beside the checkout")

Instants = npt.NDArray[np.int64]


def bench() -> ModuleType:
    """The benchmark reads the logs; what it measures at length is asked here where it matters."""
    spec = importlib.util.spec_from_file_location("drift_bench", ROOT / "bench/drift.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Logged(NamedTuple):
    """A log of the data set, and how late ADWIN was on it."""

    name: str
    slower: bool
    adwin: int


#: `python bench/drift.py`; forward as in ground_truth_and_river_baseline.json.
LOGS = [
    Logged("sudden_time_noise0_100", slower=False, adwin=23),
    Logged("sudden_time_noise0_100 reversed", slower=True, adwin=21),
    Logged("sudden_time_noise0_500", slower=False, adwin=33),
    Logged("sudden_time_noise0_500 reversed", slower=True, adwin=25),
    Logged("gradual_time_noise0_100", slower=False, adwin=24),
    Logged("gradual_time_noise0_100 reversed", slower=True, adwin=13),
]


@with_data
@pytest.mark.parametrize("logged", LOGS, ids=lambda one: one.name)
def test_a_real_change_is_said_once_in_time_and_not_before(logged: Logged) -> None:
    (log,) = [one for one in bench().logs() if one.name == logged.name]

    def as_of(place: int) -> list[Change]:
        return changes_of(log.from_us, log.until_us, int(log.until_us[place]))

    for place in (*range(100, log.changed, log.changed // 12), log.changed - 1):
        assert as_of(place) == []
    (in_time,) = as_of(log.changed + 2 * logged.adwin)
    assert in_time.slower is logged.slower
    (at_last,) = as_of(len(log.until_us) - 1)
    assert at_last.slower is logged.slower


@with_data
def test_the_logs_are_counted_as_their_ground_truth_counts() -> None:
    truth = json.loads((DATA / "ground_truth_and_river_baseline.json").read_text())
    found = {log.name: (len(log.until_us), log.changed) for log in bench().logs()}
    for name, one in truth.items():
        expected = (one["observations"], one["first_obs_index_with_dur<10min"])
        assert found[name.removesuffix("_baseline.csv")] == expected


def stays(count: int, *, days: float = 20, seed: int = 1, over: float = 1000) -> tuple[Instants, Instants]:
    """Lognormal stays that begin evenly over so many days."""
    draw = np.random.default_rng(seed)
    from_us = np.sort(draw.uniform(0, over, count) * DAY_US).astype(np.int64)
    return from_us, from_us + (draw.lognormal(0, 1, count) * days * DAY_US).astype(np.int64)


NOW_US = 1000 * DAY_US


@pytest.mark.parametrize("seed", range(5))
def test_the_end_of_a_log_looks_fast_and_is_not(seed: int) -> None:
    """As of any day most stays of the last weeks still run, and those that ended were short."""
    from_us, until_us = stays(1500, seed=seed)
    for day in range(200, 1001, 200):
        assert changes_of(from_us, until_us, day * DAY_US) == []
    last = (from_us > NOW_US - 20 * DAY_US) & (until_us <= NOW_US)
    assert np.median((until_us - from_us)[last]) < np.median(until_us - from_us) / 1.5, "it does look fast"


def test_a_pipeline_that_grows_is_not_fast() -> None:
    draw = np.random.default_rng(2)
    from_us = np.sort(1000 * np.sqrt(draw.uniform(0, 1, 2000)) * DAY_US).astype(np.int64)
    until_us = from_us + (draw.lognormal(0, 1, 2000) * 20 * DAY_US).astype(np.int64)
    assert changes_of(from_us, until_us, NOW_US) == []


def test_a_day_of_cleaning_up_is_no_change_of_pace() -> None:
    from_us, until_us = stays(1500)
    day_us = 700 * DAY_US
    running = (from_us < day_us) & (until_us > day_us)
    assert np.count_nonzero(running) > 20
    closed = np.where(running, day_us + DAY_US // 2, until_us)
    assert changes_of(from_us, closed, 705 * DAY_US) == []
    assert changes_of(from_us, closed, NOW_US) == []


def test_the_clock_change_is_no_change_of_pace() -> None:
    """Stays of whole days by a wall clock that goes forward and back: 23 and 25 hours are days, too."""
    zone = ZoneInfo("Europe/Berlin")
    draw = np.random.default_rng(4)
    first = datetime(2025, 1, 1, 9, tzinfo=zone)
    from_us, until_us = [], []
    for number in range(2400):
        begun = first + timedelta(days=number // 5)
        from_us.append(to_us(begun))
        until_us.append(to_us(begun + timedelta(days=int(draw.integers(1, 4)))))
    for day in (85, 95, 120, 300, 310, 470):
        assert changes_of(np.array(from_us), np.array(until_us), to_us(first + timedelta(days=day))) == []


@pytest.mark.parametrize(("factor", "slower"), [(0.4, False), (2.5, True)])
def test_a_change_is_dated_near_where_it_began(factor: float, slower: bool) -> None:  # noqa: FBT001 - a case
    from_us, until_us = stays(2000)
    changed_us = 600 * DAY_US
    until_us = np.where(from_us > changed_us, from_us + ((until_us - from_us) * factor).astype(np.int64), until_us)
    (change,) = changes_of(from_us, until_us, NOW_US)
    assert change.slower is slower
    assert abs(change.since_us - changed_us) < 30 * DAY_US
    assert change.n == np.count_nonzero(from_us >= change.since_us)


def test_a_slow_down_shows_before_the_slow_ones_have_ended() -> None:
    from_us, _ = stays(600, over=600)
    until_us = from_us + np.where(from_us < 500 * DAY_US, 5 * DAY_US, 200 * DAY_US)
    (change,) = changes_of(from_us, until_us, 530 * DAY_US)
    assert change.slower


def test_two_changes_are_two() -> None:
    from_us, until_us = stays(3000)
    lasted = until_us - from_us
    lasted = np.where((from_us > 300 * DAY_US) & (from_us <= 650 * DAY_US), lasted // 4, lasted)
    found = changes_of(from_us, from_us + lasted, NOW_US)
    assert [one.slower for one in found] == [False, True]


def test_nothing_and_little_say_nothing() -> None:
    empty = np.array([], np.int64)
    assert changes_of(empty, empty, NOW_US) == []
    for count in (1, 99, 100, 101):
        assert changes_of(*stays(count), NOW_US) == []
    running = np.arange(500, dtype=np.int64) * DAY_US
    assert changes_of(running, np.full(500, 2**62), NOW_US) == []
    same = np.zeros(500, np.int64)
    assert changes_of(same, same, NOW_US) == [], "all at one instant, none lasting"


def test_the_indicator_names_the_change_while_it_is_new() -> None:
    from_us, until_us = stays(2000)
    until_us = np.where(from_us > 600 * DAY_US, from_us + (until_us - from_us) // 3, until_us)
    dwells = [
        Dwell(deal=str(n), entry=str(n), pipeline="Sales", stage="Demo", from_us=int(begun), until_us=int(ended))
        for n, (begun, ended) in enumerate(zip(from_us, until_us, strict=True))
    ]
    samples = samples_of(dwells)
    (new,) = paces_of(samples, 640 * DAY_US, "story")
    assert (new.pipeline, new.stage, new.segment, new.as_of) == ("Sales", "Demo", None, rfc3339(640 * DAY_US))
    assert new.ratio < 0.7
    assert new.since
    for day in (590, 800):
        (steady,) = paces_of(samples, day * DAY_US, "story")
        assert (steady.ratio, steady.since, steady.n) == (1.0, "", 0), "not yet; and the new normal by now"
    assert paces_of(samples, 20 * DAY_US, "story") == [], "too little is known"


@with_reference
def test_the_chart_is_montgomerys() -> None:
    """The upper and lower sums of his table 9.2, and the first signal at 29."""
    table: dict[str, Any] = json.loads(TABLES.read_text())
    target, sigma = table["params"]["target"], table["params"]["sigma"]
    scores = (np.array(table["data"]) - target) / sigma
    for name, one_sided in (("Cplus", scores), ("Cminus", -scores)):
        sums = np.concatenate(([0.0], np.cumsum(one_sided - drift.SLACK)))
        height = (sums - np.minimum.accumulate(sums))[1:]
        assert height == pytest.approx([row[name] for row in table["computed"]], abs=1e-9)


@with_reference
@pytest.mark.chaos  # 40,000 runs
@pytest.mark.parametrize(("shift", "published"), [("0", 168), ("0.5", 26.6), ("1", 8.38), ("2", 3.34)])
def test_the_published_run_lengths_hold(monkeypatch: pytest.MonkeyPatch, shift: str, published: float) -> None:
    """Lucas & Crosier 1982, table 1: two sides, k = 0.5, h = 4."""
    assert json.loads(RUN_LENGTHS.read_text())["cusum"][1]["arl"][shift] == published
    monkeypatch.setattr(drift, "LIMIT", 4.0)
    draw, lengths = np.random.default_rng(9), []
    for _ in range(10_000):
        scores = draw.normal(float(shift), 1, 3000 if shift == "0" else 400)
        ends = [one.end for slower in (False, True) if (one := drift._passed(scores, slower=slower)) is not None]
        lengths.append(min(ends) + 1 if ends else len(scores))
    assert np.mean(lengths) == pytest.approx(published, rel=0.04)
