"""One child process per program: started, started again when it dies, stopped cleanly. Nothing is left running."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import structlog

from engine.children import dies_with_parent

#: After SIGTERM a program has this long; then it is killed, and does again what it did not commit. `up` as a whole,
#: with the embedded broker after its programs, stops within 10 s.
STOP_S = 6.5
#: A child that dies is started again after this pause, doubled each time it dies young, up to the longest.
PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
#: A child that lived this long was well: the next pause is the shortest again.
WELL_S = 30.0

log = structlog.get_logger("up")


@dataclass
class Child:
    """A program to keep running. `stdout` and `stderr` None: this process's own."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(repr=False)  # secrets stand in it
    stdout: IO[bytes] | int | None = None
    stderr: IO[bytes] | int | None = None
    cwd: Path | None = None
    restarts: int = 0
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)
    _pause_s: float = field(default=PAUSE_S, repr=False)

    async def keep(self) -> None:
        """Run it, again and again, until cancelled."""
        while True:
            began = time.monotonic()
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                env=self.environ,
                cwd=self.cwd,
                stdin=subprocess.DEVNULL,
                stdout=self.stdout,
                stderr=self.stderr,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop the children in order
                preexec_fn=dies_with_parent(os.getpid()),
            )
            code = await self.process.wait()
            self._pause_s = PAUSE_S if time.monotonic() - began > WELL_S else min(self._pause_s * 2, LONGEST_PAUSE_S)
            log.warning("a program ended, it starts again", ended=self.name, code=code, pause_s=self._pause_s)
            await asyncio.sleep(self._pause_s)
            self.restarts += 1

    @property
    def alive(self) -> bool:
        """Whether its process lives."""
        return self.process is not None and self.process.returncode is None

    def tell(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self.process is not None and self.alive:
            self.process.send_signal(number)


def command_of(*words: str) -> list[str]:
    """The command line of one of our own programs, in this interpreter."""
    return [sys.executable, "-m", "programs", *words]


async def supervise(children: Sequence[Child], stop: asyncio.Event) -> None:
    """Keep the children running until `stop` is set, then stop them all within `STOP_S`."""
    keepers = [asyncio.create_task(child.keep()) for child in children]
    try:
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([waiting, *keepers], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        for keeper in keepers:
            if keeper.done():
                keeper.result()  # a child that cannot even be started is an error of ours
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        await _stop(children)


async def _stop(children: Sequence[Child]) -> None:
    for child in children:
        child.tell(signal.SIGTERM)
    alive = [child.process.wait() for child in children if child.process is not None]
    try:
        await asyncio.wait_for(asyncio.gather(*alive), STOP_S)
    except TimeoutError:
        late = [child.name for child in children if child.alive]
        log.warning("killed, as they did not stop in time; what they had not committed is done again", programs=late)
        for child in children:
            child.tell(signal.SIGKILL)
        await asyncio.gather(*(child.process.wait() for child in children if child.process is not None))
