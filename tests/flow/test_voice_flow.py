"""Signals in, Slack's record out: the voice as a whole, against a real HTTP server, without a broker."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from alerts.calls import Calls, slack_client
from alerts.ledger import State, decode_entry
from alerts.reasons import Fate, Reason
from alerts.slack import Slack
from alerts.values import Op
from playbook.load import Loaded
from playbook.model import Audience, Response
from programs.notify import World, make_fanout, make_policy
from programs.published import Published
from programs.route import make_route
from programs.send import Terminal, make_send, make_voice
from tests.flow.voice_line import VoiceLine, at_once
from tests.flow.voice_world import NOW_US, DictStore, batch, world
from tests.golden.messages.samples import BEN, PLAYBOOK, opened, resolved, updated
from tests.integration.slack_server import TOKEN, SlackServer, not_ok
from tests.unit.policy_timeline import conserved
from topics.catalog import ALERT_INBOX, ALERT_OUTBOX, DEAL_SIGNALS, REJECTED
from topics.codec import encode
from topics.instants import DAY_US
from topics.signals import Kind

CONTACT, PUSHED, INTENT = opened(Kind.CONTACT_GAP), opened(Kind.CLOSE_DATE_PUSHED), opened(Kind.HIGH_INTENT)
TOLD = {each.kind.value: each for each in (CONTACT, PUSHED, INTENT)}


@pytest.fixture
async def slack() -> AsyncIterator[SlackServer]:
    async with SlackServer(lambda: NOW_US / 1e6) as server:
        yield server


@pytest.fixture
def line(slack: SlackServer) -> VoiceLine:
    shown = world(Terminal(print)).metrics
    return VoiceLine(Slack(Calls(slack_client(TOKEN, slack.url, 2), shown)))


def _texts(slack: SlackServer, channel: str) -> list[str]:
    return [message["text"] for message in slack.channels[channel].messages]


async def test_one_message_per_deal_to_the_owner(line: VoiceLine, slack: SlackServer) -> None:
    await line.tell(CONTACT, PUSHED)
    (text,) = _texts(slack, "D0ANN0001")
    assert text.startswith("🔴 Acme renewal 2027: 2 things to look at")
    assert [each.reason for each in line.log()] == [Reason.SETTLING, Reason.SETTLING, Reason.TOLD, Reason.MERGED]


async def test_an_owner_known_by_e_mail_is_looked_up_once(line: VoiceLine, slack: SlackServer) -> None:
    for each in (CONTACT, replace(PUSHED, subject_key="salesforce/default:another")):
        await line.tell(replace(each, owner_id=BEN.ids[0]))
    assert len(_texts(slack, "D0BEN0001")) == 2
    assert [call.arguments["email"] for call in slack.called("users.lookupByEmail")] == [BEN.email]


async def test_updates_and_the_end_edit_the_same_message(line: VoiceLine, slack: SlackServer) -> None:
    await line.tell(PUSHED)
    await line.tell(updated(PUSHED, deal_name="Acme, larger"), resolved(PUSHED))
    (message,) = slack.channels["D0ANN0001"].messages
    assert message["text"].startswith("✅ Acme renewal 2027: resolved")
    assert [edit.split(":")[0] for edit in message["edits"]] == ["🔴 Acme renewal 2027", "🔴 Acme, larger"]
    assert len(slack.posts()) == 1


async def test_a_redelivered_batch_says_nothing_again(line: VoiceLine, slack: SlackServer) -> None:
    await line.tell(CONTACT, resolved(CONTACT))
    calls = len(slack.calls)
    await line.tell(CONTACT, resolved(CONTACT))
    assert len(slack.calls) == calls
    assert [each.reason for each in line.log()][-2:] == [Reason.DUPLICATE, Reason.DUPLICATE]


async def test_what_was_over_before_it_was_told_is_not_told(line: VoiceLine, slack: SlackServer) -> None:
    await line.tell(resolved(CONTACT))
    assert slack.calls == []
    assert [each.reason for each in line.log()] == [Reason.RESOLVED_BEFORE_TOLD]


async def test_an_unknown_owner_s_signal_goes_to_the_fallback_channel_and_says_why(
    line: VoiceLine, slack: SlackServer
) -> None:
    await line.tell(replace(CONTACT, owner_id="x", owner="Zoe Zed"))
    (message,) = slack.channels["C0FALLBACK"].messages
    assert "Here because the playbook does not know the deal's owner" in json.dumps(message["blocks"])


async def test_a_recipient_whom_slack_refuses_is_told_in_the_fallback_channel_to_the_end(
    line: VoiceLine, slack: SlackServer
) -> None:
    slack.fail("conversations.open", not_ok("user_not_found"))
    await line.tell(CONTACT)
    await line.tell(resolved(CONTACT))
    (message,) = slack.channels["C0FALLBACK"].messages
    assert message["text"].startswith("✅")
    (entry,) = [decode_entry(value) for value in line.stores["send"].durable.values()]
    assert (entry.state, entry.channel, entry.fallback) == (State.SAID, "C0FALLBACK", True)


async def test_what_nobody_can_be_told_stays_in_the_ledger_and_the_log(slack: SlackServer) -> None:
    alone = PLAYBOOK.model_copy(update={"fallback_channel": None})
    line = VoiceLine(Slack(Calls(slack_client(TOKEN, slack.url, 2), world(Terminal(print)).metrics)), alone)
    slack.fail("conversations.open", not_ok("user_not_found"))
    await line.tell(CONTACT)
    await line.tell(resolved(CONTACT))
    assert [(each.reason, each.detail) for each in line.log()] == [
        (Reason.SETTLING, ""),
        (Reason.TOLD, ""),
        (Reason.RECIPIENT_REFUSED, "user_not_found"),
        (Reason.RESOLVED, ""),
        (Reason.NEVER_SAID, ""),
    ]
    (entry,) = [decode_entry(value) for value in line.stores["send"].durable.values()]
    assert (entry.state, entry.reason, entry.detail) == (State.FAILED, Reason.RECIPIENT_REFUSED, "user_not_found")


async def test_the_owner_and_the_lead_each_hear_and_each_message_is_closed(slack: SlackServer) -> None:
    both = PLAYBOOK.model_copy(
        update={"responses": {Kind.CONTACT_GAP: Response(tell=(Audience.OWNER, Audience.LEAD), action="Call.")}}
    )
    line = VoiceLine(Slack(Calls(slack_client(TOKEN, slack.url, 2), world(Terminal(print)).metrics)), both)
    await line.tell(CONTACT)
    moved = replace(resolved(CONTACT), owner_id=BEN.ids[0], owner=BEN.name)
    await line.tell(moved)
    assert [text[0] for text in _texts(slack, "D0ANN0001") + _texts(slack, "D0LEE0001")] == ["✅", "✅"]
    assert "D0BEN0001" not in slack.channels
    assert line.stores["fanout"].durable == {}


async def test_intents_are_routed_while_slack_is_away(line: VoiceLine, slack: SlackServer) -> None:
    slack.fail("chat.postMessage", *[not_ok("invalid_blocks")])
    await line.tell(INTENT, CONTACT)
    (routed,) = line.on("route.sales-now")
    assert routed.key == INTENT.subject_key.encode()
    assert dict(routed.headers)["content-type"] == b"application/cloudevents+json; charset=UTF-8"
    assert json.loads(routed.value or b"")["data"]["intent"] == "demo_request"


async def test_the_counts_of_decisions_add_up(line: VoiceLine) -> None:
    await line.tell(CONTACT, PUSHED, INTENT, CONTACT)
    await line.tell(resolved(CONTACT), resolved(opened(Kind.CYCLE_EXCEEDED)))
    counted = sum(
        sample.value
        for family in line.registry.collect()
        if family.name == "signals_alerts_decisions"
        for sample in family.samples
        if sample.name.endswith("_total")
    )
    assert counted == len(line.log()) == 9
    assert [each.op for each in line.outbox()] == [Op.POST, Op.EDIT]
    fates = conserved(line.log())
    assert {kind: fates[each.id, "person:Ann Example"] for kind, each in TOLD.items()} == {
        "contact_gap": Fate.MERGED,
        "close_date_pushed": Fate.TOLD,
        "high_intent": Fate.MERGED,
    }


async def test_old_ends_are_forgotten_and_open_ones_are_not(line: VoiceLine) -> None:
    await line.tell(CONTACT, resolved(CONTACT), PUSHED)
    line.now_us += 400 * DAY_US
    await line.tell(INTENT)
    kept = {key.split(b"\x1f")[1].decode() for key, _ in line.stores["policy"].items() if b"\x1f" in key}
    assert kept == {PUSHED.id, INTENT.id}
    ledger = {key.split(b"\x1f")[1].decode() for key, _ in line.stores["send"].items()}
    assert ledger == {each.about for each in line.outbox()}


async def test_without_a_token_messages_are_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    voice = make_voice(None, None, world(Terminal(print)).metrics, print)
    line = VoiceLine(voice)
    await line.tell(replace(CONTACT, deal_name="\x1b[2J[red]Acme[/red]"))
    await line.tell(resolved(CONTACT))
    drawn = capsys.readouterr().out
    assert "Slack to Ann Example ─" in drawn
    assert "Slack to Ann Example, edited ─" in drawn
    assert "[2J[red]Acme[/red]: nobody has been in touch" in drawn
    assert "\x1b" not in drawn


GOOD = encode(CONTACT)
BAD = [
    ("no JSON", b"\xff\x00", "undecodable"),
    ("a tombstone", b"", "undecodable"),
    ("a kind that nobody built", GOOD.replace(b"contact_gap", b"brand_new_kind"), "undecodable"),
    ("an instant without a zone", GOOD.replace(b"2026-11-04T09:30:00Z", b"2026-11-04T09:30:00"), "bad_instant"),
    ("an instant beyond the calendar", GOOD.replace(b"2026-11-04T09:30:00Z", b"9999-12-31T23:59:59Z"), "bad_instant"),
]


@pytest.mark.parametrize(("value", "reason"), [each[1:] for each in BAD], ids=[each[0] for each in BAD])
def test_what_is_no_signal_is_put_aside_with_its_bytes_and_the_next_is_told(value: bytes, reason: str) -> None:
    metrics = world(Terminal(print)).metrics
    published = Published(Loaded(PLAYBOOK, CONTACT.playbook))
    for processor in (
        make_fanout(World(published, metrics), 0, DictStore()),
        make_route(published, metrics, 0, DictStore()),
    ):
        outputs = at_once(processor.process(batch(DEAL_SIGNALS, [value, encode(INTENT)])))
        rejected = [json.loads(each.value or b"") for each in outputs if each.topic == REJECTED]
        assert [(each["reason"], each["topic"], each["offset"]) for each in rejected] == [(reason, DEAL_SIGNALS, 0)]
        assert base64.b64decode(rejected[0].get("value", "")) == value
        assert len(outputs) == 2


async def test_what_is_no_entry_of_the_inbox_or_the_outbox_is_put_aside_too() -> None:
    made = world(Terminal(print))
    policy = make_policy(World(Published(Loaded(PLAYBOOK, CONTACT.playbook)), made.metrics), 0, DictStore())
    assert [each.topic for each in at_once(policy.process(batch(ALERT_INBOX, [b"{}"])))] == [REJECTED]
    assert [each.topic for each in await make_send(made, 0, DictStore()).process(batch(ALERT_OUTBOX, [b"[]"]))] == [
        REJECTED
    ]
