"""Promises: close dates, forecast categories, amounts and next steps. Demo is where an SQL begins."""

from __future__ import annotations

from typing import Any

import pytest

from playbook.model import Playbook
from signals.baselines import Baselines, Measure, Row
from signals.judge import Panel, panel_of
from signals.rules import Rules
from tests.unit.brain_story import (
    PLAYBOOK,
    SOURCE,
    Said,
    Story,
    at,
    changed,
    created,
    full_record,
    history,
    opened,
    resolved,
    rules_of,
    said_of,
    sentence,
    updated,
)
from topics.events import DealEvent
from topics.instants import DAY_US, HOUR_US
from topics.signals import Kind
from topics.sources.source import Provides, Source, SourceKind

HOUR = HOUR_US / DAY_US


def told(kind: Kind, panel: Panel, story: Story) -> list[Said]:
    return sorted(said_of(kind, history(story.events, story.until_us, panel)[1]), key=lambda one: one.at_us)


def evidence(kind: Kind, panel: Panel, events: list[DealEvent], until_us: int) -> Any:  # noqa: ANN401 - an episode
    _, said = history(events, until_us, panel)
    return next(one.episode for one in said if one.episode.kind is kind)


# --- close dates. Ana is in Auckland, 13 hours ahead of UTC; the story begins on 1 March 2024.

OWNERS = [
    {"name": "Ana", "ids": ["u1"], "timezone": "Pacific/Auckland"},
    {"name": "Bo", "ids": ["u2"], "timezone": "America/New_York"},
]
DATES = panel_of(rules_of({"close_date_parked": {"days": 30}}, owners=OWNERS))


def due(day: str | None, **fields: str) -> DealEvent:
    return created(at(0), stage="Lead", close_date=day, **fields)


PASSED = [
    Story("until the end of the day it has not passed", [due("2024-03-05")], at(5), []),
    Story("a microsecond later it has", [due("2024-03-05")], at(5) + 1, [opened(at(5))]),
    Story("the day ends where the owner is", [due("2024-03-05", owner_id="u1")], at(5), [opened(at(5 - 13 * HOUR))]),
    Story("in New York it ends later", [due("2024-03-05", owner_id="u2")], at(6), [opened(at(5 + 5 * HOUR))]),
    Story(
        "after their clocks have changed an hour less",
        [due("2024-03-12", owner_id="u2")],
        at(13),
        [opened(at(12 + 4 * HOUR))],
    ),
    Story(
        "a later date resolves",
        [due("2024-03-05"), changed(at(6), close_date="2024-04-01")],
        at(9),
        [opened(at(5)), resolved(at(6))],
    ),
    Story(
        "another date that has passed is another episode",
        [due("2024-03-05"), changed(at(8), close_date="2024-03-07")],
        at(9),
        [opened(at(5)), opened(at(8)), resolved(at(8))],
    ),
    Story("a date that had passed from the start opens at once", [due("2024-02-01")], at(0), [opened(at(0))]),
    Story(
        "another owner makes no other episode of it",
        [due("2024-03-05", owner_id="u1"), changed(at(7), owner_id="u2")],
        at(9),
        [opened(at(5 - 13 * HOUR))],
    ),
    Story(
        "a date that is taken out resolves",
        [due("2024-03-05"), changed(at(6), close_date=None)],
        at(9),
        [opened(at(5)), resolved(at(6))],
    ),
    Story("without a date nothing passes", [created(at(0), stage="Lead")], at(90), []),
    Story("a date that is none says nothing", [due("soon")], at(90), []),
    Story(
        "closing resolves",
        [due("2024-03-05"), changed(at(6), stage="Won")],
        at(9),
        [opened(at(5)), resolved(at(6), "closed")],
    ),
    Story("closed in time nothing is said", [due("2024-03-05"), changed(at(4), stage="Won")], at(9), []),
]


@pytest.mark.parametrize("story", PASSED, ids=sentence)
def test_close_date_passed(story: Story) -> None:
    assert told(Kind.CLOSE_DATE_PASSED, DATES, story) == story.expected


def test_the_evidence_of_a_date_that_passed_says_which() -> None:
    episode = evidence(Kind.CLOSE_DATE_PASSED, DATES, [due("2024-03-05", owner_id="u1")], at(9))
    assert (episode.observed, episode.limit, episode.unit) == (0.0, 0.0, "d")
    assert episode.details == ({"close_date": "2024-03-05"},)


