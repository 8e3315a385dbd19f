"""Records of the voice's topics as values; what is none of ours is a value too (law 9). Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from alerts.actions import Action, decode_action
from alerts.values import Delivery, Entry, Flooded, Told, decode_delivery, decode_entry
from topics.codec import decode_signal
from topics.instants import parse_rfc3339
from topics.signals import Signal

T = TypeVar("T")
#: Beyond this an instant is no plan of anybody's, and arithmetic with it leaves the calendar.
LATEST_US = parse_rfc3339("9000-01-01T00:00:00Z")


class Unreadable(NamedTuple):
    """A record that cannot be understood. `reason` is from a bounded set; `detail` says what and where."""

    reason: str
    detail: str


def read_signal(value: bytes) -> Signal | Unreadable:
    """A transition whose instants are instants."""
    return _read(decode_signal, lambda signal: (signal,), value)


def read_entry(value: bytes) -> Entry | Unreadable:
    """An entry of the inbox."""
    return _read(decode_entry, _signals_of, value)


def read_delivery(value: bytes) -> Delivery | Unreadable:
    """Something to say."""
    return _read(decode_delivery, lambda delivery: (delivery.signal, *delivery.signals), value)


def read_action(value: bytes) -> Action | Unreadable:
    """An action whose instants are instants."""
    action = _read(decode_action, lambda _: (), value)
    if isinstance(action, Unreadable):
        return action
    wrong = next((each for each in (action.at, action.until or action.at) if not _is_instant(each)), None)
    return action if wrong is None else Unreadable("bad_instant", wrong[:40])


def _signals_of(entry: Entry) -> tuple[Signal, ...]:
    return (entry.signal,) if isinstance(entry, Told | Flooded) else ()


def _read(decode: Callable[[bytes], T], signals_of: Callable[[T], tuple[Signal, ...]], value: bytes) -> T | Unreadable:
    try:
        found = decode(value)
    except msgspec.DecodeError as error:
        return Unreadable("undecodable", str(error))
    wrong = next(filter(None, map(_wrong_instant, signals_of(found))), None)
    return found if wrong is None else Unreadable("bad_instant", wrong)


def _wrong_instant(signal: Signal) -> str | None:
    for name in ("occurred_at", "opened_at", "detected_at"):
        text = getattr(signal, name)
        if (text or name != "detected_at") and not _is_instant(text):
            return f"{name}: {text[:40]}"
    return None


def _is_instant(text: str) -> bool:
    try:
        return parse_rfc3339(text) < LATEST_US
    except ValueError:
        return False
