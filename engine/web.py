"""One small HTTP server per program, on a thread of its own, so that it answers whatever the program does.

`/metrics`; `/healthz`: 200 while the program should go on, 503 when it should be started anew; `/readyz`: 200 while it
does its work, 503 and the reasons while it does not, and how many records of each topic wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TypeVar

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from engine.heart import Heart

log = structlog.get_logger(__name__)

ReadyCheck = Callable[[], str | None]
"""Why the program is not ready (or not healthy), in a few words; None when it is."""

READY_WAIT_S = 3.0
METRICS_WAIT_S = 8.0
"""How long an answer may wait for the program's loop: under Prometheus's own 10 s."""

CLOSE_S = 1.0
JOIN_S = 3.0

T = TypeVar("T")


def reasons(checks: Mapping[str, ReadyCheck]) -> dict[str, str]:
    """What stands against being ready, by the name of the check."""
    found = ((name, check()) for name, check in checks.items())
    return {name: reason for name, reason in found if reason is not None}


class Web:
    """The server. `port` 0 takes a free one; `bound_port` says which, and so does the log.

    The checks and the registry are asked in the program's own loop, for what they look at changes there.
    """

    def __init__(  # noqa: PLR0913  # what it serves
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        checks: Mapping[str, ReadyCheck],
        program: str,
        *,
        alive: Mapping[str, ReadyCheck] | None = None,
        lag: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.bound_port: int | None = None
        self.heart = Heart()
        self._host = host
        self._port = port
        self._registry = registry
        self._checks = checks
        self._program = program
        self._alive = {"loop": self.heart.why_not_alive, **(alive or {})}
        self._lag = lag
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: Callable[[], object] = lambda: None

    async def run(self) -> None:
        """Serve until cancelled. Raises `OSError` when the port is taken."""
        self._loop = asyncio.get_running_loop()
        bound: Future[int] = Future()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(bound)), name="web", daemon=True)
        thread.start()
        try:
            self.bound_port = await asyncio.wrap_future(bound)
            log.info("serving", program=self._program, address=f"http://{self._host}:{self.bound_port}/metrics")
            await self.heart.beat()
        finally:
            self._stop()
            await asyncio.to_thread(thread.join, JOIN_S)

    async def _serve(self, bound: Future[int]) -> None:
        """The life of the thread."""
        stopped, loop = asyncio.Event(), asyncio.get_running_loop()

        def stop() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it has ended by itself
                loop.call_soon_threadsafe(stopped.set)

        self._stop = stop
        site_app = web.Application()
        site_app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
            ]
        )
        runner = web.AppRunner(site_app, access_log=None, shutdown_timeout=CLOSE_S)
        await runner.setup()
        watch = asyncio.create_task(self.heart.watch())
        try:
            await web.TCPSite(runner, self._host, self._port).start()
            bound.set_result(int(runner.addresses[0][1]))
            await stopped.wait()
        except OSError as error:
            bound.set_exception(error)
        finally:
            watch.cancel()
            await runner.cleanup()

    async def _in_program(self, ask: Callable[[], T], wait_s: float) -> T:
        """What the program's loop says. Raises `TimeoutError` when it says nothing in time."""
        answer: Future[T] = Future()

        def give() -> None:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(ask())
            except Exception as error:  # noqa: BLE001  # it belongs to who asked
                answer.set_exception(error)

        if self._loop is None or self._loop.is_closed():
            raise TimeoutError
        self._loop.call_soon_threadsafe(give)
        async with asyncio.timeout(wait_s):
            return await asyncio.wrap_future(answer)

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        try:
            body = await self._in_program(lambda: encode(self._registry), METRICS_WAIT_S)
        except TimeoutError:
            return web.Response(text=self._still(), status=503)
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _healthz(self, _: web.Request) -> web.Response:
        found = reasons(self._alive)
        return web.json_response({"alive": not found, "reasons": found}, status=503 if found else 200)

    async def _readyz(self, _: web.Request) -> web.Response:
        try:
            found, lag = await self._in_program(lambda: (reasons(self._checks), dict(self._lag())), READY_WAIT_S)
        except TimeoutError:
            found, lag = {"loop": self._still()}, {}
        body = {"ready": not found, "reasons": found, "lag": lag}
        return web.json_response(body, status=503 if found else 200)

    def _still(self) -> str:
        return f"the program does not answer, it has stood still for {self.heart.still_s:.0f} s"
