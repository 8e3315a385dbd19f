"""The whole voice without a broker: route, fan-out, policy and send joined by lists, with a clock that the test moves.

A store here tells apart what is visible from what is durable, as the engine's does: a crash leaves the durable part.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial

from prometheus_client import CollectorRegistry

from alerts.actions import Action
from alerts.metrics import Metrics
from alerts.values import Decision, Delivery, Moment, decode_decision, decode_delivery
from alerts.voice import Voice
from engine.records import Output
from playbook.alerting import Alerts
from playbook.load import Loaded, content_hash
from playbook.model import Playbook
from programs.notify import World as NotifyWorld
from programs.notify import make_fanout, make_policy
from programs.published import Published
from programs.route import make_route
from programs.send import Send, make_send
from tests.flow.voice_world import NOW_US, DictStore, batch, world
from tests.golden.messages.samples import PLAYBOOK
from tests.prompt import PROMPT
from topics.catalog import ALERT_ACTIONS, ALERT_INBOX, ALERT_LOG, ALERT_OUTBOX, DEAL_SIGNALS
from topics.codec import encode
from topics.signals import Signal


def at_once(outputs: Sequence[Output] | Awaitable[Sequence[Output]]) -> Sequence[Output]:
    """The answer to a batch that needs no waiting."""
    assert isinstance(outputs, Sequence)
    return outputs


class VoiceLine:
    """`tell(signals)` pushes a batch of `deal.signals` through everything; outputs are kept by topic.

    Unless a test is about the policy, it holds nothing back (PROMPT).
    """

    def __init__(self, voice: Voice, playbook: Playbook = PLAYBOOK, alerts: Alerts = PROMPT) -> None:
        playbook = playbook.model_copy(update={"alerts": alerts})
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.world = world(voice, playbook)
        self.stores = {name: DictStore() for name in ("route", "fanout", "policy", "send")}
        self.outputs: list[Output] = []
        self.now_us = NOW_US
        published = Published(Loaded(playbook, content_hash(playbook)))
        self._route = partial(make_route, published, self.metrics)(0, self.stores["route"])
        notify = NotifyWorld(published, self.metrics)
        self._fanout = make_fanout(notify, 0, self.stores["fanout"])
        self._policy = make_policy(notify, 0, self.stores["policy"])
        self.send: Send = partial(make_send, self.world)(0, self.stores["send"])

    async def tell(self, *signals: Signal) -> None:
        """One batch of transitions, through to the other side."""
        told = batch(DEAL_SIGNALS, [encode(each) for each in signals], self.now_us)
        self.outputs += at_once(self._route.process(told))
        await self._policed(self._through(at_once(self._fanout.process(told)), ALERT_INBOX))

    async def act(self, *actions: Action) -> None:
        """One batch of what people did."""
        done = batch(ALERT_ACTIONS, [encode(each) for each in actions], self.now_us)
        await self._policed(self._through(at_once(self._fanout.process(done)), ALERT_INBOX))

    async def _policed(self, inbox: list[bytes]) -> None:
        """The inbox and the next moment; what is passed on to others, at the moment after that."""
        while inbox:
            entries = [*inbox, encode(Moment(at_us=self.now_us))]
            decided = at_once(self._policy.process(batch(ALERT_INBOX, entries, self.now_us)))
            inbox = self._through(decided, ALERT_INBOX)
            outbox = [each.value or b"" for each in decided if each.topic == ALERT_OUTBOX]
            if outbox:
                self.outputs += await self.send.process(batch(ALERT_OUTBOX, outbox, self.now_us))

    def on(self, topic: str) -> list[Output]:
        """What went to a topic so far."""
        return [output for output in self.outputs if output.topic == topic]

    def log(self) -> list[Decision]:
        """`alert.log` so far."""
        return [decode_decision(output.value or b"") for output in self.on(ALERT_LOG)]

    def outbox(self) -> list[Delivery]:
        """`alert.outbox` so far."""
        return [decode_delivery(output.value or b"") for output in self.on(ALERT_OUTBOX)]

    def _through(self, outputs: object, topic: str) -> list[bytes]:
        new: list[Output] = list(outputs)  # type: ignore[call-overload]
        self.outputs += new
        return [output.value or b"" for output in new if output.topic == topic]
