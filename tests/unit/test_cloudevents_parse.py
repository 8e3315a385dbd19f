"""CloudEvents, however a record holds them, become engagements, keyed by the subject that they name."""

from __future__ import annotations

import msgspec
import pytest

from topics.events import EngagementSeen, event_id
from topics.instants import parse_rfc3339
from topics.outcomes import Accepted, Outcome, RawRecord, Rejected, Silent
from topics.sources.cloudevents import parse
from topics.sources.source import Source, SourceKind

SOURCE = Source(name="web", kind=SourceKind.CLOUDEVENTS, tenant="acme")
OF_CRM = msgspec.structs.replace(
    SOURCE,
    deal_source="salesforce/acme",
    fields={"opp": "deal_id", "visitor": "contact_id", "pageUrl": "url"},
)
EVENT: dict[str, object] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/site",
    "type": "com.example.demo.requested",
    "time": "2024-01-01T10:00:00Z",
    "data": {"deal_id": "006A", "page": "/demo"},
}
AT_US = parse_rfc3339("2024-01-01T10:00:00Z")
CONTENT_TYPE = ("content-type", b"application/cloudevents+json; charset=utf-8")


def read(
    event: dict[str, object] | bytes | None,
    source: Source = SOURCE,
    headers: tuple[tuple[str, bytes], ...] = (CONTENT_TYPE,),
    timestamp_us: int = 0,
) -> list[Outcome]:
    value = msgspec.json.encode(event) if isinstance(event, dict) else event
    return parse(source, RawRecord(None, value, headers, timestamp_us))


def seen(event: dict[str, object], source: Source = SOURCE, timestamp_us: int = 0) -> EngagementSeen:
    (outcome,) = read(event, source, timestamp_us=timestamp_us)
    assert isinstance(outcome, Accepted), outcome
    (engagement,) = outcome.events
    assert isinstance(engagement, EngagementSeen)
    return engagement


def test_an_event_becomes_an_engagement() -> None:
    assert seen(EVENT) == EngagementSeen(
        id=event_id("web/acme", "/site", "e-1"),
        key="web/acme:006A",
        source="web/acme",
        at_us=AT_US,
        kind="com.example.demo.requested",
        data={"deal_id": "006A", "page": "/demo"},
        deal="web/acme:006A",
    )


SUBJECTS: list[tuple[str, dict[str, object], tuple[str, str | None, str | None, str | None]]] = [
    ("a deal", {"data": {"dealId": "006A"}}, ("006A", "006A", None, None)),
    ("a deal by number", {"data": {"deal_id": 7}}, ("7", "7", None, None)),
    ("a deal as an extension", {"dealid": "006A", "data": {}}, ("006A", "006A", None, None)),
    ("a deal as an extension, without data", {"dealid": "006A", "data": None}, ("006A", "006A", None, None)),
    ("a contact", {"data": {"contact_id": "003A"}}, ("003A", None, "003A", None)),
    ("an account", {"accountid": "001A", "data": {}}, ("001A", None, None, "001A")),
    (
        "all three: the deal is the key",
        {"data": {"deal_id": "006A", "contactId": "003A", "account_id": "001A"}},
        ("006A", "006A", "003A", "001A"),
    ),
    ("an empty deal is none", {"data": {"deal_id": "", "contact_id": "003A"}}, ("003A", None, "003A", None)),
    ("the data come before the extensions", {"dealid": "B", "data": {"deal_id": "A"}}, ("A", "A", None, None)),
]


@pytest.mark.parametrize(("change", "expected"), [case[1:] for case in SUBJECTS], ids=[case[0] for case in SUBJECTS])
def test_whom_it_is_about(change: dict[str, object], expected: tuple[str, str | None, str | None, str | None]) -> None:
    event = seen({**EVENT, **change})
    key, deal, person, account = expected
    assert event.key == f"web/acme:{key}"
    assert event.deal == (None if deal is None else f"web/acme:{deal}")
    assert (event.person, event.account) == (person, account)


def test_ids_belong_to_the_crm_that_the_settings_name() -> None:
    event = seen({**EVENT, "data": {"opp": "006A", "visitor": "003A", "pageUrl": "/pricing"}}, OF_CRM)
    assert (event.key, event.deal, event.person) == ("salesforce/acme:006A", "salesforce/acme:006A", "003A")
    assert event.source == "web/acme"
    assert event.data == {"deal_id": "006A", "contact_id": "003A", "url": "/pricing"}


