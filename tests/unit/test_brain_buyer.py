"""The buyer: silence, and how many people speak. In Lead the buyer may be silent for 14 days, in Demo for 3."""

from __future__ import annotations

from typing import Any

import pytest

from signals.judge import Panel, panel_of
from signals.money import Exchange
from signals.rules import Rules
from tests.unit.brain_story import (
    PANEL,
    PLAYBOOK,
    Said,
    Story,
    activity,
    at,
    changed,
    created,
    history,
    meeting,
    opened,
    planned,
    resolved,
    rules_of,
    said_of,
    sentence,
    updated,
)
from topics.events import ActivityChanged, DealEvent
from topics.instants import rfc3339
from topics.signals import Kind

LEAD: DealEvent = created(at(0), stage="Lead")
STAGES = PLAYBOOK["pipelines"][0]["stages"]
PIPELINES = [{**PLAYBOOK["pipelines"][0], "stages": [STAGES[0], {**STAGES[1], "silent_days": 3}, *STAGES[2:]]}]


def out(at_us: int, name: str = "") -> ActivityChanged:
    """The seller writes to the buyer."""
    return activity(at_us, name or f"out {at_us}", at_us=at_us, done=True, direction="outbound")


def heard(at_us: int, name: str = "", person: str = "") -> ActivityChanged:
    """The buyer writes."""
    return activity(at_us, name or f"in {at_us}", at_us=at_us, done=True, direction="inbound", person=person)


def told(kind: Kind, panel: Panel, story: Story) -> list[Said]:
    return sorted(said_of(kind, history(story.events, story.until_us, panel)[1]), key=lambda one: one.at_us)


SILENT = panel_of(rules_of({"buyer_silent": {"plan_days": 7}}, pipelines=PIPELINES))
BOTH: list[DealEvent] = [LEAD, heard(at(1)), out(at(3)), out(at(5))]
SILENCES = [
    Story("at the limit since the buyer spoke nothing is said", BOTH, at(15), []),
    Story("a microsecond beyond it opens, dated the limit", BOTH, at(15) + 1, [opened(at(15))]),
    Story("one attempt alone is no silence", BOTH[:3], at(40), []),
    Story("the second attempt after the limit opens", [*BOTH[:3], out(at(20))], at(20), [opened(at(20))]),
    Story("an answer at the limit is in time", [*BOTH, heard(at(15))], at(20), []),
    Story(
        "an answer a microsecond later ends it",
        [*BOTH, heard(at(15) + 1)],
        at(20),
        [opened(at(15)), resolved(at(15) + 1)],
    ),
    Story("a third attempt changes nothing", [*BOTH, out(at(17))], at(30), [opened(at(15))]),
    Story(
        "attempts before the buyer spoke do not count",
        [LEAD, out(at(1)), out(at(2)), heard(at(3)), out(at(4))],
        at(40),
        [],
    ),
    Story(
        "an attempt at the instant when the buyer spoke is not since then",
        [LEAD, heard(at(1)), out(at(1)), out(at(2))],
        at(40),
        [],
    ),
    Story(
        "a buyer who never spoke is silent since the creation",
        [LEAD, out(at(1)), out(at(2))],
        at(20),
        [opened(at(14))],
    ),
    Story(
        "without a creation either, nobody can tell", [changed(at(0), stage="Lead"), out(at(1)), out(at(2))], at(90), []
    ),
    Story("a plan holds it back until it has passed", [*BOTH, planned(at(14), "p", at(18))], at(20), [opened(at(18))]),
    Story(
        "a plan too far ahead counts from when it is near",
        [*BOTH, planned(at(14), "p", at(24))],
        at(20),
        [opened(at(15)), resolved(at(17))],
    ),
    Story(
        "a plan that is deleted is none",
        [*BOTH, planned(at(6), "p", at(18)), activity(at(16), "p", removed=True)],
        at(17),
        [opened(at(16))],
    ),
    Story(
        "a meeting is the buyer's word when it ends",
        [*BOTH, meeting(at(16), "m", at(18))],
        at(40),
        [opened(at(15)), resolved(at(16))],
    ),
    Story(
        "attempts without a direction are none",
        [LEAD, heard(at(1)), *(activity(at(day), f"t{day}", at_us=at(day), done=True) for day in (3, 5, 7))],
        at(40),
        [],
    ),
    Story(
        "a direction that arrives later counts from then",
        [*BOTH[:3], activity(at(5), "x", at_us=at(5), done=True), activity(at(16), "x", direction="outbound")],
        at(17),
        [opened(at(16))],
    ),
    Story(
        "an attempt that is deleted never was",
        [*BOTH, activity(at(16), f"out {at(5)}", removed=True)],
        at(17),
        [opened(at(15)), resolved(at(16))],
    ),
    Story(
        "what is reported late counts from when it was",
        [*BOTH, activity(at(16), "late", at_us=at(6), done=True, direction="inbound")],
        at(30),
        [opened(at(15)), resolved(at(16))],
    ),
    Story("a shorter limit that is over opens on entry", [*BOTH, changed(at(6), stage="Demo")], at(6), [opened(at(6))]),
    Story(
        "closing resolves", [*BOTH, changed(at(16), stage="Won")], at(17), [opened(at(15)), resolved(at(16), "closed")]
    ),
    Story(
        "attempts that are forgotten still count",
        [*BOTH, planned(at(70), "p", at(90))],
        at(89),
        [opened(at(15)), resolved(at(83))],
    ),
]


