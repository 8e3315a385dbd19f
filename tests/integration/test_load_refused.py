"""History for deals that are live already is refused with a reason; how deals stand is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.admin import apply, produce, read_all
from engine.records import Output
from engine.settings import Broker
from programs import cli
from programs.commands.topics import specs
from programs.loads.lateness import live_deals
from programs.startup import prepare
from topics.catalog import DEAL_CURRENT
from topics.codec import encode
from topics.views import DealView

pytestmark = pytest.mark.broker

MAPPING = """
version: 1
tenant: acme
tables:
  deals:
    file: deals.csv
    kind: history
    deal: id
    at: {column: at, type: day, format: iso}
    columns: {stage: stage}
"""
SETTINGS = '[[sources]]\nname = "late"\nkind = "tables"\nmapping = "mapping.yaml"\n'


@pytest.fixture
def folder(tmp_path: Path, embedded_broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "signals.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGNALS_BROKER", embedded_broker.servers)
    apply(embedded_broker, specs(prepare({"SIGNALS_BROKER": embedded_broker.servers}, tmp_path)), replication=1)
    views = [
        DealView(key=f"late/acme:{deal}", source="late/acme", deal_id=deal, as_of="2024-02-01T00:00:00Z")
        for deal in ("D1", "D2")
    ]
    outputs = [Output(DEAL_CURRENT, view.key.encode(), encode(view)) for view in views]
    produce(embedded_broker, [*outputs, Output(DEAL_CURRENT, b"late/acme:D2", None)])
    return tmp_path


def load(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["signals", "load", "deals.csv", "--source", "late", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def raw(broker: Broker) -> int:
    return sum(1 for _ in read_all(broker, "crm.raw.late"))


@pytest.mark.chaos
def test_rows_that_are_too_late_are_counted_and_nothing_is_loaded(
    folder: Path, embedded_broker: Broker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(live_deals(embedded_broker, "late/acme")) == ["late/acme:D1"]
    (folder / "deals.csv").write_text(
        "id,at,stage\nD1,2023-12-01,New\nD1,2024-01-10,Trial\nD1,2024-01-31,Won\nD2,2023-01-01,New\nD3,2023-01-01,New\n"
    )
    before = raw(embedded_broker)
    assert load(monkeypatch) == 2
    said = capsys.readouterr().err
    assert "2 of 5 rows are too late" in said
    assert "late/acme:D1" in said
    assert "--force" in said
    assert raw(embedded_broker) == before
    assert load(monkeypatch, "--as-live") == 0  # what is new is not asked
    assert raw(embedded_broker) == before + 5


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("--read-at", "2024-01-01T00:00:00Z"), "--read-at: goes with --snapshot"),
        (("--snapshot", "--read-at", "yesterday"), "no RFC 3339 instant"),
        (("--guess", "deals.csv"), "--guess"),
    ],
)
def test_a_call_that_cannot_be_meant_is_told(
    arguments: tuple[str, ...],
    what: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "deals.csv").write_text("id,at,stage\n")
    assert load(monkeypatch, *arguments) == 2
    assert what in capsys.readouterr().err
