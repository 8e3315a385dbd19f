"""What a courier lives in under test: a store that can lose its process, a world whose clock stands still."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial

from prometheus_client import CollectorRegistry

from alerts.compose import compose
from alerts.courier import World
from alerts.metrics import Metrics
from alerts.pacing import Pacing
from alerts.retry import Patience
from alerts.values import Delivery
from alerts.voice import Voice
from engine.records import Batch, Record
from playbook.model import Playbook
from tests.golden.messages.samples import PLAYBOOK
from topics.catalog import ALERT_OUTBOX
from topics.codec import encode
from topics.instants import parse_rfc3339

QUICK = Patience(backoff_s=(0.01, 0.02), barred_s=0.02, look_after_s=(0.0, 0.02), attempts=5)
NOW_US = parse_rfc3339("2026-11-04T09:30:05Z")


def hurried() -> Pacing:
    """A pace that takes no time: its seconds pass by waiting for them."""
    now_s = [0.0]

    async def wait(seconds: float) -> None:
        now_s[0] += seconds
        await asyncio.sleep(0)

    return Pacing(lambda: now_s[0], wait)


class Crash(Exception):  # noqa: N818 - it is what happens, not an error to handle
    """The process is gone."""


class DictStore:
    """A `Store`. `crash_at`: the flush at which the process dies, counted from 1; `after` the broker had the puts."""

    def __init__(self, durable: dict[bytes, bytes] | None = None) -> None:
        self.durable = {} if durable is None else dict(durable)
        self._visible = dict(self.durable)
        self.flushes = 0
        self.crash_at = 0
        self.crash_after = True

    def get(self, key: bytes) -> bytes | None:
        """What is visible."""
        return self._visible.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Visible at once."""
        if value is None:
            self._visible.pop(key, None)
        else:
            self._visible[key] = value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """What is visible."""
        return iter(self._visible.items())

    async def flush(self) -> None:
        """Durable after this, unless the process dies here."""
        await asyncio.sleep(0)
        self.flushes += 1
        if self.flushes == self.crash_at and not self.crash_after:
            raise Crash
        self.commit()
        if self.flushes == self.crash_at:
            raise Crash

    def commit(self) -> None:
        """What is visible becomes durable."""
        self.durable = dict(self._visible)


def batch(topic: str, values: list[bytes], now_us: int = NOW_US, partition: int = 0) -> Batch:
    """Records of one partition, all of one instant."""
    records = (Record(topic, partition, offset, now_us, b"k", value) for offset, value in enumerate(values))
    return Batch(topic, partition, tuple(records))


def deliveries(*items: Delivery) -> Batch:
    """A batch of `alert.outbox`."""
    return batch(ALERT_OUTBOX, [encode(each) for each in items])


def world(voice: Voice, playbook: Playbook = PLAYBOOK, patience: Patience = QUICK, now_us: int = NOW_US) -> World:
    """A courier's world with a clock that stands still."""
    return World(
        voice=voice,
        compose=partial(compose, playbook),
        metrics=Metrics(CollectorRegistry()),
        now_us=lambda: now_us,
        sleep=asyncio.sleep,
        fallback=playbook.fallback_channel,
        patience=patience,
    )
