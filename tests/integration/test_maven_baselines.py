"""`signals baseline fit` and `playbook check --history` over the Maven data, against queries over the CSV."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from playbook.load import load
from programs import cli
from programs.commands.baseline import refuse_noise
from programs.commands.learning import Learning, judged, of_history
from programs.commands.worth_lines import worth_shown
from programs.failures import WorkError
from signals.baselines import NO_BASELINES, Baselines, Measure, Row, read
from signals.fitting import Group, fit, naive_medians
from topics.instants import DAY_US, parse_rfc3339
from topics.signals import Kind

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/maven"
MAPPING = ROOT / "examples/mappings/maven.yaml"
PLAYBOOK = ROOT / "examples/playbooks/maven.yaml"
UNTIL = "2017-12-31T00:00:00Z"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the Maven data set is not beside the checkout")

#: Of every deal that was engaged: days until it closed or, still open, until the end of 2017.
DEALS = f"""
  SELECT deal_stage AS stage, deal_stage IN ('Won', 'Lost') AS closed,
         date_diff('day', strptime(engage_date, '%m/%d/%Y'),
                   coalesce(strptime(close_date, '%m/%d/%Y'), TIMESTAMP '2017-12-31')) AS days
  FROM read_csv('{DATA / "sales_pipeline.csv"}', all_varchar = true) WHERE engage_date IS NOT NULL"""  # noqa: S608 -- a path of the checkout


def query(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as database:
        return database.execute(f"WITH deals AS ({DEALS}) {sql}").fetchall()


@pytest.fixture(scope="module")
def learning() -> Learning:
    return of_history(DATA, ["tables"], MAPPING, None, parse_rfc3339(UNTIL), 1)


@pytest.fixture(scope="module")
def baselines(learning: Learning) -> Baselines:
    return fit(learning.samples, learning.at_us, UNTIL)


def row_of(baselines: Baselines, measure: Measure, stage: str, segment: str | None = None) -> Row:
    (found,) = [row for row in baselines.rows if (row.measure, row.stage, row.segment) == (measure, stage, segment)]
    return found


def days(row: Row, share: float) -> float | None:
    found = row.quantile_us(share)
    return None if found is None else found / DAY_US


def test_open_deals_count_so_the_median_is_69_days_and_not_45(learning: Learning, baselines: Baselines) -> None:
    engaging = row_of(baselines, Measure.DWELL, "Engaging")
    assert (engaging.n, engaging.events) == (8_300, 6_711)
    assert [days(engaging, share) for share in (0.5, 0.75, 0.9, 0.975)] == [69, 107, None, None]
    assert 1 - len(engaging.quantiles) / 200 == pytest.approx(0.179, abs=0.005), "where the curve ends"
    naive = naive_medians(learning.samples, learning.at_us)
    assert naive[Group("Sales", "Engaging", None)] == 45 * DAY_US
    assert query("SELECT median(days) FROM deals WHERE closed") == [(45.0,)]


def test_every_quantile_is_that_of_a_query(baselines: Baselines) -> None:
    """Kaplan-Meier in SQL: of those at risk on a day, the share that did not close on it, multiplied up to there."""
    curve = query("""
      , days AS (SELECT days, count(*) FILTER (closed) AS ends, count(*) AS seen FROM deals GROUP BY days)
      , risk AS (SELECT days, ends, sum(seen) OVER (ORDER BY days DESC) AS at_risk FROM days)
      SELECT days, exp(sum(ln(1 - ends / at_risk)) OVER (ORDER BY days)) FROM risk ORDER BY days""")
    expected = []
    for step in range(1, 200):
        reached = [day for day, survival in curve if survival <= 1 - step / 200 + 1e-9]
        expected += [reached[0] * DAY_US] if reached else []
    assert list(row_of(baselines, Measure.DWELL, "Engaging").quantiles) == expected
    assert len(expected) == 164


def test_won_cycles_are_those_of_won_deals(baselines: Baselines) -> None:
    ((count, quarter, most),) = query(
        "SELECT count(*), quantile_disc(days, 0.25), quantile_disc(days, 0.9) FROM deals WHERE stage = 'Won'"
    )
    cycle = row_of(baselines, Measure.CYCLE, "", "all deals")
    assert (cycle.n, days(cycle, 0.25), days(cycle, 0.9)) == (count, quarter, most) == (4_238, 9, 106)
    assert row_of(baselines, Measure.TO_WIN, "Engaging").quantiles == cycle.quantiles


def test_thirty_days_in_engaging_is_a_bad_limit(learning: Learning) -> None:
    """It fires on 62 % of all deals and nearly all that are open, and those win more often than the others."""
    (found,) = [one for one in judged(learning, NO_BASELINES) if one.kind is Kind.STAGE_OVERSTAY]
    ((past, past_fired, opened, open_fired),) = query(
        """SELECT count(*) FILTER (closed), count(*) FILTER (closed AND days > 30),
                  count(*) FILTER (NOT closed), count(*) FILTER (NOT closed AND days > 30) FROM deals"""
    )
    assert (found.past, found.past_fired, found.open, found.open_fired) == (past, past_fired, opened, open_fired)
    assert (past + opened, opened, open_fired) == (8_300, 1_589, 1_571)
    assert round(found.share, 2) == 0.62
    won = dict(query("SELECT days > 30, avg((stage = 'Won')::INT) FROM deals WHERE closed GROUP BY 1"))
    assert [found.fired.won_share, found.spared.won_share] == pytest.approx([won[True], won[False]])
    assert won[True] > won[False]
    assert found.is_noise
    assert any("win more often" in line for line in worth_shown([found]))


def test_a_learned_limit_that_is_noise_is_refused_unless_forced(learning: Learning, baselines: Baselines) -> None:
    text = PLAYBOOK.read_text().replace(
        "responses:", "signals:\n  stage_overstay: {warning_quantile: 0.5}\nresponses:", 1
    )
    half = learning._replace(chosen=learning.chosen._replace(playbook=load(text, "half.yaml")))
    worths = judged(half, baselines)
    (noise,) = [one for one in worths if one.learned is not None]
    assert noise.limit_us == 69 * DAY_US
    ((fires,),) = query("SELECT avg((days > 69)::INT) FROM deals")
    assert noise.share == pytest.approx(fires)
    with pytest.raises(WorkError, match=r"refused: stage_overstay .* fires on \d+\.\d% of deals, over 15%"):
        refuse_noise(worths, force=False)
    refuse_noise(worths, force=True)
    refuse_noise(judged(learning, baselines), force=False)


@pytest.mark.chaos  # three replays of the file
def test_the_command_writes_a_file_that_a_replay_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], baselines: Baselines
) -> None:
    def signals(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["signals", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capsys.readouterr().out

    monkeypatch.chdir(tmp_path)
    history = ["--source", "tables", "--mapping", str(MAPPING), "--until", UNTIL]
    said = signals(
        "baseline", "fit", "--history", str(DATA), *history, "--output", "learned.json", "--report", "worth.json"
    )
    assert read(Path("learned.json").read_bytes()).version == baselines.version
    assert "p50 69 d" in said
    assert "p50 of those that ended: 45 d" in said
    assert {one["kind"] for one in json.loads(Path("worth.json").read_text())} == {"cycle_exceeded"}
    assert baselines.version in signals("baseline", "show", "learned.json")
    signals("replay", str(DATA), *history, "--baselines", "learned.json", "--report", "report.json")
    kinds = json.loads(Path("report.json").read_text())["signals"]
    assert Kind.STAGE_OVERSTAY.value not in kinds, "no quantile that the curve reaches, so no limit"
    assert Kind.CYCLE_EXCEEDED.value in kinds
