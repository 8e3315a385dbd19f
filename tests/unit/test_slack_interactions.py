"""What Slack sends, as values: buttons, menus, forms, the home; and what is none of ours."""

# ruff: noqa: E501 - a row of a table of cases is one line, however long

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.actions import ActionKind
from alerts.authority import User
from alerts.buttons import LONGEST_OPTION, LONGEST_VALUE, OFFERED, Pressed, menu, read_option, read_value, row
from alerts.interactions import FORM, Challenge, HomeOpened, Interaction, Nothing, Press, Submission, read, read_body
from alerts.modals import ASKED, DAYS, flaws, modal
from tests.golden.messages.block_kit import problems, view_problems
from tests.golden.messages.samples import opened, resolved
from topics.signals import Kind

ONE, TWO = opened(Kind.CONTACT_GAP), opened(Kind.CLOSE_DATE_PUSHED)
ANN = User("T1", "U0ANN0001")
VALUE = json.dumps([[ONE.id], ONE.subject_key])
PRESSED = Pressed((ONE.id,), ONE.subject_key)


def press_payload(action: dict[str, Any], **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any part of a payload
    """block_actions, as Slack sends it for a message in a channel."""
    return {
        "type": "block_actions",
        "team": {"id": "T1"},
        "user": {"id": "U0ANN0001", "team_id": "T1"},
        "trigger_id": "1.2.abc",
        "container": {"type": "message", "channel_id": "D1", "message_ts": "1.0"},
        "channel": {"id": "D1"},
        "actions": [{"action_ts": "1700.01", "block_id": "b", **action}],
        **changes,
    }


def button(kind: str, value: str = VALUE) -> dict[str, Any]:
    return {"type": "button", "action_id": kind, "value": value}


def option(value: str) -> dict[str, Any]:
    return {"type": "overflow", "action_id": "more", "selected_option": {"value": value}}


def form_payload(kind: str, reason: object, days: object, metadata: str) -> dict[str, Any]:
    values: dict[str, Any] = {"reason": {"reason": {"type": "plain_text_input", "value": reason}}}
    if days is not None:
        values["days"] = {"days": {"type": "radio_buttons", "selected_option": {"value": days}}}
    view = {"id": "V1", "callback_id": kind, "private_metadata": metadata, "state": {"values": values}}
    return {
        "type": "view_submission",
        "team": {"id": "T1"},
        "user": {"id": "U0ANN0001", "team_id": "T1"},
        "view": view,
    }


DONE = Press(ANN, ActionKind.DONE, PRESSED, "1700.01", "1.2.abc", "D1")
METADATA = modal(DONE._replace(kind=ActionKind.SNOOZE), "x")["private_metadata"]
HOME = {"type": "event_callback", "team_id": "T1", "event": {"type": "app_home_opened", "user": "U0ANN0001"}}
CASES: list[tuple[str, object, Interaction]] = [
    ("a button", press_payload(button("done")), DONE),
    ("a guest's workspace counts", press_payload(button("done"), user={"id": "U9", "team_id": "T9"}), DONE._replace(user=User("T9", "U9"))),
    ("a menu", press_payload(option(f"snooze:{ONE.id}")), DONE._replace(kind=ActionKind.SNOOZE, pressed=Pressed((ONE.id,)))),
    ("in the home there is no channel", press_payload(button("done"), container={"type": "view"}, channel=None), DONE._replace(channel="")),
    ("the link", press_payload({"action_id": "open_in_crm", "type": "button"}), Nothing("no_action_of_ours")),
    ("the link of a menu", press_payload(option("open_in_crm")), Nothing("no_action_of_ours")),
    ("a value that is none of ours", press_payload(button("done", '[["<!channel>"],""]')), Nothing("no_action_of_ours")),
    ("a value that is no list", press_payload(button("done", "{}")), Nothing("no_action_of_ours")),
    ("nothing pressed", press_payload(button("done"), actions=[]), Nothing("no_action_of_ours")),
    ("a form", form_payload("snooze", " waiting for\nlegal ", "3", METADATA), Submission(ANN, ActionKind.SNOOZE, PRESSED, "V1", 3, "waiting for legal", "D1")),
    ("a form without an end", form_payload("not_relevant", "no", None, METADATA), Submission(ANN, ActionKind.NOT_RELEVANT, PRESSED, "V1", None, "no", "D1")),
    ("a form with an end that is no number", form_payload("snooze", "no", "x", METADATA), Submission(ANN, ActionKind.SNOOZE, PRESSED, "V1", None, "no", "D1")),
    ("a form without a reason", form_payload("snooze", None, "1", METADATA), Submission(ANN, ActionKind.SNOOZE, PRESSED, "V1", 1, "", "D1")),
    ("a form of somebody else's", form_payload("poll", "x", "1", METADATA), Nothing("no_view_of_ours")),
    ("a form that carries nothing", form_payload("snooze", "x", "1", "{}"), Nothing("no_view_of_ours")),
    ("the home", HOME, HomeOpened(ANN)),
    ("the messages beside the home", {**HOME, "event": {**HOME["event"], "tab": "messages"}}, Nothing("other_event")),  # type: ignore[dict-item]  # a payload
    ("another event", {**HOME, "event": {"type": "message"}}, Nothing("other_event")),
    ("whether we are here", {"type": "url_verification", "challenge": "c"}, Challenge("c")),
    ("another type", {"type": "shortcut"}, Nothing("unknown_type")),
    ("no object", [1], Nothing("unreadable")),
]  # fmt: skip


@pytest.mark.parametrize(("payload", "meant"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_a_payload_means(payload: object, meant: Interaction) -> None:
    assert read(payload) == meant
    assert read_body(json.dumps(payload).encode(), "application/json") == meant
    form = urlencode({"payload": json.dumps(payload)}).encode()
    assert read_body(form, f"{FORM}; charset=utf-8") == meant


@pytest.mark.parametrize("body", [b"", b"\xff", b"payload", b"payload=%7B", b"a=1", b"[" * 100_000])
@pytest.mark.parametrize("content_type", [FORM, "application/json", ""])
def test_a_body_that_cannot_be_read_is_acknowledged(body: bytes, content_type: str) -> None:
    assert read_body(body, content_type) == Nothing("unreadable")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["type", "user", "id", "team_id", "actions", "action_id", "value", "view", "state", "event"]
            ),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)


@given(payload=JSON, kind=st.sampled_from(["block_actions", "view_submission", "event_callback", "url_verification"]))
def test_no_payload_breaks_the_reader(payload: Any, kind: str) -> None:  # noqa: ANN401 - anything
    read(payload)
    if isinstance(payload, dict):
        read({**payload, "type": kind})


def test_what_a_button_carries_is_read_back_and_is_no_authority() -> None:
    buttons = row((ONE, TWO), {}, "https://crm.example/1")
    assert buttons is not None
    values = {each["value"] for each in buttons["elements"] if "value" in each}
    assert [read_value(value) for value in values] == [Pressed((ONE.id, TWO.id), ONE.subject_key)]
    assert all(len(value) <= LONGEST_VALUE for value in values)
    choices = menu(ONE, {}, None)
    assert choices is not None
    assert [read_option(each["value"]) for each in choices["options"]] == [
        (kind, Pressed((ONE.id,))) for kind in OFFERED
    ]
    assert all(len(each["value"]) <= LONGEST_OPTION for each in choices["options"])


def test_nothing_is_offered_where_nothing_can_be_done() -> None:
    assert row((resolved(ONE),), {}, None) is None
    assert row((ONE,), {ONE.id}, None) is None
    assert menu(ONE, {ONE.id}, None) is None
    long = opened(Kind.CONTACT_GAP, subject_key="x" * 3000)
    assert row((long,), {}, None) is None
    only = row((resolved(ONE),), {}, "https://crm.example/1")
    assert only is not None
    assert [each["action_id"] for each in only["elements"]] == ["open_in_crm"]


@pytest.mark.parametrize("kind", ASKED)
def test_a_form_is_one_that_slack_takes_and_that_comes_back(kind: ActionKind) -> None:
    form = modal(DONE._replace(kind=kind), "Acme &amp; Sons: nobody has been in touch")
    assert view_problems(form) == []
    assert problems("x", form["blocks"]) == []
    days = str(DAYS[kind][-1]) if kind in DAYS else None
    sent = read(form_payload(form["callback_id"], "because", days, form["private_metadata"]))
    assert isinstance(sent, Submission)
    assert (sent.kind, sent.pressed, sent.channel, flaws(sent)) == (kind, PRESSED, "D1", {})


FLAWS = [
    ("snooze", "", "1", {"reason"}),
    ("snooze", "  ", "1", {"reason"}),
    ("snooze", "because", "2", {"days"}),
    ("snooze", "because", None, {"days"}),
    ("override", "because", "7", set()),
    ("override", "because", "365", {"days"}),
    ("override", "x", None, {"reason", "days"}),
    ("not_relevant", "because", None, set()),
]


@pytest.mark.parametrize(("kind", "reason", "days", "wrong"), FLAWS)
def test_what_is_wrong_with_a_form(kind: str, reason: str, days: str | None, wrong: set[str]) -> None:
    sent = read(form_payload(kind, reason, days, METADATA))
    assert isinstance(sent, Submission)
    assert set(flaws(sent)) == wrong
