"""The benchmark's verdicts: a table that says "pass" must mean it."""

from __future__ import annotations

import pytest

from bench.parts import PARTS, Goal, compared
from bench.race import Result, ratio
from bench.table import Line, Row, Verdict, judged, markdown, plain, reported


def result(name: str, walls: tuple[float, ...], cpus: tuple[float, ...], failed: str = "") -> Result:
    return Result(name, walls[0] if walls else 0.0, cpus[0] if cpus else 0.0, walls, cpus, failed=failed)


def test_a_ratio_is_formed_within_each_round_before_the_median_is_taken() -> None:
    # the second round ran on a busy machine: both were slow
    assert ratio([100.0, 10.0, 90.0], [50.0, 5.0, 30.0]) == 2.0


@pytest.mark.parametrize(
    ("crowded", "verdict"),
    [(False, Verdict.SHORT), (True, Verdict.PASS)],
    ids=["a quiet machine is judged by the wall", "a crowded one by processor time"],
)
def test_what_a_comparison_is_judged_by(crowded: bool, verdict: Verdict) -> None:  # noqa: FBT001 - a column of the table
    results = {"a": result("a", (10.0,), (30.0,)), "b": result("b", (10.0,), (10.0,))}
    assert compared(results, Goal("a", "b", 2.0), crowded=crowded).verdict is verdict


def test_a_contender_that_failed_fails_the_comparison_with_its_reason() -> None:
    results = {"a": result("a", (10.0,), (10.0,)), "b": result("b", (), (), failed="no such broker")}
    found = compared(results, Goal("a", "b", 2.0), crowded=False)
    assert found.verdict is Verdict.FAILED
    assert "no such broker" in found.figure


def test_a_contender_that_did_not_run_is_no_pass() -> None:
    assert compared({}, Goal("a", "b", 2.0), crowded=False).verdict is Verdict.REPORTED


def test_every_line_stands_in_the_table_and_each_part_says_once_how_to_show_it_alone() -> None:
    rows = [
        Row(Line("speed", "fast"), judged("slow", good=False), "make one"),
        Row(Line("size", "small"), judged("tiny", good=True), "make one"),
        Row(Line("colour", ""), reported("a | b"), "make two"),
    ]
    text = plain(rows).splitlines()
    assert [line.split()[0] for line in text] == ["what", "speed", "size", "alone:", "colour", "alone:"]
    assert "falls short" in text[1]
    assert "pass" in text[2]
    table = markdown(rows).splitlines()
    assert len(table) == 2 + len(rows)
    assert {line.count(" | ") for line in table[2:]} == {4}


def test_every_line_of_the_promise_has_a_part() -> None:
    said = " ".join(line.what for part in PARTS for line in part.lines)
    for promised in ("step", "replay", "Faust", "Quix", "Kafka Streams", "bare", "1,000,000", "tick", "p99", "killed"):
        assert promised in said
    assert len({part.name for part in PARTS}) == len(PARTS)
