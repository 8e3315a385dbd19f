"""What the settings say of a CRM's fields: names, types, choices, and names that are given away."""

from __future__ import annotations

import pytest

from topics.sources.declared_fields import FieldTypeError, Meaning, declared, misdeclared
from topics.sources.field_values import number
from topics.sources.hubspot.values import READERS, text

DEFAULT = {"amount": Meaning("amount", number), "name": Meaning("name", text), "off": None}


def read(fields: dict[str, str], theirs: str, value: object, entity: str = "") -> object:
    meaning = declared(fields, entity, DEFAULT, READERS)[theirs]
    return None if meaning is None else (meaning.name, meaning.read(theirs, value))


@pytest.mark.parametrize(
    ("ours", "value", "expected"),
    [
        ("seats", "7", ("seats", "7")),
        ("seats:number", "7", ("seats", 7.0)),
        ("seats:bool", "true", ("seats", True)),
        ("seats:day", "1711843200000", ("seats", "2024-03-31")),
        ("seats:time", "1704103200000", ("seats", 1_704_103_200_000_000)),
        ("seats:text", "7", ("seats", "7")),
        ("amount", "7", ("amount", 7.0)),  # what our name is elsewhere
        ("seats:bool=Yes|Ja", "Ja", ("seats", True)),
        ("seats:bool=Yes|Ja", "ja", ("seats", False)),
        ("seats:bool=Yes", "", ("seats", None)),
        ("seats:bool=17", 17, ("seats", True)),
        ("", "7", None),
    ],
)
def test_a_line_says_name_and_type(ours: str, value: object, expected: object) -> None:
    assert read({"theirs": ours}, "theirs", value) == expected


def test_a_field_keeps_its_own_type_under_another_name() -> None:
    assert read({"amount": "arr"}, "amount", "7") == ("arr", 7.0)


def test_a_name_that_was_given_away_is_nobody_elses() -> None:
    table = declared({"arr": "amount"}, "", DEFAULT, READERS)
    assert "amount" not in table
    assert table["off"] is None
    assert table["name"] == DEFAULT["name"]


def test_the_entity_stands_before_the_name() -> None:
    fields = {"company.tier": "tier", "tier": "deal_tier"}
    assert read(fields, "tier", "A", "company") == ("tier", "A")
    assert read(fields, "tier", "A") == ("deal_tier", "A")
    assert "tier" not in declared({"company.tier": "tier"}, "", DEFAULT, READERS)


@pytest.mark.parametrize("ours", ["seats:integer", "seats:", "seats:number=7", "seats:bool=", "seats:bool:x"])
def test_a_type_that_there_is_not(ours: str) -> None:
    with pytest.raises(FieldTypeError):
        declared({"theirs": ours}, "", DEFAULT, READERS)
    ((theirs, why),) = misdeclared({"theirs": ours, "fine": "fine:day"})
    assert theirs == "theirs"
    assert "bool" in why
