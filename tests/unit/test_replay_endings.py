"""A replay that is ended on its way leaves no process behind, and no files unless it is killed outright."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from programs.commands.simulate import write
from signals.simulate import Options

SIGNALS = str(Path(sys.executable).parent / "signals")
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")


@pytest.fixture(scope="module")
def crm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crm")
    write(folder, Options(seed=3, deals=300, days=365, start_ms=1_735_689_600_000))
    return folder


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(what: str, seconds: float, holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, what
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("number", "code", "files"),
    [(signal.SIGINT, 130, 0), (signal.SIGTERM, 128 + signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL, 1)],
)
def test_no_process_is_left_behind(crm: Path, tmp_path: Path, number: int, code: int, files: int) -> None:
    command = [SIGNALS, "replay", str(crm), "--source", "salesforce", "--source", "web", "--jobs", "2", "--output", "o"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    # Who starts the tests in the background has SIGINT ignored, and a child inherits that; a handler it does not.
    inherited = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, inherited)
    try:
        until("the workers start", 40, lambda: len(children(process.pid)) == 2)
        workers = children(process.pid)
        until("something is written down", 40, lambda: any(tmp_path.glob("signals-replay-*/*")))
        process.send_signal(number)
        _, said = process.communicate(timeout=40)
        assert (process.returncode, said) == (code, b"")
        until("the workers are gone", 40, lambda: not any(map(alive, workers)))
    finally:
        process.kill()
    assert len(list(tmp_path.glob("signals-replay-*"))) == files
