"""A real Prometheus (of Debian) on a free loopback port, and promtool; tests are skipped where they are missing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from engine.ports import free_port

REQUIRED = os.environ.get("SIGNALS_REQUIRE_PROMETHEUS") == "1"


def tool(name: str) -> str:
    """Where `prometheus` or `promtool` is; skips the test, or fails it where it is required."""
    found = shutil.which(name)
    if found is None:
        reason = f"{name} is not installed (Debian: apt-get install prometheus)"
        if REQUIRED:
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def promtool(*words: str, given: str | None = None) -> str:
    """Run promtool; answers with what it says, and fails the test with it where something is wrong."""
    done = subprocess.run(
        [tool("promtool"), *words], input=given, capture_output=True, text=True, timeout=110, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


class Prometheus:
    """A running server."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
        """The `data` of an answer of its API."""
        with urlopen(f"{self.address}{path}?{urlencode(query)}", timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)["data"]

    def query(self, expr: str) -> list[dict[str, Any]]:
        """The samples of an expression, now."""
        result: list[dict[str, Any]] = self.get("/api/v1/query", query=expr)["result"]
        return result


@contextmanager
def running(config: Path, folder: Path) -> Iterator[Prometheus]:
    """Start it on a configuration; stop it in the end."""
    port = free_port()
    command = [
        tool("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            server = Prometheus(f"http://127.0.0.1:{port}")
            _wait(server, process, folder / "prometheus.log")
            yield server
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(server: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()
        try:
            with urlopen(f"{server.address}/-/ready", timeout=1):  # noqa: S310 - loopback
                return
        except (URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"Prometheus did not become ready: {log.read_text()}")
