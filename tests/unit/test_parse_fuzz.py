"""Whatever the bytes are: no parser raises, every row has one outcome, and what is accepted fits the wire."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topics.codec import decode_event, encode
from topics.outcomes import Accepted, Outcome, Parser, RawRecord, Rejected, Silent
from topics.sources.field_values import EVENT_LIMIT_BYTES
from topics.sources.refusals import Reason
from topics.sources.registry import parser
from topics.sources.source import Source, SourceKind

#: A busy machine is no fault of a parser, so no example has a deadline.
EXAMPLES = settings(deadline=None, max_examples=50)
MORE = settings(deadline=None, max_examples=200)
SILENT = {"tombstone", "own_write", "entity_not_read", "nothing_mapped", "activity_gap", "person_gap"}
REASONS = {reason.value for reason in Reason}

SALESFORCE = parser(
    Source(
        name="salesforce",
        kind=SourceKind.SALESFORCE,
        tenant="acme",
        fields={"ARR__c": "arr"},
        schemas={"Opportunity": ("ChangeEventHeader", "Name", "StageName", "Amount", "CloseDate")},
        own_client="DealSignals",
    )
)
CLOUDEVENTS = parser(Source(name="web", kind=SourceKind.CLOUDEVENTS, tenant="acme", deal_source="sf/acme"))
PARSERS = [pytest.param(SALESFORCE, id="salesforce"), pytest.param(CLOUDEVENTS, id="cloudevents")]

CHANGE: dict[str, Any] = {
    "ChangeEventHeader": {
        "entityName": "Opportunity",
        "recordIds": ["006SB00000AbCdEYAV", "006SB00000AbCdFYAV"],
        "changeType": "UPDATE",
        "changeOrigin": "com/salesforce/api/soap/60.0;client=Astro/",
        "transactionKey": "0005e192-1111-2222-3333-444455556666",
        "sequenceNumber": 1,
        "commitTimestamp": 1_704_103_200_000,
        "commitNumber": 1_652_977_933_433_528_301,
        "nulledFields": ["Amount"],
        "diffFields": [],
        "changedFields": ["0x06", "CloseDate", "Fit__c", "Status", "EndDateTime", "WhatId", "Email"],
    },
    "Name": "Acme",
    "StageName": "Qualification",
    "Amount": None,
    "CloseDate": "2024-03-31",
    "Fit__c": True,
    "Status": "Completed",
    "EndDateTime": "2024-01-10T09:00:00Z",
    "WhatId": "006SB00000AbCdEYAV",
    "Email": "a@example.com",
}
ENGAGEMENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/site",
    "type": "demo",
    "time": "2024-01-01T10:00:00Z",
    "dealid": "006A",
    "data": {"contact_id": "003A", "page": "/demo"},
}

_ODD = [
    "ChangeEventHeader",
    "payload",
    "data",
    "UPDATE",
    "CREATE",
    "DELETE",
    "GAP_OVERFLOW",
    "Task",
    "Event",
    "User",
    "Account",
    "0x1",
    "0xFFFFFFFFFF",
    "3-0x1",
    "Name.LastName",
    "1.0",
    "2024-02-30",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "٣",  # a digit elsewhere
    "\u0000",
    "",
]
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**65), 2**65)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(_ODD)
)
documents = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(_ODD) | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=25,
)
timestamps = st.sampled_from([0, 1_704_103_200_000_000, -1, 2**62])
headers = st.sampled_from(
    [(), (("ce_id", b"1"),), (("content-type", b"application/cloudevents+json"),), (("", b"\xff"),)]
)


def judged(parse: Parser, record: RawRecord) -> list[Outcome]:
    """Parse, and hold every outcome against what a parser promises."""
    outcomes = parse(record)
    assert len(outcomes) >= 1
    for outcome in outcomes:
        if isinstance(outcome, Accepted):
            assert outcome.events
            for event in outcome.events:
                wire = encode(event)
                assert len(wire) <= EVENT_LIMIT_BYTES
                assert decode_event(wire) == event
        elif isinstance(outcome, Rejected):
            assert outcome.reason in REASONS
            assert len(outcome.detail) < 500
            outcome.detail.encode()
        else:
            assert isinstance(outcome, Silent)
            assert outcome.reason in SILENT
    return outcomes


@pytest.mark.parametrize("parse", PARSERS)
@EXAMPLES
@given(key=st.none() | st.binary(max_size=20), value=st.none() | st.binary(), head=headers, at_us=timestamps)
def test_any_bytes(parse: Parser, key: bytes | None, value: bytes | None, head: Any, at_us: int) -> None:  # noqa: ANN401 - a strategy's value
    assert len(judged(parse, RawRecord(key, value, head, at_us))) == 1


@pytest.mark.parametrize("parse", PARSERS)
@EXAMPLES
@given(document=documents, at_us=timestamps)
def test_any_json(parse: Parser, document: object, at_us: int) -> None:
    judged(parse, RawRecord(None, msgspec.json.encode(document), (), at_us))


def _places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """Every place in the document that holds a value, as a path of keys and indexes."""
    if isinstance(document, dict):
        inner = [place for name, value in document.items() for place in _places(value, (*path, name))]
    elif isinstance(document, list):
        inner = [place for index, value in enumerate(document) for place in _places(value, (*path, index))]
    else:
        inner = []
    return [path, *inner]


def _put(document: Any, path: tuple[Any, ...], value: object) -> Any:  # noqa: ANN401 - JSON
    """The document with one value replaced."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = _put(document[path[0]], path[1:], value)
    return copy


