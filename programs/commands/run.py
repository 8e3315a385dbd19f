"""`signals up`, and one command per program for production."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from engine.batches import run
from engine.embedded import PURPOSE
from programs.commands.loading import ready as load_ready
from programs.failures import CallError
from programs.installation import children, installed
from programs.logs import configure
from programs.supervisor import Child, supervise
from programs.wiring import BUILDS

PlaybookOption = Annotated[Path | None, typer.Option(help="else the settings', else the one that ships")]
BrokerOption = Annotated[str | None, typer.Option(help="host:port[,host:port]; none: the embedded broker")]


def up(*, playbook: PlaybookOption = None, broker: BrokerOption = None) -> None:
    """Run every program on this machine, one child each; start the embedded broker if none is given."""
    ready = load_ready(broker=broker, playbook=playbook)
    configure("up", ready.settings.log_level)
    with installed(ready, ready.settings.data_dir) as installation:
        if installation.embedded:
            typer.echo(PURPOSE)
        typer.echo(f"broker     {installation.broker.servers}")
        for name, address in installation.metrics(ready.settings.web.host).items():
            typer.echo(f"{name:<10} {address}")
        asyncio.run(_up(children(ready, installation, os.environ)))


async def _up(programs: Sequence[Child]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await supervise(programs, stop)


def _program(name: str) -> NoReturn:
    ready = load_ready()
    configure(name, ready.settings.log_level)
    servers = ready.settings.broker.bootstrap
    if servers is None:
        raise CallError(f"{name} needs a broker: set SIGNALS_BROKER (`signals up` brings one of its own)")
    code = run(BUILDS[name](ready, servers))
    raise typer.Exit(code)


def ingest() -> None:
    """Read raw records, write canonical events; lead the clock."""
    _program("ingest")


def join() -> None:
    """Bring activities and engagements to their deals."""
    _program("join")


def detect() -> None:
    """Fold events into deals and say what is wrong."""
    _program("detect")


def route() -> None:
    """Send high intents to their routing topics."""
    _program("route")


def notify() -> None:
    """Decide who hears what."""
    _program("notify")


def send() -> None:
    """Say it, in Slack or in the terminal."""
    _program("send")
