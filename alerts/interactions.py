"""What Slack sends when somebody presses, submits, or opens the app: payloads to values. Pure.

Payloads are believed because their sender was verified; what stands in them is still read as anybody's. A payload that
means nothing to us is `Nothing`, and is acknowledged like the others: Slack would show an error else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import parse_qs

import msgspec

from alerts.actions import ActionKind
from alerts.authority import User
from alerts.buttons import MENU, SIGNAL_ID, Pressed, read_option, read_value
from alerts.inert import clean
from topics.codec import decoder

#: A reason is a person's sentence.
LONGEST_REASON = 300
FORM = "application/x-www-form-urlencoded"


class Press(NamedTuple):
    """A button or a menu. `stamp` is the same for a repeat; `trigger` opens a modal; `channel` empty: in the home."""

    user: User
    kind: ActionKind
    pressed: Pressed
    stamp: str
    trigger: str
    channel: str


class Submission(NamedTuple):
    """A modal that was sent. `days` until it ends, as chosen; `reason` cleaned."""

    user: User
    kind: ActionKind
    pressed: Pressed
    stamp: str
    days: int | None
    reason: str
    channel: str


class Meant(msgspec.Struct, frozen=True):
    """What a modal carries unseen: what was pressed, and where."""

    pressed: Pressed
    channel: str = ""


class HomeOpened(NamedTuple):
    """Somebody looks at the app's home."""

    user: User


class Challenge(NamedTuple):
    """Slack asks whether this address is ours."""

    text: str


class Nothing(NamedTuple):
    """Nothing for us. `why` is from a bounded set."""

    why: str


_decode_meant = decoder(Meant)

Interaction: TypeAlias = Press | Submission | HomeOpened | Challenge | Nothing


def read_body(body: bytes, content_type: str) -> Interaction:
    """What came over HTTP: a form with a JSON payload, or JSON itself."""
    try:
        if content_type.partition(";")[0].strip().lower() == FORM:
            body = parse_qs(body.decode(), strict_parsing=True, max_num_fields=20)["payload"][0].encode()
        found = json.loads(body)
    except (ValueError, KeyError, RecursionError):
        return Nothing("unreadable")
    return read(found)


def read(payload: object) -> Interaction:
    """A payload, by whichever way it came."""
    if not isinstance(payload, Mapping):
        return Nothing("unreadable")
    match payload.get("type"):
        case "url_verification":
            return Challenge(text_at(payload, "challenge"))
        case "event_callback":
            return _event(payload)
        case "block_actions":
            return _press(payload)
        case "view_submission":
            return _submission(payload)
    return Nothing("unknown_type")


def _event(payload: Mapping[str, Any]) -> Interaction:
    if text_at(payload, "event", "type") != "app_home_opened" or text_at(payload, "event", "tab") not in ("", "home"):
        return Nothing("other_event")
    return HomeOpened(User(text_at(payload, "team_id"), text_at(payload, "event", "user")))


def _press(payload: Mapping[str, Any]) -> Interaction:
    actions = payload.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], Mapping) else {}
    chosen = _chosen(action)
    if chosen is None:
        return Nothing("no_action_of_ours")
    kind, pressed = chosen
    stamp, trigger = text_at(action, "action_ts"), text_at(payload, "trigger_id")
    channel = text_at(payload, "container", "channel_id") or text_at(payload, "channel", "id")
    return Press(_user(payload), kind, pressed, stamp, trigger, channel)


def _chosen(action: Mapping[str, Any]) -> tuple[ActionKind, Pressed] | None:
    name = text_at(action, "action_id")
    if name == MENU:
        return read_option(text_at(action, "selected_option", "value"))
    pressed = read_value(action.get("value"))
    return (ActionKind(name), pressed) if name in tuple(ActionKind) and pressed is not None else None


def _submission(payload: Mapping[str, Any]) -> Interaction:
    kind, meant = text_at(payload, "view", "callback_id"), _read_meant(text_at(payload, "view", "private_metadata"))
    if kind not in tuple(ActionKind) or meant is None:
        return Nothing("no_view_of_ours")
    days = text_at(payload, "view", "state", "values", "days", "days", "selected_option", "value")
    return Submission(
        user=_user(payload),
        kind=ActionKind(kind),
        pressed=meant.pressed,
        stamp=text_at(payload, "view", "id"),
        days=int(days) if days.isascii() and days.isdigit() and len(days) <= len("999") else None,
        reason=clean(text_at(payload, "view", "state", "values", "reason", "reason", "value"))[:LONGEST_REASON],
        channel=meant.channel,
    )


def _read_meant(text: str) -> Meant | None:
    try:
        found: Meant = _decode_meant(text.encode(errors="replace"))
    except msgspec.DecodeError:
        return None
    return found if found.pressed.signals and all(map(SIGNAL_ID.fullmatch, found.pressed.signals)) else None


def _user(payload: Mapping[str, Any]) -> User:
    """The person's own workspace counts: a guest's is another than that of the channel."""
    team = text_at(payload, "user", "team_id") or text_at(payload, "team", "id")
    return User(team, text_at(payload, "user", "id"))


def text_at(value: object, *path: str) -> str:
    """The text at a path of objects; empty where there is none."""
    for step in path:
        if not isinstance(value, Mapping):
            return ""
        value = value.get(step)
    return value if isinstance(value, str) else ""
