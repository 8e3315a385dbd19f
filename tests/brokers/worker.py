"""What a worker process does, for the tests that stop, freeze and kill it.

Each record gives one output that names its position, and one state entry per key: the last position and a count.
A journal says when a batch begins and ends, so that a test can strike in the middle; at the boundaries inside the shell
the worker strikes itself.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from faust.types import TP

from engine.batches import attach, build_app, run
from engine.children import dies_with_parent
from engine.lanes import Lane
from engine.link import Place
from engine.packing import Row
from engine.records import Batch, Extent, Output
from engine.settings import Broker, EngineSettings, StoreKind
from engine.state import Changes, LoadedStore, Store

POISON = b"poison"

Boundary = Literal["taken over", "loaded", "written", "committed", "settled"]
"""After which step of a lane a worker strikes itself; `written` is inside the transaction."""


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
    strikes_at: Boundary | None = None
    strikes_with: signal.Signals = signal.SIGKILL
    strikes_after: int = 3

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


class Strike:
    """Strikes the process when a boundary is passed for the third time, say, with records at stake."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._left = plan.strikes_after

    def passing(self, boundary: Boundary) -> None:
        """A lane passes the boundary."""
        if boundary == self._plan.strikes_at:
            self._left -= 1
            if self._left == 0:
                with self._plan.journal.open("a") as journal:
                    journal.write(f"{os.getpid()} struck 0 0\n")
                os.kill(os.getpid(), self._plan.strikes_with)


def striking(strike: Strike) -> type[Lane]:
    """Lanes that tell of the boundaries they pass."""

    class Striking(Lane):
        async def take_over(self) -> None:
            await super().take_over()
            strike.passing("taken over")

        async def load(self) -> LoadedStore:
            store = await super().load()
            strike.passing("loaded")
            return store

        async def write(self, rows: Mapping[Place, Sequence[Row]], offsets: Mapping[TP, int]) -> Mapping[Place, Extent]:
            extents = await super().write(rows, offsets)
            if rows:
                strike.passing("written")
            return extents

        async def commit(self) -> None:
            await super().commit()
            strike.passing("committed")

        def settle(self, store: LoadedStore, changes: Changes, next_offset: int) -> None:
            super().settle(store, changes, next_offset)
            strike.passing("settled")

    return Striking


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
    app.lane_type = striking(Strike(plan))
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
