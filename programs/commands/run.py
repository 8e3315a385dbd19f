"""`signals up`, and one command per program for production."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import structlog
import typer

from engine.batches import run
from engine.embedded import PURPOSE, EmbeddedBroker
from programs.commands.loading import ready as load_ready
from programs.failures import CallError
from programs.forward import chosen
from programs.installation import children, installed
from programs.logs import configure
from programs.settings import FORWARD, INTAKE
from programs.startup import Ready
from programs.supervisor import Child, supervise
from programs.wiring import BUILDS
from programs.wiring import forward as build_forward

PlaybookOption = Annotated[Path | None, typer.Option(help="else the settings', else the one that ships")]
BrokerOption = Annotated[str | None, typer.Option(help="host:port[,host:port]; none: the embedded broker")]
TargetOption = Annotated[str | None, typer.Option(help="its name in the settings; needless where there is one")]
#: How often `up` looks whether its broker lives.
WATCH_S = 0.5

log = structlog.get_logger("up")


def up(*, playbook: PlaybookOption = None, broker: BrokerOption = None) -> None:
    """Run every program on this machine, one child each; start the embedded broker if none is given."""
    ready = load_ready(broker=broker, playbook=playbook)
    configure("up", ready.settings.log_level, ready.settings.secrets())
    while _run_once(ready):
        log.error("the embedded broker ended, everything starts again; what it had not saved is lost")


def _run_once(ready: Ready) -> bool:
    """Run until told to stop, or until the embedded broker is no more: then True."""
    with installed(ready, ready.settings.data_dir) as installation:
        if installation.embedded:
            typer.echo(PURPOSE)
        typer.echo(f"broker     {installation.broker.servers}")
        for name, address in installation.metrics(ready.settings.web.host).items():
            typer.echo(f"{name:<10} {address}")
        return asyncio.run(_up(children(ready, installation, os.environ), installation.embedded))


async def _up(programs: Sequence[Child], broker: EmbeddedBroker | None) -> bool:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if broker is None:
        await supervise(programs, stop)
        return False
    watch = asyncio.create_task(_died(broker, stop))
    await supervise(programs, stop)
    return await watch


async def _died(broker: EmbeddedBroker, stop: asyncio.Event) -> bool:
    """Set `stop` when the broker ends; whether it was that."""
    while not stop.is_set():
        if not broker.running():
            stop.set()
            return True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), WATCH_S)
    return False


def _program(name: str) -> NoReturn:
    ready, servers = _ready_for(name)
    code = run(BUILDS[name](ready, servers))
    raise typer.Exit(code)


def _ready_for(name: str) -> tuple[Ready, str]:
    """What a program is built from, with its logs set up. Raises CallError where no broker is named."""
    ready = load_ready()
    configure(name, ready.settings.log_level, ready.settings.secrets())
    servers = ready.settings.broker.bootstrap
    if servers is None:
        raise CallError(f"{name} needs a broker: set SIGNALS_BROKER (`signals up` brings one of its own)")
    return ready, servers


def intake() -> None:
    """Take in webhooks of HubSpot and Pipedrive, verified, onto their raw topics, and what people press in Slack."""
    from programs.intake.program import Intake  # noqa: PLC0415 - the other programs have no need of it
    from programs.intake.program import run as run_intake  # noqa: PLC0415 - the same

    raise typer.Exit(run_intake(Intake(*_ready_for(INTAKE))))


def forward(*, target: TargetOption = None) -> None:
    """Tell another system of signals over HTTP, each until it has taken it."""
    ready, servers = _ready_for(FORWARD if target is None else f"{FORWARD}.{target}")
    raise typer.Exit(run(build_forward(ready, servers, chosen(ready.settings, target))))


def ingest() -> None:
    """Read raw records, write canonical events; lead the clock."""
    _program("ingest")


def join() -> None:
    """Bring activities and engagements to their deals."""
    _program("join")


def detect() -> None:
    """Fold events into deals and say what is wrong."""
    _program("detect")


def baselines() -> None:
    """Learn limits from how long deals took."""
    _program("baselines")


def route() -> None:
    """Send high intents to their routing topics."""
    _program("route")


def notify() -> None:
    """Decide who hears what."""
    _program("notify")


def send() -> None:
    """Say it, in Slack or in the terminal."""
    _program("send")
