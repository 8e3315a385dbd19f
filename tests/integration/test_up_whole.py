"""`signals up` as a user starts it: real programs, a broker, a Slack-like server. Programs are killed on the way.

The oracle is the same brain over the same records without broker, programs or kills.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.request import urlopen

import pytest

from engine.admin import produce, read_all
from engine.records import Output
from engine.settings import Broker
from programs.definitions import read_playbook
from programs.demo.team import write_playbook
from programs.settings import DEFAULT_SOURCES, PROGRAMS
from programs.startup import to_source
from signals.replay import Replayed, replay
from signals.rules import Rules
from signals.simulate import Emitted, Options, simulate
from signals.simulation.team import SELLERS
from tests.brokers.matrix import BOTH
from tests.chaos.verdict import repeated
from tests.integration.slack_server import TOKEN, SlackServer
from tests.prompt import prompt
from topics.catalog import DEAL_CURRENT, DEAL_SIGNALS, RAW_PREFIX
from topics.codec import decode_signal
from topics.instants import DAY_US
from topics.signals import Kind, Signal, Step
from topics.sources.registry import parser

START_MS = 1_736_121_600_000  # 6 January 2025
T = TypeVar("T")


class Up(NamedTuple):
    """A running `signals up`."""

    process: subprocess.Popen[str]
    broker: Broker
    addresses: dict[str, str]

    def child(self, name: str) -> int:
        """The process of one program."""
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and _parent(folder) == self.process.pid and _runs(folder, name):
                return int(folder.name)
        message = f"{name} does not run"
        raise LookupError(message)


def _parent(folder: Path) -> int:
    try:
        return int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0


def _runs(folder: Path, name: str) -> bool:
    return (folder / "cmdline").read_bytes().rstrip(b"\0").endswith(b"\0" + name.encode())


def eventually(what: str, look_for: Callable[[], T | None], within_s: float = 40.0) -> T:
    """What is found within the time; fails when nothing is."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = look_for()
        if found:
            return found
        time.sleep(0.25)
    pytest.fail(f"did not happen within {within_s:.0f} s: {what}")


@pytest.fixture
def records() -> list[Emitted]:
    return list(simulate(Options(seed=11, deals=40, days=20, start_ms=START_MS)))


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    return prompt(write_playbook(tmp_path))


