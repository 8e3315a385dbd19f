"""The mappings of `examples/`: every row of each set is accounted for, and deals picked at random agree with queries.

The queries are asked of the same files by DuckDB, which shares nothing with the product.
"""
# ruff: noqa: S608 -- what stands in the queries are paths of the checkout

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from playbook.check import kinds_off
from programs.commands.replay import replay
from programs.definitions import read_mapping, read_playbook
from topics.signals import Kind
from topics.sources.tables.mapping import as_source

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not beside the checkout")

#: Set -> its folder, its tables' files, and the figures of its report.
SETS: dict[str, tuple[str, int, dict[str, int], dict[str, int]]] = {
    "maven": ("maven", 8_800, {"undated": 500}, {}),
    "receipt": ("logs", 8_577, {}, {}),
    "bpic2013": ("logs", 6_660, {}, {}),
    "fivetran_salesforce": ("fivetran_salesforce", 75, {}, {}),
    "fivetran_hubspot": ("fivetran_hubspot", 408, {"field_unmapped": 100}, {"absurd_time": 7}),
}


class Replayed(NamedTuple):
    """What a replay gave."""

    report: dict[str, Any]
    deals: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Replayed]:
    found = {}
    for name, (folder, *_) in SETS.items():
        out = tmp_path_factory.mktemp(name)
        replay(
            DATA / folder,
            source=[name],
            mapping=ROOT / f"examples/mappings/{name}.yaml",
            report=out / "report.json",
            deals=out / "deals.jsonl",
            jobs=1,
        )
        views = [json.loads(line) for line in (out / "deals.jsonl").read_text().splitlines()]
        found[name] = Replayed(json.loads((out / "report.json").read_text()), {one["deal_id"]: one for one in views})
    return found


def ask(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as database:
        return database.execute(query).fetchall()


def table(path: str) -> str:
    return f"read_csv('{DATA / path}', all_varchar = true)"


@pytest.mark.parametrize("name", SETS)
def test_every_row_is_an_event_or_silent_or_rejected(name: str, replayed: dict[str, Replayed]) -> None:
    _, rows, silent, rejected = SETS[name]
    report = replayed[name].report
    assert (report["rows"], report["silent"], report["rejected"]) == (rows, silent, rejected)
    assert rows == report["events"] + sum(silent.values()) + sum(rejected.values())
    assert report["deals"] == len(replayed[name].deals)


@pytest.mark.parametrize("name", SETS)
def test_the_rows_are_those_of_the_files(name: str) -> None:
    folder, rows, *_ = SETS[name]
    data = read_mapping(ROOT / f"examples/mappings/{name}.yaml")
    tables: dict[str, dict[str, str]] = data["tables"]  # type: ignore[assignment]  # a mapping file's own form
    files = [one["file"] for one in tables.values() if one["kind"] != "lookup"]
    counted = [ask(f"SELECT count(*) FROM {table(f'{folder}/{file}')}")[0][0] for file in files]
    assert sum(counted) == rows


@pytest.mark.parametrize("name", SETS)
def test_the_playbook_knows_the_stages_and_the_mapping_what_it_provides(
    name: str, replayed: dict[str, Replayed]
) -> None:
    data = read_mapping(ROOT / f"examples/mappings/{name}.yaml")
    playbook = read_playbook(ROOT / f"examples/playbooks/{name}.yaml").playbook
    known = {stage.name for pipeline in playbook.pipelines for stage in pipeline.stages}
    assert {view["stage"] for view in replayed[name].deals.values()} - {""} <= known
    off = {one.kind for one in kinds_off(playbook, [as_source(name, data)])}
    assert not off & {Kind.STAGE_OVERSTAY, Kind.STAGE_REGRESSED, Kind.STAGE_BOUNCED}, "all that stages alone show is on"


@pytest.mark.parametrize(
    ("name", "query"),
    [
        (
            "receipt",
            f"""SELECT "case:concept:name", last("concept:name" ORDER BY t), last("org:resource" ORDER BY t),
                       strftime(max(t), '%Y-%m-%dT%H:%M'), left(last("case:deadline" ORDER BY t), 10)
                FROM (SELECT *, "time:timestamp"::TIMESTAMPTZ AT TIME ZONE 'UTC' AS t
                      FROM {table("logs/receipt.csv.gz")}) GROUP BY ALL""",
        ),
        (
            "bpic2013",
            f"""SELECT case_id, last(activity ORDER BY t, n), last("e:org:resource" ORDER BY t, n), NULL, ''
                FROM (SELECT *, timestamp::TIMESTAMPTZ AS t, row_number() OVER () AS n
                      FROM {table("logs/bpic2013_closed_problems.csv")}) GROUP BY ALL""",
        ),
    ],
)
def test_deals_picked_at_random_stand_as_the_log_says(name: str, query: str, replayed: dict[str, Replayed]) -> None:
    said = {row[0]: row[1:] for row in ask(query)}
    deals = replayed[name].deals
    assert set(said) == set(deals)
    for deal in random.Random(7).sample(sorted(said), 200):  # noqa: S311 -- a choice that repeats
        stage, owner, since, deadline = said[deal]
        view = deals[deal]
        assert (view["stage"], view["owner_id"] or None, view["close_date"]) == (
            stage,
            None if owner == "EMPTY" else owner,
            deadline or "",
        )
        if since is not None and view["stage_since"]:
            assert view["stage_since"][:16] <= since


def test_a_problem_that_was_opened_again_left_its_last_stage(replayed: dict[str, Replayed]) -> None:
    ((reopened,),) = ask(
        f"""SELECT count(DISTINCT case_id) FROM (
              SELECT *, max(activity = 'Completed') OVER (PARTITION BY case_id ORDER BY t, n
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS was
              FROM (SELECT *, timestamp::TIMESTAMPTZ AS t, row_number() OVER () AS n
                    FROM {table("logs/bpic2013_closed_problems.csv")})) WHERE was AND activity <> 'Completed'"""
    )
    assert reopened == 61  # as the set's documentation says
    assert {view["outcome"] for view in replayed["bpic2013"].deals.values()} == {"won"}


def test_salesforce_s_opportunities_are_removed_and_named(replayed: dict[str, Replayed]) -> None:
    said = ask(
        f"""SELECT id, name, try_cast(amount AS DOUBLE), close_date[:10], is_deleted
            FROM {table("fivetran_salesforce/sf_opportunity_history_data.csv")}"""
    )
    deals = replayed["fivetran_salesforce"].deals
    for deal, name, amount, close_date, deleted in said:
        view = deals[deal]
        assert (view["name"], view.get("amount"), view["close_date"]) == (name, amount, close_date or "")
        assert (view["outcome"] == "removed") is (deleted == "true")


def test_hubspot_s_merged_deals_are_gone_and_name_nobody_else(replayed: dict[str, Replayed]) -> None:
    deals = replayed["fivetran_hubspot"].deals
    merged = {deal for (deal,) in ask(f"SELECT merged_deal_id FROM {table('fivetran_hubspot/merged_deal_data.csv')}")}
    assert {deal for deal, view in deals.items() if view["outcome"] == "removed"} == merged
    stages = dict(ask(f"SELECT deal_id, value FROM {table('fivetran_hubspot/deal_stage_data.csv')}"))
    assert {deal: deals[deal]["stage"] for deal in stages} == stages
