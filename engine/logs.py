"""Reading the log of one partition as it is stored: keys and values, without a consumer and an object per record.

Measured: a consumer of aiokafka makes an object of eleven fields for each record and takes a multiple of the time; a
state of a million keys is read by every worker that gets its partition.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from aiokafka.errors import CorruptRecordException, KafkaError, NodeNotReadyError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.offset import OffsetRequest
from aiokafka.record.memory_records import MemoryRecords

from engine.link import Line, Link
from engine.tail import Span

FETCH_BYTES = 8 * 1024 * 1024
"""Asked for at a time: the time to decode it, some ten milliseconds, is what other lanes wait for meanwhile."""

FETCH_WAIT_MS = 100
READ_COMMITTED = 1
_EARLIEST, _LATEST = -2, -1
_ABORT = b"\x00\x00\x00\x00"
"""The key of a control record: version 0, type 0, which ends a transaction that came to nothing."""

Pairs = list[tuple[bytes, bytes | None]]


class Chunk(NamedTuple):
    """Keys with their values in the order of the log, and the offset at which reading goes on."""

    pairs: Pairs
    next_offset: int


class _Stored(NamedTuple):
    """What one fetch brought: record batches in order, and the transactions among them that came to nothing."""

    batches: Sequence[Any]
    aborted: Sequence[tuple[int, int]]
    next_offset: int


async def span_of(link: Link, topic: str, partition: int) -> Span:
    """What the partition holds now, up to the end of what transactions have committed. Raises `KafkaError`."""
    first = await _offset(link, topic, partition, _EARLIEST)
    return Span(first, await _offset(link, topic, partition, _LATEST))


async def read_pairs(link: Link, topic: str, partition: int, span: Span) -> AsyncIterator[Chunk]:
    """The span's keys and values, committed ones only; records without a key are left out. Raises `KafkaError`.

    The next fetch is under way while a chunk is decoded. The last chunk may reach beyond the span's end.
    """
    position = span.first
    if position >= span.end:
        return
    fetching = asyncio.create_task(_fetch(link, topic, partition, position))
    try:
        while True:
            stored = await fetching
            begins, position = position, stored.next_offset
            if position < span.end:
                fetching = asyncio.create_task(_fetch(link, topic, partition, position))
            yield Chunk(_decode(stored, begins), position)
            if position >= span.end:
                return
    finally:
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)


async def _offset(link: Link, topic: str, partition: int, which: int) -> int:
    request = OffsetRequest(-1, READ_COMMITTED, [(topic, [(partition, which)])])
    answer = await _ask(link, topic, partition, request, lambda one: one.topics[0][1][0][1])
    return int(answer.topics[0][1][0][3])


async def _fetch(link: Link, topic: str, partition: int, offset: int) -> _Stored:
    request = FetchRequest(FETCH_WAIT_MS, 1, FETCH_BYTES, READ_COMMITTED, [(topic, [(partition, offset, FETCH_BYTES)])])
    answer = await _ask(link, topic, partition, request, lambda one: one.topics[0][1][0][1])
    _, _, _, *rest = answer.topics[0][1][0]
    data, aborted = rest[-1], next((one for one in rest if isinstance(one, list)), None)
    found = MemoryRecords(data)
    batches = []
    while found.has_next():
        batches.append(found.next_batch())
    next_offset = batches[-1].next_offset if batches else offset
    return _Stored(batches, sorted(aborted or (), key=lambda one: one[1]), next_offset)


async def _ask(link: Link, topic: str, partition: int, request: object, code_of: Any) -> Any:  # noqa: ANN401  # aiokafka's answers have no type
    """Ask who leads the partition, again where waiting may mend it."""
    patience = link.patience("load")
    while True:
        node = await link.leader(topic, partition)
        try:
            answer = await link.send(node, request, Line.LOADING)
            code = code_of(answer)
        except (NodeNotReadyError, KafkaError) as error:
            if not error.retriable:
                raise
            await patience.pause(repr(error))
            continue
        if code == 0:
            return answer
        if not for_code(code).retriable:
            msg = f"reading {topic}[{partition}]"
            raise for_code(code)(msg)
        await patience.pause(for_code(code).__name__)


def _decode(stored: _Stored, begins: int) -> Pairs:
    """The committed pairs at `begins` and after it."""
    pairs: Pairs = []
    starting = deque(stored.aborted)
    aborted: set[int] = set()
    for batch in stored.batches:
        if not batch.validate_crc():
            msg = f"a record batch at offset {batch.base_offset} is damaged"
            raise CorruptRecordException(msg)
        while starting and starting[0][1] <= batch.base_offset:
            aborted.add(starting.popleft()[0])
        if batch.is_control_batch:
            if any(bytes(record.key[:4]) == _ABORT for record in batch if record.key):
                aborted.discard(batch.producer_id)
        elif not (batch.is_transactional and batch.producer_id in aborted):
            first = begins if batch.base_offset < begins else 0  # only the first batch may begin before what was asked
            pairs += [(one.key, one.value) for one in batch if one.offset >= first and one.key is not None]
    return pairs
