"""From a signal to a message, from its button to who pressed, and back into the message: by real programs."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientConnectionError, ClientSession
from msgspec.structs import replace

from alerts.actions import Action, ActionKind, Role, decode_action
from engine.admin import apply, produce, read_all
from engine.embedded import EmbeddedBroker
from engine.ports import free_port
from engine.records import Output
from engine.settings import Broker
from programs.commands.topics import specs
from programs.definitions import default_text
from programs.intake.signatures import SLACK_SIGNATURE, SLACK_TIMESTAMP, slack_v0
from programs.startup import prepare
from tests.golden.messages.samples import ANN, BEN, opened
from tests.integration.slack_server import APP_TOKEN, TEAM, TOKEN, SlackServer
from tests.integration.test_slack_presses import view_of
from tests.integration.test_slack_programs import _program, _put, _until
from tests.prompt import PROMPT_TEXT
from tests.unit.test_slack_interactions import press_payload
from topics.catalog import ALERT_ACTIONS, DEAL_CURRENT
from topics.codec import encode
from topics.instants import rfc3339
from topics.signals import Kind, Signal

pytestmark = [pytest.mark.broker, pytest.mark.chaos]

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"  # noqa: S105 - of this test only
PEOPLE = f"""
owners:
- {{name: {ANN.name}, ids: [{ANN.ids[0]}], slack: {ANN.slack}}}
- {{name: {BEN.name}, email: {BEN.email}}}
"""
FORM = "application/x-www-form-urlencoded"


def _now() -> Signal:
    """A signal of this moment: the policy lives by the wall clock."""
    now = rfc3339(time.time_ns() // 1000)
    return replace(opened(Kind.STAGE_OVERSTAY), occurred_at=now, opened_at=now, detected_at=now)


def _button(message: dict[str, Any], kind: str) -> dict[str, Any]:
    """A button of a message, as Slack sends it back."""
    row = next(block for block in message["blocks"] if block["type"] == "actions")
    found: dict[str, Any] = next(each for each in row["elements"] if each["action_id"] == kind)
    return {"type": "button", "action_id": kind, "value": found["value"]}


async def _press(port: int, user: str, button: dict[str, Any]) -> int:
    payload = press_payload(button, user={"id": user, "team_id": TEAM}, container={"channel_id": "D0ANN0001"})
    body = urlencode({"payload": json.dumps(payload)}).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": FORM,
        SLACK_TIMESTAMP: timestamp,
        SLACK_SIGNATURE: slack_v0(SECRET.encode(), timestamp, body),
    }
    address = f"http://127.0.0.1:{port}/slack/interactions"
    try:
        async with ClientSession() as session, session.post(address, data=body, headers=headers) as answer:
            return answer.status
    except ClientConnectionError:
        return 0


async def _pressed(port: int, user: str, button: dict[str, Any]) -> None:
    """Press until it is taken: what cannot be kept yet is answered 503."""
    async with asyncio.timeout(60):
        while (status := await _press(port, user, button)) != 200:
            assert status in (0, 503)
            await asyncio.sleep(0.2)


def _actions(broker: Broker) -> list[Action]:
    return [decode_action(record.value or b"") for record in read_all(broker, ALERT_ACTIONS)]


@pytest.mark.timeout(300)
async def test_a_press_goes_the_whole_way_and_survives_a_kill(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(default_text() + PEOPLE + PROMPT_TEXT)
    port, signal = free_port(), _now()
    with EmbeddedBroker(tmp_path / "broker") as running:
        broker = Broker(running.servers)
        async with SlackServer() as slack:
            environ = os.environ | {
                "SIGNALS_BROKER": running.servers,
                "SIGNALS_PLAYBOOK": str(playbook),
                "SIGNALS_DATA_DIR": str(tmp_path / "data"),
                "SIGNALS_PARTITIONS": "2",
                "SIGNALS_WEB_PORT": "0",
                "SIGNALS_INTAKE_PORT": str(port),
                "SLACK_BOT_TOKEN": TOKEN,
                "SLACK_API_URL": slack.url,
                "SLACK_SIGNING_SECRET": SECRET,
                "SLACK_APP_TOKEN": APP_TOKEN,
            }
            apply(broker, specs(prepare(environ, tmp_path)))
            view = Output(DEAL_CURRENT, signal.subject_key.encode(), encode(view_of(signal)))
            await asyncio.to_thread(produce, broker, [view])
            await _put(broker, signal)
            async with _program(environ, "notify"), _program(environ, "send"):
                await _until(lambda: len(slack.said()) == 1, "the message")
                (message,) = slack.said()
                done = _button(message, "done")
                async with _program(environ, "intake") as intake:
                    await _pressed(port, "U0BEN0001", done)  # it is not his deal
                    await _pressed(port, "U0ANN0001", done)
                    intake.kill()
                (action,) = await asyncio.to_thread(_actions, broker)
                assert (action.kind, action.signal, action.by.role) == (ActionKind.DONE, signal.id, Role.OWNER)
                await _until(lambda: "Done, says Ann Example" in json.dumps(message["blocks"]), "the message shows it")
                async with _program(environ, "intake"):
                    await _until(lambda: slack.connected == 1, "a connection of Socket Mode")
                    await _by_socket(slack, broker, done)


async def _by_socket(slack: SlackServer, broker: Broker, button: dict[str, Any]) -> None:
    """The same press by the other way is the same action."""
    payload = press_payload(button, user={"id": "U0ANN0001", "team_id": TEAM})
    sent: list[str] = []
    async with asyncio.timeout(60):
        while not any(each in slack.acknowledged for each in sent):
            sent.append(await slack.push(payload))
            await asyncio.sleep(0.5)
    found = await asyncio.to_thread(_actions, broker)
    assert len(found) > 1
    assert len({action.id for action in found}) == 1
