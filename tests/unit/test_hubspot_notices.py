"""HubSpot's webhooks: what each kind of notice says, what identifies it, and in which order notices count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from topics.events import (
    AccountChanged,
    ActivityChanged,
    AnyEvent,
    DealChanged,
    DealGap,
    DealRemoved,
    PersonChanged,
    RelationChanged,
)
from topics.outcomes import Accepted, Outcome, RawRecord, Rejected, Silent
from topics.sources.hubspot import parse
from topics.sources.hubspot.associations import SWAP_US
from topics.sources.hubspot.notices import MOST_MERGED
from topics.sources.json_bodies import MOST_ROWS
from topics.sources.source import Source, SourceKind

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "payloads" / "hubspot"
MS = 1_704_103_200_000  # 2024-01-01T10:00:00Z
SOURCE = Source(name="hubspot", kind=SourceKind.HUBSPOT, tenant="acme")
DEAL, CONTACT, COMPANY, CALL = 17_000_000_001, 106_314_056, 9_900_001, 44_000_001


def notice(kind: str, **more: object) -> dict[str, Any]:
    return {
        "eventId": 802_835_955,
        "subscriptionId": 92_894,
        "portalId": 5_799_819,
        "appId": 186_886,
        "occurredAt": MS,
        "subscriptionType": kind,
        "attemptNumber": 0,
        "changeSource": "CRM_UI",
        **more,
    }


def change(name: str, value: object, **more: object) -> dict[str, Any]:
    said = {"propertyName": name, "propertyValue": value, "objectId": DEAL, **more}
    return notice("object.propertyChange" if "objectTypeId" in said else "deal.propertyChange", **said)


def association(one: str, other: str, **more: object) -> dict[str, Any]:
    ends = {"0-1": CONTACT, "0-2": COMPANY, "0-3": DEAL, "0-48": CALL}
    said = {
        "fromObjectTypeId": one,
        "toObjectTypeId": other,
        "fromObjectId": ends[one],
        "toObjectId": ends[other],
        "associationRemoved": False,
    }
    return notice("object.associationChange", **said | more)


def outcomes(body: object, source: Source = SOURCE, broker_us: int = 0) -> list[Outcome]:
    return parse(source, RawRecord(None, msgspec.json.encode(body), (), broker_us))


def events(body: object, source: Source = SOURCE) -> tuple[AnyEvent, ...]:
    (outcome,) = outcomes(body, source)
    assert isinstance(outcome, Accepted), outcome
    return outcome.events


def event(body: object, source: Source = SOURCE) -> Any:  # noqa: ANN401 - whichever event it is
    (found,) = events(body, source)
    return found


# --- values ------------------------------------------------------------------------------------------------------

VALUES: list[tuple[str, object, dict[str, object]]] = [
    ("dealname", "Brightwater", {"name": "Brightwater"}),
    ("dealname", "", {"name": None}),
    ("dealname", None, {"name": None}),
    ("dealstage", "1f4f1ec1-8174-49f3-a112-4eaa4748e38e", {"stage": "1f4f1ec1-8174-49f3-a112-4eaa4748e38e"}),
    ("pipeline", "default", {"pipeline": "default"}),
    ("amount", "12500.50", {"amount": 12500.5}),
    ("amount", "-3", {"amount": -3.0}),
    ("amount", "1.2E7", {"amount": 12_000_000.0}),
    ("amount", "", {"amount": None}),
    ("amount", 40_000, {"amount": 40_000.0}),
    ("deal_currency_code", "EUR", {"currency": "EUR"}),
    ("closedate", "1711843200000", {"close_date": "2024-03-31"}),
    ("closedate", "1711929599999", {"close_date": "2024-03-31"}),
    ("closedate", "2024-03-31T22:00:00Z", {"close_date": "2024-03-31"}),
    ("closedate", "", {"close_date": None}),
    ("createdate", "1704103200123", {"created_at": 1_704_103_200_123_000}),
    ("hubspot_owner_id", "910901", {"owner_id": "910901"}),
    ("hubspot_owner_id", 910901, {"owner_id": "910901"}),
    ("hs_manual_forecast_category", "COMMIT", {"forecast_category": "COMMIT"}),
    ("hs_next_step", "Send the contract", {"next_step": "Send the contract"}),
    ("hs_primary_associated_company", "9900001", {"account_id": "9900001"}),
    ("budget_confirmed", "true", {"budget_confirmed": True}),
    ("budget_confirmed", "false", {"budget_confirmed": False}),
    ("budget_confirmed", True, {"budget_confirmed": True}),
    ("region", "South", {"region": "South"}),
    ("region", "true", {"region": "true"}),
    ("region", "9007199254740993", {"region": "9007199254740993"}),
]


@pytest.mark.parametrize(("name", "value", "fields"), VALUES)
def test_a_value_is_read_by_its_property(name: str, value: object, fields: dict[str, object]) -> None:
    said = event(change(name, value))
    assert isinstance(said, DealChanged)
    assert said.fields == fields
    assert list(map(type, said.fields.values())) == list(map(type, fields.values()))
    assert (said.full, said.created) == (False, False)
    assert event(change(name, value, objectTypeId="0-3")).fields == fields


REFUSED = [
    ("amount", "1,500.00", "wrong_type"),
    ("amount", "12 500", "wrong_type"),
    ("amount", "1e30", "absurd_number"),
    ("amount", "NaN", "wrong_type"),
    ("amount", "٣", "wrong_type"),
    ("closedate", "1711843200", "absurd_date"),  # seconds
    ("closedate", "253402214400000", "absurd_date"),  # 9999-12-31
    ("closedate", "0", "absurd_date"),  # 1970
    ("closedate", "3/4/2024", "bad_date"),
    ("closedate", "soon", "bad_date"),
    ("createdate", "2024-01-01T10:00:00", "bad_time"),  # in nobody's zone
    ("budget_confirmed", "maybe", "wrong_type"),
    ("dealname", ["a"], "wrong_type"),
    ("dealname", "x" * 40_000, "field_too_large"),
]


@pytest.mark.parametrize(("name", "value", "reason"), REFUSED)
def test_a_value_that_cannot_be_what_its_property_holds_is_refused(name: str, value: object, reason: str) -> None:
    (outcome,) = outcomes(change(name, value))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason
    assert name in outcome.detail


NOT_READ = [
    change("hs_lastmodifieddate", "1704103200000"),
    change("notes_last_contacted", "1704103200000"),
    change("num_associated_contacts", "3"),
    change("stage", "a property that has one of our names"),
    change("firstname", "Ana", objectTypeId="0-1", objectId=CONTACT),
    change("hs_call_body", "…", objectTypeId="0-48", objectId=CALL),
    change("hs_meeting_start_time", "1704103200000", objectTypeId="0-47", objectId=1),
    association("0-1", "0-2", associationTypeId=279, isPrimaryAssociation=False),
]


@pytest.mark.parametrize("said", NOT_READ, ids=lambda said: str(said.get("propertyName", "a contact's other company")))
def test_what_nothing_reads_is_silent(said: dict[str, Any]) -> None:
    assert outcomes(said) == [Silent("nothing_mapped")]


# --- settings ----------------------------------------------------------------------------------------------------


def test_declared_fields_have_our_names_and_types() -> None:
    fields = {
        "arr_eur": "amount",
        "signer": "authority_confirmed:bool=Yes|Ja",
        "go_live": "go_live:day",
        "hs_next_step": "",
    }
    source = msgspec.structs.replace(SOURCE, fields=fields)
    assert event(change("arr_eur", "9"), source).fields == {"amount": 9.0}
    assert event(change("signer", "Ja"), source).fields == {"authority_confirmed": True}
    assert event(change("signer", "No"), source).fields == {"authority_confirmed": False}
    assert event(change("signer", ""), source).fields == {"authority_confirmed": None}
    assert event(change("go_live", "1711843200000"), source).fields == {"go_live": "2024-03-31"}
    assert outcomes(change("hs_next_step", "call"), source) == [Silent("nothing_mapped")]
    assert outcomes(change("amount", "9"), source) == [Silent("nothing_mapped")], "its name was given away"


def test_a_companys_fields_are_declared_with_the_company_before_them() -> None:
    source = msgspec.structs.replace(SOURCE, fields={"company.seats": "seats:number", "seats": "deal_seats"})
    said = event(change("seats", "40", objectTypeId="0-2", objectId=COMPANY), source)
    assert isinstance(said, AccountChanged)
    assert (said.account, said.fields) == (str(COMPANY), {"seats": 40.0})
    assert event(change("seats", "40"), source).fields == {"deal_seats": "40"}


def test_our_own_writes_are_dropped_and_nobody_elses() -> None:
    source = msgspec.structs.replace(SOURCE, own_client="186886")
    ours = change("amount", "9", changeSource="INTEGRATION", sourceId="186886")
    assert outcomes(ours, source) == [Silent("own_write")]
    assert outcomes({**ours, "sourceId": 186886}, source) == [Silent("own_write")]
    assert event({**ours, "sourceId": "1868861"}, source).fields == {"amount": 9.0}
    assert event({**ours, "changeSource": "CRM_UI"}, source).fields == {"amount": 9.0}
    assert event(ours).fields == {"amount": 9.0}


def test_another_portals_notices_are_refused_where_the_tenant_is_a_portal() -> None:
    source = msgspec.structs.replace(SOURCE, tenant="62515")
    (outcome,) = outcomes(change("amount", "9"), source)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "foreign_portal"
    assert event(change("amount", "9", portalId=62515), source).key == f"hubspot/62515:{DEAL}"


@pytest.mark.parametrize(
    "said", [change("email", "REDACTED", objectId=CONTACT), change("region", "x", isSensitive=True)]
)
def test_a_sensitive_value_is_no_value(said: dict[str, Any]) -> None:
    assert outcomes(said) == [Silent("redacted")]


# --- what identifies a notice, and when it was -------------------------------------------------------------------


def test_an_attempt_is_no_new_notice() -> None:
    again = change("amount", "9", attemptNumber=7, subscriptionId=1, appId=2, sourceId="x", changeFlag="NEW")
    assert event(change("amount", "9")).id == event(again).id


@pytest.mark.parametrize(
    "other",
    [
        {"portalId": 1},
        {"objectId": DEAL + 1},
        {"propertyName": "pipeline"},
        {"occurredAt": MS + 1},
        {"eventId": 1},
        {"subscriptionType": "object.propertyChange", "objectTypeId": "0-3"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_each_of_these_makes_another_notice(other: dict[str, object]) -> None:
    """The event's id alone does not: HubSpot does not keep it unique."""
    assert event(change("dealstage", "9")).id != event(change("dealstage", "9") | other).id


