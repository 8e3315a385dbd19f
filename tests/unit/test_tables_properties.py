"""Whatever bytes and cells arrive: one outcome per row, never an exception; and a row means the same every time."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from topics.events import DealChanged
from topics.outcomes import Accepted, RawRecord
from topics.sources import tables
from topics.sources.tables.mapping import as_source

DAY = {"type": "day", "format": "iso"}
SOURCE = as_source(
    "tables",
    {
        "tenant": "acme",
        "tables": {
            "deals": {
                "kind": "milestones",
                "file": "deals.csv",
                "deal": "id",
                "columns": {"stage": "stage", "value": {"to": "amount", "type": "number"}},
                "milestones": [
                    {"stage": "Open", "at": {"column": "opened", **DAY}},
                    {"stage": "Trial", "at": {"column": "tried", **DAY}},
                    {"stage": ["Won", "Lost"], "at": {"column": "closed", **DAY}, "reveals": ["value"]},
                ],
            }
        },
    },
)
PARSE = tables.parser(SOURCE)

DAYS = st.dates().map(str) | st.sampled_from(["", "2017-01-01", "2017-01-02", "soon"])
ROWS = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["", "D1", "D2"]),
        "stage": st.sampled_from(["New", "Open", "Trial", "Won", "Lost", ""]) | st.text(max_size=5),
        "value": st.integers().map(str) | st.text(max_size=5),
        "opened": DAYS,
        "tried": DAYS,
        "closed": DAYS,
    }
)


def record(row: dict[str, str], n: int) -> RawRecord:
    return RawRecord(None, json.dumps({"table": "deals", "n": n, "row": row}).encode())


@given(st.binary(max_size=200))
def test_any_bytes_have_one_outcome(value: bytes) -> None:
    assert len(PARSE(RawRecord(None, value))) == 1


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.dictionaries(st.text(), c)))
def test_any_json_has_one_outcome(value: object) -> None:
    wrapped = {"table": "deals", "n": 1, "row": value}
    assert [len(PARSE(RawRecord(None, json.dumps(one).encode()))) for one in (value, wrapped)] == [1, 1]


@given(ROWS, st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_row_of_any_cells_has_one_outcome_that_does_not_depend_on_its_place(
    row: dict[str, str], n: int, m: int
) -> None:
    (here,), (there,) = PARSE(record(row, n)), PARSE(record(row, m))
    assert type(here) is type(there)
    if isinstance(here, Accepted) and isinstance(there, Accepted):
        assert [event.id for event in here.events] == [event.id for event in there.events]


@given(ROWS)
def test_folded_in_order_a_row_ends_with_what_it_says(row: dict[str, str]) -> None:
    (one,) = PARSE(record(row, 1))
    if not isinstance(one, Accepted):
        return
    last = max(one.events, key=lambda event: event.order)
    assert isinstance(last, DealChanged)
    assert last.fields["stage"] == (row["stage"].strip() or None)
    assert last.undated == (one.silent == "undated")
