"""Rows of tables become events: what each kind of table says, what is dirt, what is rejected and under which name."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from topics.events import ActivityChanged, DealChanged, Event
from topics.instants import parse_rfc3339
from topics.outcomes import Accepted, Outcome, RawRecord, Rejected, Silent
from topics.sources import tables
from topics.sources.tables import parsing
from topics.sources.tables.mapping import MappingError, as_source, load
from topics.sources.tables.rows import MAX_ROW_BYTES

DAY = {"type": "day", "format": "%m/%d/%Y"}
INSTANT = {"type": "instant", "format": "iso"}

STAGES: dict[str, Any] = {
    "kind": "milestones",
    "file": "deals.csv",
    "deal": "id",
    "columns": {
        "agent": "owner_id",
        "product": {"to": "product", "repairs": {"GTXPro": "GTX Pro"}, "join": "products"},
        "products.series": "series",
        "account": {"to": "account_id", "required": True},
        "stage": {"to": "stage", "expect": ["New", "Open", "Won", "Lost"]},
        "value": {"to": "amount", "type": "number"},
    },
    "constants": {"currency": "USD"},
    "milestones": [
        {"stage": "Open", "at": {"column": "opened", **DAY}, "creates": True},
        {"stage": ["Won", "Lost"], "at": {"column": "closed", **DAY}, "reveals": ["account", "value"]},
    ],
}
CHANGES: dict[str, Any] = {
    "kind": "history",
    "file": "changes.csv",
    "deal": "id",
    "at": {"column": "at", **INSTANT},
    "columns": {
        "stage": "stage",
        "amount": {"to": "amount", "type": "number"},
        "close": {"to": "close_date", "nulls": ["9999-12-31"], **DAY, "format": "iso"},
    },
}
FIELDS: dict[str, Any] = {
    "kind": "history",
    "file": "fields.csv",
    "deal": "id",
    "at": {"column": "at", **INSTANT},
    "changes": {"field": "field", "value": "new"},
    "columns": {"StageName": "stage", "Amount": {"to": "amount", "type": "number"}},
}
CALLS: dict[str, Any] = {
    "kind": "activity",
    "file": "calls.csv",
    "deal": "id",
    "id": "call",
    "at": {"column": "at", **INSTANT},
    "columns": {
        "who": "person",
        "way": {"to": "direction", "values": {"IN": "inbound", "OUT": "outbound"}},
    },
    "constants": {"channel": "call"},
}
PRODUCTS: dict[str, Any] = {"kind": "lookup", "file": "products.csv", "key": "product"}
MAPPING: dict[str, Any] = {
    "tenant": "acme",
    "timezone": "Europe/Berlin",
    "nulls": ["", "?"],
    "tables": {"stages": STAGES, "changes": CHANGES, "fields": FIELDS, "calls": CALLS, "products": PRODUCTS},
}
SOURCE = as_source("tables", MAPPING)
PARSE = tables.parser(SOURCE)

WON = {
    "id": "D1",
    "agent": "Ann",
    "product": "GTX Pro",
    "account": "Acme",
    "stage": "Won",
    "opened": "10/20/2016",
    "closed": "3/1/2017",
    "value": "1054",
}
JOINED = {"products.product": "GTX Pro", "products.series": "GTX"}
KNOWN = {"currency": "USD", "owner_id": "Ann", "product": "GTX Pro", "series": "GTX"}
OPENED_US = parse_rfc3339("2016-10-19T22:00:00Z")
CLOSED_US = parse_rfc3339("2017-02-28T23:00:00Z")
CHANGE = {"id": "D1", "at": "2017-03-01T12:00:00Z", "stage": "Open", "amount": "5", "close": "2017-06-30"}
FIELD = {"id": "D1", "at": "2017-03-01T12:00:00Z", "field": "Amount", "new": "7"}
CALL = {"id": "D1", "call": "C9", "at": "2017-03-01T12:00:00", "who": "Bob", "way": "IN"}


def record(table: str, row: dict[str, str], n: int = 1, **more: object) -> RawRecord:
    value = {"table": table, "n": n, "row": row, "joined": JOINED if table == "stages" else {}, **more}
    return RawRecord(key=None, value=json.dumps(value).encode())


def outcome(table: str, row: dict[str, str], n: int = 1, **more: object) -> Outcome:
    (one,) = PARSE(record(table, row, n, **more))
    return one


def accepted(table: str, row: dict[str, str], n: int = 1, **more: object) -> Accepted:
    one = outcome(table, row, n, **more)
    assert isinstance(one, Accepted), one
    return one


def deal_changes(table: str, row: dict[str, str], n: int = 1) -> list[DealChanged]:
    events = accepted(table, row, n).events
    return [event for event in events if isinstance(event, DealChanged)]


# --- milestones


def test_each_date_of_a_row_is_a_change_and_the_past_does_not_know_what_came_later() -> None:
    opened, closed = deal_changes("stages", WON)
    assert (opened.at_us, opened.fields) == (OPENED_US, KNOWN | {"stage": "Open"})
    assert (closed.at_us, closed.fields) == (
        CLOSED_US,
        KNOWN | {"stage": "Won", "account_id": "Acme", "amount": 1054.0},
    )
    assert (opened.key, opened.source) == ("tables/acme:D1", "tables/acme")
    assert (opened.created, opened.full, closed.created, closed.full) == (True, False, False, True)


def test_an_open_deal_is_what_its_row_says_since_its_last_date() -> None:
    (opened,) = deal_changes("stages", WON | {"stage": "Open", "closed": "", "value": "?", "account": ""})
    assert (opened.at_us, opened.created, opened.full, opened.undated) == (OPENED_US, True, True, False)
    assert opened.fields == KNOWN | {"stage": "Open", "account_id": None, "amount": None}


def test_a_date_that_does_not_create_a_deal_is_no_full_record_of_a_new_one() -> None:
    stages = copy.deepcopy(STAGES)
    stages["milestones"][0]["creates"] = False
    parse = tables.parser(as_source("tables", MAPPING | {"tables": {"stages": stages, "products": PRODUCTS}}))
    (one,) = parse(record("stages", WON | {"stage": "Open", "closed": ""}))
    assert isinstance(one, Accepted)
    assert [(event.created, event.full) for event in one.events if isinstance(event, DealChanged)] == [(False, False)]


@pytest.mark.parametrize(
    ("dates", "dirt"),
    [
        # no date at all: the deal is there, nobody knows since when
        ({"stage": "New", "opened": "", "closed": ""}, ()),
        ({"stage": "Open", "opened": "?", "closed": ""}, ()),
        # won without a closing date: the engagement's date must not make it open again
        ({"closed": ""}, ("contradiction.stage",)),
        # a closing date of an open deal
        ({"stage": "Open"}, ("contradiction.stage",)),
        # closed before it was opened
        ({"opened": "3/2/2017"}, ("contradiction.stage",)),
        # a stage that no milestone knows
        ({"stage": "Wonn"}, ("unexpected.stage", "contradiction.stage")),
        ({"stage": ""}, ("contradiction.stage",)),
    ],
)
def test_a_row_whose_dates_cannot_be_used_makes_an_undated_deal(dates: dict[str, str], dirt: tuple[str, ...]) -> None:
    row = WON | dates
    one = accepted("stages", row)
    (event,) = one.events
    assert isinstance(event, DealChanged)
    assert (event.undated, event.at_us, event.created, event.full) == (True, 0, False, True)
    assert event.fields["stage"] == (row["stage"] or None)
    assert (one.silent, one.dirt) == ("undated", dirt)


def test_two_dates_on_one_day_keep_the_order_of_the_milestones() -> None:
    changes = deal_changes("stages", WON | {"closed": WON["opened"]}, n=5)
    assert [change.seq for change in changes] == [(0, 10), (0, 11)]
    assert [change.fields["stage"] for change in sorted(changes, key=lambda change: change.order)] == ["Open", "Won"]


# --- histories


def test_a_history_row_states_its_columns_at_its_time() -> None:
    (change,) = deal_changes("changes", CHANGE, n=7)
    assert change.at_us == parse_rfc3339("2017-03-01T12:00:00Z")
    assert change.fields == {"stage": "Open", "amount": 5.0, "close_date": "2017-06-30"}
    assert (change.full, change.created, change.seq) == (False, False, (1, 7))


def test_a_null_is_empty_and_a_column_that_is_not_there_is_not_covered() -> None:
    (change,) = deal_changes("changes", {"id": "D1", "at": CHANGE["at"], "amount": "?", "close": "9999-12-31"})
    assert change.fields == {"amount": None, "close_date": None}


def test_a_history_row_without_a_time_still_makes_the_deal() -> None:
    one = accepted("changes", CHANGE | {"at": ""})
    assert one.silent == "undated"
    assert [(event.undated, event.at_us) for event in one.events if isinstance(event, DealChanged)] == [(True, 0)]


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        (FIELD, {"amount": 7.0}),
        (FIELD | {"new": ""}, {"amount": None}),
        (FIELD | {"field": "StageName", "new": "Won"}, {"stage": "Won"}),
    ],
)
def test_a_row_that_names_its_field_changes_only_that(row: dict[str, str], fields: dict[str, object]) -> None:
    (change,) = deal_changes("fields", row)
    assert change.fields == fields


def test_a_field_that_nobody_mapped_is_silent() -> None:
    assert outcome("fields", FIELD | {"field": "Description"}) == Silent("field_unmapped")


def test_a_full_history_row_is_full_only_with_every_column() -> None:
    mapping = MAPPING | {"tables": {"changes": CHANGES | {"full": True}}}
    parse = tables.parser(as_source("tables", mapping))
    without_stage = {name: cell for name, cell in CHANGE.items() if name != "stage"}
    events = [parse(record("changes", row))[0] for row in (CHANGE, without_stage)]
    assert [one.events[0].full for one in events if isinstance(one, Accepted)] == [True, False]  # type: ignore[union-attr]  # a history makes DealChanged only


# --- activities


def test_an_activity_is_a_contact_of_its_deal() -> None:
    (event,) = accepted("calls", CALL, n=3).events
    assert isinstance(event, ActivityChanged)
    at_us = parse_rfc3339("2017-03-01T11:00:00Z")
    assert (event.key, event.activity, event.at_us, event.seq) == ("tables/acme:C9", "C9", at_us, (3, 3))
    assert event.fields == {
        "deal": "tables/acme:D1",
        "person": "Bob",
        "direction": "inbound",
        "channel": "call",
        "done": True,
        "at_us": at_us,
    }


def test_an_activity_without_an_id_is_known_by_its_content() -> None:
    first, again, other = (
        accepted("calls", CALL | {"call": "", "who": who}).events[0] for who in ("Bob", "Bob", "Eve")
    )
    assert first.key == again.key != other.key


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"id": "", "who": ""}, Silent("no_deal")),
        ({"at": ""}, Silent("undated")),
        ({"way": "SIDEWAYS"}, Rejected("wrong_type", "direction: 'SIDEWAYS'")),
    ],
)
def test_an_activity_that_says_nothing_is_silent(change: dict[str, str], expected: Outcome) -> None:
    assert outcome("calls", CALL | change) == expected


# --- identity and order


@pytest.mark.parametrize(("table", "row"), [("stages", WON), ("changes", CHANGE), ("fields", FIELD), ("calls", CALL)])
def test_a_row_that_is_loaded_again_is_a_repeat_wherever_it_stands(table: str, row: dict[str, str]) -> None:
    first, again = (accepted(table, row, n).events for n in (1, 900))
    backwards = accepted(table, dict(reversed(row.items()))).events
    assert ids(first) == ids(again) == ids(backwards)
    assert len(set(ids(first))) == len(first)


def test_any_other_content_is_another_change() -> None:
    rows = [WON | {name: "x" + cell if name == "id" else cell} for name, cell in WON.items()]
    rows += [WON | {"agent": "Eve"}, WON | {"unmapped": "a note"}]
    known = {identity for row in rows for identity in ids(accepted("stages", row).events)}
    assert len(known) == 2 * 4  # the row itself, another deal, another agent, another note


def test_the_same_content_in_another_table_or_tenant_is_another_change() -> None:
    other_tenant = tables.parser(as_source("tables", MAPPING | {"tenant": "other"}))
    mapping = MAPPING | {"tables": {"renamed": CHANGES}}
    renamed = tables.parser(as_source("tables", mapping))
    here = accepted("changes", CHANGE).events
    (there,), (elsewhere,) = other_tenant(record("changes", CHANGE)), renamed(record("renamed", CHANGE))
    assert isinstance(there, Accepted)
    assert isinstance(elsewhere, Accepted)
    assert len({*ids(here), *ids(there.events), *ids(elsewhere.events)}) == 3


def test_rows_of_one_instant_keep_the_order_of_tables_then_of_rows() -> None:
    rows = [("changes", CHANGE, 2), ("fields", FIELD, 1), ("changes", CHANGE, 10), ("changes", CHANGE, 1)]
    orders = sorted((accepted(table, row, n).events[0].order, table, n) for table, row, n in rows)
    assert [(table, n) for _, table, n in orders] == [("changes", 1), ("changes", 2), ("changes", 10), ("fields", 1)]


def ids(events: tuple[Event, ...]) -> list[str]:
    return [event.id for event in events]


# --- dirt


@pytest.mark.parametrize(
    ("change", "joined", "dirt"),
    [
        ({}, JOINED, ()),
        ({"product": "GTXPro"}, JOINED, ("repaired.product",)),
        ({"product": "GTXProo"}, {}, ("unmatched.product",)),
        ({"account": ""}, JOINED, ("empty.account",)),
        ({"account": " ? "}, JOINED, ("trimmed.account", "empty.account")),
        ({"agent": " Ann"}, JOINED, ("trimmed.agent",)),
        ({"product": ""}, {}, ()),
    ],
)
def test_dirt_is_put_right_and_counted(change: dict[str, str], joined: dict[str, str], dirt: tuple[str, ...]) -> None:
    assert accepted("stages", WON | change, joined=joined).dirt == dirt


def test_a_repaired_value_is_the_right_one() -> None:
    assert deal_changes("stages", WON | {"product": "GTXPro"})[0].fields["product"] == "GTX Pro"


# --- what cannot be understood


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Silent("tombstone")),
        (b"", Rejected("not_json", "Input data was truncated")),
        (b"\xff\xfe", Rejected("not_json", "JSON is malformed: invalid character (byte 0)")),
        (b"{", Rejected("not_json", "Input data was truncated")),
        (b"[]", Rejected("wrong_type", "Expected `object`, got `array`")),
        (b"{}", Rejected("wrong_type", "Object missing required field `table`")),
        (
            b'{"table": "stages", "n": 0, "row": {}}',
            Rejected("wrong_type", "Expected `int` >= 1 - at `$.n`"),
        ),
        (
            b'{"table": "stages", "n": 1, "row": {"id": [5]}}',
            Rejected("wrong_type", "Expected `bool | int | float | str | null`, got `array` - at `$.row[...]`"),
        ),
        (b'{"table": "nobody", "n": 1, "row": {}}', Rejected("unknown_table", "nobody")),
        (b'{"table": "products", "n": 1, "row": {}}', Rejected("unknown_table", "products")),
        (b'{"table": "stages", "n": 1, "row": {}}', Rejected("no_deal_id", "id")),
        (b'{"table": "stages", "n": 1, "row": {"id": null}}', Rejected("no_deal_id", "id")),
        (b'{"table": "changes", "n": 1, "row": {"id": "?"}}', Rejected("no_deal_id", "id")),
        (
            b'{"table": "stages", "n": 1, "row": {}, "flaw": "ragged_row", "detail": "7 cells under 8 headings"}',
            Rejected("ragged_row", "7 cells under 8 headings"),
        ),
        (b'{"table": "stages", "n": 1, "row": {}, "flaw": "made up"}', Rejected("wrong_type", "")),
        (b" " * (MAX_ROW_BYTES + 1), Rejected("too_long", "524289 bytes; the limit is 524288")),
    ],
)
def test_a_record_that_is_no_row_is_rejected_by_name(value: bytes | None, expected: Outcome) -> None:
    assert PARSE(RawRecord(key=None, value=value)) == [expected]


@pytest.mark.parametrize(
    ("table", "row", "expected"),
    [
        ("stages", WON | {"opened": "2016-10-20"}, ("bad_date", "opened: '2016-10-20' is not of the form %m/%d/%Y")),
        (
            "stages",
            WON | {"closed": "1/1/9999"},
            ("absurd_time", "closed: '1/1/9999' is not between 1980-01-01 and 2200-01-01: a sentinel?"),
        ),
        ("stages", WON | {"value": "1,054"}, ("wrong_type", "value: '1,054' is no number")),
        ("stages", WON | {"agent": "x" * 65_537}, ("too_long", "agent: 65537 characters; the limit is 65536")),
        ("stages", WON | {"id": "x" * 256}, ("too_long", "id: an id of 256 characters")),
        ("changes", CHANGE | {"close": "soon"}, ("bad_date", "close: 'soon' is not of the form iso")),
        ("calls", CALL | {"at": "noon"}, ("bad_date", "at: 'noon' is not of the form iso")),
    ],
)
def test_a_cell_that_is_not_what_it_should_be_rejects_its_row(
    table: str, row: dict[str, str], expected: tuple[str, str]
) -> None:
    assert outcome(table, row) == Rejected(*expected)


def test_a_broken_mapping_is_told_when_the_parser_is_made() -> None:
    with pytest.raises(MappingError):
        tables.parser(as_source("tables", MAPPING | {"tables": {"stages": STAGES}}))


def test_the_time_of_a_row_is_that_of_its_first_event() -> None:
    mapping = load(MAPPING)
    first = parsing.first_moment(mapping, mapping.row_tables()["stages"])
    assert [first(row) for row in (WON, WON | {"opened": ""}, WON | {"opened": "", "closed": ""})] == [
        OPENED_US,
        CLOSED_US,
        0,
    ]
    assert first(WON | {"opened": "never"}) == 0
