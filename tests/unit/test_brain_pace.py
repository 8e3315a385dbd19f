"""Pace: overstays, corridors, steps back. One row per rule."""

from __future__ import annotations

import msgspec
import pytest

from signals.judge import panel_of
from tests.unit.brain_story import (
    KEY,
    SOURCE,
    Story,
    at,
    changed,
    created,
    full_record,
    history,
    opened,
    removed,
    resolved,
    rules_of,
    sentence,
    updated,
)
from topics.events import DealChanged
from topics.instants import rfc3339
from topics.signals import Kind, Severity

LEAD = created(at(0), stage="Lead")

OVERSTAY = [
    Story("at the limit nothing is said", [LEAD], at(10), []),
    Story("a microsecond beyond the limit it opens, dated the limit", [LEAD], at(10) + 1, [opened(at(10))]),
    Story("a stage that is silent has the general limit", [created(at(0), stage="Demo")], at(7), [opened(at(6))]),
    Story("leaving at the limit is in time", [LEAD, changed(at(10), stage="Demo")], at(11), []),
    Story(
        "leaving a microsecond later is not",
        [LEAD, changed(at(10) + 1, stage="Demo")],
        at(11),
        [opened(at(10)), resolved(at(10) + 1)],
    ),
    Story("the same stage said again is no new entry", [LEAD, changed(at(5), stage="Lead")], at(11), [opened(at(10))]),
    Story(
        "a stage entered again counts anew",
        [LEAD, changed(at(5), stage="Demo"), changed(at(7), stage="Lead")],
        at(18),
        [opened(at(17))],
    ),
    Story(
        "closing resolves", [LEAD, changed(at(12), stage="Won")], at(30), [opened(at(10)), resolved(at(12), "closed")]
    ),
    Story(
        "a deal opened again counts from its new entry",
        [LEAD, changed(at(12), stage="Lost"), changed(at(13), stage="Lead")],
        at(24),
        [opened(at(10)), resolved(at(12), "closed"), opened(at(23))],
    ),
    Story("deleting closes", [LEAD, removed(at(12))], at(30), [opened(at(10)), resolved(at(12), "closed")]),
    Story(
        "a deal that comes back from deletion is where it was",
        [LEAD, removed(at(12)), changed(at(13), name="back")],
        at(30),
        [opened(at(10)), resolved(at(12), "closed"), opened(at(13))],
    ),
    Story(
        "merging ends it otherwise",
        [LEAD, removed(at(12), merged_into="crm/acme:D2")],
        at(30),
        [opened(at(10)), resolved(at(12), "merged_away")],
    ),
    Story(
        "in a stage that nobody defined nothing holds",
        [LEAD, changed(at(12), stage="Limbo")],
        at(30),
        [opened(at(10)), resolved(at(12), "definition")],
    ),
    Story("a full record of a deal never seen says no entry", [full_record(at(0), stage="Lead")], at(30), []),
    Story("a change of a deal never seen says its entry", [changed(at(0), stage="Lead")], at(11), [opened(at(10))]),
    Story(
        "an undated row makes the deal and says no entry",
        [DealChanged(id="u", key=KEY, source=SOURCE, at_us=0, fields={"stage": "Lead"}, created=True, undated=True)],
        at(30),
        [],
    ),
    Story("switched off", [LEAD], at(30), [], {"stage_overstay": {"enabled": False}}),
    Story(
        "switched off for the pipeline", [LEAD], at(30), [], {"stage_overstay": {"off_for": {"pipelines": ["Sales"]}}}
    ),
    Story(
        "switched off for the stage: resolved on entering it, as a matter of definition",
        [LEAD, changed(at(12), stage="Demo")],
        at(30),
        [opened(at(10)), resolved(at(12), "definition")],
        {"stage_overstay": {"off_for": {"stages": ["Demo"]}}},
    ),
    Story(
        "switched off for the segment, which the amount decides",
        [LEAD, changed(at(12), amount=5000.0), changed(at(14), amount=50.0)],
        at(30),
        [opened(at(10)), resolved(at(12), "definition"), opened(at(14))],
        {"stage_overstay": {"off_for": {"segments": ["big"]}}},
    ),
    Story(
        "switched off for the team, which the owner decides",
        [LEAD, changed(at(12), owner_id="u1"), changed(at(14), owner_id="u2")],
        at(30),
        [opened(at(10)), resolved(at(12), "definition"), opened(at(14))],
        {"stage_overstay": {"off_for": {"teams": ["South"]}}},
    ),
    Story(
        "the pipeline decides what a stage means",
        [LEAD, changed(at(5), pipeline="renewal")],
        at(7),
        [opened(at(6))],
    ),
]


@pytest.mark.parametrize("story", OVERSTAY, ids=sentence)
def test_overstay(story: Story) -> None:
    assert story.told(Kind.STAGE_OVERSTAY) == story.expected


SMALL = created(at(0), stage="Lead", amount=500.0)

