"""`signals rollup` over files: its numbers against DuckDB's over the deals that `signals replay` writes of the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from playbook.load import load
from signals.simulate import Options, simulate
from signals.simulation.team import SELLERS

ROOT = Path(__file__).parents[2]
START_MS = 1_735_689_600_000  # 2025-01-01
LEADS = ("Lee Lead", "Mia Lead")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated team's records, and a playbook in which every second seller reports to the one or the other lead."""
    folder = tmp_path_factory.mktemp("rollup")
    book = yaml.safe_load((ROOT / "playbook" / "default.yaml").read_text(encoding="utf-8"))
    people = [
        {"name": seller.name, "ids": [seller.id], "team": ("East", "West")[place % 2], "lead": LEADS[place % 2]}
        for place, seller in enumerate(SELLERS)
    ]
    book["owners"] = [*people, *({"name": lead} for lead in LEADS)]
    (folder / "book.yaml").write_text(yaml.safe_dump(book, sort_keys=False))
    playbook = load((folder / "book.yaml").read_text(), "book.yaml").playbook
    records = simulate(Options(seed=5, deals=120, days=150, start_ms=START_MS, playbook=playbook))
    lines = [one.record.value or b"null" for one in records if one.source == "salesforce"]
    (folder / "salesforce.jsonl").write_bytes(b"\n".join(lines))
    signals("replay", "--deals", str(folder / "deals.jsonl"), "--output", str(folder / "said.jsonl"), folder=folder)
    return folder


def signals(*words: str, folder: Path, code: int = 0) -> str:
    """What a command over the files says: on stdout, or why not, where it is to end with another code."""
    where = ["--history"] if words[0] == "rollup" else []
    files = [*where, str(folder / "salesforce.jsonl"), "--source", "salesforce"]
    called = [sys.executable, "-m", "programs", *words, *files, "--playbook", str(folder / "book.yaml")]
    done = subprocess.run(called, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


@pytest.fixture(scope="module")
def the_forecast(folder: Path) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(signals("rollup", "forecast", "--json", folder=folder))


@pytest.fixture(scope="module")
def the_teams(folder: Path) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(signals("rollup", "team", "--json", folder=folder))


def asked(query: str, folder: Path) -> list[Any]:
    database = duckdb.connect()
    database.execute(f"CREATE TABLE deal AS SELECT * FROM read_ndjson('{folder / 'deals.jsonl'}')")  # noqa: S608 -- ours
    database.execute(f"CREATE TABLE said AS SELECT * FROM read_ndjson('{folder / 'said.jsonl'}')")  # noqa: S608 -- ours
    return database.execute(query).fetchall()


AT_RISK = "list_contains(list_transform(open_signals, lambda one: one.severity), 'critical')"


@pytest.mark.parametrize("group", ["category", "owner", "team"])
def test_the_forecast_is_what_a_query_says(group: str, folder: Path, the_forecast: Any) -> None:  # noqa: ANN401 - JSON
    made = the_forecast
    first, last = made["quarter"]["first"], made["quarter"]["last"]
    expected = asked(
        f"""
        SELECT {group} AS name,
               count(*) FILTER (outcome = 'open'),
               coalesce(sum(amount) FILTER (outcome = 'open'), 0),
               coalesce(sum(amount) FILTER (outcome = 'open' AND try_cast(close_date AS DATE) <= '{last}'), 0),
               coalesce(sum(amount) FILTER (outcome = 'open' AND {AT_RISK}), 0),
               count(*) FILTER (outcome = 'won')
        FROM deal
        WHERE outcome = 'open' OR (outcome = 'won' AND try_cast(ended_at AS DATE) BETWEEN '{first}' AND '{last}')
        GROUP BY 1
        """,  # noqa: S608 -- a name of the table above, and days of ours
        folder,
    )
    found = {
        (one["name"], one["deals"], one["amount"], one["due"], one["at_risk"], one["won_deals"]) for one in made[group]
    }
    assert len(found) > 1
    assert {rounded(row) for row in found} == {rounded(row) for row in expected}


def rounded(row: Any) -> tuple[Any, ...]:  # noqa: ANN401 - of either side
    return tuple(round(each, 2) if isinstance(each, float) else each for each in row)


def test_the_teams_are_what_a_query_says(folder: Path, the_teams: Any) -> None:  # noqa: ANN401 - JSON
    made = the_teams
    assert [one["lead"] for one in made] == sorted(LEADS)
    (at,) = {one["as_of"] for one in made}
    for one, team in zip(made, ("East", "West"), strict=True):
        ((deals, troubled, open_signals, recent),) = asked(
            f"""
            SELECT count(*), count(*) FILTER (len(open_signals) > 0), sum(len(open_signals)),
                   sum(len(list_filter(open_signals, lambda one:
                       one.opened_at::TIMESTAMPTZ >= '{at}'::TIMESTAMPTZ - INTERVAL 7 DAY)))
            FROM deal WHERE outcome = 'open' AND team = '{team}'
            """,  # noqa: S608 -- a team and an instant of ours
            folder,
        )
        assert (one["deals"], one["deals_with_something_open"]) == (deals, troubled)
        assert (one["open_signals"], one["opened_this_week"]) == (open_signals, recent)
        ((ended,),) = asked(
            f"""
            SELECT count(*) FROM (
                SELECT id, arg_max(transition, (occurred_at, transition)) AS last, min(opened_at) AS began
                FROM said WHERE occurred_at::TIMESTAMPTZ >= '{at}'::TIMESTAMPTZ - INTERVAL 7 DAY AND team = '{team}'
                GROUP BY id)
            WHERE last = 'resolved' AND began::TIMESTAMPTZ < '{at}'::TIMESTAMPTZ - INTERVAL 7 DAY
            """,  # noqa: S608 -- a team and an instant of ours
            folder,
        )
        assert one["ended_this_week"] == ended
        assert one["a_week_ago"] == open_signals - recent + ended


def test_a_lead_whom_nobody_reports_to_is_refused_with_those_who_are(folder: Path) -> None:
    said = signals("rollup", "team", "Nobody", folder=folder, code=2)
    assert "nobody reports to 'Nobody'; leads are Lee Lead, Mia Lead" in said
