"""Intent: one per intent and window, until people speak."""

from __future__ import annotations

import pytest

from tests.unit.brain_story import (
    Story,
    activity,
    at,
    call,
    changed,
    created,
    history,
    intent,
    meeting,
    opened,
    planned,
    resolved,
    sentence,
)
from topics.instants import DAY_US
from topics.signals import Kind, Severity

LEAD = created(at(0), stage="Lead")

CASES = [
    Story("an intent opens at once", [LEAD, intent(at(1))], at(1), [opened(at(1))]),
    Story("the same within the window says nothing", [LEAD, intent(at(1)), intent(at(2))], at(3), [opened(at(1))]),
    Story(
        "the same a microsecond beyond the window is another",
        [LEAD, intent(at(1)), intent(at(2) + 1)],
        at(3),
        [opened(at(1)), opened(at(2) + 1)],
    ),
    Story(
        "the window counts from the anchor, not from the last repeat",
        [LEAD, intent(at(1)), intent(at(1.5)), intent(at(2.25))],
        at(3),
        [opened(at(1)), opened(at(2.25))],
    ),
    Story(
        "another intent is another signal",
        [LEAD, intent(at(1)), intent(at(1.5), "pricing_page")],
        at(3),
        [opened(at(1)), opened(at(1.5))],
    ),
    Story("a call resolves", [LEAD, intent(at(1)), call(at(2))], at(3), [opened(at(1)), resolved(at(2))]),
    Story(
        "one call resolves all",
        [LEAD, intent(at(1)), intent(at(1.5), "pricing_page"), call(at(2))],
        at(3),
        [opened(at(1)), opened(at(1.5)), resolved(at(2)), resolved(at(2))],
    ),
    Story("a call at the same instant is an answer", [LEAD, intent(at(1)), call(at(1))], at(3), []),
    Story("a call before it is none", [LEAD, call(at(0.5)), intent(at(1))], at(3), [opened(at(1))]),
    Story(
        "a call reported later resolves when it is known",
        [LEAD, intent(at(1)), activity(at(3), "a", at_us=at(2), done=True)],
        at(4),
        [opened(at(1)), resolved(at(3))],
    ),
    Story(
        "a call reported later that was before it does not",
        [LEAD, intent(at(1)), activity(at(3), "a", at_us=at(0.5), done=True)],
        at(4),
        [opened(at(1))],
    ),
    Story("a plan is no answer", [LEAD, intent(at(1)), planned(at(2), "a", at(5))], at(6), [opened(at(1))]),
    Story(
        "a meeting answers when it ends",
        [LEAD, intent(at(1)), meeting(at(2), "m", at(5))],
        at(6),
        [opened(at(1)), resolved(at(5))],
    ),
    Story(
        "a meeting planned before answers too",
        [LEAD, meeting(at(0.5), "m", at(5)), intent(at(1))],
        at(6),
        [opened(at(1)), resolved(at(5))],
    ),
    Story(
        "answered, the same within the window still says nothing",
        [LEAD, intent(at(1)), call(at(1.5)), intent(at(2))],
        at(3),
        [opened(at(1)), resolved(at(1.5))],
    ),
    Story(
        "an answer deleted was none",
        [LEAD, intent(at(1)), call(at(2)), activity(at(3), f"call at {at(2)}", removed=True)],
        at(4),
        [opened(at(1)), resolved(at(2)), opened(at(3))],
    ),
    Story(
        "a shorter window is the event's own",
        [LEAD, intent(at(1), window_us=1), intent(at(1) + 2, window_us=1)],
        at(3),
        [opened(at(1)), opened(at(1) + 2)],
    ),
    Story(
        "closing resolves",
        [LEAD, intent(at(1)), changed(at(2), stage="Won")],
        at(3),
        [opened(at(1)), resolved(at(2), "closed")],
    ),
    Story("on a closed deal it says nothing here", [created(at(0), stage="Won"), intent(at(1))], at(3), []),
    Story("on a deal of which nothing else is known it says nothing yet", [intent(at(1))], at(3), []),
    Story(
        "the deal becomes known, and it holds", [intent(at(1)), changed(at(2), stage="Lead")], at(3), [opened(at(2))]
    ),
]


