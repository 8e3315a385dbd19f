"""The broker for machines that have none: `noida-db`, a Kafka-speaking binary that comes in a wheel.

For trying out and small teams on one machine: one worker per program, under 200,000 records. It keeps everything in
memory and writes one file every few seconds, so killing it may lose the last seconds. Who needs more runs Kafka; see
`docs/decisions/embedded-broker.md`. `noida_command` is the one place that knows which broker this is.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.children import start_child, stop_child
from engine.ports import free_port

PURPOSE = "embedded broker: for trying out and small teams on one machine; for more, run Kafka and set the broker"
CLUSTER_ID = "MkU3OEVBNTctOEUyRi00"
"""By which a worker knows this broker: one worker per group, and a member that died is never put out of its group. So
workers join it under a fixed name, and a restarted one takes its predecessor's place at once."""

READY_S = 20.0
STOP_S = 3.0


class NoEmbeddedBroker(Exception):  # noqa: N818  # a state of the machine rather than a fault
    """The embedded broker cannot be started; the message says why in one line."""


def noida_command(port: int, data_dir: Path) -> list[str]:
    """The binary itself: its Python wrapper would be a second process to stop."""
    spec = find_spec("noida_db")
    if spec is None or spec.origin is None:
        msg = "the embedded broker is not installed: pip install 'deal-signals[embedded]', or name a broker"
        raise NoEmbeddedBroker(msg)
    binary = Path(spec.origin).with_name("noida-db.exe" if os.name == "nt" else "noida-db")
    if not binary.is_file():
        msg = f"the embedded broker's program is missing from its package: {binary.name}"
        raise NoEmbeddedBroker(msg)
    return [
        *(str(binary), "start", "--only", "kafka", "--host", "127.0.0.1"),
        *("--kafka-port", str(port), "--data-dir", str(data_dir)),
    ]


class EmbeddedBroker:
    """A broker process on loopback, in a data folder of its own. A context manager; also from async code.

    It stops with the `with` block; on Linux it also stops when the thread that started it dies, however that happens.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        command: Callable[[int, Path], list[str]] = noida_command,
    ) -> None:
        self.data_dir = data_dir.resolve()  # the broker runs in it
        self.port = port if port is not None else free_port()
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def servers(self) -> str:
        """The address as a client wants it."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process, while it runs."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it and wait until it answers. Raises `NoEmbeddedBroker` when it cannot be had or does not come up."""
        command = self._command(self.port, self.data_dir)
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.data_dir.chmod(0o700)
            self._process = start_child(command, self.data_dir, self.data_dir / "broker.log")
        except OSError as error:
            msg = f"the embedded broker cannot live in {self.data_dir}: {error.strerror}"
            raise NoEmbeddedBroker(msg) from error
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop it, and whatever it started."""
        process, self._process = self._process, None
        if process is not None:
            stop_child(process, STOP_S)

    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if not self.running():
                msg = f"the embedded broker ended at once; its log: {self.data_dir / 'broker.log'}"
                raise NoEmbeddedBroker(msg)
            if answers(self.port):
                return
            time.sleep(0.05)
        msg = f"the embedded broker did not answer within {READY_S:.0f} s; its log: {self.data_dir / 'broker.log'}"
        raise NoEmbeddedBroker(msg)


# ApiVersions, version 0: length, api key 18, version 0, correlation id 1, client id null
_API_VERSIONS = b"\x00\x00\x00\x0a\x00\x12\x00\x00\x00\x00\x00\x01\xff\xff"


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something that speaks Kafka answers there."""
    try:
        with socket.create_connection((host, port), timeout=1.0) as link:
            link.sendall(_API_VERSIONS)
            head = link.recv(8)
    except OSError:
        return False
    return head[4:8] == b"\x00\x00\x00\x01"
