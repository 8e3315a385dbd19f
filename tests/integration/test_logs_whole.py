"""What the running product logs at its most talkative: where each record that is refused stands, and no secret."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from engine.admin import produce, read_all
from engine.records import Output
from tests.golden.messages.samples import opened
from tests.integration.slack_server import TOKEN, Fault, SlackServer
from tests.integration.test_up_whole import Up, eventually, ready, started
from topics.catalog import DEAL_EVENTS, DEAL_SIGNALS, PEOPLE_EVENTS, RAW_PREFIX, REJECTED
from topics.codec import encode
from topics.signals import Kind

PASSWORD = "swordfish-of-this-test"  # noqa: S105 - planted
PLAYBOOK = """
name: Logs
pipelines:
  - name: Sales
    stages: [{name: Engaging, max_days: 30}, {name: Won, outcome: won}, {name: Lost, outcome: lost}]
fallback_channel: "#sales"
"""
METHODS = ("conversations.list", "conversations.open", "chat.postMessage")
NOT_OURS = {
    RAW_PREFIX + "web": "refused",
    DEAL_EVENTS: "put_aside",
    PEOPLE_EVENTS: "put_aside",
    DEAL_SIGNALS: "put_aside",
}


@pytest.mark.broker
@pytest.mark.chaos
async def test_a_run_full_of_trouble_says_where_and_tells_no_secret(tmp_path: Path) -> None:
    (tmp_path / "playbook.yaml").write_text(PLAYBOOK)
    async with SlackServer() as slack:
        for method in METHODS:
            slack.fail(method, Fault(drop=True), Fault(status=500, error="internal_error"), Fault(error="invalid_auth"))
        await asyncio.to_thread(trouble, tmp_path, slack)
    log = (tmp_path / "up.log").read_text()
    assert TOKEN not in log
    assert PASSWORD not in log
    lines = [json.loads(line) for line in log.splitlines()]
    for topic, event in NOT_OURS.items():
        about = [line for line in lines if line["event"] == event and line.get("topic") == topic]
        ((partition, offset, key),) = {(line["partition"], line["offset"], line["key"]) for line in about}
        assert (partition, key) == (1, "a-key")
        assert offset == 0 or topic == DEAL_EVENTS, "ticks stand there before"
    assert {line["level"] for line in lines} <= {"debug", "info", "warning", "error"}


def trouble(folder: Path, slack: SlackServer) -> None:
    told = {
        "SIGNALS_LOG_LEVEL": "debug",
        "SIGNALS_BROKER_USER": "signals",
        "SIGNALS_BROKER_PASSWORD": PASSWORD,
        "SIGNALS_CLOCK_MODE": "wall",
    }
    with started(folder, folder / "playbook.yaml", slack.url, "", **told) as up:
        eventually("all programs are ready", lambda: ready(up))
        produce(up.broker, [Output(topic, b"a-key", b"not ours", partition=1) for topic in NOT_OURS])
        signal = opened(Kind.CONTACT_GAP)
        produce(up.broker, [Output(DEAL_SIGNALS, signal.subject_key.encode(), encode(signal))])
        eventually("all of it is put aside", lambda: put_aside(up) >= NOT_OURS.keys())
        eventually(
            "Slack was asked and did not answer well", lambda: sum(len(slack.called(each)) for each in METHODS) > 2
        )


def put_aside(up: Up) -> set[str]:
    """The topics from which records were put aside."""
    return {json.loads(record.value or b"{}")["topic"] for record in read_all(up.broker, REJECTED)}
