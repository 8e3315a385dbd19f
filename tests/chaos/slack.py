"""Slack away for an hour, then busy: who detects does not notice, and everything is told in the end, once, in order."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiohttp import web

from alerts.ledger import decode_entry, ledger_key, mark_of
from alerts.reading import Unreadable, read_delivery
from alerts.values import Delivery, Op
from engine.admin import read_all
from engine.records import Record
from signals.simulation.team import SELLERS
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.live import LiveFeed, Team
from tests.chaos.oracle import Logs
from tests.chaos.scene import scene
from tests.chaos.tuning import Tuning
from tests.integration.slack_server import DROPPED_BEFORE, LIMITED, TOKEN, Fault, SlackServer
from topics.catalog import ALERT_LEDGER, ALERT_OUTBOX, DEAL_SIGNALS
from topics.codec import decode_signal
from topics.instants import parse_rfc3339
from topics.signals import Kind, Step

RATE, DEALS, DEMOS = 40, 3_000, 0.2
SLOWER, SLOWER_S = 1.5, 0.2
ROUNDS = 3
"""Other work on the machine makes a phase slow now and then; Slack, if detection waited for it, would in each round."""
Latency = Mapping[str, tuple[float, float]]
"""p50 and p99 in seconds, by phase."""


class Weather(SlackServer):
    """The server; while there is a fault in the air, every call meets it."""

    air: Fault | None = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if self.air is not None:
            self.fail(request.match_info["method"], self.air)
        return await super()._handle(request)


class Phase(NamedTuple):
    """What Slack does, and for how long."""

    name: str
    air: Fault | None
    seconds: float


def _run(scale: Scale) -> Verdict:
    hour_s = scale.of(20, 120)
    phases = (  # of a round
        Phase("well", None, hour_s / 2),
        Phase("away", DROPPED_BEFORE, hour_s),
        Phase("busy", LIMITED, hour_s / 2),
    )
    with _slack() as slack, scene(Tuning(hour_s=hour_s), settings=_settings(slack)) as stage:
        stage.staffed(1)
        seconds = ROUNDS * sum(phase.seconds for phase in phases)
        with LiveFeed(stage.site.broker, Team(scale.seed, DEALS, DEMOS), RATE, seconds) as feed:
            begins: list[tuple[str, int]] = []
            for _ in range(ROUNDS):
                begins += [_play(slack, phase) for phase in phases]
                slack.air = None
                if _as_fast(_latencies(read_all(stage.site.broker, DEAL_SIGNALS), begins)):
                    break
            feed.end()
            found = stage.judged(feed, scale.of(120, 900), told=True)
    rounds = _latencies(found.logs[DEAL_SIGNALS], begins)
    latency = _as_fast(rounds) or rounds[-1]
    wrong = (*found.wrong, *_untold(slack, found.logs), *_slower(latency))
    shown = ", ".join(f"{name} {p50 * 1000:.0f}/{p99 * 1000:.0f} ms" for name, (p50, p99) in latency.items())
    calls = Counter(call.status for call in slack.calls)
    figure = f"{len(slack.said())} messages, {calls[0]} calls unanswered, {calls[429]} times 429; p50/p99 {shown}"
    figure += f" in one of {len(rounds)} rounds" if len(rounds) > 1 else ""
    return Verdict(not wrong, figure, wrong)


def _settings(slack: SlackServer) -> dict[str, str]:
    return {
        "SIGNALS_CLOCK_MODE": "wall",
        "SIGNALS_CLOCK_INTERVAL": "1",
        "SLACK_BOT_TOKEN": TOKEN,
        "SLACK_API_URL": slack.url,
    }


def _play(slack: Weather, phase: Phase) -> tuple[str, int]:
    """Play one phase; its name and when it began."""
    began_us = time.time_ns() // 1000
    slack.air = phase.air
    say(f"Slack is {phase.name}")
    time.sleep(phase.seconds)
    return phase.name, began_us


def _as_fast(rounds: Iterable[Latency]) -> Latency | None:
    """A round in which Slack made no difference, if there is one."""
    return next((latency for latency in rounds if not any(_slower(latency))), None)


def _latencies(records: Iterable[Record], begins: Sequence[tuple[str, int]]) -> Sequence[Latency]:
    """From the buyer's act to the signal that says so, by the phase in which it happened; a dictionary per round."""
    delays: list[list[float]] = [[] for _ in begins]
    for signal in (decode_signal(record.value or b"") for record in records):
        at_us = parse_rfc3339(signal.occurred_at)
        phase = sum(began_us <= at_us for _, began_us in begins)
        if phase and signal.kind is Kind.HIGH_INTENT and signal.transition is Step.OPENED:
            delays[phase - 1].append((parse_rfc3339(signal.detected_at) - at_us) / 1e6)
    rounds: list[dict[str, tuple[float, float]]] = []
    for (name, _), some in zip(begins, delays, strict=True):
        if not rounds or name in rounds[-1]:
            rounds.append({})
        rounds[-1][name] = (_quantile(some, 0.5), _quantile(some, 0.99))
    return rounds


