"""A raw topic that was dumped, keys, headers and tombstones with it, goes through `signals replay` as it went live."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.unit.golden_sources import Golden, goldens

ROOT = Path(__file__).parents[2]
SETTINGS = """
[[sources]]
name = "salesforce"
kind = "salesforce"
tenant = "acme"
[[sources]]
name = "web"
kind = "cloudevents"
tenant = "acme"
deal_source = "salesforce/acme"
"""


def line(golden: Golden) -> str:
    """The record as a line of a dump."""
    record = golden.record
    headers = {name: None if value is None else value.decode() for name, value in record.headers}
    key, value = (None if part is None else json.loads(part) for part in (record.key, record.value))
    return json.dumps({"key": key, "headers": headers, "value": value})


@pytest.mark.parametrize(
    ("stem", "options"),
    [
        ("debezium", ("--source", "crm", "--mapping", str(ROOT / "examples" / "mappings" / "debezium-crm.yaml"))),
        ("cloudevents", ("--source", "web")),
    ],
)
def test_a_dumped_topic(tmp_path: Path, stem: str, options: tuple[str, ...]) -> None:
    cases = [golden for golden in goldens() if golden.stem == stem]
    (tmp_path / "signals.toml").write_text(SETTINGS)
    (tmp_path / "dump.jsonl").write_text("\n".join(map(line, cases)))
    done = subprocess.run(
        [sys.executable, "-m", "programs", "replay", "dump.jsonl", *options, "--report", "report.json"],
        cwd=tmp_path,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads((tmp_path / "report.json").read_bytes())
    outcomes = [outcome for golden in cases for outcome in golden.outcomes]
    assert report["rejected"] == Counter(one["rejected"] for one in outcomes if "rejected" in one)
    assert report["silent"] == Counter(one["silent"] for one in outcomes if one.get("silent"))
    assert report["events"] == sum(bool(one.get("events")) and not one["silent"] for one in outcomes)
    assert report["rows"] == len(outcomes)
