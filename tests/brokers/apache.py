"""Apache Kafka itself, from its Maven Central jars: KRaft nodes on free loopback ports, gone without a trace.

`python tests/brokers/apache.py` runs one until Ctrl-C and prints its address, for trying things by hand.
"""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from engine.children import signal_child, start_child, stop_child
from engine.embedded import answers
from engine.ports import free_port

HERE = Path(__file__).parent
JARS = HERE / "target" / "jars"
READY_S = 60.0
STOP_S = 20.0
MAVEN_S = 600.0

SETTINGS = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
auto.create.topics.enable=false
message.max.bytes=17825792
replica.fetch.max.bytes=17825792
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.num.partitions=4
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
min.insync.replicas={in_sync}
default.replication.factor={replicas}
log.cleaner.backoff.ms=200
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.threads=1
num.network.threads=2
num.io.threads=4
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
controller.quorum.election.timeout.ms=500
controller.quorum.fetch.timeout.ms=1000
"""


class NoKafkaError(Exception):
    """Java, Maven or the jars cannot be had here; the message says which."""


def fetch_jars() -> None:
    """Have Maven bring the jars, once for all test runs. Raises NoKafkaError."""
    if shutil.which("java") is None:
        msg = "java is not installed"
        raise NoKafkaError(msg)
    target = HERE / "target"
    target.mkdir(exist_ok=True)
    done = target / "jars.done"
    with (target / "jars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.exists() and done.stat().st_mtime >= (HERE / "pom.xml").stat().st_mtime:
            return
        if shutil.which("mvn") is None:
            msg = "maven is not installed and tests/brokers/target/jars is not there"
            raise NoKafkaError(msg)
        shutil.rmtree(JARS, ignore_errors=True)
        try:
            subprocess.run(
                ["mvn", "-q", "-B", "dependency:copy-dependencies"],
                cwd=HERE,
                check=True,
                capture_output=True,
                timeout=MAVEN_S,
            )
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            msg = f"maven could not bring the jars: {(error.stdout or b'')[-300:].decode(errors='replace')}"
            raise NoKafkaError(msg) from error
        done.touch()


SMALL = ("-Xms96m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""A virtual machine that starts fast and takes little: for tests."""

AS_SHIPPED = ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35")
"""As Kafka's own start script sets it: for measuring."""


def java(*arguments: str, machine: tuple[str, ...] = SMALL) -> list[str]:
    """The command that runs a class of Kafka."""
    return ["java", *machine, "-cp", f"{JARS}/*", *arguments]


@dataclass
class Node:
    """One Kafka process, broker and controller in one, with its folder."""

    node: int
    port: int
    controller_port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    machine: tuple[str, ...] = SMALL

    @property
    def log(self) -> Path:
        """What it said."""
        return self.folder / "kafka.log"

    def start(self) -> None:
        """Start the process; `wait` says when it answers."""
        command = java("kafka.Kafka", str(self.folder / "server.properties"), machine=self.machine)
        self.process = start_child(command, self.folder, self.log)

    def wait(self) -> None:
        """Return when it answers. Raises NoKafkaError with the end of its log when it does not come up."""
        deadline = time.monotonic() + READY_S
        while not answers(self.port):
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                tail = self.log.read_text(errors="replace")[-2000:]
                msg = f"Kafka node {self.node} did not come up: {tail}"
                raise NoKafkaError(msg)
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it in good order."""
        process, self.process = self.process, None
        if process is not None:
            stop_child(process, STOP_S)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: to freeze it, say."""
        if self.process is not None:
            signal_child(self.process, number)

    def kill(self) -> None:
        """End it at once, as a power cut of the process would."""
        process, self.process = self.process, None
        if process is not None:
            signal_child(process, signal.SIGKILL)
            process.wait()


class KafkaCluster:
    """Some nodes of Apache Kafka, one by default."""

    def __init__(self, folder: Path, nodes: int = 1) -> None:
        self.nodes = [Node(n, free_port(), free_port(), folder / f"node{n}") for n in range(1, nodes + 1)]

    @property
    def servers(self) -> str:
        """Their addresses, as a client wants them."""
        return ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def start(self) -> None:
        """Format the storage where it is new, start all nodes, and wait for them. Raises NoKafkaError."""
        fetch_jars()
        cluster = uuid4().hex[:22]
        for node in self.nodes:
            if not node.folder.exists():
                self._format(node, cluster)
            node.start()
        for node in self.nodes:
            node.wait()

    def stop(self) -> None:
        """Stop all nodes in good order."""
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """End all nodes at once."""
        for node in self.nodes:
            node.kill()

    def _format(self, node: Node, cluster: str) -> None:
        node.folder.mkdir(parents=True)
        settings = SETTINGS.format(
            node=node.node,
            port=node.port,
            controller_port=node.controller_port,
            folder=node.folder,
            voters=",".join(f"{one.node}@127.0.0.1:{one.controller_port}" for one in self.nodes),
            replicas=min(3, len(self.nodes)),
            in_sync=2 if len(self.nodes) > 1 else 1,
        )
        properties = node.folder / "server.properties"
        properties.write_text(settings)
        command = java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties))
        made = subprocess.run(command, capture_output=True, check=False, timeout=READY_S)
        if made.returncode != 0:
            msg = f"Kafka's storage could not be formatted: {made.stdout.decode()[-500:]} {made.stderr.decode()[-500:]}"
            raise NoKafkaError(msg)


@contextmanager
def kafka_cluster(nodes: int = 1, machine: tuple[str, ...] = SMALL) -> Iterator[KafkaCluster]:
    """A cluster in a folder of its own; nothing is left at the end."""
    with tempfile.TemporaryDirectory(prefix="kafka-") as folder:
        cluster = KafkaCluster(Path(folder), nodes)
        for node in cluster.nodes:
            node.machine = machine
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.kill()


def main() -> int:
    """Run one node until interrupted."""
    with kafka_cluster() as cluster:
        sys.stdout.write(f"{cluster.servers}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(main())
