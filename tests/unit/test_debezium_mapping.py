"""A mapping file of Debezium is checked completely, and what it says of ids holds in all tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from playbook.load import PlaybookError
from programs.definitions import read_mapping
from topics.events import ActivityChanged, AnyEvent, DealChanged, PersonChanged, RelationChanged
from topics.outcomes import Accepted, RawRecord
from topics.sources.debezium import parser
from topics.sources.debezium.mapping import as_source, load
from topics.sources.mapping_files import as_source as any_source
from topics.sources.mapping_files import check
from topics.sources.mapping_parts import MappingError
from topics.sources.source import Provides, SourceKind

EXAMPLES = Path(__file__).parents[2] / "examples" / "mappings"
DEALS: dict[str, Any] = {"kind": "deals", "key": "id", "columns": {"stage": "stage"}}


def mapping(tables: dict[str, Any] | None = None, **more: object) -> dict[str, Any]:
    return {"kind": "debezium", "tenant": "acme", "tables": tables or {"deals": DEALS}, **more}


def deals(**columns: object) -> dict[str, Any]:
    return mapping({"deals": DEALS | {"columns": columns}})


def activities(**more: object) -> dict[str, Any]:
    return mapping({"calls": {"kind": "activities", "key": "id", "columns": {"deal_id": "deal"}, **more}})


PROBLEMS: list[tuple[str, dict[str, Any], str]] = [
    ("no table", mapping() | {"tables": {}}, "tables: Dictionary should have at least 1 item"),
    ("a table of four parts", mapping({"a.b.c.d": DEALS}), "tables"),
    ("an unknown kind of table", mapping({"deals": DEALS | {"kind": "snapshot"}}), "tables.deals"),
    ("no key", mapping({"deals": DEALS | {"key": []}}), "tables.deals.key"),
    ("an unknown setting", mapping(topic="x"), "topic"),
    ("a zone that there is not", mapping(timezone="Mars/Olympus"), "no time zone is called 'Mars/Olympus'"),
    ("a target twice", deals(a="stage", b="stage"), "tables.deals: stage is filled 2 times"),
    ("an amount in text", deals(a="amount"), "amount is number, not text"),
    (
        "a close date that is an instant",
        deals(a={"to": "close_date", "type": "instant"}),
        "close_date is day, not instant",
    ),
    ("a flag in text", deals(a="removed"), "removed is bool or instant, not text"),
    (
        "a pattern without a year",
        deals(a={"to": "close_date", "type": "day", "format": "%m/%d"}),
        "does not say the year",
    ),
    (
        "two units",
        deals(a={"to": "close_date", "type": "day", "format": ["epoch_s", "epoch_ms"]}),
        "a number is one of",
    ),
    ("text with a unit", deals(a={"to": "name", "format": "epoch_ms"}), "text has no format"),
    ("text with a scale", deals(a={"to": "name", "scale": 2}), "text has no scale"),
    (
        "a local day",
        deals(a={"to": "close_date", "type": "day", "format": "epoch_days", "local": True}),
        "only an instant",
    ),
    ("a join", deals(a={"to": "name", "join": "people"}), "joins are for files"),
    (
        "a time without a zone, anywhere",
        deals(a={"to": "created_at", "type": "instant", "format": "%Y-%m-%d %H:%M:%S"}),
        "tables.deals: columns.a: a time without a zone needs the mapping's timezone",
    ),
    (
        "a local epoch, anywhere",
        deals(a={"to": "created_at", "type": "instant", "format": "epoch_ms", "local": True}),
        "a time without a zone needs the mapping's timezone",
    ),
    ("what an activity is not", activities(columns={"a": "stage"}), "an activity has no stage"),
    (
        "a direction that there is not",
        activities(constants={"direction": "upwards"}),
        "direction: 'upwards' is none of",
    ),
    ("a constant that an activity has not", activities(constants={"stage": "new"}), "an activity has no stage"),
    ("a constant of another type", activities(constants={"meets": "yes"}), "meets: 'yes' is of the wrong type"),
    ("a constant for a date", activities(constants={"at": "2024-01-01"}), "at: '2024-01-01' is of the wrong type"),
    ("all rows removed", activities(constants={"removed": True}), "removed is said by a column"),
    (
        "a tie to nothing",
        mapping({"roles": {"kind": "relations", "key": "id", "columns": {"a": "person"}}}),
        "a tie names",
    ),
    (
        "a tie of one end",
        mapping({"roles": {"kind": "relations", "key": "id", "columns": {"a": "deal"}}}),
        "a tie names",
    ),
    ("another table's id that is none", deals(a={"to": "stage", "of": "deals"}), "stage is no id of another table"),
    ("an id of a table that is not there", deals(a={"to": "owner_id", "of": "users"}), "'users' is no table of users"),
    (
        "an id of one of two tables",
        mapping({"a.deals": DEALS, "b.deals": DEALS, "calls": activities()["tables"]["calls"]}),
        "tables.calls: columns.deal_id: of which table: a.deals, b.deals?",
    ),
    (
        "when it changed, in half a date",
        mapping({"deals": DEALS | {"changed": {"column": "a", "format": "%H:%M"}}}),
        "does not say the year",
    ),
]


@pytest.mark.parametrize(("data", "problem"), [case[1:] for case in PROBLEMS], ids=[case[0] for case in PROBLEMS])
def test_what_is_wrong_with_a_file_is_said_with_its_place(data: dict[str, Any], problem: str) -> None:
    with pytest.raises(MappingError) as caught:
        load(data)
    assert problem in str(caught.value)


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(MappingError) as caught:
        load(
            mapping(
                {
                    "deals": DEALS | {"columns": {"a": "amount"}},
                    "calls": {"kind": "activities", "key": "id", "columns": {"b": "stage"}},
                }
            )
        )
    assert len(caught.value.problems) == 2


@pytest.mark.parametrize("name", ["debezium-crm", "debezium-inventory"])
def test_the_examples_are_whole(name: str) -> None:
    source = any_source("db", read_mapping(EXAMPLES / f"{name}.yaml", SourceKind.DEBEZIUM))
    assert source.kind is SourceKind.DEBEZIUM
    assert source.provides


def test_a_file_for_another_kind_of_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlaybookError, match="a file for debezium; the source is of the kind tables"):
        read_mapping(EXAMPLES / "debezium-crm.yaml", SourceKind.TABLES)
    with pytest.raises(PlaybookError, match="a file for tables; the source is of the kind debezium"):
        read_mapping(EXAMPLES / "maven.yaml", SourceKind.DEBEZIUM)
    file = tmp_path / "mapping.yaml"
    file.write_text("kind: hubspot\n")
    with pytest.raises(PlaybookError, match="'hubspot' is none of tables, debezium"):
        read_mapping(file)
    with pytest.raises(MappingError):
        check(["a list"])


def test_what_a_file_says_of_the_source() -> None:
    source = as_source("db", mapping(provides=["activities"]))
    assert (source.key, source.kind, source.provides) == (
        "db/acme",
        SourceKind.DEBEZIUM,
        frozenset({Provides.ACTIVITIES}),
    )


# --- ids ---------------------------------------------------------------------------------------------------------

IDS: dict[str, Any] = {
    "opportunities": DEALS | {"columns": {"stage": "stage", "user_id": "owner_id", "company_id": "account_id"}},
    "calls": {
        "kind": "activities",
        "key": "id",
        "columns": {"opportunity_id": "deal", "contact_id": {"to": "person", "of": "contacts"}},
    },
    "visits": {"kind": "activities", "key": "id", "columns": {"lead_id": {"to": "person", "of": "leads"}}},
    "contacts": {
        "kind": "people",
        "key": "id",
        "columns": {"first": "first_name", "last": "last_name", "company_id": "account"},
    },
    "leads": {"kind": "people", "key": "id", "columns": {"email": "email"}},
    "users": {"kind": "users", "key": "id", "columns": {"name": "name"}},
    "attendees": {
        "kind": "relations",
        "key": ["visit", "contact"],
        "columns": {"visit": {"to": "activity", "of": "visits"}, "contact": {"to": "person", "of": "contacts"}},
    },
}


def event(table: str, row: dict[str, Any], tables: dict[str, Any] = IDS, **more: Any) -> AnyEvent:  # noqa: ANN401 - of a mapping
    """What a row becomes."""
    change = {"op": "u", "after": row, "source": {"table": table, "ts_ms": 1_704_794_400_250, "lsn": 1}}
    (outcome,) = parser(as_source("db", mapping(tables, **more)))(RawRecord(None, msgspec.json.encode(change)))
    assert isinstance(outcome, Accepted), outcome
    (one,) = outcome.events
    return one


def test_ids_of_two_tables_of_a_kind_are_told_apart_everywhere() -> None:
    deal = event("opportunities", {"id": 5, "stage": "new", "user_id": 5, "company_id": 5})
    assert isinstance(deal, DealChanged)
    assert (deal.key, deal.fields["owner_id"], deal.fields["account_id"]) == ("db/acme:5", "5", "5")
    call = event("calls", {"id": 5, "opportunity_id": 5, "contact_id": 5})
    assert isinstance(call, ActivityChanged)
    assert (call.activity, call.fields["deal"], call.fields["person"]) == ("calls-5", "db/acme:5", "contacts-5")
    visit = event("visits", {"id": 5, "lead_id": 5})
    assert isinstance(visit, ActivityChanged)
    assert (visit.activity, visit.fields["person"]) == ("visits-5", "leads-5")
    contact, lead, user = (event(table, {"id": 5}) for table in ("contacts", "leads", "users"))
    assert isinstance(contact, PersonChanged)
    assert isinstance(lead, PersonChanged)
    assert isinstance(user, PersonChanged)
    assert [(one.person, one.user) for one in (contact, lead, user)] == [
        ("contacts-5", False),
        ("leads-5", False),
        ("5", True),
    ]
    tie = event("attendees", {"visit": 5, "contact": 5})
    assert isinstance(tie, RelationChanged)
    assert tie.fields == {"activity": "db/acme:visits-5", "person": "db/acme:contacts-5", "removed": False}


def test_ids_that_are_unique_stay_as_they_are() -> None:
    call = event("calls", {"id": "a1", "opportunity_id": "b2", "contact_id": "c3"}, ids="global")
    assert isinstance(call, ActivityChanged)
    assert (call.activity, call.fields["person"]) == ("a1", "c3")


def test_ids_are_those_of_the_crm_that_the_settings_name() -> None:
    source = msgspec.structs.replace(as_source("db", mapping(IDS)), deal_source="salesforce/acme")
    change = {
        "op": "u",
        "after": {"id": 5, "opportunity_id": "006A"},
        "source": {"table": "calls", "ts_ms": 1_704_794_400_250},
    }
    (outcome,) = parser(source)(RawRecord(None, msgspec.json.encode(change)))
    assert isinstance(outcome, Accepted)
    (call,) = outcome.events
    assert isinstance(call, ActivityChanged)
    assert (call.key, call.source, call.fields["deal"]) == (
        "salesforce/acme:calls-5",
        "db/acme",
        "salesforce/acme:006A",
    )


# --- rows of each kind -------------------------------------------------------------------------------------------


def test_a_name_in_two_columns_is_one() -> None:
    def name(**row: object) -> object:
        person = event("contacts", {"id": 5, **row})
        assert isinstance(person, PersonChanged)
        return person.fields.get("name", "not said")

    assert name(first="Ada", last="Berg") == "Ada Berg"
    assert name(first=None, last="Berg") == "Berg"
    assert name(first=None, last=None) is None
    assert name(last="Berg") == "not said"
    assert name(first="Ada", last="__debezium_unavailable_value") == "not said"


def test_a_user_who_is_gone_is_not_active() -> None:
    tables = {
        "users": {"kind": "users", "key": "id", "columns": {"name": "name", "gone": {"to": "removed", "type": "bool"}}}
    }
    stays, goes = (
        event("users", {"id": 5, "name": "A", "gone": 0}, tables),
        event("users", {"id": 5, "name": "A", "gone": 1}, tables),
    )
    assert isinstance(stays, PersonChanged)
    assert isinstance(goes, PersonChanged)
    assert (stays.fields["active"], goes.fields["active"]) == (True, False)


ACTIVITY: dict[str, Any] = {
    "tasks": {
        "kind": "activities",
        "key": "id",
        "columns": {
            "deal_id": "deal",
            "due": {"to": "at", "type": "day"},
            "finished": {"to": "done", "type": "bool"},
            "deleted_at": {"to": "removed", "type": "instant"},
        },
    }
}
DAY_US = 86_400_000_000
MIDNIGHT_US = 1_718_402_400_000_000  # 2024-06-15 in Berlin


def activity(row: dict[str, Any], **more: object) -> dict[str, Any]:
    one = event("tasks", {"id": 5, "deal_id": 7, "deleted_at": None, **row}, ACTIVITY, **more)
    assert isinstance(one, ActivityChanged)
    return dict(one.fields)


def test_what_is_due_on_a_day_is_due_until_it_is_over() -> None:
    planned = activity({"due": "2024-06-15", "finished": False}, timezone="Europe/Berlin")
    assert planned == {"deal": "db/acme:7", "done": False, "removed": False, "at_us": MIDNIGHT_US + DAY_US}
    assert activity({"due": "2024-06-15", "finished": True}, timezone="Europe/Berlin")["at_us"] == MIDNIGHT_US
    assert activity({"due": None, "finished": True})["at_us"] is None


def test_an_activity_is_done_unless_a_column_says_otherwise() -> None:
    assert activity({"due": "2024-06-15"})["done"] is True


def test_a_row_that_is_marked_as_deleted_is_gone() -> None:
    assert activity({"deleted_at": "2024-06-15T00:00:00Z"}) == {"removed": True}


def test_a_deal_has_no_empty_creation() -> None:
    tables = {"deals": DEALS | {"columns": {"created": {"to": "created_at", "type": "instant"}}}}
    deal = event("deals", {"id": 5, "created": None}, tables)
    assert isinstance(deal, DealChanged)
    assert (deal.fields, deal.full) == ({}, True)


def test_the_example_reads_as_yaml() -> None:
    """The file in the documentation is the one that is tested."""
    data = yaml.safe_load((EXAMPLES / "debezium-crm.yaml").read_text())
    assert {table["kind"] for table in data["tables"].values()} == {
        "deals",
        "activities",
        "accounts",
        "people",
        "users",
        "relations",
    }