@contextmanager
def started(folder: Path, playbook: Path, slack_url: str, servers: str, **more: str) -> Iterator[Up]:
    """`signals up`, stopped in the end; without `servers` it starts an embedded broker of its own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALS_", "SLACK_"))} | {
        "SIGNALS_BROKER": servers,
        "SIGNALS_DATA_DIR": str(folder / "data"),
        "SIGNALS_PLAYBOOK": str(playbook),
        "SIGNALS_CLOCK_MODE": "data",
        "SIGNALS_CLOCK_GRACE": "0",
        "SIGNALS_CLOCK_INTERVAL": "0.2",
        "SIGNALS_WEB_PORT": "0",
        "SIGNALS_PARTITIONS": "2",
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_API_URL": slack_url,
    }
    environ |= more
    command = [sys.executable, "-m", "programs", "up"]
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        said = _said(process)
        yield Up(process, Broker(said["broker"]), {name: said[name] for name in PROGRAMS})
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)


def _said(process: subprocess.Popen[str]) -> dict[str, str]:
    """The addresses that `up` prints, one a line."""
    assert process.stdout is not None
    said: dict[str, str] = {}
    while not {"broker", *PROGRAMS} <= said.keys():
        line = process.stdout.readline()
        assert line, "signals up ended"
        words = line.split()
        if len(words) == 2:
            said[words[0]] = words[1]
    return said


def ready(up: Up) -> bool:
    for address in up.addresses.values():
        try:
            urlopen(address.replace("/metrics", "/readyz"), timeout=2).close()  # noqa: S310 - loopback addresses that `up` printed
        except OSError:
            return False
    return True


def send(up: Up, emitted: list[Emitted]) -> None:
    produce(
        up.broker,
        [
            Output(
                RAW_PREFIX + one.source,
                one.record.key,
                one.record.value,
                tuple((name, value or b"") for name, value in one.record.headers),
                one.record.timestamp_us,
            )
            for one in emitted
        ],
    )


def last_tick(up: Up) -> int:
    """What the clock said last, in microseconds: it says so once all that was sent before has been read."""
    try:
        with urlopen(up.addresses["ingest"], timeout=2) as answer:  # noqa: S310 - a loopback address that `up` printed
            text = answer.read().decode()
    except OSError:
        return 0
    found = re.search(r"^signals_engine_last_tick_timestamp_seconds\{.*\} (\S+)$", text, re.MULTILINE)
    return round(float(found[1]) * 1_000_000) if found else 0


def final_signals(signals: list[Signal]) -> dict[str, Signal]:
    """The signals that are open after the last of these transitions."""
    last = {signal.id: signal for signal in signals}
    return {name: signal for name, signal in last.items() if signal.transition is not Step.RESOLVED}


def expected(records: list[Emitted], playbook: Path, until_us: int) -> Replayed:
    sources = [to_source(setting, 0) for setting in DEFAULT_SOURCES]
    loaded = read_playbook(playbook)
    parsers = {source.name: parser(source) for source in sources}
    rules = Rules(loaded.playbook, loaded.hash, sources)
    return replay([(parsers[one.source], one.record) for one in records], rules, until_us)


#: What is killed when this many quarters of the records are in. Where a broker evicts the dead by its session timeout,
#: each death costs 10 s, so there one has to do.
KILLS: dict[str, dict[int, tuple[str, ...]]] = {
    "embedded": {1: ("detect",), 2: ("send", "ingest"), 3: ("join", "notify")},
    "kafka": {2: ("detect",)},
}


@pytest.mark.chaos
@pytest.mark.parametrize("where", BOTH)
@pytest.mark.timeout(240)
async def test_programs_that_are_killed_say_what_the_brain_alone_says(
    where: str, request: pytest.FixtureRequest, tmp_path: Path, playbook: Path, records: list[Emitted]
) -> None:
    servers = "" if where == "embedded" else request.getfixturevalue("kafka_broker").servers
    newest = max(one.record.timestamp_us for one in records) // 1000 * 1000
    truth = expected(records, playbook, newest)
    still_open = final_signals(truth.signals)
    assert len(still_open) > 20, "a run in which hardly anything happens proves nothing"

    def work(slack: SlackServer) -> None:
        with started(tmp_path, playbook, slack.url, servers) as up:
            feed_and_kill(up, records, KILLS[where])
            eventually("what is open was said", lambda: final_signals(said(up)).keys() == still_open.keys())
            assert shown(final_signals(said(up))) == shown(still_open)
            assert repeated(list(read_all(up.broker, DEAL_SIGNALS))) == 0
            viewed = {record.key.decode() for record in read_all(up.broker, DEAL_CURRENT) if record.key}
            assert viewed == set(truth.watches)
            owned = {one.id for one in still_open.values() if one.kind is not Kind.HIGH_INTENT and one.owner}
            eventually("every owner was told", lambda: owned <= marks(slack))

    await serving(work)


def feed_and_kill(up: Up, records: list[Emitted], kills: dict[int, tuple[str, ...]]) -> None:
    """All records, two days at a time so that none is late by more than the horizon; programs killed on the way."""
    eventually("all programs are ready", lambda: ready(up))
    slices = list(in_slices(records))
    quarter = len(slices) // 4
    for number, part in enumerate(slices):
        send(up, part)
        for name in kills.get(number // quarter, ()) if number % quarter == 0 else ():
            os.kill(up.child(name), signal.SIGKILL)
        passes(up, part[-1].record.timestamp_us // 1000 * 1000)
    eventually("all programs are ready again", lambda: ready(up))


def passes(up: Up, at_us: int) -> None:
    eventually(f"the clock passes {at_us}", lambda: last_tick(up) >= at_us)


def in_slices(records: list[Emitted]) -> Iterator[list[Emitted]]:
    for _, part in groupby(records, lambda one: one.record.timestamp_us // (2 * DAY_US)):
        yield list(part)


def said(up: Up) -> list[Signal]:
    return [decode_signal(record.value) for record in read_all(up.broker, DEAL_SIGNALS) if record.value]


def shown(signals: dict[str, Signal]) -> set[tuple[str, ...]]:
    return {(one.id, one.kind, one.opened_at, one.reason, one.severity, one.owner) for one in signals.values()}


def marks(slack: SlackServer) -> set[str]:
    """The signals that stand in messages, by the id that each message carries."""
    text = "\n".join(json.dumps(message) for channel in slack.channels.values() for message in channel.messages)
    return set(re.findall(r"signal ([0-9a-f]{24})", text))


async def serving(work: Callable[[SlackServer], None]) -> None:
    """Run the work in a thread, beside a server that answers like Slack and knows the team."""
    server = SlackServer()
    server.users = {seller.email: f"U0S{number:05d}" for number, seller in enumerate(SELLERS)}
    async with server as slack:
        await asyncio.to_thread(work, slack)
