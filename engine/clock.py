"""The clock: one worker of a program appends "it is T" to every partition of a topic, every second.

The worker that holds partition 0 of the `leader` topic runs it. That is an election by the consumer group itself, with
nothing added: Faust's own leader needs Faust's assignor and a topic more, and we assign partitions otherwise. Two may
tick for a moment while a partition moves; both say only what is true, and each reads the last T first.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faust.types import TP

from engine.batches import BatchApp
from engine.reach import may_pass
from engine.records import Output, Record
from engine.settings import ANSWER_MS, Broker
from engine.tail import Span, peek, reader
from engine.ticking import MAX_JUMP_US, Hold, Mode, Seen, next_tick

log = structlog.get_logger(__name__)

CLOCK_HEADER = "clock-us"
"""The header in which the clock finds its last T again, whatever the payload looks like."""

SILENT_S = 30.0
"""Without a tick for longer the program is not ready (design, law 2)."""

POLL_S = 0.02
"""How often the committed offsets are looked at while they have not reached the ends; commits come every 0.2 s."""

PAUSE_S = 1.0
_TAIL_RECORDS = 64
_LOOK_BACK = (256, 4_096, 65_536)
_PROBE_BYTES = 64 * 1024
_PROBE_WAIT_MS = 50

Payload = Callable[[int, int], Output]
"""(T in microseconds, partition) -> the record that says so; its topic and partition are set by the clock."""


class Upstream(NamedTuple):
    """Topics, and the consumer group that must have read them before T may pass."""

    topics: tuple[str, ...]
    group: str


@dataclass(frozen=True)
class ClockPlan:
    """What a clock watches and where it speaks.

    `upstream` is in the order of the flow: the ends of each are read once the one before it has been read to its own.
    """

    upstream: Sequence[Upstream]
    target: str
    leader: str
    payload: Payload
    grace_us: int
    mode: Mode = Mode.WALL
    interval_s: float = 1.0


def add_clock(app: BatchApp, plan: ClockPlan) -> Clock:
    """Let the app run the clock wherever it holds partition 0 of the plan's leader topic."""
    clock = Clock(app, plan)
    app.background.append(clock.run)
    app.ready_checks["clock"] = clock.why_silent
    return clock