# 30 days from 1 March is the 31st. Big deals have a corridor of 20 days, and one and a half of that is no more.
PARKED = [
    Story("30 days ahead can be known", [due("2024-03-31")], at(9), []),
    Story("31 cannot, until tomorrow", [due("2024-04-01")], at(9), [opened(at(0)), resolved(at(1))]),
    Story(
        "moved in resolves",
        [due("2024-06-01"), changed(at(2), close_date="2024-03-20")],
        at(9),
        [opened(at(0)), resolved(at(2))],
    ),
    Story(
        "moved by a day shows the new date",
        [due("2024-06-01"), changed(at(2), close_date="2024-06-02")],
        at(9),
        [opened(at(0)), updated(at(2))],
    ),
    Story(
        "tomorrow comes where the owner is",
        [due("2024-04-01", owner_id="u2")],
        at(9),
        [opened(at(0)), resolved(at(1 + 5 * HOUR))],
    ),
    Story("without a date there is none ahead", [created(at(0), stage="Lead")], at(9), []),
]


@pytest.mark.parametrize("story", PARKED, ids=sentence)
def test_close_date_parked(story: Story) -> None:
    assert told(Kind.CLOSE_DATE_PARKED, DATES, story) == story.expected


def test_a_long_corridor_allows_a_later_date() -> None:
    signals = {"close_date_parked": {"days": 5}}
    segments = [{"name": "all", "when": "amount > 0", "cycle_days": 20}]
    panel = panel_of(rules_of(signals, segments=segments))
    known = created(at(0), stage="Lead", close_date="2024-04-01", amount=1)
    assert evidence(Kind.CLOSE_DATE_PARKED, panel, [known], at(0)).limit == 30.0
    beyond = Story("", [known], at(9), [opened(at(0)), resolved(at(1))])
    assert told(Kind.CLOSE_DATE_PARKED, panel, beyond) == beyond.expected


def baselines(needed_us: int, n: int = 30) -> Baselines:
    rows = [Row(measure=Measure.TO_WIN, pipeline="Sales", stage="Demo", n=n, events=n, quantiles=(needed_us,) * 200)]
    return Baselines(rows)


def wishing(needed_us: int, n: int = 30) -> Panel:
    return panel_of(Rules(Playbook.model_validate(PLAYBOOK), "sha256:w", baselines=baselines(needed_us, n)))


IN_DEMO = created(at(0), stage="Demo", close_date="2024-03-10")  # ten days, the last of them included


@pytest.mark.parametrize(
    ("needed_us", "n", "events", "expected"),
    [
        (10 * DAY_US, 30, [IN_DEMO], []),
        (10 * DAY_US + 1, 30, [IN_DEMO], [opened(at(0))]),
        (10 * DAY_US + 1, 29, [IN_DEMO], []),
        (20 * DAY_US, 30, [IN_DEMO, changed(at(3), close_date="2024-03-20")], [opened(at(0)), resolved(at(3))]),
        (20 * DAY_US, 30, [created(at(0), stage="Lead", close_date="2024-03-02")], []),
        (20 * DAY_US, 30, [full_record(at(0), stage="Demo", close_date="2024-03-02")], []),
        (20 * DAY_US, 30, [IN_DEMO, changed(at(3), stage="Lead")], [opened(at(0)), resolved(at(3))]),
    ],
    ids=[
        "as long as the fastest quarter took",
        "a microsecond less",
        "too few deals to learn from",
        "moved out resolves",
        "of another stage nothing was learned",
        "entered nobody knows when",
        "the stage decides",
    ],
)
def test_close_date_wishful(needed_us: int, n: int, events: list[DealEvent], expected: list[Said]) -> None:
    assert told(Kind.CLOSE_DATE_WISHFUL, wishing(needed_us, n), Story("", events, at(9), [])) == expected


def test_the_evidence_of_a_wish_shows_the_baseline() -> None:
    panel = wishing(12 * DAY_US)
    episode = evidence(Kind.CLOSE_DATE_WISHFUL, panel, [IN_DEMO], at(1))
    assert (episode.observed, episode.limit) == (10.0, 12.0)
    assert episode.baseline == {"version": panel.rules.baselines.version, "quantile": 0.25, "n": 30, "events": 30}


# --- next steps and categories

STAGES = [
    {**stage, "forecast": allowed} if allowed else stage
    for stage, allowed in zip(
        PLAYBOOK["pipelines"][0]["stages"],
        (["Pipeline"], ["Pipeline", "Best Case"], ["Best Case", "Commit"], (), ()),
        strict=True,
    )
]
SALES, RENEWALS = PLAYBOOK["pipelines"]
STEPS = panel_of(rules_of(pipelines=[{**SALES, "stages": STAGES}, RENEWALS]))
GOOD = "Send the contract to legal"


def sql(**fields: str | None) -> DealEvent:
    return created(at(0), stage="Demo", **fields)


