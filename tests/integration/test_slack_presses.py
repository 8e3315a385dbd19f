"""Pressing in Slack, up to `alert.actions`: who may, what is kept, what Slack is answered. The broker is a list."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, web
from aiokafka.errors import KafkaTimeoutError
from msgspec import structs
from prometheus_client import CollectorRegistry

from alerts.actions import Action, ActionKind, By, Role, decode_action
from alerts.authority import User
from alerts.calls import Calls, slack_client
from alerts.deviations import Deviations
from alerts.interactions import HomeOpened, read
from alerts.metrics import PressMetrics
from engine.records import Output
from playbook.model import Owner
from playbook.owners import Directory
from programs.intake.desk import Desk
from programs.intake.doors import Door, SlackGuard
from programs.intake.listener import Listener
from programs.intake.metrics import IntakeMetrics
from programs.intake.presses import Book, Presses
from programs.intake.signatures import SLACK_SIGNATURE, SLACK_TIMESTAMP, slack_v0
from programs.intake.slack_side import ANSWER_S, PATHS, SOURCE, answering
from programs.intake.socket_mode import SocketMode
from tests.golden.messages.samples import ANN, BEN, LEE, PLAYBOOK, opened
from tests.integration.slack_server import APP_TOKEN, TEAM, TOKEN, Fault, SlackServer, not_ok
from tests.unit.test_slack_interactions import button, form_payload, option, press_payload
from topics.catalog import ALERT_ACTIONS
from topics.codec import encode
from topics.instants import DAY_US, parse_rfc3339
from topics.signals import Kind, Signal
from topics.views import DealView, OpenSignal

NOW_US = parse_rfc3339("2026-11-04T10:00:00Z")
OPS = Owner(name="Rita Ops", slack="U0RITA001")
BOOK = PLAYBOOK.model_copy(update={"owners": (*PLAYBOOK.owners, OPS), "revops": (OPS.name,)})
ONE, TWO = opened(Kind.CONTACT_GAP), opened(Kind.CLOSE_DATE_PUSHED)
BENS = opened(Kind.STAGE_OVERSTAY, subject_key="salesforce/default:ben", deal_id="ben", owner_id=BEN.ids[0], owner="")
SECRET = b"8f742231b10e8888abcd99yyyzzz85a5"
USERS = {ANN.name: "U0ANN0001", BEN.name: "U0BEN0001", LEE.name: "U0LEE0001", OPS.name: "U0RITA001", "Zoe": "U0ZOE0001"}


@dataclass
class Log:
    """A writer that keeps what it is given; `error` is raised in place of it."""

    outputs: list[Output] = field(default_factory=list)
    error: Exception | None = None
    slow_s: float = 0.0
    tries: int = 0

    async def write(self, outputs: list[Output]) -> None:
        """Keep them."""
        self.tries += 1
        await asyncio.sleep(self.slow_s)
        if self.error is not None:
            raise self.error
        self.outputs += outputs

    def actions(self) -> list[Action]:
        """What stands on `alert.actions`."""
        assert {output.topic for output in self.outputs} <= {ALERT_ACTIONS}
        found = [decode_action(output.value or b"") for output in self.outputs]
        assert [output.key for output in self.outputs] == [one.subject_key.encode() for one in found]
        return found


def view_of(*signals: Signal) -> DealView:
    """The deal's present state with these open on it."""
    first = signals[0]
    return DealView(
        key=first.subject_key,
        source="salesforce/default",
        deal_id=first.deal_id,
        name=first.deal_name,
        owner_id=first.owner_id,
        owner=first.owner,
        stage=first.stage,
        amount=first.amount,
        currency=first.currency,
        open_signals=tuple(OpenSignal(one.id, one.kind, one.severity, one.opened_at, one.reason) for one in signals),
    )