def test_the_records_of_merges_and_associations_identify_them() -> None:
    merges = [notice("deal.merge", primaryObjectId=DEAL, mergedObjectIds=[other], objectId=DEAL) for other in (2, 3)]
    ties = [association("0-3", "0-1", toObjectId=other, removed=removed) for other in (2, 3) for removed in (0, 1)]
    ties += [association("0-3", "0-1", toObjectId=2, associationRemoved=True)]
    ids = [one.id for body in (*merges, *ties) for one in events(body)]
    assert len(set(ids)) == len(ids) - 2  # an unknown field changes nothing


def test_the_events_of_one_instant_have_an_order() -> None:
    """A creation comes first and an end last, whatever their ids are."""
    said = [
        notice("deal.creation", objectId=DEAL),
        change("createdate", "1704103100000"),
        notice("deal.deletion", objectId=DEAL),
    ]
    orders = [event(one).order for one in said]
    assert orders == sorted(orders)
    assert {order[0] for order in orders} == {MS * 1000}


def test_of_one_instant_what_says_more_about_an_activity_counts() -> None:
    """A task that is entered as done: when it was done counts, not when it was due."""
    names = ["hs_timestamp", "hs_task_status", "hs_task_completion_date"]
    values = ["1704200000000", "COMPLETED", "1704103000000"]
    said = [
        event(change(name, value, objectTypeId="0-27", objectId=3)) for name, value in zip(names, values, strict=True)
    ]
    assert [one.order for one in said] == sorted(one.order for one in said)
    assert said[-1].fields == {"done": True, "at_us": 1_704_103_000_000_000}


