"""A Salesforce org through the real programs: a contact reaches its deal by a role, what was lost is read again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.admin import produce, read_all
from engine.records import Output
from engine.settings import Broker
from tests.integration.test_up_whole import eventually, ready, started
from tests.unit.salesforce_changes import DEAL, IDS, cometd, header
from topics.catalog import DEAL_CURRENT, RAW_PREFIX
from topics.instants import HOUR_US, SECOND_US, rfc3339
from topics.views import DealView

PLAYBOOK = """
name: Live
pipelines:
  - name: Sales
    stages:
      - {name: Prospecting}
      - {name: Qualification}
      - {name: Won, outcome: won}
      - {name: Lost, outcome: lost}
"""
SETTINGS = """
[[sources]]
name = "salesforce"
kind = "salesforce"
tenant = "acme"
"""
#: Each look opens a connection.
_LOOK_S = 0.75
#: How many hours ago, what happened to which entity.
STORY: list[tuple[int, str, str, dict[str, Any]]] = [
    (5, "Task", "CREATE", {"WhoId": IDS["Contact"], "TaskSubtype": "Call", "Status": "Completed"}),
    (6, "Opportunity", "CREATE", {"Name": "Cardinal", "StageName": "Prospecting", "OwnerId": IDS["User"]}),
    (6, "User", "CREATE", {"Name": {"FirstName": "Ada", "LastName": "Byron"}, "IsActive": True}),
    (4, "OpportunityContactRole", "CREATE", {"OpportunityId": DEAL, "ContactId": IDS["Contact"]}),
    (2, "Opportunity", "GAP_UPDATE", {}),
]


def _told(now_us: int) -> list[Output]:
    """The story as records of the raw topic."""
    outputs: list[Output] = []
    for number, (hours, entity, change, fields) in enumerate(STORY):
        at_ms = (now_us - hours * HOUR_US) // 1000
        head = header(entity, change, transactionKey=f"t{number}", commitNumber=2**60 - hours, commitTimestamp=at_ms)
        outputs.append(Output(f"{RAW_PREFIX}salesforce", None, msgspec.json.encode(cometd(head, fields))))
    return outputs


def _view(broker: Broker) -> DealView | None:
    """How the deal is shown now."""
    views = [record.value for record in read_all(broker, DEAL_CURRENT) if record.value is not None]
    return msgspec.json.decode(views[-1], type=DealView) if views else None


def _shown(broker: Broker, *, suspect: bool, contact: str) -> DealView | None:
    time.sleep(_LOOK_S)
    view = _view(broker)
    return view if view is not None and (view.suspect, view.last_contact_at) == (suspect, contact) else None


@pytest.mark.chaos
@pytest.mark.broker
def test_a_suspect_deal_is_read_again(tmp_path: Path) -> None:
    now_us = time.time_ns() // 1000 // SECOND_US * SECOND_US
    modified = rfc3339(now_us - 3 * HOUR_US)
    snapshot = {
        "attributes": {"type": "Opportunity"},
        "Id": DEAL,
        "StageName": "Qualification",
        "SystemModstamp": modified,
    }
    for name, content in (
        ("p.yaml", PLAYBOOK.encode()),
        ("signals.toml", SETTINGS.encode()),
        ("deals.jsonl", msgspec.json.encode(snapshot) + b"\n"),
    ):
        (tmp_path / name).write_bytes(content)
    with started(tmp_path, tmp_path / "p.yaml", "", "", SLACK_BOT_TOKEN="", SIGNALS_CLOCK_MODE="wall") as up:
        eventually("all programs are ready", lambda: ready(up))
        produce(up.broker, _told(now_us))
        called = rfc3339(now_us - 5 * HOUR_US)
        before = eventually("the call and the gap", lambda: _shown(up.broker, suspect=True, contact=called))
        command = [sys.executable, "-m", "programs", "load", "deals.jsonl", "--source", "salesforce", "--snapshot"]
        environ = os.environ | {"SIGNALS_BROKER": up.broker.servers, "SIGNALS_DATA_DIR": str(tmp_path / "data")}
        ran = subprocess.run(
            command, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert (ran.returncode, ran.stderr) == (0, "")
        after = eventually("the deal was read again", lambda: _shown(up.broker, suspect=False, contact=called))
    assert (before.stage, after.stage) == ("Prospecting", "Qualification")