@pytest.mark.parametrize("story", SILENCES, ids=sentence)
def test_silence(story: Story) -> None:
    assert told(Kind.BUYER_SILENT, SILENT, story) == story.expected


def test_the_evidence_of_a_silence_names_who_spoke_when_and_the_attempts() -> None:
    _, said = history(BOTH, at(16), SILENT)
    episode = next(one.episode for one in said if one.episode.kind is Kind.BUYER_SILENT)
    assert (episode.anchor, episode.observed, episode.limit, episode.unit) == (rfc3339(at(1)), 14.0, 14.0, "d")
    assert episode.reason == "the buyer has not answered for more than 14 days, though contacted at least twice"
    assert [mark.event for mark in episode.causes] == [one.id for one in BOTH[1:]]


def test_only_attempts_since_the_buyer_spoke_are_remembered() -> None:
    events = [
        LEAD,
        out(at(1)),
        heard(at(2)),
        *(out(at(3 + hour / 24)) for hour in range(12)),
        planned(at(70), "p", at(75)),
    ]
    watch, _ = history(events, at(71), SILENT)
    assert watch.deal.older_outbound == tuple(at(3 + hour / 24) for hour in range(8))
    assert watch.deal.older_inbound is not None
    again, _ = history([*events, heard(at(72)), planned(at(140), "q", at(150))], at(141), SILENT)
    assert again.deal.older_outbound == ()


def threads(**changes: Any) -> Panel:  # noqa: ANN401 - numbers of the playbook
    content = {
        **PLAYBOOK,
        "signals": {"single_threaded": {"min_amount": 1000, "min_age_days": 4, "window_days": 10, **changes}},
    }
    return panel_of(
        Rules(type(PANEL.rules.playbook).model_validate(content), "sha256:t", exchange=Exchange("USD", {"EUR": 2.0}))
    )


THREADS = threads()
LARGE: DealEvent = created(at(0), stage="Lead", amount=1000.0)
OLD: list[DealEvent] = [LARGE, heard(at(1), person="p1")]
TWO: list[DealEvent] = [*OLD, heard(at(2), person="p2")]
PEOPLE = [
    Story("a deal as old as the limit may have one contact", OLD, at(4), []),
    Story("a microsecond older it may not", OLD, at(4) + 1, [opened(at(4))]),
    Story("an SQL may not at once", [created(at(0), stage="Demo", amount=1000.0)], at(0), [opened(at(0))]),
    Story("one that becomes an SQL neither", [*OLD, changed(at(2), stage="Demo")], at(2), [opened(at(2))]),
    Story("two people are enough", TWO, at(10), []),
    Story("the same person twice is one", [*OLD, heard(at(2), person="p1")], at(5), [opened(at(4))]),
    Story("a second person resolves", [*OLD, heard(at(5), person="p2")], at(6), [opened(at(4)), resolved(at(5))]),
    Story("a contact counts to the end of the window", TWO, at(11), []),
    Story("and not a microsecond longer", TWO, at(11) + 1, [opened(at(11))]),
    Story(
        "without the other it is nobody at all",
        TWO,
        at(13),
        [opened(at(11)), updated(at(12))],
    ),
    Story("a cent less is no large deal", [created(at(0), stage="Demo", amount=999.99)], at(9), []),
    Story(
        "in base currency it may be",
        [created(at(0), stage="Demo", amount=500.0, currency="EUR")],
        at(0),
        [opened(at(0))],
    ),
    Story("or not", [created(at(0), stage="Demo", amount=499.99, currency="EUR")], at(9), []),
    Story(
        "what nobody knows the worth of is not large",
        [created(at(0), stage="Demo", amount=9e9, currency="XYZ")],
        at(9),
        [],
    ),
    Story("an empty amount is not large", [created(at(0), stage="Demo", amount=None)], at(9), []),
    Story(
        "an amount that becomes small resolves",
        [created(at(0), stage="Demo", amount=1000.0), changed(at(1), amount=999.0)],
        at(2),
        [opened(at(0)), resolved(at(1))],
    ),
    Story("who nobody is, is no second person", [*OLD, heard(at(2))], at(5), [opened(at(4))]),
    Story("a plan is no contact", [*OLD, activity(at(2), "p", at_us=at(9), person="p2")], at(5), [opened(at(4))]),
    Story(
        "a meeting counts when it ends",
        [*OLD, activity(at(2), "m", at_us=at(5), meets=True, person="p2")],
        at(6),
        [opened(at(4)), resolved(at(5))],
    ),
    Story(
        "a person who is named later counts then",
        [*OLD, heard(at(2), "x"), activity(at(5), "x", person="p2")],
        at(6),
        [opened(at(4)), resolved(at(5))],
    ),
    Story("without a creation nobody knows how old it is", [changed(at(0), stage="Lead", amount=1000.0)], at(90), []),
]


@pytest.mark.parametrize("story", PEOPLE, ids=sentence)
def test_threads(story: Story) -> None:
    assert told(Kind.SINGLE_THREADED, THREADS, story) == story.expected


def test_the_evidence_of_a_single_thread_counts_people() -> None:
    events: list[DealEvent] = list(OLD)
    _, said = history(events, at(5), THREADS)
    episode = next(one.episode for one in said if one.episode.kind is Kind.SINGLE_THREADED)
    assert (episode.anchor, episode.observed, episode.limit, episode.unit) == (rfc3339(at(4)), 1.0, 2.0, "people")
    assert episode.reason == "contact with one person alone in 10 days, on a deal of 1,000 USD or more"
