"""A fetch under way when its partition is held anew takes nothing of it: the lane reads from where it placed it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from faust.types import TP
from kafka import KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from engine.admin import TopicSpec, apply, produce, produce_together
from engine.batches import attach
from engine.records import Batch, Output
from engine.settings import Broker
from engine.state import Store
from tests.brokers.inside import new_app, serving, until, until_ready

RECORDS = 5
FETCH_S = 5.0


class Nothing:
    """A processor that says nothing."""

    def process(self, batch: Batch) -> Sequence[Output]:  # noqa: ARG002  # a processor's signature
        """Nothing."""
        return []


def _make(_partition: int, _store: Store) -> Nothing:
    return Nothing()


async def test_what_arrives_after_a_hold_is_left_to_the_next_fetch(broker: Broker, fresh: str, tmp_path: Path) -> None:
    apply(broker, [TopicSpec(fresh, 1, {})])
    place = TP(fresh, 0)
    app = new_app(broker, fresh, tmp_path)
    attach(app, [fresh], _make, state_topic=None)
    async with serving(app):
        await until_ready(app)
        consumer = app.consumer
        consumer.hold([place])  # from here on the app itself does not fetch it
        under_way = asyncio.create_task(_fetch(app.consumer, place))
        await asyncio.sleep(0.2)
        consumer.hold([place])
        await consumer.place_at({place: 0})
        await asyncio.to_thread(produce, broker, [Output(fresh, b"key", b"%d" % number) for number in range(RECORDS)])
        assert await under_way == []
        assert await _fetch(app.consumer, place) == list(range(RECORDS))


async def _fetch(consumer: object, place: TP) -> list[int]:
    """The offsets that a fetch brings which begins now."""
    held = consumer.times_held(place)  # type: ignore[attr-defined]  # Faust publishes no types
    fetched = await consumer._thread.fetch({place: held}, FETCH_S, 100)  # type: ignore[attr-defined]  # as above
    return [record.offset for record in fetched.records.get(place, [])]


async def test_a_marker_where_the_group_stopped_is_no_gap(broker: Broker, fresh: str, tmp_path: Path) -> None:
    apply(broker, [TopicSpec(fresh, 1, {})])
    for _ in range(2):  # a record and the marker of its transaction, twice
        await asyncio.to_thread(produce_together, broker, [Output(fresh, b"key", b"")], fresh)
    await asyncio.to_thread(commit, broker, fresh, TopicPartition(fresh, 0), 3)
    app = new_app(broker, fresh, tmp_path)
    done: list[int] = []
    attach(app, [fresh], lambda *_: Noting(done), state_topic=None)
    async with serving(app):
        await until_ready(app)
        await asyncio.to_thread(produce, broker, [Output(fresh, b"key", b"")])
        await until(lambda: done != [])
        lost = [sample for metric in app.engine_metrics.transactions_lost.collect() for sample in metric.samples]
    assert done == [4]
    assert [sample for sample in lost if sample.name.endswith("_total")] == []


def commit(broker: Broker, group: str, place: TopicPartition, offset: int) -> None:
    """Say where a group that is not there goes on."""
    consumer = KafkaConsumer(**broker.client_options(), group_id=group, enable_auto_commit=False)
    try:
        consumer.assign([place])
        consumer.commit({place: OffsetAndMetadata(offset, "", -1)})
    finally:
        consumer.close()


class Noting:
    """Notes the offsets that it was given."""

    def __init__(self, done: list[int]) -> None:
        self._done = done

    def process(self, batch: Batch) -> Sequence[Output]:
        """Nothing."""
        self._done += [record.offset for record in batch.records]
        return []
