"""Whether a program's loop moves: it beats there, and is felt from another thread."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import traceback

import structlog

log = structlog.get_logger(__name__)

BEAT_S = 0.5
FEEL_S = 1.0

SAID_S = 10.0
"""A loop that stands still for longer is said, with the place where it stands: a batch should take a second at most."""

STUCK_S = 60.0
"""After it /healthz fails, so that who runs the program starts it anew; loading the largest state takes less."""

ENDED_S = 300.0
"""After it the program ends itself, for where nobody asks /healthz; what was not committed is done again."""

STUCK_CODE = 1
_PLACES = 12


class Heart:
    """Beats, and how long there was none.

    Counted in `FEEL_S` of the thread that feels, not by a clock: a machine that slept has not been stuck.
    """

    def __init__(self) -> None:
        self._beats = 0
        self._felt = 0
        self._still_s = 0.0
        self._thread = threading.get_ident()

    @property
    def still_s(self) -> float:
        """How long the loop has stood still, in seconds; 0 while it moves."""
        return self._still_s if self._still_s > FEEL_S else 0.0

    def why_not_alive(self) -> str | None:
        """Why the program should be started anew, if it should."""
        return f"the program has stood still for {self.still_s:.0f} s" if self.still_s >= STUCK_S else None

    async def beat(self) -> None:
        """Beat for ever, in the loop that is watched."""
        self._thread = threading.get_ident()
        while True:
            self._beats += 1
            await asyncio.sleep(BEAT_S)

    async def watch(self) -> None:
        """Feel for ever, in a loop of another thread; say where the first one stands, end the process at last."""
        while True:
            await asyncio.sleep(FEEL_S)
            before = self._still_s
            self.feel()
            if before < SAID_S <= self._still_s:
                log.error("the program stands still", seconds=self._still_s, at=self.place())
            if self._still_s >= ENDED_S:
                log.critical(
                    "the program stood still for too long and is ended", seconds=self._still_s, at=self.place()
                )
                sys.stderr.flush()
                os._exit(STUCK_CODE)

    def feel(self) -> None:
        """Note whether there was a beat since the last time."""
        self._still_s = 0.0 if self._beats != self._felt else self._still_s + FEEL_S
        self._felt = self._beats

    def place(self) -> list[str]:
        """Where the watched thread is now: files, lines and functions, no values."""
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001  # the documented way to another thread's frames
        summary = traceback.extract_stack(frame)[-_PLACES:] if frame is not None else []
        return [f"{one.filename}:{one.lineno} {one.name}" for one in summary]
