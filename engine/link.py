"""A program's connections to the broker for all its transactions: who leads, who coordinates, ask and be answered.

aiokafka's transactional producer brings a client, connections and a task of its own each; a program needs one per
partition. Here they share aiokafka's client, and each `engine.transactions.Transaction` speaks for itself.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Collection, Mapping
from enum import Enum, auto
from typing import Any

import structlog
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError, NodeNotReadyError, RequestTimedOutError, for_code
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.coordination import FindCoordinatorRequest
from aiokafka.structs import TopicPartition

from engine.metrics import EngineMetrics
from engine.omitting import heed_omissions
from engine.settings import EngineSettings

log = structlog.get_logger(__name__)

REQUEST_TIMEOUT_MS = 6_000
"""How long an answer may take: less than the broker keeps a transaction open (`transactions.TIMEOUT_MS`)."""

SILENT_S = 8.0
"""How long a node that did not answer is left alone, when there are others: aiokafka makes one connection at a time,
and every partition would wait for it in turn."""

BUSY_PAUSES_S = (0.002, 0.002, 0.002, 0.003, 0.005)
"""Pauses before asking the same node again: after saying yes to a commit it takes some milliseconds to end it."""

PAUSES_S = (0.01, 0.02, 0.05, 0.1)
"""Pauses after that; who is asked may have changed."""

LONG_PAUSE_S = 0.2
"""Pause once it is more than that; each is counted."""

WARN_EVERY_S = 5.0

WAYS = 4
"""Connections of each line to a node, which answers what comes over one in turn: a transaction asks five times, so with
one for all of them the lanes of a program waited for each other most of their time."""

Place = tuple[str, int]


class Line(Enum):
    """Kinds of connections to a node: what may take long has its own, so that nothing else waits for it."""

    WRITING = auto()
    COORDINATING = auto()
    LOADING = auto()


class Link:
    """The broker as the transactions of one program see it. Waits for what is away for as long as the caller does."""

    def __init__(self, settings: EngineSettings, metrics: EngineMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._made: AIOKafkaClient | None = None
        self._coordinators: dict[tuple[int, str], int] = {}
        self._warned_s: dict[str, float] = {}
        self._silent_until_s: dict[int, float] = {}
        self._ways = itertools.cycle(range(WAYS))

    async def start(self) -> None:
        """Connect. Raises `KafkaError` when no broker answers."""
        self._made = AIOKafkaClient(
            **self._settings.broker.client_options(),
            client_id=self._settings.name,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=30_000,
        )
        heed_omissions(self._made)
        await self._made.bootstrap()

    async def stop(self) -> None:
        """Disconnect."""
        made, self._made = self._made, None
        if made is not None:
            await made.close()

    def next_way(self) -> int:
        """The connections that the next transaction uses: all in turn."""
        return next(self._ways)

    async def send(self, node: int, request: object, line: Line = Line.WRITING, way: int = 0) -> Any:  # noqa: ANN401  # aiokafka's answers have no type
        """Ask a node, over one of the line's connections.

        Raises `NodeNotReadyError` where nothing was sent; any other `KafkaError` leaves that open.
        """
        if self._silent(node):
            msg = f"node {node} did not answer a moment ago"
            raise NodeNotReadyError(msg)
        asked_s = time.monotonic()
        try:
            return await self._client.send(node, request, group=(line, way))
        except (NodeNotReadyError, RequestTimedOutError):
            frozen = time.monotonic() - asked_s > REQUEST_TIMEOUT_MS / 2000
            if frozen and len(self._client.cluster.brokers()) > 1:
                self._silent_until_s[node] = time.monotonic() + SILENT_S
            raise

    async def leader(self, topic: str, partition: int) -> int:
        """The node that leads a partition; waits until there is one."""
        await self.partitions(topic)
        patience = self.patience("leader")
        while (node := self._client.cluster.leader_for_partition(TopicPartition(topic, partition))) in (None, -1):
            await patience.pause(f"{topic}[{partition}] has no leader")
            await self._client.force_metadata_update()
        return int(node)

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has; waits until it exists."""
        patience = self.patience("metadata")
        while (found := self._client.cluster.partitions_for_topic(topic)) is None:
            self._client.add_topic(topic)
            await self._client.force_metadata_update()
            if self._client.cluster.partitions_for_topic(topic) is None:
                await patience.pause(f"topic {topic} is not there")
        return len(found)

    async def transaction_coordinator(self, name: str) -> int:
        """The node that keeps the transactions of this name."""
        return await self._coordinator(CoordinationType.TRANSACTION, name)

    async def group_coordinator(self, group: str) -> int:
        """The node that keeps the offsets of this group."""
        return await self._coordinator(CoordinationType.GROUP, group)

    def forget_coordinators(self) -> None:
        """They moved or do not answer: look for them again."""
        self._coordinators.clear()

    async def committed(self, group: str, places: Collection[Place]) -> Mapping[Place, int | None]:
        """The group's committed offsets; None where it has none. Raises `KafkaError` for what waiting cannot mend."""
        by_topic: dict[str, list[int]] = {}
        for topic, partition in places:
            by_topic.setdefault(topic, []).append(partition)
        patience = self.patience("offsets")
        while True:
            node = await self.group_coordinator(group)
            try:
                answer = await self.send(node, OffsetFetchRequest(group, list(by_topic.items())), Line.COORDINATING)
                return _offsets(answer)
            except KafkaError as error:
                if not error.retriable:
                    raise
                await patience.pause(repr(error))

    def patience(self, what: str) -> Patience:
        """For asking one thing until it is answered."""
        return Patience(self, what)

    async def waited(self, what: str, reason: str, seconds: float) -> None:
        """It takes long: count and say it, and learn anew who leads and who coordinates."""
        self._metrics.retries.labels(self._settings.name, what).inc()
        if seconds - self._warned_s.get(what, -WARN_EVERY_S) >= WARN_EVERY_S:
            self._warned_s[what] = seconds
            log.warning("the broker does not do it yet, asking again", what=what, reason=reason)
        self.forget_coordinators()
        await self._client.force_metadata_update()

    @property
    def _client(self) -> AIOKafkaClient:
        if self._made is None:
            msg = "the program is not connected"
            raise NodeNotReadyError(msg)
        return self._made

    async def _coordinator(self, kind: int, key: str) -> int:
        patience = self.patience("coordinator")
        while (kind, key) not in self._coordinators:
            try:
                self._coordinators[kind, key] = await self._find(kind, key)
            except KafkaError as error:
                if not error.retriable:
                    raise
                await patience.pause(repr(error))
        return self._coordinators[kind, key]

    async def _find(self, kind: int, key: str) -> int:
        """Ask any node that answers; aiokafka's own lookup may ask a frozen one time and again."""
        nodes = [broker.nodeId for broker in self._client.cluster.brokers()]
        if not nodes:
            msg = "no broker is known yet"
            raise NodeNotReadyError(msg)
        node = random.choice([one for one in nodes if not self._silent(one)] or nodes)  # noqa: S311  # nothing is secret
        answer = await self.send(node, FindCoordinatorRequest(key, kind))
        if answer.error_code:
            raise for_code(answer.error_code)
        return int(answer.coordinator_id)

    def _silent(self, node: int) -> bool:
        return time.monotonic() < self._silent_until_s.get(node, 0.0)


class Patience:
    """Pauses between asking for one thing: short at first, then long and counted."""

    def __init__(self, link: Link, what: str) -> None:
        self._link = link
        self._what = what
        self._times = 0

    async def pause(self, reason: str) -> None:
        """Before asking again."""
        pauses = BUSY_PAUSES_S + PAUSES_S
        turn, self._times = self._times, self._times + 1
        if turn >= len(BUSY_PAUSES_S):
            self._link.forget_coordinators()
        if turn < len(pauses):
            await asyncio.sleep(pauses[turn])
            return
        await asyncio.sleep(LONG_PAUSE_S)
        await self._link.waited(self._what, reason, time.monotonic())


def _offsets(answer: Any) -> dict[Place, int | None]:  # noqa: ANN401  # as above
    """Offsets by place. Raises the `KafkaError` that the answer holds."""
    found: dict[Place, int | None] = {}
    for topic, partitions in answer.topics:
        for partition, offset, _, code in partitions:
            if code:
                raise for_code(code)
            found[topic, partition] = None if offset < 0 else offset
    if getattr(answer, "error_code", 0):
        raise for_code(answer.error_code)
    return found
