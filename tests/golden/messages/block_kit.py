"""What Slack refuses in blocks: the limits of slack_sdk's models and of Slack's documentation (50 blocks, text)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

BLOCKS, HEADER, SECTION, CONTEXT, ACTIONS = 50, 150, 3000, 10, 25
BUTTON, URL, ACTION_ID, TEXT = 75, 3000, 255, 40_000
VALUE, OPTIONS, OPTION, OPTION_VALUE = 2000, 5, 75, 150
VIEW_BLOCKS, TITLE, METADATA, LABEL, RADIOS = 100, 24, 3000, 2000, 10


def problems(text: str, blocks: list[dict[str, Any]]) -> list[str]:
    """Every reason for which Slack would not take this message."""
    found = [] if 0 < units(text) <= TEXT else ["text"]
    found += [] if 0 < len(blocks) <= BLOCKS else ["blocks"]
    return [*found, *(f"{at}: {problem}" for at, block in enumerate(blocks) for problem in _block(block))]


def view_problems(view: dict[str, Any]) -> list[str]:
    """Every reason for which Slack would not take this modal or home."""
    found = [] if 0 < len(view["blocks"]) <= VIEW_BLOCKS else ["blocks"]
    for name in ("title", "submit", "close"):
        if name in view:
            found += _text(view[name], TITLE, {"plain_text"})
    if units(view.get("private_metadata", "")) > METADATA or units(view.get("callback_id", "")) > ACTION_ID:
        found.append("metadata")
    found += [f"{at}: {problem}" for at, block in enumerate(view["blocks"]) for problem in _block(block)]
    ids = [block["block_id"] for block in view["blocks"] if "block_id" in block]
    return found + ([] if len(ids) == len(set(ids)) else ["block_id twice"])


def units(text: str) -> int:
    """The length as JavaScript counts it."""
    return len(text.encode("utf-16-le")) // 2


def _block(block: dict[str, Any]) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield from _text(block["text"], HEADER, {"plain_text"})
        case "section":
            yield from _text(block["text"], SECTION, {"plain_text", "mrkdwn"})
            if "accessory" in block:
                yield from _accessory(block["accessory"])
        case "context":
            yield from _count(block["elements"], CONTEXT)
            for element in block["elements"]:
                yield from _text(element, SECTION, {"plain_text", "mrkdwn"})
        case "actions":
            yield from _count(block["elements"], ACTIONS)
            for element in block["elements"]:
                yield from _button(element)
        case "input":
            yield from _text(block["label"], LABEL, {"plain_text"})
            yield from _input(block["element"])
        case other:
            yield f"unknown type {other}"


def _count(elements: list[object], most: int) -> Iterator[str]:
    if not 0 < len(elements) <= most:
        yield f"{len(elements)} elements"


def _input(element: dict[str, Any]) -> Iterator[str]:
    match element["type"]:
        case "radio_buttons":
            yield from _count(element["options"], RADIOS)
            for option in element["options"]:
                yield from _text(option["text"], OPTION, {"plain_text"})
            if element.get("initial_option", element["options"][0]) not in element["options"]:
                yield "initial_option is none of the options"
        case "plain_text_input":
            if not 0 <= element.get("min_length", 0) <= element.get("max_length", SECTION) <= SECTION:
                yield "lengths"
        case other:
            yield f"unknown input {other}"


def _accessory(element: dict[str, Any]) -> Iterator[str]:
    if element["type"] == "button":
        yield from _button(element)
        return
    if element["type"] != "overflow" or not 0 < len(element["options"]) <= OPTIONS:
        yield f"{element['type']} with {len(element.get('options', ()))} options"
    for option in element.get("options", ()):
        yield from _text(option["text"], OPTION, {"plain_text"})
        if not 0 < units(option["value"]) <= OPTION_VALUE or units(option.get("url", "")) > URL:
            yield "option too long"


def _button(button: dict[str, Any]) -> Iterator[str]:
    yield from _text(button["text"], BUTTON, {"plain_text"})
    long = units(button.get("url", "")) > URL or units(button["action_id"]) > ACTION_ID
    if long or units(button.get("value", "")) > VALUE:
        yield "button too long"


def _text(text: dict[str, Any], most: int, kinds: set[str]) -> Iterator[str]:
    if text["type"] not in kinds:
        yield f"{text['type']} here"
    if not 0 < units(text["text"]) <= most:
        yield f"{units(text['text'])} characters, at most {most}"
