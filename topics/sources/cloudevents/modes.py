"""One Kafka record to its CloudEvents, by the Kafka protocol binding 1.0: structured, binary or batched.

* The content-type header decides: `application/cloudevents+json` is one event, `application/cloudevents-batch+json` an
  array of them, both in the value; any other event format is refused. Everything else is binary where there are `ce_`
  headers: those are the attributes, as UTF-8 text without any escapes, and the value is the data as it is. Without
  either the value may still be an event in JSON.
* A binary event without data is a null value, and no tombstone. A null value of any other record is one.
* Data is JSON where its content type says so; without a content type it is JSON where it can be read as such. Other
  data stays unread (None), as nothing here asks for it.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias

from topics.outcomes import RawRecord, Rejected, Silent
from topics.silences import Silence
from topics.sources.json_records import json_object, json_value
from topics.sources.refusals import Reason, RefusedError, shown

_CONTENT_TYPE = "content-type"
_PREFIX = "ce_"
_FORMATS = "application/cloudevents"
_ONE = ("application/cloudevents+json", "application/cloudevents")
_BATCH = "application/cloudevents-batch+json"
_JSON_SUFFIXES = ("/json", "+json")


class CloudEvent(NamedTuple):
    """An event: its attributes, extensions among them, and its data as JSON; None where it has none in JSON."""

    attributes: Mapping[str, object]
    data: object


Message: TypeAlias = CloudEvent | Silent | Rejected


def messages(record: RawRecord) -> list[Message]:
    """The events of a record, at least one row, each by itself. Never raises."""
    headers = headers_of(record)
    try:
        return _messages(record, headers)
    except RefusedError as fault:
        return [fault.rejected()]


def headers_of(record: RawRecord) -> dict[str, bytes]:
    """The headers by name in lower case, without those that have no value; of several the last counts."""
    return {name.lower(): value for name, value in record.headers if value is not None} if record.headers else {}


def is_binary(headers: Mapping[str, bytes]) -> bool:
    """Whether the attributes stand in headers."""
    return any(name.startswith(_PREFIX) for name in headers) and not _media_type(headers).startswith(_FORMATS)


def is_cloudevent(headers: Mapping[str, bytes]) -> bool:
    """Whether the headers say so; a value may be one that they say nothing of."""
    return is_binary(headers) or _media_type(headers).startswith(_FORMATS)


def _messages(record: RawRecord, headers: Mapping[str, bytes]) -> list[Message]:
    if is_binary(headers):
        return [_binary(record.value, headers)]
    if record.value is None:
        return [Silent(Silence.TOMBSTONE)]
    media_type = _media_type(headers)
    if media_type == _BATCH:
        return _batch(record.value)
    if media_type.startswith(_FORMATS) and media_type not in _ONE:
        raise RefusedError(Reason.EVENT_FORMAT, f"the event is in {shown(media_type)}, only JSON is read")
    return [structured(json_object(record.value))]


def _media_type(headers: Mapping[str, bytes]) -> str:
    """The content type without parameters, in lower case; empty without one."""
    return headers.get(_CONTENT_TYPE, b"").decode(errors="replace").partition(";")[0].strip().lower()


def _binary(value: bytes | None, headers: Mapping[str, bytes]) -> CloudEvent:
    attributes: dict[str, object] = {
        name.removeprefix(_PREFIX): _text(name, text) for name, text in headers.items() if name.startswith(_PREFIX)
    }
    if _CONTENT_TYPE in headers:
        attributes["datacontenttype"] = _text(_CONTENT_TYPE, headers[_CONTENT_TYPE])
    return CloudEvent(attributes, None if value is None else _decoded(value, attributes.get("datacontenttype")))


def _text(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(Reason.BAD_HEADER, f"header {shown(name)}: not UTF-8 at byte {error.start}") from error


def _batch(value: bytes) -> list[Message]:
    events = json_value(value)
    if not isinstance(events, list):
        raise RefusedError(Reason.WRONG_TYPE, f"a batch is an array, not {shown(events)}")
    return [_element(event) for event in events] or [Silent(Silence.EMPTY_BATCH)]


def _element(event: object) -> Message:
    if not isinstance(event, dict):
        return Rejected(Reason.NOT_AN_OBJECT.value, f"an event of the batch is {shown(event)}")
    try:
        return structured(event)
    except RefusedError as fault:
        return fault.rejected()


def structured(event: dict[str, object]) -> CloudEvent:
    """The event that a JSON object describes, its data out of `data` or `data_base64`. Raises RefusedError."""
    if event.get("data_base64") is None:
        return CloudEvent(event, event.get("data"))
    if event.get("data") is not None:
        raise RefusedError(Reason.WRONG_TYPE, "both data and data_base64")
    return CloudEvent(event, _decoded(_of_base64(event["data_base64"]), event.get("datacontenttype")))


def _of_base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise RefusedError(Reason.WRONG_TYPE, f"data_base64: expected text, got {shown(value)}")
    try:
        return b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise RefusedError(Reason.WRONG_TYPE, f"data_base64: {shown(str(error))}") from error


def _decoded(data: bytes, content_type: object) -> object:
    """The data as JSON; None where it is something else. Raises RefusedError for JSON that is none."""
    if isinstance(content_type, str):
        media_type = content_type.partition(";")[0].strip().lower()
        return json_value(data) if media_type.endswith(_JSON_SUFFIXES) else None
    try:
        return json_value(data)
    except RefusedError:
        return None
