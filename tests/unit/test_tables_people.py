"""Rows about accounts, people, ties and removals; activities that name no deal; a source that speaks of another's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from topics.events import (
    AccountChanged,
    ActivityChanged,
    DealChanged,
    DealRemoved,
    Event,
    PersonChanged,
    RelationChanged,
)
from topics.instants import parse_rfc3339
from topics.outcomes import Accepted, Outcome, RawRecord, Rejected, Silent
from topics.sources.tables import parser
from topics.sources.tables.mapping import MappingError, as_source, load
from topics.sources.tables.rows import Row, encode

AT = {"column": "at", "type": "instant", "format": "iso"}
DATA: dict[str, Any] = {
    "tenant": "acme",
    "tables": {
        "accounts": {
            "kind": "accounts",
            "file": "a.csv",
            "account": "id",
            "columns": {"sector": "industry", "staff": {"to": "employees", "type": "number"}, "tier": "tier"},
        },
        "people": {
            "kind": "people",
            "file": "p.csv",
            "person": "id",
            "user": False,
            "at": AT,
            "columns": {"mail": "email", "company": "account", "gone": {"to": "removed", "type": "bool"}},
        },
        "roles": {
            "kind": "relations",
            "file": "r.csv",
            "id": "id",
            "at": AT,
            "columns": {"deal": "deal", "who": "person", "as": "role", "gone": {"to": "removed", "type": "bool"}},
        },
        "meetings": {"kind": "relations", "file": "m.csv", "columns": {"what": "activity", "deal": "deal"}},
        "merges": {"kind": "removals", "file": "g.csv", "deal": "loser", "into": "winner", "at": AT},
        "calls": {
            "kind": "activity",
            "file": "c.csv",
            "id": "id",
            "deal": "about",
            "deal_matches": "^006",
            "at": AT,
            "columns": {"who": "person", "company": "account"},
        },
        "mails": {"kind": "activity", "file": "e.csv", "id": "id", "at": AT},
        "deals": {
            "kind": "history",
            "file": "d.csv",
            "deal": "id",
            "deal_matches": "^006",
            "at": AT,
            "columns": {"stage": "stage", "gone": {"to": "removed", "type": "bool"}},
        },
    },
}
SOURCE = as_source("crm", DATA)
PARSE = parser(SOURCE)
NOON = "2024-01-05T12:00:00Z"
NOON_US = parse_rfc3339(NOON)


def outcome(table: str, source_parse: Any = PARSE, **row: str | float | None) -> Outcome:  # noqa: ANN401 -- a parser
    (one,) = source_parse(RawRecord(None, encode(Row(table, 3, dict(row)))))
    return one  # type: ignore[no-any-return]  # as every parser


def event(table: str, **row: str | float | None) -> Event:
    one = outcome(table, **row)
    assert isinstance(one, Accepted), one
    return one.events[0]


def test_an_account_counts_from_the_beginning_where_nothing_says_since_when() -> None:
    one = event("accounts", id="A1", sector="medical", staff="12", tier="gold")
    assert isinstance(one, AccountChanged)
    assert (one.key, one.account, one.at_us) == ("crm/acme:A1", "A1", 0)
    assert one.fields == {"industry": "medical", "employees": 12.0, "tier": "gold"}


def test_a_person_is_dated_and_says_whether_it_is_a_user() -> None:
    one = event("people", id="P1", mail="p@x.org", company="A1", gone="true", at=NOON)
    assert isinstance(one, PersonChanged)
    assert (one.person, one.user, one.at_us) == ("P1", False, NOON_US)
    assert one.fields == {"email": "p@x.org", "account": "A1", "removed": True}
    undated = outcome("people", id="P1", mail="p@x.org", company="A1", gone="", at="")
    assert isinstance(undated, Accepted)
    assert undated.silent == "undated"


def test_a_tie_names_its_ends_by_their_keys() -> None:
    one = event("roles", id="R1", deal="D1", who="P1", gone="", at=NOON, **{"as": "Decision Maker"})
    assert isinstance(one, RelationChanged)
    assert (one.key, one.relation, one.at_us) == ("crm/acme:R1", "R1", NOON_US)
    assert one.fields == {"deal": "crm/acme:D1", "person": "crm/acme:P1", "role": "Decision Maker", "removed": None}


def test_a_tie_without_an_id_is_the_same_one_when_it_is_told_again() -> None:
    first, again, other = (event("meetings", what=what, deal="D1") for what in ("M1", "M1", "M2"))
    assert isinstance(first, RelationChanged)
    assert isinstance(again, RelationChanged)
    assert isinstance(other, RelationChanged)
    assert first.relation == again.relation != other.relation
    assert first.fields == {"activity": "crm/acme:M1", "deal": "crm/acme:D1"}


@pytest.mark.parametrize("ends", [{"deal": "D1", "who": ""}, {"deal": "", "who": "P1"}])
def test_a_tie_without_both_ends_is_silent(ends: dict[str, str]) -> None:
    assert outcome("roles", id="R1", gone="", at=NOON, **{"as": ""}, **ends) == Silent("no_tie")


def test_a_tie_that_was_cut_may_name_only_itself() -> None:
    one = event("roles", id="R1", deal="", who="", gone="true", at=NOON, **{"as": ""})
    assert isinstance(one, RelationChanged)
    assert (one.relation, one.fields["removed"]) == ("R1", True)


def test_a_merged_deal_is_removed_into_the_other() -> None:
    one = event("merges", loser="D1", winner="D2", at=NOON)
    assert isinstance(one, DealRemoved)
    assert (one.key, one.merged_into, one.at_us) == ("crm/acme:D1", "crm/acme:D2", NOON_US)
    gone = event("merges", loser="D1", winner="", at=NOON)
    assert isinstance(gone, DealRemoved)
    assert gone.merged_into is None
    assert outcome("merges", loser="D1", winner="", at="") == Silent("undated")


def test_a_deal_that_is_flagged_as_deleted_is_changed_and_then_removed() -> None:
    one = outcome("deals", id="006A", stage="Won", gone="true", at=NOON)
    assert isinstance(one, Accepted)
    changed, removed = sorted(one.events, key=lambda each: each.order)
    assert isinstance(changed, DealChanged)
    assert isinstance(removed, DealRemoved)
    assert changed.fields == {"stage": "Won"}
    assert changed.at_us == removed.at_us
    kept = outcome("deals", id="006A", stage="Won", gone="false", at=NOON)
    assert isinstance(kept, Accepted)
    assert len(kept.events) == 1


def test_what_stands_in_the_column_of_deals_and_is_none_makes_no_deal() -> None:
    assert outcome("deals", id="001A", stage="Won", gone="", at=NOON) == Silent("no_deal")
    call = event("calls", id="C1", about="001A", who="P1", company="", at=NOON)
    assert isinstance(call, ActivityChanged)
    assert "deal" not in call.fields
    assert call.fields["person"] == "P1"
    assert outcome("calls", id="C1", about="001A", who="", company="", at=NOON) == Silent("no_deal")


def test_an_activity_may_be_tied_to_its_deal_by_another_table_alone() -> None:
    mail = event("mails", id="E1", at=NOON)
    assert isinstance(mail, ActivityChanged)
    assert (mail.activity, mail.fields) == ("E1", {"done": True, "at_us": NOON_US})


@pytest.mark.parametrize(("table", "column"), [("accounts", "id"), ("people", "id")])
def test_a_row_without_an_id_is_rejected(table: str, column: str) -> None:
    row = dict.fromkeys(("id", "sector", "staff", "tier", "mail", "company", "gone", "at"), "")
    assert outcome(table, **row) == Rejected("no_id", column)


def test_an_export_may_speak_of_another_source_s_deals() -> None:
    export = msgspec.structs.replace(SOURCE, name="export", deal_source="hubspot/acme")
    (mine,) = [outcome("merges", loser="D1", winner="D2", at=NOON)]
    theirs = outcome("merges", parser(export), loser="D1", winner="D2", at=NOON)
    assert isinstance(mine, Accepted)
    assert isinstance(theirs, Accepted)
    (one,) = theirs.events
    assert isinstance(one, DealRemoved)
    assert (one.key, one.source, one.merged_into) == ("hubspot/acme:D1", "hubspot/acme", "hubspot/acme:D2")
    assert one.id != mine.events[0].id


@pytest.mark.parametrize(
    ("table", "change", "what"),
    [
        ("accounts", {"columns": {"x": {"to": "employees"}}}, "employees is number, not text"),
        ("people", {"columns": {"x": "shoe_size"}}, "a person has no shoe_size"),
        ("roles", {"columns": {"deal": "deal"}}, "a tie names a deal or an activity"),
        ("roles", {"columns": {"who": "person", "company": "account"}}, "a tie names a deal or an activity"),
        ("merges", {"columns": {"stage": "stage"}}, "a deal that is gone has no columns"),
        ("mails", {"id": None}, "an activity names its deal"),
        ("calls", {"deal_matches": "("}, "deal_matches"),
        ("deals", {"columns": {"gone": "removed"}}, "removed is bool, not text"),
        ("deals", {"constants": {"currency": "Euro"}}, "currency: 'Euro' is no code"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(table: str, change: dict[str, Any], what: str) -> None:
    tables = DATA["tables"]
    with pytest.raises(MappingError, match=what):
        load(DATA | {"tables": tables | {table: tables[table] | change}})
