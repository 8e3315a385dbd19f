"""A mapping file is refused with every problem and its place; what is accepted means one thing."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from topics.sources.source import Provides, SourceKind
from topics.sources.tables.mapping import Column, History, MappingError, Milestones, as_source, load

AT = {"column": "changed", "type": "instant", "format": "iso"}
DEALS = {"kind": "history", "file": "deals.csv", "deal": "id", "at": AT, "columns": {"stage": "stage"}}
CALLS = {"kind": "activity", "file": "calls.csv", "deal": "id", "at": AT, "columns": {"who": "person"}}
PEOPLE = {"kind": "lookup", "file": "people.csv", "key": "name"}
STAGES = {
    "kind": "milestones",
    "file": "deals.csv",
    "deal": "id",
    "columns": {"stage": "stage"},
    "milestones": [{"stage": "Open", "at": AT}],
}


def mapping(**tables: object) -> dict[str, Any]:
    return copy.deepcopy({"tenant": "acme", "tables": tables or {"deals": DEALS}})


def problems(data: object) -> list[str]:
    with pytest.raises(MappingError) as raised:
        load(data)
    return [str(problem) for problem in raised.value.problems]


def test_a_column_given_as_a_word_becomes_that_field_as_text() -> None:
    table = load(mapping()).tables["deals"]
    assert isinstance(table, History)
    assert table.columns["stage"] == Column(to="stage")


def test_a_milestone_of_one_stage_may_be_a_word() -> None:
    table = load(mapping(deals=STAGES)).tables["deals"]
    assert isinstance(table, Milestones)
    assert table.milestones[0].stage == ("Open",)


def test_a_mapping_describes_its_source() -> None:
    data = mapping() | {"provides": ["owners"]}
    source = as_source("tables", data)
    assert (source.kind, source.key, source.provides) == (
        SourceKind.TABLES,
        "tables/acme",
        frozenset({Provides.OWNERS}),
    )
    assert source.mapping == data


def test_every_problem_of_every_table_is_told_at_once_with_its_place() -> None:
    broken = mapping(
        deals=DEALS | {"columns": {"a": {"to": "amount"}, "b": {"to": "stage", "type": "wrong"}}},
        calls=CALLS | {"file": "../calls.csv", "encoding": "utf-99"},
        people=PEOPLE | {"key": ""},
    )
    assert problems(broken | {"tenant": "a b"}) == [
        "tenant: String should match pattern '^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$'",
        "tables.deals.columns.b.type: Input should be 'text', 'number', 'day', 'instant' or 'bool'",
        "tables.calls: file '../calls.csv' leads out of the folder that is loaded",
        "tables.calls: no encoding is called 'utf-99'",
        "tables.people.key: String should have at least 1 character",
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        # a date is never guessed
        ({"at": AT | {"format": []}}, "instant needs a format: a date is never guessed"),
        ({"columns": {"d": {"to": "close_date", "type": "day"}}}, "day needs a format: a date is never guessed"),
        ({"at": AT | {"format": "%m/%Y"}}, "format '%m/%Y': does not say the year, the month and the day"),
        ({"at": AT | {"format": "%Y-%m-%d"}}, "format '%Y-%m-%d': does not say the hour"),
        ({"at": AT | {"format": "%Y-%m-%d %H:%M %Z"}}, "names of zones are ambiguous; use %z"),
        ({"at": AT | {"format": "%Q"}}, "'Q' is a bad directive in format '%Q'"),
        # what the product reads has its type
        ({"columns": {"a": "amount"}}, "columns.a: amount is number, not text"),
        ({"columns": {"a": {"to": "stage", "type": "number"}}}, "columns.a: stage is text, not number"),
        (
            {"columns": {"a": {"to": "close_date", "type": "instant", "format": "iso"}}},
            "columns.a: close_date is day, not instant",
        ),
        ({"columns": {"a": {"to": "stage", "format": "iso"}}}, "text has no format"),
        ({"columns": {"a": {"to": "x", "type": "bool", "false_when": ["TRUE"]}}}, "true and false at once: true"),
        # one field, one origin
        ({"columns": {"a": "stage", "b": "stage"}}, "stage is filled 2 times"),
        ({"columns": {"a": "stage"}, "constants": {"stage": "x"}}, "stage is filled 2 times"),
        ({"columns": {}}, "no columns"),
        ({"changes": {"field": "f", "value": "v"}, "full": True}, "a row that changes one field is no full record"),
        ({"columns": {"a": {"to": "stage", "join": "people"}}}, "joins 'people', which is no lookup"),
        ({"file": "/etc/passwd"}, "file '/etc/passwd' leads out of the folder that is loaded"),
        ({"file": "a/../../b.csv"}, "leads out of the folder"),
        ({"kind": "snapshots"}, "'history', 'snapshot', 'milestones', 'removals', 'activity'"),
        ({"colums": {}}, "Extra inputs are not permitted"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(change: dict[str, object], problem: str) -> None:
    assert problem in "\n".join(problems(mapping(deals=DEALS | change)))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"columns": {"who": "stage"}}, "columns.who: an activity has no stage"),
        ({"constants": {"amount": 1}}, "an activity has no amount"),
        ({"constants": {"direction": "up"}}, "direction: 'up' is none of inbound, outbound, mutual"),
        ({"constants": {"done": "yes"}}, "done: 'yes' is of the wrong type"),
        ({"constants": {"channel": True}}, "channel: True is of the wrong type"),
    ],
)
def test_an_activity_says_only_what_activities_have(change: dict[str, object], problem: str) -> None:
    assert problem in "\n".join(problems(mapping(calls=CALLS | change)))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"columns": {"x": "name"}}, "no column becomes the stage"),
        (
            {"milestones": [{"stage": "Open", "at": AT}, {"stage": ["Won", "Open"], "at": AT}]},
            "stage 'Open' has 2 milestones",
        ),
        (
            {"milestones": [{"stage": ["Open", "New"], "at": AT}, {"stage": "Won", "at": AT}]},
            "only the last milestone may be one of several stages",
        ),
        ({"milestones": [{"stage": "Open", "at": AT, "reveals": ["value"]}]}, "reveals 'value', which is no mapped"),
        (
            {
                "milestones": [
                    {"stage": "Open", "at": AT, "creates": True},
                    {"stage": "Won", "at": AT, "creates": True},
                ]
            },
            "a deal comes into being once",
        ),
        ({"milestones": []}, "at least 1 item"),
        ({"milestones": [{"stage": [], "at": AT}]}, "at least 1 item"),
    ],
)
def test_milestones_must_be_those_of_one_life(change: dict[str, object], problem: str) -> None:
    assert problem in "\n".join(problems(mapping(deals=STAGES | change)))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"timezone": "Mars/Olympus"}, "no time zone is called 'Mars/Olympus'"),
        ({"timezone": "../../etc/passwd"}, "no time zone is called '../../etc/passwd'"),
        ({"decimal": ",", "thousands": ","}, "',' cannot separate both decimals and thousands"),
        ({"tables": {"people": PEOPLE}}, "only lookups: no table makes events"),
        ({"tables": {}}, "at least 1 item"),
        (
            {"tables": {"deals": DEALS | {"columns": {"people.team": "team"}}, "people": PEOPLE}},
            "tables.deals: 'people.team' needs a column that joins 'people'",
        ),
        ({"version": 2}, "Input should be 1"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(change: dict[str, object], problem: str) -> None:
    assert problem in "\n".join(problems(mapping() | change))


@pytest.mark.parametrize("data", [None, [], "tenant: acme", 7])
def test_what_is_no_mapping_at_all_is_refused(data: object) -> None:
    assert problems(data) == ["mapping: Input should be a valid dictionary or instance of Mapping"]


def test_a_column_with_a_dot_is_joined_only_when_a_lookup_has_that_name() -> None:
    tables = {
        "deals": DEALS | {"columns": {"org.name": "account_id", "owner": {"to": "owner_id", "join": "people"}}},
        "people": PEOPLE,
    }
    loaded = load(mapping(**tables))
    assert not loaded.is_joined("org.name")
    assert loaded.is_joined("people.team")
