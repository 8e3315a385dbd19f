"""Successive snapshots: what is the same is silent, what differs is an event at the snapshot, the missing are told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from programs.files.memory import Memory
from programs.files.rows import Reread, rows_of
from programs.loads.files import Files, Mode
from topics.events import DealChanged, DealRemoved
from topics.instants import DAY_US, parse_rfc3339, rfc3339
from topics.outcomes import Accepted, Outcome, RawRecord, Silent
from topics.sources.tables import parser
from topics.sources.tables.mapping import MappingError, as_source, load

AT = {"column": "exported", "type": "day", "format": "iso"}
WEEKLY: dict[str, Any] = {
    "kind": "snapshot",
    "file": "deals*.csv",
    "deal": "id",
    "at": AT,
    "columns": {"stage": "stage", "amount": {"to": "amount", "type": "number"}},
}
HEADING = "id,stage,amount,exported"


def mapping(**changes: object) -> dict[str, Any]:
    return {"tenant": "acme", "tables": {"deals": WEEKLY | changes}}


def read(folder: Path, data: dict[str, Any], reread: Reread | None = None) -> list[Outcome]:
    parse = parser(as_source("tables", data))
    rows = rows_of(folder, load(data), reread or Reread())
    return [one for numbered in rows for one in parse(numbered.record)]


def week(folder: Path, day: str, *rows: str, heading: str = HEADING) -> None:
    lines = [heading, *(f"{row},{day}" for row in rows), ""]
    (folder / f"deals_{day}.csv").write_text("\n".join(lines))


def told(outcomes: list[Outcome]) -> list[tuple[str, str, dict[str, Any]]]:
    events = [event for one in outcomes if isinstance(one, Accepted) for event in one.events]
    return [
        (event.key.partition(":")[2], rfc3339(event.at_us)[:10], event.fields if isinstance(event, DealChanged) else {})
        for event in events
    ]


def silent(outcomes: list[Outcome]) -> Counter[str]:
    return Counter(one.reason for one in outcomes if isinstance(one, Silent))


def test_a_row_that_is_the_same_as_the_week_before_is_silent_and_another_is_a_full_record(tmp_path: Path) -> None:
    week(tmp_path, "2024-01-05", "D1,New,5", "D2,New,6")
    week(tmp_path, "2024-01-12", "D2,Won,6", "D1,New,5", "D3,New,1")
    outcomes = read(tmp_path, mapping())
    assert told(outcomes) == [
        ("D1", "2024-01-05", {"stage": "New", "amount": 5.0}),
        ("D2", "2024-01-05", {"stage": "New", "amount": 6.0}),
        ("D2", "2024-01-12", {"stage": "Won", "amount": 6.0}),
        ("D3", "2024-01-12", {"stage": "New", "amount": 1.0}),
    ]
    assert silent(outcomes) == {"unchanged": 1}
    events = [event for one in outcomes if isinstance(one, Accepted) for event in one.events]
    assert all(isinstance(event, DealChanged) and event.full and not event.created for event in events)


@pytest.mark.parametrize(
    ("at", "names"),
    [
        ({"name": r"_(\d{4}-\d{2}-\d{2})", "type": "day", "format": "iso"}, True),
        ({"constant": "2024-01-05", "type": "day", "format": "iso"}, False),
    ],
)
def test_the_date_may_stand_in_the_file_s_name_or_in_the_mapping(
    at: dict[str, str], tmp_path: Path, *, names: bool
) -> None:
    for day, stage in (("2024-01-05", "New"), ("2024-01-12", "Won")):
        (tmp_path / f"deals_{day}.csv").write_text(f"id,stage,amount\nD1,{stage},5\n")
    days = [day for _, day, _ in told(read(tmp_path, mapping(at=at)))]
    assert days == (["2024-01-05", "2024-01-12"] if names else ["2024-01-05", "2024-01-05"])


def test_a_name_that_says_no_date_is_told(tmp_path: Path) -> None:
    (tmp_path / "deals_new.csv").write_text("id,stage,amount\nD1,New,5\n")
    with pytest.raises(ValueError, match="its name does not say the time"):
        read(tmp_path, mapping(at={"name": r"(\d{8})", "type": "day", "format": "%Y%m%d"}))


@pytest.mark.parametrize(
    ("missing", "removed", "reasons"), [("removed", ["D2"], {}), ("kept", [], {"missing_kept": 1}), (None, [], {})]
)
def test_a_deal_that_is_missing_is_removed_or_kept_as_the_mapping_says(
    missing: str | None, removed: list[str], reasons: dict[str, int], tmp_path: Path
) -> None:
    week(tmp_path, "2024-01-05", "D1,New,5", "D2,New,6")
    week(tmp_path, "2024-01-12", "D1,Won,5")
    week(tmp_path, "2024-01-19", "D1,Won,6")  # told once
    outcomes = read(tmp_path, mapping() if missing is None else mapping(missing=missing))
    gone = [
        event for one in outcomes if isinstance(one, Accepted) for event in one.events if isinstance(event, DealRemoved)
    ]
    assert [(event.key.partition(":")[2], rfc3339(event.at_us)[:10]) for event in gone] == [
        (deal, "2024-01-12") for deal in removed
    ]
    assert silent(outcomes) == reasons


def test_a_deal_that_comes_back_is_a_full_record_again(tmp_path: Path) -> None:
    week(tmp_path, "2024-01-05", "D1,New,5", "D2,New,6")
    week(tmp_path, "2024-01-12", "D1,New,5")
    week(tmp_path, "2024-01-19", "D1,New,5", "D2,New,6")
    outcomes = read(tmp_path, mapping(missing="removed"))
    assert [(deal, day) for deal, day, _ in told(outcomes)] == [
        ("D1", "2024-01-05"),
        ("D2", "2024-01-05"),
        ("D2", "2024-01-12"),
        ("D2", "2024-01-19"),
    ]


@pytest.mark.parametrize("bad", ["D2,New", "D2,New,6,never,x", '"D2"x,New,6'])
def test_nobody_is_missing_in_a_snapshot_with_a_row_that_cannot_be_read(bad: str, tmp_path: Path) -> None:
    week(tmp_path, "2024-01-05", "D1,New,5", "D2,New,6")
    week(tmp_path, "2024-01-12", "D1,Won,5", bad)
    outcomes = read(tmp_path, mapping(missing="removed"))
    assert not [one for one in outcomes if isinstance(one, Accepted) and isinstance(one.events[0], DealRemoved)]


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2024-01-02", [("2024-01-02", {"stage": "New"}), ("2024-01-05", {"stage": "New", "amount": 5.0})]),
        ("", [("2024-01-05", {"stage": "New", "amount": 5.0})]),
        ("2024-01-05", [("2024-01-05", {"stage": "New"}), ("2024-01-05", {"stage": "New", "amount": 5.0})]),
        ("2024-02-01", [("2024-01-05", {"stage": "New", "amount": 5.0})]),  # after the snapshot: counted as dirt
    ],
)
def test_a_column_may_say_since_when_the_deal_is_in_its_stage(
    since: str, expected: list[tuple[str, dict[str, Any]]], tmp_path: Path
) -> None:
    week(tmp_path, "2024-01-05", f"D1,New,5,{since}", heading="id,stage,amount,since,exported")
    week(tmp_path, "2024-01-12", f"D1,New,7,{since}", heading="id,stage,amount,since,exported")
    data = mapping(entered={"column": "since", "type": "day", "format": "iso"})
    outcomes = read(tmp_path, data)
    assert [(day, fields) for _, day, fields in told(outcomes)][:-1] == expected
    assert [day for _, day, _ in told(outcomes)][-1] == "2024-01-12"  # another amount says nothing of the stage
    dirt = [one.dirt for one in outcomes if isinstance(one, Accepted)]
    assert (("contradiction.entered",) in dirt) is (since == "2024-02-01")


def test_what_was_compared_is_remembered_for_the_next_load(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.mkdir()
    second.mkdir()
    week(first, "2024-01-05", "D1,New,5", "D2,New,6")
    week(second, "2024-01-12", "D1,New,5")
    memory = Memory(tmp_path / "data" / "memory.sqlite")
    data = mapping(missing="removed")
    assert len(told(read(first, data, Reread(memory)))) == 2
    memory.commit()
    memory.close()
    memory = Memory(tmp_path / "data" / "memory.sqlite")
    outcomes = read(second, data, Reread(memory))
    assert silent(outcomes) == {"unchanged": 1}
    assert told(outcomes) == [("D2", "2024-01-12", {})]
    assert silent(read(first, data, Reread(memory))) == {"older_snapshot": 2}
    assert len(told(read(second, data, Reread(memory, whole=True)))) == 1  # a re-read skips nothing
    memory.close()


def test_a_re_read_is_dated_by_when_it_was_read_and_is_a_full_record(tmp_path: Path) -> None:
    week(tmp_path, "2024-01-05", "D1,New,5")
    source = as_source("tables", mapping())
    memory = Memory(tmp_path / "memory.sqlite")
    at_us = parse_rfc3339("2024-01-06T12:00:00Z")
    files = Files(tmp_path, source, Mode(snapshot=True, read_at_us=at_us))
    ((_, record),) = list(files.rows(memory, 0, lambda _: None))
    (outcome,) = parser(source)(record)
    assert isinstance(outcome, Accepted)
    usual, read_again = outcome.events
    assert isinstance(usual, DealChanged)
    assert isinstance(read_again, DealChanged)
    assert (read_again.at_us, read_again.full, read_again.fields) == (at_us, True, usual.fields)
    assert usual.id != read_again.id
    memory.close()


STAGES = st.sampled_from(["New", "Trial", "Won"])
WEEKS = st.lists(
    st.dictionaries(st.sampled_from(["D1", "D2", "D3"]), st.tuples(STAGES, st.integers(0, 2)), max_size=3),
    min_size=1,
    max_size=5,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(WEEKS, st.integers(0, 12))
def test_every_difference_is_an_event_wherever_the_load_is_interrupted(
    tmp_path: Path, weeks: list[dict[str, tuple[str, int]]], killed_after: int
) -> None:
    for old in tmp_path.glob("*.csv"):
        old.unlink()
    for old in tmp_path.glob("memory.sqlite*"):
        old.unlink()
    days = [rfc3339(parse_rfc3339("2024-01-05T00:00:00Z") + 7 * n * DAY_US)[:10] for n in range(len(weeks))]
    for day, deals in zip(days, weeks, strict=True):
        week(tmp_path, day, *(f"{deal},{stage},{amount}" for deal, (stage, amount) in deals.items()))
    data = mapping(missing="removed")
    parse, form = parser(as_source("tables", data)), load(data)
    memory = Memory(tmp_path / "memory.sqlite")
    written: list[RawRecord] = []
    done = 0
    for numbered in rows_of(tmp_path, form, Reread(memory)):
        if len(written) == killed_after:
            break
        written.append(numbered.record)
        done += numbered.n > 0
        memory.commit()
    else:
        killed_after = -1
    memory.close()
    if killed_after >= 0:  # what was compared for the row that was not written is forgotten with it
        memory = Memory(tmp_path / "memory.sqlite")
        written += [numbered.record for numbered in rows_of(tmp_path, form, Reread(memory, done))]
        memory.close()
    state: dict[str, dict[str, Any]] = {}
    events = [event for record in written for one in parse(record) if isinstance(one, Accepted) for event in one.events]
    for event in sorted(events, key=lambda one: one.order):
        deal = event.key.partition(":")[2]
        if isinstance(event, DealChanged):
            state[deal] = event.fields
        else:
            state.pop(deal, None)
    assert (
        state == {deal: {"stage": stage, "amount": float(amount)} for deal, (stage, amount) in weeks[-1].items()}
        or not weeks[-1]
    )
    assert len({event.id for event in events}) == len(events)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"at": {"column": "a", "name": "(x)", "type": "day", "format": "iso"}}, "one of column, name and constant"),
        ({"at": {"type": "day", "format": "iso"}}, "one of column, name and constant"),
        ({"at": {"name": "x", "type": "day", "format": "iso"}}, "needs one group"),
        ({"at": {"name": "(", "type": "day", "format": "iso"}}, "name '('"),
        ({"at": {"constant": "soon", "type": "day", "format": "iso"}}, "constant: 'soon'"),
        ({"entered": {"constant": "2024-01-01", "type": "day", "format": "iso"}}, "stands in a column"),
        ({"missing": "guess"}, "'removed' or 'kept'"),
        ({"columns": {}}, "no columns"),
    ],
)
def test_a_snapshot_that_cannot_be_meant_is_refused(change: dict[str, Any], what: str) -> None:
    with pytest.raises(MappingError, match=what.replace("(", r"\(")):
        load(mapping(**change))


def test_a_record_keeps_only_what_is_needed_of_a_row_that_is_the_same(tmp_path: Path) -> None:
    week(tmp_path, "2024-01-05", "D1,New,5")
    week(tmp_path, "2024-01-12", "D1,New,5")
    records = [numbered.record for numbered in rows_of(tmp_path, load(mapping()), Reread())]
    assert json.loads(records[1].value or b"") == {"table": "deals", "n": 2, "row": {"id": "D1"}, "against": "same"}
