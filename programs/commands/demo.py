"""`signals demo`: the main job on a simulated sales team whose clock runs fast."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from programs.demo.feed import Feed
from programs.demo.figures import look
from programs.demo.health import complaints, not_ready
from programs.demo.routed import Routed
from programs.demo.screen import Screen, summary
from programs.demo.team import write_playbook
from programs.failures import CallError, WorkError
from programs.installation import Installation, children, installed
from programs.logs import configure
from programs.startup import NotReadyError, Ready, prepare
from programs.supervisor import Child, supervise
from topics.catalog import ROUTE_PREFIX

#: A headless run prints this many messages whole; a terminal shows all of them.
SHOWN_HEADLESS = 3
_LOOK_S = 1.0
#: The programs have this long to be ready, before the team begins. A machine that is busy with other work takes long.
READY_S = 120.0
_READY_LOOK_S = 0.2


def demo(
    *,
    seconds: Annotated[int | None, typer.Option(min=5, help="run that long; else until Ctrl-C")] = None,
    headless: Annotated[bool, typer.Option("--headless", help="print a summary instead of a screen")] = False,
    playbook: Annotated[Path | None, typer.Option(help="else the one that ships")] = None,
    seed: Annotated[int, typer.Option(help="which team")] = 7,
) -> None:
    """Show the main job: changes in, signals out, on a simulated team and an embedded broker."""
    with tempfile.TemporaryDirectory(prefix="deal-signals-demo-") as folder:
        configure("demo", "error")
        environ = _environ(playbook, Path(folder))
        try:
            ready = prepare(environ, Path(folder))
        except NotReadyError as error:
            raise CallError(*error.lines) from None
        with installed(ready, Path(folder)) as installation:
            console = Console()
            console.print(f"broker {installation.broker.servers} (embedded), logs in {folder}")
            for name, address in installation.metrics("127.0.0.1").items() if headless else ():
                console.print(f"metrics {address} ({name})", highlight=False, soft_wrap=True)
            run = _Run(ready, installation, environ, seed, console)
            asyncio.run(run.go(seconds, headless=headless))
    run.conclude(headless=headless or seconds is not None)


def _environ(playbook: Path | None, folder: Path) -> dict[str, str]:
    """The environment of a demo: nobody's settings but its own, so that it shows the same everywhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALS_", "SLACK_"))}
    return kept | {
        "SIGNALS_DATA_DIR": str(folder),
        "SIGNALS_PLAYBOOK": str(write_playbook(folder) if playbook is None else playbook.resolve()),
        "SIGNALS_CLOCK_MODE": "data",
        "SIGNALS_WEB_PORT": "0",
    }


class _Run:
    """One demo."""

    def __init__(
        self, ready: Ready, installation: Installation, environ: dict[str, str], seed: int, console: Console
    ) -> None:
        self._ready, self._installation, self._environ, self._console = ready, installation, environ, console
        self._addresses = installation.metrics("127.0.0.1")
        self._feed = Feed(installation.broker, ready.playbook.playbook, seed)
        self._figures = look({})
        self._began = self._ended = time.monotonic()
        self._shown = 0
        self._complaints: list[str] = []

    async def go(self, seconds: int | None, *, headless: bool) -> None:
        """Run until the time is over, or until someone stops it."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        with ExitStack() as stack:
            screen = None if headless else stack.enter_context(Screen(self._console))
            say = self._say_some if screen is None else screen.say
            routed = Routed(
                self._installation.broker, self._routes(), lambda line: loop.call_soon_threadsafe(say, line)
            )
            async with self._programs(stop, say) as programs:
                await self._until_ready(stop)
                self._began = time.monotonic()
                for thread in (routed, self._feed):
                    thread.start()
                    stack.callback(thread.stop)
                await self._watch(stop, seconds, screen)
                self._figures = await asyncio.to_thread(look, self._addresses)
                self._ended = time.monotonic()
                if self._figures.nothing_from():
                    folder = self._ready.settings.data_dir
                    self._complaints = await asyncio.to_thread(
                        lambda: list(complaints(programs, self._addresses, folder))
                    )

    async def _until_ready(self, stop: asyncio.Event) -> None:
        """Wait for every program, so that what is shown is the work and not the start. Raises WorkError."""
        until = time.monotonic() + READY_S
        while (waiting := await asyncio.to_thread(not_ready, self._addresses)) and not stop.is_set():
            if time.monotonic() > until:
                reasons = (f"{name}: {why}" for name, why in waiting.items())
                raise WorkError(f"not ready after {READY_S:.0f} s:", *reasons)
            await asyncio.sleep(_READY_LOOK_S)

    async def _watch(self, stop: asyncio.Event, seconds: int | None, screen: Screen | None) -> None:
        until = None if seconds is None else time.monotonic() + seconds
        while not stop.is_set() and (until is None or time.monotonic() < until):
            before = self._figures.rows
            self._figures = await asyncio.to_thread(look, self._addresses)
            if self._feed.error is not None:
                raise WorkError(f"the simulated team stopped: {self._feed.error}")
            if screen is not None:
                per_second = max(0, self._figures.rows - before) / _LOOK_S
                screen.show(self._figures, self._feed.now_us, per_second, self._addresses)
            try:
                await asyncio.wait_for(stop.wait(), _LOOK_S)
            except TimeoutError:
                continue

    @asynccontextmanager
    async def _programs(self, stop: asyncio.Event, say: Callable[[str], None]) -> AsyncIterator[list[Child]]:
        """The programs as children, running: what `send` draws is shown, what they log goes to a file each."""
        with ExitStack() as files:
            folder = self._ready.settings.data_dir
            programs = children(self._ready, self._installation, self._environ)
            for child in programs:
                child.stderr = files.enter_context((folder / f"{child.name}.log").open("ab"))
                child.cwd = folder
                child.stdout = subprocess.PIPE if child.name == "send" else subprocess.DEVNULL
            ended = asyncio.Event()
            supervising = asyncio.create_task(supervise(programs, ended))
            reading = asyncio.create_task(_read(programs, say))
            supervising.add_done_callback(lambda _: stop.set())
            try:
                yield programs
            finally:
                ended.set()
                await supervising
                reading.cancel()

    def _routes(self) -> list[str]:
        return [topic.name for topic in self._ready.topics() if topic.name.startswith(ROUTE_PREFIX)]

    def _say_some(self, text: str) -> None:
        self._shown += text.startswith("┌")
        if self._shown <= SHOWN_HEADLESS:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def conclude(self, *, headless: bool) -> None:
        """Print the summary; fail when a part of the path produced nothing."""
        for line in summary(self._figures, self._ended - self._began):
            self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        missing = self._figures.nothing_from()
        if headless and missing:
            raise WorkError(f"nothing came from: {', '.join(missing)}", *self._complaints)


async def _read(programs: list[Child], say: Callable[[str], None]) -> None:
    """Show what `send` draws, a message at a time."""
    send = next(child for child in programs if child.name == "send")
    frame: list[str] = []
    while True:
        process = send.process
        if process is None or process.stdout is None:
            await asyncio.sleep(0.1)
            continue
        read = await process.stdout.readline()
        if not read:  # it ended; the next one has a pipe of its own
            await asyncio.sleep(0.2)
            continue
        line = read.decode(errors="replace").rstrip("\n")
        frame.append(line)
        if line.startswith("└"):
            say("\n".join(frame))
            frame = []
