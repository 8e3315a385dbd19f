"""What CRM users wrote, made safe to show in a terminal: no escape sequence, no hidden direction, no markup of ours."""

from __future__ import annotations

import sys
import unicodedata

from rich.markup import escape

#: Cc: C0 and C1 controls (escape sequences begin there). Cf: invisible formatting, among it the direction overrides
#: with which a text can be shown as another. Cs: halves of characters, which a terminal's encoder refuses.
#: Zl, Zp: separators that some terminals break the line at.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def plain(text: str) -> str:
    r"""The text on one line, each unseen character as its escape (`\x1b`, `\u202e`); nothing is dropped silently."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(each) if unicodedata.category(each) in _UNSEEN else each for each in text)


def neutral(text: str) -> str:
    """The same, with rich's markup escaped as well: for text inside markup that rich prints, with `emoji=False`."""
    return escape(plain(text))


def complain(*lines: str) -> None:
    """Lines to stderr, one each, made plain."""
    for line in lines:
        sys.stderr.write(plain(line) + "\n")


def _shown(character: str) -> str:
    return character.encode("unicode_escape").decode()
