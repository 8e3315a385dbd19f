"""Bytes to values and back: the only file that knows the wire format (JSON).

Decoding raises `msgspec.DecodeError` (or its subclass `ValidationError`) on anything that is not the value asked for.
"""

from __future__ import annotations

from typing import Any

import msgspec

from topics.events import AnyEvent, DealEvent, PeopleEvent
from topics.rejections import Rejection
from topics.signals import Signal

_encoder = msgspec.json.Encoder()
encode = _encoder.encode

decode_event = msgspec.json.Decoder(AnyEvent).decode
decode_deal_event = msgspec.json.Decoder(DealEvent).decode
decode_people_event = msgspec.json.Decoder(PeopleEvent).decode
decode_signal = msgspec.json.Decoder(Signal).decode
decode_rejection = msgspec.json.Decoder(Rejection).decode


def schema_of(value_type: object) -> dict[str, Any]:
    """The JSON Schema of a value on the wire."""
    return msgspec.json.schema(value_type)
