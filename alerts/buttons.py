"""What can be done about a message: a row of buttons, or a menu beside one of its signals. Pure.

A button's value says which signals it stands beside and nothing else: who may do what is decided where the press
arrives, by who pressed and whose deal it is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import msgspec

from alerts.actions import ActionKind
from alerts.blocks import Block, plain
from alerts.wording import OFFERS
from topics.codec import decoder
from topics.signals import Signal, Step

OPEN_IN_CRM = "open_in_crm"
#: The `action_id` of a menu; its options carry what was chosen.
MENU = "more"
LONGEST_VALUE, LONGEST_OPTION = 2000, 150
#: Ids of ours; nothing else is offered for a press, or taken from one.
SIGNAL_ID = re.compile(r"[0-9a-f]{16,40}")
#: In the order in which they stand.
OFFERED = (ActionKind.DONE, ActionKind.SNOOZE, ActionKind.NOT_RELEVANT, ActionKind.OVERRIDE)


class Pressed(msgspec.Struct, frozen=True, array_like=True):
    """The value of a button: the signals that it stands beside, and what they are about."""

    signals: tuple[str, ...]
    subject: str = ""


_decode = decoder(Pressed)


def row(signals: Sequence[Signal], handled: Collection[str], url: str | None) -> Block | None:
    """The buttons of a message about one deal: for every signal that is open and not dealt with; the link always."""
    found = actionable(signals, handled)
    value = _value(found)
    buttons = [_button(kind, value) for kind in OFFERED] if value else []
    if url is not None:
        buttons.append({"type": "button", "text": plain("Open in CRM"), "url": url, "action_id": OPEN_IN_CRM})
    return {"type": "actions", "elements": buttons} if buttons else None


def menu(signal: Signal, handled: Collection[str], url: str | None) -> Block | None:
    """The same for one signal among several, as a menu beside it."""
    return deviation_menu(signal.id, url, offered=bool(actionable((signal,), handled)))


def deviation_menu(signal: str, url: str | None, *, offered: bool) -> Block | None:
    """A menu beside a signal, by its id; the link alone where nothing is offered."""
    options = [_option(kind, signal) for kind in OFFERED] if offered and SIGNAL_ID.fullmatch(signal) else []
    if url is not None:
        options.append({"text": plain("Open in CRM"), "value": OPEN_IN_CRM, "url": url})
    return {"type": "overflow", "action_id": MENU, "options": options} if options else None


def actionable(signals: Iterable[Signal], handled: Collection[str]) -> tuple[Signal, ...]:
    """Those that something can be done about: open, and nobody has said that it is dealt with."""
    return tuple(
        signal
        for signal in signals
        if signal.transition is not Step.RESOLVED and signal.id not in handled and SIGNAL_ID.fullmatch(signal.id)
    )


def read_value(value: object) -> Pressed | None:
    """What a button stood beside; None for a value that is none of ours."""
    if not isinstance(value, str) or len(value) > LONGEST_VALUE:
        return None
    try:
        pressed: Pressed = _decode(value.encode())
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None
    return pressed if pressed.signals and all(map(SIGNAL_ID.fullmatch, pressed.signals)) else None


def read_option(value: object) -> tuple[ActionKind, Pressed] | None:
    """What was chosen from a menu; None for a value that is none of ours."""
    kind, _, signal = value.partition(":") if isinstance(value, str) else ("", "", "")
    if kind not in tuple(ActionKind) or not SIGNAL_ID.fullmatch(signal):
        return None
    return ActionKind(kind), Pressed((signal,))


def _value(signals: Sequence[Signal]) -> str:
    """Empty where there is nothing to act on, or no room to say on what."""
    if not signals:
        return ""
    pressed = Pressed(tuple(signal.id for signal in signals), signals[0].subject_key)
    text = msgspec.json.encode(pressed).decode()
    return text if len(text) <= LONGEST_VALUE else ""


def _button(kind: ActionKind, value: str) -> Block:
    style = {"style": "primary"} if kind is ActionKind.DONE else {}
    return {"type": "button", "text": plain(OFFERS[kind]), "action_id": kind.value, "value": value, **style}


def _option(kind: ActionKind, signal: str) -> Block:
    return {"text": plain(OFFERS[kind]), "value": f"{kind.value}:{signal}"}
