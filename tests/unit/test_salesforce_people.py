"""Users, contacts and leads; what a lead's conversion ties together."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from tests.unit.salesforce_changes import (
    DEAL,
    IDS,
    SECOND_DEAL,
    SOURCE,
    changed,
    cometd,
    event_of,
    events_of,
    header,
    key,
    said,
)
from topics.events import AccountChanged, DealChanged, Event, PersonChanged, RelationChanged
from topics.outcomes import Accepted, Rejected, Silent

ACCOUNT, CONTACT, LEAD = IDS["Account"], IDS["Contact"], IDS["Lead"]
BLANK_USER: dict[str, object] = {"email": None, "team": None, "role": None}
BLANK_BUYER: dict[str, object] = {"email": None, "title": None, "account": None}

PEOPLE: list[tuple[str, str, str, dict[str, object], dict[str, object]]] = [
    (
        "a new user, the name in parts",
        "User",
        "CREATE",
        {"Name": {"FirstName": "Ada", "LastName": "Byron"}, "Email": "ada@example.com", "IsActive": True},
        {**BLANK_USER, "name": "Ada Byron", "email": "ada@example.com", "active": True},
    ),
    (
        "a new user, the name in one piece",
        "User",
        "CREATE",
        {"Name": "Ada Byron", "IsActive": True},
        {**BLANK_USER, "name": "Ada Byron", "active": True},
    ),
    ("a new user with one name", "User", "CREATE", {"Name": {"LastName": "Byron"}}, {**BLANK_USER, "name": "Byron"}),
    ("a new user without a name", "User", "CREATE", {"IsActive": True}, {**BLANK_USER, "name": None, "active": True}),
    ("a name was cleared", "Contact", "UPDATE", {"Name": None}, {"name": None}),
    ("left the company", "User", "UPDATE", {"IsActive": False}, {"active": False}),
    ("another address", "User", "UPDATE", {"Email": "b@example.com"}, {"email": "b@example.com"}),
    ("another department", "User", "UPDATE", {"Department": "Mid-market"}, {"team": "Mid-market"}),
    ("another role", "User", "UPDATE", {"UserRoleId": "00E1"}, {"role": "00E1"}),
    (
        "half a name is no name",
        "User",
        "UPDATE",
        {"Name": {"LastName": "King"}, "Email": "k@example.com"},
        {"email": "k@example.com"},
    ),
    (
        "both halves, beside each other",
        "User",
        "UPDATE",
        {"FirstName": "Ada", "LastName": "King"},
        {"name": "Ada King"},
    ),
    ("a deleted user", "User", "DELETE", {}, {"active": False}),
    (
        "a new contact: nothing but what is needed",
        "Contact",
        "CREATE",
        {
            "Name": {"Salutation": "Ms.", "FirstName": "Mary", "LastName": "Somerville"},
            "Email": "mary@example.com",
            "Title": "CFO",
            "AccountId": ACCOUNT,
            "Birthdate": "1980-12-26",
            "Phone": "555",
            "Mood__c": "good",
        },
        {"name": "Mary Somerville", "email": "mary@example.com", "title": "CFO", "account": ACCOUNT},
    ),
    ("a contact moves", "Contact", "UPDATE", {"AccountId": None, "Title": "CEO"}, {"account": None, "title": "CEO"}),
    ("a deleted contact", "Contact", "DELETE", {}, {"removed": True}),
    ("a contact that an archive deleted", "Contact", "GAP_DELETE", {}, {"removed": True}),
    (
        "a contact is back",
        "Contact",
        "UNDELETE",
        {"Name": {"LastName": "Somerville"}},
        {**BLANK_BUYER, "name": "Somerville", "removed": False},
    ),
    (
        "a new lead",
        "Lead",
        "CREATE",
        {"Name": {"FirstName": "Emmy", "LastName": "Noether"}, "Company": "Acme", "Title": "VP"},
        {**BLANK_BUYER, "name": "Emmy Noether", "title": "VP"},
    ),
    (
        "a lead that became a contact without a deal",
        "Lead",
        "UPDATE",
        {"IsConverted": True, "ConvertedAccountId": ACCOUNT, "ConvertedContactId": CONTACT},
        {"account": ACCOUNT},
    ),
    ("a deleted lead", "Lead", "DELETE", {}, {"removed": True}),
]


@pytest.mark.parametrize(
    ("entity", "change", "fields", "expected"), [case[1:] for case in PEOPLE], ids=[case[0] for case in PEOPLE]
)
def test_people(entity: str, change: str, fields: dict[str, object], expected: dict[str, object]) -> None:
    event = event_of(changed(entity, change, fields))
    assert isinstance(event, PersonChanged)
    assert event.fields == expected
    assert (event.person, event.key, event.user) == (IDS[entity], key(IDS[entity]), entity == "User")


PARTS: list[tuple[str, list[str], dict[str, object], dict[str, object]]] = [
    (
        "both parts of a name",
        ["Name.FirstName", "Name.LastName"],
        {"FirstName": "Ada", "LastName": "King"},
        {"name": "Ada King"},
    ),
    (
        "one part of a name, its other null",
        ["Name.LastName", "Title"],
        {"FirstName": None, "LastName": "King"},
        {"title": "VP"},
    ),
    ("both by bitmap", ["2-0x6"], {"FirstName": "Ada", "LastName": "King"}, {"name": "Ada King"}),
]


@pytest.mark.parametrize(("names", "parts", "expected"), [case[1:] for case in PARTS], ids=[case[0] for case in PARTS])
def test_the_parts_of_a_name(names: list[str], parts: dict[str, object], expected: dict[str, object]) -> None:
    source = msgspec.structs.replace(SOURCE, schemas={"Contact": ("ChangeEventHeader", "AccountId", "Name")})
    head = header("Contact", changedFields=names)
    event = event_of(said(cometd(head, {"Name": parts, "Title": "VP"}), source))
    assert isinstance(event, PersonChanged)
    assert event.fields == expected


OTHER_TEAM = msgspec.structs.replace(
    SOURCE, fields={"User.Division": "team", "User.Segment__c": "role", "Department": "unit"}
)


def test_the_settings_say_what_a_team_is() -> None:
    """And a name without an entity is the opportunity's: Department here is no field of a user's."""
    fields = {"Division": "North", "Department": "Sales", "Segment__c": "SMB"}
    event = event_of(changed("User", "UPDATE", fields, OTHER_TEAM))
    assert isinstance(event, PersonChanged)
    assert event.fields == {"team": "North", "role": "SMB"}


@pytest.mark.parametrize(
    ("entity", "change", "fields", "reason"),
    [
        ("User", "UPDATE", {"Title": "VP"}, "nothing_mapped"),
        ("Contact", "UPDATE", {"Phone": "555"}, "nothing_mapped"),
        ("Contact", "UPDATE", {"Mood__c": "bad"}, "nothing_mapped"),
        ("Lead", "UPDATE", {"Status": "Working"}, "nothing_mapped"),
        ("User", "GAP_UPDATE", {}, "person_gap"),
        ("Contact", "GAP_CREATE", {}, "person_gap"),
        ("Contact", "GAP_OVERFLOW", {}, "person_gap"),
        ("Lead", "GAP_UNDELETE", {}, "person_gap"),
    ],
)
def test_changes_of_people_that_say_nothing(entity: str, change: str, fields: dict[str, object], reason: str) -> None:
    assert changed(entity, change, fields) == [Silent(reason)]


@pytest.mark.parametrize(
    ("entity", "fields"),
    [
        ("User", {"IsActive": 1}),
        ("User", {"Email": 1}),
        ("User", {"Name": {"LastName": 1}}),
        ("Contact", {"Title": ["CEO"]}),
        ("Contact", {"AccountId": 1}),
        ("Lead", {"ConvertedOpportunityId": {"id": "006"}}),
    ],
)
def test_values_of_people_that_cannot_be(entity: str, fields: dict[str, object]) -> None:
    (outcome,) = changed(entity, "UPDATE", fields)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "wrong_type"


# --- a conversion ------------------------------------------------------------------------------------------------

#: One transaction; the numbers in it have holes, as the events of entities that nobody selected are not sent.
CONVERSION: list[tuple[str, str, int, dict[str, Any]]] = [
    ("Account", "CREATE", 1, {"Name": "Noether & Co.", "BillingAddress": {"State": "IL", "Country": "USA"}}),
    ("Contact", "CREATE", 2, {"Name": {"FirstName": "Emmy", "LastName": "Noether"}, "AccountId": ACCOUNT}),
    ("Opportunity", "CREATE", 4, {"Name": "Noether", "StageName": "Prospecting", "AccountId": ACCOUNT}),
    (
        "Lead",
        "UPDATE",
        7,
        {
            "Status": "Closed - Converted",
            "IsConverted": True,
            "ConvertedDate": "2024-01-01",
            "ConvertedAccountId": ACCOUNT,
            "ConvertedContactId": CONTACT,
            "ConvertedOpportunityId": DEAL,
        },
    ),
]


def _converted(order: tuple[int, ...]) -> list[Event]:
    events: list[Event] = []
    for index in order:
        entity, change, number, fields = CONVERSION[index]
        events += events_of(changed(entity, change, fields, sequenceNumber=number))
    return events


def test_a_conversion_ties_the_lead_to_its_deal() -> None:
    account, contact, deal, lead, tie = _converted((0, 1, 2, 3))
    assert isinstance(account, AccountChanged)
    assert isinstance(contact, PersonChanged)
    assert isinstance(deal, DealChanged)
    assert (account.fields["country"], contact.fields["account"], deal.fields["account_id"]) == (
        "USA",
        ACCOUNT,
        ACCOUNT,
    )
    assert isinstance(lead, PersonChanged)
    assert (lead.person, lead.fields) == (LEAD, {"account": ACCOUNT})
    assert isinstance(tie, RelationChanged)
    assert tie.fields == {"deal": key(DEAL), "person": key(LEAD), "role": "Converted lead"}
    assert tie.key == key(tie.relation) != key(LEAD)
    assert [event.seq[1] for event in (account, contact, deal, lead, tie)] == [1, 2, 4, 7, 7]


def test_a_conversion_says_the_same_in_any_order() -> None:
    sorted_events = sorted(_converted((0, 1, 2, 3)), key=lambda event: event.order)
    assert len({event.id for event in sorted_events}) == 5
    for order in permutations(range(4)):
        assert sorted(_converted(order), key=lambda event: event.order) == sorted_events


def test_a_conversion_that_says_nothing_but_the_deal_is_the_tie_alone() -> None:
    event = event_of(changed("Lead", "UPDATE", {"ConvertedOpportunityId": DEAL}))
    assert isinstance(event, RelationChanged)


def test_two_leads_converted_alike_are_two_ties() -> None:
    head = header("Lead", recordIds=["00QA", "00QB"], changedFields=["ConvertedOpportunityId"])
    outcomes = said(cometd(head, {"ConvertedOpportunityId": SECOND_DEAL}))
    ties = [outcome.events[0] for outcome in outcomes if isinstance(outcome, Accepted)]
    assert len({tie.id for tie in ties}) == len({tie.key for tie in ties}) == len(outcomes) == 2
