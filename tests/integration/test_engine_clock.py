"""The clock on a broker: it waits for its readers, holds at what is unread, and never falls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path

import pytest

from engine.admin import TopicSpec, apply, produce, read_all
from engine.batches import BatchApp, attach
from engine.clock import Clock, ClockPlan, Upstream, add_clock, tick_of
from engine.records import Batch, Output
from engine.settings import Broker
from engine.ticking import HOUR_US, Mode
from tests.brokers.inside import new_app, serving, until, until_ready
from tests.brokers.matrix import on_kafka

GRACE_US = 5_000_000


class Gate:
    """A processor that lets batches through while it is open; outputs go to a second topic."""

    def __init__(self, target: str) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self._target = target

    async def process(self, batch: Batch) -> Sequence[Output]:
        """Copy, once the gate is open."""
        await self.open.wait()
        return [Output(self._target, record.key, record.value) for record in batch.records]


class Scene:
    """Two programs in a row, raw -> mid -> (nothing), and the clock of the first that watches both."""

    def __init__(self, broker: Broker, name: str, folder: Path, mode: Mode = Mode.WALL) -> None:
        self.broker = broker
        self.raw, self.mid, self.target = f"{name}.raw", f"{name}.mid", f"{name}.target"
        self.first, self.second = f"{name}.first", f"{name}.second"
        self._folder = folder
        self._mode = mode
        self.gate = Gate(self.mid)
        apply(broker, [TopicSpec(topic, 2, {}) for topic in (self.raw, self.mid, self.target)])

    def apps(self, clock: Callable[[BatchApp, ClockPlan], Clock] = add_clock) -> tuple[BatchApp, BatchApp]:
        """The two programs."""
        first = new_app(self.broker, self.first, self._folder)
        attach(first, [self.raw], lambda *_: self.gate, state_topic=None)
        second = new_app(self.broker, self.second, self._folder)
        attach(second, [self.mid], lambda *_: Swallowing(), state_topic=None)
        clock(first, self.plan())
        return first, second

    def plan(self) -> ClockPlan:
        """What the clock watches."""
        return ClockPlan(
            upstream=[Upstream((self.raw,), self.first), Upstream((self.mid,), self.second)],
            target=self.target,
            leader=self.raw,
            payload=lambda tick_us, partition: Output("", None, b"%d %d" % (tick_us, partition)),
            grace_us=GRACE_US,
            mode=self._mode,
            interval_s=0.2,
        )

    def put(self, partition: int = 0, timestamp_us: int | None = None) -> None:
        """One raw record."""
        produce(self.broker, [Output(self.raw, None, b"v", partition=partition, timestamp_us=timestamp_us)])

    def ticks(self, partition: int) -> list[int]:
        """Every T said to a partition."""
        records = (record for record in read_all(self.broker, self.target) if record.partition == partition)
        return [tick for tick in map(tick_of, records) if tick is not None]


class Swallowing:
    """No outputs."""

    def process(self, batch: Batch) -> Sequence[Output]:
        """Nothing."""
        assert batch.records
        return ()


def now_us() -> int:
    return time.time_ns() // 1000


async def test_it_ticks_in_every_partition_and_rises_over_a_restart(broker: Broker, fresh: str, tmp_path: Path) -> None:
    scene = Scene(broker, fresh, tmp_path)
    scene.put()
    for _ in range(2):
        began = now_us()
        first, second = scene.apps()
        async with serving(first), serving(second):
            await until(lambda began=began: max(scene.ticks(0), default=0) > began - GRACE_US)  # type: ignore[misc]  # bound at once
            await until_ready(first)
    assert scene.ticks(0) == scene.ticks(1)
    assert all(earlier < later for earlier, later in pairwise(scene.ticks(0)))
    assert scene.ticks(0)[-1] <= now_us() - GRACE_US
    said = first.registry.get_sample_value("signals_engine_last_tick_timestamp_seconds", {"program": scene.first})
    assert said == scene.ticks(0)[-1] / 1_000_000


async def test_it_waits_at_the_oldest_unread_record_and_goes_on(broker: Broker, fresh: str, tmp_path: Path) -> None:
    scene = Scene(broker, fresh, tmp_path)
    first, second = scene.apps()
    async with serving(first), serving(second):
        await until(lambda: bool(scene.ticks(0)))
        scene.gate.open.clear()
        scene.put(1)
        await asyncio.sleep(1.5)
        [unread] = [record.timestamp_us for record in read_all(broker, scene.raw)]
        assert max(scene.ticks(0)) <= unread - GRACE_US
        scene.put(0)
        await asyncio.sleep(0.5)
        assert max(scene.ticks(0)) <= unread - GRACE_US
        scene.gate.open.set()
        await until(lambda: max(scene.ticks(0)) > unread - GRACE_US)


async def test_it_waits_for_the_second_reader_too(broker: Broker, fresh: str, tmp_path: Path) -> None:
    scene = Scene(broker, fresh, tmp_path)
    scene.put()
    first, second = scene.apps()
    async with serving(first):
        await until(lambda: len(list(read_all(broker, scene.mid))) == 1)
        [unread] = [record.timestamp_us for record in read_all(broker, scene.mid)]
        await asyncio.sleep(1.0)
        assert max(scene.ticks(0), default=0) <= unread - GRACE_US
        async with serving(second):
            await until(lambda: max(scene.ticks(0), default=0) > unread - GRACE_US)


async def test_with_a_data_clock_records_carry_the_time(broker: Broker, fresh: str, tmp_path: Path) -> None:
    scene = Scene(broker, fresh, tmp_path, Mode.DATA)
    hour_ago = (now_us() - HOUR_US) // 1000 * 1000
    scene.put(0, hour_ago)
    first, second = scene.apps()
    async with serving(first), serving(second):
        await until(lambda: scene.ticks(1) == [hour_ago - GRACE_US])
        scene.put(1, hour_ago + 9_000_000)
        scene.put(0, hour_ago + 1_000_000)
        await until(lambda: scene.ticks(1)[-1] == hour_ago + 9_000_000 - GRACE_US)
        said = len(scene.ticks(1))
        scene.put(0, hour_ago + 2_000_000)
        await asyncio.sleep(0.6)
        assert len(scene.ticks(1)) == said
        await until_ready(first)


def jumping(jumps: Iterator[int]) -> Callable[[], int]:
    return lambda: now_us() + next(jumps)


async def test_a_wall_clock_that_jumps_is_not_believed(broker: Broker, fresh: str, tmp_path: Path) -> None:
    scene = Scene(broker, fresh, tmp_path)
    jumps = (0 if look < 3 else 2 * HOUR_US for look in count())

    def with_jumps(app: BatchApp, plan: ClockPlan) -> Clock:
        clock = Clock(app, plan, now_us=jumping(jumps))
        app.background.append(clock.run)
        return clock

    first, second = scene.apps(with_jumps)
    labels = {"program": scene.first, "reason": "jumped"}
    async with serving(first), serving(second):
        await until(lambda: (first.registry.get_sample_value("signals_engine_clock_refusals_total", labels) or 0) >= 3)
    assert len(scene.ticks(0)) == 3
    assert scene.ticks(0)[-1] < now_us()


async def test_who_does_not_lead_does_not_tick(broker: Broker, fresh: str, tmp_path: Path) -> None:
    scene = Scene(broker, fresh, tmp_path)
    _, second = scene.apps()
    add_clock(second, scene.plan())  # the second program does not read the leader's topic
    async with serving(second):
        await until(lambda: second.lanes is not None and len(second.lanes.places) == 2)
        await asyncio.sleep(0.6)
        assert scene.ticks(0) == []
        await until_ready(second)


HOPS = 3
HOP_S = 0.2
ROUNDS_S = 4.0
"""The clock's interval: within it all rounds are done, also on a busy machine."""


