"""Text that came from a CRM, made inert: it can be read, and can do nothing else.

`clean` for every output; `escaped` for Slack, where `&`, `<` and `>` open mentions, links and commands.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

#: Control characters (ANSI sequences begin with one), private and unassigned code points, lone surrogates, and format
#: characters: bidirectional overrides, invisible tags, zero-width spaces.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
#: Format characters that scripts and emoji are written with.
_KEPT = frozenset({"\u200c", "\u200d"})
_SPACES = frozenset({"Zs", "Zl", "Zp"})
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
#: Longer text is cut before it is looked at; nothing of ours shows that much.
_LONGEST = 20_000
_BEYOND_BMP = 0xFFFF


def clean(text: str) -> str:
    """One line of readable characters, without a space at either end."""
    return " ".join("".join(_readable(each) for each in text[:_LONGEST]).split())


def _readable(character: str) -> str:
    if character in _KEPT:
        return character
    category = unicodedata.category(character)
    if character in "\t\n\v\f\r\x85" or category in _SPACES:
        return " "
    return "" if category in _DROPPED else character


def escaped(text: str, limit: int) -> str:
    """`clean` text for Slack, at most `limit` long after escaping; an ellipsis shows that something was cut."""
    pieces = [_ENTITIES.get(each, each) for each in clean(text)]
    if sum(map(length, pieces)) <= limit:
        return "".join(pieces)
    return "".join(_upto(pieces, limit - 1)).rstrip() + "…"


def _upto(pieces: Iterable[str], limit: int) -> Iterable[str]:
    used = 0
    for piece in pieces:
        used += length(piece)
        if used > limit:
            return
        yield piece


def length(text: str) -> int:
    """The length in UTF-16 units, the most that any reader of Slack's limits can count."""
    return len(text) + sum(ord(each) > _BEYOND_BMP for each in text)
