"""Faust, used in batches: the whole of what a partition had waiting goes to a program's processor at once.

Per batch: process, then outputs, state and offset in one fenced transaction. A retriable Kafka error is retried
underneath, or the batch is done again from what is committed; any other exception ends the process before a commit.
See `docs/decisions/`: `faust-in-batches.md`, `acknowledgement.md`, `transactions.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
import structlog
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faust.tables.manager import TableManager
from faust.types import TP
from prometheus_client import CollectorRegistry, ProcessCollector

from engine import embedded
from engine.group import heed
from engine.lanes import Attachment, Lane, Lanes, MakeProcessor, Processor, Skipped
from engine.link import Link
from engine.loading import Tools
from engine.metrics import EngineMetrics, Readiness
from engine.reach import BrokerAway, BrokerRefuses, reach, why_away
from engine.records import Delivery
from engine.settings import ANSWER_MS, Broker, EngineSettings, Security
from engine.transport import BatchConsumer, BatchSchema, BatchTransport
from engine.web import ReadyCheck, Web
from engine.writer import BatchWriter

__all__ = ["Broker", "EngineSettings", "MakeProcessor", "Processor", "Security", "attach", "build_app", "run"]

log = structlog.get_logger(__name__)

BROKER_PAUSE_S = 2.0
"""Pause between attempts to reach a broker that is not there."""

WATCH_S = 5.0
FIRST_WATCH_S = 0.1

STOP_S = 9.0
"""A program that has not stopped by then is ended: it must stop within 10 s, and what it did not commit is redone."""

CANCEL_AGAIN_S = 2.0
"""How long a task that was cancelled may take to end, closing its clients, before it is cancelled once more."""

REFUSED = 2
"""The exit code where a setting is wrong: the broker does not let us in, or is not the one that we trust."""

Background = Callable[[], Awaitable[None]]


class NoTables(TableManager):  # type: ignore[misc]  # Faust publishes no types
    """Faust's table manager, which here only starts the streams; its own waits a second for tables first."""

    async def on_start(self) -> None:
        """Start what resumes the streams after a rebalance."""
        await self._update_channels()
        await self.recovery.start()


