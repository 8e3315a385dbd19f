"""Puts simulated records on the raw topics as a connector would, at a pace, and says how far it is."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidTimestampError, KafkaError, MessageSizeTooLargeError

from engine.clock import CLOCK_HEADER
from engine.settings import MAX_MESSAGE_BYTES, Broker
from signals.simulate import Emitted
from topics.catalog import DEAL_EVENTS, RAW_PREFIX
from topics.instants import DAY_US

CHUNK = 200
"""Records that are on their way together: a few hours of the simulated CRM."""
AHEAD_US = 2 * DAY_US
"""How far the records may run ahead of the clock. A minute of a run is weeks of the CRM, so a stall of seconds would
make records later than the lateness horizon of three days, which takes three days where the CRM is a real one."""
ANY = sys.maxsize
LAST_OF_MS_US = 999
"""T is one of the broker's timestamps, which are in milliseconds."""
PAUSE_S = 0.5
LOOK_S = 0.02
BATCH_BYTES = 512 * 1024
REQUEST_MS = 5_000

_REFUSED = (InvalidTimestampError, MessageSizeTooLargeError)


class Feed:
    """`with Feed(broker, records, rate):` feeds on a thread of its own; `rate` in records a second, 0 for no limit.

    The records come in the order of their timestamps. `ahead`: so many may be newer than the clock's T.
    """

    def __init__(self, broker: Broker, records: Sequence[Emitted], rate: float = 0, ahead: int = ANY) -> None:
        self.sent = 0
        self.failure: BaseException | None = None
        self._broker, self._records, self._rate, self._ahead = broker, records, rate, ahead
        self._times_us = [one.record.timestamp_us for one in records]
        self._count = len(records)
        self._producer: AIOKafkaProducer | None = None
        self._tick_us = self._times_us[0]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed")

    @property
    def share(self) -> float:
        """Which share of the records is acknowledged."""
        return self.sent / self._count

    @property
    def done(self) -> bool:
        """Whether all is sent. Raises what ended it early."""
        if self.failure is not None:
            raise self.failure
        return self.sent == self._count

    @property
    def newest_us(self) -> int:
        """The largest timestamp of all records, in the broker's milliseconds."""
        return self._times_us[self._count - 1] // 1000 * 1000

    def enough(self, count: int) -> None:
        """Send up to `count` records as fast as it goes, no more than are on their way where it is past that."""
        self._rate = 0.0
        self._count = min(self._count, max(count, self.sent + CHUNK))

    def wait(self, patience_s: float) -> None:
        """Return when all is sent. Raises TimeoutError when nothing was for `patience_s`."""
        while self._thread.is_alive():
            before = self.sent
            self._thread.join(patience_s)
            if self._thread.is_alive() and self.sent == before:
                break
        if not self.done:
            message = f"{self.sent} of {self._count} records sent, and none for {patience_s:.0f} s"
            raise TimeoutError(message)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop, also in the middle."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._feed())
        except Exception as error:  # noqa: BLE001  # raised where the line asks how far it is
            self.failure = error

    async def _feed(self) -> None:
        watching = asyncio.create_task(self._watch_clock())
        began = time.monotonic()
        try:
            while self.sent < self._count:
                await self._pace(began)
                until = min(await self._may_go(), self.sent + CHUNK, self._count)
                chunk = self._records[self.sent : until]
                if not chunk or not await self._sent_at_last(chunk):
                    return
                self.sent += len(chunk)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            await self._disconnect()

    async def _pace(self, began: float) -> None:
        """Wait until the next chunk is due."""
        while (rate := self._rate) and (pause := began + self.sent / rate - time.monotonic()) > 0:  # noqa: ASYNC110  # set by another thread
            await asyncio.sleep(min(pause, PAUSE_S))

    async def _may_go(self) -> int:
        """Wait until more records may go; how many may have gone then. No more than had when told to stop."""
        while (may := near(self._times_us, self._tick_us, self._ahead)) <= self.sent and not self._over.is_set():  # noqa: ASYNC110  # set by another thread
            await asyncio.sleep(LOOK_S)
        return self.sent if self._over.is_set() else may

    async def _sent_at_last(self, records: Sequence[Emitted]) -> bool:
        """Send until the broker has it all; False when told to stop."""
        while not await self._sent(records):
            if self._over.is_set():
                return False
            await asyncio.sleep(PAUSE_S)
        return True

    async def _watch_clock(self) -> None:
        """Keep T, as it stands in deal.events."""
        while True:
            with suppress(KafkaError):
                await self._follow_clock()
            await asyncio.sleep(PAUSE_S)

    async def _follow_clock(self) -> None:
        consumer = AIOKafkaConsumer(
            **self._broker.client_options(),
            group_id=None,
            auto_offset_reset="latest",
            isolation_level="read_committed",
            request_timeout_ms=REQUEST_MS,
        )
        try:
            await consumer.start()
            consumer.assign([TopicPartition(DEAL_EVENTS, 0)])
            async for record in consumer:
                ticks = [int(value) for name, value in record.headers if name == CLOCK_HEADER]
                self._tick_us = max([self._tick_us, *ticks])
        finally:
            await consumer.stop()

    async def _sent(self, records: Sequence[Emitted]) -> bool:
        """Send; False when the broker did not take it: what it took already will stand there twice, as from a CRM."""
        try:
            producer = self._producer or await self._connect()
            futures = [await producer.send(RAW_PREFIX + one.source, **_fields(one)) for one in records]
            await asyncio.gather(*futures)
        except _REFUSED:
            raise
        except KafkaError:
            await self._disconnect()
            return False
        return True

    async def _connect(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._broker.client_options(),
            acks="all",
            enable_idempotence=True,
            max_request_size=MAX_MESSAGE_BYTES,
            max_batch_size=BATCH_BYTES,
            request_timeout_ms=REQUEST_MS,
        )
        try:
            await producer.start()
        except KafkaError:
            await producer.stop()
            raise
        self._producer = producer
        return producer

    async def _disconnect(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(KafkaError):
                await producer.stop()


def near(times_us: Sequence[int], tick_us: int, ahead: int) -> int:
    """How many of the records with these times, in order, are near enough to the clock; one at least is newer."""
    passed = bisect_right(times_us, tick_us + LAST_OF_MS_US)
    return max(passed + 1, min(bisect_right(times_us, tick_us + AHEAD_US), passed + ahead))


def _fields(one: Emitted) -> dict[str, Any]:
    record = one.record
    return {
        "key": record.key,
        "value": record.value,
        "headers": [(name, value or b"") for name, value in record.headers],
        "timestamp_ms": record.timestamp_us // 1000,
    }
