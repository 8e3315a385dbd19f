"""Contact: gaps, plans, meetings. In Lead the limit is 5 days, in Demo 3; a plan counts 7 days ahead."""

from __future__ import annotations

import pytest

from tests.unit.brain_story import (
    Story,
    activity,
    at,
    call,
    changed,
    created,
    full_record,
    history,
    meeting,
    opened,
    planned,
    resolved,
    sentence,
)
from topics.events import DealEvent
from topics.instants import rfc3339
from topics.signals import Kind

LEAD = created(at(0), stage="Lead")

CASES = [
    Story("at the limit after the creation nothing is said", [LEAD], at(5), []),
    Story("a microsecond beyond it opens, dated the limit", [LEAD], at(5) + 1, [opened(at(5))]),
    Story("a contact at the limit is in time", [LEAD, call(at(5))], at(9), []),
    Story("a contact a microsecond later is not", [LEAD, call(at(5) + 1)], at(9), [opened(at(5)), resolved(at(5) + 1)]),
    Story("the gap counts from the last contact", [LEAD, call(at(3))], at(9), [opened(at(8))]),
    Story(
        "the next gap is another episode",
        [LEAD, call(at(6))],
        at(12),
        [opened(at(5)), resolved(at(6)), opened(at(11))],
    ),
    Story(
        "a contact reported later counts from when it took place",
        [LEAD, activity(at(6), "a", at_us=at(2), done=True)],
        at(10),
        [opened(at(5)), resolved(at(6)), opened(at(7))],
    ),
    Story(
        "a contact reported too late for its own limit leads to the next gap at once",
        [LEAD, activity(at(9), "a", at_us=at(2), done=True)],
        at(10),
        [opened(at(5)), opened(at(9)), resolved(at(9))],
    ),
    Story("an update of the deal is no contact", [LEAD, changed(at(4), next_step="call")], at(6), [opened(at(5))]),
    Story("a task not done is no contact", [LEAD, planned(at(1), "a", at(2))], at(6), [opened(at(5))]),
    Story("a plan holds the gap back until it has passed", [LEAD, planned(at(1), "a", at(8))], at(9), [opened(at(8))]),
    Story("until the instant of the plan it holds", [LEAD, planned(at(1), "a", at(8))], at(8), []),
    Story(
        "an event at the instant of the plan sees that it has passed",
        [LEAD, planned(at(1), "a", at(8)), activity(at(8), "b", at_us=None)],
        at(8),
        [opened(at(8))],
    ),
    Story("a plan ends a gap at once", [LEAD, planned(at(6), "a", at(8))], at(8), [opened(at(5)), resolved(at(6))]),
    Story(
        "a plan that passes unkept brings the gap back, the same one",
        [LEAD, planned(at(6), "a", at(8))],
        at(9),
        [opened(at(5)), resolved(at(6)), opened(at(8))],
    ),
    Story(
        "a plan too far ahead counts from when it is near",
        [LEAD, planned(at(1), "a", at(13))],
        at(13),
        [opened(at(5)), resolved(at(6))],
    ),
    Story("a plan exactly as far ahead as counts", [LEAD, planned(at(1), "a", at(12))], at(12), []),
    Story(
        "a plan two microseconds further is too far for the first of them",
        [LEAD, planned(at(1), "a", at(12) + 2)],
        at(12),
        [opened(at(5)), resolved(at(5) + 2)],
    ),
    Story(
        "a plan taken back brings the gap back",
        [LEAD, planned(at(1), "a", at(8)), activity(at(6), "a", removed=True)],
        at(8),
        [opened(at(6))],
    ),
    Story(
        "a plan moved holds until its new date",
        [LEAD, planned(at(1), "a", at(6)), activity(at(2), "a", at_us=at(8))],
        at(9),
        [opened(at(8))],
    ),
    Story(
        "a task done without a date was done then",
        [LEAD, activity(at(1), "a", at_us=None), activity(at(4), "a", done=True)],
        at(10),
        [opened(at(9))],
    ),
    Story(
        "fields of an activity that arrive one by one add up",
        [LEAD, activity(at(1), "a", at_us=at(4)), activity(at(4), "a", done=True)],
        at(10),
        [opened(at(9))],
    ),
    Story("a meeting is a contact when it ends", [LEAD, meeting(at(1), "m", at(4))], at(10), [opened(at(9))]),
    Story(
        "a meeting that ends within a gap resolves it by itself",
        [LEAD, meeting(at(1), "m", at(20))],
        at(24),
        [opened(at(5)), resolved(at(13))],
    ),
    Story(
        "a meeting deleted before its end was none",
        [LEAD, meeting(at(1), "m", at(4)), activity(at(3), "m", removed=True)],
        at(6),
        [opened(at(5))],
    ),
    Story(
        "a meeting moved ends when it then ends",
        [LEAD, meeting(at(1), "m", at(4)), activity(at(3), "m", at_us=at(6))],
        at(12),
        [opened(at(11))],
    ),
    Story(
        "a call deleted afterwards never was",
        [LEAD, call(at(3)), activity(at(6), f"call at {at(3)}", removed=True)],
        at(7),
        [opened(at(6))],
    ),
    Story(
        "a stage with a shorter limit that is already passed opens on entry",
        [LEAD, changed(at(4), stage="Demo")],
        at(4),
        [opened(at(4))],
    ),
    Story(
        "a stage with a longer limit resolves, and opens at its own",
        [created(at(0), stage="Demo"), changed(at(4), stage="Lead")],
        at(6),
        [opened(at(3)), resolved(at(4)), opened(at(5))],
    ),
    Story("a deal without creation or contact says nothing", [changed(at(0), stage="Lead")], at(90), []),
    Story(
        "an undone creation becomes known",
        [full_record(at(0), stage="Lead"), changed(at(2), created_at=at(-1))],
        at(5),
        [opened(at(4))],
    ),
    Story("closing resolves", [LEAD, changed(at(6), stage="Won")], at(90), [opened(at(5)), resolved(at(6), "closed")]),
    Story(
        "opened again, the gap is the same",
        [LEAD, changed(at(6), stage="Won"), changed(at(8), stage="Lead")],
        at(90),
        [opened(at(5)), resolved(at(6), "closed"), opened(at(8))],
    ),
    Story(
        "a contact while the deal was closed counts",
        [LEAD, changed(at(1), stage="Won"), call(at(7)), changed(at(8), stage="Lead")],
        at(13),
        [opened(at(12))],
    ),
]


