"""`signals load --guess` on every set beside the checkout: what is sure loads as it is, what is not is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from programs.definitions import read_mapping
from programs.files.rows import records
from programs.guess.writing import proposal
from topics.outcomes import Accepted, Rejected
from topics.sources.tables import parser
from topics.sources.tables.mapping import Milestones, as_source, load

DATA = Path(__file__).parents[3] / "shared/data"

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not beside the checkout"),
]

#: The rows of a set that can be read as proposed, and how many deals they make.
SURE = [
    ("maven", 8_800 + 85 + 35, 8_800),
    ("logs/receipt.csv.gz", 8_577, 1_434),
    ("logs/bpic2013_closed_problems.csv", 6_660, 1_487),
    ("time_drift/sudden_time_noise0_500_baseline.csv", 5_656, 500),
    ("fivetran_salesforce", 79, 10),
]


def proposed(tmp_path: Path, name: str) -> Path:
    file = tmp_path / "mapping.yaml"
    file.write_text(proposal(DATA / name))
    return file


@pytest.mark.parametrize(("name", "rows", "deals"), SURE)
def test_what_is_sure_loads_as_it_is_proposed(name: str, rows: int, deals: int, tmp_path: Path) -> None:
    data = read_mapping(proposed(tmp_path, name))
    parse = parser(as_source("tables", data))
    outcomes = [one for record in records(DATA / name, load(data)) for one in parse(record)]
    assert len(outcomes) == rows
    assert not [one for one in outcomes if isinstance(one, Rejected)]
    keys = {
        event.key
        for one in outcomes
        if isinstance(one, Accepted)
        for event in one.events
        if type(event).__name__ in {"DealChanged", "DealRemoved"}
    }
    assert len(keys) == deals


def test_maven_s_milestones_and_a_second_spelling_are_found(tmp_path: Path) -> None:
    data = load(read_mapping(proposed(tmp_path, "maven")))
    table = data.tables["sales_pipeline"]
    assert isinstance(table, Milestones)
    assert [(step.stage, step.at.column) for step in table.milestones] == [
        (("Engaging",), "engage_date"),
        (("Lost", "Won"), "close_date"),
    ]
    assert table.columns["product"].join == "products"


def test_what_is_unsure_is_open_and_refused_with_its_place(tmp_path: Path) -> None:
    file = proposed(tmp_path, "fivetran_hubspot")
    command = [sys.executable, "-m", "programs", "replay", str(DATA / "fivetran_hubspot"), "--source", "hubspot"]
    ran = subprocess.run(
        [*command, "--mapping", str(file), "--report", "-"], capture_output=True, text=True, check=False, timeout=60
    )
    assert ran.returncode == 2
    assert "tables.deal_data.at" in ran.stderr
    assert "unsure: a table as it stands: when was it exported?" in file.read_text()
    filled = file.read_text().replace('at: "unsure"', "at: {constant: 2021-02-01, type: day, format: iso}")
    filled = filled.replace(
        "changes: {field: name, value: value}", "changes: {field: name, value: value}\n    columns: {dealstage: stage}"
    )
    file.write_text(filled)
    ran = subprocess.run(
        [*command, "--mapping", str(file), "--report", "-"], capture_output=True, text=True, check=True, timeout=60
    )
    report = json.loads(ran.stdout)
    assert report["rows"] == report["events"] + sum(report["silent"].values()) + sum(report["rejected"].values())
    assert report["rejected"] == {"absurd_time": 7}
