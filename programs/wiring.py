"""The programs: `build(ready, servers) -> BatchApp` for each. What is wired to what stands here and nowhere else."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from alerts.metrics import ForwardMetrics, Metrics
from engine.batches import BatchApp, attach, build_app
from engine.clock import ClockPlan, Upstream, add_clock
from engine.records import Output
from engine.ticking import Mode
from programs.baselines import make_baselining
from programs.detect import MakeDetect
from programs.forward import INPUT as FORWARD_INPUT
from programs.forward import Trouble, make_forward, to_target, world_of
from programs.ingest import MakeIngest
from programs.join import make_join
from programs.notify import FANOUT_INPUT, POLICY_INPUT, make_fanout, make_policy, moment
from programs.notify import World as NotifyWorld
from programs.published import Published
from programs.route import INPUT as ROUTE_INPUT
from programs.route import make_route
from programs.send import INPUT as SEND_INPUT
from programs.send import make_send, make_voice, make_world, slack_trouble
from programs.settings import BASELINES, FORWARD, TargetSettings
from programs.startup import Ready, exchange, to_engine
from programs.times import Times
from signals.joining.joiner import HOPS
from signals.joining.ties import compared
from signals.learning_metrics import LearningMetrics
from signals.metrics import DetectMetrics, InputMetrics, JoinMetrics
from topics.catalog import (
    ALERT_LEDGER,
    DEAL_EVENTS,
    PEOPLE_EVENTS,
    STAGE_DWELLS,
    STATE_BASELINES,
    STATE_DETECT,
    STATE_FANOUT,
    STATE_JOIN,
    STATE_NOTIFY,
)
from topics.codec import encode
from topics.events import Tick, event_id

Build = Callable[[Ready, str], BatchApp]


def _app(ready: Ready, name: str, servers: str) -> BatchApp:
    return build_app(to_engine(ready.settings, name, servers), CollectorRegistry())


def ingest(ready: Ready, servers: str) -> BatchApp:
    """crm.raw.* -> deal.events, people.events, crm.rejected; and the clock."""
    app = _app(ready, "ingest", servers)
    metrics = InputMetrics(app.registry, [source.key for source in ready.sources])
    make = MakeIngest(ready.sources, metrics, compared(ready.playbook.playbook))
    raw = tuple(sorted(make.sources))
    attach(app, raw, make, state_topic=None)
    app.ready_checks["sources"] = make.health.not_ready
    settings = ready.settings.clock
    plan = ClockPlan(
        upstream=(Upstream(raw, "ingest"), *[Upstream((PEOPLE_EVENTS,), "join")] * HOPS),
        target=DEAL_EVENTS,
        leader=raw[0],
        payload=tick,
        grace_us=max(source.grace_us for source in ready.sources),
        mode=Mode(settings.mode),
        interval_s=settings.interval_seconds,
    )
    add_clock(app, plan)
    return app


def tick(at_us: int, partition: int) -> Output:
    """The record that says: it is `at_us`."""
    event = Tick(id=event_id("tick", at_us), key="", source="", at_us=at_us)
    return Output(DEAL_EVENTS, b"", encode(event), partition=partition)


def join(ready: Ready, servers: str) -> BatchApp:
    """people.events -> deal.events, deal.signals."""
    app = _app(ready, "join", servers)
    published = _published(ready, app)
    intents = published.intents(ready.playbook.hash)
    make = functools.partial(make_join, intents, JoinMetrics(app.registry), _times(ready), published=published)
    attach(app, [PEOPLE_EVENTS], make, state_topic=STATE_JOIN)
    return app


def detect(ready: Ready, servers: str) -> BatchApp:
    """deal.events -> deal.signals, deal.current."""
    app = _app(ready, "detect", servers)
    published = _published(ready, app)
    make = MakeDetect(published.panel(ready.playbook.hash), _times(ready), published)
    make.report_to(DetectMetrics(app.registry, make.served, exchange(ready.settings)))
    attach(app, [DEAL_EVENTS], make, state_topic=STATE_DETECT)
    return app


def baselines(ready: Ready, servers: str) -> BatchApp:
    """stage.dwells -> definitions, deal.events (controls)."""
    app = _app(ready, BASELINES, servers)
    make = functools.partial(make_baselining, _published(ready, app), LearningMetrics(app.registry))
    attach(app, [STAGE_DWELLS], make, state_topic=STATE_BASELINES)
    return app


def route(ready: Ready, servers: str) -> BatchApp:
    """deal.signals -> route.*."""
    app = _app(ready, "route", servers)
    make = functools.partial(make_route, _published(ready, app), Metrics(app.registry))
    attach(app, [ROUTE_INPUT], make, state_topic=None)
    return app


def notify(ready: Ready, servers: str) -> BatchApp:
    """deal.signals, alert.actions -> alert.inbox -> alert.outbox, alert.log; and the clock of alert.inbox."""
    app = _app(ready, "notify", servers)
    times, money = _times(ready), ready.settings.money
    world = NotifyWorld(_published(ready, app), Metrics(app.registry), times, money.rates)
    attach(app, FANOUT_INPUT, functools.partial(make_fanout, world), state_topic=STATE_FANOUT)
    attach(app, [POLICY_INPUT], functools.partial(make_policy, world), state_topic=STATE_NOTIFY)
    heard = Upstream(FANOUT_INPUT, "notify")
    plan = ClockPlan(
        # where the data has a clock, time is what the ticks of deal.events say
        upstream=(Upstream((DEAL_EVENTS,), "detect"), heard) if times.mode == "data" else (heard,),
        target=POLICY_INPUT,
        leader=FANOUT_INPUT[0],
        payload=functools.partial(moment, times=times),
        grace_us=0,
        mode=Mode(times.mode),
        interval_s=ready.settings.clock.interval_seconds,
    )
    add_clock(app, plan)
    return app


def send(ready: Ready, servers: str) -> BatchApp:
    """alert.outbox -> Slack, or the terminal."""
    app = _app(ready, "send", servers)
    metrics = Metrics(app.registry)
    slack = ready.settings.slack
    token = None if slack.token is None else slack.token.get_secret_value()
    voice = make_voice(token, slack.api_url, metrics, _write)
    published = _published(ready, app)
    world = make_world(published, voice, metrics)
    attach(app, [SEND_INPUT], functools.partial(make_send, world, published=published), state_topic=ALERT_LEDGER)
    app.ready_checks["slack"] = functools.partial(slack_trouble, voice)
    return app


def forward(ready: Ready, servers: str, target: TargetSettings) -> BatchApp:
    """deal.signals -> one target over HTTP."""
    app = _app(ready, f"{FORWARD}.{target.name}", servers)
    trouble = Trouble()
    world = world_of(to_target(target), target.url, ForwardMetrics(app.registry, target.name))
    make = functools.partial(make_forward, world, trouble, Metrics(app.registry))
    attach(app, [FORWARD_INPUT], make, state_topic=None)
    app.ready_checks["target"] = trouble
    return app


def _published(ready: Ready, app: BatchApp) -> Published:
    """The definitions, followed beside the program; it is not ready while its log names some that are not there."""
    published = Published(ready.playbook, ready.sources, exchange(ready.settings))
    app.background.append(published.follow(app.engine_settings.broker).run)
    app.ready_checks["definitions"] = published.why_waiting
    return published


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _times(ready: Ready) -> Times:
    return Times(ready.settings.clock.mode)


#: Every program by its name, in the order of the flow.
BUILDS: dict[str, Build] = {
    "ingest": ingest,
    "join": join,
    "detect": detect,
    "route": route,
    "notify": notify,
    "send": send,
    "baselines": baselines,
}
