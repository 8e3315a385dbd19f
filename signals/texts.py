"""What a person typed into a field: whether it says anything, and whether it is the same as elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from topics.events import Scalar, event_id

#: What may stand at the end of a text without making it another one.
_END_MARKS = ".!?…,;: "


def same(text: str) -> str:
    """A text without what makes no difference: case, spaces, end marks. Empty where nothing is left."""
    return " ".join(text.split()).casefold().rstrip(_END_MARKS)


def is_placeholder(value: Scalar, placeholders: AbstractSet[str]) -> bool:
    """Whether a text only fills its field: one of these, or a run of one character.

    `placeholders` are in lower case, without outer space. A number is none, nor is what is empty.
    """
    if not isinstance(value, str):
        return False
    text = " ".join(value.split()).casefold()
    return text in placeholders or (len(text) > 1 and len(set(text)) == 1)


def text_key(field: str, value: Scalar) -> str:
    """What a text in a field is known by; empty for what is no text.

    A hash: nobody who only counts need keep what was written.
    """
    text = same(value) if isinstance(value, str) else ""
    return event_id("text", field, text) if text else ""


def repeat_key(owner: str, text: str) -> str:
    """What a text (its `text_key`) is known by among the deals of an owner; empty for none."""
    return event_id("text of", owner, text) if owner and text else ""
