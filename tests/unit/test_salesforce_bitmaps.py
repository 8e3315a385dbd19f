"""Bitmaps of field names, by the documented rule and its documented vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topics.sources.refusals import RefusedError
from topics.sources.salesforce.bitmaps import field_names, resolver

VECTORS = Path(__file__).parents[2].parent / "shared" / "payloads" / "salesforce" / "bitmap_vectors.json"
FIELDS = tuple(f"Field{n}" for n in range(70))
SCHEMAS = {"Thing": FIELDS, "Thing.Field4": ("Street", "City")}

CASES: list[tuple[str, list[str], list[str]]] = [
    ("the lowest bit is field 0", ["0x1"], ["Field0"]),
    ("zeroes in front change nothing", ["0x0002"], ["Field1"]),
    ("no bit, no field", ["0x0"], []),
    ("bits beyond a machine word", ["0x200000000000000000"], ["Field69"]),
    ("upper and lower case", ["0xaA"], ["Field1", "Field3", "Field5", "Field7"]),
    ("parts by the schema of the compound field", ["4-0x03"], ["Field4.Street", "Field4.City"]),
    ("a part that the schema lacks keeps its number", ["4-0x04"], ["Field4.2"]),
    ("parts of a field without a schema keep their number", ["5-0x2"], ["Field5.1"]),
    ("names stay names", ["Name", "Name.First"], ["Name", "Name.First"]),
    ("twice is once", ["0x2", "Field1"], ["Field1"]),
    ("what only looks like a bitmap is a name", ["0xZZ", "x0x1"], ["0xZZ", "x0x1"]),
]


@pytest.mark.parametrize(("items", "names"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_bits_count_the_fields_of_the_schema(items: list[str], names: list[str]) -> None:
    assert list(field_names(items, "Thing", SCHEMAS)) == names


@pytest.mark.parametrize(
    ("entity", "item", "reason"),
    [
        ("Thing", "0x400000000000000000", "bitmap_beyond_schema"),
        ("Thing", "70-0x1", "bitmap_beyond_schema"),
        ("Other", "0x1", "bitmap_without_schema"),
        ("Other", "1-0x1", "bitmap_without_schema"),
    ],
)
def test_a_bit_without_a_field_is_refused(entity: str, item: str, reason: str) -> None:
    with pytest.raises(RefusedError) as refused:
        field_names([item], entity, SCHEMAS)
    assert refused.value.reason == reason


@settings(deadline=None)
@given(st.sets(st.integers(0, len(FIELDS) - 1)))
def test_any_set_of_fields_survives_its_bitmap(fields: set[int]) -> None:
    bitmap = f"0x{sum(1 << field for field in fields):X}"
    assert set(field_names([bitmap], "Thing", SCHEMAS)) == {FIELDS[field] for field in fields}


def test_the_resolver_knows_whole_fields_from_parts() -> None:
    named = resolver(SCHEMAS)
    assert named("Thing", ("0x2", "4-0x1")) == (("Field1", "Field1", ""), ("Field4.Street", "Field4", "Street"))
    long = tuple(f"Name{n}" for n in range(100))
    assert named("Thing", long) == tuple((name, name, "") for name in long)


def _documented() -> list[tuple[str, list[str], list[str], dict[str, tuple[str, ...]]]]:
    """Each vector as (entity, items, expected names, schemas)."""
    if not VECTORS.is_file():
        return []
    document: dict[str, Any] = json.loads(VECTORS.read_text())
    schemas = {name: tuple(document[f"field_order_{name}"]) for name in ("account_60", "account_61", "lead_60")}
    schemas["opportunity_55"] = tuple(document["field_order_opportunity_55"])
    ours = document["derived_by_us_same_rule_opportunity"]
    vectors = [*document["documented"], *({**vector, "schema": "opportunity_55"} for vector in ours)]
    return [
        (vector["schema"], vector.get("changedFields") or vector["diffFields"], vector["expect"], schemas)
        for vector in vectors
    ]


@pytest.mark.skipif(not VECTORS.is_file(), reason="the shared payloads lie beside the checkout; they are not here")
def test_the_documented_vectors() -> None:
    vectors = _documented()
    assert len(vectors) >= 10
    for entity, items, expected, schemas in vectors:
        assert list(field_names(items, entity, schemas)) == expected, (entity, items)
