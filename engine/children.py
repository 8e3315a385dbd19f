"""Child processes that never outlive us: a process group of their own, and on Linux an end with their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def start_child(command: Sequence[str], folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a program in `folder`, its output appended to `log`, its files readable by us alone.

    Linux takes the thread that starts a child for its parent: start it from a thread that stays.
    """
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        return subprocess.Popen(  # noqa: S603  # the callers start programs of this product
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            start_new_session=True,
            preexec_fn=dies_with_parent(os.getpid()),  # noqa: PLW1509  # two system calls, no locks
        )


def stop_child(process: subprocess.Popen[bytes], patience_s: float) -> None:
    """End the child and whatever it started: asked first, made to after `patience_s`."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        signal_child(process, number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        return


def signal_child(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to the child and whatever it started; nothing happens when it has ended."""
    try:
        if os.name == "nt":
            process.terminate()
        else:
            os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def dies_with_parent(parent: int) -> Callable[[], None] | None:
    """What a child does before it becomes its program: keep its files to us, and end when `parent` ends (Linux)."""
    if os.name == "nt":
        return None
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def prepare() -> None:
        os.umask(0o077)
        if libc is None:
            return
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(0)

    return prepare
