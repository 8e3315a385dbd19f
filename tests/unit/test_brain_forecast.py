"""Forecast: pushes of the close date. The deal is created in March, so 31 March is a CRM's default."""

from __future__ import annotations

import pytest

from signals.judge import panel_of
from tests.unit.brain_story import (
    Story,
    at,
    changed,
    created,
    history,
    opened,
    resolved,
    rules_of,
    sentence,
    severities,
    updated,
)
from topics.events import DealEvent
from topics.signals import Kind, Severity


def deal(close_date: str | None = "2024-04-01") -> DealEvent:
    return created(at(0), stage="Lead", close_date=close_date)


def push(days: float, to: str | None) -> DealEvent:
    return changed(at(days), close_date=to)


TWICE: list[DealEvent] = [deal(), push(1, "2024-04-04"), push(3, "2024-04-07")]

CASES = [
    Story("one short push says nothing", [deal(), push(1, "2024-04-04")], at(5), []),
    Story("the second push opens", TWICE, at(5), [opened(at(3))]),
    Story("two days is no push", [deal(), push(1, "2024-04-03"), push(3, "2024-04-05")], at(5), []),
    Story("pulling in is no push", [deal("2024-05-01"), push(1, "2024-04-01"), push(3, "2024-04-10")], at(5), []),
    Story("one push of 20 days says nothing", [deal(), push(1, "2024-04-21")], at(5), []),
    Story("one push of 21 days opens", [deal(), push(1, "2024-04-22")], at(5), [opened(at(1))]),
    Story("a date that is filled in is no push", [deal(None), push(1, "2024-06-01")], at(5), []),
    Story("a date emptied and filled in again is no push", [deal(), push(1, None), push(2, "2024-06-01")], at(5), []),
    Story("at the end of its life it is still open", TWICE, at(17), [opened(at(3))]),
    Story(
        "a microsecond beyond it expires, dated that instant",
        TWICE,
        at(17) + 1,
        [opened(at(3)), resolved(at(17), "expired")],
    ),
    Story(
        "a further push updates and renews",
        [*TWICE, push(10, "2024-04-10")],
        at(25),
        [opened(at(3)), updated(at(10)), resolved(at(24), "expired")],
    ),
    Story(
        "a push at the last instant renews",
        [*TWICE, push(17, "2024-04-10")],
        at(30),
        [opened(at(3)), updated(at(17))],
    ),
    Story(
        "a push after the end opens another",
        [*TWICE, changed(at(17) + 1, close_date="2024-04-10")],
        at(20),
        [opened(at(3)), resolved(at(17), "expired"), opened(at(17) + 1)],
    ),
    Story(
        "pushes 90 days apart are counted together",
        [deal(), push(1, "2024-04-04"), push(91, "2024-04-07")],
        at(92),
        [opened(at(91))],
    ),
    Story(
        "pushes further apart are not",
        [deal(), push(1, "2024-04-04"), changed(at(91) + 1, close_date="2024-04-07")],
        at(92),
        [],
    ),
    Story(
        "45 days in sum open where the count does not",
        [deal(), push(1, "2024-04-20"), push(2, "2024-05-09"), push(3, "2024-05-16")],
        at(4),
        [opened(at(3))],
        {"close_date_pushed": {"warning_count": 5, "critical_count": 6}},
    ),
    Story(
        "44 days do not",
        [deal(), push(1, "2024-04-20"), push(2, "2024-05-09"), push(3, "2024-05-15")],
        at(4),
        [],
        {"close_date_pushed": {"warning_count": 5, "critical_count": 6}},
    ),
    Story(
        "the first push off a default of the CRM is not counted",
        [deal("2024-03-31"), push(1, "2024-05-31"), push(2, "2024-06-05")],
        at(5),
        [],
    ),
    Story(
        "the second push off it is",
        [deal("2024-03-31"), push(1, "2024-04-10"), push(2, "2024-03-31"), push(3, "2024-04-30")],
        at(5),
        [opened(at(3))],
    ),
    Story(
        "a nudge off the default does not use up the excuse",
        [deal("2024-03-31"), push(1, "2024-04-01"), push(2, "2024-03-31"), push(3, "2024-04-30")],
        at(5),
        [],
    ),
    Story(
        "the end of another month is no default", [deal("2024-04-30"), push(1, "2024-05-31")], at(5), [opened(at(1))]
    ),
    Story(
        "closing resolves; opened again within its life, it goes on",
        [*TWICE, changed(at(5), stage="Won"), changed(at(6), stage="Lead")],
        at(18),
        [opened(at(3)), resolved(at(5), "closed"), opened(at(6)), resolved(at(17), "expired")],
    ),
    Story(
        "pushes in one burst are each a push",
        [deal(), changed(at(1), close_date="2024-04-04"), changed(at(1) + 1, close_date="2024-04-07")],
        at(2),
        [opened(at(1) + 1)],
    ),
]


