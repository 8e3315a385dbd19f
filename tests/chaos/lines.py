"""What a line of the table is: its name, what happens in it, what must hold, and how it is found out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import NamedTuple


class Verdict(NamedTuple):
    """How a line went: whether it passes, its figures in a few words, and every single thing that was wrong."""

    passed: bool
    figure: str
    wrong: tuple[str, ...] = ()


class Scale(NamedTuple):
    """How large a run is. `seed` decides all that is left to chance: the records, the victims, the moments."""

    quick: bool
    seed: int

    def of(self, quick: int, full: int) -> int:
        """One of two sizes."""
        return quick if self.quick else full


class Line(NamedTuple):
    """One line. `run` starts all that it needs and leaves nothing behind; what it raises counts as falling short.

    `alone`: it measures a rate or waits with limits of its own, so no other line plays beside it.
    """

    name: str
    what: str
    goal: str
    run: Callable[[Scale], Verdict]
    alone: bool = False


_BEGAN = time.monotonic()


def say(text: str) -> None:
    """Tell the person who watches what happens now, and in which process, where several lines play at once."""
    sys.stderr.write(f"{os.getpid():7} {time.monotonic() - _BEGAN:7.1f}  {text}\n")
    sys.stderr.flush()
