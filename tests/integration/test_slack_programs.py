"""notify and send as processes on a broker, in front of the Slack-like server; send is killed in mid-call."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from alerts.ledger import LedgerEntry, State, decode_entry
from engine.admin import apply, produce, read_all
from engine.embedded import EmbeddedBroker
from engine.records import Output
from engine.settings import Broker
from programs.commands.topics import specs
from programs.definitions import default_text
from programs.startup import prepare
from tests.golden.messages.samples import ANN, opened, resolved
from tests.integration.slack_server import TOKEN, Fault, SlackServer
from tests.prompt import PROMPT_TEXT
from topics.catalog import ALERT_LEDGER, DEAL_SIGNALS
from topics.codec import encode
from topics.signals import Kind, Signal, signal_id

pytestmark = pytest.mark.broker

DEALS = 20
OWNERS = f"\nowners:\n- {{name: {ANN.name}, ids: [{ANN.ids[0]}], slack: {ANN.slack}}}\n"
Environ = dict[str, str]


def _signal(number: int, kind: Kind = Kind.CONTACT_GAP) -> Signal:
    signal = opened(kind, subject_key=f"salesforce/default:{number}", deal_id=str(number), deal_name=f"Deal {number}")
    return replace(signal, id=signal_id(signal.subject_key, kind, signal.anchor))


async def _put(broker: Broker, *signals: Signal) -> None:
    outputs = [Output(DEAL_SIGNALS, each.subject_key.encode(), encode(each)) for each in signals]
    await asyncio.to_thread(produce, broker, outputs)


async def _until(true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    try:
        async with asyncio.timeout(seconds):
            while not true():  # noqa: ASYNC110 - the server and other processes have no event for it
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"not within {seconds} s: {what}")


@asynccontextmanager
async def _program(environ: Environ, *words: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "programs", *words, env=environ, cwd=Path(__file__).parents[2]
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), 15)
        assert code in (0, -signal.SIGKILL), f"{words[0]} ended with {code}"


def _ledger(broker: Broker) -> dict[bytes, LedgerEntry]:
    latest = {record.key or b"": record.value for record in read_all(broker, ALERT_LEDGER)}
    return {key: decode_entry(value) for key, value in latest.items() if value is not None}


@pytest.mark.chaos
async def test_every_signal_is_one_message_though_send_is_killed_in_the_middle_of_a_call(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yaml"
    playbook.write_text(default_text() + OWNERS + PROMPT_TEXT)
    with EmbeddedBroker(tmp_path / "broker") as running:
        broker = Broker(running.servers)
        async with SlackServer() as slack:
            environ = os.environ | {
                "SIGNALS_BROKER": running.servers,
                "SIGNALS_PLAYBOOK": str(playbook),
                "SIGNALS_DATA_DIR": str(tmp_path / "data"),
                "SIGNALS_PARTITIONS": "2",
                "SIGNALS_WEB_PORT": "0",
                "SLACK_BOT_TOKEN": TOKEN,
                "SLACK_API_URL": slack.url,
            }
            apply(broker, specs(prepare(environ, tmp_path)))
            async with _program(environ, "notify"):
                await _killed_in_mid_call(environ, broker, slack)
                await _goes_on(environ, broker, slack)
            assert _entries(broker) == {
                (State.SAID, message["ts"], message["metadata"]["event_payload"]["mark"])
                for message in slack.channels["D0ANN0001"].messages
            }


async def _killed_in_mid_call(environ: Environ, broker: Broker, slack: SlackServer) -> None:
    fast = [Fault(slow_s=0.01)] * 2  # a message and, in its thread, the details
    slack.fail("chat.postMessage", *fast * 7, Fault(slow_s=60, keeps=True, drop=True))
    async with _program(environ, "send") as send:
        await _put(broker, *map(_signal, range(DEALS)))
        await _until(lambda: len(slack.said()) == 8, "the eighth message is there, its reply is not")
        await asyncio.sleep(0.3)
        send.kill()
    assert len(slack.said()) == 8


async def _goes_on(environ: Environ, broker: Broker, slack: SlackServer) -> None:
    async with _program(environ, "send"):
        await _put(broker, *(resolved(_signal(number)) for number in range(DEALS)), _signal(999, Kind.HIGH_INTENT))
        await _until(lambda: len(_over(slack)) == DEALS, f"{DEALS} messages say that it is over")
        await _until(lambda: len(slack.said()) == DEALS + 1, "the intent is told")
        await _until(lambda: all(each.state is State.SAID for each in _ledger(broker).values()), "the ledger is clear")
    assert len(slack.posts()) == DEALS + 1


def _over(slack: SlackServer) -> list[str]:
    return [message["text"] for message in slack.said() if message["text"].startswith("✅")]


def _entries(broker: Broker) -> set[tuple[State, str, str]]:
    return {(each.state, each.ts, each.mark) for each in _ledger(broker).values()}
