"""One small HTTP server per program: `/metrics`, `/healthz` (the loop lives) and `/readyz` (and why not)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

log = structlog.get_logger(__name__)

ReadyCheck = Callable[[], str | None]
"""Why the program is not ready, in a few words; None when it is."""


def reasons(checks: Mapping[str, ReadyCheck]) -> dict[str, str]:
    """What stands against being ready, by the name of the check."""
    found = ((name, check()) for name, check in checks.items())
    return {name: reason for name, reason in found if reason is not None}


class Web:
    """The server. `port` 0 takes a free one; `bound_port` says which, and so does the log."""

    def __init__(
        self, host: str, port: int, registry: CollectorRegistry, checks: Mapping[str, ReadyCheck], program: str
    ) -> None:
        self.bound_port: int | None = None
        self._host = host
        self._port = port
        self._registry = registry
        self._checks = checks
        self._program = program

    async def run(self) -> None:
        """Serve until cancelled. Raises `OSError` when the port is taken."""
        site_app = web.Application()
        site_app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
            ]
        )
        runner = web.AppRunner(site_app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
            self.bound_port = int(runner.addresses[0][1])
            log.info("serving", program=self._program, address=f"http://{self._host}:{self.bound_port}/metrics")
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def _readyz(self, _: web.Request) -> web.Response:
        found = reasons(self._checks)
        return web.json_response({"ready": not found, "reasons": found}, status=503 if found else 200)
