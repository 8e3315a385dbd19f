"""`signals replay` on every data set beside the checkout: its signals are those of queries over the same files.

The queries read the files with DuckDB and know of stages no more than which are open, and of limits no more than their
days. Each comparison fails when the limit is another by one unit.
"""
# ruff: noqa: S608 -- what stands in the queries are paths of the checkout and constants of this file

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
import yaml

from programs.commands.replay import replay

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data"
EXAMPLES = ROOT / "examples"
DRIFT = DATA / "time_drift/sudden_time_noise0_500_baseline.csv"

pytestmark = [
    pytest.mark.chaos,  # a data set is replayed once more
    pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not beside the checkout"),
]

Episode = tuple[str, int, int | None]


class LogSet(NamedTuple):
    """A data set. `steps`: a query for deal, instant, place in the file, stage, close date; `days`: limit of stages.

    `closed`: the stages that are not open.
    """

    path: Path
    mapping: str
    playbook: str
    steps: str
    closed: tuple[str, ...]
    days: float
    cycle_days: float | None = None


def _rows(path: Path) -> str:
    """A file with the place of each row."""
    return f"(SELECT *, row_number() OVER () AS n FROM read_csv('{path}', all_varchar = true))"


DRIFT_STAGES = "ABCDEFGHIJKLMNO"
DRIFT_MAPPING = f"""
version: 1
tenant: drift
playbook: playbook.yaml
timezone: UTC
tables:
  steps:
    file: {DRIFT.name}
    kind: history
    deal: case_id
    at: {{column: timestamp, type: instant, format: iso}}
    columns: {{activity: stage}}
"""
DRIFT_PLAYBOOK = yaml.safe_dump(
    {
        "version": 1,
        "name": "Drift",
        "pipelines": [
            {
                "name": "Steps",
                "stages": [
                    *({"name": name, "max_days": 0.02, "required": False} for name in DRIFT_STAGES),
                    {"name": "Done", "outcome": "won"},
                    {"name": "Lost", "outcome": "lost", "required": False},
                ],
            }
        ],
    }
)

SETS = {
    "receipt": LogSet(
        DATA / "logs",
        (EXAMPLES / "mappings/receipt.yaml").read_text(),
        (EXAMPLES / "playbooks/receipt.yaml").read_text(),
        f"""SELECT "case:concept:name" AS deal, "time:timestamp"::TIMESTAMPTZ AS t, n, "concept:name" AS stage,
                   "case:startdate"::TIMESTAMPTZ AS created,
                   ("case:deadline"::TIMESTAMPTZ AT TIME ZONE 'Europe/Amsterdam')::DATE AS close_date
            FROM {_rows(DATA / "logs/receipt.csv.gz")}""",
        (
            "T10 Determine necessity to stop indication",
            "T15 Print document X request unlicensed",
            "T20 Print report Y to stop indication",
        ),
        7,
        56,
    ),
    "bpic2013": LogSet(
        DATA / "logs",
        (EXAMPLES / "mappings/bpic2013.yaml").read_text(),
        (EXAMPLES / "playbooks/bpic2013.yaml").read_text(),
        f"""SELECT case_id AS deal, timestamp::TIMESTAMPTZ AS t, n, activity AS stage
            FROM {_rows(DATA / "logs/bpic2013_closed_problems.csv")}""",
        ("Completed", "Cancelled"),
        30,
    ),
    "time_drift": LogSet(
        DRIFT,
        DRIFT_MAPPING,
        DRIFT_PLAYBOOK,
        f"SELECT case_id AS deal, timestamp::TIMESTAMPTZ AS t, n, activity AS stage FROM {_rows(DRIFT)}",
        (),
        0.02,
    ),
    "fivetran_hubspot": LogSet(
        DATA / "fivetran_hubspot",
        (EXAMPLES / "mappings/fivetran_hubspot.yaml").read_text(),
        (EXAMPLES / "playbooks/fivetran_hubspot.yaml").read_text(),
        f"""SELECT deal, t, n, CASE WHEN gone THEN 'closedlost' ELSE stage END AS stage FROM (
              SELECT deal_id AS deal, property_createdate::TIMESTAMPTZ AS t, n, deal_pipeline_stage_id AS stage,
                     coalesce(is_deleted = 'true', FALSE) OR deal_id IN (
                       SELECT merged_deal_id FROM read_csv('{DATA / "fivetran_hubspot/merged_deal_data.csv"}',
                                                           all_varchar = true)) AS gone
              FROM {_rows(DATA / "fivetran_hubspot/deal_data.csv")}
              UNION ALL
              SELECT deal_id, date_entered::TIMESTAMPTZ, 1000 + n, value, FALSE
              FROM {_rows(DATA / "fivetran_hubspot/deal_stage_data.csv")})
            WHERE t IS NOT NULL""",
        ("closedwon", "closedlost"),
        30,
    ),
}