CYCLE = [
    Story("at the corridor nothing is said", [SMALL], at(8), []),
    Story("a microsecond beyond it opens, dated the corridor", [SMALL], at(8) + 1, [opened(at(8))]),
    Story("changing the stage changes nothing", [SMALL, changed(at(5), stage="Demo")], at(9), [opened(at(8))]),
    Story(
        "another segment has another corridor",
        [SMALL, changed(at(9), amount=5000.0)],
        at(21),
        [opened(at(8)), resolved(at(9)), opened(at(20))],
    ),
    Story("an unknown amount has no segment and no corridor", [LEAD], at(90), []),
    Story(
        "an amount emptied has none any more",
        [SMALL, changed(at(9), amount=None)],
        at(90),
        [opened(at(8)), resolved(at(9))],
    ),
    Story(
        "what the CRM says of the creation goes before",
        [created(at(0), stage="Lead", amount=500.0, created_at=at(-5))],
        at(4),
        [opened(at(3))],
    ),
    Story(
        "a deal that is too old when first seen opens then",
        [created(at(0), stage="Lead", amount=500.0, created_at=at(-20))],
        at(1),
        [opened(at(0))],
    ),
    Story("a creation that is unknown says nothing", [changed(at(0), stage="Lead", amount=500.0)], at(90), []),
    Story(
        "a creation that becomes known says it then",
        [changed(at(0), stage="Lead", amount=500.0), changed(at(3), created_at=at(-20))],
        at(90),
        [opened(at(3))],
    ),
    Story("closing resolves", [SMALL, changed(at(9), stage="Won")], at(90), [opened(at(8)), resolved(at(9), "closed")]),
    Story(
        "opened again, it is still too old",
        [SMALL, changed(at(9), stage="Won"), changed(at(11), stage="Lead")],
        at(90),
        [opened(at(8)), resolved(at(9), "closed"), opened(at(11))],
    ),
    Story(
        "a segment without a corridor has the general one",
        [LEAD],
        at(31),
        [opened(at(30))],
        {"cycle_exceeded": {"days": 30}},
    ),
]


@pytest.mark.parametrize("story", CYCLE, ids=sentence)
def test_cycle(story: Story) -> None:
    assert story.told(Kind.CYCLE_EXCEEDED) == story.expected


DEMO = [LEAD, changed(at(1), stage="Demo")]
BACK = [*DEMO, changed(at(2), stage="Lead")]

REGRESSED = [
    Story("going forward says nothing", DEMO, at(30), []),
    Story("going back says so at once", BACK, at(2), [opened(at(2))]),
    Story(
        "reaching it again resolves", [*BACK, changed(at(3), stage="Demo")], at(30), [opened(at(2)), resolved(at(3))]
    ),
    Story("passing it resolves", [*BACK, changed(at(3), stage="Proposal")], at(30), [opened(at(2)), resolved(at(3))]),
    Story(
        "further back is the same episode",
        [LEAD, changed(at(1), stage="Proposal"), changed(at(2), stage="Demo"), changed(at(3), stage="Lead")],
        at(30),
        [opened(at(2)), updated(at(3))],
    ),
    Story(
        "halfway forward is not there yet",
        [LEAD, changed(at(1), stage="Proposal"), changed(at(2), stage="Lead"), changed(at(3), stage="Demo")],
        at(30),
        [opened(at(2)), updated(at(3))],
    ),
    Story(
        "a closed stage is not the furthest",
        [LEAD, changed(at(1), stage="Won"), changed(at(2), stage="Lead")],
        at(30),
        [],
    ),
    Story(
        "closing resolves, and opening again in an early stage is a step back",
        [*BACK, changed(at(3), stage="Lost"), changed(at(4), stage="Lead")],
        at(30),
        [opened(at(2)), resolved(at(3), "closed"), opened(at(4))],
    ),
    Story("creation in a late stage is no step", [created(at(0), stage="Proposal")], at(30), []),
    Story(
        "a stage that nobody defined is no step",
        [LEAD, changed(at(1), stage="Limbo"), changed(at(2), stage="Lead")],
        at(30),
        [],
    ),
]


@pytest.mark.parametrize("story", REGRESSED, ids=sentence)
def test_regressed(story: Story) -> None:
    assert story.told(Kind.STAGE_REGRESSED) == story.expected


def test_the_evidence_of_an_overstay() -> None:
    _, said = history([LEAD], at(11))
    episode = next(one.episode for one in said if one.episode.kind is Kind.STAGE_OVERSTAY)
    assert (episode.observed, episode.limit, episode.unit) == (10.0, 10.0, "d")
    assert (episode.anchor, episode.severity) == (rfc3339(at(0)), Severity.WARNING)
    assert episode.reason == "more than 10 days in Lead"
    assert [mark.event for mark in episode.causes] == [LEAD.id]


def test_an_overstay_seen_late_observes_what_it_is_by_then() -> None:
    late = changed(at(15), stage="Lead")
    moved = msgspec.structs.replace(late, fields={"pipeline": None})
    panel = panel_of(rules_of({"stage_overstay": {"off_for": {"pipelines": ["Renewals"]}}}))
    start = created(at(0), stage="Lead", pipeline="renewal")
    _, said = history([start, moved], at(16), panel)
    episode = next(one.episode for one in said if one.episode.kind is Kind.STAGE_OVERSTAY)
    assert (episode.observed, episode.limit, episode.opened_us) == (15.0, 10.0, at(15))


def test_the_evidence_of_a_cycle() -> None:
    _, said = history([SMALL], at(9))
    episode = next(one.episode for one in said if one.episode.kind is Kind.CYCLE_EXCEEDED)
    assert (episode.observed, episode.limit, episode.reason) == (
        8.0,
        8.0,
        "open for more than 8 days, the corridor for small",
    )
    assert [mark.event for mark in episode.causes] == [SMALL.id]


def test_the_evidence_of_a_step_back() -> None:
    _, said = history(BACK, at(3))
    episode = next(one.episode for one in said if one.episode.kind is Kind.STAGE_REGRESSED)
    assert (episode.anchor, episode.severity) == (BACK[-1].id, Severity.INFO)
    assert episode.reason == "back from Demo to Lead"
    assert episode.details == ({"furthest": "Demo"},)
    assert [mark.event for mark in episode.causes] == [BACK[-1].id]
