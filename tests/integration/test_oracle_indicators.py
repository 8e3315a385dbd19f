"""The indicators against DuckDB queries over the raw records of a random run, as the signals are (`oracles/`).

The queries share no code with standings, sums or passages; and each comparison fails when a definition is another.
"""

# ruff: noqa: S608 -- the queries are put together from constants of this file and the oracles
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from signals.emit import view_of
from signals.indicators import CellSums, Totals
from signals.questions import Answers, Asked, Group, Question
from signals.replay import Replayed, replay
from signals.rules import Rules
from signals.standing import standing_of
from tests.integration.test_oracle_signals import (
    OPTIONS,
    ORACLES,
    UNTIL_US,
    Doc,
    Run,
    document,
    rules_of,
    simulated,
)
from topics.codec import decoder, encode
from topics.indicators import WINDOW_DAYS
from topics.instants import DAY_US
from topics.standing import Answer

MET, NOT_MET, UNKNOWN = Answer.MET, Answer.NOT_MET, Answer.UNKNOWN
Parts = Counter[tuple[Any, ...]]
_asked = decoder(Asked)

#: `last`: the last state of each deal that was not removed, with the segment of its amount and how it stands to SQL.
LAST = """
CREATE TABLE last AS WITH boxes AS (
    SELECT *, [budget, authority, need, timeline] AS asked FROM state
    WHERE deal NOT IN (SELECT deal FROM removal)
    QUALIFY n = max(n) OVER (PARTITION BY deal)
)
SELECT *, (SELECT max(least) FROM segment WHERE coalesce(amount, 0) >= least) AS least,
           (SELECT corridor FROM segment WHERE coalesce(amount, 0) >= segment.least ORDER BY segment.least DESC LIMIT 1)
               AS corridor,
           CASE WHEN list_bool_or([f IS NOT NULL AND coalesce(f.v, '') <> 'true' FOR f IN asked]) THEN 'not_met'
                WHEN list_bool_or([f IS NULL FOR f IN asked]) THEN 'unknown' ELSE 'met' END AS sql
FROM boxes
"""
SQL_CRITERIA = "SELECT least, sql, count(*) FROM last WHERE is_sql GROUP BY ALL"
CYCLES = """
SELECT least, CASE WHEN $until > created + corridor THEN 'not_met' ELSE 'met' END, count(*)
FROM last WHERE is_open GROUP BY ALL"""
MONEY = "SELECT least, count(*), coalesce(sum(round(amount * 100)), 0)::BIGINT FROM last WHERE is_open GROUP BY ALL"
KEPT = """
WITH reached AS (SELECT deal, min(at_us) AS at_us FROM entry WHERE is_sql GROUP BY deal)
SELECT least, CASE WHEN NOT is_open THEN 'met' WHEN NOT is_sql THEN 'not_met' ELSE sql END, count(*)
FROM last JOIN reached USING (deal)
WHERE reached.at_us // $day >= $until // $day - $window GROUP BY ALL"""
#: Up to what was found at each gate, the text of the oracle of `gate_violated`.
GATES = (
    (ORACLES / "gate_violated.sql").read_text().split("), failed AS")[0]
    + """)
SELECT e.stage,
       CASE WHEN list_contains(then_ok, FALSE) THEN 'not_met'
            WHEN list_bool_or([ok IS NULL FOR ok IN then_ok]) THEN 'unknown' ELSE 'met' END, count(*)
FROM judged_once j JOIN entry e USING (deal, n)
WHERE len(then_ok) > 0 AND deal NOT IN (SELECT deal FROM removal) AND j.gate < getvariable('horizon')
  AND e.at_us // $day >= $until // $day - $window
GROUP BY ALL"""
)


#: A run at whose end two deals are past their corridor by less than a day, so that one day more is seen.
SEED = 22


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    made = simulated(tmp_path_factory.mktemp("indicators"), OPTIONS._replace(seed=SEED))
    made.oracles.execute(LAST)
    return made


@pytest.fixture(scope="module")
def judged(run: Run) -> Replayed:
    return replay(run.parsed, rules_of(document()), UNTIL_US)


@pytest.fixture(scope="module")
def mutant(run: Run) -> tuple[Rules, Replayed]:
    """The same run by definitions that differ from the oracle's in one unit each."""
    doc = document()
    doc["sql"]["fields"].remove("authority_confirmed")
    for segment in doc["segments"]:
        segment["cycle_days"] += 1
    doc["pipelines"][0]["stages"][2]["entry"][0]["when"] = "authority_confirmed == false"
    rules = rules_of(doc)
    return rules, replay(run.parsed, rules, UNTIL_US)


def ask(run: Run, query: str, window: int = WINDOW_DAYS, until_us: int = UNTIL_US) -> Parts:
    """The counts of a query: (part, answer) -> number."""
    known = {"until": until_us, "day": DAY_US, "window": window}
    given = {name: value for name, value in known.items() if f"${name}" in query}
    return Counter({(row[0], row[1]): row[2] for row in run.oracles.execute(query, given).fetchall()})