@dataclass
class Scene:
    """A Slack, its presses, and what they write."""

    slack: SlackServer
    log: Log
    presses: Presses
    metrics: PressMetrics
    open_now: Deviations

    async def press(self, who: str, action: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - a payload's
        """Somebody presses; the answer, once all that is said beside is said."""
        payload = press_payload(action, user={"id": USERS[who], "team_id": TEAM}, **changes)
        answer = await self.presses.answer(read(payload))
        await self.presses.close()
        return answer

    async def submit(self, who: str, reason: str, days: str | None) -> dict[str, Any]:
        """Somebody sends the form that was opened last."""
        form = self.slack.views[-1]
        payload = form_payload(form["callback_id"], reason, days, form["private_metadata"])
        payload |= {"user": {"id": USERS[who], "team_id": TEAM}}
        return await self.presses.answer(read(payload))

    def counted(self, kind: str, outcome: str) -> float:
        """How many presses of this kind came to this."""
        return float(self.metrics.presses.labels(kind, outcome)._value.get())


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with SlackServer(lambda: NOW_US / 1e6) as slack:
        slack.channels["D1"] = slack.channels["C0OTHER01"]
        open_now = Deviations()
        for signals in ((ONE, TWO), (BENS,)):
            assert open_now.take(signals[0].subject_key.encode(), encode(view_of(*signals)))
        log, metrics = Log(), PressMetrics(CollectorRegistry())
        calls = Calls(slack_client(TOKEN, slack.url, 2), metrics)
        book = Book(BOOK, Directory(BOOK.owners))
        presses = Presses(calls, log, lambda: book, open_now, metrics=metrics, now_us=lambda: NOW_US)
        presses.team = TEAM
        yield Scene(slack, log, presses, metrics, open_now)


def on(*signals: Signal) -> str:
    """The value of a button beside these."""
    return json.dumps([[one.id for one in signals], signals[0].subject_key])


async def test_done_is_kept_for_each_signal_by_who_pressed(scene: Scene) -> None:
    assert await scene.press(ANN.name, button("done", on(ONE, TWO))) == {}
    first, second = scene.log.actions()
    assert (first.kind, first.signal, first.subject_key, first.deal_id, first.at, first.until) == (
        ActionKind.DONE,
        ONE.id,
        ONE.subject_key,
        ONE.deal_id,
        "2026-11-04T10:00:00Z",
        "",
    )
    assert first.by == By(team_id=TEAM, user_id="U0ANN0001", name=ANN.name, role=Role.OWNER)
    assert second.signal == TWO.id
    assert scene.counted("done", "taken") == 1
    assert scene.slack.whispers == []


async def test_the_same_press_has_the_same_id_and_another_has_another(scene: Scene) -> None:
    for _ in range(2):
        await scene.press(ANN.name, button("done", on(ONE)))
    await scene.press(ANN.name, {**button("done", on(ONE)), "action_ts": "1700.02"})
    first, repeated, later = scene.log.actions()
    assert first.id == repeated.id != later.id


#: Who presses what on Ann's deal, and what comes of it: as what they act, or how it is refused.
MAY = [
    (ANN.name, "done", Role.OWNER),
    (LEE.name, "done", Role.LEAD),
    (OPS.name, "done", Role.REVOPS),
    (BEN.name, "done", "refused"),
    ("Zoe", "done", "unknown"),
]


@pytest.mark.parametrize(("who", "kind", "came"), MAY)
async def test_only_the_owner_the_lead_and_revops_may_act(scene: Scene, who: str, kind: str, came: Role | str) -> None:
    await scene.press(who, button(kind, on(ONE)))
    if isinstance(came, Role):
        assert [one.by.role for one in scene.log.actions()] == [came]
        return
    assert scene.log.actions() == []
    assert scene.counted(kind, came) == 1
    (whisper,) = scene.slack.whispers
    assert (whisper["user"], whisper["channel"]) == (USERS[who], "D1")


async def test_an_exception_is_not_the_owner_s_to_make_and_no_form_opens(scene: Scene) -> None:
    await scene.press(ANN.name, button("override", on(ONE)))
    assert scene.slack.views == []
    assert "lead" in scene.slack.whispers[0]["text"]
    await scene.press(LEE.name, button("override", on(ONE)))
    assert await scene.submit(LEE.name, "strategic account, the board knows", "30") == {}
    (action,) = scene.log.actions()
    assert (action.kind, action.by.role, action.reason) == (
        ActionKind.OVERRIDE,
        Role.LEAD,
        "strategic account, the board knows",
    )
    assert parse_rfc3339(action.until) == NOW_US + 30 * DAY_US


async def test_a_form_that_somebody_else_sends_is_decided_anew(scene: Scene) -> None:
    await scene.press(LEE.name, button("override", on(ONE)))
    answer = await scene.submit(ANN.name, "because I say so", "90")
    assert answer["response_action"] == "errors"
    assert scene.log.actions() == []
    assert scene.counted("override", "refused") == 1


async def test_a_snooze_wants_a_reason_and_an_end(scene: Scene) -> None:
    assert await scene.press(ANN.name, button("snooze", on(ONE, TWO))) == {}
    assert scene.log.actions() == []
    assert set((await scene.submit(ANN.name, " ", "2"))["errors"]) == {"reason", "days"}
    assert await scene.submit(ANN.name, "their legal is on it", "3") == {}
    assert [(one.signal, one.until) for one in scene.log.actions()] == [
        (ONE.id, "2026-11-07T10:00:00Z"),
        (TWO.id, "2026-11-07T10:00:00Z"),
    ]


async def test_not_relevant_wants_a_reason_and_has_no_end(scene: Scene) -> None:
    await scene.press(ANN.name, option(f"not_relevant:{ONE.id}"))
    await scene.submit(ANN.name, "a renewal, nobody calls there", None)
    (action,) = scene.log.actions()
    assert (action.kind, action.until, action.reason, action.subject_key) == (
        ActionKind.NOT_RELEVANT,
        "",
        "a renewal, nobody calls there",
        ONE.subject_key,
    )


async def test_a_button_s_value_gives_nobody_a_right(scene: Scene) -> None:
    """Ann names Ben's signal under the key of her own deal: the deal is looked up by the signal."""
    await scene.press(ANN.name, button("done", json.dumps([[BENS.id], ONE.subject_key])))
    assert scene.log.actions() == []
    await scene.press(ANN.name, button("done", json.dumps([[BENS.id, ONE.id], ONE.subject_key])))
    assert [one.signal for one in scene.log.actions()] == [ONE.id]


async def test_a_person_known_by_e_mail_is_looked_up_once(scene: Scene) -> None:
    for _ in range(3):
        await scene.press(BEN.name, button("done", on(BENS)))
    assert [one.by.name for one in scene.log.actions()] == [BEN.name] * 3
    assert len(scene.slack.called("users.info")) == 1


@pytest.mark.parametrize("team", ["T0OTHER", ""])
async def test_who_is_of_another_workspace_is_refused_whatever_their_id(scene: Scene, team: str) -> None:
    payload = press_payload(button("done", on(ONE)), user={"id": "U0ANN0001", "team_id": team}, team={"id": team})
    await scene.presses.answer(read(payload))
    assert scene.log.actions() == []
    assert scene.counted("done", "other_team") == 1


async def test_what_is_over_or_about_no_deal_is_revops_s_alone(scene: Scene) -> None:
    intent = opened(Kind.HIGH_INTENT, subject_key="web/acme:p-17", deal_id="")
    await scene.press(ANN.name, button("done", on(intent)))
    assert scene.counted("done", "over") == 1
    await scene.press(OPS.name, button("done", on(intent)))
    assert [(one.subject_key, one.deal_id) for one in scene.log.actions()] == [("web/acme:p-17", "")]


async def test_a_form_that_slack_does_not_open_is_said(scene: Scene) -> None:
    scene.slack.fail("views.open", not_ok("expired_trigger_id"))
    await scene.press(ANN.name, button("snooze", on(ONE)))
    assert scene.counted("snooze", "failed") == 1
    assert "press again" in scene.slack.whispers[0]["text"]


async def test_what_the_broker_has_not_is_no_press_that_was_taken(scene: Scene) -> None:
    scene.log.error = KafkaTimeoutError()
    with pytest.raises(KafkaTimeoutError):
        await scene.press(ANN.name, button("done", on(ONE)))
    assert scene.counted("done", "taken") == 0


async def _home(scene: Scene, who: str) -> str:
    await scene.presses.answer(HomeOpened(User(TEAM, USERS[who])))
    await scene.presses.close()
    return json.dumps(scene.slack.homes[USERS[who]], ensure_ascii=False)


async def test_the_home_shows_one_s_own_a_lead_s_team_and_revops_everybody(scene: Scene) -> None:
    own, lead, ops, nobody = [await _home(scene, who) for who in (ANN.name, LEE.name, OPS.name, "Zoe")]
    assert ONE.id in own
    assert TWO.id in own
    assert BENS.id not in own
    assert "Your team" not in own
    assert "Your team" in lead
    assert all(one.id in lead for one in (ONE, TWO, BENS))
    assert "Everybody else" in ops
    assert all(one.id in ops for one in (ONE, TWO, BENS))
    assert "ask RevOps" in nobody
    assert ONE.id not in nobody


async def test_the_home_shows_nobody_a_kind_that_is_not_told_to_them(scene: Scene) -> None:
    mismatch = opened(Kind.ICP_MISMATCH)
    assert scene.open_now.take(ONE.subject_key.encode(), encode(view_of(ONE, mismatch)))
    own, lead, ops = [await _home(scene, who) for who in (ANN.name, LEE.name, OPS.name)]
    assert ONE.id in own
    assert mismatch.id not in own + lead
    assert mismatch.id in ops


async def test_the_home_shows_at_once_what_was_done_in_it(scene: Scene) -> None:
    await _home(scene, ANN.name)
    await scene.press(ANN.name, option(f"done:{ONE.id}"), container={"type": "view"}, channel=None)
    shown = json.dumps(scene.slack.homes["U0ANN0001"], ensure_ascii=False)
    assert f"done:{ONE.id}" not in shown
    assert f"done:{TWO.id}" in shown
    assert "Done, says Ann Example" in shown


async def test_what_has_ended_is_offered_again_in_the_home(scene: Scene) -> None:
    await scene.press(ANN.name, button("snooze", on(ONE)))
    await scene.submit(ANN.name, "their legal is on it", "1")
    assert "Snoozed by Ann Example" in await _home(scene, ANN.name)
    (action,) = scene.log.actions()
    scene.presses.acted(structs.replace(action, until="2026-11-04T09:59:59Z"))
    shown = await _home(scene, ANN.name)
    assert "Snoozed by" not in shown
    assert f"done:{ONE.id}" in shown


async def test_nobody_of_another_workspace_gets_a_home(scene: Scene) -> None:
    await scene.presses.answer(HomeOpened(User("T0OTHER", "U0ANN0001")))
    await scene.presses.close()
    assert scene.slack.homes == {}


@pytest.fixture
async def door(scene: Scene) -> AsyncIterator[str]:
    """The address of an intake with Slack's doors."""
    metrics = IntakeMetrics(CollectorRegistry(), [SOURCE])
    answers = answering(scene.presses, lambda: None)
    made = Door(SOURCE, "", SlackGuard(SECRET), answers=answers, within_s=ANSWER_S)
    runner = web.ServerRunner(Listener(Desk(dict.fromkeys(PATHS, made), {}, metrics, 100_000), metrics))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def _send(address: str, body: bytes, content_type: str, **changed: str) -> tuple[int, bytes]:
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": content_type,
        SLACK_TIMESTAMP: timestamp,
        SLACK_SIGNATURE: slack_v0(SECRET, timestamp, body),
    }
    headers |= {name.replace("_", "-"): value for name, value in changed.items()}
    async with ClientSession() as session, session.post(address, data=body, headers=headers) as answer:
        return answer.status, await answer.read()


