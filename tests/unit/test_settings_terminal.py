"""CRM text in a terminal: what it may not do there."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.text import Text

from programs.terminal import neutral, plain

CASES = [
    ("plain words", "Acme - 20 seats", "Acme - 20 seats"),
    ("words of other tongues", "Łódź 東京 наука", "Łódź 東京 наука"),
    ("a colour", "\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    ("a window's title", "\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
    ("the one-byte form of the same", "\x9b31m", r"\x9b31m"),
    ("another line", "a\nb\r\nc", r"a\nb\r\nc"),
    ("another line, by Unicode", "a\u2028b", r"a\u2028b"),
    ("a text that reads backwards", "invoice\u202efdp.exe", r"invoice\u202efdp.exe"),
    ("a letter that nobody sees", "ad\u200bmin", r"ad\u200bmin"),
    ("half a character", "\ud800", r"\ud800"),
    ("nothing", "", ""),
]


@pytest.mark.parametrize(("text", "shown"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_plain(text: str, shown: str) -> None:
    assert plain(text) == shown


@settings(deadline=None)
@given(st.text())
@example("[bold]x[/bold]")
@example("[link=http://evil.example]here[/link]")
@example("[/]")
@example("ends in a backslash\\")
@example("\\[bold]")
def test_neutral_is_shown_by_rich_exactly_as_plain_and_steers_nothing(text: str) -> None:
    drawn = Text.from_markup(f"[bold]{neutral(text)}[/bold]", emoji=False)
    assert drawn.plain == plain(text)
    assert [str(span.style) for span in drawn.spans] == ["bold"]
    assert not [each for each in drawn.plain if unicodedata.category(each) in ("Cc", "Cf", "Cs")]
