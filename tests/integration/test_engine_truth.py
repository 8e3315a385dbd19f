"""`/readyz` and `/healthz` tell the truth: each thing that can be wrong is made wrong, and seen from outside."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import structlog

from engine import heart
from engine.admin import TopicSpec, apply, produce
from engine.batches import BatchApp, attach, serve
from engine.embedded import EmbeddedBroker
from engine.lanes import Lane
from engine.records import Batch, Output
from engine.settings import Broker
from engine.state import LoadedStore, Store
from tests.brokers.inside import PATIENCE_S, new_app
from tests.brokers.matrix import on_kafka

Answer = tuple[int, dict[str, Any]]


class Gate:
    """A processor that waits where it is told to; `still` waits with the whole loop."""

    def __init__(self, *, still: bool = False) -> None:
        self.open = threading.Event()
        self._still = still

    def __call__(self, _: int, __: Store) -> Gate:
        """The processor of every partition."""
        return self

    async def process(self, _: Batch) -> Sequence[Output]:
        """Nothing, once the gate is open."""
        if self._still:
            self.open.wait(PATIENCE_S)
        while not self.open.is_set():  # noqa: ASYNC110  # opened by another thread
            await asyncio.sleep(0.05)
        return []


class Program(NamedTuple):
    """A program on a thread of its own, seen from outside."""

    app: BatchApp
    ended: list[int]

    def ask(self, path: str) -> Answer:
        """Status and body."""
        address = f"http://127.0.0.1:{self.app.website.bound_port}/{path}"
        try:
            with urlopen(address, timeout=10) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            return error.code, json.load(error)

    def until(self, path: str, status: int, **reasons: str) -> dict[str, Any]:
        """Wait until it answers so, with these words in these reasons; the whole body."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found, body = self.ask(path) if self.app.website.bound_port else (0, {})
            said = body.get("reasons", {})
            if found == status and all(words in said.get(name, "") for name, words in reasons.items()):
                return body
            assert time.monotonic() < deadline, (found, body)
            time.sleep(0.1)


@contextmanager
def running(app: BatchApp) -> Iterator[Program]:
    stop, ended, loops = asyncio.Event(), list[int](), list[asyncio.AbstractEventLoop]()

    async def life() -> None:
        loops.append(asyncio.get_running_loop())
        ended.append(await serve(app, stop))

    thread = threading.Thread(target=lambda: asyncio.run(life()))
    thread.start()
    try:
        yield Program(app, ended)
    finally:
        loops[0].call_soon_threadsafe(stop.set)
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def make_topics(broker: Broker, *names: str, partitions: int = 2) -> None:
    apply(broker, [TopicSpec(name, partitions, {}) for name in names])


def test_what_waited_when_it_began_keeps_it_from_being_ready(broker: Broker, fresh: str, tmp_path: Path) -> None:
    make_topics(broker, fresh)
    produce(broker, [Output(fresh, b"k", b"v", partition=1) for _ in range(30)])
    gate, app = Gate(), new_app(broker, fresh, tmp_path)
    attach(app, [fresh], gate, state_topic=None)
    with running(app) as program:
        body = program.until("readyz", 503, lag=f"{fresh}[1] has 30 records to catch up with")
        assert body == {"ready": False, "reasons": body["reasons"], "lag": {fresh: 30}}
        assert set(body["reasons"]) == {"lag"}
        gate.open.set()
        assert program.until("readyz", 200) == {"ready": True, "reasons": {}, "lag": {fresh: 0}}
        gate.open.clear()
        produce(broker, [Output(fresh, b"k", b"v", partition=1) for _ in range(5)])
        deadline = time.monotonic() + PATIENCE_S
        while program.ask("readyz") != (200, {"ready": True, "reasons": {}, "lag": {fresh: 5}}):
            assert time.monotonic() < deadline, "one that falls behind later is ready, and says what waits"
            time.sleep(0.1)
        gate.open.set()
    assert program.ended == [0]


