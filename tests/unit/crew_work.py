"""What the workers of the tests do: importable, so that a process that is started anew finds it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from programs.failures import FilesError


def squares(offset: int) -> Callable[[int], int]:
    """Squares and an offset; the even ones take longer."""

    def work(number: int) -> int:
        time.sleep(0.005 * (number % 2 == 0))
        return number * number + offset

    return work


def troubled() -> Callable[[str], str]:
    """Does what the task's name says."""

    def work(task: str) -> str:
        if task == "raise":
            raise FilesError(["one", "two"])
        if task == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    return work
