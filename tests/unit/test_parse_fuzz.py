"""Whatever the bytes are: no parser raises, every row has one outcome, what is accepted fits the wire and the brain.

Every kind of source is here by standing in the registry and having golden payloads. `make fuzz` drives the same tests
by coverage, for as long as one likes.
"""

from __future__ import annotations

from functools import cache

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.golden_sources import Golden, goldens
from tests.unit.parser_promises import Promises
from tests.unit.spoilt_records import Spoiling, put, written
from topics.outcomes import Accepted, RawRecord, Rejected
from topics.sources.registry import PARSERS
from topics.sources.source import SourceKind

#: A busy machine is no fault of a parser, so no example has a deadline.
EXAMPLES = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
MORE = settings(EXAMPLES, max_examples=150)
KINDS = sorted(PARSERS)


@cache
def golden_of(kind: SourceKind) -> tuple[Golden, ...]:
    """The golden payloads of a kind of source."""
    return tuple(golden for golden in goldens() if golden.source.kind is kind)


@cache
def promises_of(kind: SourceKind) -> Promises:
    """The promises of a kind, as its golden payloads configure it."""
    return Promises(golden_of(kind)[0].source)


@cache
def spoiling_of(kind: SourceKind) -> Spoiling:
    """What can be wrong with its records."""
    return Spoiling([golden.record for golden in golden_of(kind)])


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_golden_payloads_that_keep_the_promises(kind: SourceKind) -> None:
    assert len(golden_of(kind)) >= 4
    for golden in golden_of(kind):
        Promises(golden.source).held(golden.record)


@pytest.mark.parametrize("kind", KINDS)
@EXAMPLES
@given(data=st.data())
def test_any_bytes(kind: SourceKind, data: st.DataObject) -> None:
    own = data.draw(st.sampled_from([golden.record for golden in golden_of(kind)]))
    value = data.draw(st.none() | st.binary(max_size=200))
    promises_of(kind).held(own._replace(value=value, key=data.draw(st.none() | st.binary(max_size=20))))


@pytest.mark.parametrize("kind", KINDS)
@EXAMPLES
@given(data=st.data())
def test_any_json(kind: SourceKind, data: st.DataObject) -> None:
    document = data.draw(spoiling_of(kind).documents)
    own = data.draw(st.sampled_from([golden.record for golden in golden_of(kind)]))
    promises_of(kind).held(own._replace(value=written(document)))


@pytest.mark.parametrize("kind", KINDS)
@MORE
@given(data=st.data())
def test_a_record_that_is_almost_right(kind: SourceKind, data: st.DataObject) -> None:
    promises_of(kind).held(data.draw(spoiling_of(kind).almost()))


@settings(EXAMPLES, max_examples=10)
@given(rows=st.integers(1, 300), bad=st.booleans())
def test_rows_in_are_outcomes_out(rows: int, bad: bool) -> None:  # noqa: FBT001 - drawn
    (change,) = (one for one in golden_of(SourceKind.SALESFORCE) if one.sentence.startswith("A new opportunity"))
    document = msgspec.json.decode(change.record.value or b"")
    document = put(document, ("ChangeEventHeader", "recordIds"), [f"006SB{n:010d}YAV" for n in range(rows)])
    document = put(document, ("CloseDate",), "soon" if bad else "2024-03-31")
    outcomes = promises_of(SourceKind.SALESFORCE).held(RawRecord(None, msgspec.json.encode(document)))
    assert len(outcomes) == rows
    assert {type(outcome) for outcome in outcomes} == {Rejected if bad else Accepted}


@pytest.mark.parametrize("kind", KINDS)
def test_a_parser_keeps_nothing_between_records(kind: SourceKind) -> None:
    """The same record gives the same outcomes, whatever was parsed before."""
    parse = promises_of(kind).parse
    for golden in golden_of(kind):
        before = parse(golden.record)
        for other in golden_of(kind):
            parse(other.record)
        parse(RawRecord(None, b""))
        assert parse(golden.record) == before
