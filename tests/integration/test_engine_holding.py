"""A fetch under way when its partition is held anew takes nothing of it: the lane reads from where it placed it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from faust.types import TP

from engine.admin import TopicSpec, apply, produce
from engine.batches import attach
from engine.records import Batch, Output
from engine.settings import Broker
from engine.state import Store
from tests.brokers.inside import new_app, serving, until_ready

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
