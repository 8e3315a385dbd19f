"""What others published goes through `signals replay`: every row is an event, silent or rejected, with its reason.

The payloads and data sets lie beside the checkout and are read in place; where they are absent, so are these tests.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
PAYLOADS, DATA = SHARED / "payloads", SHARED / "data"
MAPPINGS = ROOT / "examples" / "mappings"

#: When the broker received what does not say itself when it was.
RECEIVED_US = 1_704_103_200_000_000

SETTINGS = f"""
[[sources]]
name = "salesforce"
kind = "salesforce"
tenant = "acme"
[[sources]]
name = "hubspot"
kind = "hubspot"
tenant = "acme"
[[sources]]
name = "pipedrive"
kind = "pipedrive"
tenant = "acme"
[[sources]]
name = "inventory"
kind = "debezium"
mapping = "{MAPPINGS / "debezium-inventory.yaml"}"
[[sources]]
name = "web"
kind = "cloudevents"
tenant = "acme"
deal_source = "salesforce/acme"
"""


def replayed(folder: Path, path: Path, source: str, *options: str) -> dict[str, Any]:
    """The report of the command over these files."""
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "programs",
            "replay",
            str(path),
            "--source",
            source,
            "--report",
            "report.json",
            *options,
        ],
        cwd=folder,
        env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads((folder / "report.json").read_bytes())
    return report


def accounted(report: dict[str, Any]) -> int:
    """Rows of events, silent and rejected ones together."""
    said: int = report["events"] + sum(report["silent"].values()) + sum(report["rejected"].values())
    return said


class Published(NamedTuple):
    """The payloads of one source and what becomes of them."""

    source: str
    files: tuple[str, ...]
    events: int
    deals: int
    silent: dict[str, int]
    rejected: dict[str, int]


PUBLISHED = (
    Published(
        "salesforce",
        ("salesforce/pubsub_opportunity_create.json", "salesforce/cometd_account_update_enriched.json"),
        events=1,
        deals=1,
        silent={"nothing_mapped": 1},  # a phone number of an account, and what was added for context
        rejected={},
    ),
    Published("hubspot", ("hubspot/deal_stage_2019.json",), events=1, deals=1, silent={}, rejected={}),
    Published(
        "pipedrive",
        ("pipedrive/v2_deal_create.json", "pipedrive/v2_deal_change_stage.json"),
        events=2,
        deals=1,
        silent={},
        rejected={},
    ),
    Published(
        "inventory",
        (
            "debezium/docs_postgresql_01_op_c.json",
            "debezium/docs_postgresql_02_op_u.json",
            "debezium/docs_postgresql_03_op_d.json",
            "debezium/json_serde-update.json",
            "debezium/json_serde-with-schema.json",
            "debezium/json_serde-without-schema.json",
            "debezium/json_serde-unwrapped.json",
            "cloudevents/debezium_cloudevent_snapshot_read.json",
        ),
        events=6,
        deals=0,  # customers, who have no deals
        silent={"table_not_read": 1},
        rejected={"no_time": 1},  # a bare row says neither when nor what happened
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "signals.toml").write_text(SETTINGS)
    return tmp_path


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the published payloads are not beside the checkout")
@pytest.mark.parametrize("published", PUBLISHED, ids=lambda one: one.source)
def test_published_payloads(folder: Path, published: Published) -> None:
    (folder / "payloads").mkdir()
    rows = 0
    for name in published.files:
        content = (PAYLOADS / name).read_bytes()
        document = json.loads(content)
        rows += len(document) if isinstance(document, list) else 1
        (folder / "payloads" / name.replace("/", "-")).write_bytes(content)
    report = replayed(folder, folder / "payloads", published.source)
    assert report["rows"] == accounted(report) == rows
    assert (report["events"], report["deals"]) == (published.events, published.deals)
    assert (report["silent"], report["rejected"]) == (published.silent, published.rejected)


@pytest.mark.skipif(not PAYLOADS.is_dir(), reason="the published payloads are not beside the checkout")
def test_the_conformance_events_of_cloudevents(folder: Path) -> None:
    """Binary and structured; they are about nobody, which is what they are rejected for."""
    events = [
        one for name in ("v1.yaml", "v1_minimum.yaml") for one in _documents(PAYLOADS / "cloudevents" / name) if one
    ]
    lines = [json.dumps(_on_kafka(one, mode)) for one in events for mode in _modes(one)]
    (folder / "web.jsonl").write_text("\n".join(lines))
    report = replayed(folder, folder / "web.jsonl", "web")
    assert report["rows"] == accounted(report) == len(lines) >= 4
    assert report["rejected"] == {"no_subject": len(lines)}


def _documents(path: Path) -> list[Any]:
    """The events of a file; instants stay text."""
    return list(yaml.load_all(path.read_text(), Loader=yaml.BaseLoader))


def _modes(event: dict[str, Any]) -> tuple[str, ...]:
    """The mode that the event asks for; else both, as far as a line of JSON can hold the data."""
    named = event.get("Mode")
    return (named,) if named else ("structured", "binary") if _has_json(event) else ("structured",)


def _has_json(event: dict[str, Any]) -> bool:
    return "json" in event["ContextAttributes"].get("datacontenttype", "json")


def _on_kafka(event: dict[str, Any], mode: str) -> dict[str, Any]:
    """The record of an event, by the Kafka protocol binding."""
    attributes = dict(event["ContextAttributes"])
    attributes |= attributes.pop("Extensions", None) or {}
    text = event.get("Data", "").strip()
    data = json.loads(text) if text and _has_json(event) else text
    if mode == "binary":
        content_type = attributes.pop("datacontenttype", "application/json")
        headers = {f"ce_{name}": text for name, text in attributes.items()} | {"content-type": content_type}
        return {"value": data, "headers": headers, "timestamp": RECEIVED_US}
    headers = {"content-type": "application/cloudevents+json"}
    return {"value": attributes | {"data": data}, "headers": headers, "timestamp": RECEIVED_US}


DATA_SETS = ("maven", "fivetran_salesforce", "fivetran_hubspot", "receipt", "bpic2013")


def where(name: str) -> Path:
    """The folder of a data set."""
    return DATA / name if (DATA / name).is_dir() else DATA / "logs"


@pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not beside the checkout")
@pytest.mark.parametrize("name", DATA_SETS)
def test_data_sets(folder: Path, name: str) -> None:
    mapping = MAPPINGS / f"{name}.yaml"
    report = replayed(folder, where(name), name, "--mapping", str(mapping))
    rows = sum(_rows(where(name), table) for table in yaml.safe_load(mapping.read_bytes())["tables"].values())
    assert report["rows"] == accounted(report) == rows
    assert report["deals"] > 0
    assert report["events"] > 0


def _rows(folder: Path, table: dict[str, Any]) -> int:
    """The rows of a table's files; those of a lookup only stand beside others."""
    return 0 if table["kind"] == "lookup" else sum(_lines(file) for file in folder.glob(table["file"]))


def _lines(file: Path) -> int:
    content = file.read_bytes()
    text = (gzip.decompress(content) if file.suffix == ".gz" else content).decode()
    return sum(1 for row in csv.DictReader(io.StringIO(text)) if any(row.values()))
