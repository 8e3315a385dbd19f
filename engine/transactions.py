"""Transactions: what one lane writes becomes visible all at once, and only while nobody has taken over from it.

The protocol of Kafka's transactional producer, one step per method: `take_over` (a new epoch of the name: whoever had
the older one can write nothing more, and what it left open is ended), `write` (records and offsets), `commit`.

Nothing that may have reached the broker is sent twice. Where an answer is missing, or says that the broker knows this
producer no more, `Lost` is raised and the caller takes over anew, reads what is committed, and does the batch again.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka.errors import KafkaError, NodeNotReadyError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import (
    AddOffsetsToTxnRequest,
    AddPartitionsToTxnRequest,
    EndTxnRequest,
    InitProducerIdRequest,
    TxnOffsetCommitRequest,
)

from engine.link import REQUEST_TIMEOUT_MS, Line, Link, Place
from engine.packing import MAX_SEQUENCE, Packed, Row, Stamp, pack
from engine.records import Extent

log = structlog.get_logger(__name__)

TIMEOUT_MS = 10_000
"""After it the broker ends an open transaction by itself (design, law 7): readers wait no longer for a dead worker."""

ABANDON_S = 1.0
"""How long a transaction that is given up may take to be ended; else the broker does it, or who takes over."""

ALL_REPLICAS = -1

# error codes of Kafka's protocol
_FENCED = frozenset({47, 90})  # INVALID_PRODUCER_EPOCH, PRODUCER_FENCED
_FORGOTTEN = frozenset({45, 48, 49, 59})  # OUT_OF_ORDER_SEQUENCE, INVALID_TXN_STATE, _PRODUCER_ID_MAPPING, UNKNOWN_PID
_BUSY = frozenset({51})  # CONCURRENT_TRANSACTIONS
_DUPLICATE = 46  # DUPLICATE_SEQUENCE_NUMBER: the broker has the batch
_NOT_ATTEMPTED = 55  # OPERATION_NOT_ATTEMPTED: another partition of the request was refused


class Lost(Exception):  # noqa: N818  # a state of the world rather than a fault
    """It is not known, or not so, that the broker still takes this transaction; nothing more may be written in it."""


class Fenced(Lost):
    """Somebody took over, or the broker ended a transaction that was open for too long."""


class Transaction:
    """The producer of one name, and its one transaction at a time. Not to be used by two tasks at once."""

    def __init__(self, link: Link, name: str, group: str, max_batch_bytes: int) -> None:
        self.name = name
        self._link = link
        self._group = group
        self._max_batch_bytes = max_batch_bytes
        self._way = link.next_way()
        self._producer = -1
        self._epoch = -1
        self._sequences: dict[Place, int] = defaultdict(int)
        self._open = False

    async def take_over(self) -> None:
        """Be the only one of this name. On return everything that an older one left is committed or gone, markers too.

        Raises `KafkaError` for what waiting cannot mend.
        """
        request = InitProducerIdRequest(self.name, TIMEOUT_MS)
        patience = self._link.patience("take_over")
        while True:
            try:
                answer = await self._ask("take_over", self._coordinator, request, lambda one: [one.error_code])
            except Lost as lost:  # somebody else takes over in this very moment, or the answer got lost: ask again
                await patience.pause(str(lost))
            else:
                break
        self._producer, self._epoch = answer.producer_id, answer.producer_epoch
        self._sequences.clear()
        self._open = False

    async def write(self, rows: Mapping[Place, Sequence[Row]], offsets: Mapping[Place, int]) -> dict[Place, Extent]:
        """Write rows and offsets, visible only after `commit`; where the rows stand.

        Raises `Lost`, and `KafkaError` for what the broker refuses.
        """
        self._open = True
        if rows:
            await self._add_partitions(list(rows))
        if offsets:
            await self._add_group()
        # not beside the additions: while one is under way the broker takes no records of the transaction
        async with asyncio.TaskGroup() as group:
            produced = group.create_task(_kept(self._produce(rows)))
            committed = group.create_task(_kept(self._write_offsets(offsets)))
        for outcome in (produced.result(), committed.result()):
            if isinstance(outcome, Exception):
                raise outcome
        extents = produced.result()
        assert isinstance(extents, dict)  # noqa: S101  # for mypy: the other kind was raised
        return extents

    async def commit(self) -> None:
        """End the transaction: all of it is visible. Raises `Lost` where that cannot be known."""
        await self._end(commit=True)
        self._open = False

    async def abandon(self) -> None:
        """End the transaction: none of it will ever be seen. Raises nothing: what this cannot, who takes over does."""
        if not self._open:
            return
        self._open = False
        try:
            async with asyncio.timeout(ABANDON_S):
                await self._end(commit=False)
        except (Lost, KafkaError, TimeoutError) as error:
            log.info("transaction left to the broker to end", name=self.name, error=repr(error))

    async def _add_partitions(self, places: Sequence[Place]) -> None:
        by_topic: dict[str, list[int]] = defaultdict(list)
        for topic, partition in places:
            by_topic[topic].append(partition)
        request = AddPartitionsToTxnRequest(self.name, self._producer, self._epoch, list(by_topic.items()))
        await self._ask("add_partitions", self._coordinator, request, _codes)

    async def _add_group(self) -> None:
        request = AddOffsetsToTxnRequest(self.name, self._producer, self._epoch, self._group)
        await self._ask("add_offsets", self._coordinator, request, lambda one: [one.error_code])

    async def _write_offsets(self, offsets: Mapping[Place, int]) -> None:
        if not offsets:
            return
        by_topic: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for (topic, partition), offset in offsets.items():
            by_topic[topic].append((partition, offset, ""))
        request = TxnOffsetCommitRequest(self.name, self._group, self._producer, self._epoch, list(by_topic.items()))
        await self._ask("offsets", lambda: self._link.group_coordinator(self._group), request, _codes)

    async def _produce(self, rows: Mapping[Place, Sequence[Row]]) -> dict[Place, Extent]:
        waiting = {place: self._pack(place, some) for place, some in rows.items() if some}
        extents: dict[Place, Extent] = {}
        while waiting:
            heads = {place: batches[0] for place, batches in waiting.items()}
            for place, extent in (await self._produce_each(heads)).items():
                extents[place] = Extent(extents[place].first, extent.end) if place in extents else extent
                waiting[place] = waiting[place][1:]
            waiting = {place: batches for place, batches in waiting.items() if batches}
        return extents

    def _pack(self, place: Place, rows: Sequence[Row]) -> list[Packed]:
        stamp = Stamp(self._producer, self._epoch, self._sequences[place])
        self._sequences[place] = (stamp.sequence + len(rows)) % MAX_SEQUENCE
        return pack(rows, stamp, self._max_batch_bytes)

    async def _produce_each(self, batches: Mapping[Place, Packed]) -> dict[Place, Extent]:
        """One batch per partition, until each is acknowledged; one request per leader."""
        extents: dict[Place, Extent] = {}
        left = dict(batches)
        patience = self._link.patience("produce")
        while left:
            by_node: dict[int, dict[Place, Packed]] = defaultdict(dict)
            for place, batch in left.items():
                by_node[await self._link.leader(*place)][place] = batch
            answers = await asyncio.gather(*(self._produce_at(node, some) for node, some in by_node.items()))
            for answer in answers:
                extents |= answer
            left = {place: batch for place, batch in left.items() if place not in extents}
            if left:
                await patience.pause(f"not taken yet: {sorted(left)}")
        return extents

    async def _produce_at(self, node: int, batches: Mapping[Place, Packed]) -> dict[Place, Extent]:
        """What the node acknowledged; what it could not take now is missing."""
        by_topic: dict[str, list[tuple[int, bytearray]]] = defaultdict(list)
        for (topic, partition), batch in batches.items():
            by_topic[topic].append((partition, batch.data))
        request = ProduceRequest(self.name, ALL_REPLICAS, REQUEST_TIMEOUT_MS, list(by_topic.items()))
        try:
            answer = await self._link.send(node, request, Line.WRITING, self._way)
        except NodeNotReadyError:
            return {}
        except KafkaError as error:
            msg = f"no answer to a write: {error!r}"
            raise Lost(msg) from error
        extents: dict[Place, Extent] = {}
        for topic, partitions in answer.topics:
            for partition, code, offset, *_ in partitions:
                if code in (0, _DUPLICATE):
                    extents[topic, partition] = Extent(offset, offset + batches[topic, partition].records)
                else:
                    _raise_unless_passing(code, f"write to {topic}[{partition}]")
        return extents

    async def _end(self, *, commit: bool) -> None:
        request = EndTxnRequest(self.name, self._producer, self._epoch, commit)
        await self._ask("end", self._coordinator, request, lambda one: [one.error_code])

    async def _coordinator(self) -> int:
        return await self._link.transaction_coordinator(self.name)

    async def _ask(
        self,
        what: str,
        find: Callable[[], Awaitable[int]],
        request: object,
        codes: Callable[[Any], Sequence[int]],
    ) -> Any:  # noqa: ANN401  # aiokafka's answers have no type
        """Ask until the answer is yes. Raises `Lost` or `KafkaError` when it is no, or when there is no answer."""
        patience = self._link.patience(what)
        while True:
            node = await find()
            try:
                answer = await self._link.send(node, request, Line.COORDINATING, self._way)
            except NodeNotReadyError as error:  # it was not sent
                await patience.pause(repr(error))
                continue
            except KafkaError as error:
                msg = f"no answer to {what}: {error!r}"
                raise Lost(msg) from error
            refusals = [code for code in codes(answer) if code not in (0, _NOT_ATTEMPTED)]
            if not refusals:
                return answer
            for code in refusals:
                _raise_unless_passing(code, what)
            await patience.pause(for_code(refusals[0]).__name__)


def _raise_unless_passing(code: int, what: str) -> None:
    """Raise what the code means, unless asking again may mend it."""
    if code in _FENCED:
        msg = f"fenced: {what}"
        raise Fenced(msg)
    if code in _FORGOTTEN:
        msg = f"{for_code(code).__name__}: {what}"
        raise Lost(msg)
    if code not in _BUSY and not for_code(code).retriable:
        raise for_code(code)(what)


def _codes(answer: Any) -> list[int]:  # noqa: ANN401  # as above
    return [code for _, partitions in answer.errors for _, code in partitions]


async def _kept(call: Awaitable[Any]) -> Any:  # noqa: ANN401  # whatever the call gives, or its error
    """The outcome of a call, its error as a value: the call beside it is let finish, so that nothing is under way."""
    try:
        return await call
    except (Lost, KafkaError) as error:
        return error
