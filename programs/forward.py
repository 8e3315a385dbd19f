"""forward: `deal.signals` to one target of the settings, over HTTP.

One group per target, so that one that is away holds up nobody else; what it has not taken waits on the topic.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import aiohttp
import structlog

from alerts.metrics import ForwardMetrics, Metrics
from alerts.outputs import FORMS
from alerts.outputs.answers import Answer, answer, pause
from alerts.outputs.standard import key_of
from alerts.outputs.target import Form, Request, Target
from alerts.reading import Unreadable, read_signal
from alerts.replies import Ambiguous, Refused
from alerts.retry import PATIENCE, Patience
from engine.records import Batch, Output
from engine.state import Store
from programs.aside import put_unreadable_aside
from programs.configuration import target_secret_variable
from programs.failures import CallError
from programs.settings import Settings, TargetSettings
from topics.catalog import DEAL_SIGNALS
from topics.signals import Signal

INPUT = DEAL_SIGNALS
#: How long a receiver may take to answer.
ANSWER_S = 10.0

log = structlog.get_logger("forward")


class Post(Protocol):
    """Makes one POST. Raises nothing for what the other side answers or does not answer: that is a value."""

    async def __call__(self, request: Request) -> Answer | None:
        """None: it was taken."""


class Http(NamedTuple):
    """Posts to one address. Redirects are not followed: a secret goes where the settings say, and nowhere else."""

    url: str
    answer_s: float = ANSWER_S

    async def __call__(self, request: Request) -> Answer | None:
        """One POST on a connection of its own: a receiver hears a few an hour."""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self.answer_s)) as session,
                session.post(self.url, data=request.body, headers=request.headers, allow_redirects=False) as response,
            ):
                headers: Mapping[str, str] = response.headers
                return answer(response.status, headers)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return Ambiguous(type(error).__name__)


class World(NamedTuple):
    """What the program needs from outside."""

    target: Target
    post: Post
    metrics: ForwardMetrics
    now_us: Callable[[], int]
    sleep: Callable[[float], Awaitable[None]]
    patience: Patience = PATIENCE


class Trouble:
    """The readiness check: what the target answered last; None when it took it."""

    def __init__(self) -> None:
        self.said: str | None = None

    def __call__(self) -> str | None:
        """Why nothing can be told at present."""
        return self.said


class Forward:
    """The processor of one partition: its transitions to the target, in order, each until it is taken or refused."""

    def __init__(self, world: World, trouble: Trouble, aside: Metrics) -> None:
        self._world, self._trouble, self._aside = world, trouble, aside

    async def process(self, batch: Batch) -> Sequence[Output]:
        """Nothing comes out but what could not be understood: to `crm.rejected`."""
        world, outputs, signals = self._world, [], list[Signal]()
        for record in batch.records:
            read = read_signal(record.value or b"")
            if isinstance(read, Unreadable):
                outputs.append(put_unreadable_aside(record, read, self._aside))
            elif world.target.wants(read):
                signals.append(read)
        for request in FORMS[world.target.form](world.target, signals, world.now_us()):
            await self._deliver(request)
        return outputs

    async def _deliver(self, request: Request) -> None:
        world, tries = self._world, 0
        name = world.target.name
        while (said := await world.post(request)) is not None and not isinstance(said, Refused):
            tries += 1
            self._trouble.said = f"{name} does not take what it is told: {_detail(said)}"
            after_s = pause(said, tries, world.patience.backoff_s, world.patience.barred_s)
            world.metrics.requests.labels(name, type(said).__name__.lower()).inc()
            log.warning("not_forwarded_yet", target=name, why=_detail(said), again_s=after_s)
            await world.sleep(after_s)
        self._trouble.said = None
        if said is None:
            world.metrics.requests.labels(name, "taken").inc()
            return
        world.metrics.requests.labels(name, "refused").inc()
        ids = [signal.id for signal in request.signals]
        log.error("not_forwarded", target=name, why=said.detail, signals=ids)


def _detail(said: Answer) -> str:
    return getattr(said, "detail", "") or "too many requests"


def chosen(settings: Settings, name: str | None) -> TargetSettings:
    """The target of this name, or the only one. Raises CallError where it cannot be told, or cannot be believed."""
    named = [target for target in settings.targets if name in (None, target.name)]
    if len(named) != 1:
        known = ", ".join(target.name for target in settings.targets)
        raise CallError(f"--target must be one of {known}" if known else "the settings name no target: [[targets]]")
    (target,) = named
    if wrong := trouble_of(target):
        raise CallError(wrong)
    return target


def trouble_of(target: TargetSettings) -> str | None:
    """What keeps a target from being told: who cannot know that it is us would have to believe anybody."""
    if target.secret is None and target.secret_file is not None:
        return f"target {target.name}: {target.secret_file} may not be read by who runs this"
    if target.secret is None and target.form is Form.WEBHOOK and not target.insecure:
        variable = target_secret_variable(target.name)
        return f"target {target.name} has no secret to sign with: set {variable} or secret_file (or insecure = true)"
    try:
        if target.form is Form.WEBHOOK and target.secret is not None:
            key_of(target.secret.get_secret_value().encode())
    except ValueError:
        return f"target {target.name}: a secret that begins with whsec_ goes on in base64"
    return None


def to_target(target: TargetSettings) -> Target:
    """A target of the settings as the outputs take it."""
    secret = None if target.secret is None else target.secret.get_secret_value().encode()
    return Target(target.name, target.form, secret, target.kinds)


def make_forward(world: World, trouble: Trouble, aside: Metrics, _partition: int, _store: Store) -> Forward:
    """The processor of a partition; bind the first three with `functools.partial`."""
    return Forward(world, trouble, aside)


def world_of(target: Target, url: str, metrics: ForwardMetrics) -> World:
    """The world of a running program: the wall clock, real waiting, HTTP."""
    return World(target, Http(url), metrics, lambda: time.time_ns() // 1000, asyncio.sleep)