@on_kafka
def test_topics_that_are_missing_are_named(broker: Broker, fresh: str, tmp_path: Path) -> None:
    make_topics(broker, fresh)
    app = new_app(broker, fresh, tmp_path)
    attach(app, [fresh], Gate(), state_topic=f"{fresh}.state")
    with running(app) as program:
        program.until("readyz", 503, topics=f"missing: {fresh}.state")
        make_topics(broker, f"{fresh}.state")
        program.until("readyz", 200)


class SlowToLoad(Lane):
    """A lane whose state takes long to load."""

    async def load(self) -> LoadedStore:
        """The state, after a while."""
        await asyncio.sleep(1.5)
        return await super().load()


@on_kafka
def test_a_state_that_is_being_loaded_is_said(broker: Broker, fresh: str, tmp_path: Path) -> None:
    make_topics(broker, fresh, f"{fresh}.state")
    app = new_app(broker, fresh, tmp_path)
    app.lane_type = SlowToLoad
    attach(app, [fresh], Gate(), state_topic=f"{fresh}.state")
    with running(app) as program:
        program.until("readyz", 503, partitions="2 partitions load their state")
        program.until("readyz", 200)


@pytest.mark.broker
def test_a_broker_that_is_killed_is_said_while_the_program_lives(fresh: str, tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as embedded:
        broker = Broker(embedded.servers)
        make_topics(broker, fresh)
        app = new_app(broker, fresh, tmp_path)
        attach(app, [fresh], Gate(), state_topic=None)
        with running(app) as program:
            program.until("readyz", 200)
            os.kill(embedded.pid or 0, signal.SIGKILL)
            program.until("readyz", 503, broker=f"{broker.servers} cannot be connected to (Connection refused)")
            assert program.ask("healthz") == (200, {"alive": True, "reasons": {}})


@pytest.mark.chaos
@on_kafka
def test_a_processor_that_holds_the_loop_fails_both_and_the_log_says_where(
    broker: Broker, fresh: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heart, "STUCK_S", 4.0)
    monkeypatch.setattr(heart, "SAID_S", 2.0)
    make_topics(broker, fresh)
    gate, app = Gate(still=True), new_app(broker, fresh, tmp_path)
    attach(app, [fresh], gate, state_topic=None)
    with structlog.testing.capture_logs() as logs, running(app) as program:
        program.until("readyz", 200)
        produce(broker, [Output(fresh, b"k", b"v")])
        program.until("readyz", 503, loop="the program does not answer, it has stood still for")
        program.until("healthz", 503, loop="the program has stood still for")
        gate.open.set()
        program.until("healthz", 200)
        program.until("readyz", 200)
    (said,) = [entry for entry in logs if entry["event"] == "the program stands still"]
    assert any("test_engine_truth.py" in place and place.endswith(" process") for place in said["at"])


class Failing:
    """A processor that raises."""

    def process(self, _: Batch) -> Sequence[Output]:
        """Never returns."""
        msg = "no such stage"
        raise ValueError(msg)


class SlowToStop(Lane):
    """A lane that takes a while to end."""

    async def close(self, drain_s: float) -> LoadedStore | None:
        """End, after a while."""
        await asyncio.sleep(1.0)
        return await super().close(drain_s)


@on_kafka
def test_a_program_that_failed_is_not_healthy_while_it_ends(broker: Broker, fresh: str, tmp_path: Path) -> None:
    make_topics(broker, fresh)
    app = new_app(broker, fresh, tmp_path)
    app.lane_type = SlowToStop
    attach(app, [fresh], lambda *_: Failing(), state_topic=None)
    with running(app) as program:
        program.until("readyz", 200)
        produce(broker, [Output(fresh, b"k", b"v")])
        for path in ("healthz", "readyz"):
            body = program.until(path, 503, failure="it failed and is ending: ValueError")
            assert "no such stage" not in str(body)
    assert program.ended == [1]
