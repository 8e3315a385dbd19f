"""Bytes of a raw record to a JSON object, and the sizes that are believed on the way in and on the way out."""

from __future__ import annotations

from typing import Any

import msgspec

from topics.codec import encode
from topics.events import AnyEvent
from topics.outcomes import Accepted, Outcome, Rejected
from topics.sources.field_values import EVENT_LIMIT_BYTES, RECORD_LIMIT_BYTES
from topics.sources.refusals import Reason, RefusedError, shown

_decode = msgspec.json.Decoder().decode
#: Below this a record's events cannot reach the limit: escapes grow by less than this factor, absent fields by less.
_SURELY_SMALL_BYTES = EVENT_LIMIT_BYTES // 4


def json_value(value: bytes) -> Any:  # noqa: ANN401 - whatever JSON is
    """What the bytes say as JSON. Raises RefusedError: record_too_large, not_json."""
    if len(value) > RECORD_LIMIT_BYTES:
        raise RefusedError(Reason.RECORD_TOO_LARGE, f"{len(value)} bytes, at most {RECORD_LIMIT_BYTES} are read")
    try:
        return _decode(value)
    except (msgspec.MsgspecError, ValueError) as error:
        raise RefusedError(Reason.NOT_JSON, shown(str(error))) from error
    except RecursionError as error:
        raise RefusedError(Reason.NOT_JSON, "nested too deeply") from error


def json_object(value: bytes) -> dict[str, Any]:
    """The object that the bytes hold. Raises RefusedError: record_too_large, not_json, not_an_object."""
    document = json_value(value)
    if not isinstance(document, dict):
        raise RefusedError(Reason.NOT_AN_OBJECT, f"the document is {shown(document)}")
    return document


def that_fit(value: bytes, outcomes: list[Outcome]) -> list[Outcome]:
    """The same outcomes, those rejected whose event would not fit into a message of the canonical topics."""
    if len(value) < _SURELY_SMALL_BYTES:
        return outcomes
    return [_rejected_if_large(outcome) for outcome in outcomes]


def _rejected_if_large(outcome: Outcome) -> Outcome:
    if not isinstance(outcome, Accepted):
        return outcome
    size = max(map(_size, outcome.events), default=0)
    if size <= EVENT_LIMIT_BYTES:
        return outcome
    return Rejected(Reason.EVENT_TOO_LARGE.value, f"{size} bytes, at most {EVENT_LIMIT_BYTES} fit into a message")


def _size(event: AnyEvent) -> int:
    return len(encode(event))
