"""`signals status` on the Maven data: every number and every deal behind it is what a query over the CSV gives."""
# ruff: noqa: S608 -- what stands in the queries are paths of the checkout

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from programs.commands.status import status
from signals.questions import Group

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/maven"
MAPPING = ROOT / "examples/mappings/maven.yaml"
PLAYBOOK = ROOT / "examples/playbooks/maven.yaml"
UNTIL, QUARTER = "2017-11-15T00:00:00Z", "2017-10-01"
ICP = 'icp: [{name: sold to an account that we know, when: account_id != null && account_id != ""}]\n'

pytestmark = [
    pytest.mark.chaos,  # a data set is replayed once more
    pytest.mark.skipif(not DATA.is_dir(), reason="the Maven data set is not beside the checkout"),
]

#: What is known at T: a deal that closes later is open, and its account is not written yet.
DEALS = f"""
  SELECT opportunity_id AS deal, p.sales_agent AS owner, t.regional_office AS team, $until::TIMESTAMP AS now,
         strptime(engage_date, '%m/%d/%Y') AS engaged, try_strptime(close_date, '%m/%d/%Y') AS closes,
         CASE WHEN closes <= now THEN closes END AS closed,
         CASE WHEN closes > now THEN NULL ELSE account END AS account
  FROM read_csv('{DATA / "sales_pipeline.csv"}', all_varchar = true) AS p
  JOIN read_csv('{DATA / "sales_teams.csv"}', all_varchar = true) AS t USING (sales_agent)
"""


def ask(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as database:
        return database.execute(f"WITH deals AS ({DEALS}) {query}", {"until": UNTIL.removesuffix("Z")}).fetchall()


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the command says, as JSON, by a playbook that has an ICP criterion, too."""
    playbook = tmp_path_factory.mktemp("maven") / "playbook.yaml"
    playbook.write_text(PLAYBOOK.read_text() + ICP)
    with pytest.MonkeyPatch.context() as patch:
        out = playbook.parent / "out"
        with out.open("w") as file:
            patch.setattr("sys.stdout", file)
            status(
                by=[Group.TEAM, Group.OWNER],
                deals=True,
                as_json=True,
                history=DATA,
                source=["tables"],
                mapping=MAPPING,
                playbook=playbook,
                until=UNTIL,
            )
    document: dict[str, Any] = json.loads(out.read_text())
    return document


CYCLES = """
  SELECT {by}, count(*) FILTER (engaged IS NOT NULL AND now - engaged <= INTERVAL 106 DAYS),
         count(*) FILTER (now - engaged > INTERVAL 106 DAYS), count(*) FILTER (engaged IS NULL)
  FROM deals WHERE closed IS NULL AND (engaged IS NULL OR engaged <= now) GROUP BY 1
"""


@pytest.mark.parametrize("by", ["'all'", "team", "owner"])
def test_deals_past_their_cycle_are_those_of_the_query(said: dict[str, Any], by: str) -> None:
    question = said["questions"]["cycle"]
    rows = question["by"][by] if by != "'all'" else [{"'all'": "all", **question}]
    found = {(one[by], one["met"], one["not_met"], one["unknown"]) for one in rows}
    assert found == set(ask(CYCLES.format(by=by)))
    assert sum(one["not_met"] for one in rows) > 500
    assert all(one["ratio"] == (one["met"] / one["n"] if one["n"] else None) for one in rows)


@pytest.mark.parametrize("by", ["'all'", "team", "owner"])
def test_adherence_this_quarter_is_that_of_the_query(said: dict[str, Any], by: str) -> None:
    question = said["questions"]["icp_adherence"]
    rows = question["by"][by] if by != "'all'" else [{"'all'": "all", **question}]
    found = {(one[by], one["met"], one["not_met"], one["unknown"]) for one in rows}
    asked = ask(f"""
      SELECT {by}, count(*) FILTER (account IS NOT NULL),
             count(*) FILTER (account IS NULL AND (closes IS NULL OR closed IS NOT NULL)),
             count(*) FILTER (account IS NULL AND closes > now)
      FROM deals WHERE (engaged IS NULL OR engaged <= now) AND (closed IS NULL OR closed >= '{QUARTER}') GROUP BY 1""")
    assert found == set(asked)
    assert said["quarter_from"] == f"{QUARTER}T00:00:00Z"


def test_the_deals_behind_a_number_are_those_of_the_query(said: dict[str, Any]) -> None:
    exceeded = {one["deal_id"] for one in said["questions"]["cycle"]["deals"] if one["answer"] == "not_met"}
    asked = ask("SELECT deal FROM deals WHERE closed IS NULL AND now - engaged > INTERVAL 106 DAYS")
    assert exceeded == {deal for (deal,) in asked}


def test_what_nobody_defined_is_said_and_not_counted(said: dict[str, Any]) -> None:
    question = said["questions"]["sql_criteria"]
    assert question["definition"] == ["the playbook names no SQL fields"]
    assert (question["n"], question["unknown"], question["ratio"]) == (0, 0, None)
    assert said["questions"]["cycle"]["definition"][0] == "all deals (every other deal): 106 days"
    assert list(said["playbooks"].values()) == [said["deals"]]
