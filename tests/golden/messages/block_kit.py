"""What Slack refuses in blocks: the limits of slack_sdk's models and of Slack's documentation (50 blocks, text)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

BLOCKS, HEADER, SECTION, CONTEXT, ACTIONS = 50, 150, 3000, 10, 25
BUTTON, URL, ACTION_ID, TEXT = 75, 3000, 255, 40_000


def problems(text: str, blocks: list[dict[str, Any]]) -> list[str]:
    """Every reason for which Slack would not take this message."""
    found = [] if 0 < units(text) <= TEXT else ["text"]
    found += [] if 0 < len(blocks) <= BLOCKS else ["blocks"]
    return [*found, *(f"{at}: {problem}" for at, block in enumerate(blocks) for problem in _block(block))]


def units(text: str) -> int:
    """The length as JavaScript counts it."""
    return len(text.encode("utf-16-le")) // 2


def _block(block: dict[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield from _text(block["text"], HEADER, {"plain_text"})
        case "section":
            yield from _text(block["text"], SECTION, {"plain_text", "mrkdwn"})
        case "context":
            yield from _count(block["elements"], CONTEXT)
            for element in block["elements"]:
                yield from _text(element, SECTION, {"plain_text", "mrkdwn"})
        case "actions":
            yield from _count(block["elements"], ACTIONS)
            for element in block["elements"]:
                yield from _button(element)
        case other:
            yield f"unknown type {other}"


def _count(elements: list[object], most: int) -> Iterator[str]:
    if not 0 < len(elements) <= most:
        yield f"{len(elements)} elements"


def _button(button: dict[str, Any]) -> Iterator[str]:
    yield from _text(button["text"], BUTTON, {"plain_text"})
    if units(button.get("url", "")) > URL or units(button["action_id"]) > ACTION_ID:
        yield "button too long"


def _text(text: dict[str, Any], most: int, kinds: set[str]) -> Iterator[str]:
    if text["type"] not in kinds:
        yield f"{text['type']} here"
    if not 0 < units(text["text"]) <= most:
        yield f"{units(text['text'])} characters, at most {most}"