def _mutants(document: dict[str, Any]) -> st.SearchStrategy[Any]:
    places = _places(document)

    def spoilt(changes: list[tuple[int, object]]) -> Any:  # noqa: ANN401 - JSON
        result: Any = document
        for place, value in changes:
            try:
                result = _put(result, places[place], value)
            except (KeyError, IndexError, TypeError, ValueError):
                continue  # an earlier change took the place away
        return result

    return st.lists(st.tuples(st.integers(0, len(places) - 1), documents), min_size=1, max_size=4).map(spoilt)


@pytest.mark.parametrize("entity", ["Opportunity", "Task", "Event", "User"])
@pytest.mark.parametrize("change", ["CREATE", "UPDATE"])
@EXAMPLES
@given(data=st.data(), wrap=st.booleans())
def test_a_spoilt_change_event(entity: str, change: str, data: st.DataObject, wrap: bool) -> None:  # noqa: FBT001 - drawn
    document = _put(
        _put(CHANGE, ("ChangeEventHeader", "entityName"), entity), ("ChangeEventHeader", "changeType"), change
    )
    mutant = data.draw(_mutants(document))
    value = msgspec.json.encode({"data": {"payload": mutant}} if wrap else mutant)
    outcomes = judged(SALESFORCE, RawRecord(None, value))
    header = mutant.get("ChangeEventHeader") if isinstance(mutant, dict) else None
    ids = header.get("recordIds") if isinstance(header, dict) else None
    assert len(outcomes) == (max(1, len(ids)) if isinstance(ids, list) else 1)


@MORE
@given(event=_mutants(ENGAGEMENT))
def test_a_spoilt_engagement(event: object) -> None:
    assert len(judged(CLOUDEVENTS, RawRecord(None, msgspec.json.encode(event)))) == 1


@EXAMPLES
@given(seed=st.integers(0, 2**32), cut=st.integers(0, 600), flips=st.integers(1, 8))
def test_flipped_and_cut_bytes(seed: int, cut: int, flips: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a test's noise, not a secret
    for parse, document in ((SALESFORCE, CHANGE), (CLOUDEVENTS, ENGAGEMENT)):
        value = bytearray(msgspec.json.encode(document))
        for _ in range(flips):
            value[rng.randrange(len(value))] ^= 1 << rng.randrange(8)
        judged(parse, RawRecord(None, bytes(value[: len(value) - cut] if cut < len(value) else value)))


@EXAMPLES
@given(rows=st.integers(1, 300), bad=st.booleans())
def test_rows_in_are_outcomes_out(rows: int, bad: bool) -> None:  # noqa: FBT001 - drawn
    ids = [f"006SB{n:010d}YAV" for n in range(rows)]
    document = _put(CHANGE, ("ChangeEventHeader", "recordIds"), ids)
    document = _put(document, ("CloseDate",), "soon" if bad else "2024-03-31")
    outcomes = judged(SALESFORCE, RawRecord(None, msgspec.json.encode(document)))
    assert len(outcomes) == rows
    assert {type(outcome) for outcome in outcomes} == {Rejected if bad else Accepted}


def test_a_parser_keeps_nothing_between_records() -> None:
    """The same record gives the same outcomes, whatever was parsed before."""
    value = msgspec.json.encode(CHANGE)
    before = SALESFORCE(RawRecord(None, value))
    spoil: Callable[[object], bytes] = msgspec.json.encode
    for junk in (b"", spoil([]), spoil(_put(CHANGE, ("StageName",), 1)), spoil(_put(CHANGE, ("Fit__c",), None))):
        SALESFORCE(RawRecord(None, junk))
    assert SALESFORCE(RawRecord(None, value)) == before
