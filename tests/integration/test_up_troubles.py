"""`signals up` where something is in the way or goes away: a line says what, no traceback, nothing is left behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from programs.settings import PROGRAMS

STOP_S = 10.0
#: Lines of log that nobody reads: six programs that started twice say about a hundred.
MANY = 400


def environ(folder: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALS_", "SLACK_"))}
    return kept | {"SIGNALS_DATA_DIR": str(folder), "SIGNALS_WEB_PORT": "0", "SIGNALS_PARTITIONS": "1", **settings}


COMMAND = [sys.executable, "-m", "programs", "up"]


def ended(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        COMMAND, env=environ(folder, **settings), capture_output=True, text=True, timeout=60, check=False
    )


@contextmanager
def started(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with (folder / "up.log").open("w") as errors:
        process = subprocess.Popen(
            COMMAND, env=environ(folder / "data"), stdout=subprocess.PIPE, stderr=errors, text=True
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def said(process: subprocess.Popen[str]) -> dict[str, str]:
    """The addresses that `up` prints until the last program's."""
    assert process.stdout is not None
    found: dict[str, str] = {}
    while PROGRAMS[-1] not in found:
        line = process.stdout.readline()
        assert line, "signals up ended"
        words = line.split()
        if len(words) == 2:
            found[words[0]] = words[1]
    return found


def wait_until_ready(address: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            urlopen(address.replace("/metrics", "/readyz"), timeout=2).close()  # noqa: S310  # an address that `up` printed
        except OSError:
            time.sleep(0.25)
        else:
            return
    pytest.fail("not ready within 60 s")


def brokers(folder: Path) -> list[int]:
    """The embedded brokers that live in a folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"--kafka-port" in words and str(folder / "broker").encode() in words:
                found.append(int(process.name))
    return found


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    up = ended(tmp_path / "file" / "data")
    assert (up.returncode, len(up.stderr.splitlines())) == (1, 1)
    assert "Not a directory" in up.stderr


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        base = port if port < 65_000 else port - 5
        up = ended(tmp_path, SIGNALS_WEB_PORT=str(base))
    assert up.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in up.stderr
    assert "Traceback" not in up.stderr
    assert not (tmp_path / "broker").exists()


@pytest.mark.chaos
def test_all_starts_again_when_the_embedded_broker_is_killed_and_stops_in_time(tmp_path: Path) -> None:
    with started(tmp_path) as up:
        wait_until_ready(said(up)["detect"])
        (first,) = brokers(tmp_path / "data")
        os.kill(first, signal.SIGKILL)
        wait_until_ready(said(up)["detect"])
        (second,) = brokers(tmp_path / "data")
        assert second != first
        began = time.monotonic()
        up.send_signal(signal.SIGINT)
        assert up.wait(STOP_S) == 0
        assert time.monotonic() - began < STOP_S
    assert brokers(tmp_path / "data") == []
    log = (tmp_path / "up.log").read_text()
    assert "the embedded broker ended, everything starts again" in log
    assert "Traceback" not in log
    assert len(log.splitlines()) < MANY