def test_only_scalars_of_the_data_are_kept() -> None:
    data = {"deal_id": "006A", "n": 1, "x": 1.5, "yes": True, "none": None, "list": [1], "object": {"a": 1}}
    (outcome,) = read({**EVENT, "data": data})
    assert isinstance(outcome, Accepted)
    assert outcome.dirt == ("not_scalar.data",)
    assert seen({**EVENT, "data": data}).data == {"deal_id": "006A", "n": 1, "x": 1.5, "yes": True, "none": None}


def test_identity_is_the_producers_and_the_sources() -> None:
    one = seen(EVENT)
    assert seen({**EVENT, "type": "other", "time": "2024-01-02T10:00:00Z"}).id == one.id
    assert seen({**EVENT, "id": "e-2"}).id != one.id
    assert seen({**EVENT, "source": "/app"}).id != one.id
    assert seen(EVENT, msgspec.structs.replace(SOURCE, tenant="other")).id != one.id


def test_without_a_time_the_brokers_counts() -> None:
    event = {name: value for name, value in EVENT.items() if name != "time"}
    assert seen(event, timestamp_us=AT_US + 5).at_us == AT_US + 5


def test_a_plain_object_with_specversion_needs_no_content_type() -> None:
    (outcome,) = read(EVENT, headers=())
    assert isinstance(outcome, Accepted)


def test_structured_mode_wins_over_stray_headers() -> None:
    (outcome,) = read(EVENT, headers=(("ce_traceparent", b"00"), CONTENT_TYPE))
    assert isinstance(outcome, Accepted)


def test_a_header_without_a_value_is_no_header_of_the_event() -> None:
    (outcome,) = parse(SOURCE, RawRecord(None, msgspec.json.encode(EVENT), (("content-type", None), ("trace", None))))
    assert isinstance(outcome, Accepted)


def test_a_tombstone_is_silent() -> None:
    assert read(None, headers=()) == [Silent("tombstone")]


BINARY = (("ce_specversion", b"1.0"), ("ce_id", b"e-1"), ("content-type", b"application/json"))
NAMED = (("ce_type", b"com.example.demo.requested"), ("ce_source", b"/site"), ("ce_time", b"2024-01-01T10:00:00Z"))
BATCH = ("content-type", b"application/cloudevents-batch+json; charset=utf-8")
BASE64: dict[str, object] = {**EVENT, "data": None, "datacontenttype": "application/json"}
DEBEZIUM = {"before": None, "after": {"id": 1}, "source": {"ts_ms": 1}, "op": "c"}


def test_a_binary_event_says_what_the_structured_one_says() -> None:
    assert read({"deal_id": "006A", "page": "/demo"}, headers=(*BINARY, *NAMED)) == read(EVENT)


@pytest.mark.parametrize("value", [None, b"", b"<visit/>"])
def test_a_binary_event_without_data_in_json_is_an_event_all_the_same(value: bytes | None) -> None:
    headers = (("ce_specversion", b"1.0"), ("ce_id", b"e-1"), *NAMED, ("ce_dealid", b"7"))
    (outcome,) = read(value, headers=headers)
    assert isinstance(outcome, Accepted)
    (event,) = outcome.events
    assert isinstance(event, EngagementSeen)
    assert (event.deal, event.data) == ("web/acme:7", {})


def test_header_values_are_text_as_it_stands() -> None:
    """The Kafka binding knows no percent encoding, unlike that of HTTP; names of headers come in any case."""
    headers = (*BINARY, *NAMED, ("CE_Type", "büro%20besucht".encode()))
    (outcome,) = read({"deal_id": "1"}, headers=headers)
    assert isinstance(outcome, Accepted)
    (event,) = outcome.events
    assert isinstance(event, EngagementSeen)
    assert event.kind == "büro%20besucht"


def test_a_null_value_is_a_tombstone_of_anything_but_a_binary_event() -> None:
    assert read(None, headers=(CONTENT_TYPE,)) == [Silent("tombstone")]
    assert read(None, headers=(("content-type", b"application/json"),)) == [Silent("tombstone")]


def test_a_batch_is_a_row_per_event() -> None:
    events = [EVENT, {**EVENT, "id": "e-2"}, {**EVENT, "time": "noon"}, 7]
    one, two, bad, worse = read(msgspec.json.encode(events), headers=(BATCH,))
    assert [one] == read(EVENT)
    assert isinstance(two, Accepted)
    assert isinstance(bad, Rejected)
    assert isinstance(worse, Rejected)
    assert (bad.reason, worse.reason) == ("bad_time", "not_an_object")
    assert read(b"[]", headers=(BATCH,)) == [Silent("empty_batch")]


def test_data_in_base64_are_read_as_their_type_says() -> None:
    event = {**BASE64, "data_base64": "eyJkZWFsX2lkIjoiMDA2QSIsInBhZ2UiOiIvZGVtbyJ9"}
    assert read(event) == read(EVENT)
    opaque = {**event, "datacontenttype": "image/png", "data_base64": "iVBORw0KGgo=", "dealid": "006A"}
    assert seen(opaque).data == {}


REJECTED: list[tuple[str, list[Outcome], str]] = [
    ("binary mode without a type", read({"deal_id": "1"}, headers=BINARY), "missing_attribute"),
    ("binary mode, header names in capitals", read(EVENT, headers=(("CE_id", b"1"),)), "not_a_cloudevent"),
    ("binary mode, about nobody", read(None, headers=(*BINARY, *NAMED)), "no_subject"),
    ("binary mode, a header that is no text", read(None, headers=(*BINARY, ("ce_type", b"\xff"))), "bad_header"),
    ("binary mode, data that are no JSON", read(b"{", headers=(*BINARY, *NAMED)), "not_json"),
    ("binary mode, version 0.3", read(None, headers=(*BINARY, ("ce_specversion", b"0.3"))), "specversion"),
    ("an event in Avro", read(EVENT, headers=(("content-type", b"application/cloudevents+avro"),)), "event_format"),
    ("a batch that is one event", read(EVENT, headers=(BATCH,)), "wrong_type"),
    ("a batch of a number", read(b"[1]", headers=(BATCH,)), "not_an_object"),
    ("base64 that is none", read({**EVENT, "data": None, "data_base64": "?"}), "wrong_type"),
    ("base64 that is a number", read({**EVENT, "data": None, "data_base64": 1}), "wrong_type"),
    ("data twice", read({**EVENT, "data_base64": "e30="}), "wrong_type"),
    ("base64 of what is no JSON", read(BASE64 | {"data_base64": "ew=="}), "not_json"),
    ("not JSON", read(b"\xff\xfe"), "not_json"),
    ("a batch", read(b"[]"), "not_an_object"),
    ("a change of a database", read(msgspec.json.encode(DEBEZIUM)), "not_a_cloudevent"),
    ("version 0.3", read({**EVENT, "specversion": "0.3"}), "specversion"),
    ("a version that is a number", read({**EVENT, "specversion": 1.0}), "specversion"),
    ("no id", read({**EVENT, "id": ""}), "missing_attribute"),
    ("an id that is a number", read({**EVENT, "id": 4}), "missing_attribute"),
    ("no source", read({**EVENT, "source": None}), "missing_attribute"),
    ("no type", read({name: EVENT[name] for name in EVENT if name != "type"}), "missing_attribute"),
    ("a type without end", read({**EVENT, "type": "x" * 2000}), "field_too_large"),
    ("no time at all", read({**EVENT, "time": None}), "no_time"),
    ("a time that is none", read({**EVENT, "time": "noon"}), "bad_time"),
    ("a time without a zone", read({**EVENT, "time": "2024-01-01T10:00:00"}), "bad_time"),
    ("a time that is a number", read({**EVENT, "time": 1}), "wrong_type"),
    ("a time before there were events", read({**EVENT, "time": "1969-12-31T00:00:00Z"}), "absurd_time"),
    ("a time that nobody can have sent", read(EVENT, timestamp_us=AT_US - 3_600_000_001), "time_in_future"),
    ("about nobody", read({**EVENT, "data": {"page": "/demo"}}), "no_subject"),
    ("data in text, about nobody", read({**EVENT, "data": "deal_id=1"}), "no_subject"),
    ("a deal that is true", read({**EVENT, "data": {"deal_id": True}}), "wrong_type"),
    ("a deal that is a list", read({**EVENT, "data": {"deal_id": ["006A"]}}), "wrong_type"),
    ("a deal with control characters", read({**EVENT, "data": {"deal_id": "a\u0000b"}}), "wrong_type"),
    ("a deal of blanks", read({**EVENT, "data": {"deal_id": "  "}}), "wrong_type"),
    ("a deal without end", read({**EVENT, "data": {"deal_id": "9" * 129}}), "wrong_type"),
    ("a megabyte", read({**EVENT, "data": {"deal_id": "1", "text": "x" * 2**20}}), "field_too_large"),
    (
        "too many fields",
        read({**EVENT, "data": {"deal_id": "1"} | {str(n): n for n in range(90_000)}}),
        "event_too_large",
    ),
    ("a huge integer", read({**EVENT, "data": {"deal_id": "1", "n": 2**64}}), "absurd_number"),
]


@pytest.mark.parametrize(("outcomes", "reason"), [case[1:] for case in REJECTED], ids=[case[0] for case in REJECTED])
def test_what_cannot_be_is_rejected_by_name(outcomes: list[Outcome], reason: str) -> None:
    (outcome,) = outcomes
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason
    assert len(outcome.detail) < 300
