"""What a message is made of: Block Kit's blocks as plain values. Pure.

Texts that come in here are escaped already; every mrkdwn is marked `verbatim`, so that Slack makes no links and no
mentions of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeAlias

Block: TypeAlias = dict[str, Any]


class Message(NamedTuple):
    """What Slack is given. `text` is the fallback: what a notification and a screen reader say.

    `broadcast`: a reply in a thread that the whole channel sees.
    """

    text: str
    blocks: tuple[Block, ...]
    broadcast: bool = False


class Composed(NamedTuple):
    """A delivery in words: the message, what stands in its thread, and what interrupts once more."""

    main: Message
    details: Message | None = None
    reminder: Message | None = None


def header(text: str) -> Block:
    """A headline, at most 150 characters."""
    return {"type": "header", "text": plain(text)}


def section(text: str, accessory: Block | None = None) -> Block:
    """A paragraph, at most 3,000 characters, perhaps with a menu beside it."""
    return {"type": "section", "text": mrkdwn(text), **({"accessory": accessory} if accessory else {})}


def context(*texts: str) -> Block:
    """Small print."""
    return {"type": "context", "elements": [mrkdwn(each) for each in texts]}


def plain(text: str) -> Block:
    """Text that is shown as it is."""
    return {"type": "plain_text", "text": text, "emoji": False}


def mrkdwn(text: str) -> Block:
    """Text that may be bold or struck through, and can do nothing."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def present(*blocks: Block | None) -> tuple[Block, ...]:
    """Those that are there."""
    return tuple(block for block in blocks if block is not None)


def texts(blocks: Iterable[Block]) -> Iterator[str]:
    """Every text in the blocks, in reading order."""
    for block in blocks:
        inner = block.get("text")
        if isinstance(inner, str):
            yield inner
        elif isinstance(inner, dict):
            yield from texts((inner,))
        for name in ("elements", "options"):
            yield from texts(block.get(name, ()))
        for name in ("accessory", "label", "hint", "element", "title", "submit", "close"):
            if isinstance(block.get(name), dict):
                yield from texts((block[name],))
