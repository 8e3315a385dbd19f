"""A lane that loses its transaction begins anew from what is committed; nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from engine.admin import TopicSpec, apply, produce, read_all
from engine.batches import attach
from engine.lanes import Lane
from engine.records import Batch, Output
from engine.settings import Broker
from engine.state import Store
from engine.transactions import Fenced, Lost
from tests.brokers.inside import new_app, serving, until
from tests.brokers.running import committed

RECORDS = 300
KEYS = 7


class Counting:
    """Counts per key; says each count, and makes it last before the batch is done, whatever comes of that."""

    def __init__(self, store: Store, target: str) -> None:
        self._store = store
        self._target = target

    async def process(self, batch: Batch) -> Sequence[Output]:
        """One output per record."""
        outputs = [self._count(record.key or b"") for record in batch.records]
        self._store.put(b"last batch", b"%d" % batch.records[0].offset)
        with suppress(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(self._store.flush() if self._target.endswith("flushed") else asyncio.sleep(0))
        return outputs

    def _count(self, key: bytes) -> Output:
        number = int(self._store.get(key) or b"0") + 1
        self._store.put(key, b"%d" % number)
        return Output(self._target, key, b"%d" % number)


class Losing(Lane):
    """Loses a transaction every few: before the end was asked for, after it was granted, and to another owner."""

    async def commit(self) -> None:
        """Lose it in one of three ways, or commit."""
        turn = next(_TURNS)
        if turn % 9 == 2:
            msg = "no answer, and it was not done"
            raise Lost(msg)
        await super().commit()
        if turn % 9 == 5:
            msg = "no answer, and it was done"
            raise Lost(msg)
        if turn % 9 == 8:
            msg = "taken over"
            raise Fenced(msg)


_TURNS = count()


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
async def test_what_was_lost_is_done_again_and_what_was_done_is_not(
    broker: Broker, fresh: str, tmp_path: Path, store: str
) -> None:
    out, state = f"{fresh}.out", f"{fresh}.state"
    apply(broker, [TopicSpec(topic, 2, {}) for topic in (fresh, out, state)])
    app = new_app(broker, fresh, tmp_path)
    object.__setattr__(app.engine_settings, "max_batch_records", 10)
    object.__setattr__(app.engine_settings, "store", store)
    app.lane_type = Losing
    attach(app, [fresh], lambda _, kept: Counting(kept, out), state_topic=state)
    produce(broker, [Output(fresh, b"%d" % (number % KEYS), b"v") for number in range(RECORDS)])
    async with serving(app):
        await until(lambda: sum(committed(broker, fresh).values()) == RECORDS)
    said = sorted((record.key or b"", int(record.value or b"")) for record in read_all(broker, out))
    each = {b"%d" % key: len(range(key, RECORDS, KEYS)) for key in range(KEYS)}
    assert said == sorted((key, number) for key, total in each.items() for number in range(1, total + 1))
    kept = {record.key: record.value for record in read_all(broker, state)}
    assert {key: int(kept[key] or b"") for key in each} == each
    lost = app.registry.get_sample_value("signals_engine_transactions_lost_total", {"program": fresh, "reason": "lost"})
    assert lost is not None
    assert lost >= 2


async def test_a_flush_that_was_lost_is_not_followed_by_another_write(
    broker: Broker, fresh: str, tmp_path: Path
) -> None:
    out, state = f"{fresh}.flushed", f"{fresh}.state"
    apply(broker, [TopicSpec(topic, 1, {}) for topic in (fresh, out, state)])
    app = new_app(broker, fresh, tmp_path)
    attach(app, [fresh], lambda _, kept: Counting(kept, out), state_topic=state)
    refused = 0

    class LosingFirst(Lane):
        async def commit(self) -> None:
            nonlocal refused
            refused += 1
            if refused == 1:
                msg = "no answer"
                raise Lost(msg)
            await super().commit()

    app.lane_type = LosingFirst
    produce(broker, [Output(fresh, b"a", b"v") for _ in range(5)])
    async with serving(app):
        await until(lambda: sum(committed(broker, fresh).values()) == 5)
    assert sorted(int(record.value or b"") for record in read_all(broker, out)) == [1, 2, 3, 4, 5]
