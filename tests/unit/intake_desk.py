"""An intake without a broker: real connections, doors and lanes; the writer keeps what it is given in a list."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import NamedTuple

from aiohttp import web
from prometheus_client import CollectorRegistry

from engine.records import Output
from engine.writer import BatchWriter
from programs.intake.desk import Desk
from programs.intake.doors import Door, HubSpotGuard, LoginGuard, NoGuard
from programs.intake.lanes import Lanes
from programs.intake.listener import Listener
from programs.intake.metrics import IntakeMetrics
from programs.intake.signatures import SIGNATURE_V3, TIMESTAMP, Signed, Version, hubspot_v3

NOW_S = 1_736_121_600.0
SECRET = b"of this test"
URI = "https://signals.example.com/hubspot/crm"
LIMIT = 2_000
BODY = b'[{"objectId":1246965}]'
DOORS = {
    "/hubspot/crm": Door("crm/default", "crm.raw.crm", HubSpotGuard(SECRET, URI, frozenset({Version.V3}))),
    "/pipedrive/pd": Door("pd/default", "crm.raw.pd", LoginGuard("user", "password"), login=True),
    "/hubspot/open": Door("open/default", "crm.raw.open", NoGuard()),
}
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"user:password").decode()}


class Kept(BatchWriter):
    """A writer that keeps what it writes. `before` each write runs first: it may wait, or raise what Kafka would."""

    def __init__(self, partitions: int = 2) -> None:
        self.outputs: list[Output] = []
        self.writes: list[int] = []
        self.before: Callable[[Sequence[Output]], object] = lambda _: None
        self._partition_count = partitions

    async def known_topics(self, timeout_s: float) -> frozenset[str]:  # noqa: ARG002  # the writer's own signature
        """Every topic is there."""
        return frozenset(door.topic for door in DOORS.values())

    async def partitions(self, topic: str) -> int:  # noqa: ARG002  # the same
        """As many as were asked for."""
        return self._partition_count

    async def write(self, outputs: Sequence[Output]) -> None:
        """Keep them."""
        waited = self.before(outputs)
        if asyncio.iscoroutine(waited):
            await waited
        self.writes.append(len(outputs))
        self.outputs += outputs

    def values(self, topic: str = "crm.raw.crm") -> list[bytes | None]:
        """What stands on a topic."""
        return [output.value for output in self.outputs if output.topic == topic]


class Site(NamedTuple):
    """A listening intake."""

    port: int
    kept: Kept
    registry: CollectorRegistry
    lanes: dict[str, Lanes]

    def counted(self, outcome: str, source: str = "crm/default") -> float | None:
        """How often an outcome was counted."""
        return self.registry.get_sample_value("signals_intake_requests_total", {"source": source, "outcome": outcome})


@contextlib.asynccontextmanager
async def listening(*, idle_s: float = 20.0, kept: Kept | None = None) -> AsyncIterator[Site]:
    """An intake that listens; its lanes are ready."""
    writer, registry = kept or Kept(), CollectorRegistry()
    lanes = {door.topic: Lanes(door.topic) for door in DOORS.values()}
    metrics = IntakeMetrics(registry, sorted({door.source for door in DOORS.values()}))
    desk = Desk(DOORS, lanes, metrics, LIMIT, lambda: NOW_S)
    running = [asyncio.create_task(each.run(writer)) for each in lanes.values()]
    runner = web.ServerRunner(Listener(desk, metrics, idle_s), shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    while any(each.why_not() for each in lanes.values()):  # noqa: ASYNC110  # it takes a few turns of the loop
        await asyncio.sleep(0)
    try:
        yield Site(int(runner.addresses[0][1]), writer, registry, lanes)
    finally:
        await runner.cleanup()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def signed(body: bytes = BODY, *, query: str = "", at_s: float = NOW_S) -> dict[str, str]:
    """The headers that HubSpot sends with a body."""
    timestamp = str(int(at_s * 1000))
    return {SIGNATURE_V3: hubspot_v3(SECRET, Signed("POST", URI + query, body), timestamp), TIMESTAMP: timestamp}


def raw(
    path: str = "/hubspot/crm", body: bytes = BODY, headers: dict[str, str] | None = None, *, method: str = "POST"
) -> bytes:
    """A request as it goes over the line."""
    head = {"Host": "x", "Content-Length": str(len(body)), **(signed(body) if headers is None else headers)}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


async def said(port: int, *parts: bytes, pause_s: float = 0.0, patience_s: float = 8.0) -> bytes:
    """What comes back on a connection, up to its end, or up to the end of the first answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(patience_s):
            for part in parts:
                writer.write(part)
                await writer.drain()
                if pause_s:
                    await asyncio.sleep(pause_s)
            return await _answer(reader)
    except ConnectionError:
        return b""
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as short:
        return short.partial
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)


def status(answer: bytes) -> int | None:
    """The status of an answer; None where there was none."""
    return int(answer.split(b" ")[1]) if answer.startswith(b"HTTP/1.") else None