def _quantile(values: Sequence[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))] if values else float("inf")


def _slower(latency: Latency) -> Iterator[str]:
    """Where detection took longer than while Slack was well."""
    well = latency["well"]
    for name, found in latency.items():
        for what, now, was in zip(("p50", "p99"), found, well, strict=True):
            if now > was * SLOWER + SLOWER_S:
                yield f"detection while Slack was {name}: {what} of {now:.2f} s, {was:.2f} s when it was well"


def _untold(slack: SlackServer, logs: Logs) -> Iterator[str]:
    """What was not told, told twice, told in another order than decided, or not brought up to date."""
    deliveries = [_delivery(record) for record in logs[ALERT_OUTBOX]]
    posts = [each for each in deliveries if each.op is Op.POST]
    should, told = Counter(map(mark_of, posts)), Counter(map(_mark, slack.said()))
    if should - told:
        yield f"{(should - told).total()} of {should.total()} messages were not told"
    if told - should:
        yield f"{(told - should).total()} messages were told more often than decided"
    yield from _disorder(slack, posts)
    yield from not_up_to_date(logs)


def not_up_to_date(logs: Logs) -> Iterator[str]:
    """Messages that do not show, by the ledger, the last that was decided about them."""
    deliveries = [_delivery(record) for record in logs[ALERT_OUTBOX]]
    last = {ledger_key(each): each.seq for each in deliveries}
    values = {(record.key or b"").decode(): record.value for record in logs[ALERT_LEDGER]}
    entries = {key: decode_entry(value) for key, value in values.items() if value}
    done = {key: entry.seq for key, entry in entries.items() if entry.state.value == "said"}
    behind = [place for place, seq in last.items() if done.get(place) != seq]
    if behind:
        yield f"{len(behind)} of {len(last)} messages do not show the last that was decided, e.g. {behind[0]}"


def _disorder(slack: SlackServer, posts: Sequence[Delivery]) -> Iterator[str]:
    """Channels in which one deal's messages do not stand in the order in which they were decided."""
    by_recipient: dict[str, list[Delivery]] = defaultdict(list)
    for each in posts:
        by_recipient[each.recipient.key].append(each)
    orders = [[mark_of(each) for each in _by_deal(some)] for some in by_recipient.values()]
    deals = {mark_of(each): each.signal.subject_key for each in posts}
    for name, channel in slack.channels.items():
        said = [mark for mark in map(_mark, channel.messages) if mark in deals]
        by_deal = sorted(said, key=lambda mark: deals[mark])
        if by_deal not in [[mark for mark in order if mark in said] for order in orders]:
            yield f"the messages of a deal in {name} are not in the order in which they were decided"


def _by_deal(deliveries: Sequence[Delivery]) -> list[Delivery]:
    return sorted(deliveries, key=lambda each: each.signal.subject_key)


def _mark(message: dict[str, Any]) -> str:
    """What a message carries unseen, the same for every attempt to say it."""
    mark: str = message["metadata"]["event_payload"]["mark"]
    return mark


def _delivery(record: Record) -> Delivery:
    found = read_delivery(record.value or b"")
    if isinstance(found, Unreadable):
        raise TypeError(found.detail)
    return found


@contextmanager
def _slack() -> Iterator[Weather]:
    """The server, on a loop of its own, knowing the whole team."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="slack")
    thread.start()
    server = Weather()
    server.users |= {seller.email: f"U0{seller.id[-7:].upper()}" for seller in SELLERS}
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


LINE = Line(
    "slack",
    "Slack away for an hour (quick: scaled to 20 s, full: to 2 minutes), then 429s",
    "detection as fast as before (p50, p99 within 1.5 times and 0.2 s); all told in the end, once, in order per deal",
    _run,
    alone=True,
)
