"""What a worker process does, for the tests that stop, freeze and kill it.

Each record gives one output that names its position, and one state entry per key: the last position and a count.
A journal says when a batch begins and ends, so that a test can strike in the middle.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.batches import attach, build_app, run
from engine.children import dies_with_parent
from engine.records import Batch, Output
from engine.settings import Broker, EngineSettings, StoreKind
from engine.state import Store

POISON = b"poison"


@dataclass(frozen=True)
class Plan:
    """What a worker does. `topic` is read; `topic`.out and `topic`.state are written."""

    servers: str
    topic: str
    folder: str
    store: StoreKind = "memory"
    delay_s: float = 0.0
    max_batch_records: int = 100
    dies_of_poison: bool = False
    session_timeout_s: float = 6.0
    drain_s: float = 5.0

    @property
    def journal(self) -> Path:
        """Where every worker of the plan writes what it does."""
        return Path(self.folder) / "journal"


class Journaling:
    """The processor."""

    def __init__(self, plan: Plan, partition: int, store: Store) -> None:
        self._plan = plan
        self._store = store
        self._note("made", partition, sum(1 for _ in store.items()))

    async def process(self, batch: Batch) -> Sequence[Output]:
        """Copy the batch, slowly."""
        self._note("begin", batch.partition, batch.records[0].offset)
        outputs = [self._copy(batch, index) for index in range(len(batch.records))]
        await asyncio.sleep(self._plan.delay_s)
        self._note("end", batch.partition, batch.next_offset)
        return outputs

    def _copy(self, batch: Batch, index: int) -> Output:
        record = batch.records[index]
        if self._plan.dies_of_poison and record.value == POISON:
            msg = "a poisoned record"
            raise RuntimeError(msg)
        key = record.key or b""
        count = int((self._store.get(key) or b"0 0").split()[1])
        self._store.put(key, b"%d %d" % (record.offset, count + 1))
        return Output(f"{batch.topic}.out", key, b"%d %d" % (record.partition, record.offset))

    def _note(self, what: str, partition: int, number: int) -> None:
        with self._plan.journal.open("a") as journal:
            journal.write(f"{os.getpid()} {what} {partition} {number}\n")


def work(plan: Plan) -> int:
    """Run the plan to its end; the exit code."""
    settings = EngineSettings(
        name=plan.topic,
        broker=Broker(plan.servers),
        data_dir=Path(plan.folder),
        store=plan.store,
        max_batch_records=plan.max_batch_records,
        session_timeout_s=plan.session_timeout_s,
        drain_s=plan.drain_s,
    )
    app = build_app(settings)
    attach(
        app,
        [plan.topic],
        lambda partition, store: Journaling(plan, partition, store),
        state_topic=f"{plan.topic}.state",
    )
    return run(app)


def run_logged(plan: Plan, log: Path) -> None:
    """The whole life of a worker process: its output goes to `log`, and it ends with the tests."""
    if (prepare := dies_with_parent(os.getppid())) is not None:
        prepare()
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    sys.exit(work(plan))