TIMES: list[tuple[str, object, int, str]] = [
    ("seconds", MS // 1000, 0, "absurd_time"),
    ("text that is none", "today", 0, "no_time"),
    ("nothing", None, 0, "no_time"),
    ("a fraction", MS + 0.5, 0, "no_time"),
    ("true", True, 0, "no_time"),
    ("two hours after it was received", MS + 7_200_000, MS * 1000, "time_in_future"),
    ("before there was HubSpot", 1, 0, "absurd_time"),
]


@pytest.mark.parametrize(
    ("occurred", "broker_us", "reason"), [case[1:] for case in TIMES], ids=[case[0] for case in TIMES]
)
def test_a_notice_that_nobody_can_have_sent_then_is_refused(occurred: object, broker_us: int, reason: str) -> None:
    (outcome,) = outcomes(change("amount", "9", occurredAt=occurred), broker_us=broker_us)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason


def test_a_time_as_text_is_a_time() -> None:
    assert event(change("amount", "9", occurredAt=str(MS))).at_us == MS * 1000


# --- kinds of notices --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "form",
    [
        {"subscriptionType": "deal.creation"},
        {"subscriptionType": "object.creation", "objectTypeId": "0-3"},
        {"eventType": "deal.creation"},
    ],
)
def test_a_new_deal_is_no_full_record(form: dict[str, object]) -> None:
    body = {**notice("", objectId=DEAL), **form}
    if "eventType" in form:
        del body["subscriptionType"]
    said = event(body)
    assert isinstance(said, DealChanged)
    assert (said.created, said.full, said.fields) == (True, False, {"created_at": MS * 1000})


