"""Bytes to values and back: the only file that knows the wire format (JSON).

Decoding raises `msgspec.DecodeError` (or its subclass `ValidationError`) on anything that is not the value asked for,
and nothing else, so that one bad record can be put aside.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from topics.events import (
    CONTROLS,
    FIRST_US,
    LAST_US,
    ActivityChanged,
    AnyEvent,
    DealChanged,
    DealEvent,
    PeopleEvent,
    Scalar,
)
from topics.instants import iso_day
from topics.rejections import Rejection
from topics.signals import Signal

_encoder = msgspec.json.Encoder()
encode = _encoder.encode


def decoder(kind: object) -> Callable[[bytes], Any]:
    """The decoder of a kind of value. Bytes that are no UTF-8 or nest without end are a `DecodeError`, too."""
    decode = msgspec.json.Decoder(kind).decode

    def decoded(value: bytes) -> Any:  # noqa: ANN401  # what `kind` says
        try:
            return decode(value)
        except (UnicodeDecodeError, RecursionError) as error:
            raise msgspec.DecodeError(str(error)) from error

    return decoded


decode_event: Callable[[bytes], AnyEvent] = decoder(AnyEvent)
decode_people_event: Callable[[bytes], PeopleEvent] = decoder(PeopleEvent)
decode_signal: Callable[[bytes], Signal] = decoder(Signal)
decode_rejection: Callable[[bytes], Rejection] = decoder(Rejection)

_deal_event = msgspec.json.Decoder(DealEvent).decode


def decode_deal_event(value: bytes) -> DealEvent:
    """An event that a deal can fold: it names its deal, unless it is for all, and its times are times."""
    try:
        event: DealEvent = _deal_event(value)
    except (UnicodeDecodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error
    kind = type(event)  # `isinstance` costs more here than decoding does: structs have a metaclass of their own
    if kind in _DATED and not _TIMES.isdisjoint(event.fields):  # type: ignore[union-attr]  # those two have fields
        _check_times(event.fields)  # type: ignore[union-attr]  # those two have fields
    if not event.key and kind not in CONTROLS:
        message = f"{kind.__name__} without a key"
        raise msgspec.ValidationError(message)
    return event


_DATED = frozenset({DealChanged, ActivityChanged})
_TIMES = frozenset({"close_date", "created_at", "at_us"})


def _check_times(fields: dict[str, Scalar]) -> None:
    """The fields with which deals and activities are dated; see `DealChanged` and `ActivityChanged`."""
    day = fields.get("close_date")
    if isinstance(day, str):
        try:
            iso_day(day)
        except ValueError as error:
            message = f"{error} - at `$.fields[close_date]`"
            raise msgspec.ValidationError(message) from error
    for name in ("created_at", "at_us"):
        value = fields.get(name)
        if isinstance(value, int) and not FIRST_US <= value <= LAST_US:
            message = f"no instant - at `$.fields[{name}]`"
            raise msgspec.ValidationError(message)


def schema_of(value_type: object) -> dict[str, Any]:
    """The JSON Schema of a value on the wire."""
    return msgspec.json.schema(value_type)
