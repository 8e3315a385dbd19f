"""How many webhooks a second `signals intake` takes in: verified, acknowledged by Apache Kafka, then answered 200.

`python bench/intake.py [--seconds N] [--connections N ...]` needs wrk (Debian: `apt-get install wrk`). One process of
intake, one node of Kafka and wrk share this machine. Requests are signed beforehand and differ in their bodies.
Prints one line of JSON per run: requests a second, latencies in milliseconds as wrk saw them, processor time of
intake per request in microseconds, and whether every request that was answered 200 is on the topic.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.ground import FailedError, Figures, end_in_order
from engine.admin import TopicSpec, apply, read_all
from engine.settings import Broker
from programs.intake.signatures import SIGNATURE_V3, TIMESTAMP
from tests.brokers.apache import AS_SHIPPED, kafka_cluster
from tests.chaos.senders import PATH, TOPIC, Program, program, signed

SCRIPT = Path(__file__).parent / "intake.lua"
PARTITIONS = 4
SIGNED = 5_000
EVENTS = (1, 5)
"""In a webhook, at least and at most: HubSpot sends up to a hundred under load, one in calm."""
WARM_S = 3
_TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, print."""
    end_in_order()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--connections", type=int, nargs="+", default=[32])
    parser.add_argument("--quick", action="store_true", help="a short form")
    given = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed (Debian: apt-get install wrk)")
    seconds = 5 if given.quick else given.seconds
    with _running() as (broker, intake, folder):
        _wrk(intake, folder, given.connections[0], WARM_S)
        for connections in given.connections:
            print(json.dumps(_measured(broker, intake, folder, connections, seconds)), flush=True)


@contextmanager
def _running() -> Iterator[tuple[Broker, Program, Path]]:
    with tempfile.TemporaryDirectory(prefix="bench-intake-") as name, kafka_cluster(machine=AS_SHIPPED) as cluster:
        broker, folder = Broker(cluster.servers), Path(name)
        apply(broker, [TopicSpec(TOPIC, PARTITIONS, {})])
        with program(folder, broker) as intake:
            intake.wait()
            yield broker, intake, folder


def _measured(broker: Broker, intake: Program, folder: Path, connections: int, seconds: int) -> Figures:
    before, began_s = _on_topic(broker), _processor_s(intake)
    said = _wrk(intake, folder, connections, seconds)
    used_s = _processor_s(intake) - began_s
    more, taken = _on_topic(broker) - before, said["requests"] - said["not_200"]
    return {
        "connections": connections,
        "requests_per_s": round(said["requests"] / said["duration_us"] * 1e6),
        "p50_ms": said["p50_us"] / 1e3,
        "p99_ms": said["p99_us"] / 1e3,
        "p999_ms": said["p999_us"] / 1e3,
        "max_ms": said["max_us"] / 1e3,
        "requests": said["requests"],
        "not_200": said["not_200"],
        "broken": sum(said[name] for name in ("connect", "read", "write", "timeout")),
        "all_on_topic": more >= taken,
        "intake_us_per_request": round(used_s / said["requests"] * 1e6),
    }


def _wrk(intake: Program, folder: Path, connections: int, seconds: int) -> Figures:
    """What wrk says of a run. Signed anew each time: a signature counts for five minutes."""
    chance = random.Random(seconds)  # noqa: S311  # bodies, not secrets
    lines = (_line(chance) for _ in range(SIGNED))
    (folder / "signed").write_bytes(b"".join(lines))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT), f"http://127.0.0.1:{intake.port}"]
    done = subprocess.run(  # noqa: S603 - wrk with our script
        [*command, "--", str(folder / "signed"), PATH],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not found:
        raise FailedError(f"wrk: {done.stderr or done.stdout}")  # noqa: EM102, TRY003 - a row's text
    figures: Figures = json.loads(found[-1])
    return figures


def _line(chance: random.Random) -> bytes:
    body = json.dumps([_event(chance) for _ in range(chance.randint(*EVENTS))], separators=(",", ":")).encode()
    headers = signed(body)
    return "\t".join((headers[TIMESTAMP], headers[SIGNATURE_V3], body.decode())).encode() + b"\n"


def _event(chance: random.Random) -> dict[str, object]:
    return {
        "eventId": chance.randrange(10**9),
        "subscriptionId": 92894,
        "portalId": 62515,
        "appId": 186886,
        "occurredAt": round(time.time() * 1000),
        "subscriptionType": "deal.propertyChange",
        "attemptNumber": 0,
        "objectId": chance.randrange(10**9),
        "propertyName": "dealstage",
        "propertyValue": "qualifiedtobuy",
        "changeSource": "CRM_UI",
    }


def _on_topic(broker: Broker) -> int:
    return sum(1 for _ in read_all(broker, TOPIC))


def _processor_s(intake: Program) -> float:
    """Processor time of the process so far, in seconds."""
    fields = Path(f"/proc/{intake.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    main()
