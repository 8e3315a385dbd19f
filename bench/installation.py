"""The whole product on this machine: Apache Kafka and `signals up`, with what its programs cost while they run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.error import URLError
from urllib.request import urlopen

from bench.ground import FailedError, environment
from engine.settings import Broker
from tests.brokers.apache import AS_SHIPPED, kafka_cluster

PROGRAMS = ("ingest", "join", "detect", "route", "notify", "send", "baselines")
READY_S = 90.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Installation(NamedTuple):
    """A running product. `metrics`: where each program answers Prometheus; `pids` has the broker and us, too."""

    broker: Broker
    metrics: Mapping[str, str]
    pids: Mapping[str, int]

    def figure(self, program: str, name: str, *labels: str) -> float:
        """A metric of a program, summed over the series that carry all these labels."""
        with urlopen(self.metrics[program], timeout=5) as answer:  # noqa: S310 - a loopback address that `up` printed
            lines = answer.read().decode().splitlines()
        found = [line for line in lines if line.startswith(name) and all(label in line for label in labels)]
        return sum(float(line.rsplit(" ", 1)[1]) for line in found)

    def processor_s(self) -> dict[str, float]:
        """Seconds of processor time that each has used so far."""
        return {name: _used_s(pid) for name, pid in self.pids.items()}


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """`signals up` on an Apache Kafka of its own, every program ready. Raises NoKafkaError, FailedError."""
    said, wrong = folder / "up.out", folder / "up.log"
    with kafka_cluster(machine=AS_SHIPPED) as cluster, said.open("w") as out, wrong.open("w") as log:
        told = {"SIGNALS_BROKER": cluster.servers, "SIGNALS_DATA_DIR": str(folder / "data"), "SIGNALS_WEB_PORT": "0"}
        command = [sys.executable, "-m", "programs", "up"]
        up = subprocess.Popen(command, env=environment() | told, cwd=folder, stdout=out, stderr=log)  # noqa: S603 - our own program
        try:
            metrics = _addresses(said, up)
            _wait_until_ready(metrics, wrong)
            kafka = cluster.nodes[0].process
            pids = _children(up.pid) | ({} if kafka is None else {"kafka": kafka.pid}) | {"bench": os.getpid()}
            yield Installation(Broker(cluster.servers), metrics, pids)
        finally:
            up.terminate()
            try:
                up.wait(20)
            except subprocess.TimeoutExpired:
                up.kill()


def _addresses(out: Path, up: subprocess.Popen[bytes]) -> dict[str, str]:
    """What `up` prints first: each program with its address."""
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline and up.poll() is None:
        said = {words[0]: words[-1] for line in out.read_text().splitlines() if (words := line.split())}
        if all(name in said for name in PROGRAMS):
            return {name: said[name] for name in PROGRAMS}
        time.sleep(0.1)
    raise FailedError("`signals up` did not say where its programs are")  # noqa: EM101, TRY003 - a row's text


def _wait_until_ready(metrics: Mapping[str, str], log: Path) -> None:
    deadline = time.monotonic() + READY_S
    for name, address in metrics.items():
        while not _is_ready(address.replace("/metrics", "/readyz")):
            if time.monotonic() > deadline:
                said = log.read_text().splitlines()[-1:]
                raise FailedError(f"{name} is not ready: {said}")  # noqa: EM102, TRY003 - a row's text
            time.sleep(0.2)


def _is_ready(address: str) -> bool:
    try:
        urlopen(address, timeout=2).close()  # noqa: S310 - a loopback address that `up` printed
    except (URLError, OSError):
        return False
    return True


def _children(pid: int) -> dict[str, int]:
    """The programs that `up` started, by name."""
    found: dict[str, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
            words = (status.parent / "cmdline").read_text().split("\0")
        except OSError:  # it ended while we looked
            continue
        if parent == pid:
            found |= {name: int(status.parent.name) for name in PROGRAMS if name in words}
    return found


def _used_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S
