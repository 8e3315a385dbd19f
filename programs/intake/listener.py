"""Connections: how many, how long each may take over a request's headers, and what is answered to what is no HTTP."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp import web

from programs.intake.answers import ANSWERS, Outcome, headers_of
from programs.intake.desk import Desk, response
from programs.intake.metrics import IntakeMetrics

#: Open at once at most. Beyond, a connection is told to come again and closed.
MAX_CONNECTIONS = 1_000
#: A connection that has not sent the headers of a (next) request by then is closed.
IDLE_S = 20.0
#: What is left of a body that was refused is read for so long, so that the sender sees the answer before the end.
LINGER_S = 1.0
#: Of a request line, and of one header.
MAX_LINE_BYTES = 8 * 1024
MAX_HEADERS = 64


class _Connection(web.RequestHandler):
    """One connection; what is malformed is answered and counted, without a word in the log per byte of noise."""

    __slots__ = ("_listener",)

    def __init__(self, listener: Listener, **options: Any) -> None:  # noqa: ANN401  # aiohttp's own
        super().__init__(listener, **options)
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take it, or turn it away where there are too many."""
        super().connection_made(transport)
        if len(self._listener.connections) > MAX_CONNECTIONS and isinstance(transport, asyncio.Transport):
            self._listener.turned_away()
            transport.write(_TURNED_AWAY)
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002  # aiohttp's signature
        status: int = 500,  # noqa: ARG002
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        """What is answered to what cannot be parsed; the connection is closed after it."""
        return self._listener.malformed()


class Listener(web.Server):
    """The HTTP server of the doors."""

    def __init__(self, desk: Desk, metrics: IntakeMetrics, idle_s: float = IDLE_S) -> None:
        super().__init__(desk.answer)
        self._desk, self._idle_s = desk, idle_s
        metrics.connections.set_function(lambda: len(self._connections))

    def __call__(self) -> web.RequestHandler:
        """A new connection."""
        return _Connection(
            self,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=self._idle_s,
            lingering_time=LINGER_S,
            access_log=None,
            auto_decompress=False,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
        )

    def turned_away(self) -> None:
        """Note that a connection was one too many."""
        self._desk.note(None, Outcome.FULL)

    def malformed(self) -> web.Response:
        """The answer to what is no request."""
        self._desk.note(None, Outcome.MALFORMED)
        answer = response(Outcome.MALFORMED)
        answer.force_close()
        return answer


def _raw(outcome: Outcome) -> bytes:
    """An answer for a connection on which nothing is read."""
    answer = ANSWERS[outcome]
    head = {**headers_of(outcome), "Content-Length": str(len(answer.words)), "Connection": "close"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"HTTP/1.1 {answer.status.value} {answer.status.phrase}\r\n{lines}\r\n{answer.words}".encode()


_TURNED_AWAY = _raw(Outcome.FULL)
