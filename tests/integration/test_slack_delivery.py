"""The courier and the Slack adapter against every way in which Slack answers or fails to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

import pytest
from msgspec import structs

from alerts.audience import person
from alerts.calls import Calls, slack_client
from alerts.courier import Courier, World
from alerts.ledger import LedgerEntry, Part, State
from alerts.reasons import Reason
from alerts.retry import Patience
from alerts.slack import Slack
from alerts.values import Delivery, Op, Recipient
from programs.send import Send, StoredLedger, slack_trouble
from tests.flow.voice_world import NOW_US, QUICK, Crash, DictStore, deliveries, hurried, world
from tests.golden.messages.samples import ANN, BEN, LEE, PLAYBOOK, SHOWN, opened, resolved, updated
from tests.integration.slack_server import (
    BROKEN,
    DROPPED_AFTER,
    DROPPED_BEFORE,
    TOKEN,
    Fault,
    SlackServer,
    not_ok,
)
from topics.signals import Kind, Signal

SIGNAL = opened(Kind.CONTACT_GAP)
TO_ANN = person(ANN)
LIMITED = Fault(status=429, error="ratelimited", retry_after="0.05")


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer(lambda: NOW_US / 1e6) as server:
        yield server


def _delivery(seq: int = 1, signal: Signal = SIGNAL, recipient: Recipient = TO_ANN) -> Delivery:
    op = Op.POST if seq == 1 else Op.EDIT
    return Delivery(seq=seq, op=op, reason=Reason.TOLD, via=Reason.AS_OWNER, recipient=recipient, signal=signal)


def _world(slack: SlackServer, patience: Patience = QUICK, timeout_s: int = 2) -> World:
    made = world(None, patience=patience)  # type: ignore[arg-type]
    return _with_voice(made, Slack(Calls(slack_client(TOKEN, slack.url, timeout_s), made.metrics, hurried())))


def _with_voice(made: World, voice: Slack) -> World:
    return World(**{name: getattr(made, name) for name in made.__slots__} | {"voice": voice})


def _entry(store: DictStore) -> LedgerEntry:
    (key,) = store.durable
    entry = StoredLedger(store).get(key.decode())
    assert entry is not None
    return entry


def _count(made: World, metric: str, *labels: str) -> float:
    counter = getattr(made.metrics, metric)
    child = counter.labels(*labels) if labels else counter
    return float(child._value.get())


ONCE_IN_THE_END = [
    ("answered at once", "chat.postMessage", [], 1),
    ("429 with Retry-After", "chat.postMessage", [LIMITED], 2),
    ("429 twice", "chat.postMessage", [LIMITED, LIMITED], 3),
    ("503 before anything happened", "chat.postMessage", [BROKEN], 2),
    ("500 though it had happened", "chat.postMessage", [Fault(status=500, body="x", keeps=True)], 1),
    ("internal_error though it had happened", "chat.postMessage", [Fault(error="internal_error", keeps=True)], 1),
    ("the connection dropped before", "chat.postMessage", [DROPPED_BEFORE], 2),
    ("the connection dropped after", "chat.postMessage", [DROPPED_AFTER], 1),
    ("dropped before, then after", "chat.postMessage", [DROPPED_BEFORE, DROPPED_AFTER], 2),
    ("too slow, though it had happened", "chat.postMessage", [Fault(slow_s=1.5, keeps=True, drop=True)], 1),
    ("a page of HTML with status 200", "chat.postMessage", [Fault(body="<html>", keeps=True)], 1),
    ("the token refused for a while", "chat.postMessage", [not_ok("invalid_auth"), not_ok("account_inactive")], 3),
    ("opening the conversation limited", "conversations.open", [LIMITED], 1),
    ("opening the conversation unclear", "conversations.open", [DROPPED_AFTER, BROKEN], 1),
    ("history limited while looking", "conversations.history", [LIMITED], 1),
]


@pytest.mark.parametrize(
    ("method", "faults", "posts"), [case[1:] for case in ONCE_IN_THE_END], ids=[case[0] for case in ONCE_IN_THE_END]
)
async def test_exactly_one_message_in_the_end(slack: SlackServer, method: str, faults: list[Fault], posts: int) -> None:
    made, store = _world(slack, timeout_s=1), DictStore()
    slack.fail(method, *faults)
    if method == "conversations.history":
        slack.fail("chat.postMessage", DROPPED_AFTER)
    end = await Courier(made, StoredLedger(store)).deliver(_delivery())
    assert end.reason is None
    (message,) = slack.said()
    assert len(slack.posts()) == posts
    entry = _entry(store)
    assert (entry.state, entry.channel, entry.ts, entry.attempts) == (State.SAID, "D0ANN0001", message["ts"], posts + 1)


async def test_retry_after_is_honoured(slack: SlackServer) -> None:
    slack.fail("chat.postMessage", Fault(status=429, error="ratelimited", retry_after="0.4"))
    await Courier(_world(slack), StoredLedger(DictStore())).deliver(_delivery())
    first, second = slack.posts()
    assert second.at_s - first.at_s >= 0.4


async def test_history_that_lags_is_read_again_before_anything_is_said_again(slack: SlackServer) -> None:
    slack.history_lag = 1
    slack.fail("chat.postMessage", DROPPED_AFTER)
    made = _world(slack)
    await Courier(made, StoredLedger(DictStore())).deliver(_delivery())
    assert len(slack.said()) == 1
    assert len(slack.called("conversations.history")) == 2
    assert _count(made, "look_ups", "found") == 1


async def test_the_search_leafs_through_what_others_said(slack: SlackServer) -> None:
    slack.page = 10
    courier = Courier(_world(slack), StoredLedger(DictStore()))
    await courier.deliver(_delivery(signal=opened(Kind.HIGH_INTENT)))
    slack.fail("chat.postMessage", Fault(slow_s=1.2, keeps=True, drop=True))

    async def others_talk() -> None:
        while len(slack.said()) < 2:  # noqa: ASYNC110 - the server is in the same loop
            await asyncio.sleep(0.01)
        slack.said_by_hand("D0ANN0001", 35)

    talk = asyncio.create_task(others_talk())
    await courier.deliver(_delivery())
    await talk
    assert len([message for message in slack.said() if "metadata" in message]) == 2
    assert len(slack.called("conversations.history")) >= 4


async def test_where_history_may_not_be_read_a_double_is_possible_and_counted(slack: SlackServer) -> None:
    slack.fail("chat.postMessage", DROPPED_AFTER)
    slack.fail("conversations.history", not_ok("missing_scope"), not_ok("missing_scope"))
    made = _world(slack)
    await Courier(made, StoredLedger(DictStore())).deliver(_delivery())
    assert len(slack.said()) == 2
    assert (_count(made, "possible_doubles"), _count(made, "look_ups", "impossible")) == (1, 1)


async def test_no_connection_is_tried_until_there_is_one(slack: SlackServer) -> None:
    made = _world(slack)
    closed = slack_client(TOKEN, "http://127.0.0.1:9/api/", 1)
    voice = Slack(Calls(closed, made.metrics))
    courier = Courier(_with_voice(made, voice), StoredLedger(DictStore()))
    delivering = asyncio.create_task(courier.deliver(_delivery()))
    while _count(made, "requests", "conversations.open", "unreached") < 8:  # noqa: ASYNC110 - a metric has no event
        await asyncio.sleep(0.01)
    assert slack_trouble(voice) == "conversations.open: ClientConnectorError"
    closed.base_url = slack.url
    assert (await delivering).reason is None
    assert slack_trouble(voice) is None
    assert len(slack.said()) == 1


async def test_a_proxy_that_answers_for_slack_is_said_while_it_does(slack: SlackServer) -> None:
    slack.fail("conversations.open", *[BROKEN] * 9)
    made = _world(slack)
    delivering = asyncio.create_task(Courier(made, StoredLedger(DictStore())).deliver(_delivery()))
    while _count(made, "requests", "conversations.open", "ambiguous") < 4:  # noqa: ASYNC110 - a metric has no event
        await asyncio.sleep(0.01)
    assert str(slack_trouble(made.voice)).startswith("conversations.open: ")
    assert (await delivering).reason is None
    assert slack_trouble(made.voice) is None


FINAL = [
    ("user_not_found", "conversations.open", "user_not_found", "C0FALLBACK", None),
    ("channel_not_found", "chat.postMessage", "channel_not_found", "C0FALLBACK", None),
    ("a user who is gone", "chat.postMessage", "user_disabled", "C0FALLBACK", None),
    ("blocks that Slack refuses go nowhere", "chat.postMessage", "invalid_blocks", None, Reason.MESSAGE_REFUSED),
]


@pytest.mark.parametrize(
    ("method", "code", "channel", "reason"), [case[1:] for case in FINAL], ids=[case[0] for case in FINAL]
)
async def test_a_final_answer(
    slack: SlackServer, method: str, code: str, channel: str | None, reason: Reason | None
) -> None:
    slack.fail(method, not_ok(code))
    made, store = _world(slack), DictStore()
    end = await Courier(made, StoredLedger(store)).deliver(_delivery())
    assert end.reason is reason
    assert len(slack.channels[channel].messages if channel else slack.said()) == (1 if channel else 0)
    assert _count(made, "fallbacks", "recipient_refused") == (1 if channel else 0)
    assert (_entry(store).state, _entry(store).fallback) == ((State.SAID, True) if channel else (State.FAILED, False))


async def test_an_e_mail_that_slack_does_not_know_goes_to_the_fallback(slack: SlackServer) -> None:
    slack.users.pop("ben@example.com")
    await Courier(_world(slack), StoredLedger(DictStore())).deliver(_delivery(recipient=person(BEN)))
    assert len(slack.channels["C0FALLBACK"].messages) == 1


async def test_a_channel_is_found_by_its_name(slack: SlackServer) -> None:
    slack.page = 1
    named = Recipient(key="channel:#other", name="#other", channel="#other")
    await Courier(_world(slack), StoredLedger(DictStore())).deliver(_delivery(recipient=named))
    assert len(slack.channels["C0OTHER01"].messages) == 1


async def test_a_channel_that_is_not_there_goes_to_the_fallback(slack: SlackServer) -> None:
    named = Recipient(key="channel:#gone", name="#gone", channel="#gone")
    await Courier(_world(slack), StoredLedger(DictStore())).deliver(_delivery(recipient=named))
    assert len(slack.channels["C0FALLBACK"].messages) == 1


async def test_a_message_over_which_slack_stumbles_again_and_again_is_given_up_and_said_so(slack: SlackServer) -> None:
    slack.fail("chat.postMessage", *[not_ok("fatal_error")] * 5)
    store = DictStore()
    end = await Courier(_world(slack), StoredLedger(store)).deliver(_delivery())
    assert (end.reason, end.detail) == (Reason.GAVE_UP, "fatal_error")
    assert (_entry(store).state, _entry(store).attempts) == (State.FAILED, 5)


@pytest.mark.parametrize("fault", [BROKEN, DROPPED_BEFORE], ids=str)
async def test_a_slack_that_is_away_for_long_gets_the_message_when_it_is_back(slack: SlackServer, fault: Fault) -> None:
    slack.fail("chat.postMessage", *[fault] * 40)
    slack.fail("conversations.history", *[fault] * 20)
    store = DictStore()
    end = await Courier(_world(slack), StoredLedger(store)).deliver(_delivery())
    assert end.reason is None
    assert (_entry(store).state, len(slack.said())) == (State.SAID, 1)


@pytest.mark.parametrize("fault", [LIMITED, BROKEN, DROPPED_AFTER, DROPPED_BEFORE], ids=str)
async def test_an_edit_is_repeated_until_it_is_done(slack: SlackServer, fault: Fault) -> None:
    store = DictStore()
    courier = Courier(_world(slack), StoredLedger(store))
    await courier.deliver(_delivery())
    slack.fail("chat.update", fault)
    await courier.deliver(_delivery(2, resolved(SIGNAL)))
    (message,) = slack.said()
    assert message["text"].startswith("✅")
    assert (_entry(store).state, _entry(store).seq) == (State.SAID, 2)


async def test_a_message_that_somebody_deleted_is_not_said_again(slack: SlackServer) -> None:
    store = DictStore()
    courier = Courier(_world(slack), StoredLedger(store))
    await courier.deliver(_delivery())
    slack.channels["D0ANN0001"].messages.clear()
    end = await courier.deliver(_delivery(2, resolved(SIGNAL)))
    assert (end.reason, end.detail) == (Reason.MESSAGE_GONE, "message_not_found")
    assert slack.said() == []


async def test_first_in_first_out_for_one_recipient_though_several_are_spoken_to_at_once(slack: SlackServer) -> None:
    slack.fail("chat.postMessage", Fault(slow_s=0.3), LIMITED)
    kinds = list(SHOWN)[:4]
    people = [person(each) for each in (ANN, LEE)]
    batch = deliveries(*(_delivery(signal=opened(kind), recipient=who) for kind in kinds for who in people))
    store = DictStore()
    await Send(_world(slack), store).process(batch)
    for channel in ("D0ANN0001", "D0LEE0001"):
        said = [message["metadata"]["event_payload"]["mark"] for message in slack.channels[channel].messages]
        name = channel.removeprefix("D0")[:3].title()
        entries = {
            decoded.mark: decoded
            for decoded in map(StoredLedger(store).get, map(bytes.decode, store.durable))
            if decoded
        }
        assert [entries[mark].kind for mark in said] == kinds
        assert {entries[mark].recipient.split(":")[1][:3] for mark in said} == {name}


async def _run_until_crash(slack: SlackServer, store: DictStore, items: list[Delivery]) -> bool:
    """One life of the process; whether it died."""
    died = False
    try:
        await Send(_world(slack), store).process(deliveries(*items))
    except* Crash:
        died = True
    return died


LIVES: list[tuple[str, Callable[[SlackServer], None]]] = [
    ("slack is well", lambda _: None),
    ("the reply was lost", lambda slack: slack.fail("chat.postMessage", DROPPED_AFTER)),
    ("the person is gone", lambda slack: slack.fail("conversations.open", *[not_ok("user_not_found")] * 9)),
]


@pytest.mark.parametrize("after", [False, True], ids=["before the broker had it", "after the broker had it"])
@pytest.mark.parametrize("flush", range(1, 9))
@pytest.mark.parametrize("trouble", [each[1] for each in LIVES], ids=[each[0] for each in LIVES])
async def test_a_death_at_any_step_leaves_one_message_that_equals_the_ledger(
    slack: SlackServer,
    trouble: Callable[[SlackServer], None],
    flush: int,
    after: bool,  # noqa: FBT001 - a case's column
) -> None:
    """The process dies around the n-th write to the ledger; the next one gets the batch again and what was durable."""
    trouble(slack)
    items = [_delivery(), _delivery(2, updated(SIGNAL)), _delivery(3, resolved(SIGNAL))]
    first = DictStore()
    first.crash_at, first.crash_after = flush, after
    died = await _run_until_crash(slack, first, items)
    second = DictStore(first.durable)
    assert not await _run_until_crash(slack, second, items)
    assert died or first.durable == second.durable
    (message,) = slack.said()
    entry = _entry(second)
    assert (entry.state, entry.ts, entry.seq) == (State.SAID, message["ts"], 3)
    assert message["text"].startswith("✅")


async def test_a_cancelled_call_is_looked_for_by_the_next_process(slack: SlackServer) -> None:
    slack.fail("chat.postMessage", Fault(slow_s=0.5, keeps=True, drop=True))
    store = DictStore()
    task = asyncio.create_task(Send(_world(slack), store).process(deliveries(_delivery())))
    while not slack.said():  # noqa: ASYNC110 - the server is in the same loop
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await _run_until_crash(slack, DictStore(store.durable), [_delivery()])
    assert len(slack.said()) == 1
    assert len(slack.posts()) == 1


async def test_the_token_stays_out_of_errors_and_logs(
    slack: SlackServer, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    slack.fail("chat.postMessage", BROKEN, DROPPED_BEFORE, not_ok("channel_not_found"))
    await Send(_world(slack), DictStore()).process(deliveries(_delivery()))
    everything = caplog.text + "".join(capsys.readouterr())
    assert TOKEN not in everything
    assert "Acme renewal" not in everything


@pytest.mark.parametrize("address", ["http://slack.example/api/", "http://10.0.0.1/api/", "ftp://127.0.0.2.evil/"])
def test_a_token_is_never_sent_in_the_clear_across_a_network(address: str) -> None:
    with pytest.raises(ValueError, match="SLACK_API_URL must be https"):
        slack_client(TOKEN, address)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert slack_client(TOKEN, "http://localhost:1/api/").proxy is None
    assert slack_client(TOKEN).proxy == "http://127.0.0.1:9"


async def test_the_latency_from_detection_to_the_message_is_measured(slack: SlackServer) -> None:
    made = _world(slack)
    assert made.now_us() == NOW_US
    await Courier(made, StoredLedger(DictStore())).deliver(_delivery())
    assert made.metrics.told_seconds._sum.get() == 3.0


async def test_the_playbook_s_fallback_is_where_the_world_says(slack: SlackServer) -> None:
    assert _world(slack).fallback == PLAYBOOK.fallback_channel


def _details(slack: SlackServer) -> list[str]:
    return [reply["text"] for reply in slack.replies() if not reply["broadcast"]]


def _reminders(slack: SlackServer) -> list[str]:
    return [reply["text"] for reply in slack.replies() if reply["broadcast"]]


def _remind(seq: int = 2) -> Delivery:
    return structs.replace(_delivery(seq), op=Op.REMIND)


async def test_the_evidence_stands_in_the_thread_once_and_is_edited_there(slack: SlackServer) -> None:
    courier = Courier(_world(slack), StoredLedger(DictStore()))
    signal = opened(Kind.STAGE_OVERSTAY)
    await courier.deliver(_delivery(1, signal))
    await courier.deliver(_delivery(2, updated(signal, deal_name="Acme, larger")))
    await courier.deliver(_delivery(3, resolved(signal)))
    (reply,) = slack.replies()
    assert (reply["text"], len(reply["edits"])) == ("Evidence for Acme, larger", 1)
    assert "event e1 (deal.events 1/12)" in json.dumps(reply["blocks"])
    assert len(slack.said()) == 1


async def test_a_reminder_interrupts_once_more_and_stays_one_message(slack: SlackServer) -> None:
    store = DictStore()
    courier = Courier(_world(slack), StoredLedger(store))
    await courier.deliver(_delivery())
    end = await courier.deliver(_remind())
    assert end.reason is None
    (message,) = slack.said()
    assert len(message["edits"]) == 1
    assert [text.startswith("🟡 Acme renewal 2027: still") for text in _reminders(slack)] == [True]
    assert (_entry(store).state, _entry(store).part, len(_entry(store).reminders)) == (State.SAID, Part.MAIN, 1)
    await courier.deliver(_remind())
    assert len(_reminders(slack)) == 1
    await courier.deliver(_remind(3))
    assert len(_reminders(slack)) == 2


async def test_a_reminder_of_what_was_never_said_is_the_message(slack: SlackServer) -> None:
    await Courier(_world(slack), StoredLedger(DictStore())).deliver(_remind())
    assert (len(slack.said()), _reminders(slack)) == (1, [])


@pytest.mark.parametrize("fault", [DROPPED_AFTER, DROPPED_BEFORE, BROKEN, LIMITED], ids=str)
async def test_a_reply_whose_answer_is_unclear_is_looked_for_in_its_thread(slack: SlackServer, fault: Fault) -> None:
    made = _world(slack)
    courier = Courier(made, StoredLedger(DictStore()))
    slack.fail("chat.postMessage", Fault(), fault)
    await courier.deliver(_delivery())
    slack.fail("chat.postMessage", fault)
    await courier.deliver(_remind())
    assert (len(slack.said()), len(_details(slack)), len(_reminders(slack))) == (1, 1, 1)
    assert len(slack.called("conversations.replies")) >= (2 if fault is DROPPED_AFTER else 0)


async def test_a_thread_that_cannot_be_written_to_leaves_the_message_as_said(slack: SlackServer) -> None:
    store, made = DictStore(), _world(slack)
    slack.fail("chat.postMessage", Fault(), not_ok("restricted_action_thread_locked"))
    end = await Courier(made, StoredLedger(store)).deliver(_delivery())
    assert end.reason is None
    assert (_entry(store).state, _entry(store).detail) == (State.SAID, "restricted_action_thread_locked")
    assert made.metrics.messages.labels("reply", "recipient_refused")._value.get() == 1


@pytest.mark.parametrize("after", [False, True], ids=["before the broker had it", "after the broker had it"])
@pytest.mark.parametrize("flush", range(1, 14))
@pytest.mark.parametrize("fault", [None, DROPPED_AFTER], ids=["well", "lost"])
async def test_a_death_at_any_step_leaves_each_part_once(
    slack: SlackServer,
    fault: Fault | None,
    flush: int,
    after: bool,  # noqa: FBT001 - a case's column
) -> None:
    """Message, details, reminder, end: whichever write to the ledger the process dies around, each stands once."""
    for _ in range(3 if fault else 0):
        slack.fail("chat.postMessage", fault or Fault())
    items = [_delivery(), _remind(), _delivery(3, resolved(SIGNAL))]
    first = DictStore()
    first.crash_at, first.crash_after = flush, after
    await _run_until_crash(slack, first, items)
    second = DictStore(first.durable)
    assert not await _run_until_crash(slack, second, items)
    assert (len(slack.said()), len(_details(slack)), len(_reminders(slack))) == (1, 1, 1)
    entry = _entry(second)
    (message,) = slack.said()
    assert (entry.state, entry.seq, entry.ts) == (State.SAID, 3, message["ts"])
    assert {entry.details_ts, *entry.reminders} == {reply["ts"] for reply in slack.replies()}
    assert entry.doubtful is (flush == 2 and after)  # it cannot know that it had not called yet


async def test_a_message_that_may_stand_there_twice_says_so_and_so_does_the_ledger(slack: SlackServer) -> None:
    slack.fail("chat.postMessage", DROPPED_AFTER)
    slack.fail("conversations.history", not_ok("missing_scope"), not_ok("missing_scope"))
    store = DictStore()
    await Courier(_world(slack), StoredLedger(store)).deliver(_delivery())
    first, second = (json.dumps(message["blocks"]) for message in slack.said())
    assert "perhaps said twice" not in first
    assert "perhaps said twice" in second
    assert _entry(store).doubtful
    assert _entry(store).ts == slack.said()[1]["ts"]


async def test_a_history_that_may_be_read_once_a_minute_is_waited_for(slack: SlackServer) -> None:
    """Some apps may call conversations.history once a minute: a minute is half a second here."""
    slack.fail("chat.postMessage", DROPPED_AFTER)
    slack.fail("conversations.history", *[Fault(status=429, error="ratelimited", retry_after="0.5")] * 2)
    made = _world(slack)
    await Courier(made, StoredLedger(DictStore())).deliver(_delivery())
    assert len(slack.said()) == 1
    looks = slack.called("conversations.history")
    assert [round(after.at_s - before.at_s, 1) >= 0.5 for before, after in pairwise(looks)] == [True, True]
    assert _count(made, "possible_doubles") == 0