def test_a_deal_is_deleted_and_restored() -> None:
    gone, back = event(notice("deal.deletion", objectId=DEAL)), event(notice("deal.restore", objectId=DEAL))
    assert isinstance(gone, DealRemoved)
    assert gone.merged_into is None
    assert isinstance(back, DealChanged)
    assert (back.fields, back.full, back.created) == ({}, False, False)


@pytest.mark.parametrize(
    ("kind", "type_id", "of"),
    [("contact", "0-1", PersonChanged), ("company", "0-2", AccountChanged), ("object", "0-48", ActivityChanged)],
)
def test_other_records_are_deleted_and_restored(
    kind: str, type_id: str, of: type[PersonChanged | AccountChanged | ActivityChanged]
) -> None:
    for what, removed in (("deletion", True), ("restore", False)):
        said = event(notice(f"{kind}.{what}", objectId=7, objectTypeId=type_id))
        assert isinstance(said, of)
        assert said.fields == {"removed": removed}


def test_a_person_who_asked_to_be_forgotten_is_emptied() -> None:
    said = event(notice("contact.privacyDeletion", objectId=CONTACT))
    assert isinstance(said, PersonChanged)
    assert said.user is False
    assert said.fields == {"name": None, "email": None, "title": None, "account": None, "removed": True}


def test_a_merge_ends_all_but_one_deal() -> None:
    first, second, survivor = events(
        notice("deal.merge", primaryObjectId=DEAL, mergedObjectIds=[2, "3"], newObjectId=None)
    )
    for loser, name in ((first, "2"), (second, "3")):
        assert isinstance(loser, DealRemoved)
        assert (loser.key, loser.merged_into) == (f"hubspot/acme:{name}", f"hubspot/acme:{DEAL}")
    assert isinstance(survivor, DealGap)
    assert survivor.key == f"hubspot/acme:{DEAL}"


def test_a_merge_may_make_a_new_record() -> None:
    *gone, survivor = events(
        notice("object.merge", objectTypeId="0-3", primaryObjectId=DEAL, mergedObjectIds=[2], newObjectId=9)
    )
    assert [one.key for one in gone] == [f"hubspot/acme:{DEAL}", "hubspot/acme:2"]
    assert survivor.key == "hubspot/acme:9"


def test_merged_people_and_companies_end() -> None:
    person = event(notice("contact.merge", primaryObjectId=1, mergedObjectIds=[2]))
    company = event(notice("company.merge", primaryObjectId=1, mergedObjectIds=[2]))
    assert isinstance(person, PersonChanged)
    assert isinstance(company, AccountChanged)
    assert (person.person, person.fields) == ("2", {"removed": True})
    assert (company.account, company.fields) == ("2", {"removed": True})