def _form(payload: dict[str, Any]) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


FORM = "application/x-www-form-urlencoded"


async def test_over_http_a_signed_press_is_answered_when_the_broker_has_it(scene: Scene, door: str) -> None:
    body = _form(press_payload(button("done", on(ONE)), user={"id": "U0ANN0001", "team_id": TEAM}))
    scene.log.slow_s = 0.2
    began = time.monotonic()
    assert await _send(door + PATHS[0], body, FORM) == (200, b"")
    assert time.monotonic() - began >= 0.2
    assert len(scene.log.actions()) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"X_Slack_Signature": "v0=" + "0" * 64},
        {"X_Slack_Request_Timestamp": str(int(time.time()) - 3_600)},
        {"X_Slack_Request_Timestamp": "now"},
        {"X_Slack_Signature": ""},
    ],
    ids=["another signature", "long ago", "no time", "none"],
)
async def test_a_forged_press_is_refused(scene: Scene, door: str, changed: dict[str, str]) -> None:
    body = _form(press_payload(button("done", on(ONE)), user={"id": "U0ANN0001", "team_id": TEAM}))
    assert (await _send(door + PATHS[0], body, FORM, **changed))[0] == 401
    assert scene.log.actions() == []


async def test_a_broker_that_does_not_answer_within_slack_s_time_is_no_200(scene: Scene, door: str) -> None:
    scene.log.slow_s = 60.0
    body = _form(press_payload(button("done", on(ONE)), user={"id": "U0ANN0001", "team_id": TEAM}))
    began = time.monotonic()
    assert (await _send(door + PATHS[0], body, FORM))[0] == 503
    assert time.monotonic() - began < 3.0


