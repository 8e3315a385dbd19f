"""What the source says and what our state says: two lists of the same deals, picked at random, that must agree.

The first list is read from the raw file in a few lines that share nothing with the product; the second is what
`signals replay --deals` writes. The seed of each run is printed; SIGNALS_SEED plays one again.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
import yaml

from tests.unit.change_streams import HOUR_MS, PLAYBOOK, START_MS, TELLERS, Step, truth

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
MAPPINGS = ROOT / "examples" / "mappings"
PICKED = 60

Values: TypeAlias = dict[str, str | float | None]


@pytest.fixture
def rng() -> random.Random:
    """What is left to chance, another one each run."""
    seed = int(os.environ.get("SIGNALS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"SIGNALS_SEED={seed}")  # noqa: T201 - so that a run that fails can be played again
    return random.Random(seed)  # noqa: S311 - which deals to look at is no secret


def state(folder: Path, path: Path, source: str, *options: str) -> dict[str, dict[str, Any]]:
    """The deals as the command leaves them, by id."""
    command = [sys.executable, "-m", "programs", "replay", str(path), "--source", source, "--deals", "deals.jsonl"]
    done = subprocess.run(
        [*command, *options],
        cwd=folder,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    views = [json.loads(line) for line in (folder / "deals.jsonl").read_text().splitlines()]
    return {view["deal_id"]: view for view in views}


# --- data sets --------------------------------------------------------------------------------------------------------


class Table(NamedTuple):
    """A file of rows: which columns are the deal and the time, and which of them become which value of the deal."""

    file: str
    deal: str
    at: str
    columns: Mapping[str, str]


class DataSet(NamedTuple):
    """What the files of a data set say of its deals, the later row after the earlier."""

    folder: str
    tables: tuple[Table, ...]
    instant: Callable[[str], datetime]


def _iso(text: str) -> datetime:
    """Any of the ISO spellings in these files, hours of one digit among them; without a zone it is UTC."""
    found = datetime.fromisoformat(re.sub(r" (\d):", r" 0\1:", text))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _american(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%Y").replace(tzinfo=UTC)


_OPPORTUNITY = {
    "stage": "stage_name",
    "amount": "amount",
    "close_date": "close_date",
    "owner_id": "owner_id",
    "removed": "is_deleted",
}
DATA_SETS = {
    "maven": DataSet(
        "maven",
        (
            Table(
                "sales_pipeline.csv",
                "opportunity_id",
                "close_date",
                {"stage": "deal_stage", "amount": "close_value", "owner_id": "sales_agent"},
            ),
        ),
        _american,
    ),
    "fivetran_salesforce": DataSet(
        "fivetran_salesforce",
        (
            Table("sf_opportunity_data.csv", "id", "_fivetran_synced", _OPPORTUNITY),
            Table("sf_opportunity_history_data.csv", "id", "_fivetran_start", _OPPORTUNITY),
        ),
        _iso,
    ),
    "fivetran_hubspot": DataSet(
        "fivetran_hubspot",
        (
            Table(
                "deal_data.csv",
                "deal_id",
                "property_createdate",
                {
                    "stage": "deal_pipeline_stage_id",
                    "amount": "property_amount",
                    "close_date": "property_closedate",
                    "owner_id": "owner_id",
                    "removed": "is_deleted",
                },
            ),
            Table("deal_stage_data.csv", "deal_id", "date_entered", {"stage": "value"}),
            Table("merged_deal_data.csv", "merged_deal_id", "_fivetran_synced", {"removed": "deal_id"}),
        ),
        _iso,
    ),
    "receipt": DataSet(
        "logs",
        (
            Table(
                "receipt.csv.gz",
                "case:concept:name",
                "time:timestamp",
                {"stage": "concept:name", "owner_id": "org:resource", "close_date": "case:deadline"},
            ),
        ),
        _iso,
    ),
    "bpic2013": DataSet(
        "logs",
        (
            Table(
                "bpic2013_closed_problems.csv",
                "case_id",
                "timestamp",
                {"stage": "activity", "owner_id": "e:org:resource"},
            ),
        ),
        _iso,
    ),
}


def rows(folder: Path, table: Table) -> Iterator[dict[str, str]]:
    """The rows of a file as text."""
    content = (folder / table.file).read_bytes()
    text = gzip.decompress(content) if table.file.endswith(".gz") else content
    return iter(csv.DictReader(io.StringIO(text.decode())))


def source_says(data_set: DataSet) -> dict[str, Values]:
    """The last values of each deal, in the order of their times, then of their files and rows."""
    never = datetime.min.replace(tzinfo=UTC)
    folder = DATA / data_set.folder
    told = [
        (data_set.instant(row[table.at]) if row[table.at] else never, table, row)
        for table in data_set.tables
        for row in rows(folder, table)
    ]
    deals: dict[str, Values] = {}
    for _, table, row in sorted(told, key=lambda one: one[0]):
        values = {name: _value(name, row[column]) for name, column in table.columns.items()}
        deals[row[table.deal]] = deals.get(row[table.deal], {}) | values
    return deals


def _value(name: str, text: str) -> str | float | None:
    text = "" if text in {"EMPTY", "false"} else text.strip()
    if name == "amount":
        return float(text) if text else None
    return {"close_date": text[:10], "removed": "removed" if text else ""}.get(name, text)


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not beside the checkout")
@pytest.mark.parametrize("name", DATA_SETS)
@pytest.mark.chaos
def test_data_sets(tmp_path: Path, rng: random.Random, name: str) -> None:
    data_set = DATA_SETS[name]
    said = source_says(data_set)
    ours = state(tmp_path, DATA / data_set.folder, name, "--mapping", str(MAPPINGS / f"{name}.yaml"))
    assert said.keys() <= ours.keys()
    for deal in rng.sample(sorted(said), min(PICKED, len(said))):
        values, view = said[deal], ours[deal]
        gone = values.pop("removed", "")
        assert (view["outcome"] == "removed") == bool(gone), deal
        if not gone:
            assert {field: view[field] for field in values} == values, deal


# --- generated streams ------------------------------------------------------------------------------------------------


def _life(rng: random.Random, deals: int) -> list[Step]:
    """So many deals, created, changed and sometimes deleted, no two changes at one instant."""
    steps = []
    for deal in range(1, deals + 1):
        birth = {"stage": "1", "amount": 100.0, "close_date": "2024-06-30", "owner": "11"}
        at_ms = START_MS + deal * 1000
        steps.append(Step(deal, at_ms, "created", birth))
        for _ in range(rng.randrange(6)):
            at_ms += rng.randrange(1, 9 * HOUR_MS)
            changes = {
                "stage": rng.choice("1234"),
                "amount": rng.choice([None, 0.5, 12_000.0, 1_000_000.25]),
                "close_date": rng.choice([None, "2024-02-29", "2024-12-31"]),
                "owner": rng.choice(["11", "12"]),
            }
            names = rng.sample(sorted(changes), rng.randrange(1, 5))
            steps.append(Step(deal, at_ms, "changed", {name: changes[name] for name in names}))
        if rng.random() < 0.1:
            steps.append(Step(deal, at_ms + HOUR_MS, "deleted", {}))
    return sorted(steps, key=lambda one: one.at_ms)


@pytest.mark.parametrize("name", TELLERS)
def test_generated_streams(tmp_path: Path, rng: random.Random, name: str) -> None:
    teller = TELLERS[name]
    steps = _life(rng, 120)
    records = [one.record for one in teller.tell(steps)]
    records += rng.sample(records, len(records) // 5)
    rng.shuffle(records)
    lines = [
        json.dumps({"key": record.key.decode() if record.key else None, "value": json.loads(record.value or b"null")})
        for record in records
    ]
    (tmp_path / "stream.jsonl").write_text("\n".join(lines))
    _configure(tmp_path, name)
    ours = state(tmp_path, tmp_path / "stream.jsonl", name)
    said = truth(steps)
    for deal in rng.sample(sorted(said), PICKED):
        view, values = ours[teller.key(deal).partition(":")[2]], said[deal]
        assert (view["outcome"] == "removed") == (values is None), deal
        if values is not None:
            seen = {"stage": view["stage"], "amount": view["amount"], "owner": view["owner_id"]}
            assert {**seen, "close_date": view["close_date"] or None} == values, deal


def _configure(folder: Path, name: str) -> None:
    source = TELLERS[name].source
    settings = [f'playbook = "playbook.yaml"\n[[sources]]\nname = "{name}"\nkind = "{source.kind.value}"']
    if source.mapping is None:
        settings.append(f'tenant = "{source.tenant}"')
    else:
        settings.append('mapping = "mapping.yaml"')
        (folder / "mapping.yaml").write_text(yaml.safe_dump(source.mapping))
    (folder / "playbook.yaml").write_text(yaml.safe_dump(PLAYBOOK))
    (folder / "signals.toml").write_text("\n".join(settings))