@pytest.mark.parametrize("story", CASES, ids=sentence)
def test_pushed(story: Story) -> None:
    assert story.told(Kind.CLOSE_DATE_PUSHED) == story.expected


GRAVITY = [
    ("the third is critical", [*TWICE, push(4, "2024-04-10")], [Severity.WARNING, Severity.CRITICAL]),
    (
        "further ones stay critical",
        [*TWICE, push(4, "2024-04-10"), push(17, "2024-04-13"), push(30, "2024-04-16"), push(43, "2024-04-19")],
        [Severity.WARNING, Severity.CRITICAL, Severity.CRITICAL, Severity.CRITICAL, Severity.CRITICAL],
    ),
]


@pytest.mark.parametrize(("sentence", "events", "expected"), GRAVITY, ids=[row[0] for row in GRAVITY])
def test_severity(sentence: str, events: list[DealEvent], expected: list[Severity]) -> None:
    assert sentence
    assert severities(Kind.CLOSE_DATE_PUSHED, history(events, at(44))[1]) == expected


def test_the_window_may_make_a_further_push_milder() -> None:
    panel = panel_of(rules_of({"close_date_pushed": {"window_days": 12}}))
    events = [*TWICE, push(4, "2024-04-10"), push(16, "2024-04-13")]
    _, said = history(events, at(17), panel)
    assert severities(Kind.CLOSE_DATE_PUSHED, said) == [Severity.WARNING, Severity.CRITICAL, Severity.WARNING]


def test_the_evidence_lists_each_push_with_its_days_and_quarter() -> None:
    events: list[DealEvent] = [deal("2024-06-20"), push(1, "2024-06-24"), push(2, "2024-07-03")]
    _, said = history(events, at(3))
    episode = next(one.episode for one in said if one.episode.kind is Kind.CLOSE_DATE_PUSHED)
    assert (episode.observed, episode.limit, episode.unit) == (2.0, 2.0, "pushes")
    assert episode.reason == "close date pushed twice, 13 days in all"
    assert episode.anchor == events[2].id
    assert episode.details == (
        {"from": "2024-06-20", "to": "2024-06-24", "days": 4, "crossed_quarter": False},
        {"from": "2024-06-24", "to": "2024-07-03", "days": 9, "crossed_quarter": True},
    )
    assert [mark.event for mark in episode.causes] == [events[1].id, events[2].id]


def test_fiscal_quarters_begin_where_the_playbook_says() -> None:
    panel = panel_of(rules_of(fiscal_year_starts=2))
    events: list[DealEvent] = [deal("2024-06-20"), push(1, "2024-07-20"), push(2, "2024-08-01")]
    _, said = history(events, at(3), panel)
    last = [one.episode for one in said if one.episode.kind is Kind.CLOSE_DATE_PUSHED][-1]
    assert [detail["crossed_quarter"] for detail in last.details] == [False, True]
