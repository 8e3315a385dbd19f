"""The forms that a press opens where it needs a reason or an end, as Slack's views. Pure."""

from __future__ import annotations

from typing import Any

from alerts.actions import ActionKind
from alerts.blocks import Block, plain, section
from alerts.inert import clean, length
from alerts.interactions import LONGEST_REASON, Meant, Press, Submission
from topics.codec import encode

#: For how many days, by what is asked: a snooze is short, an exception outlasts a month-end but not two quarters.
DAYS: dict[ActionKind, tuple[int, ...]] = {
    ActionKind.SNOOZE: (1, 3, 7),
    ActionKind.OVERRIDE: (7, 14, 30, 90),
}
#: What is asked for in a form; the others are done at once.
ASKED = (ActionKind.SNOOZE, ActionKind.NOT_RELEVANT, ActionKind.OVERRIDE)
#: Shorter is no reason.
SHORTEST_REASON = 3

_TITLES = {
    ActionKind.SNOOZE: "Snooze",
    ActionKind.NOT_RELEVANT: "Not relevant",
    ActionKind.OVERRIDE: "Exception",
}
_EXPLAINED = {
    ActionKind.SNOOZE: "You hear of it again when the time is over, if it still holds then, or when it becomes worse.",
    ActionKind.NOT_RELEVANT: "You do not hear of it again. Your reason goes to those who write the definitions.",
    ActionKind.OVERRIDE: "Nobody is told of it until the exception ends. It stays in every figure, with your reason.",
}


def modal(press: Press, about: str) -> dict[str, Any]:
    """The form for a press; `about` names the deal and what is wrong, escaped already."""
    days = DAYS.get(press.kind)
    blocks = [section(f"*{about}*\n{_EXPLAINED[press.kind]}"), *([_choice(days)] if days else []), _reason()]
    return {
        "type": "modal",
        "callback_id": press.kind.value,
        "private_metadata": encode(Meant(press.pressed, press.channel)).decode(),
        "title": plain(_TITLES[press.kind]),
        "submit": plain(_TITLES[press.kind]),
        "close": plain("Cancel"),
        "blocks": blocks,
    }


def flaws(sent: Submission) -> dict[str, str]:
    """What is wrong with a form that was sent, by its fields; Slack shows it beside them."""
    wrong: dict[str, str] = {}
    if length(clean(sent.reason)) < SHORTEST_REASON:
        wrong["reason"] = "Say why, in a few words."
    if sent.kind in DAYS and sent.days not in DAYS[sent.kind]:
        wrong["days"] = "Choose one of these."
    return wrong


def _choice(days: tuple[int, ...]) -> Block:
    options = [{"text": plain(f"{each} day{'' if each == 1 else 's'}"), "value": str(each)} for each in days]
    element = {"type": "radio_buttons", "action_id": "days", "options": options, "initial_option": options[0]}
    return {"type": "input", "block_id": "days", "label": plain("For"), "element": element}


def _reason() -> Block:
    element = {
        "type": "plain_text_input",
        "action_id": "reason",
        "max_length": LONGEST_REASON,
        "min_length": SHORTEST_REASON,
        "multiline": False,
    }
    return {"type": "input", "block_id": "reason", "label": plain("Why"), "element": element}
