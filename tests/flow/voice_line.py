"""The whole voice without a broker: route, fan-out, policy and send joined by lists, with a clock that the test moves.

A store here tells apart what is visible from what is durable, as the engine's does: a crash leaves the durable part.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from functools import partial

from prometheus_client import CollectorRegistry

from alerts.courier import World
from alerts.message import message
from alerts.metrics import Metrics
from alerts.retry import Patience
from alerts.values import Decision, Delivery, decode_decision, decode_delivery
from alerts.voice import Voice
from engine.records import Batch, Output, Record
from playbook.load import Loaded, content_hash
from playbook.model import Playbook
from programs.notify import make_fanout, make_policy
from programs.published import Published
from programs.route import make_route
from programs.send import Send, make_send
from tests.golden.messages.samples import PLAYBOOK
from topics.catalog import ALERT_INBOX, ALERT_LOG, ALERT_OUTBOX, DEAL_SIGNALS
from topics.codec import encode
from topics.instants import parse_rfc3339
from topics.signals import Signal

QUICK = Patience(backoff_s=(0.01, 0.02), barred_s=0.02, look_after_s=(0.0, 0.02), attempts=5)
NOW_US = parse_rfc3339("2026-11-04T09:30:05Z")


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
        compose=lambda delivery, via: message(playbook, delivery.signal, via),
        metrics=Metrics(CollectorRegistry()),
        now_us=lambda: now_us,
        sleep=asyncio.sleep,
        fallback=playbook.fallback_channel,
        patience=patience,
    )


def at_once(outputs: Sequence[Output] | Awaitable[Sequence[Output]]) -> Sequence[Output]:
    """The answer to a batch that needs no waiting."""
    assert isinstance(outputs, Sequence)
    return outputs


class VoiceLine:
    """`tell(signals)` pushes a batch of `deal.signals` through everything; outputs are kept by topic."""

    def __init__(self, voice: Voice, playbook: Playbook = PLAYBOOK) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.world = world(voice, playbook)
        self.stores = {name: DictStore() for name in ("route", "fanout", "policy", "send")}
        self.outputs: list[Output] = []
        self.now_us = NOW_US
        published = Published(Loaded(playbook, content_hash(playbook)))
        self._route = partial(make_route, published, self.metrics)(0, self.stores["route"])
        self._fanout = partial(make_fanout, published, self.metrics)(0, self.stores["fanout"])
        self._policy = partial(make_policy, self.metrics)(0, self.stores["policy"])
        self.send: Send = partial(make_send, self.world)(0, self.stores["send"])

    async def tell(self, *signals: Signal) -> None:
        """One batch of transitions, through to the other side."""
        told = batch(DEAL_SIGNALS, [encode(each) for each in signals], self.now_us)
        self.outputs += at_once(self._route.process(told))
        inbox = self._through(at_once(self._fanout.process(told)), ALERT_INBOX)
        if not inbox:
            return
        outbox = self._through(self._policy.process(batch(ALERT_INBOX, inbox, self.now_us)), ALERT_OUTBOX)
        if outbox:
            self.outputs += await self.send.process(batch(ALERT_OUTBOX, outbox, self.now_us))

    def on(self, topic: str) -> list[Output]:
        """What went to a topic so far."""
        return [output for output in self.outputs if output.topic == topic]

    def log(self) -> list[Decision]:
        """`alert.log` so far."""
        return [decode_decision(output.value or b"") for output in self.on(ALERT_LOG)]

    def outbox(self) -> list[Delivery]:
        """`alert.outbox` so far."""
        return [decode_delivery(output.value or b"") for output in self.on(ALERT_OUTBOX)]

    def _through(self, outputs: object, topic: str) -> list[bytes]:
        new: list[Output] = list(outputs)  # type: ignore[call-overload]
        self.outputs += new
        return [output.value or b"" for output in new if output.topic == topic]