async def test_slack_is_told_that_the_address_is_ours_and_what_is_wrong_with_a_form(scene: Scene, door: str) -> None:
    challenge = json.dumps({"type": "url_verification", "challenge": "c1"}).encode()
    assert await _send(door + PATHS[1], challenge, "application/json") == (200, b'{"challenge":"c1"}')
    await scene.press(ANN.name, button("snooze", on(ONE)))
    form = form_payload("snooze", "", "1", scene.slack.views[-1]["private_metadata"])
    status, answer = await _send(door + PATHS[0], _form(form), FORM)
    assert (status, json.loads(answer)["response_action"]) == (200, "errors")


async def _until(true: Any, seconds: float = 10.0) -> None:  # noqa: ANN401 - anything that can be asked
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - neither the server nor the client has an event for it
            await asyncio.sleep(0.01)


@pytest.fixture
async def socket(scene: Scene) -> AsyncIterator[SocketMode]:
    """A connection of Socket Mode to the server."""

    async def take(payload: object) -> dict[str, Any]:
        return await scene.presses.answer(read(payload))

    mode = SocketMode(APP_TOKEN, scene.slack.url, take, watch_s=0.02)
    running = asyncio.create_task(mode.run())
    await _until(lambda: scene.slack.connected)
    try:
        yield mode
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_by_socket_mode_an_envelope_is_acknowledged_when_the_broker_has_it(
    scene: Scene, socket: SocketMode
) -> None:
    await _until(lambda: socket.trouble is None)
    payload = press_payload(button("done", on(ONE)), user={"id": "U0ANN0001", "team_id": TEAM})
    envelope = await scene.slack.push(payload)
    await _until(lambda: envelope in scene.slack.acknowledged)
    assert len(scene.log.actions()) == 1
    scene.log.error = KafkaTimeoutError()
    lost = await scene.slack.push(payload)
    await _until(lambda: scene.log.tries == 2)
    scene.log.error = None
    await scene.press(ANN.name, button("snooze", on(ONE)))
    form = form_payload("snooze", "", "1", scene.slack.views[-1]["private_metadata"])
    wrong = await scene.slack.push(form | {"user": {"id": "U0ANN0001", "team_id": TEAM}})
    await _until(lambda: wrong in scene.slack.acknowledged)
    assert scene.slack.acknowledged[wrong]["response_action"] == "errors"
    assert lost not in scene.slack.acknowledged


async def test_socket_mode_connects_again_when_slack_asks_for_it(scene: Scene, socket: SocketMode) -> None:
    await scene.slack.hang_up()
    await _until(lambda: len(scene.slack.called("apps.connections.open")) == 2)
    await _until(lambda: scene.slack.connected == 1 and socket.trouble is None)
    envelope = await scene.slack.push(
        {"type": "event_callback", "team_id": TEAM, "event": {"type": "app_home_opened", "user": "U0ANN0001"}},
        "events_api",
    )
    await _until(lambda: envelope in scene.slack.acknowledged and "U0ANN0001" in scene.slack.homes)


async def test_a_refused_token_is_said_and_nothing_is_taken(scene: Scene) -> None:
    scene.slack.fail("apps.connections.open", *[Fault(error="invalid_auth")] * 3)

    async def take(_: object) -> dict[str, Any]:
        raise AssertionError

    mode = SocketMode(APP_TOKEN, scene.slack.url, take, watch_s=0.02)
    running = asyncio.create_task(mode.run())
    await _until(lambda: mode.trouble == "not connected to Slack")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
