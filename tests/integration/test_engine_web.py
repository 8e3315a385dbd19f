"""The program's own HTTP server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from engine.web import ReadyCheck, Web
from tests.brokers.inside import until


@asynccontextmanager
async def running(checks: dict[str, ReadyCheck]) -> AsyncIterator[str]:
    """A server with one counter; its address."""
    registry = CollectorRegistry()
    Counter("deals", "Deals.", registry=registry).inc()
    web = Web("127.0.0.1", 0, registry, checks, "detect")
    task = asyncio.create_task(web.run())
    try:
        await until(lambda: web.bound_port is not None)
        yield f"http://127.0.0.1:{web.bound_port}"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("accept", "content_type", "ending"),
    [
        ("", "text/plain", "\n"),
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text", "# EOF\n"),
    ],
)
async def test_metrics_come_in_the_format_asked_for(accept: str, content_type: str, ending: str) -> None:
    async with running({}) as address, aiohttp.ClientSession() as session:
        async with session.get(f"{address}/metrics", headers={"Accept": accept}) as response:
            body = await response.text()
        assert response.status == 200
        assert response.headers["Content-Type"].startswith(content_type)
        assert "deals_total 1.0" in body
        assert body.endswith(ending)


async def test_ready_says_why_not() -> None:
    reason: list[str | None] = ["no tick for 40 s"]
    checks: dict[str, ReadyCheck] = {"clock": lambda: reason[0], "broker": lambda: None}
    async with running(checks) as address, aiohttp.ClientSession() as session:
        async with session.get(f"{address}/readyz") as response:
            assert response.status == 503
            assert await response.json() == {"ready": False, "reasons": {"clock": "no tick for 40 s"}, "lag": {}}
        reason[0] = None
        async with session.get(f"{address}/readyz") as response:
            assert response.status == 200
            assert await response.json() == {"ready": True, "reasons": {}, "lag": {}}
        async with session.get(f"{address}/healthz") as response:
            assert response.status == 200


async def test_a_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        web = Web("127.0.0.1", taken.getsockname()[1], CollectorRegistry(), {}, "detect")
        with pytest.raises(OSError, match="address already in use"):
            await web.run()
        web._stop()  # its loop is gone by now, as it may be when `run` tells it to stop