@pytest.mark.parametrize("story", CASES, ids=sentence)
def test_intent(story: Story) -> None:
    assert story.told(Kind.HIGH_INTENT) == story.expected


def test_the_evidence_of_an_intent() -> None:
    cause = intent(at(1), window_us=DAY_US)
    _, said = history([LEAD, cause], at(2))
    episode = next(one.episode for one in said if one.episode.kind is Kind.HIGH_INTENT)
    assert (episode.anchor, episode.severity, episode.reason) == (cause.id, Severity.INFO, "high intent: demo request")
    assert episode.details == ({"intent": "demo_request", "at": "2024-03-02T00:00:00Z"},)
    assert [mark.event for mark in episode.causes] == [cause.id]


# --- without an answer: four business hours from nine to five, Monday to Friday. 1 March 2024 is a Friday.

HOUR = 1 / 24

UNANSWERED = [
    Story("four hours of a working day", [LEAD, intent(at(10 * HOUR))], at(14 * HOUR), []),
    Story("a microsecond more", [LEAD, intent(at(10 * HOUR))], at(14 * HOUR) + 1, [opened(at(14 * HOUR))]),
    Story("in the night they begin at nine", [LEAD, intent(at(2 * HOUR))], at(1), [opened(at(13 * HOUR))]),
    Story("over the weekend they go on on Monday", [LEAD, intent(at(15 * HOUR))], at(4), [opened(at(3 + 11 * HOUR))]),
    Story("a call at the limit is in time", [LEAD, intent(at(10 * HOUR)), call(at(14 * HOUR))], at(1), []),
    Story(
        "a call later resolves",
        [LEAD, intent(at(10 * HOUR)), call(at(15 * HOUR))],
        at(1),
        [opened(at(14 * HOUR)), resolved(at(15 * HOUR))],
    ),
    Story(
        "a call before it is no answer",
        [LEAD, call(at(9 * HOUR)), intent(at(10 * HOUR))],
        at(1),
        [opened(at(14 * HOUR))],
    ),
    Story(
        "each intent has its own hours",
        [LEAD, intent(at(10 * HOUR)), intent(at(12 * HOUR), "pricing_page")],
        at(1),
        [opened(at(14 * HOUR)), opened(at(16 * HOUR))],
    ),
    Story(
        "the same intent within its window asks for nothing more",
        [LEAD, intent(at(10 * HOUR)), intent(at(12 * HOUR))],
        at(1),
        [opened(at(14 * HOUR))],
    ),
    Story(
        "a meeting that ends by itself is an answer",
        [LEAD, intent(at(10 * HOUR)), meeting(at(11 * HOUR), "m", at(16 * HOUR))],
        at(1),
        [opened(at(14 * HOUR)), resolved(at(16 * HOUR))],
    ),
    Story(
        "a plan is none",
        [LEAD, intent(at(10 * HOUR)), planned(at(11 * HOUR), "p", at(9))],
        at(1),
        [opened(at(14 * HOUR))],
    ),
    Story(
        "closing resolves",
        [LEAD, intent(at(10 * HOUR)), changed(at(15 * HOUR), stage="Won")],
        at(1),
        [opened(at(14 * HOUR)), resolved(at(15 * HOUR), "closed")],
    ),
]


@pytest.mark.parametrize("story", UNANSWERED, ids=sentence)
def test_without_an_answer(story: Story) -> None:
    assert story.told(Kind.INTENT_UNANSWERED) == story.expected


def test_the_evidence_of_no_answer_counts_business_hours() -> None:
    seen = intent(at(15 * HOUR))
    _, said = history([LEAD, seen], at(4))
    episode = next(one.episode for one in said if one.episode.kind is Kind.INTENT_UNANSWERED)
    assert (episode.anchor, episode.severity) == (seen.id, Severity.CRITICAL)
    assert (episode.observed, episode.limit, episode.unit) == (4.0, 4.0, "business hours")
    assert episode.reason == "demo request without an answer for more than 4 business hours"