BAD_MERGES: list[dict[str, object]] = [
    {"primaryObjectId": 1},
    {"primaryObjectId": 1, "mergedObjectIds": "2"},
    {"primaryObjectId": 1, "mergedObjectIds": []},
    {"primaryObjectId": 1, "mergedObjectIds": [1]},
    {"primaryObjectId": 1, "mergedObjectIds": [None]},
    {"primaryObjectId": 1, "mergedObjectIds": list(range(2, MOST_MERGED + 3))},
    {"mergedObjectIds": [2]},
]


@pytest.mark.parametrize("said", BAD_MERGES, ids=str)
def test_a_merge_that_names_no_two_records_is_refused(said: dict[str, object]) -> None:
    (outcome,) = outcomes(notice("deal.merge", **said))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "bad_record_ids"


@pytest.mark.parametrize(
    "kind",
    ["ticket.creation", "line_item.propertyChange", "product.deletion", "conversation.newMessage", "ticket.merge"],
)
def test_records_of_other_kinds_are_not_read(kind: str) -> None:
    said = notice(kind, objectId=1, propertyName="x", propertyValue="y", primaryObjectId=1, mergedObjectIds=[2])
    assert outcomes(said) == [Silent("entity_not_read")]


@pytest.mark.parametrize("type_id", ["0-5", "0-46", "2-3444025", "0-136", "note", "TICKET"])
def test_types_that_are_not_read(type_id: str) -> None:
    assert outcomes(notice("object.creation", objectId=1, objectTypeId=type_id)) == [Silent("entity_not_read")]


@pytest.mark.parametrize("said", ["deal.exploded", "deal", "", None, 7, "creation"])
def test_a_subscription_that_there_is_not(said: object) -> None:
    (outcome,) = outcomes({**notice("x", objectId=1), "subscriptionType": said})
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "unknown_action"


# --- associations ------------------------------------------------------------------------------------------------


def test_both_directions_and_forms_of_an_association_are_one_relation() -> None:
    said = [
        association("0-3", "0-1", associationTypeId=3),
        association("0-1", "0-3", associationTypeId=4),
        notice(
            "deal.associationChange",
            fromObjectId=DEAL,
            toObjectId=CONTACT,
            associationType="DEAL_TO_CONTACT",
            associationRemoved=False,
        ),
        notice(
            "contact.associationChange",
            fromObjectId=CONTACT,
            toObjectId=DEAL,
            associationType="CONTACT_TO_DEAL",
            associationRemoved=False,
        ),
        notice(
            "object.associationChange",
            fromObjectId=DEAL,
            toObjectId=CONTACT,
            associationTypeId="3",
            associationRemoved=False,
        ),
    ]
    found = [event(one) for one in said]
    assert all(isinstance(one, RelationChanged) for one in found)
    assert len({(one.key, msgspec.json.encode(one.fields, order="sorted")) for one in found}) == 1
    assert found[0].fields == {"deal": f"hubspot/acme:{DEAL}", "person": f"hubspot/acme:{CONTACT}", "removed": False}


ENDS = [
    ("0-3", "0-1", ["deal", "person"]),
    ("0-3", "0-48", ["deal", "activity"]),
    ("0-48", "0-1", ["activity", "person"]),
    ("0-48", "0-2", ["activity", "account"]),
    ("0-2", "0-3", ["deal", "account"]),
]


@pytest.mark.parametrize(("one", "other", "named"), ENDS)
def test_an_association_ties_and_cuts(one: str, other: str, named: list[str]) -> None:
    tie, cut = (
        event(association(one, other, associationTypeId=7_000, associationRemoved=gone)) for gone in (False, True)
    )
    assert tie.key == cut.key
    assert [name for name in tie.fields if name != "removed"] == named
    assert (tie.fields["removed"], cut.fields["removed"]) == (False, True)


def test_a_label_that_goes_does_not_cut_the_tie() -> None:
    labelled = {"associationTypeId": 36, "associationCategory": "USER_DEFINED"}
    come = event(association("0-3", "0-1", **labelled))
    gone = event(association("0-3", "0-1", **labelled, associationRemoved=True))
    assert (come.fields["role"], come.fields["removed"]) == ("36", False)
    assert gone.fields["role"] is None
    assert "removed" not in gone.fields


