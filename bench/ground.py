"""Where contenders run: one Apache Kafka, one topic of events, and a process for each run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from kafka.admin import KafkaAdminClient
from kafka.errors import (
    CoordinatorNotAvailableError,
    GroupIdNotFoundError,
    NotCoordinatorError,
    UnknownTopicOrPartitionError,
)

from bench.events import PARTITIONS, Keyed, fill
from engine.admin import TopicSpec, apply, describe
from engine.children import dies_with_parent, stop_child
from engine.settings import Broker
from programs.commands.topics import specs
from programs.startup import prepare
from tests.brokers.apache import AS_SHIPPED, kafka_cluster
from topics.catalog import DEAL_EVENTS

ROOT = Path(__file__).parent.parent
PATIENCE_S = 300.0

_NO_GROUPS_YET = (CoordinatorNotAvailableError, NotCoordinatorError)
"""What a new broker says of any group before the first one joined: nothing is committed."""

Figures = dict[str, Any]


class FailedError(Exception):
    """A part of the benchmark could not be measured; the message is the reason, in one line."""


class Ground(NamedTuple):
    """A broker with so many events on `deal.events`, and a folder for what the runs leave."""

    broker: Broker
    folder: Path
    events: int


def end_in_order() -> None:
    """Let SIGTERM end this program as Ctrl-C does: brokers are stopped, folders go."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@contextmanager
def ground(events: Sequence[Keyed]) -> Iterator[Ground]:
    """Apache Kafka with the events on it. Raises NoKafkaError where it cannot be had."""
    with tempfile.TemporaryDirectory(prefix="signals-bench-") as folder, kafka_cluster(machine=AS_SHIPPED) as cluster:
        broker = Broker(cluster.servers)
        apply(broker, product_topics())
        asyncio.run(fill(broker, DEAL_EVENTS, events))
        yield Ground(broker, Path(folder), len(events))


def product_topics() -> list[TopicSpec]:
    """Every topic of a default installation."""
    return [spec._replace(partitions=PARTITIONS) for spec in specs(prepare({}, Path("/nonexistent")))]


def make_anew(broker: Broker, groups: Sequence[str], keep: Sequence[str] = (DEAL_EVENTS,)) -> None:
    """Forget what an earlier run of the programs left: their groups' offsets, and their topics but `keep`."""
    mine = [spec for spec in product_topics() if spec.name not in keep]
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    try:
        with contextlib.suppress(GroupIdNotFoundError, *_NO_GROUPS_YET):
            admin.delete_groups(list(groups))
        for spec in mine:
            with contextlib.suppress(UnknownTopicOrPartitionError):
                admin.delete_topics([spec.name])
    finally:
        admin.close()
    while {spec.name for spec in mine} & set(describe(broker)):
        time.sleep(0.1)
    apply(broker, mine)


def python(script: str, *arguments: str) -> list[str]:
    """The command of a script of `bench/`."""
    return [sys.executable, str(ROOT / "bench" / script), *arguments]


def environment() -> dict[str, str]:
    """Ours, without the settings of an installation that may stand beside."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALS_", "SLACK_"))}
    return kept | {"PYTHONPATH": str(ROOT)}


def measured(command: Sequence[str], log: Path, patience_s: float = PATIENCE_S) -> Figures:
    """Run a program that ends by itself and prints lines of JSON; the last. Raises FailedError."""
    return every_line(command, log, patience_s)[-1]


def every_line(command: Sequence[str], log: Path, patience_s: float = PATIENCE_S) -> list[Figures]:
    """Run a program that ends by itself and prints lines of JSON, at least one; all of them. Raises FailedError."""
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 - programs of this repository
            command,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=ROOT,
            env=environment(),
            start_new_session=True,
            preexec_fn=dies_with_parent(os.getpid()),  # noqa: PLW1509 - two system calls, no locks
        )
        try:
            out, _ = process.communicate(timeout=patience_s)
        except subprocess.TimeoutExpired:
            stop_child(process, 5.0)
            raise FailedError(f"did not end within {patience_s:.0f} s") from None  # noqa: EM102, TRY003 - a row's text
        except BaseException:
            stop_child(process, 5.0)
            raise
    return _figures(out, process.returncode, log)


def _figures(out: bytes, code: int, log: Path) -> list[Figures]:
    lines = [line for line in out.decode(errors="replace").splitlines() if line.startswith("{")]
    if lines and code == 0:
        return [json.loads(line) for line in lines]
    said = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    reason = said[-1][:200] if said else "it said nothing"
    raise FailedError(f"exit code {code}: {reason}")  # noqa: EM102, TRY003 - a row's text


def emptied(folder: Path, name: str) -> Path:
    """A folder of that name, empty."""
    made = folder / name
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    return made


def as_mapping(arguments: Mapping[str, object]) -> list[str]:
    """Arguments as a command line has them."""
    return [f"--{name}={value}" for name, value in arguments.items()]