#: The runs of one stage, and the runs of open stages, each with its beginning and its end (NULL: it lasts).
RUNS = """
CREATE TABLE steps AS SELECT *, stage NOT IN (SELECT unnest($closed)) AS is_open FROM ({steps});
CREATE TABLE stays AS
SELECT *, lead(t) OVER (PARTITION BY deal ORDER BY t, n) AS until,
       lag(is_open) OVER (PARTITION BY deal ORDER BY t, n) AS was_open
FROM (SELECT *, lag(stage) OVER (PARTITION BY deal ORDER BY t, n) AS before FROM steps)
WHERE stage IS DISTINCT FROM before;
CREATE TABLE periods AS
SELECT * EXCLUDE (was), lead(t) OVER (PARTITION BY deal ORDER BY t, n) AS until
FROM (SELECT *, lag(is_open) OVER (PARTITION BY deal ORDER BY t, n) AS was FROM steps)
WHERE is_open IS DISTINCT FROM was;
CREATE MACRO us(moment) AS epoch_us(moment);
"""
OVERSTAYS = """
SELECT deal, us(t) + $limit, us(until) FROM stays
WHERE is_open AND coalesce(us(until), $until) > us(t) + $limit"""
#: From the instant on at which time is up, else from when the deal is opened again after that.
_FROM_DUE = """
SELECT deal, greatest(us(t), due), us(until) FROM (SELECT *, {due} AS due FROM periods WHERE is_open)
WHERE coalesce(us(until), $until) > due"""
CYCLES = _FROM_DUE.format(due="us(created) + $limit")
PASSED = _FROM_DUE.format(due="us(timezone('Europe/Amsterdam', (close_date + 1)::TIMESTAMP))")
REOPENED = """
SELECT deal, us(t), CASE WHEN us(t) + $limit < $until THEN us(t) + $limit END
FROM (SELECT *, row_number() OVER (PARTITION BY deal ORDER BY t, n) AS place FROM periods)
WHERE is_open AND place > 1"""

DAY_US = 86_400_000_000


class Said(NamedTuple):
    """What a replay said, and the queries' database over the same files."""

    signals: list[dict[str, Any]]
    database: duckdb.DuckDBPyConnection
    until_us: int

    def episodes(self, kind: str) -> set[Episode]:
        """(deal, opened, resolved or None), in microseconds."""
        mine = [one for one in self.signals if one["kind"] == kind]
        found: list[Episode] = []
        running: dict[str, tuple[str, int]] = {}
        for one in mine:
            if one["transition"] == "opened":
                running[one["id"]] = (one["deal_id"], self.us(one["occurred_at"]))
            elif one["transition"] == "resolved":
                found.append((*running.pop(one["id"]), self.us(one["occurred_at"])))
        found += [(*opened, None) for opened in running.values()]
        assert len(found) == len(set(found))
        return set(found)

    def ask(self, query: str, days: float) -> set[Episode]:
        """The rows of a query for a limit in days."""
        known = {"limit": round(days * DAY_US), "until": self.until_us}
        given = {name: value for name, value in known.items() if f"${name}" in query}
        return set(self.database.execute(query, given).fetchall())

    def us(self, text: str) -> int:
        """An instant of the signals."""
        ((found,),) = self.database.execute("SELECT epoch_us($1::TIMESTAMPTZ)", [text]).fetchall()
        return int(found)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Said]:
    return {name: _said(tmp_path_factory.mktemp(name), one) for name, one in SETS.items()}


def _said(folder: Path, one: LogSet) -> Said:
    content = yaml.safe_load(one.mapping)
    content["playbook"] = "playbook.yaml"
    (folder / "mapping.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "playbook.yaml").write_text(one.playbook)
    output, report = folder / "signals.jsonl", folder / "report.json"
    replay(one.path, source=["tables"], mapping=folder / "mapping.yaml", output=output, report=report, jobs=1)
    database = duckdb.connect(config={"threads": 2})
    first, *others = RUNS.format(steps=one.steps).strip().split(";\n")
    database.execute(first, {"closed": list(one.closed) or ["(none)"]})
    for statement in others:
        database.execute(statement)
    signals = [json.loads(line) for line in output.read_text().splitlines()]
    ((until_us,),) = database.execute("SELECT max(epoch_us(t)) FROM steps").fetchall()
    detected = {one["detected_at"] for one in signals}
    assert len(detected) == 1
    made = Said(signals, database, until_us)
    return made._replace(until_us=made.us(detected.pop()))


#: set, kind, query, the limit in days, and how many there are at least.
ROWS = [
    ("receipt", "stage_overstay", OVERSTAYS, 7.0, 500),
    ("receipt", "cycle_exceeded", CYCLES, 56.0, 500),
    ("receipt", "close_date_passed", PASSED, 0.0, 500),
    ("receipt", "reopened", REOPENED, 14.0, 400),
    ("bpic2013", "reopened", REOPENED, 14.0, 61),
    ("time_drift", "stage_overstay", OVERSTAYS, 0.02, 1000),
    ("fivetran_hubspot", "stage_overstay", OVERSTAYS, 30.0, 10),
]


@pytest.mark.parametrize(("name", "kind", "query", "days", "least"), ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
def test_the_signals_of_a_set_are_those_of_the_query(  # noqa: PLR0913, PLR0917 - a row of the table
    name: str, kind: str, query: str, days: float, least: int, said: dict[str, Said]
) -> None:
    run = said[name]
    found = run.episodes(kind)
    assert len(found) >= least
    assert found == run.ask(query, days)
    if "$limit" in query:
        assert found != run.ask(query, days - 1e-3)
        assert found != run.ask(query, days + 1e-3)


def test_the_overstays_of_two_limits_are_those_of_the_query(said: dict[str, Said]) -> None:
    """Problems wait 7 days in Queued and 30 elsewhere."""
    run = said["bpic2013"]
    found = run.episodes("stage_overstay")
    queued, others = (OVERSTAYS + f" AND stage {sign} 'Queued'" for sign in ("=", "<>"))
    assert found == run.ask(queued, 7) | run.ask(others, 30)
    assert len(found) > 1_000
