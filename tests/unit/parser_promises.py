"""What every parser promises (law 9), as one check over one record, whatever its bytes are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from importlib.resources import files
from typing import Any

import msgspec

from playbook.load import load
from signals.replay import replay, replay_as_arrived
from signals.rules import Rules
from topics.codec import decode_deal_event, decode_people_event, encode
from topics.events import ActivityChanged, AnyEvent, DealEvent
from topics.outcomes import Accepted, Outcome, Parser, RawRecord, Rejected
from topics.silences import Dirt, Silence
from topics.sources import cells, refusals
from topics.sources.field_values import EVENT_LIMIT_BYTES, LAST_EVENT_US
from topics.sources.registry import parser
from topics.sources.source import Source, SourceKind

REJECTION_ENUMS: tuple[type[StrEnum], ...] = (refusals.Reason, cells.Reason)
REJECTIONS = frozenset(reason.value for reasons in REJECTION_ENUMS for reason in reasons)
SILENCES = frozenset(reason.value for reason in Silence)
DIRT = frozenset(what.value for what in Dirt)
_DETAIL_LIMIT = 5_000  # characters; what is kept of it on crm.rejected is cut to 500
_HEADER = "ChangeEventHeader"


def rows_in_change(document: Any) -> int:  # noqa: ANN401 - JSON
    """The record ids of a Salesforce change event, wrapped or not, or the records of a page; at least one."""
    if isinstance(document, dict) and _HEADER not in document and not _is_queried(document):
        page = document.get("result", document)
        if isinstance(page, dict) and isinstance(records := page.get("records"), list):
            return max(1, len(records))
    for _ in range(4):
        if not isinstance(document, dict):
            break
        if isinstance(header := document.get(_HEADER), dict):
            ids = header.get("recordIds")
            return max(1, len(ids)) if isinstance(ids, list) else 1
        document = document.get("data") or document.get("payload")
    return 1


def _is_queried(document: dict[str, Any]) -> bool:
    attributes = document.get("attributes")
    return isinstance(attributes, dict) and "type" in attributes and "Id" in document


def rows_in_body(page: str, document: Any) -> int:  # noqa: ANN401 - JSON
    """The elements of an array, or of the page of an API that stands under this name; one where there is neither."""
    if isinstance(document, dict) and "meta" not in document:
        document = document.get(page)
    return max(1, len(document)) if isinstance(document, list) else 1


#: How many rows a record of a kind has, where that is not always one: by the document that its value holds.
ROWS: Mapping[SourceKind, Callable[[Any], int]] = {
    SourceKind.SALESFORCE: rows_in_change,
    SourceKind.HUBSPOT: partial(rows_in_body, "results"),
    SourceKind.PIPEDRIVE: partial(rows_in_body, "data"),
}


#: The kinds whose records may be a batch of CloudEvents.
IN_BATCHES = frozenset({SourceKind.CLOUDEVENTS, SourceKind.DEBEZIUM})


def rows_in_batch(record: RawRecord) -> int:
    """The events of a batch of CloudEvents, by the last content type of its headers; one of anything else."""
    named = [value or b"" for name, value in record.headers if name.lower() == "content-type"]
    if not named or not named[-1].strip().lower().startswith(b"application/cloudevents-batch+json"):
        return 1
    try:
        events = msgspec.json.decode(record.value or b"")
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return 1
    return max(1, len(events)) if isinstance(events, list) else 1


class Promises:
    """The parser of one source, and the definitions under which its events are folded."""

    def __init__(self, source: Source) -> None:
        self.parse: Parser = parser(source)
        self._again: Parser = parser(source)
        self._kind = source.kind
        playbook = load((files("playbook") / "default.yaml").read_text(), "default.yaml")
        self._rules = Rules(playbook.playbook, playbook.hash, (source,))

    def held(self, record: RawRecord) -> list[Outcome]:
        """The outcomes of a record. Raises AssertionError where a promise is broken, and whatever the parser raises."""
        outcomes = self.parse(record)
        assert len(outcomes) == self.rows(record)
        for outcome in outcomes:
            _check(outcome)
        assert self._again(record) == outcomes, "another parser of the same source says otherwise"
        self._fold(record, outcomes)
        return outcomes

    def rows(self, record: RawRecord) -> int:
        """How many rows the record has."""
        if self._kind in IN_BATCHES:
            return rows_in_batch(record)
        if record.value is None or (count := ROWS.get(self._kind)) is None:
            return 1
        try:
            return count(msgspec.json.decode(record.value))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return 1

    def _fold(self, record: RawRecord, outcomes: list[Outcome]) -> None:
        """The events make deals and signals, at rest and as they arrive; and the report accounts for every row."""
        if not any(isinstance(outcome, Accepted) for outcome in outcomes):
            return
        at_rest = replay([(self.parse, record)], self._rules, LAST_EVENT_US)
        arrived = replay_as_arrived([(self.parse, record)], self._rules, LAST_EVENT_US)
        report = at_rest.report()
        said = Counter(report["silent"]) + Counter(report["rejected"])
        assert report["rows"] == len(outcomes) == report["events"] + said.total()
        assert arrived.tally.rows == report["rows"]


def _check(outcome: Outcome) -> None:
    if isinstance(outcome, Accepted):
        assert outcome.events
        assert {what.partition(".")[0] for what in outcome.dirt} <= DIRT, outcome.dirt
        assert outcome.silent in SILENCES | {""}
        for event in outcome.events:
            _check_wire(event)
    elif isinstance(outcome, Rejected):
        assert outcome.reason in REJECTIONS
        assert len(outcome.detail) < _DETAIL_LIMIT
        outcome.detail.encode()
    else:
        assert outcome.reason in SILENCES


def _check_wire(event: AnyEvent) -> None:
    """The event stands on its topic and is read there as it was written."""
    wire = encode(event)
    assert len(wire) <= EVENT_LIMIT_BYTES
    if isinstance(event, DealEvent):  # an activity among them: that is what join makes of it
        assert decode_deal_event(wire) == event
    if isinstance(event, ActivityChanged) or not isinstance(event, DealEvent):
        assert decode_people_event(wire) == event