def totals_of(rules: Rules, result: Replayed, at_us: int = UNTIL_US) -> Totals:
    totals = Totals(at_us)
    for watch in result.watches.values():
        totals.change(None, standing_of(rules, watch))
    return totals


def least_of(doc: Doc) -> dict[str, float]:
    """The segments by the amount from which on they count."""
    return {one["name"]: float(one["when"].split()[-1]) if "when" in one else 0.0 for one in doc["segments"]}


def by_segment(totals: Totals, what: str) -> Parts:
    found: Parts = Counter()
    for cell, sums in totals.cells.items():
        for key, count in getattr(sums, what).items():
            answer = key[1] if isinstance(key, tuple) else key
            found[least_of(document())[cell.segment], answer.value] += count
    return found


def summed(totals: Totals, what: Callable[[CellSums], int]) -> dict[float, int]:
    """One number of all cells of each segment, that of every team; without those where it is nothing."""
    found: Counter[float] = Counter()
    for cell, sums in totals.cells.items():
        found[least_of(document())[cell.segment]] += what(sums)
    return dict(+found)


def by_stage(totals: Totals) -> Parts:
    found: Parts = Counter()
    for gate, daily in totals.gates.items():
        for (_, answer), count in daily.items():
            found[gate.stage, answer.value] += count
    return found


def answered(rules: Rules, result: Replayed, question: Question) -> Parts:
    """The answer of `signals status`, read from the views as it reads them."""
    answers = Answers(UNTIL_US, 1, [Group.SEGMENT])
    for watch in result.watches.values():
        answers.take(_asked(encode(view_of(rules, watch))))
    least = least_of(document())
    parts = answers.of(question, Group.SEGMENT)
    return Counter({(least[name], answer.value): n for name, count in parts for answer, n in count.items()})


def test_sql_criteria_are_met_as_the_query_has_it(run: Run, judged: Replayed) -> None:
    rules, expected = rules_of(document()), ask(run, SQL_CRITERIA)
    assert expected.total() > 20
    assert {answer for _, answer in expected} >= {"met", "not_met"}
    assert by_segment(totals_of(rules, judged), "sql") == expected
    assert answered(rules, judged, Question.SQL_CRITERIA) == expected


def test_deals_past_their_cycle_are_those_of_the_query(run: Run, judged: Replayed) -> None:
    rules, expected = rules_of(document()), ask(run, CYCLES)
    assert {answer for _, answer in expected} == {"met", "not_met"}
    assert answered(rules, judged, Question.CYCLE) == expected
    over = summed(totals_of(rules, judged), lambda one: one.over_cycle)
    assert over == {least: n for (least, answer), n in expected.items() if answer == "not_met"}


def test_open_deals_and_their_worth_are_those_of_the_query(run: Run, judged: Replayed) -> None:
    totals = totals_of(rules_of(document()), judged)
    deals, cents = summed(totals, lambda one: one.open_deals), summed(totals, lambda one: one.cents.total())
    found = {(least, count, cents[least]) for least, count in deals.items()}
    assert found == set(run.oracles.execute(MONEY).fetchall())


#: T moves on day by day, and the window with it: each day that leaves it is seen.
DAYS_ON = [UNTIL_US + days * DAY_US for days in range(0, 60, 8)]


def test_deals_that_reached_sql_kept_to_it_as_the_query_has_it(run: Run, judged: Replayed) -> None:
    rules = rules_of(document())
    expected = [ask(run, KEPT, until_us=at_us) for at_us in DAYS_ON]
    assert {answer for _, answer in expected[0]} >= {"met", "not_met"}
    assert [by_segment(totals_of(rules, judged, at_us), "kept_sql") for at_us in DAYS_ON] == expected
    for window in (WINDOW_DAYS - 1, WINDOW_DAYS + 1):
        assert [ask(run, KEPT, window, at_us) for at_us in DAYS_ON] != expected


def test_entries_passed_their_gates_as_the_query_has_it(run: Run, judged: Replayed) -> None:
    rules = rules_of(document())
    expected = [ask(run, GATES, until_us=at_us) for at_us in DAYS_ON]
    assert {answer for _, answer in expected[0]} == {"met", "not_met", "unknown"}
    assert [by_stage(totals_of(rules, judged, at_us)) for at_us in DAYS_ON] == expected
    for window in (WINDOW_DAYS - 1, WINDOW_DAYS + 1):
        assert [ask(run, GATES, window, at_us) for at_us in DAYS_ON] != expected


def test_each_comparison_sees_a_definition_that_is_off_by_one(run: Run, mutant: tuple[Rules, Replayed]) -> None:
    totals = totals_of(*mutant)
    assert by_segment(totals, "sql") != ask(run, SQL_CRITERIA)
    assert by_segment(totals, "kept_sql") != ask(run, KEPT)
    assert by_stage(totals) != ask(run, GATES)
    assert answered(*mutant, Question.CYCLE) != ask(run, CYCLES)
