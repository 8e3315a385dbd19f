"""The embedded broker as a process: private, on loopback, and gone with its parent."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from engine.admin import check, wait_for_broker
from engine.embedded import CLUSTER_ID, EmbeddedBroker, NoEmbeddedBroker, answers
from engine.ports import free_port
from engine.reach import BrokerAway
from engine.settings import Broker

pytestmark = pytest.mark.broker


def listening(pid: int) -> set[str]:
    """The local addresses on which a process listens (Linux)."""
    inodes = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(fields[1].split(":")[0])
    return found


def test_it_is_private_listens_on_loopback_only_and_stops(tmp_path: Path) -> None:
    folder = tmp_path / "broker"
    with EmbeddedBroker(folder) as running:
        wait_for_broker(Broker(running.servers), 5)
        assert running.pid is not None
        assert folder.stat().st_mode & 0o777 == 0o700
        assert listening(running.pid) == {"0100007F"}
        pid = running.pid
    assert not answers(running.port)
    assert not Path(f"/proc/{pid}").exists()
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())


async def test_a_worker_knows_it_by_its_cluster_id(embedded_broker: Broker) -> None:
    client = AIOKafkaAdminClient(**embedded_broker.client_options())
    try:
        await client.start()
        assert (await client.describe_cluster())["cluster_id"] == CLUSTER_ID
    finally:
        await client.close()


PARENT = """
import sys, time
from pathlib import Path
from engine.embedded import EmbeddedBroker
broker = EmbeddedBroker(Path(sys.argv[1]))
broker.start()
print(broker.pid, broker.port, flush=True)
time.sleep(60)
"""


def test_it_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        _, port = map(int, parent.stdout.readline().split())
        assert answers(port)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    deadline = time.monotonic() + 5
    while answers(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not answers(port)


def test_a_program_that_ends_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path, command=lambda *_: ["/bin/sh", "-c", "echo broken; exit 3"])
    with pytest.raises(NoEmbeddedBroker, match="ended at once; its log"):
        broker.start()
    assert (tmp_path / "broker.log").read_text() == "broken\n"


def test_a_broker_that_is_away_is_one_line() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(BrokerAway) as raised:
        wait_for_broker(Broker(address), 0.3)
    assert str(raised.value) == f"no Kafka broker answers: {address} cannot be connected to (Connection refused)"


async def test_it_starts_and_stops_from_async_code(tmp_path: Path) -> None:
    broker = EmbeddedBroker(tmp_path)
    broker.start()
    try:
        assert await asyncio.to_thread(check, Broker(broker.servers), []) == []
    finally:
        broker.stop()