class BatchApp(faust.App):  # type: ignore[misc]  # Faust publishes no types
    """A Faust app over record batches. Made by `build_app`; nothing of it is global, so a test may run two."""

    engine_settings: EngineSettings
    engine_metrics: EngineMetrics

    def prepare(self, settings: EngineSettings, registry: CollectorRegistry) -> None:
        """Give the app its settings and metrics; Faust's own constructor is left alone."""
        self.engine_settings = settings
        self.engine_metrics = EngineMetrics(registry, settings.name)
        self.registry = registry
        self.attachments: list[Attachment] = []
        self.ready_checks: dict[str, ReadyCheck] = {
            "broker": lambda: None if self.broker_reached else self.broker_trouble,
            "topics": self._which_are_missing,
            "partitions": self._why_not_loaded,
            "lag": self._why_behind,
            "failure": self._why_failing,
        }
        self.broker_reached = False
        self.broker_trouble = "the broker has not been reached yet"
        self.sole_worker = False
        self.overdue = False
        self.assigned_once = False
        self._known_topics: frozenset[str] | None = None
        self.failure: BaseException | None = None
        self._failed = asyncio.Event()
        self.lanes: Lanes | None = None
        self.writer: BatchWriter | None = None
        self.link: Link | None = None
        self.lane_type = Lane
        registry.register(Readiness(settings.name, self.ready_checks))
        ProcessCollector(registry=registry)
        self.website = Web(
            settings.web_host,
            settings.web_port,
            registry,
            self.ready_checks,
            settings.name,
            alive={"failure": self._why_failing},
            lag=lambda: self.consumer.progress.lag() if self.lanes is not None else {},
        )
        self.background: list[Background] = [self.website.run, self._watch_broker]

    def fail(self, error: BaseException) -> None:
        """End the program in good order: what is done is committed, the group is left, and `run` returns 1."""
        self.failure = self.failure or error
        self._failed.set()

    async def wait_for_failure(self) -> None:
        """Return when the program cannot go on: something of ours failed, or a service of Faust's crashed."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._failed, self._crashed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def deliver(self, delivery: Delivery) -> None:
        """Hand a batch to its lane."""
        if self.lanes is not None:
            self.lanes.deliver(delivery)

    def skip(self, place: TP, begins: int, next_offset: int) -> None:
        """Tell a lane that there is nothing in its partition from `begins` up to this offset."""
        if self.lanes is not None:
            self.lanes.skip(Skipped(place, begins, next_offset))

    async def on_start(self) -> None:
        """Connect the writer before anything is assigned."""
        self.writer = BatchWriter(self.engine_settings, self.engine_metrics)
        await self.writer.start()
        self.link = Link(self.engine_settings, self.engine_metrics)
        await self.link.start()
        tools = Tools(self.engine_settings, self.engine_metrics, self.writer, self.link)
        self.lanes = Lanes(tools, self.consumer, lambda: int(self.consumer_generation_id), self.fail, self.lane_type)
        await super().on_start()

    async def on_stop(self) -> None:
        """Finish what is at work, commit it, then stop; the group learns at once that we leave."""
        if self.lanes is not None:
            self.consumer.stop_flow()
        await self._let_go()
        await super().on_stop()

    async def on_shutdown(self) -> None:
        """Disconnect the writers, last."""
        if self.link is not None:
            await self.link.stop()
        if self.writer is not None:
            await self.writer.stop()
        await super().on_shutdown()

    def _create_directories(self) -> None:
        """Faust's folders are for its tables, of which there are none."""

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def _new_producer_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_producer, self)

    async def _on_partitions_revoked(self, revoked: set[TP]) -> None:
        consumer: BatchConsumer = self.consumer
        if not self.should_stop:
            consumer.stop_flow()
            await self._let_go()
        await super()._on_partitions_revoked(revoked)

    async def _on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        consumer: BatchConsumer = self.consumer
        consumer.stop_flow()  # until each partition stands at its committed offset
        if not self.should_stop and self.lanes is not None:
            await self._let_go()
            self.assigned_once = True
            log.info(
                "partitions assigned", partitions=[f"{place.topic}[{place.partition}]" for place in sorted(assigned)]
            )
            self.lanes.open_for(self.attachments, assigned)
        await super()._on_partitions_assigned(assigned, generation_id)

    async def _let_go(self) -> None:
        """Finish the batches at work with their transactions, and drop all that belongs to the partitions."""
        if self.lanes is None:
            return
        consumer: BatchConsumer = self.consumer
        places = self.lanes.places
        await self.lanes.close()
        self.lanes.forget()
        consumer.forget(places)

    async def _watch_broker(self) -> None:
        """Look every few seconds whether the broker still answers, and which topics it has, for the ready checks."""
        while True:
            if self.writer is not None:
                known = await self.writer.known_topics(WATCH_S)
                self.broker_reached = known is not None
                if known is None:
                    self.broker_trouble = await why_away(self.engine_settings.broker)
                self._known_topics = known if known is not None else self._known_topics
                if self.started and not self.should_stop:
                    await heed(self.consumer._thread)  # noqa: SLF001  # the thread that is in the group
            await asyncio.sleep(WATCH_S if self._known_topics is not None else FIRST_WATCH_S)

    def _which_are_missing(self) -> str | None:
        if self._known_topics is None:
            return None  # the broker's own check says why
        wanted = {topic for attachment in self.attachments for topic in attachment.every_topic()}
        missing = sorted(wanted - self._known_topics)
        return f"missing: {', '.join(missing)}" if missing else None

    def _why_behind(self) -> str | None:
        if self.lanes is None:
            return None  # the partitions' own check says why
        consumer: BatchConsumer = self.consumer
        return consumer.progress.why_behind(self.lanes.places)

    def _why_failing(self) -> str | None:
        error = self.failure or self.crash_reason
        return None if error is None else f"it failed and is ending: {type(error).__name__}"

    def _why_not_loaded(self) -> str | None:
        if not self.assigned_once or self.lanes is None:
            return "no partitions assigned yet"
        waiting = self.lanes.not_loaded()
        return f"{waiting} partitions load their state" if waiting else None


def build_app(settings: EngineSettings, registry: CollectorRegistry | None = None) -> BatchApp:
    """A Faust app with the settings that the batches need; connects to nothing yet."""
    app = BatchApp(
        settings.name,
        broker=[f"kafka://{server}" for server in settings.broker.bootstrap],
        autodiscover=False,
        datadir=str(settings.data_dir),
        web_enabled=False,  # Faust's own server listens on every address
        TableManager=NoTables,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_buffer_maxsize=1,  # with more, tiny batches queue up and never coalesce
        stream_wait_empty=False,  # the shell waits itself, see `_let_go`
        stream_recovery_delay=0.0,
        broker_session_timeout=settings.session_timeout_s,
        broker_commit_interval=settings.commit_interval_s,
    )
    app.prepare(settings, registry if registry is not None else CollectorRegistry())
    return app


