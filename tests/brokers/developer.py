"""`make kafka`: Apache Kafka on loopback for a developer, until Ctrl-C; nothing of it is left afterwards.

`python -m tests.brokers.developer [--nodes 1|3] [--port 9092]`. Needs Java 17, and Maven the first time.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import tempfile
from pathlib import Path

from tests.brokers.apache import KafkaCluster, NoKafkaError

PORT = 9092
STOPS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

USE = """\
Apache Kafka answers on {servers} (data in {folder}, gone when it stops)

  export SIGNALS_BROKER={servers}
  .venv/bin/signals topics apply     # the topics
  .venv/bin/signals up               # every program, beside this terminal

Ctrl-C stops it.
"""


def is_free(port: int) -> bool:
    """Whether nobody listens there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def main() -> int:
    """Run until interrupted. 1 with one line where Kafka cannot be had."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    parser.add_argument("--port", type=int, default=PORT, help="the first node's; the others follow; taken: free ones")
    given = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # until somebody waits for them: no half-started cluster is left
    with tempfile.TemporaryDirectory(prefix="kafka-") as folder:
        cluster = KafkaCluster(Path(folder), given.nodes)
        if all(is_free(given.port + index) for index in range(given.nodes)):
            for index, node in enumerate(cluster.nodes):
                node.port = given.port + index
        try:
            cluster.start()
            sys.stdout.write(USE.format(servers=cluster.servers, folder=folder))
            sys.stdout.flush()
            signal.sigwait(STOPS)
        except NoKafkaError as error:
            sys.stderr.write(f"no Kafka here: {error}\n")
            return 1
        finally:
            cluster.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