PRIMARY: list[Callable[[], dict[str, Any]]] = [
    lambda: association("0-3", "0-2", associationTypeId=5, associationCategory="HUBSPOT_DEFINED"),
    lambda: association("0-2", "0-3", associationTypeId=6, associationCategory="HUBSPOT_DEFINED"),
    lambda: association("0-3", "0-2", associationTypeId=341, isPrimaryAssociation=True),
    lambda: notice(
        "deal.associationChange",
        fromObjectId=DEAL,
        toObjectId=COMPANY,
        associationType="DEAL_TO_COMPANY",
        associationRemoved=False,
        isPrimaryAssociation=True,
    ),
    lambda: notice(
        "deal.associationChange",
        fromObjectId=DEAL,
        toObjectId=COMPANY,
        associationType="DEAL_TO_COMPANY",
        associationRemoved=False,
    ),
]


@pytest.mark.parametrize("said", PRIMARY)
def test_the_primary_company_is_the_deals_account(said: Callable[[], dict[str, Any]]) -> None:
    _, come = events(said())
    _, gone = events({**said(), "associationRemoved": True})
    assert isinstance(come, DealChanged)
    assert isinstance(gone, DealChanged)
    assert (come.key, come.fields, come.at_us) == (f"hubspot/acme:{DEAL}", {"account_id": str(COMPANY)}, MS * 1000)
    assert (gone.fields, gone.at_us) == ({"account_id": None}, MS * 1000 - SWAP_US)


def test_another_company_is_tied_but_no_account() -> None:
    tie = event(association("0-3", "0-2", associationTypeId=341, isPrimaryAssociation=False))
    assert isinstance(tie, RelationChanged)


def test_when_the_primary_company_changes_the_new_one_counts_whichever_half_was_dated_first() -> None:
    for apart_ms in (-400, 0, 400):
        old = association("0-3", "0-2", associationTypeId=5, associationRemoved=True, toObjectId=1)
        new = association("0-3", "0-2", associationTypeId=5, toObjectId=2, occurredAt=MS + apart_ms)
        last = max(
            (one for body in (old, new) for one in events(body) if isinstance(one, DealChanged)),
            key=lambda one: one.order,
        )
        assert last.fields == {"account_id": "2"}


def test_a_contacts_main_company_is_theirs() -> None:
    said = event(association("0-1", "0-2", associationTypeId=1))
    assert isinstance(said, PersonChanged)
    assert (said.person, said.fields) == (str(CONTACT), {"account": str(COMPANY)})


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"associationRemoved": None}, "wrong_type"),
        ({"toObjectId": None}, "bad_record_ids"),
        ({"fromObjectTypeId": None, "toObjectTypeId": None, "associationTypeId": 9_999}, "unknown_entity"),
        ({"toObjectTypeId": "deals?"}, "unknown_entity"),
    ],
)
def test_an_association_that_says_too_little(said: dict[str, object], reason: str) -> None:
    (outcome,) = outcomes(association("0-3", "0-1") | said)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason


# --- engagements -------------------------------------------------------------------------------------------------

