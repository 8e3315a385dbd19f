"""Records of HubSpot's API: how a load begins, and how a suspect deal is read again."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from topics.events import AccountChanged, ActivityChanged, AnyEvent, DealChanged, DealRemoved, PersonChanged
from topics.events import RelationChanged as Relation
from topics.instants import parse_rfc3339
from topics.outcomes import READ_AT_HEADER, Accepted, Outcome, RawRecord, Rejected, Silent
from topics.sources.hubspot import parse
from topics.sources.source import Source, SourceKind

SOURCE = Source(name="hubspot", kind=SourceKind.HUBSPOT, tenant="acme")
CHANGED = "2024-01-01T10:00:00Z"


def us(text: str) -> int:
    return parse_rfc3339(text)


def record(**more: object) -> dict[str, Any]:
    return {"id": "7", "properties": {"dealstage": "contractsent"}, "updatedAt": CHANGED, "archived": False, **more}


def outcomes(body: object, read_at: str | None = None) -> list[Outcome]:
    headers = () if read_at is None else ((READ_AT_HEADER, read_at.encode()),)
    return parse(SOURCE, RawRecord(None, msgspec.json.encode(body), headers))


def events(body: object, read_at: str | None = None) -> tuple[AnyEvent, ...]:
    (outcome,) = outcomes(body, read_at)
    assert isinstance(outcome, Accepted), outcome
    return outcome.events


def deal(body: object, read_at: str | None = None) -> DealChanged:
    (found,) = (one for one in events(body, read_at) if isinstance(one, DealChanged) and one.at_us >= us(CHANGED))
    return found


def fields_of(body: object, kind: type[AnyEvent]) -> dict[str, object]:
    (found,) = (one for one in events(body) if isinstance(one, kind))
    assert isinstance(found, DealChanged | PersonChanged | AccountChanged | ActivityChanged)
    return dict(found.fields)


# --- deals -------------------------------------------------------------------------------------------------------


def test_a_deal_is_a_full_record_of_what_was_asked_for() -> None:
    said = deal(record(properties={"dealstage": "contractsent", "amount": None, "dealname": "", "region": "South"}))
    assert (said.full, said.created, said.key) == (True, False, "hubspot/acme:7")
    assert said.fields == {"stage": "contractsent", "amount": None, "name": None, "region": "South"}


def test_a_deal_whose_stage_was_not_asked_for_is_no_full_record() -> None:
    assert deal(record(properties={"amount": "9"})).full is False


def test_a_deals_creation_is_never_empty() -> None:
    created = "2023-12-01T09:00:00.123Z"
    for properties, said in ({"createdate": created}, None), ({}, created), ({"createdate": ""}, created):
        body = record(properties=properties, createdAt=said)
        assert deal(body).fields["created_at"] == us(created)
    assert "created_at" not in deal(record()).fields


@pytest.mark.parametrize(
    ("changed", "read", "dated"),
    [
        (CHANGED, None, CHANGED),
        (CHANGED, "2024-02-01T00:00:00Z", "2024-02-01T00:00:00Z"),
        ("2024-03-01T00:00:00Z", "2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z"),
        (None, "2024-02-01T01:00:00+01:00", "2024-02-01T00:00:00Z"),
    ],
)
def test_a_record_is_dated_by_when_it_was_read_or_changed_after(
    changed: str | None, read: str | None, dated: str
) -> None:
    assert deal(record(updatedAt=changed), read).at_us == us(dated)


def test_a_record_may_be_dated_by_its_property() -> None:
    body = record(properties={"dealstage": "x", "hs_lastmodifieddate": "1704200000000"}, updatedAt=None)
    assert deal(body).at_us == 1_704_200_000_000_000


def test_a_record_that_nobody_dates_is_refused() -> None:
    (outcome,) = outcomes(record(updatedAt=None))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "no_time"


def test_another_read_of_the_same_time_says_more_and_is_another_event() -> None:
    """What identifies a record is all of it: a read that asked for more must not be taken for a repeat."""
    less, more = record(), record(properties={"dealstage": "contractsent", "amount": "9"})
    assert deal(less).id == deal(less).id != deal(more).id


def test_history_comes_first_and_by_its_own_times() -> None:
    versions = [
        {"value": "contractsent", "timestamp": "2024-01-01T09:00:00Z", "sourceType": "CRM_UI"},
        {"value": "qualifiedtobuy", "timestamp": "2023-12-01T09:00:00Z", "sourceType": "API"},
    ]
    amounts = [{"value": "", "timestamp": "1701421200000"}]
    body = record(propertiesWithHistory={"dealstage": versions, "amount": amounts, "hs_object_id": [{}]})
    found = [one for one in events(body) if isinstance(one, DealChanged)]
    assert [(one.at_us, one.full) for one in found] == [
        (us("2023-12-01T09:00:00Z"), False),
        (us("2024-01-01T09:00:00Z"), False),
        (us(CHANGED), True),
    ]
    assert found[0].fields == {"stage": "qualifiedtobuy", "amount": None}
    assert found[1].fields == {"stage": "contractsent"}


def test_since_when_the_stage_is_what_it_is_may_be_all_the_history() -> None:
    since = {"dealstage": "contractsent", "hs_v2_date_entered_current_stage": "2023-12-24T09:00:00Z"}
    then, now = (one for one in events(record(properties=since)) if isinstance(one, DealChanged))
    assert (then.at_us, then.fields, then.full) == (us("2023-12-24T09:00:00Z"), {"stage": "contractsent"}, False)
    assert (now.fields, now.full) == ({"stage": "contractsent"}, True)
    told = {"dealstage": [{"value": "contractsent", "timestamp": "2023-12-25T09:00:00Z"}]}
    assert len(events(record(properties=since, propertiesWithHistory=told))) == len((then, now))


@pytest.mark.parametrize(
    ("versions", "reason"), [("x", "wrong_type"), ([{"value": "x"}], "no_time"), ([7], "no_time")], ids=str
)
def test_history_that_is_none(versions: object, reason: str) -> None:
    (outcome,) = outcomes(record(propertiesWithHistory={"dealstage": versions}))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason


def test_a_deal_in_the_bin_is_gone() -> None:
    (gone,) = events(record(archived=True))
    assert isinstance(gone, DealRemoved)


# --- associations ------------------------------------------------------------------------------------------------


def associated(**named: list[tuple[str, str]]) -> dict[str, Any]:
    return {name: {"results": [{"id": one, "type": kind} for one, kind in found]} for name, found in named.items()}


def test_the_main_company_is_the_account_and_every_one_is_tied() -> None:
    companies = [
        ("1", "deal_to_company_unlabeled"),
        ("2", "deal_to_company"),
        ("2", "deal_to_company_unlabeled"),
    ]
    body = record(associations=associated(companies=companies, contacts=[("3", "deal_to_contact"), ("3", "champion")]))
    assert deal(body).fields["account_id"] == "2"
    ties = {one.relation: one.fields for one in events(body) if isinstance(one, Relation)}
    assert ties == {
        "deal:7 account:1": {"deal": "hubspot/acme:7", "account": "hubspot/acme:1", "removed": False},
        "deal:7 account:2": {
            "deal": "hubspot/acme:7",
            "account": "hubspot/acme:2",
            "role": "primary",
            "removed": False,
        },
        "deal:7 person:3": {
            "deal": "hubspot/acme:7",
            "person": "hubspot/acme:3",
            "role": "champion",
            "removed": False,
        },
    }


def test_associations_that_were_not_asked_for_say_nothing() -> None:
    assert "account_id" not in deal(record()).fields
    assert "account_id" not in deal(record(associations=associated(contacts=[("3", "deal_to_contact")]))).fields


def test_a_record_ties_what_a_webhook_ties() -> None:
    """One relation, whoever tells of it."""
    notice = {
        "subscriptionType": "object.associationChange",
        "occurredAt": 1_704_103_200_000,
        "fromObjectTypeId": "0-1",
        "toObjectTypeId": "0-3",
        "fromObjectId": 3,
        "toObjectId": 7,
        "associationRemoved": False,
    }
    (tie,) = events(notice)
    body = record(associations=associated(contacts=[("3", "deal_to_contact")]))
    assert [one.key for one in events(body) if isinstance(one, Relation)] == [tie.key]


@pytest.mark.parametrize("said", [None, 7, {"deals": None}, {"deals": {"results": [7]}}, {"planets": {"results": []}}])
def test_associations_that_are_none_are_none(said: object) -> None:
    assert not [one for one in events(record(associations=said)) if isinstance(one, Relation)]


# --- other records -----------------------------------------------------------------------------------------------

ACTIVITIES: list[tuple[str, dict[str, object], dict[str, object]]] = [
    (
        "calls",
        {"hs_timestamp": "2024-01-01T09:00:00Z", "hs_call_direction": "INBOUND", "hs_call_status": None},
        {
            "channel": "call",
            "direction": "inbound",
            "done": True,
            "removed": False,
            "at_us": us("2024-01-01T09:00:00Z"),
        },
    ),
    (
        "0-49",
        {"hs_timestamp": "2024-01-01T09:00:00Z", "hs_email_status": "BOUNCED"},
        {
            "channel": "email",
            "direction": "outbound",
            "done": False,
            "removed": False,
            "at_us": us("2024-01-01T09:00:00Z"),
        },
    ),
    (
        "meeting",
        {"hs_meeting_start_time": "2024-01-05T10:00:00Z", "hs_timestamp": "2024-01-04T10:00:00Z"},
        {
            "channel": "meeting",
            "direction": "mutual",
            "meets": True,
            "removed": False,
            "at_us": us("2024-01-05T10:00:00Z"),
        },
    ),
    (
        "meetings",
        {"hs_meeting_start_time": "2024-01-05T10:00:00Z", "hs_meeting_end_time": "2024-01-05T11:00:00Z"},
        {
            "channel": "meeting",
            "direction": "mutual",
            "meets": True,
            "removed": False,
            "at_us": us("2024-01-05T11:00:00Z"),
        },
    ),
    (
        "TASK",
        {"hs_timestamp": "2024-01-09T10:00:00Z", "hs_task_status": "NOT_STARTED", "hs_task_type": "EMAIL"},
        {"channel": "email", "done": False, "removed": False, "at_us": us("2024-01-09T10:00:00Z")},
    ),
    (
        "tasks",
        {"hs_timestamp": "2024-01-09T10:00:00Z", "hs_task_status": "COMPLETED"},
        {"channel": "task", "done": True, "removed": False, "at_us": us(CHANGED)},
    ),
    (
        "tasks",
        {"hs_task_status": "COMPLETED", "hs_task_completion_date": "2023-12-24T10:00:00Z"},
        {"channel": "task", "done": True, "removed": False, "at_us": us("2023-12-24T10:00:00Z")},
    ),
]


@pytest.mark.parametrize(("kind", "properties", "fields"), ACTIVITIES)
def test_an_activity(kind: str, properties: dict[str, object], fields: dict[str, object]) -> None:
    assert fields_of(record(objectType=kind, properties=properties), ActivityChanged) == fields


def test_when_a_task_was_done_does_not_depend_on_when_it_was_read() -> None:
    body = record(objectType="task", properties={"hs_task_status": "COMPLETED"})
    (found,) = events(body, "2024-06-01T00:00:00Z")
    assert isinstance(found, ActivityChanged)
    assert (found.at_us, found.fields["at_us"]) == (us("2024-06-01T00:00:00Z"), us(CHANGED))


def test_a_contact_has_a_name_of_its_parts_and_a_main_company() -> None:
    properties = {"firstname": "Ana", "lastname": "Silva", "email": "ana@example.com", "jobtitle": "", "phone": "1"}
    body = record(
        objectTypeId="0-1", properties=properties, associations=associated(companies=[("2", "contact_to_company")])
    )
    assert fields_of(body, PersonChanged) == {
        "name": "Ana Silva",
        "email": "ana@example.com",
        "title": None,
        "account": "2",
        "removed": False,
    }


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({"firstname": "Ana", "lastname": ""}, "Ana"),
        ({"firstname": None, "lastname": None}, None),
    ],
)
def test_a_name_of_one_part(properties: dict[str, object], name: str | None) -> None:
    assert fields_of(record(objectTypeId="0-1", properties=properties), PersonChanged)["name"] == name


def test_a_company() -> None:
    body = record(objectType="companies", properties={"name": "Brightwater", "numberofemployees": "250", "tier": "A"})
    said = fields_of(body, AccountChanged)
    assert said == {"name": "Brightwater", "employees": 250.0, "tier": "A", "removed": False}


OWNER = {
    "id": "910901",
    "email": "bo@example.com",
    "firstName": "Bo",
    "lastName": "Lind",
    "userId": 1,
    "updatedAt": CHANGED,
}


def test_an_owner_is_a_user_by_the_id_that_deals_have() -> None:
    teams = [{"id": "1", "name": "North", "primary": False}, {"id": "2", "name": "South", "primary": True}]
    (found,) = events({**OWNER, "archived": True, "teams": teams})
    assert isinstance(found, PersonChanged)
    assert (found.person, found.user) == ("910901", True)
    assert found.fields == {"name": "Bo Lind", "email": "bo@example.com", "active": False, "team": "South"}


def test_a_user_is_known_by_their_owner_id() -> None:
    properties = {
        "hubspot_owner_id": "910901",
        "hs_given_name": "Bo",
        "hs_family_name": "Lind",
        "hs_deactivated": "true",
    }
    (found,) = events(record(objectTypeId="0-115", properties=properties))
    assert isinstance(found, PersonChanged)
    assert (found.person, found.fields) == ("910901", {"name": "Bo Lind", "active": False})
    assert outcomes(record(objectTypeId="0-115", properties={})) == [Silent("nothing_mapped")]


@pytest.mark.parametrize("kind", ["notes", "0-46", "tickets", "line items", "2-3444025"])
def test_records_of_other_kinds_are_not_read(kind: str) -> None:
    assert outcomes(record(objectType=kind)) == [Silent("entity_not_read")]


def test_a_kind_that_there_is_not_is_refused() -> None:
    (outcome,) = outcomes(record(objectType="planets"))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "unknown_entity"


def test_a_page_is_read_row_by_row() -> None:
    page = {"results": [record(), OWNER, {"id": "8"}], "paging": {"next": {"after": "8"}}}
    assert [type(outcome) for outcome in outcomes(page)] == [Accepted, Accepted, Rejected]
