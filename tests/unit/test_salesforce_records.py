"""Records as a query answers with them: an initial load, and how a suspect deal is read again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.salesforce_changes import DEAL, IDS, SOURCE, event_of, events_of, key, said
from topics.events import AccountChanged, ActivityChanged, DealChanged, DealRemoved, PersonChanged, RelationChanged
from topics.instants import parse_rfc3339 as us
from topics.outcomes import READ_AT_HEADER, RawRecord, Rejected, Silent
from topics.sources.salesforce import parse

MODIFIED = "2024-01-05T12:00:00.000+0000"
READ = "2024-02-01T06:00:00Z"
RE_READ: tuple[tuple[str, bytes], ...] = ((READ_AT_HEADER, READ.encode()),)


def queried(entity: str, **fields: object) -> dict[str, Any]:
    path = f"/services/data/v60.0/sobjects/{entity}/{IDS[entity]}"
    return {"attributes": {"type": entity, "url": path}, "Id": IDS[entity], "SystemModstamp": MODIFIED, **fields}


def deal(document: object, **record: Any) -> DealChanged:  # noqa: ANN401 - of a RawRecord
    event = events_of(said(document, **record))[-1]
    assert isinstance(event, DealChanged)
    return event


def test_a_deal_is_a_full_record_of_what_was_asked_for() -> None:
    event = deal(queried("Opportunity", StageName="Negotiation", Amount=12.5, NextStep=None, Fit__c=True, IsWon=False))
    assert event.fields == {"stage": "Negotiation", "amount": 12.5, "next_step": None, "fit": True}
    assert (event.full, event.created) == (True, False)
    assert (event.key, event.at_us, event.seq) == (key(DEAL), us("2024-01-05T12:00:00Z"), (0, 0))


TIMES: list[tuple[str, dict[str, object], tuple[tuple[str, bytes], ...], str]] = [
    ("when it was modified last", {"LastModifiedDate": "2024-01-01T00:00:00Z"}, (), "2024-01-05T12:00:00Z"),
    (
        "by a person, if that is all",
        {"SystemModstamp": None, "LastModifiedDate": "2024-01-01T00:00:00Z"},
        (),
        "2024-01-01T00:00:00Z",
    ),
    ("when it was read", {}, RE_READ, READ),
    ("when it was read, without its own time", {"SystemModstamp": None}, RE_READ, READ),
    (
        "modified after what was said to be read",
        {"SystemModstamp": "2024-03-01T00:00:00Z"},
        RE_READ,
        "2024-03-01T00:00:00Z",
    ),
]


@pytest.mark.parametrize(("fields", "headers", "at"), [case[1:] for case in TIMES], ids=[case[0] for case in TIMES])
def test_the_time_of_a_record(fields: dict[str, object], headers: tuple[tuple[str, bytes], ...], at: str) -> None:
    assert deal(queried("Opportunity", **fields), headers=headers).at_us == us(at)


def test_the_same_record_is_the_same_event_and_another_is_not() -> None:
    one = deal(queried("Opportunity", StageName="Q"))
    assert deal(queried("Opportunity", StageName="Q")) == one
    assert deal(queried("Opportunity", StageName="R")).id != one.id
    assert deal(queried("Opportunity", StageName="Q"), headers=RE_READ).id != one.id


def test_a_deal_says_since_when_it_is_in_its_stage() -> None:
    document = queried("Opportunity", StageName="Q", LastStageChangeDate="2023-11-01T08:00:00.000+0000", Amount=1)
    entered, full = events_of(said(document))
    assert isinstance(entered, DealChanged)
    assert (entered.at_us, entered.fields, entered.full) == (us("2023-11-01T08:00:00Z"), {"stage": "Q"}, False)
    assert (full.key, full.at_us) == (entered.key, us("2024-01-05T12:00:00Z"))
    again, _ = events_of(said({**document, "Amount": 2}))
    assert again == entered


def test_a_deal_that_never_left_its_first_stage_is_in_it_since_it_was_created() -> None:
    created = "2023-09-01T08:00:00.000+0000"
    entered, _ = events_of(said(queried("Opportunity", StageName="Q", LastStageChangeDate=None, CreatedDate=created)))
    assert isinstance(entered, DealChanged)
    assert (entered.at_us, entered.fields) == (us("2023-09-01T08:00:00Z"), {"stage": "Q"})


DONE: list[tuple[str, dict[str, object], int | None]] = [
    ("when it says", {"CompletedDateTime": "2024-01-02T00:00:00Z"}, us("2024-01-02T00:00:00Z")),
    ("when it was modified last", {"LastModifiedDate": "2024-01-03T00:00:00Z"}, us("2024-01-05T12:00:00Z")),
    ("when it was due, if that is earlier", {"ActivityDate": "2024-01-03"}, us("2024-01-04T00:00:00Z")),
    ("when it was modified, if it was due later", {"ActivityDate": "2024-06-03"}, us("2024-01-05T12:00:00Z")),
    ("nobody knows", {"SystemModstamp": None}, None),
]


@pytest.mark.parametrize(("fields", "done_us"), [case[1:] for case in DONE], ids=[case[0] for case in DONE])
def test_when_a_task_was_done_is_never_when_it_was_read(fields: dict[str, object], done_us: int | None) -> None:
    event = event_of(said(queried("Task", Status="Completed", **fields), headers=RE_READ))
    assert isinstance(event, ActivityChanged)
    assert (event.fields.get("at_us"), event.at_us) == (done_us, us(READ))


NO_ENTRY: list[tuple[str, dict[str, object], dict[str, Any]]] = [
    ("read again", {"StageName": "Q", "LastStageChangeDate": "2023-11-01T08:00:00Z"}, {"headers": RE_READ}),
    ("never changed, created at an unknown time", {"StageName": "Q", "LastStageChangeDate": None}, {}),
    ("not asked since when", {"StageName": "Q", "CreatedDate": "2023-09-01T08:00:00Z"}, {}),
    ("not asked for the stage", {"LastStageChangeDate": "2023-11-01T08:00:00Z"}, {}),
    ("after its last change", {"StageName": "Q", "LastStageChangeDate": "2024-01-06T00:00:00Z"}, {}),
    (
        "the stage is in a field of the customer's own",
        {"Stage__c": "Q", "LastStageChangeDate": "2023-11-01T08:00:00Z"},
        {"source": msgspec.structs.replace(SOURCE, fields={"Stage__c": "stage"})},
    ),
]


@pytest.mark.parametrize(("fields", "more"), [case[1:] for case in NO_ENTRY], ids=[case[0] for case in NO_ENTRY])
def test_a_deal_that_does_not_say_since_when(fields: dict[str, object], more: dict[str, Any]) -> None:
    assert isinstance(event_of(said(queried("Opportunity", **fields), **more)), DealChanged)


def test_what_is_in_the_bin_is_gone() -> None:
    assert isinstance(event_of(said(queried("Opportunity", IsDeleted=True, StageName="Q"))), DealRemoved)
    contact = event_of(said(queried("Contact", IsDeleted=True, MasterRecordId="003SB00000WiNnEYAV")))
    assert isinstance(contact, PersonChanged)
    assert contact.fields == {"removed": True}


OTHERS: list[tuple[str, dict[str, object], type, dict[str, object]]] = [
    (
        "Account",
        {"Name": "Brightwater", "BillingCountry": "USA", "BillingAddress": {"country": "USA"}, "Industry": None},
        AccountChanged,
        {"name": "Brightwater", "country": "USA", "industry": None},
    ),
    ("Contact", {"Name": "Mary Somerville", "Title": None}, PersonChanged, {"name": "Mary Somerville", "title": None}),
    ("User", {"Name": "Ada Byron", "IsActive": True}, PersonChanged, {"name": "Ada Byron", "active": True}),
    (
        "Task",
        {"WhatId": DEAL, "Status": "Completed", "CompletedDateTime": "2024-01-02T00:00:00.000+0000"},
        ActivityChanged,
        {"deal": key(DEAL), "account": None, "done": True, "at_us": us("2024-01-02T00:00:00Z")},
    ),
    ("OpportunityContactRole", {"OpportunityId": DEAL}, RelationChanged, {"deal": key(DEAL)}),
]


@pytest.mark.parametrize(("entity", "fields", "kind", "expected"), OTHERS)
def test_every_entity_can_be_queried(
    entity: str, fields: dict[str, object], kind: type, expected: dict[str, object]
) -> None:
    event = event_of(said(queried(entity, **fields)))
    assert type(event) is kind
    assert getattr(event, "fields") == expected  # noqa: B009 - every kind has them


def test_a_lead_that_was_converted_long_ago_is_tied_to_its_deal() -> None:
    person, tie = events_of(said(queried("Lead", Name="Emmy Noether", IsConverted=True, ConvertedOpportunityId=DEAL)))
    assert isinstance(person, PersonChanged)
    assert isinstance(tie, RelationChanged)
    assert tie.fields["deal"] == key(DEAL)


def test_a_deal_without_its_stage_is_not_read_again() -> None:
    assert not deal(queried("Opportunity", Amount=5)).full
    assert deal(queried("Opportunity", StageName=None)).full


def test_a_page_of_a_query_is_a_row_for_each_record() -> None:
    rows: list[Any] = [queried("Opportunity", StageName="Q"), queried("Contact", Title="CEO"), 7, {"Id": DEAL}]
    page = {"totalSize": 4, "done": True, "records": rows}
    outcomes = said(page)
    assert outcomes == said({"status": 0, "result": page})
    assert outcomes[:2] == [*said(rows[0]), *said(rows[1])]
    assert [type(outcome) for outcome in outcomes[2:]] == [Rejected, Rejected]
    assert said({"totalSize": 0, "done": True, "records": []}) == [Silent("empty_batch")]


def test_an_integer_over_64_bits_is_refused_by_name() -> None:
    value = msgspec.json.encode(queried("Opportunity", Seats__c=0)).replace(b'"Seats__c":0', b'"Seats__c":' + b"9" * 30)
    (outcome,) = parse(SOURCE, RawRecord(None, value))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "absurd_number"


def test_what_is_around_a_record_is_not_read() -> None:
    document = queried("Opportunity", StageName="Q", Account={"attributes": {"type": "Account"}, "Name": "A"})
    assert deal(document).fields == {"stage": "Q"}
    assert said({**queried("Opportunity"), "attributes": {"type": "Case"}}) == [Silent("entity_not_read")]


REJECTED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("no time at all", {**queried("Opportunity"), "SystemModstamp": None}, {}, "no_time"),
    ("a time without a zone", {**queried("Opportunity"), "SystemModstamp": "2024-01-05T12:00:00"}, {}, "bad_time"),
    ("a time in seconds", {**queried("Opportunity"), "SystemModstamp": 1_704_456_000}, {}, "absurd_date"),
    ("the epoch", {**queried("Opportunity"), "SystemModstamp": "1970-01-01T00:00:00Z"}, {}, "absurd_date"),
    ("the end of time", {**queried("Opportunity"), "SystemModstamp": "9999-12-31T23:59:59Z"}, {}, "absurd_date"),
    ("in the future", queried("Opportunity"), {"timestamp_us": us("2024-01-05T10:00:00Z")}, "time_in_future"),
    ("read at no time", queried("Opportunity"), {"headers": ((READ_AT_HEADER, b"now"),)}, "bad_time"),
    ("read at no UTF-8", queried("Opportunity"), {"headers": ((READ_AT_HEADER, b"\xff"),)}, "bad_time"),
    ("an id that is none", {**queried("Opportunity"), "Id": "006 '--"}, {}, "bad_record_ids"),
    ("a type that is none", {**queried("Opportunity"), "attributes": {"type": 7}}, {}, "bad_header"),
    (
        "an entity that no Salesforce has",
        {**queried("Opportunity"), "attributes": {"type": "Banana"}},
        {},
        "unknown_entity",
    ),
    ("neither record nor change", {"attributes": {"url": "/x"}, "Id": DEAL}, {}, "no_header"),
    ("a number over all limits", queried("Opportunity", Amount=1e30), {}, "absurd_number"),
    ("an amount in words", queried("Opportunity", Amount="forty"), {}, "wrong_type"),
    ("a close date of a sentinel", queried("Opportunity", CloseDate="9999-12-31"), {}, "absurd_date"),
]


@pytest.mark.parametrize(
    ("document", "record", "reason"), [case[1:] for case in REJECTED], ids=[case[0] for case in REJECTED]
)
def test_a_record_that_cannot_be_read(document: dict[str, Any], record: dict[str, Any], reason: str) -> None:
    (outcome,) = said(document, **record)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason
