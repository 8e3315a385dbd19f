"""Accounts: what the criteria of a good customer are about."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.unit.salesforce_changes import (
    DENSE,
    FORMS,
    IDS,
    SOURCE,
    Form,
    changed,
    cometd,
    event_of,
    header,
    key,
    pubsub,
    said,
)
from topics.events import ACCOUNT_FIELDS, AccountChanged
from topics.outcomes import Accepted, Outcome, Rejected, Silent
from topics.sources.source import Source

BLANK: dict[str, object] = dict.fromkeys(name for name in ACCOUNT_FIELDS if name != "name")
SCHEMA = ("ChangeEventHeader", "Name", "Type", "ParentId", "BillingAddress", "ShippingAddress", "Industry", "Tier__c")
WITH_SCHEMA = msgspec.structs.replace(SOURCE, schemas={"Account": SCHEMA})


def account(outcomes: list[Outcome]) -> AccountChanged:
    event = event_of(outcomes)
    assert isinstance(event, AccountChanged)
    return event


ADDRESS = {"Street": None, "City": None, "State": "IL", "PostalCode": None, "Country": "USA", "Latitude": None}
NEW: dict[str, object] = {
    "Name": "Brightwater",
    "Industry": "Biotechnology",
    "NumberOfEmployees": 250,
    "AnnualRevenue": 12_500_000.0,
    "BillingAddress": ADDRESS,
    "ShippingAddress": {"Country": "Canada"},
    "Website": None,
    "Phone": "(847) 262-5000",
    "Tier__c": "gold",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("change", ["CREATE", "SNAPSHOT"])
def test_a_full_account_covers_everything(form: Form, change: str) -> None:
    event = account(said(form(header("Account", change), NEW)))
    assert event.fields == {
        **BLANK,
        "name": "Brightwater",
        "industry": "Biotechnology",
        "employees": 250.0,
        "annual_revenue": 12_500_000.0,
        "country": "USA",
        "tier": "gold",
    }
    assert (event.account, event.key) == (IDS["Account"], key(IDS["Account"]))


def test_a_full_account_without_an_address_has_no_country() -> None:
    assert account(changed("Account", "CREATE", {"Name": "A"})).fields == {**BLANK, "name": "A"}
    assert account(changed("Account", "CREATE", {"Name": "A", "BillingAddress": None})).fields["country"] is None
    assert (
        account(changed("Account", "CREATE", {"Name": "A", "BillingAddress": {"City": "B"}})).fields["country"] is None
    )


def test_a_full_account_covers_the_fields_of_its_schema() -> None:
    assert account(changed("Account", "CREATE", {"Name": "A"}, WITH_SCHEMA)).fields["tier"] is None


def test_a_person_is_an_account_with_a_name_in_parts() -> None:
    fields = account(changed("Account", "CREATE", {"Name": {"FirstName": "Ada", "LastName": "Byron"}})).fields
    assert fields["name"] == "Ada Byron"


# --- parts of a compound field -----------------------------------------------------------------------------------

Part = tuple[str, Form, dict[str, Any], dict[str, object], dict[str, object]]


def _dense(form: Form) -> list[Part]:
    """Every form that has all fields reads them alike."""
    name = form.__name__
    state, country = {"changedFields": ["BillingAddress.State"]}, {"changedFields": ["BillingAddress.Country"]}
    moved: dict[str, object] = {"State": "CA", "Country": None}
    return [
        (f"{name}: another part changed, the country is null", form, state, moved, {}),
        (f"{name}: the country changed", form, country, {"State": None, "Country": "France"}, {"country": "France"}),
        (f"{name}: without lists, nulls are unchanged", form, {"changedFields": []}, moved, {}),
    ]


PARTS: list[Part] = [
    (
        "sparse: the country changed",
        cometd,
        {"changedFields": ["BillingAddress.Country"]},
        {"Country": "France"},
        {"country": "France"},
    ),
    (
        "sparse: the country was cleared",
        cometd,
        {"changedFields": ["BillingAddress.Country"]},
        {"Country": None},
        {"country": None},
    ),
    ("sparse: without lists, another part is there", cometd, {"changedFields": []}, {"State": "CA"}, {}),
    (
        "sparse: without lists, the country is there",
        cometd,
        {"changedFields": []},
        {"Country": "Peru"},
        {"country": "Peru"},
    ),
    (
        "Pub/Sub: a changed part that nulledFields does not name is unchanged",
        pubsub,
        {"changedFields": ["BillingAddress.Country"]},
        {"Country": None},
        {},
    ),
    (
        "Pub/Sub: nulledFields names the part",
        pubsub,
        {"changedFields": ["BillingAddress.Country"], "nulledFields": ["BillingAddress.Country"]},
        {"Country": None},
        {"country": None},
    ),
    ("Pub/Sub: by bitmap", pubsub, {"changedFields": ["4-0x10"]}, {"Country": "Chile"}, {"country": "Chile"}),
    ("Pub/Sub: another part, by bitmap", pubsub, {"changedFields": ["4-0x01"]}, {"Street": "1 Main"}, {}),
    (
        "Pub/Sub: nulled by bitmap",
        pubsub,
        {"changedFields": ["4-0x10"], "nulledFields": ["4-0x10"]},
        {},
        {"country": None},
    ),
    ("Pub/Sub: all of it nulled", pubsub, {"nulledFields": ["0x10"]}, {}, {"country": None}),
    *(case for form in DENSE for case in _dense(form)),
    ("another address", cometd, {"changedFields": ["ShippingAddress.Country"]}, {"Country": "France"}, {}),
]


@pytest.mark.parametrize(
    ("form", "lists", "address", "expected"), [case[1:] for case in PARTS], ids=[case[0] for case in PARTS]
)
def test_a_part_of_an_address(
    form: Form, lists: dict[str, Any], address: dict[str, object], expected: dict[str, object]
) -> None:
    outcomes = said(form(header("Account", **lists), {"Industry": None, "BillingAddress": address}), WITH_SCHEMA)
    if form is cometd and not lists["changedFields"]:
        expected = {**expected, "industry": None}
    if expected:
        assert account(outcomes).fields == expected
    else:
        assert outcomes == [Silent("nothing_mapped")]


# --- names, removal, gaps ----------------------------------------------------------------------------------------

NAMED = msgspec.structs.replace(
    SOURCE,
    fields={"Account.Vertical__c": "industry", "Account.Website": "", "Type": "kind", "Account.Rating": "rating"},
)


def test_the_settings_name_fields_of_accounts() -> None:
    fields = {"Vertical__c": "Banks", "Industry": "Finance", "Website": "a.example", "Type": "Partner", "Rating": "Hot"}
    expected = {"industry": "Banks", "type": "Partner", "rating": "Hot"}
    assert account(changed("Account", "UPDATE", fields, NAMED)).fields == expected
    covered = account(changed("Account", "CREATE", {}, NAMED)).fields
    assert covered.keys() == {*ACCOUNT_FIELDS, "rating"} - {"website"}


ENDINGS: list[tuple[str, list[str], dict[str, object] | str]] = [
    ("DELETE", [IDS["Account"]], {"removed": True}),
    ("GAP_DELETE", [IDS["Account"]], {"removed": True}),
    ("GAP_UPDATE", [IDS["Account"]], "account_gap"),
    ("GAP_CREATE", [IDS["Account"]], "account_gap"),
    ("GAP_OVERFLOW", ["000000000000000AAA"], "account_gap"),
    ("UPDATE", ["001*"], "account_gap"),
]


@pytest.mark.parametrize(("change", "ids", "expected"), ENDINGS)
def test_accounts_that_went_and_gaps(change: str, ids: list[str], expected: dict[str, object] | str) -> None:
    outcomes = changed("Account", change, {}, recordIds=ids)
    if isinstance(expected, str):
        assert outcomes == [Silent(expected)]
    else:
        assert account(outcomes).fields == expected


def test_an_account_is_back() -> None:
    assert account(changed("Account", "UNDELETE", {"Name": "A"})).fields["removed"] is False


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"NumberOfEmployees": "many"}, "wrong_type"),
        ({"AnnualRevenue": 1e19}, "absurd_number"),
        ({"Name": 5}, "wrong_type"),
        ({"BillingAddress": {"Country": 49}}, "wrong_type"),
    ],
)
def test_values_of_accounts_that_cannot_be(fields: dict[str, object], reason: str) -> None:
    (outcome,) = changed("Account", "UPDATE", fields)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason


def test_a_geolocation_of_an_account_is_counted() -> None:
    (outcome,) = changed("Account", "UPDATE", {"Type": "Customer", "Site__c": {"Latitude": 1.0}})
    assert isinstance(outcome, Accepted)
    assert outcome.dirt == ("not_scalar.custom",)


def test_a_source_that_speaks_of_anothers_records_uses_its_keys() -> None:
    other: Source = msgspec.structs.replace(SOURCE, name="sandbox", deal_source=SOURCE.key)
    event = account(changed("Account", "UPDATE", {"Type": "Customer"}, other))
    assert event == account(changed("Account", "UPDATE", {"Type": "Customer"}))
