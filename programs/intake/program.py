"""intake as a process: it listens at once, connects to Kafka when that answers, and stops within ten seconds.

It keeps nothing: as many of them as one likes may stand behind one address.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
from aiohttp import web
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry, ProcessCollector

from engine.metrics import EngineMetrics, Readiness
from engine.reach import BrokerAway, BrokerRefuses, reach, why_away
from engine.settings import EngineSettings
from engine.web import ReadyCheck, Web
from engine.writer import BatchWriter, side_by_side
from programs.crew import rarely_collected
from programs.intake.desk import ANSWER_S, Desk
from programs.intake.doors import Door, doors, listens, under
from programs.intake.lanes import Lanes
from programs.intake.listener import Listener
from programs.intake.metrics import IntakeMetrics
from programs.intake.slack_side import SlackSide
from programs.settings import INTAKE
from programs.startup import Ready, to_engine

FAILED, REFUSED = 1, 2
BROKER_PAUSE_S = 2.0
WATCH_S = 5.0
#: Requests under way have their whole deadline to be answered.
CLOSE_S = ANSWER_S + 0.5
STOP_WRITER_S = 3.0
#: What has not stopped by then is ended: nothing is lost, for what was not acknowledged was not answered 200.
STOP_S = 9.0

log = structlog.get_logger("intake")


class Intake:
    """The program. Made without connecting to anything; `run` does the work."""

    def __init__(self, ready: Ready, servers: str) -> None:
        self.settings: EngineSettings = to_engine(ready.settings, INTAKE, servers)
        self.registry = CollectorRegistry()
        self._writer = BatchWriter(self.settings, EngineMetrics(self.registry, INTAKE))
        self._slack: SlackSide | None = None
        if listens(ready.settings):
            self._slack = SlackSide(ready, self.settings.broker, self._writer, self.registry)
        self.doors: dict[str, Door] = doors(ready) | under(ready, self._slack.doors() if self._slack else {})
        self.overdue = False
        self._listen = (ready.settings.intake.host, ready.settings.intake.port)
        self._lanes = {door.topic: Lanes(door.topic) for door in self.doors.values() if door.answers is None}
        metrics = IntakeMetrics(self.registry, sorted({door.source for door in self.doors.values()}))
        self._metrics = metrics
        self._desk = Desk(self.doors, self._lanes, metrics, ready.settings.intake.max_body_bytes)
        self._broker_trouble: str | None = "the broker has not been reached yet"
        self.ready_checks: dict[str, ReadyCheck] = {"broker": lambda: self._broker_trouble, "lanes": self._why_refusing}
        if self._slack is not None:
            self.ready_checks["slack"] = self._slack.why_not
        self.registry.register(Readiness(INTAKE, self.ready_checks))
        ProcessCollector(registry=self.registry)
        self.website = Web(
            self.settings.web_host, self.settings.web_port, self.registry, self.ready_checks, program=INTAKE
        )

    async def run(self, stop: asyncio.Event) -> int:
        """Serve until told to stop; the exit code. What is under way then is finished."""
        stopping = asyncio.create_task(stop.wait())
        beside = [asyncio.create_task(_watched(name, work)) for name, work in self._works().items()]
        try:
            await asyncio.wait([stopping, *beside], return_when=asyncio.FIRST_COMPLETED)
            return max((task.result() for task in beside if task.done()), default=0)
        finally:
            stopping.cancel()
            listener, *others = reversed(beside)
            await self._ended([[listener], others])  # the listener first: it answers what is under way

    async def _ended(self, groups: list[list[asyncio.Task[int]]]) -> None:
        """Cancel the groups one after the other, and wait for them as long as there is time."""
        try:
            async with asyncio.timeout(STOP_S):
                for group in groups:
                    for task in group:
                        task.cancel()
                    await asyncio.gather(*group, return_exceptions=True)
        except TimeoutError:
            self.overdue = True
            log.error("did not stop in time", seconds=STOP_S)  # noqa: TRY400  # where it stands is in no code of ours

    def _works(self) -> dict[str, Callable[[], Awaitable[int]]]:
        listener = self._serve if self.doors else self._serve_nobody
        return {"web": self._serve_web, "writer": self._write, "listener": listener}

    async def _serve_nobody(self) -> int:
        """Without a door, as with Socket Mode alone, no port is opened."""
        await asyncio.Event().wait()
        return 0

    async def _serve_web(self) -> int:
        await self.website.run()
        return 0

    async def _serve(self) -> int:
        """Answer requests until cancelled, then those under way; 1 where the port cannot be had."""
        host, port = self._listen
        runner = web.ServerRunner(Listener(self._desk, self._metrics), shutdown_timeout=CLOSE_S)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port, backlog=1024).start()
            bound = runner.addresses[0][1]  # where the setting says 0, the system chose one
            log.info("listening", address=f"http://{host}:{bound}", paths=sorted(self.doors))
            await asyncio.Event().wait()
        except OSError as error:
            log.error("cannot listen", address=f"{host}:{port}", why=error.strerror)  # noqa: TRY400  # a setting
            return FAILED
        finally:
            await runner.cleanup()
        return 0

    async def _write(self) -> int:
        """Connect, and carry what comes in to Kafka until cancelled; 2 where the broker does not let us in."""
        try:
            await self._connect()
        except BrokerRefuses as error:
            log.error("the broker refuses us", why=str(error))  # noqa: TRY400  # a wrong setting, not a place in our code
            return REFUSED
        works: list[Coroutine[Any, Any, None]] = [lanes.run(self._writer) for lanes in self._lanes.values()]
        if self._slack is not None:
            works.append(self._slack.run())
        try:
            await side_by_side((*works, self._watch()))
        finally:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._writer.stop(), STOP_WRITER_S)
        return 0

    async def _connect(self) -> None:
        """Return when the writer is connected. Raises `BrokerRefuses` where waiting is in vain."""
        while True:
            try:
                await reach(self.settings.broker)
                await self._writer.start()
            except BrokerRefuses:
                raise
            except (BrokerAway, KafkaError) as error:
                self._broker_trouble = str(error)
                log.warning("no broker answers, trying again", why=str(error), pause_s=BROKER_PAUSE_S)
                await asyncio.sleep(BROKER_PAUSE_S)
            else:
                self._broker_trouble = None
                return

    async def _watch(self) -> None:
        """Look every few seconds whether the broker still answers, for the ready check."""
        while True:
            known = await self._writer.known_topics(WATCH_S)
            self._broker_trouble = None if known is not None else await why_away(self.settings.broker)
            await asyncio.sleep(WATCH_S)

    def _why_refusing(self) -> str | None:
        """Why what is sent is refused."""
        return "; ".join(sorted({why for lanes in self._lanes.values() if (why := lanes.why_not())})) or None


async def _watched(name: str, work: Callable[[], Awaitable[int]]) -> int:
    """The exit code of a part of the program that has ended; whatever it raises ends the program, and is said."""
    try:
        return await work()
    except Exception:
        log.exception("a part of the program failed", part=name)
        return FAILED


def run(intake: Intake) -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 1 after a failure, 2 where the broker refuses us (logged)."""
    with rarely_collected():  # a look for cycles among all that was imported takes 80 ms, and everybody waits
        code = asyncio.run(_run(intake))
    if intake.overdue:
        sys.stderr.flush()
        os._exit(FAILED)  # a thread or a client hangs: waiting for it would take for ever
    return code


async def _run(intake: Intake) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return await intake.run(stop)
