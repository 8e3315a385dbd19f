"""The three questions that any leader must be able to answer in two minutes, asked of the deals' views.

1. What share of the pipeline meets the SQL criteria now: the open deals at or past SQL.
2. What is ICP adherence this quarter: the deals that were open at some time in the fiscal quarter, on the values that
   they have now, or had when they closed.
3. How many open deals have exceeded the longest cycle of their segment.

Each deal stands to each question with one answer: met, not met or unknown. A share is met / (met + not met), and what
is unknown stands beside it (law 13).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple

import msgspec

from topics.instants import from_us, parse_rfc3339, rfc3339, to_us
from topics.standing import Answer, Judged

#: Months of a fiscal quarter.
QUARTER = 3


class Question(StrEnum):
    """What is asked."""

    SQL_CRITERIA = "sql_criteria"
    ICP_ADHERENCE = "icp_adherence"
    CYCLE = "cycle"


#: As a leader asks them.
WORDS = {
    Question.SQL_CRITERIA: "What share of the pipeline meets the SQL criteria now?",
    Question.ICP_ADHERENCE: "What is ICP adherence this quarter?",
    Question.CYCLE: "How many open deals have exceeded the maximum cycle of their segment?",
}


class Group(StrEnum):
    """By what a number can be told apart."""

    PIPELINE = "pipeline"
    SEGMENT = "segment"
    TEAM = "team"
    OWNER = "owner"
    STAGE = "stage"


class Asked(msgspec.Struct, frozen=True, gc=False):
    """What the questions need of a deal's view (`topics.views.DealView`), read from the same bytes."""

    deal_id: str
    name: str = ""
    owner: str = ""
    team: str = ""
    pipeline: str = ""
    stage: str = ""
    segment: str = ""
    outcome: str = ""
    amount: float | None = None
    currency: str = ""
    created_at: str = ""
    ended_at: str = ""
    sql: Judged | None = None
    icp: Judged | None = None
    cycle_days: float | None = None
    over_cycle: bool = False
    suspect: bool = False
    as_of: str = ""
    playbook: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it is neither won nor lost."""
        return self.outcome == "open"


class Behind(NamedTuple):
    """A deal behind a number: how it stands to the question, and what is missing for another answer."""

    question: Question
    answer: Answer
    deal: Asked
    why: str


class Answers:
    """The answers over some deals, as of an instant.

    `by`: by what the numbers are told apart. `behind`: the deals behind them, kept only where they are wanted.
    """

    def __init__(self, at_us: int, fiscal_year_starts: int, by: Iterable[Group] = (), *, deals: bool = False) -> None:
        self.at_us = at_us
        self.quarter_us = quarter_start_us(at_us, fiscal_year_starts)
        self.by = tuple(by)
        self.deals = self.open_deals = self.suspect = 0
        self.playbooks: Counter[str] = Counter()
        self.totals: dict[Question, Counter[Answer]] = {question: Counter() for question in Question}
        self.parts: dict[tuple[Question, Group, str], Counter[Answer]] = {}
        self.behind: list[Behind] = []
        self._keeps = deals

    def take(self, deal: Asked) -> None:
        """One deal more."""
        self.deals += 1
        self.open_deals += deal.is_open
        self.suspect += deal.is_open and deal.suspect
        self.playbooks[deal.playbook] += 1
        for question, answer, why in self._stands(deal):
            self.totals[question][answer] += 1
            for group in self.by:
                self.parts.setdefault((question, group, getattr(deal, group.value)), Counter())[answer] += 1
            if self._keeps:
                self.behind.append(Behind(question, answer, deal, why))

    def of(self, question: Question, group: Group) -> list[tuple[str, Counter[Answer]]]:
        """The parts of a number, by name."""
        parts = [(name, count) for (asked, by, name), count in self.parts.items() if (asked, by) == (question, group)]
        return sorted(parts, key=itemgetter(0))

    def behind_of(self, question: Question) -> list[Behind]:
        """The deals behind a number: those that are not met first, then by name of the team and the owner."""
        order = {Answer.NOT_MET: 0, Answer.UNKNOWN: 1, Answer.MET: 2}
        mine = [one for one in self.behind if one.question is question]
        return sorted(mine, key=lambda one: (order[one.answer], one.deal.team, one.deal.owner, one.deal.deal_id))

    def _stands(self, deal: Asked) -> Iterator[tuple[Question, Answer, str]]:
        if deal.is_open and deal.sql is not None:
            yield Question.SQL_CRITERIA, deal.sql.answer, missing(deal.sql)
        if deal.icp is not None and self._was_open_in_quarter(deal):
            yield Question.ICP_ADHERENCE, deal.icp.answer, missing(deal.icp)
        if deal.is_open:
            yield Question.CYCLE, *_cycle(deal, self.at_us)

    def _was_open_in_quarter(self, deal: Asked) -> bool:
        if deal.is_open:
            return True
        closed = deal.outcome in {"won", "lost"} and bool(deal.ended_at)
        return closed and parse_rfc3339(deal.ended_at) >= self.quarter_us


def ratio(answers: Mapping[Answer, int]) -> float | None:
    """Met of met and not met; None where nothing could be judged."""
    met, not_met = answers.get(Answer.MET, 0), answers.get(Answer.NOT_MET, 0)
    return met / (met + not_met) if met + not_met else None


def missing(judged: Judged) -> str:
    """What does not hold, and what is not known."""
    failed = f"not: {', '.join(judged.failed)}" if judged.failed else ""
    unknown = f"unknown: {', '.join(judged.unknown)}" if judged.unknown else ""
    return "; ".join(filter(None, (failed, unknown)))


def _cycle(deal: Asked, at_us: int) -> tuple[Answer, str]:
    """Inside its corridor (met), past it (not met), or without a corridor or a date to count from."""
    if deal.over_cycle:
        return Answer.NOT_MET, _age(deal, at_us)
    if deal.cycle_days is None:
        return Answer.UNKNOWN, "no corridor for this segment"
    if not deal.created_at:
        return Answer.UNKNOWN, "nobody knows when it was created"
    return Answer.MET, _age(deal, at_us)


def _age(deal: Asked, at_us: int) -> str:
    if not deal.created_at:
        return ""
    days = (at_us - parse_rfc3339(deal.created_at)) / 86_400_000_000
    of_days = "" if deal.cycle_days is None else f" of {deal.cycle_days:g}"
    return f"{days:.1f}{of_days} days"


def quarter_start_us(at_us: int, fiscal_year_starts: int) -> int:
    """The first instant (UTC) of the fiscal quarter of an instant. `fiscal_year_starts`: the month, 1 to 12."""
    moment = from_us(at_us)
    past = (moment.month - fiscal_year_starts) % QUARTER
    year, month = divmod(moment.year * 12 + moment.month - 1 - past, 12)
    return to_us(datetime(year, month + 1, 1, tzinfo=moment.tzinfo))


def as_document(answers: Answers, definitions: Mapping[Question, list[str]]) -> dict[str, object]:
    """The answers as JSON."""
    return {
        "as_of": rfc3339(answers.at_us),
        "quarter_from": rfc3339(answers.quarter_us),
        "deals": answers.deals,
        "open_deals": answers.open_deals,
        "suspect_deals": answers.suspect,
        "playbooks": dict(answers.playbooks),
        "questions": {
            question.value: {
                "question": WORDS[question],
                "definition": definitions[question],
                **_numbers(answers.totals[question]),
                "by": {
                    group.value: [{group.value: name, **_numbers(count)} for name, count in answers.of(question, group)]
                    for group in answers.by
                },
                "deals": [_line(one) for one in answers.behind_of(question)],
            }
            for question in Question
        },
    }


def _numbers(answers: Counter[Answer]) -> dict[str, object]:
    met, not_met = answers[Answer.MET], answers[Answer.NOT_MET]
    counts = {"met": met, "not_met": not_met, "unknown": answers[Answer.UNKNOWN], "n": met + not_met}
    return {**counts, "ratio": ratio(answers)}


def _line(one: Behind) -> dict[str, object]:
    deal = one.deal
    return {
        "answer": one.answer.value,
        "why": one.why,
        "deal_id": deal.deal_id,
        "name": deal.name,
        "owner": deal.owner,
        "team": deal.team,
        "segment": deal.segment,
        "pipeline": deal.pipeline,
        "stage": deal.stage,
        "amount": deal.amount,
        "currency": deal.currency,
    }
