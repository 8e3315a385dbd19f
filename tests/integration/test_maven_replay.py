"""`signals replay` over the Maven data gives exactly the overstays that a query over the CSV gives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

SIGNALS = str(Path(sys.executable).parent / "signals")
ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/maven"
MAPPING = ROOT / "examples/mappings/maven.yaml"
PLAYBOOK = ROOT / "examples/playbooks/maven.yaml"
UNTIL = "2017-12-31T00:00:00Z"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the Maven data set is not beside the checkout")

Episode = tuple[str, str, str | None]


class Run(NamedTuple):
    """What one replay wrote."""

    signals: list[dict[str, Any]]
    deals: list[dict[str, Any]]
    report: dict[str, Any]


def replay(out: Path, until: str, *more: str) -> Run:
    """The command of the README, on the files as they are."""
    command = [SIGNALS, "replay", str(DATA), "--source", "tables", "--mapping", str(MAPPING), "--until", until]
    outputs = ["--output", "-", "--deals", str(out / "deals"), "--report", str(out / "report")]
    done = subprocess.run([*command, *outputs, *more], capture_output=True, check=False, cwd=out, timeout=100)
    assert done.returncode == 0, done.stderr.decode()
    deals = (out / "deals").read_text().splitlines()
    signals = [json.loads(line) for line in done.stdout.splitlines()]
    return Run(signals, [json.loads(line) for line in deals], json.loads((out / "report").read_text()))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return replay(tmp_path_factory.mktemp("maven"), UNTIL)


def episodes(run: Run, kind: str) -> set[Episode]:
    """(deal, opened, resolved or None) of each episode of a kind."""
    mine = [signal for signal in run.signals if signal["kind"] == kind]
    resolved = {signal["id"]: signal["occurred_at"] for signal in mine if signal["transition"] == "resolved"}
    opened = [signal for signal in mine if signal["transition"] == "opened"]
    assert len({signal["id"] for signal in opened}) == len(opened)
    assert set(resolved) <= {signal["id"] for signal in opened}
    return {(one["deal_id"], one["occurred_at"], resolved.get(one["id"])) for one in opened}


class Dwell(NamedTuple):
    """One deal's time in Engaging, as far as it was known at an instant. `closed` is None while it lasts."""

    deal: str
    engaged: datetime
    closed: datetime | None
    lasted: timedelta


def dwells(until: str) -> list[Dwell]:
    """Of every deal that was engaged by then, from the CSV alone."""
    query = f"""
      WITH deals AS (
        SELECT opportunity_id AS deal, strptime(engage_date, '%m/%d/%Y') AS engaged,
               strptime(close_date, '%m/%d/%Y') AS closed, $until::TIMESTAMP AS now
        FROM read_csv('{DATA / "sales_pipeline.csv"}', all_varchar = true))
      SELECT deal, engaged, CASE WHEN closed <= now THEN closed END AS left_at, coalesce(left_at, now) - engaged
      FROM deals WHERE engaged <= now"""  # noqa: S608 -- a path of the checkout
    with duckdb.connect() as database:
        rows = database.execute(query, {"until": until.removesuffix("Z")}).fetchall()
    return [Dwell(*row) for row in rows]


def overstays(days: int, until: str) -> set[Episode]:
    """What `stage_overstay` must say for this limit."""
    limit = timedelta(days=days)
    over = [dwell for dwell in dwells(until) if dwell.lasted > limit]
    return {(one.deal, instant(one.engaged + limit), instant(one.closed) if one.closed else None) for one in over}


def instant(moment: datetime) -> str:
    return f"{moment.isoformat()}Z"


def test_the_overstays_are_those_of_the_query(run: Run) -> None:
    found = episodes(run, "stage_overstay")
    assert found == overstays(30, UNTIL)
    assert len(found) == 5_119


def test_a_deal_that_dwells_exactly_as_long_as_the_limit_does_not_fire(run: Run) -> None:
    exactly = {dwell.deal for dwell in dwells(UNTIL) if dwell.lasted == timedelta(days=30)}
    assert len(exactly) == 9
    assert not exactly & {deal for deal, _, _ in episodes(run, "stage_overstay")}


def test_the_cycles_are_those_of_the_query(run: Run) -> None:
    found = episodes(run, "cycle_exceeded")
    assert found == overstays(106, UNTIL)
    assert len(found) == 2_007


def test_an_overstay_says_what_was_known_then_and_why(run: Run) -> None:
    (opened,) = [one for one in run.signals if one["deal_id"] == "1C1I7A6R" and one["kind"] == "stage_overstay"][:1]
    said = {"subject_key", "owner", "team", "stage", "amount", "currency", "anchor", "occurred_at", "reason"}
    assert {name: opened[name] for name in said} == {
        "subject_key": "tables/maven:1C1I7A6R",
        "owner": "Moses Frase",
        "team": "Central",
        "stage": "Engaging",
        "amount": None,  # its 1,054 dollars are written when it closes
        "currency": "USD",
        "anchor": "2016-10-20T00:00:00Z",
        "occurred_at": "2016-11-19T00:00:00Z",
        "reason": "more than 30 days in Engaging",
    }


def test_the_report_counts_rows_deals_and_dirt(run: Run) -> None:
    assert {name: run.report[name] for name in ("rows", "events", "deals", "silent", "rejected")} == {
        "rows": 8_800,
        "events": 8_300,
        "deals": 8_800,
        "silent": {"undated": 500},
        "rejected": {},
    }
    assert run.report["dirt"]["repaired.product"] == 1_480
    assert run.report["dirt"]["empty.account"] == 1_425
    assert len(run.deals) == 8_800


def test_the_final_stages_are_those_of_the_file(run: Run) -> None:
    assert Counter(deal["stage"] for deal in run.deals) == {
        "Won": 4_238,
        "Lost": 2_473,
        "Engaging": 1_589,
        "Prospecting": 500,
    }


@pytest.mark.parametrize(
    ("days", "until"),
    [
        (29, UNTIL),  # one unit less is another answer, and again that of the query
        (30, "2017-06-30T00:00:00Z"),  # what will close later is open now
        (30, "2017-06-30T12:00:00Z"),  # half a day past the limit is past the limit
    ],
)
def test_another_limit_or_instant_gives_what_the_query_gives(days: int, until: str, tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(PLAYBOOK.read_text().replace("max_days: 30", f"max_days: {days}"))
    found = episodes(replay(tmp_path, until, "--playbook", str(playbook)), "stage_overstay")
    assert found == overstays(days, until)
    assert found != overstays(30, UNTIL)
