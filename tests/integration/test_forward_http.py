"""forward against a real receiver over HTTP that stumbles, refuses, hangs, redirects: what arrives, in which order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from alerts.metrics import ForwardMetrics, Metrics
from alerts.outputs.target import Form, Target
from alerts.retry import Patience
from engine.records import Batch, Record
from programs.forward import Forward, Http, Trouble, World
from tests.golden.messages.samples import opened, resolved, updated
from topics.catalog import DEAL_SIGNALS, REJECTED
from topics.codec import encode
from topics.signals import Kind, Signal

GAP = opened(Kind.CONTACT_GAP)
STORY = (GAP, updated(GAP), resolved(GAP))
#: So many tries are long enough to have given up.
MANY = 30
SHORT = Patience(backoff_s=(0.01,), barred_s=0.01)


class Receiver:
    """A webhook's receiver on loopback. `answers` are given in turn, then 204s; `taken` is what it said 2xx to."""

    def __init__(self) -> None:
        self.answers: list[Callable[[], Any]] = []
        self.asked: list[dict[str, Any]] = []
        self.taken: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """The next answer."""
        told = msgspec.json.decode(await request.read())
        self.asked.append(told)
        self.headers.append(dict(request.headers))
        said = self.answers.pop(0)() if self.answers else web.Response(status=204)
        if asyncio.iscoroutine(said):
            said = await said
        if said.status < 300:
            self.taken.append(told)
        return said


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    receiver.url = f"http://{host}:{port}/hook"
    yield receiver
    await runner.cleanup()


def batch(*values: bytes) -> Batch:
    return Batch(
        DEAL_SIGNALS, 0, tuple(Record(DEAL_SIGNALS, 0, place, 0, b"k", value) for place, value in enumerate(values))
    )


class Bench:
    """The program's processor with its metrics, and what it waited."""

    def __init__(self, receiver: Receiver, target: Target, answer_s: float = 2.0) -> None:
        self.registry = CollectorRegistry()
        self.waited: list[float] = []
        self.waited_long = asyncio.Event()
        self.trouble = Trouble()
        self.troubles: list[str | None] = []
        world = World(
            target,
            Http(receiver.url, answer_s),
            ForwardMetrics(self.registry, target.name),
            lambda: 1_700_000_000_000_000,
            self.sleep,
            SHORT,
        )
        self.forward = Forward(world, self.trouble, Metrics(self.registry))

    async def sleep(self, seconds: float) -> None:
        """Wait for no time, and note it."""
        self.waited.append(seconds)
        if len(self.waited) >= MANY:
            self.waited_long.set()
        self.troubles.append(self.trouble())
        await asyncio.sleep(0)

    def counted(self, answer: str) -> float | None:
        """Requests with this answer."""
        return self.registry.get_sample_value("signals_forward_requests_total", {"target": "pager", "answer": answer})


PAGER = Target("pager", Form.WEBHOOK, b"secret")


def steps(told: list[dict[str, Any]]) -> list[str]:
    return [one["data"]["transition"] for one in told]


async def test_every_transition_arrives_in_order(receiver: Receiver) -> None:
    bench = Bench(receiver, PAGER)
    assert await bench.forward.process(batch(*map(encode, STORY))) == []
    assert steps(receiver.taken) == ["opened", "updated", "resolved"]
    assert bench.counted("taken") == 3
    assert all(headers["webhook-signature"].startswith("v1,") for headers in receiver.headers)


async def _hangs() -> web.Response:
    await asyncio.sleep(1)
    return web.Response(status=204)


async def test_what_it_does_not_take_is_told_again_with_the_same_id_before_anything_else(receiver: Receiver) -> None:
    bench = Bench(receiver, PAGER, answer_s=0.3)
    receiver.answers = [
        lambda: web.Response(status=500),
        lambda: web.Response(status=429, headers={"Retry-After": "3"}),
        _hangs,
        lambda: web.Response(status=403),
        lambda: web.Response(status=302, headers={"Location": receiver.url}),
    ]
    await bench.forward.process(batch(*map(encode, STORY)))
    assert steps(receiver.taken) == ["opened", "updated", "resolved"]
    assert steps(receiver.asked) == ["opened"] * 6 + ["updated", "resolved"]
    assert len({headers["webhook-id"] for headers in receiver.headers[:6]}) == 1
    assert bench.waited == [0.01, 3.0, 0.01, 0.01, 0.01]
    assert all(trouble and trouble.startswith("pager does not take") for trouble in bench.troubles)
    assert bench.trouble() is None, "all is well in the end"
    assert [bench.counted(one) for one in ("taken", "ambiguous", "limited", "barred")] == [3, 2, 1, 2]


async def test_one_that_it_refuses_for_good_is_counted_and_the_next_goes_on(receiver: Receiver) -> None:
    bench = Bench(receiver, PAGER)
    receiver.answers = [lambda: web.Response(status=422)]
    await bench.forward.process(batch(*map(encode, STORY)))
    assert steps(receiver.taken) == ["updated", "resolved"]
    assert bench.counted("refused") == 1
    assert bench.waited == []


async def test_while_nobody_listens_nothing_is_given_up(receiver: Receiver) -> None:
    bench = Bench(receiver, PAGER)
    url, closed = receiver.url, Http("http://127.0.0.1:1/hook", 0.3)
    bench.forward._world = bench.forward._world._replace(post=closed)
    work = asyncio.create_task(bench.forward.process(batch(encode(GAP))))
    await bench.waited_long.wait()
    assert not work.done()
    bench.forward._world = bench.forward._world._replace(post=Http(url))
    work.cancel()  # as a stop does; nothing is committed, so the batch comes again
    with pytest.raises(asyncio.CancelledError):
        await work
    await bench.forward.process(batch(encode(GAP)))
    assert steps(receiver.taken) == ["opened"]


async def test_what_is_no_signal_is_put_aside_and_what_it_does_not_want_is_left(receiver: Receiver) -> None:
    bench = Bench(receiver, PAGER._replace(kinds=frozenset({Kind.CONTACT_GAP})))
    other: Signal = opened(Kind.STAGE_REGRESSED)
    (aside,) = await bench.forward.process(batch(encode(other), b"garbage", encode(GAP)))
    assert aside.topic == REJECTED
    assert [one["data"]["kind"] for one in receiver.taken] == ["contact_gap"]