ENGAGEMENTS: list[tuple[str, str, str, dict[str, object]]] = [
    ("0-48", "hs_timestamp", "1704103000000", {"channel": "call", "at_us": 1_704_103_000_000_000}),
    ("0-48", "hs_call_direction", "INBOUND", {"channel": "call", "direction": "inbound"}),
    ("0-48", "hs_call_direction", "OUTBOUND", {"channel": "call", "direction": "outbound"}),
    ("0-48", "hs_call_direction", "", {"channel": "call", "direction": None}),
    ("0-48", "hs_call_status", "COMPLETED", {"channel": "call", "done": True}),
    ("0-48", "hs_call_status", "NO_ANSWER", {"channel": "call", "done": False}),
    ("0-48", "hs_call_status", "QUEUED", {"channel": "call", "done": False}),
    ("0-48", "hs_call_status", "", {"channel": "call", "done": True}),
    ("0-48", "hubspot_owner_id", "910901", {"channel": "call", "owner": "910901"}),
    ("0-49", "hs_email_direction", "EMAIL", {"channel": "email", "direction": "outbound"}),
    ("0-49", "hs_email_direction", "INCOMING_EMAIL", {"channel": "email", "direction": "inbound"}),
    ("0-49", "hs_email_direction", "FORWARDED_EMAIL", {"channel": "email", "direction": None}),
    ("0-49", "hs_email_status", "BOUNCED", {"channel": "email", "done": False}),
    ("0-49", "hs_email_status", "SENT", {"channel": "email", "done": True}),
    (
        "0-47",
        "hs_meeting_end_time",
        "1704106800000",
        {"channel": "meeting", "direction": "mutual", "meets": True, "at_us": 1_704_106_800_000_000},
    ),
    (
        "0-47",
        "hs_meeting_outcome",
        "CANCELED",
        {"channel": "meeting", "direction": "mutual", "meets": True, "removed": True},
    ),
    (
        "0-47",
        "hs_meeting_outcome",
        "NO_SHOW",
        {"channel": "meeting", "direction": "mutual", "meets": True, "removed": True},
    ),
    (
        "0-47",
        "hs_meeting_outcome",
        "RESCHEDULED",
        {"channel": "meeting", "direction": "mutual", "meets": True, "removed": False},
    ),
    (
        "0-47",
        "hs_meeting_outcome",
        "COMPLETED",
        {"channel": "meeting", "direction": "mutual", "meets": True, "removed": False},
    ),
    ("0-27", "hs_timestamp", "1704200000000", {"at_us": 1_704_200_000_000_000}),
    ("0-27", "hs_task_status", "COMPLETED", {"done": True, "at_us": MS * 1000}),
    ("0-27", "hs_task_status", "WAITING", {"done": False}),
    ("0-27", "hs_task_type", "CALL", {"channel": "call"}),
    ("0-27", "hs_task_type", "TODO", {"channel": "task"}),
    ("0-18", "hs_timestamp", "1704103000000", {"channel": "message", "at_us": 1_704_103_000_000_000}),
]


@pytest.mark.parametrize(("type_id", "name", "value", "fields"), ENGAGEMENTS)
def test_a_property_of_an_engagement(type_id: str, name: str, value: str, fields: dict[str, object]) -> None:
    said = event(change(name, value, objectTypeId=type_id, objectId=CALL))
    assert isinstance(said, ActivityChanged)
    assert (said.activity, said.fields) == (str(CALL), fields)


@pytest.mark.parametrize(
    ("type_id", "fields"),
    [
        ("0-48", {"channel": "call", "direction": "outbound", "done": True, "removed": False}),
        ("0-49", {"channel": "email", "direction": "outbound", "done": True, "removed": False}),
        ("0-47", {"channel": "meeting", "direction": "mutual", "meets": True, "removed": False}),
        ("0-27", {"channel": "task", "done": False, "removed": False}),
        ("0-18", {"channel": "message", "done": True, "removed": False}),
    ],
)
def test_what_an_engagement_is_from_the_start(type_id: str, fields: dict[str, object]) -> None:
    assert event(notice("object.creation", objectId=CALL, objectTypeId=type_id)).fields == fields


# --- bodies ------------------------------------------------------------------------------------------------------


def test_each_element_is_one_row() -> None:
    body = [change("amount", "9"), 7, change("amount", "a lot"), None, [], notice("ticket.creation", objectId=1)]
    kinds = [type(outcome) for outcome in outcomes(body)]
    assert kinds == [Accepted, Rejected, Rejected, Rejected, Rejected, Silent]


@pytest.mark.parametrize("body", [[], {"results": []}])
def test_a_body_without_rows(body: object) -> None:
    assert outcomes(body) == [Silent("empty_batch")]


def test_a_body_with_too_many_rows_is_one_row() -> None:
    (outcome,) = outcomes([0] * (MOST_ROWS + 1))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "record_too_large"


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published payloads lie beside the checkout")
def test_the_published_stage_change() -> None:
    (outcome,) = parse(SOURCE, RawRecord(None, (PUBLISHED / "deal_stage_2019.json").read_bytes()))
    assert isinstance(outcome, Accepted)
    (said,) = outcome.events
    assert isinstance(said, DealChanged)
    assert (said.key, said.at_us) == ("hubspot/acme:697680835", 1_556_094_637_139_000)
    assert said.fields == {"stage": "1f4f1ec1-8174-49f3-a112-4eaa4748e38e"}