STALE = [
    Story("a good one", [sql(next_step=GOOD)], at(90), []),
    Story("none", [sql(next_step=None)], at(9), [opened(at(0))]),
    Story("nothing but space", [sql(next_step="  ")], at(9), [opened(at(0))]),
    Story("one that was never said is not missing", [sql()], at(9), []),
    Story("fifteen characters are enough", [sql(next_step="123456789012345")], at(9), []),
    Story("fourteen are not", [sql(next_step=" 12345678901234 ")], at(9), [opened(at(0))]),
    Story("a filler phrase, however it is written", [sql(next_step=" Waiting for Reply... ")], at(9), [opened(at(0))]),
    Story("one that says more than that", [sql(next_step="Waiting for reply of legal")], at(9), []),
    Story("before SQL nobody asks", [created(at(0), stage="Lead", next_step=None)], at(9), []),
    Story(
        "from SQL on",
        [created(at(0), stage="Lead", next_step=None), changed(at(2), stage="Demo")],
        at(9),
        [opened(at(2))],
    ),
    Story(
        "replaced resolves",
        [sql(next_step=None), changed(at(3), next_step=GOOD)],
        at(9),
        [opened(at(0)), resolved(at(3))],
    ),
    Story(
        "by another bad one it shows that",
        [sql(next_step=None), changed(at(3), next_step="tbd")],
        at(9),
        [opened(at(0)), updated(at(3))],
    ),
    Story("a date holds to its end", [sql(next_step=GOOD, next_step_date="2024-03-05")], at(5), []),
    Story("and then is past", [sql(next_step=GOOD, next_step_date="2024-03-05")], at(5) + 1, [opened(at(5))]),
    Story(
        "a later date resolves",
        [sql(next_step=GOOD, next_step_date="2024-03-05"), changed(at(6), next_step_date="2024-03-20")],
        at(9),
        [opened(at(5)), resolved(at(6))],
    ),
    Story("a date beyond all calendars never passes", [sql(next_step=GOOD, next_step_date="9999-12-31")], at(9), []),
    Story(
        "fields that arrive one by one",
        [sql(), changed(at(1), next_step=""), changed(at(2), next_step=GOOD)],
        at(9),
        [opened(at(1)), resolved(at(2))],
    ),
]


@pytest.mark.parametrize("story", STALE, ids=sentence)
def test_next_step(story: Story) -> None:
    assert told(Kind.NEXT_STEP_STALE, STEPS, story) == story.expected


def test_the_evidence_of_a_next_step_shows_it() -> None:
    episode = evidence(Kind.NEXT_STEP_STALE, STEPS, [sql(next_step="tbd")], at(1))
    assert episode.reason == "the next step is shorter than 15 characters"
    assert episode.details == ({"field": "next_step", "value": "tbd"},)


def forecast(stage: str, category: str | None, **fields: str | None) -> DealEvent:
    return created(at(0), stage=stage, forecast_category=category, **fields)


CATEGORIES = [
    Story("what the stage allows", [forecast("Lead", "Pipeline")], at(9), []),
    Story("what is stronger", [forecast("Lead", "Best Case")], at(9), [opened(at(0))]),
    Story("however it is written", [forecast("Lead", "BEST_CASE")], at(9), [opened(at(0))]),
    Story("what is weaker, though not named", [forecast("Proposal", "Pipeline")], at(9), []),
    Story("what is left out of the forecast", [forecast("Lead", "Omitted")], at(9), []),
    Story("a category that nobody ordered is not compared", [forecast("Lead", "Gut feeling")], at(9), []),
    Story("none", [forecast("Lead", None)], at(9), []),
    Story("a stage that says nothing of categories", [forecast("Lead", "Best Case", pipeline="renewal")], at(9), []),
    Story(
        "a stage that allows it resolves",
        [forecast("Lead", "Best Case"), changed(at(2), stage="Demo")],
        at(9),
        [opened(at(0)), resolved(at(2))],
    ),
    Story("a commitment without a next step", [forecast("Proposal", "Commit", next_step=None)], at(9), [opened(at(0))]),
    Story("with one", [forecast("Proposal", "Commit", next_step=GOOD)], at(9), []),
    Story("of a next step that was never said nobody knows", [forecast("Proposal", "Commit")], at(9), []),
    Story(
        "with one that passes",
        [forecast("Proposal", "Commit", next_step=GOOD, next_step_date="2024-03-05")],
        at(9),
        [opened(at(5))],
    ),
    Story("weaker than a commitment needs none", [forecast("Proposal", "Best Case", next_step=None)], at(9), []),
    Story(
        "a next step resolves",
        [forecast("Proposal", "Commit", next_step=None), changed(at(2), next_step=GOOD)],
        at(9),
        [opened(at(0)), resolved(at(2))],
    ),
]