def attach(app: BatchApp, topics: Sequence[str], make: MakeProcessor, *, state_topic: str | None) -> None:
    """Let the app process these topics in batches, with one processor per partition number.

    With a state topic all of them must have its partition count: partition p of each shares one state.
    """
    attachment = Attachment(tuple(topics), make, state_topic)
    app.attachments.append(attachment)
    channel = app.topic(*topics, schema=BatchSchema(), key_type=None, value_type=None)

    async def batches(stream: faust.StreamT) -> None:
        async for event in stream.noack().events():
            app.deliver(event.value)

    app.agent(channel, name=f"{app.engine_settings.name}-{len(app.attachments)}")(batches)


def run(app: BatchApp) -> int:
    """Run until SIGTERM or SIGINT; 0 after a clean stop, 1 after a failure, 2 where the broker refuses us (logged)."""
    code = asyncio.run(_run(app))
    if app.overdue:
        sys.stderr.flush()
        os._exit(code)  # a thread of the client hangs: waiting for it would take for ever
    return code


async def _run(app: BatchApp) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return await serve(app, stop)


async def serve(app: BatchApp, stop: asyncio.Event) -> int:
    """As `run`, on a running loop and until the event is set."""
    beside = [asyncio.create_task(_beside(app, start)) for start in app.background]
    try:
        return await _serve(app, stop)
    finally:
        await ended(beside)


async def ended(tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended.

    Once is not enough: who closes a client of aiokafka's waits for its tasks with every cancellation suppressed, one of
    his own among them (`AIOKafkaClient.close`), and would go on for ever.
    """
    while not all(task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


async def _serve(app: BatchApp, stop: asyncio.Event) -> int:
    try:
        if not await _reach_broker(app, stop):
            return 0
    except BrokerRefuses as error:
        log.error("the broker refuses us", why=str(error))  # noqa: TRY400  # a wrong setting, not a place in our code
        return REFUSED
    starting = asyncio.create_task(app.start())
    stopping = asyncio.create_task(stop.wait())
    failing = asyncio.create_task(app.wait_for_failure())
    try:
        await asyncio.wait([starting, stopping, failing], return_when=asyncio.FIRST_COMPLETED)
        if starting.done() and starting.exception() is None:
            await asyncio.wait([stopping, failing], return_when=asyncio.FIRST_COMPLETED)
    finally:
        code = _exit_code(app, starting)
        await ended([starting, stopping, failing])
    try:
        await asyncio.wait_for(app.stop(), STOP_S)
    except TimeoutError:
        app.overdue = True
        log.exception("did not stop in time", seconds=STOP_S)
        return 1
    except Exception:
        app.overdue = True  # what was not stopped may hold a thread
        log.exception("did not stop in order")
        return 1
    return max(code, _exit_code(app, starting))


def _exit_code(app: BatchApp, starting: asyncio.Task[None]) -> int:
    if starting.done() and not starting.cancelled() and (error := starting.exception()) is not None:
        log.error("could not start", error=repr(error), exc_info=error)
        return 1
    return 1 if app.failure is not None or app.crash_reason is not None else 0


async def _beside(app: BatchApp, start: Background) -> None:
    try:
        await start()
    except Exception as error:  # whatever it is, it ends the program
        log.exception("a service of the program failed")
        app.fail(error)


async def _reach_broker(app: BatchApp, stop: asyncio.Event) -> bool:
    """Wait until a broker answers; False when told to stop first. Raises `BrokerRefuses` where waiting is in vain."""
    broker = app.engine_settings.broker
    while not stop.is_set():
        client = AIOKafkaAdminClient(**broker.client_options(), request_timeout_ms=ANSWER_MS)
        try:
            await reach(broker)
            await client.start()
            cluster = await client.describe_cluster()
        except BrokerRefuses:
            raise
        except (BrokerAway, KafkaError) as error:
            app.broker_trouble = str(error)
            log.warning("no broker answers, trying again", why=str(error), pause_s=BROKER_PAUSE_S)
        else:
            app.broker_reached = True
            app.sole_worker = cluster["cluster_id"] == embedded.CLUSTER_ID
            return True
        finally:
            await client.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), BROKER_PAUSE_S)
    return False
