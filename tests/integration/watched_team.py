"""`signals up` on the wall clock, fed by the simulated team and speaking to a Slack-like server: boards have data."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from engine.admin import produce
from engine.records import Output
from engine.settings import Broker
from programs.demo.team import write_playbook
from programs.settings import PROGRAMS
from signals.simulate import Emitted, Options, simulate
from signals.simulation.arrival import LIVE
from signals.simulation.team import SELLERS
from tests.integration.slack_server import TOKEN, SlackServer
from tests.prompt import prompt
from topics.catalog import RAW_PREFIX

DAY_S = 24 * 3600
#: The team's last hundred days come at once; what is left of them drips in, so that every rate is of something.
DAYS, DEALS, AT_ONCE = 100, 80, 0.7


class Team(NamedTuple):
    """What runs: where each program answers Prometheus."""

    metrics: dict[str, str]


@contextmanager
def watched(folder: Path) -> Iterator[Team]:
    """Start everything; stop all of it in the end."""
    with ExitStack() as stack:
        slack_url = stack.enter_context(_slack())
        said = stack.enter_context(_up(folder, slack_url))
        start_ms = round((time.time() - DAYS * DAY_S) * 1000)
        records = list(simulate(Options(seed=5, deals=DEALS, days=DAYS, start_ms=start_ms, trouble=LIVE)))
        broker, many = Broker(said["broker"]), round(len(records) * AT_ONCE)
        produce(broker, _outputs(records[:many]))
        stack.enter_context(_dripping(broker, records[many:]))
        yield Team({name: said[name] for name in PROGRAMS})


def _outputs(records: Iterable[Emitted]) -> list[Output]:
    """The records as they would arrive now: their timestamp is the moment of writing, as a connector's is."""
    return [
        Output(
            RAW_PREFIX + each.source,
            each.record.key,
            each.record.value or b"",
            headers=tuple((name, value or b"") for name, value in each.record.headers),
        )
        for each in records
    ]


@contextmanager
def _dripping(broker: Broker, records: Sequence[Emitted]) -> Iterator[None]:
    over = threading.Event()

    def drip() -> None:
        at = 0
        while not over.wait(0.5):
            produce(broker, _outputs(records[at : at + 3] or records[:3]))
            at += 3

    thread = threading.Thread(target=drip, name="drip")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def _slack() -> Iterator[str]:
    """The server on a loop of its own; answers with its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="slack")
    thread.start()
    server = SlackServer()
    server.users |= {seller.email: f"U0{seller.id[-7:].upper()}" for seller in SELLERS}
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield server.url
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def _up(folder: Path, slack_url: str) -> Iterator[dict[str, str]]:
    """`signals up`; answers with the addresses that it prints, by what they are of."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALS_", "SLACK_"))} | {
        "SIGNALS_DATA_DIR": str(folder / "data"),
        "SIGNALS_PLAYBOOK": str(prompt(write_playbook(folder))),
        "SIGNALS_CLOCK_GRACE": "0",
        "SIGNALS_WEB_PORT": "0",
        "SIGNALS_PARTITIONS": "2",
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_API_URL": slack_url,
    }
    command = [sys.executable, "-m", "programs", "up"]
    with (folder / "up.log").open("w") as log:
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        yield _addresses(process, folder / "up.log")
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def _addresses(process: subprocess.Popen[str], log: Path) -> dict[str, str]:
    said: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        name, _, address = line.partition(" ")
        said[name] = address.strip()
        if name == PROGRAMS[-1]:
            return said
    raise AssertionError(log.read_text())
