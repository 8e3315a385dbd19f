"""The way of a body to its raw topic: one lane per partition, each taking all that waits when it is free.

So what comes in while the broker works goes out together, without a pause that would wait for more; and a partition
whose broker stands still holds up what its lane has taken, and nothing else. A post is done when all replicas have
acknowledged it. One that is not done in time is given up by who waits for it: it may still arrive, and its sender
sends it again, which readers know for a duplicate.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import NamedTuple

import structlog
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from engine.records import Headers, Output
from engine.writer import BatchWriter

#: Written at once at most, by records and by bytes: half of what the writer puts into one batch, so that it is one.
TAKE_RECORDS = 500
TAKE_BYTES = 256 * 1024
#: A write that is out for longer means that this partition's broker is away: no request is made to wait for it.
STALL_S = 2.0
#: While a topic is missing, or the broker refuses, it is looked at this often.
LOOK_S = 2.0

log = structlog.get_logger("intake")


class AwayError(Exception):
    """Nothing can be written now."""


class TooLargeError(Exception):
    """The topic does not take a record of this size."""


class _Post(NamedTuple):
    value: bytes
    headers: Headers
    done: asyncio.Future[None]


class Lanes:
    """All lanes of one topic. A post goes by whichever lane is free: the order among them is not kept."""

    def __init__(self, topic: str, now_s: Callable[[], float] = time.monotonic) -> None:
        self.topic = topic
        self._now_s = now_s
        self._waiting: deque[_Post] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._out_since: dict[int, float] = {}
        self._lanes = 0
        self._trouble: str | None = "the broker has not been reached yet"

    async def post(self, value: bytes, headers: Headers) -> None:
        """Return once the broker has acknowledged it.

        Raises AwayError at once where that cannot be soon, TooLargeError where it never can.
        """
        if self.stalled:
            raise AwayError
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Post(value, headers, done))
        self._call_one()
        await done

    @property
    def stalled(self) -> bool:
        """Whether no lane is free or can be expected to be soon."""
        if len(self._out_since) < self._lanes:
            return False
        return not self._lanes or self._now_s() - max(self._out_since.values()) > STALL_S

    def why_not(self) -> str | None:
        """Why posts are refused, in a few words; None where they are not."""
        if self._trouble is None and self.stalled:
            return f"the broker does not acknowledge what is written to {self.topic}"
        return self._trouble

    async def run(self, writer: BatchWriter) -> None:
        """Write for ever, into each partition that the topic has now; wait for it where it is not there yet."""
        partitions = await self._found(writer)
        lanes = [asyncio.create_task(self._lane(writer, number)) for number in range(partitions)]
        self._lanes, self._trouble = partitions, None
        try:
            await asyncio.gather(*lanes)
        finally:
            self._lanes, self._trouble = 0, "it is stopping"
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
            _fail(self._waiting, AwayError())

    async def _found(self, writer: BatchWriter) -> int:
        """How many partitions the topic has. Asked for only where it exists: asking might make it."""
        while True:
            known = await writer.known_topics(LOOK_S)
            if known is not None and self.topic in known:
                return await writer.partitions(self.topic)
            self._trouble = "the broker does not answer" if known is None else f"missing: {self.topic}"
            await asyncio.sleep(LOOK_S)

    async def _lane(self, writer: BatchWriter, partition: int) -> None:
        while True:
            taken = self._take()
            if taken:
                await self._carry(writer, partition, taken)
            else:
                called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._idle.append(called)
                await called

    def _call_one(self) -> None:
        if self._idle:
            called = self._idle.popleft()
            if not called.done():  # a lane that was cancelled no longer waits
                called.set_result(None)

    def _take(self) -> list[_Post]:
        """What waits, up to a batch's worth, less what nobody waits for any more."""
        taken: list[_Post] = []
        size = 0
        while self._waiting and len(taken) < TAKE_RECORDS and size < TAKE_BYTES:
            post = self._waiting.popleft()
            if not post.done.done():
                taken.append(post)
                size += len(post.value)
        return taken

    async def _carry(self, writer: BatchWriter, partition: int, posts: list[_Post]) -> None:
        """Write these and tell who waits for them. Retries, inside, for as long as that may help."""
        self._out_since[partition] = self._now_s()
        try:
            await writer.write([Output(self.topic, None, one.value, one.headers, None, partition) for one in posts])
        except MessageSizeTooLargeError:
            if len(posts) == 1:
                _fail(posts, TooLargeError())
            for post in posts if len(posts) > 1 else ():  # together they may be too large, alone perhaps only one is
                await self._carry(writer, partition, [post])
        except KafkaError as error:
            self._trouble = f"the broker refuses what is written to {self.topic}: {type(error).__name__}"
            log.warning("not written", topic=self.topic, partition=partition, why=repr(error))
            _fail(posts, AwayError())
            await asyncio.sleep(LOOK_S)
        except BaseException:
            _fail(posts, AwayError())
            raise
        else:
            self._trouble = None
            for post in posts:
                if not post.done.done():
                    post.done.set_result(None)
        finally:
            self._out_since.pop(partition, None)


def _fail(posts: Iterable[_Post], error: Exception) -> None:
    for post in posts:
        if not post.done.done():
            post.done.set_exception(error)