@pytest.mark.parametrize("story", CATEGORIES, ids=sentence)
def test_category(story: Story) -> None:
    assert told(Kind.CATEGORY_MISMATCH, STEPS, story) == story.expected


def test_a_source_that_tells_no_next_step_makes_no_commitment_doubtful() -> None:
    tells = Source(name="crm", kind=SourceKind.SALESFORCE, tenant="acme", provides=frozenset({Provides.CATEGORY}))
    assert tells.key == SOURCE
    panel = panel_of(Rules(STEPS.rules.playbook, "sha256:p", (tells,)))
    story = Story("", [forecast("Proposal", "Commit", next_step=None)], at(9), [])
    assert told(Kind.CATEGORY_MISMATCH, panel, story) == []


# --- amounts: 20 % below the highest since SQL

AMOUNTS = panel_of(rules_of())


def worth(amount: float | None, stage: str = "Demo", **fields: str) -> DealEvent:
    return created(at(0), stage=stage, amount=amount, **fields)


def now(days: float, amount: float | None, **fields: str) -> DealEvent:
    return changed(at(days), amount=amount, **fields)


SHRUNK = [
    Story("by twenty percent", [worth(100), now(1, 80)], at(9), []),
    Story("by a cent more", [worth(100), now(1, 79.99)], at(9), [opened(at(1))]),
    Story("in two steps, from the second", [worth(100), now(1, 90), now(3, 79)], at(9), [opened(at(3))]),
    Story(
        "further down is the same episode", [worth(100), now(1, 79), now(3, 60)], at(9), [opened(at(1)), updated(at(3))]
    ),
    Story("regained resolves", [worth(100), now(1, 70), now(3, 80)], at(9), [opened(at(1)), resolved(at(3))]),
    Story(
        "after fourteen days it is over",
        [worth(100), now(1, 70)],
        at(15) + 1,
        [opened(at(1)), resolved(at(15), "expired")],
    ),
    Story("not before", [worth(100), now(1, 70)], at(15), [opened(at(1))]),
    Story(
        "and is not said again",
        [worth(100), now(1, 70), now(20, 69)],
        at(40),
        [opened(at(1)), resolved(at(15), "expired")],
    ),
    Story(
        "but after it was regained",
        [worth(100), now(1, 70), now(3, 95), now(20, 75)],
        at(21),
        [opened(at(1)), resolved(at(3)), opened(at(20))],
    ),
    Story(
        "what it was before SQL does not count",
        [worth(100, "Lead"), now(1, 50), changed(at(2), stage="Demo")],
        at(9),
        [],
    ),
    Story(
        "what it was on becoming one does",
        [worth(100, "Lead"), changed(at(2), stage="Demo"), now(3, 50)],
        at(9),
        [opened(at(3))],
    ),
    Story("with the same change it does not", [worth(100, "Lead"), now(2, 50, stage="Demo")], at(9), []),
    Story("a higher amount since SQL", [worth(100), now(1, 200), now(2, 150)], at(9), [opened(at(2))]),
    Story("an empty amount cannot be compared", [worth(100), now(1, None)], at(9), []),
    Story("one that was empty in between", [worth(100), now(1, None), now(3, 50)], at(9), [opened(at(3))]),
    Story("another currency cannot either", [worth(100, currency="USD"), now(1, 50, currency="EUR")], at(9), []),
    Story("nothing is less than nothing", [worth(0), now(1, -5)], at(9), []),
    Story("before SQL nobody asks", [worth(100, "Lead"), now(1, 50)], at(9), []),
    Story(
        "fallen back, it still counts", [worth(100), changed(at(1), stage="Lead"), now(2, 50)], at(9), [opened(at(2))]
    ),
    Story(
        "closing resolves",
        [worth(100), now(1, 70), changed(at(3), stage="Won")],
        at(9),
        [opened(at(1)), resolved(at(3), "closed")],
    ),
]


@pytest.mark.parametrize("story", SHRUNK, ids=sentence)
def test_amount(story: Story) -> None:
    assert told(Kind.AMOUNT_SHRUNK, AMOUNTS, story) == story.expected


def test_the_evidence_of_an_amount_names_the_highest_and_the_fall() -> None:
    first, second = now(1, 90), now(3, 75)
    episode = evidence(Kind.AMOUNT_SHRUNK, AMOUNTS, [worth(100), first, second], at(4))
    assert (episode.anchor, episode.observed, episode.limit, episode.unit) == (second.id, 25.0, 20.0, "%")
    assert episode.details == ({"highest": 100.0, "amount": 75, "fell_at": "2024-03-04T00:00:00Z"},)
    assert [mark.event for mark in episode.causes] == [first.id, second.id]
