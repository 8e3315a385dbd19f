"""One request, from its headers to its answer. Always within the deadline, always with a named outcome.

In this order, so that what costs little rules out first: where it goes, how large it says it is, what its headers
prove; then its body, no more of it than is allowed; then the signature over it; then Kafka. 200 means that all
replicas have it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

import structlog
from aiohttp import hdrs, web
from aiohttp.streams import StreamReader

from programs.intake.answers import ANSWERS, Outcome, headers_of
from programs.intake.doors import METHOD, Door
from programs.intake.lanes import AwayError, Lanes, TooLargeError
from programs.intake.metrics import NOBODY, IntakeMetrics
from programs.lines import Sparing

#: HubSpot waits five seconds for an answer, from when it begins to send.
ANSWER_S = 4.0
#: A body that is not here by then leaves too little of the deadline for Kafka.
BODY_S = 2.5
#: All bodies that are held at once, read or on their way to Kafka. Beyond, senders are told to come again.
HELD_BYTES = 64 * 1024 * 1024
#: When a record came in, in milliseconds since the epoch: its own timestamp says so, too, but not once it is replayed.
RECEIVED_HEADER = "signals-received"

said = Sparing("intake")
log = structlog.get_logger("intake")


class _Refused(Exception):  # noqa: N818  # a state of a request rather than a fault
    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome


#: What is raised on the way, and what it means for the request.
_MEANING: dict[type[Exception], Outcome] = {
    TimeoutError: Outcome.UNANSWERED,
    AwayError: Outcome.AWAY,
    TooLargeError: Outcome.TOO_LARGE,
    web.RequestPayloadError: Outcome.HUNG_UP,
}


class Desk:
    """Answers requests. `lanes` by topic; `now_s` is the wall clock, which signatures are held against."""

    def __init__(
        self,
        doors: Mapping[str, Door],
        lanes: Mapping[str, Lanes],
        metrics: IntakeMetrics,
        max_body_bytes: int,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._doors, self._lanes, self._metrics = doors, lanes, metrics
        self._max_body_bytes = max_body_bytes
        self._now_s = now_s
        self._held = 0
        metrics.held_bytes.set_function(lambda: self._held)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a request. Raises nothing but its cancellation and a broken connection."""
        began = time.monotonic()
        path, mark, query = request.raw_path.partition("?")
        door = self._doors.get(path)
        try:
            outcome, words = await self._outcome(request, door, mark + query)
        except ConnectionError:
            self.note(door, Outcome.HUNG_UP)
            raise
        except Exception:  # whatever it is: the sender keeps what it has, and the reason stands in the log
            log.exception("a request failed", source=door.source if door else NOBODY)
            outcome, words = Outcome.FAILED, b""
        self.note(door, outcome)
        if outcome is Outcome.TAKEN and door is not None:
            self._metrics.took(door.source, time.monotonic() - began)
        return response(outcome, words, login=door is not None and door.login)

    def note(self, door: Door | None, outcome: Outcome) -> None:
        """Count an outcome; say it, where it is not the usual one."""
        source = door.source if door else NOBODY
        self._metrics.answered(source, outcome)
        if outcome is not Outcome.TAKEN:
            said.warning("not_taken", (source, outcome.value), source=source, outcome=outcome.value)

    async def _outcome(self, request: web.BaseRequest, door: Door | None, query: str) -> tuple[Outcome, bytes]:
        """What became of it, and what its taker has to say."""
        held = _Held(self)
        words = b""
        try:
            async with asyncio.timeout((door.within_s if door else None) or ANSWER_S):
                if door is None:
                    return Outcome.NO_SUCH_DOOR, b""
                body = await self._read(request, door, query, held)
                words = await self._hand_over(request, door, body)
        except _Refused as refused:
            return refused.outcome, b""
        except tuple(_MEANING) as error:
            return next(outcome for kind, outcome in _MEANING.items() if isinstance(error, kind)), b""
        finally:
            held.release()
        return Outcome.TAKEN, words

    async def _hand_over(self, request: web.BaseRequest, door: Door, body: bytes) -> bytes:
        if door.answers is not None:
            return await door.answers(body, request.headers.get(hdrs.CONTENT_TYPE, ""))
        await self._keep(door, body)
        return b""

    async def _read(self, request: web.BaseRequest, door: Door, query: str, held: _Held) -> bytes:
        """The body of a request that is to be believed. Raises `_Refused`."""
        if request.method != METHOD:
            raise _Refused(Outcome.NOT_POST)
        if request.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise _Refused(Outcome.ENCODED)
        if (request.content_length or 0) > self._max_body_bytes:
            raise _Refused(Outcome.TOO_LARGE)
        forged = door.guard.headers(request.headers, int(self._now_s() * 1000))
        if forged is None:
            lanes = self._lanes.get(door.topic)
            if lanes is not None and lanes.stalled:  # nothing is gained by reading what cannot be kept
                raise _Refused(Outcome.AWAY)
            await _go_on(request)
            body = await self._body(request.content, held)
            forged = door.guard.whole(request.headers, query, body)
        if forged is not None:
            raise _Refused(Outcome(forged.value))
        if not body:
            raise _Refused(Outcome.EMPTY)
        return body

    async def _body(self, content: StreamReader, held: _Held) -> bytes:
        """The body as it was sent, no more of it than is allowed. Raises `_Refused`."""
        if content.is_eof():  # it came with its headers, as nearly all do
            return self._counted([], content.read_nowait(), held)
        parts: list[bytes] = []
        try:
            async with asyncio.timeout(BODY_S):
                while part := await content.readany():
                    self._counted(parts, part, held)
        except TimeoutError:
            raise _Refused(Outcome.TOO_SLOW) from None
        return b"".join(parts)

    def _counted(self, parts: list[bytes], part: bytes, held: _Held) -> bytes:
        """Put another part to those that are held. Raises `_Refused` where it is too much."""
        held.take(len(part))
        if held.size > self._max_body_bytes:
            raise _Refused(Outcome.TOO_LARGE)
        parts.append(part)
        return part

    async def _keep(self, door: Door, body: bytes) -> None:
        """Return once Kafka has it. Raises AwayError, TooLargeError."""
        received = str(int(self._now_s() * 1000)).encode()
        await self._lanes[door.topic].post(body, ((RECEIVED_HEADER, received),))

    def hold(self, size: int) -> None:
        """Count bytes that are held from now on (or, negative, no longer)."""
        self._held += size

    @property
    def full(self) -> bool:
        """Whether no more may be held."""
        return self._held > HELD_BYTES


async def _go_on(request: web.BaseRequest) -> None:
    """Tell a sender that waits for it to send its body; what would be refused anyway has been by now."""
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


class _Held:
    """What one request holds of the room for bodies."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self.size = desk, 0

    def take(self, size: int) -> None:
        """Hold some more. Raises `_Refused` where there is no room."""
        if self._desk.full:
            raise _Refused(Outcome.FULL)
        self.size += size
        self._desk.hold(size)

    def release(self) -> None:
        """Hold nothing any more."""
        self._desk.hold(-self.size)
        self.size = 0


def response(outcome: Outcome, words: bytes = b"", *, login: bool = False) -> web.Response:
    """The answer as it goes out; `words` is JSON. A connection whose request was not read whole is closed after it."""
    answer = ANSWERS[outcome]
    return web.Response(
        status=answer.status,
        body=words or answer.words.encode(),
        headers=headers_of(outcome, login=login),
        content_type="application/json" if words else "text/plain",
    )