class Hopping:
    """Writes to the topic that it reads, `HOPS` times each record, and then to where the clock speaks."""

    def __init__(self, scene: Scene) -> None:
        self._mid, self._target = scene.mid, scene.target

    async def process(self, batch: Batch) -> Sequence[Output]:
        """One hop further, by a key that places it elsewhere, at the time of the first record."""
        await asyncio.sleep(HOP_S)
        return [self._on(record.key or b"", int(record.value or b"0"), record.timestamp_us) for record in batch.records]

    def _on(self, key: bytes, hops: int, at_us: int) -> Output:
        topic = self._mid if hops < HOPS else self._target
        return Output(topic, b"%s, %d" % (key.split(b",")[0], hops), b"%d" % (hops + 1), timestamp_us=at_us)


@pytest.mark.chaos
@on_kafka
async def test_with_a_round_for_each_hop_no_record_comes_after_a_later_time(
    broker: Broker, fresh: str, tmp_path: Path
) -> None:
    scene = Scene(broker, fresh, tmp_path)
    app = new_app(broker, scene.second, tmp_path)
    attach(app, [scene.mid], lambda *_: Hopping(scene), state_topic=None)
    upstream = [Upstream((scene.mid,), scene.second)] * (HOPS + 1)
    add_clock(app, replace(scene.plan(), upstream=upstream, leader=scene.mid, grace_us=0, interval_s=ROUNDS_S))
    acknowledged_us: list[int] = []
    async with serving(app):
        await until(lambda: bool(scene.ticks(0)))
        for number in range(60):
            produce(broker, [Output(scene.mid, b"%d" % number, b"0")])
            acknowledged_us.append(now_us())
            await asyncio.sleep(HOP_S / 2)
        await until(lambda: min(max(scene.ticks(0)), max(scene.ticks(1))) > acknowledged_us[-1], 60)
    found = [(record, tick_of(record)) for record in read_all(broker, scene.target)]
    arrived = {int((record.key or b"").split(b",")[0]): record.partition for record, tick in found if tick is None}
    assert len(arrived) == len([tick for _, tick in found if tick is None]) == len(acknowledged_us)
    assert set(arrived.values()) == {0, 1}
    told_us = {0: 0, 1: 0}
    for record, tick in found:
        if tick is None:
            assert told_us[record.partition] <= acknowledged_us[int((record.key or b"").split(b",")[0])]
        else:
            told_us[record.partition] = tick