@pytest.mark.parametrize("story", CASES, ids=sentence)
def test_gap(story: Story) -> None:
    assert sorted(story.told(Kind.CONTACT_GAP), key=lambda one: one.at_us) == story.expected


def _opened_by(events: list[DealEvent]) -> tuple[object, ...]:
    _, said = history(events, at(20))
    episode = next(one.episode for one in said if one.episode.kind is Kind.CONTACT_GAP)
    return (
        episode.anchor,
        episode.observed,
        episode.limit,
        episode.unit,
        episode.reason,
        [mark.event for mark in episode.causes],
    )


def test_the_evidence_names_the_contact() -> None:
    last = call(at(3))
    reason = "no contact for more than 5 days, and none is planned"
    assert _opened_by([LEAD, last]) == (rfc3339(at(3)), 5.0, 5.0, "d", reason, [last.id])


def test_the_evidence_names_the_creation_where_nobody_spoke() -> None:
    reason = "no contact since the deal was created for more than 5 days, and none is planned"
    assert _opened_by([LEAD]) == (rfc3339(at(0)), 5.0, 5.0, "d", reason, [LEAD.id])


def test_the_last_contact_outlives_the_memory_of_activities() -> None:
    events: list[DealEvent] = [LEAD, call(at(3)), planned(at(90), "a", at(91))]
    watch, _ = history(events, at(92))
    assert list(watch.deal.activities) == ["a"]
    contact = watch.deal.last_contact(at(92))
    assert contact is not None
    assert contact.at_us == at(3)
