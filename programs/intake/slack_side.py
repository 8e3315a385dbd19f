"""What intake holds where Slack's buttons come in: the way to Slack, who owns what, and what is open.

definitions   --> who people are          deal.current --> what is open, and on whose deals
alert.actions --> what was done before    presses      --> alert.actions
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
import structlog
from prometheus_client import CollectorRegistry

from alerts.actions import decode_action
from alerts.calls import Calls, slack_client
from alerts.deviations import Deviations
from alerts.interactions import read, read_body
from alerts.manifest import EVENTS_PATH, INTERACTIONS
from alerts.metrics import PressMetrics
from alerts.replies import Done
from engine.following import Follower
from engine.records import Record
from engine.settings import Broker
from engine.writer import BatchWriter, side_by_side
from programs.intake.doors import Answers, Door, SlackGuard
from programs.intake.lanes import AwayError
from programs.intake.newest import Newest
from programs.intake.presses import Presses
from programs.intake.socket_mode import SocketMode
from programs.startup import Ready
from topics.catalog import ALERT_ACTIONS, DEAL_CURRENT, DEFINITIONS
from topics.codec import encode

SOURCE = "slack"
PATHS = (INTERACTIONS, EVENTS_PATH)
#: Slack waits three seconds.
ANSWER_S = 2.5
PAUSE_S = 10.0
#: While a topic is missing it is looked for this often.
LOOK_S = 2.0

log = structlog.get_logger("intake")


def answering(presses: Presses, why_not: Callable[[], str | None]) -> Answers:
    """Who takes a verified request over HTTP, unless there is a reason why not."""

    async def answer(body: bytes, content_type: str) -> bytes:
        if why_not() is not None:
            raise AwayError
        words = await presses.answer(read_body(body, content_type))
        return encode(words) if words else b""

    return answer


class SlackSide:
    """Made without connecting to anything; `run` does the work, `doors` are for the listener."""

    def __init__(self, ready: Ready, broker: Broker, writer: BatchWriter, registry: CollectorRegistry) -> None:
        slack = ready.settings.slack
        token = slack.token.get_secret_value() if slack.token else ""
        metrics = PressMetrics(registry)
        self._broker, self._writer = broker, writer
        self._calls = Calls(slack_client(token, slack.api_url), metrics)
        self._newest, self._open = Newest(ready.playbook), Deviations()
        self._presses = Presses(self._calls, writer, lambda: self._newest.book, self._open, metrics=metrics)
        self._secret = slack.signing_secret.get_secret_value().encode() if slack.signing_secret else None
        self._socket: SocketMode | None = None
        if slack.app_token is not None:
            self._socket = SocketMode(slack.app_token.get_secret_value(), slack.api_url, self._heard)
        self._trouble: str | None = "has not begun"

    def doors(self) -> dict[str, Door]:
        """The doors for Slack, where it calls over HTTP."""
        if self._secret is None:
            return {}
        answers = answering(self._presses, lambda: self._trouble)
        door = Door(SOURCE, "", SlackGuard(self._secret), answers=answers, within_s=ANSWER_S)
        return dict.fromkeys(PATHS, door)

    def why_not(self) -> str | None:
        """The ready check."""
        return self._trouble or (self._socket.trouble if self._socket else None)

    async def run(self) -> None:
        """Until cancelled. The writer must have been started."""
        followers = [
            Follower(self._broker, DEFINITIONS, self._newest.take),
            Follower(self._broker, DEAL_CURRENT, self._take_deal, await self._partitions(DEAL_CURRENT)),
            Follower(self._broker, ALERT_ACTIONS, self._take_action, await self._partitions(ALERT_ACTIONS)),
        ]
        works: list[Coroutine[Any, Any, object]] = [follower.run() for follower in followers]
        works += [self._begin(followers)]
        if self._socket is not None:
            works.append(self._socket.run())
        try:
            await side_by_side(works)
        finally:
            await self._presses.close()

    async def _partitions(self, topic: str) -> int:
        """How many partitions a topic has, once it is there. Asked for only then: asking might make it."""
        while topic not in (await self._writer.known_topics(LOOK_S) or ()):
            self._trouble = f"missing: {topic}"
            await asyncio.sleep(LOOK_S)
        return await self._writer.partitions(topic)

    async def _begin(self, followers: list[Follower]) -> None:
        """Learn what is there, then whose token we have; only then anything is decided."""
        self._trouble = "what is open has not been read yet"
        for follower in followers:
            await follower.caught_up()
        while True:
            reply = await self._calls.call("auth.test", {})
            team = reply.data.get("team_id") if isinstance(reply, Done) else None
            if isinstance(team, str) and team:
                break
            self._trouble = f"auth.test: {reply}"
            log.warning("slack does not say who we are, trying again", reply=str(reply))
            await asyncio.sleep(PAUSE_S)
        self._presses.team, self._trouble = team, None
        log.info("slack's buttons are answered", team=team)

    async def _heard(self, payload: object) -> dict[str, Any]:
        """An envelope of Socket Mode. Raises AwayError."""
        if self._trouble is not None:
            raise AwayError
        return await self._presses.answer(read(payload))

    def _take_deal(self, record: Record) -> None:
        if not self._open.take(record.key or b"", record.value):
            log.warning("a view cannot be read", topic=record.topic, partition=record.partition, offset=record.offset)

    def _take_action(self, record: Record) -> None:
        try:
            self._presses.acted(decode_action(record.value or b""))
        except msgspec.DecodeError:
            log.warning("no action", topic=record.topic, partition=record.partition, offset=record.offset)
