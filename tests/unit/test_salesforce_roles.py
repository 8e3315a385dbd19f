"""Contact roles and the relations of activities: ties, and how they are cut."""

from __future__ import annotations

import pytest

from tests.unit.salesforce_changes import DEAL, IDS, changed, event_of, key
from topics.events import RelationChanged
from topics.outcomes import Rejected, Silent

CONTACT, LEAD, ACCOUNT = IDS["Contact"], IDS["Lead"], IDS["Account"]
TASK, MEETING = IDS["Task"], IDS["Event"]

#: A relation has one other end.
NOBODY: dict[str, object] = {"person": None, "account": None, "deal": None}

TIES: list[tuple[str, str, str, dict[str, object], dict[str, object]]] = [
    (
        "a new role",
        "OpportunityContactRole",
        "CREATE",
        {"OpportunityId": DEAL, "ContactId": CONTACT, "Role": "Economic Buyer", "IsPrimary": True},
        {"deal": key(DEAL), "person": key(CONTACT), "role": "Economic Buyer"},
    ),
    (
        "a new role without a name",
        "OpportunityContactRole",
        "CREATE",
        {"OpportunityId": DEAL, "ContactId": CONTACT},
        {"deal": key(DEAL), "person": key(CONTACT), "role": None},
    ),
    ("another role", "OpportunityContactRole", "UPDATE", {"Role": "Influencer"}, {"role": "Influencer"}),
    ("no role any more", "OpportunityContactRole", "UPDATE", {"Role": None}, {"role": None}),
    (
        "after a merge of contacts, another contact",
        "OpportunityContactRole",
        "UPDATE",
        {"ContactId": CONTACT},
        {"person": key(CONTACT)},
    ),
    ("a deleted role names only itself", "OpportunityContactRole", "DELETE", {}, {"removed": True}),
    (
        "a role is back",
        "OpportunityContactRole",
        "UNDELETE",
        {"OpportunityId": DEAL, "ContactId": CONTACT},
        {"deal": key(DEAL), "person": key(CONTACT), "role": None, "removed": False},
    ),
    (
        "a contact is invited",
        "EventRelation",
        "CREATE",
        {"EventId": MEETING, "RelationId": CONTACT, "IsInvitee": True, "Status": "New"},
        {**NOBODY, "activity": key(MEETING), "person": key(CONTACT), "removed": False},
    ),
    (
        "who declined is not there",
        "EventRelation",
        "UPDATE",
        {"Status": "Declined", "Response": "no"},
        {"removed": True},
    ),
    ("who accepted after all is", "EventRelation", "UPDATE", {"Status": "Accepted"}, {"removed": False}),
    (
        "a lead is invited",
        "EventRelation",
        "CREATE",
        {"EventId": MEETING, "RelationId": LEAD},
        {**NOBODY, "activity": key(MEETING), "person": key(LEAD)},
    ),
    (
        "what a meeting is about",
        "EventRelation",
        "CREATE",
        {"EventId": MEETING, "RelationId": DEAL, "IsWhat": True},
        {**NOBODY, "activity": key(MEETING), "deal": key(DEAL)},
    ),
    (
        "a relation that is to somebody else now",
        "TaskRelation",
        "UPDATE",
        {"RelationId": ACCOUNT},
        {**NOBODY, "account": key(ACCOUNT)},
    ),
    ("a relation that is to a colleague now", "EventRelation", "UPDATE", {"RelationId": IDS["User"]}, NOBODY),
    ("an invitation is gone", "EventRelation", "DELETE", {}, {"removed": True}),
    (
        "a further contact of a task",
        "TaskRelation",
        "CREATE",
        {"TaskId": TASK, "RelationId": CONTACT, "IsWhat": False},
        {**NOBODY, "activity": key(TASK), "person": key(CONTACT)},
    ),
    (
        "the account of a task",
        "TaskRelation",
        "CREATE",
        {"TaskId": TASK, "RelationId": ACCOUNT, "IsWhat": True},
        {**NOBODY, "activity": key(TASK), "account": key(ACCOUNT)},
    ),
    ("a relation of a task is gone", "TaskRelation", "GAP_DELETE", {}, {"removed": True}),
]


@pytest.mark.parametrize(
    ("entity", "change", "fields", "expected"), [case[1:] for case in TIES], ids=[case[0] for case in TIES]
)
def test_ties(entity: str, change: str, fields: dict[str, object], expected: dict[str, object]) -> None:
    event = event_of(changed(entity, change, fields))
    assert isinstance(event, RelationChanged)
    assert event.fields == expected
    assert (event.relation, event.key) == (IDS[entity], key(IDS[entity]))


@pytest.mark.parametrize(
    ("entity", "change", "fields", "reason"),
    [
        ("EventRelation", "CREATE", {"EventId": MEETING, "RelationId": IDS["User"], "Status": "New"}, "nothing_mapped"),
        ("EventRelation", "CREATE", {"EventId": MEETING, "RelationId": "023SB000000RoOmYAV"}, "nothing_mapped"),
        ("TaskRelation", "CREATE", {"TaskId": TASK, "RelationId": "500SB000000CaSeYAV"}, "nothing_mapped"),
        ("OpportunityContactRole", "UPDATE", {"IsPrimary": True}, "nothing_mapped"),
        ("EventRelation", "UPDATE", {"RespondedDate": "2024-01-01T10:00:00Z"}, "nothing_mapped"),
        ("OpportunityContactRole", "GAP_CREATE", {}, "relation_gap"),
        ("EventRelation", "GAP_OVERFLOW", {}, "relation_gap"),
        ("TaskRelation", "GAP_UPDATE", {}, "relation_gap"),
    ],
)
def test_ties_that_say_nothing_about_a_deal(entity: str, change: str, fields: dict[str, object], reason: str) -> None:
    assert changed(entity, change, fields) == [Silent(reason)]


@pytest.mark.parametrize(
    ("entity", "fields"),
    [
        ("OpportunityContactRole", {"OpportunityId": 6}),
        ("EventRelation", {"RelationId": [CONTACT]}),
        ("EventRelation", {"Status": True, "RelationId": CONTACT}),
    ],
)
def test_values_of_ties_that_cannot_be(entity: str, fields: dict[str, object]) -> None:
    (outcome,) = changed(entity, "UPDATE", fields)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "wrong_type"
