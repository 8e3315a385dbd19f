"""Bytes of our own topics: whatever is wrong with them is one kind of error, so that a record can be put aside."""

from __future__ import annotations

import msgspec
import pytest

from alerts.reading import Unreadable, read_action, read_delivery, read_entry, read_signal
from topics.codec import decode_deal_event, decode_event, decode_people_event, decode_rejection, decode_signal, encode
from topics.events import DealChanged, Tick

DEEP = b"[" * 100_000 + b"]" * 100_000
BROKEN = {
    "nothing": b"",
    "no JSON": b"not json",
    "a number that JSON does not have": b'{"type":"tick","at_us":NaN}',
    "nested without end": b'{"type":"deal_changed","id":' + DEEP + b"}",
    "nested without end, where nobody looks": b'{"unknown":' + DEEP + b',"type":"deal_changed"}',
    "no UTF-8": b'{"type":"activity_changed","id":"\xff\xfe"}',
    "no UTF-8 in its type": b'{"type":"\xff"}',
    "half a surrogate pair": b'{"type":"tick","id":"\\ud800"}',
}


def change(**fields: str) -> bytes:
    """A change of a deal; `fields` are JSON values."""
    told = {"id": '"a"', "key": '"s/d:1"', "source": '"s/d"', "at_us": "1", "fields": "{}", **fields}
    return (
        "{" + ",".join(f'"{name}":{value}' for name, value in {"type": '"deal_changed"', **told}.items()) + "}"
    ).encode()


UNFOLDABLE = {
    "an instant that no calendar has": change(at_us="9" * 18),
    "an integer that no state can hold": change(at_us="9" * 40),
    "a sequence that no state can hold": change(seq="[1," + "9" * 30 + "]"),
    "an amount that no state can hold": change(fields='{"amount":' + "9" * 30 + "}"),
    "a deal without a key": change(key='""'),
    "a close date that is no day": change(fields='{"close_date":"soon"}'),
    "a creation that no calendar has": change(fields='{"created_at":' + "9" * 18 + "}"),
    "a meeting that no calendar has": change(
        type='"activity_changed"', activity='"a"', fields='{"at_us":' + "9" * 18 + "}"
    ),
}


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(
    "decode", [decode_event, decode_deal_event, decode_people_event, decode_signal, decode_rejection]
)
def test_bytes_that_are_no_value_are_a_decode_error_and_nothing_else(decode: object, value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(value)  # type: ignore[operator]  # one of the five above


@pytest.mark.parametrize("value", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("read", [read_signal, read_entry, read_delivery, read_action])
def test_bytes_that_are_no_value_are_unreadable_to_the_voice(read: object, value: bytes) -> None:
    assert isinstance(read(value), Unreadable)  # type: ignore[operator]  # one of the four above


@pytest.mark.parametrize("value", UNFOLDABLE.values(), ids=UNFOLDABLE)
def test_an_event_that_no_deal_can_fold_is_refused(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_deal_event(value)


def test_what_a_deal_can_fold_comes_back_as_it_was() -> None:
    event = DealChanged(
        id="a",
        key="s/d:1",
        source="s/d",
        at_us=0,
        seq=(2**63 - 1, 0),
        fields={"close_date": "2026-01-31", "n": -(2**63)},
    )
    assert decode_deal_event(encode(event)) == event


def test_a_control_event_is_for_every_deal_and_needs_no_key() -> None:
    tick = Tick(id="t", key="", source="", at_us=1)
    assert decode_deal_event(encode(tick)) == tick
