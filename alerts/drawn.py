"""A Slack message drawn as lines of text, for installations without a token. Pure.

The lines carry no terminal markup of their own, and whatever came from a CRM was cleaned when the message was made;
it is cleaned again here, since this is the last place before a terminal.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from alerts.blocks import Block, Message
from alerts.inert import clean

WIDTH = 88
_UNESCAPED = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))


def draw(who: str, message: Message, *, edited: bool) -> tuple[str, ...]:
    """The message as its recipient would see it, in a frame."""
    head = f"┌─ Slack to {clean(who)}{', edited' if edited else ''} "
    inner = [line for block in message.blocks for line in _lines(block)]
    return (head.ljust(WIDTH, "─"), *(f"│ {line}".rstrip() for line in inner), "└".ljust(WIDTH, "─"))


def _lines(block: Block) -> Iterator[str]:
    match block:
        case {"type": "header" | "section", "text": {"text": str(text)}}:
            yield from _wrapped(text)
        case {"type": "context", "elements": elements}:
            for element in elements:
                yield from _wrapped(element["text"])
        case {"type": "actions", "elements": elements}:
            yield "  ".join(f"[ {element['text']['text']} ]" for element in elements)
            for element in elements:
                if url := element.get("url"):
                    yield f"{element['text']['text']}: {clean(url)}"


def _wrapped(text: str) -> Iterator[str]:
    for line in text.split("\n"):
        yield from textwrap.wrap(_plain(line), WIDTH - 4, subsequent_indent="   ") or [""]


def _plain(line: str) -> str:
    line = line.replace("*Why*", "Why:").replace("*Next*", "Next:")
    for entity, character in _UNESCAPED:
        line = line.replace(entity, character)
    return clean(line)
