"""Programs on a broker: state, outputs, slow partitions, and a broker that is not there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
import structlog

from engine.admin import TopicSpec, apply, produce, read_all
from engine.batches import MakeProcessor, attach, serve
from engine.ports import free_port
from engine.records import EVERY_PARTITION, Batch, Output, Record
from engine.settings import Broker
from engine.state import Store
from tests.brokers.inside import new_app, serving, until, until_ready
from tests.brokers.matrix import on_kafka
from tests.brokers.running import committed


def make_topics(broker: Broker, partitions: int, *names: str) -> None:
    apply(broker, [TopicSpec(name, partitions, {}) for name in names])


class Counting:
    """Counts records per key in its state and tells each count."""

    def __init__(self, store: Store, target: str) -> None:
        self._store = store
        self._target = target

    def process(self, batch: Batch) -> Sequence[Output]:
        """One output per record."""
        return [self._count(record) for record in batch.records]

    def _count(self, record: Record) -> Output:
        count = b"%d" % (int(self._store.get(record.key or b"") or b"0") + 1)
        self._store.put(record.key or b"", count)
        return Output(self._target, record.key, count, record.headers, record.timestamp_us)


def counting(target: str) -> MakeProcessor:
    return lambda _, store: Counting(store, target)


async def test_outputs_state_and_offsets_go_on_after_a_restart(broker: Broker, fresh: str, tmp_path: Path) -> None:
    out, state = f"{fresh}.out", f"{fresh}.state"
    make_topics(broker, 3, fresh, out, state)
    told_us = int(time.time()) * 1_000_000
    for half in (1, 2):
        records = [Output(fresh, b"k%d" % number, b"v", (("h", b"1"),), told_us) for number in range(30)]
        await asyncio.to_thread(produce, broker, records)
        app = new_app(broker, fresh, tmp_path)
        attach(app, [fresh], counting(out), state_topic=state)
        async with serving(app) as running:
            await until(lambda half=half: sum(committed(broker, fresh).values()) == 30 * half)  # type: ignore[misc]  # bound at once
        assert running.result() == 0
    counted = list(await asyncio.to_thread(lambda: list(read_all(broker, out))))
    assert sorted((record.key or b"", record.value or b"") for record in counted) == sorted(
        (b"k%d" % number, count) for number in range(30) for count in (b"1", b"2")
    )
    assert {record.headers for record in counted} == {(("h", b"1"),)}
    assert {record.timestamp_us for record in counted} == {told_us}


async def test_topics_of_one_attachment_share_the_state_of_a_partition(
    broker: Broker, fresh: str, tmp_path: Path
) -> None:
    one, two, out, state = f"{fresh}.1", f"{fresh}.2", f"{fresh}.out", f"{fresh}.state"
    make_topics(broker, 2, one, two, out, state)
    produce(broker, [Output(topic, b"key", b"v") for topic in (one, two, one)])
    app = new_app(broker, fresh, tmp_path)
    attach(app, [one, two], counting(out), state_topic=state)
    async with serving(app):
        await until(lambda: len(list(read_all(broker, out))) == 3)
    assert sorted(record.value or b"" for record in read_all(broker, out)) == [b"1", b"2", b"3"]


class Blocking:
    """Waits for ever in partition 0, and copies the others."""

    def __init__(self, partition: int, target: str, waiting: asyncio.Event) -> None:
        self._partition = partition
        self._target = target
        self._waiting = waiting

    async def process(self, batch: Batch) -> Sequence[Output]:
        """Copy, unless it is partition 0."""
        if self._partition == 0:
            self._waiting.set()
            await asyncio.Event().wait()
        return [Output(self._target, None, b"copy", partition=EVERY_PARTITION) for _ in batch.records]


async def test_a_slow_partition_holds_up_no_other(broker: Broker, fresh: str, tmp_path: Path) -> None:
    out = f"{fresh}.out"
    make_topics(broker, 3, fresh, out)
    waiting = asyncio.Event()
    app = new_app(broker, fresh, tmp_path)
    attach(app, [fresh], lambda partition, _: Blocking(partition, out, waiting), state_topic=None)
    async with serving(app):
        await until_ready(app)
        produce(broker, [Output(fresh, None, b"v", partition=0)])
        await asyncio.wait_for(waiting.wait(), 10)
        for turn in (1, 2):
            produce(broker, [Output(fresh, None, b"v", partition=partition) for partition in (1, 2)])
            await until(lambda turn=turn: len(list(read_all(broker, out))) == 2 * turn * 3, 10)  # type: ignore[misc]  # bound at once
        # the group still holds us, though partition 0 waits
        assert len(app.lanes.places if app.lanes else ()) == 3


async def test_a_loaded_store_stands_before_the_processor_is_made(broker: Broker, fresh: str, tmp_path: Path) -> None:
    state = f"{fresh}.state"
    make_topics(broker, 1, fresh, state)
    produce(broker, [Output(state, b"k%d" % number, b"v") for number in range(1000)])
    sizes: list[int] = []

    def make(_: int, store: Store) -> Counting:
        sizes.append(sum(1 for _ in store.items()))
        return Counting(store, state)

    app = new_app(broker, fresh, tmp_path)
    attach(app, [fresh], make, state_topic=state)
    async with serving(app):
        await until_ready(app)
    assert sizes == [1000]


async def test_without_a_broker_a_program_waits_says_so_and_stops_when_told(fresh: str, tmp_path: Path) -> None:
    app = new_app(Broker(f"127.0.0.1:{free_port()}"), fresh, tmp_path)
    attach(app, ["t"], counting("out"), state_topic=None)
    stop = asyncio.Event()
    with structlog.testing.capture_logs() as logs:
        task = asyncio.create_task(serve(app, stop))
        await until(lambda: any(entry["event"] == "no broker answers, trying again" for entry in logs))
        assert "cannot be connected to (Connection refused)" in str(app.ready_checks["broker"]())
        stop.set()
        assert await asyncio.wait_for(task, 10) == 0
    assert not any("exc_info" in entry for entry in logs)


class Failing:
    """Raises on its first batch."""

    def process(self, batch: Batch) -> Sequence[Output]:
        """Fail."""
        msg = f"cannot process {len(batch.records)} records"
        raise ArithmeticError(msg)


async def test_a_failing_processor_ends_the_program_uncommitted(broker: Broker, fresh: str, tmp_path: Path) -> None:
    make_topics(broker, 1, fresh)
    produce(broker, [Output(fresh, b"key", b"v")])
    app = new_app(broker, fresh, tmp_path)
    attach(app, [fresh], lambda *_: Failing(), state_topic=None)
    async with serving(app) as running:
        assert await asyncio.wait_for(asyncio.shield(running), 30) == 1
    assert isinstance(app.failure, ArithmeticError)
    assert sum(max(0, offset) for offset in committed(broker, fresh).values()) == 0


async def test_a_message_that_the_broker_refuses_ends_the_program(broker: Broker, fresh: str, tmp_path: Path) -> None:
    out = f"{fresh}.out"
    apply(broker, [TopicSpec(fresh, 1, {}), TopicSpec(out, 1, {"max.message.bytes": "1000"})])
    produce(broker, [Output(fresh, b"key", bytes(5_000))])
    app = new_app(broker, fresh, tmp_path)
    attach(app, [fresh], lambda *_: Copying(out), state_topic=None)
    async with serving(app) as running:
        assert await asyncio.wait_for(asyncio.shield(running), 30) == 1
    assert sum(max(0, offset) for offset in committed(broker, fresh).values()) == 0


async def test_a_state_of_another_size_is_refused(broker: Broker, fresh: str, tmp_path: Path) -> None:
    state = f"{fresh}.state"
    make_topics(broker, 2, fresh)
    make_topics(broker, 3, state)
    app = new_app(broker, fresh, tmp_path)
    attach(app, [fresh], counting(state), state_topic=state)
    async with serving(app) as running:
        assert await asyncio.wait_for(asyncio.shield(running), 30) == 1
    assert str(app.failure) == f"{fresh} has 2 partitions and its state {state} has 3: they must agree"


@on_kafka
async def test_a_topic_that_is_not_there_is_a_reason_not_to_be_ready(
    broker: Broker, fresh: str, tmp_path: Path
) -> None:
    missing = f"{fresh}.missing"
    make_topics(broker, 1, fresh)
    app = new_app(broker, fresh, tmp_path)
    attach(app, [fresh, missing], lambda *_: Copying(fresh), state_topic=None)
    async with serving(app):
        await until(lambda: app.ready_checks["topics"]() == f"missing: {missing}")
        make_topics(broker, 1, missing)
        await until_ready(app)


class Copying:
    """Copies every record."""

    def __init__(self, target: str) -> None:
        self._target = target

    def process(self, batch: Batch) -> Sequence[Output]:
        """One output per record."""
        return [Output(self._target, record.key, record.value) for record in batch.records]


@pytest.mark.parametrize("count", [20_000])
async def test_many_records_pass_in_few_batches(broker: Broker, fresh: str, tmp_path: Path, count: int) -> None:
    out = f"{fresh}.out"
    make_topics(broker, 2, fresh, out)
    produce(broker, [Output(fresh, b"k%d" % number, b"v") for number in range(count)])
    app = new_app(broker, fresh, tmp_path)
    attach(app, [fresh], lambda *_: Copying(out), state_topic=None)
    async with serving(app):
        await until(lambda: sum(committed(broker, fresh).values()) == count)
    batches = app.registry.get_sample_value("signals_engine_batches_total", {"program": fresh, "topic": fresh})
    assert batches is not None
    assert batches <= count / 250