def boot_seconds() -> float:
    """Time that passes in sleep, too, where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def wall_us() -> int:
    """The wall clock in microseconds since the epoch."""
    return time.time_ns() // 1000


class Clock:
    """One clock in one worker; `now_us` and `passed_s` are its only sources of time."""

    def __init__(
        self,
        app: BatchApp,
        plan: ClockPlan,
        now_us: Callable[[], int] = wall_us,
        passed_s: Callable[[], float] = boot_seconds,
    ) -> None:
        self._app = app
        self._plan = plan
        self._now_us = now_us
        self._passed_s = passed_s
        self._last_us: int | None = None
        self._base: tuple[int, float] | None = None
        self._alive_at: float | None = None
        metrics = app.engine_metrics
        self._last_gauge = metrics.last_tick.labels(metrics.program)
        self._refusals = metrics.clock_refusals
        metrics.tick_age.labels(metrics.program).set_function(self._age_s)

    @property
    def last_us(self) -> int | None:
        """The last T that this worker said or found."""
        return self._last_us

    def why_silent(self) -> str | None:
        """The ready check: no tick for too long, where it is ours to tick."""
        age = self._age_s()
        return f"no tick for {age:.0f} s" if age > SILENT_S else None

    async def run(self) -> None:
        """Tick while we lead, for ever. Raises what cannot be retried."""
        while True:
            if not self._leading():
                self._alive_at = None
                await asyncio.sleep(PAUSE_S / 5)
                continue
            try:
                await self._lead()
            except KafkaError as error:
                if not may_pass(error):
                    raise
                log.warning("clock lost the broker, trying again", error=repr(error))
                await asyncio.sleep(PAUSE_S)

    def _leading(self) -> bool:
        lanes = self._app.lanes
        return lanes is not None and TP(self._plan.leader, 0) in lanes.places

    def _age_s(self) -> float:
        return 0.0 if self._alive_at is None else self._passed_s() - self._alive_at

    async def _lead(self) -> None:
        writer = self._app.writer
        if writer is None:
            return
        self._alive_at = self._alive_at or self._passed_s()
        watched = [topic for upstream in self._plan.upstream for topic in upstream.topics]
        topics = {topic: await writer.partitions(topic) for topic in [*watched, self._plan.target]}
        async with gauge(self._app.engine_settings.broker, topics) as look:
            self._last_us = _latest(self._last_us, await look.last_tick(self._plan.target))
            while self._leading():
                began = self._passed_s()
                await self._look_and_tick(look)
                await asyncio.sleep(max(0.0, self._plan.interval_s - (self._passed_s() - began)))

    async def _look_and_tick(self, look: Gauge) -> None:
        began_s = self._passed_s()
        seen = await self._see(look, began_s)
        decision = next_tick(self._plan.mode, self._plan.grace_us, seen)
        if decision is not Hold.JUMPED:
            self._base = (seen.began_us, began_s)
        if isinstance(decision, Hold):
            self._note_hold(decision, seen)
        elif self._leading():
            await self._say(decision)

    async def _see(self, look: Gauge, began_s: float) -> Seen:
        began_us = self._now_us()
        expected = None if self._base is None else self._base[0] + round((began_s - self._base[1]) * 1_000_000)
        newest = None
        if self._plan.mode is Mode.DATA or expected is None or abs(began_us - expected) > MAX_JUMP_US:
            newest = await look.newest(self._plan.upstream[:1])
        unread = await self._wait_for_readers(look, began_s + self._plan.interval_s)
        return Seen(began_us, expected, newest, unread, self._last_us)

    async def _wait_for_readers(self, look: Gauge, deadline_s: float) -> int | None:
        """Wait, until the deadline, for each group to have read up to the ends; the oldest timestamp unread, if any."""
        oldest: list[int] = []
        for upstream in self._plan.upstream:
            ends = await look.ends(upstream.topics)
            while behind := await look.behind(upstream.group, ends):
                if self._passed_s() >= deadline_s:
                    oldest.extend(await look.timestamps(behind, ends))
                    break
                await asyncio.sleep(POLL_S)
        return min(oldest, default=None)

    def _note_hold(self, hold: Hold, seen: Seen) -> None:
        if hold is Hold.JUMPED:
            self._refusals.labels(self._app.engine_metrics.program, hold.value).inc()
            log.error("the wall clock jumped, it is not believed", shows_us=seen.began_us, expected_us=seen.expected_us)
        elif self._plan.mode is Mode.DATA and seen.unread_us is None:
            self._alive_at = self._passed_s()  # no new data, so no new time: nothing is wrong

    async def _say(self, tick_us: int) -> None:
        writer = self._app.writer
        if writer is None:
            return
        total = await writer.partitions(self._plan.target)
        await writer.write([self._record(tick_us, partition) for partition in range(total)])
        self._last_us = tick_us
        self._alive_at = self._passed_s()
        self._last_gauge.set(tick_us / 1_000_000)

    def _record(self, tick_us: int, partition: int) -> Output:
        output = self._plan.payload(tick_us, partition)
        return output._replace(
            topic=self._plan.target,
            partition=partition,
            headers=(*output.headers, (CLOCK_HEADER, str(tick_us).encode())),
            timestamp_us=tick_us if output.timestamp_us is None else output.timestamp_us,
        )


def _latest(one: int | None, other: int | None) -> int | None:
    known = [value for value in (one, other) if value is not None]
    return max(known, default=None)


Offsets = Mapping[TopicPartition, int]


class Gauge:
    """What the clock can see of the broker."""

    def __init__(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient, topics: Mapping[str, int]) -> None:
        self._topics = topics
        self._consumer = consumer
        self._admin = admin
        self._newest: dict[TopicPartition, tuple[int, int | None]] = {}

    async def ends(self, topics: Sequence[str]) -> Offsets:
        """The end of every partition of these topics."""
        places = [place for topic in topics for place in self._places(topic)]
        ends: Offsets = await self._consumer.end_offsets(places)
        return ends

    async def behind(self, group: str, ends: Offsets) -> Offsets:
        """Where the group stands in the partitions that it has not read to the end."""
        committed = await self._admin.list_consumer_group_offsets(group, partitions=list(ends))
        stands = {place: max(0, committed[place].offset) if place in committed else 0 for place in ends}
        return {place: at for place, at in stands.items() if at < ends[place]}

    async def timestamps(self, stands: Offsets, ends: Offsets) -> list[int]:
        """The timestamps of the records at these positions; none where only markers are left before the end."""
        firsts = await self._consumer.beginning_offsets(list(stands))
        spans = {place: Span(max(firsts[place], offset), ends[place]) for place, offset in stands.items()}
        found = await peek(self._consumer, spans, 1)
        return [record.timestamp_us for records in found.values() for record in records]

    async def newest(self, upstream: Sequence[Upstream]) -> int | None:
        """The largest timestamp near the end of any partition of these topics.

        Near: of the last 64 records, so that a late one at the very end does not hide the others.
        """
        ends = await self.ends([topic for one in upstream for topic in one.topics])
        moved = {place: end for place, end in ends.items() if self._newest.get(place, (None, None))[0] != end}
        for place, records in (await self._tails(moved, _TAIL_RECORDS)).items():
            _, known = self._newest.get(place, (0, None))
            latest = max((record.timestamp_us for record in records), default=None)
            self._newest[place] = (ends[place], _latest(latest, known))
        return max((newest for _, newest in self._newest.values() if newest is not None), default=None)

    async def last_tick(self, topic: str) -> int | None:
        """The last T near the ends of the topic; None when none of the last 65,536 records of a partition is a tick.

        A tick comes every second, so there is one unless the clock never ran.
        """
        ends = await self.ends([topic])
        for count in _LOOK_BACK:
            tails = await self._tails(ends, count)
            ticks = [tick for records in tails.values() for tick in map(tick_of, records) if tick is not None]
            if ticks:
                return max(ticks)
        return None

    async def _tails(self, ends: Offsets, count: int) -> dict[TopicPartition, list[Record]]:
        """The last `count` records before these ends."""
        firsts = await self._consumer.beginning_offsets(list(ends)) if ends else {}
        spans = {place: Span(max(firsts[place], end - count), end) for place, end in ends.items()}
        return await peek(self._consumer, spans, count)

    def _places(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for partition in range(self._topics[topic])]


@asynccontextmanager
async def gauge(broker: Broker, topics: Mapping[str, int]) -> AsyncIterator[Gauge]:
    """A gauge over these topics (with the number of their partitions) and its clients, closed at the end.

    It sees what is not yet committed, too: a program's offset becomes visible a moment before the records of the same
    transaction do, and what the next program has not been able to read yet must hold T.
    """
    places = [(topic, partition) for topic, total in topics.items() for partition in range(total)]
    admin = AIOKafkaAdminClient(**broker.client_options(), request_timeout_ms=ANSWER_MS)
    try:
        await admin.start()
        async with reader(broker, places, _PROBE_BYTES, _PROBE_WAIT_MS, "read_uncommitted") as consumer:
            yield Gauge(consumer, admin, topics)
    finally:
        await admin.close()


def tick_of(record: Record) -> int | None:
    """The T that the record says, if the clock wrote it."""
    for name, value in record.headers:
        if name == CLOCK_HEADER and value.isdigit():
            return int(value)
    return None
