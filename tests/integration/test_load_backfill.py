"""`signals load` on a running `signals up`: history sets state and does not shout; what holds in the end opens."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.admin import read_all
from tests.integration.test_up_whole import eventually, ready, said, started
from topics.catalog import DEAL_CURRENT
from topics.signals import Step

PLAYBOOK = """
name: Load
pipelines:
  - name: Sales
    stages:
      - {name: Engaging, max_days: 30}
      - {name: Won, outcome: won}
      - {name: Lost, outcome: lost}
"""
MAPPING = """
version: 1
tenant: old
timezone: UTC
nulls: [""]
tables:
  deals:
    file: deals.csv
    kind: milestones
    deal: id
    columns:
      stage: {to: stage, expect: [Engaging, Won, Lost]}
    milestones:
      - {stage: Engaging, at: {column: engaged, type: day, format: "%Y-%m-%d"}, creates: true}
      - {stage: [Won, Lost], at: {column: closed, type: day, format: "%Y-%m-%d"}}
"""
DEALS = """id,stage,engaged,closed
still,Engaging,2020-01-10,
won,Won,2020-01-10,2020-06-01
lost,Lost,2020-02-01,2020-02-05
"""
SETTINGS = """
[[sources]]
name = "files"
kind = "tables"
mapping = "mapping.yaml"
"""


@pytest.mark.chaos
@pytest.mark.broker
def test_history_opens_only_what_holds_when_it_ends(tmp_path: Path) -> None:
    for name, text in (
        ("mapping.yaml", MAPPING),
        ("deals.csv", DEALS),
        ("signals.toml", SETTINGS),
        ("p.yaml", PLAYBOOK),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
    with started(tmp_path, tmp_path / "p.yaml", "", "", SLACK_BOT_TOKEN="", SIGNALS_CLOCK_MODE="wall") as up:
        eventually("all programs are ready", lambda: ready(up))
        environ = os.environ | {"SIGNALS_BROKER": up.broker.servers}
        command = [sys.executable, "-m", "programs", "load", "deals.csv", "--source", "files"]
        ran = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        assert "3 records loaded; what holds now opens now" in ran.stdout
        found = eventually("what holds is said", lambda: said(up))
        views = {record.key for record in read_all(up.broker, DEAL_CURRENT)}
    assert [(one.deal_id, one.kind, one.transition) for one in found] == [("still", "stage_overstay", Step.OPENED)]
    assert found[0].opened_at == "2020-02-09T00:00:00Z"
    assert views == {b"files/old:still", b"files/old:won", b"files/old:lost"}
