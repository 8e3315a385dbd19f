"""The three questions, asked of views: which deals count, how each stands, what is missing."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from playbook.model import Playbook
from playbook.spoken import cycle_lines, icp_lines, sql_lines
from signals.questions import Answers, Asked, Group, Question, as_document, quarter_start_us, ratio
from tests.unit.brain_story import PLAYBOOK
from topics.instants import parse_rfc3339, rfc3339
from topics.standing import Answer, Judged

NOW = "2024-05-15T12:00:00Z"
MET, NOT_MET, UNKNOWN = Answer.MET, Answer.NOT_MET, Answer.UNKNOWN
OPEN: dict[str, Any] = {"deal_id": "D1", "outcome": "open", "created_at": "2024-05-01T00:00:00Z", "cycle_days": 20.0}


def asked(*deals: dict[str, Any], by: tuple[Group, ...] = (), starts: int = 1) -> Answers:
    answers = Answers(parse_rfc3339(NOW), starts, by, deals=True)
    for one in deals:
        answers.take(Asked(**{**OPEN, **one}))
    return answers


ROWS: list[tuple[str, dict[str, Any], Question, Answer | None, str]] = [
    ("SQL criteria that hold", {"sql": Judged(MET)}, Question.SQL_CRITERIA, MET, ""),
    ("one that does not", {"sql": Judged(NOT_MET, ("need",))}, Question.SQL_CRITERIA, NOT_MET, "not: need"),
    (
        "one that does not, one that is unknown",
        {"sql": Judged(NOT_MET, ("need",), ("budget",))},
        Question.SQL_CRITERIA,
        NOT_MET,
        "not: need; unknown: budget",
    ),
    ("an open deal before SQL is not asked", {}, Question.SQL_CRITERIA, None, ""),
    ("a closed deal is not asked for SQL", {"outcome": "won", "sql": Judged(MET)}, Question.SQL_CRITERIA, None, ""),
    ("an open deal's ICP", {"icp": Judged(UNKNOWN, (), ("size",))}, Question.ICP_ADHERENCE, UNKNOWN, "unknown: size"),
    (
        "one that closed in the first instant of the quarter",
        {"outcome": "lost", "icp": Judged(MET), "ended_at": "2024-04-01T00:00:00Z"},
        Question.ICP_ADHERENCE,
        MET,
        "",
    ),
    (
        "one that closed a moment before",
        {"outcome": "won", "icp": Judged(MET), "ended_at": "2024-03-31T23:59:59.999999Z"},
        Question.ICP_ADHERENCE,
        None,
        "",
    ),
    (
        "one that was removed",
        {"outcome": "removed", "icp": Judged(MET), "ended_at": "2024-05-01T00:00:00Z"},
        Question.ICP_ADHERENCE,
        None,
        "",
    ),
    ("no ICP criteria", {}, Question.ICP_ADHERENCE, None, ""),
    ("inside the corridor", {}, Question.CYCLE, MET, "14.5 of 20 days"),
    ("past it", {"over_cycle": True}, Question.CYCLE, NOT_MET, "14.5 of 20 days"),
    ("no corridor", {"cycle_days": None}, Question.CYCLE, UNKNOWN, "no corridor for this segment"),
    ("no date to count from", {"created_at": ""}, Question.CYCLE, UNKNOWN, "nobody knows when it was created"),
    ("a closed deal has no cycle to keep", {"outcome": "won", "over_cycle": True}, Question.CYCLE, None, ""),
    ("a deal whose stage nobody defined counts nowhere", {"outcome": ""}, Question.CYCLE, None, ""),
]


@pytest.mark.parametrize(("deal", "question", "answer", "why"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_how_a_deal_stands(deal: dict[str, Any], question: Question, answer: Answer | None, why: str) -> None:
    answers = asked(deal)
    assert answers.totals[question] == Counter([] if answer is None else [answer])
    assert [(one.answer, one.why) for one in answers.behind_of(question)] == ([] if answer is None else [(answer, why)])


def test_numbers_are_told_apart_and_add_up() -> None:
    deals = [
        {"team": "South", "sql": Judged(MET)},
        {"team": "South", "sql": Judged(NOT_MET, ("need",))},
        {"team": "North", "sql": Judged(MET)},
        {"team": "", "sql": Judged(UNKNOWN, (), ("need",))},
    ]
    answers = asked(*deals, by=(Group.TEAM,))
    assert answers.totals[Question.SQL_CRITERIA] == Counter({MET: 2, NOT_MET: 1, UNKNOWN: 1})
    assert answers.of(Question.SQL_CRITERIA, Group.TEAM) == [
        ("", Counter({UNKNOWN: 1})),
        ("North", Counter({MET: 1})),
        ("South", Counter({MET: 1, NOT_MET: 1})),
    ]
    assert [one.answer for one in answers.behind_of(Question.SQL_CRITERIA)] == [NOT_MET, UNKNOWN, MET, MET]


def test_unknown_is_beside_the_share_and_never_in_it() -> None:
    assert ratio(Counter({MET: 1, NOT_MET: 3, UNKNOWN: 96})) == 0.25
    assert ratio(Counter({UNKNOWN: 5})) is None


@pytest.mark.parametrize(
    ("now", "starts", "quarter"),
    [
        ("2024-05-15T12:00:00Z", 1, "2024-04-01T00:00:00Z"),
        ("2024-04-01T00:00:00Z", 1, "2024-04-01T00:00:00Z"),
        ("2024-03-31T23:59:59.999999Z", 1, "2024-01-01T00:00:00Z"),
        ("2024-05-15T12:00:00Z", 2, "2024-05-01T00:00:00Z"),
        ("2024-01-15T00:00:00Z", 2, "2023-11-01T00:00:00Z"),
        ("2024-01-15T00:00:00Z", 12, "2023-12-01T00:00:00Z"),
    ],
)
def test_the_quarter_is_the_fiscal_one(now: str, starts: int, quarter: str) -> None:
    assert rfc3339(quarter_start_us(parse_rfc3339(now), starts)) == quarter


def test_the_document_has_every_number_and_the_deals_behind_it() -> None:
    answers = asked({"team": "South", "sql": Judged(NOT_MET, ("need",)), "playbook": "v1"}, by=(Group.TEAM,))
    document: dict[str, Any] = as_document(answers, {question: [question.value] for question in Question})
    said = document["questions"]["sql_criteria"]
    assert (document["as_of"], document["playbooks"], said["definition"]) == (NOW, {"v1": 1}, ["sql_criteria"])
    assert {name: said[name] for name in ("met", "not_met", "unknown", "n", "ratio")} == {
        "met": 0,
        "not_met": 1,
        "unknown": 0,
        "n": 1,
        "ratio": 0.0,
    }
    assert said["by"] == {"team": [{"team": "South", "met": 0, "not_met": 1, "unknown": 0, "n": 1, "ratio": 0.0}]}
    assert [(one["deal_id"], one["why"]) for one in said["deals"]] == [("D1", "not: need")]


def test_definitions_are_said_as_the_playbook_has_them() -> None:
    playbook = Playbook.model_validate(PLAYBOOK)
    assert sql_lines(playbook) == ["open deals in Demo (Sales) or later: budget, need all true"]
    assert icp_lines(playbook) == ["worth it: amount >= 100"]
    assert cycle_lines(playbook) == [
        "big (amount >= 1000): 20 days",
        "small (amount < 1000): 8 days",
        "of no segment: the 90% quantile of won cycles, where one was learned",
    ]


def test_definitions_that_are_not_there_are_said_not_to_be() -> None:
    bare = Playbook.model_validate({**PLAYBOOK, "sql": {}, "icp": [], "segments": [{"name": "all"}]})
    off = bare.model_validate({**PLAYBOOK, "signals": {"cycle_exceeded": {"enabled": False}}})
    assert sql_lines(bare) == ["the playbook names no SQL fields"]
    assert icp_lines(bare) == ["the playbook names no ICP criteria"]
    assert cycle_lines(bare) == [
        "all (every other deal): the 90% quantile of won cycles, where one was learned",
    ]
    assert cycle_lines(off) == ["cycle_exceeded is switched off"]
