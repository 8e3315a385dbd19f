"""Meetings and handovers, in business days. The story begins on a Friday, 1 March 2024, at midnight in UTC."""

from __future__ import annotations

import pytest

from signals.judge import Panel, panel_of
from tests.unit.brain_story import (
    PLAYBOOK,
    Said,
    Story,
    activity,
    at,
    call,
    changed,
    created,
    history,
    meeting,
    of_owner,
    opened,
    planned,
    resolved,
    rules_of,
    said_of,
    sentence,
)
from topics.events import ActivityChanged, DealEvent
from topics.instants import rfc3339
from topics.signals import Kind


def told(kind: Kind, panel: Panel, story: Story) -> list[Said]:
    return sorted(said_of(kind, history(story.events, story.until_us, panel)[1]), key=lambda one: one.at_us)


FREE = {"name": "free", "days_off": ["2024-03-07"]}
MEETINGS = panel_of(rules_of({"no_next_meeting": {"from_stage": 2}}, calendars=[FREE]))
FRIDAY = created(at(0.5), stage="Demo")
MONDAY = created(at(3.5), stage="Demo")
NEXT = [
    Story("two business days after a Monday is Wednesday", [MONDAY], at(5.5), []),
    Story("a microsecond more opens", [MONDAY], at(5.5) + 1, [opened(at(5.5))]),
    Story("the weekend does not count", [FRIDAY], at(9), [opened(at(4.5))]),
    Story("nor does a holiday", [created(at(5.5), stage="Demo")], at(12), [opened(at(10.5))]),
    Story("what begins on a Saturday begins on Monday", [created(at(1.5), stage="Demo")], at(9), [opened(at(5))]),
    Story("an early stage needs no meeting", [created(at(0), stage="Lead")], at(30), []),
    Story("a meeting ahead is enough", [MONDAY, meeting(at(4), "m", at(10))], at(10), []),
    Story("it counts from its end", [MONDAY, meeting(at(4), "m", at(10.5))], at(13), [opened(at(12.5))]),
    Story("until the limit after its end", [MONDAY, meeting(at(4), "m", at(10.5))], at(12.5), []),
    Story("a new one resolves", [MONDAY, meeting(at(6), "m", at(9))], at(9), [opened(at(5.5)), resolved(at(6))]),
    Story(
        "one too far ahead is none yet",
        [MONDAY, meeting(at(4), "m", at(14))],
        at(8),
        [opened(at(5.5)), resolved(at(7))],
    ),
    Story("a call that is planned is no meeting", [MONDAY, planned(at(4), "c", at(9))], at(6), [opened(at(5.5))]),
    Story("a call is none either", [MONDAY, call(at(4))], at(6), [opened(at(5.5))]),
    Story(
        "one that is deleted is none",
        [MONDAY, meeting(at(4), "m", at(9)), activity(at(6), "m", removed=True)],
        at(6),
        [opened(at(6))],
    ),
    Story("a later stage begins anew", [MONDAY, changed(at(4.5), stage="Proposal")], at(8), [opened(at(7.5))]),
    Story(
        "resolved, and again with the next stage",
        [MONDAY, changed(at(6), stage="Proposal")],
        at(12),
        [opened(at(5.5)), resolved(at(6)), opened(at(11))],
    ),
    Story(
        "closing resolves", [MONDAY, changed(at(6), stage="Won")], at(9), [opened(at(5.5)), resolved(at(6), "closed")]
    ),
    Story(
        "an entry at nobody knows when says nothing before a meeting",
        [changed(at(0), stage="Lead"), changed(at(1), name="x")],
        at(30),
        [],
    ),
    Story(
        "a meeting that is forgotten is still the last one",
        [created(at(0), stage="Demo"), meeting(at(1), "m", at(3.5)), planned(at(70), "c", at(80))],
        at(79),
        [opened(at(5.5))],
    ),
]


@pytest.mark.parametrize("story", NEXT, ids=sentence)
def test_next_meeting(story: Story) -> None:
    assert told(Kind.NO_NEXT_MEETING, MEETINGS, story) == story.expected


def test_the_evidence_of_no_meeting_counts_business_days() -> None:
    _, said = history([FRIDAY], at(9), MEETINGS)
    episode = next(one.episode for one in said if one.episode.kind is Kind.NO_NEXT_MEETING)
    assert (episode.anchor, episode.observed, episode.limit, episode.unit) == (
        rfc3339(at(0.5)),
        2.0,
        2.0,
        "business days",
    )
    assert episode.reason == "no meeting is planned, more than 2 business days after Demo was entered"


def test_a_working_day_is_that_of_the_owner() -> None:
    owners = [{"name": "Ana", "ids": ["u1"], "timezone": "Pacific/Auckland"}]  # 13 hours ahead: Saturday comes early
    panel = panel_of(rules_of({"no_next_meeting": {"from_stage": 2}}, owners=owners))
    deal = created(at(0.5), stage="Demo", owner_id="u1")
    story = Story("", [deal], at(9), [opened(at(4) + (at(11 / 24) - at(0)))])
    assert told(Kind.NO_NEXT_MEETING, panel, story) == story.expected


HANDED = panel_of(rules_of(owners=[*PLAYBOOK["owners"], {"name": "Cy", "ids": ["u3", "u33"], "team": "North"}]))
MINE = created(at(0), stage="Lead", owner_id="u1", lifecycle="lead")


def call_by(at_us: int, owner: str | None) -> ActivityChanged:
    """A call by this seller."""
    said: dict[str, str] = {} if owner is None else {"owner": owner}
    return activity(at_us, f"call by {owner}", at_us=at_us, done=True, **said)


GIVEN: list[DealEvent] = [MINE, changed(at(3.5), owner_id="u2")]
HANDOVERS = [
    Story("two business days are for the new owner", GIVEN, at(5.5), []),
    Story("a microsecond more opens", GIVEN, at(5.5) + 1, [opened(at(5.5))]),
    Story("the new owner's call ends it", [*GIVEN, call_by(at(6), "u2")], at(9), [opened(at(5.5)), resolved(at(6))]),
    Story("a call at the limit is in time", [*GIVEN, call_by(at(5.5), "u2")], at(9), []),
    Story("a call by the old owner is none", [*GIVEN, call_by(at(4), "u1")], at(6), [opened(at(5.5))]),
    Story(
        "a call before the handover is none",
        [MINE, call_by(at(3), "u2"), changed(at(3.5), owner_id="u2")],
        at(6),
        [opened(at(5.5))],
    ),
    Story("a call by nobody knows whom may be theirs", [*GIVEN, call_by(at(4), None)], at(9), []),
    Story(
        "another name of the new owner is theirs",
        [MINE, changed(at(3.5), owner_id="u3"), call_by(at(4), "u33")],
        at(9),
        [],
    ),
    Story(
        "within a team nothing is handed over",
        [created(at(0), stage="Lead", owner_id="u2"), changed(at(3.5), owner_id="u3")],
        at(9),
        [],
    ),
    Story(
        "who takes over within the team inherits the duty",
        [*GIVEN, changed(at(4.5), owner_id="u3")],
        at(6),
        [opened(at(5.5))],
    ),
    Story("and the answer", [*GIVEN, call_by(at(4), "u2"), changed(at(4.5), owner_id="u3")], at(9), []),
    Story(
        "a first owner takes over from nobody",
        [created(at(0), stage="Lead", owner_id=None), changed(at(3), owner_id="u2")],
        at(9),
        [],
    ),
    Story("a deal that nobody owns waits for nobody", [*GIVEN, changed(at(4), owner_id=None)], at(9), []),
    Story(
        "teams that nobody knows are no others",
        [created(at(0), stage="Lead", owner_id="x"), changed(at(3), owner_id="y")],
        at(9),
        [],
    ),
    Story(
        "the CRM's teams count where the playbook knows nobody",
        [
            created(at(0), stage="Lead", owner_id="x"),
            of_owner(at(1), "x", name="X", team="SDR"),
            changed(at(3.5), owner_id="y"),
            of_owner(at(3.5), "y", name="Y", team="AE"),
        ],
        at(9),
        [opened(at(5.5))],
    ),
    Story(
        "so do its roles",
        [
            created(at(0), stage="Lead", owner_id="x"),
            of_owner(at(1), "x", name="X", role="00E1"),
            changed(at(3.5), owner_id="y"),
            of_owner(at(4), "y", name="Y", role="00E2"),
        ],
        at(9),
        [opened(at(5.5))],
    ),
    Story(
        "a lifecycle is handed over as well",
        [MINE, changed(at(3.5), lifecycle="opportunity")],
        at(9),
        [opened(at(5.5))],
    ),
    Story(
        "a call after that is enough",
        [MINE, changed(at(3.5), lifecycle="opportunity"), call_by(at(4), "u1")],
        at(9),
        [],
    ),
    Story(
        "closing resolves", [*GIVEN, changed(at(6), stage="Lost")], at(9), [opened(at(5.5)), resolved(at(6), "closed")]
    ),
    Story(
        "an answer that is forgotten is one still",
        [*GIVEN, call_by(at(4), "u2"), call_by(at(80), "u1")],
        at(90),
        [],
    ),
    Story(
        "what the old owner did and is forgotten is none",
        [*GIVEN, call_by(at(4), "u1"), planned(at(80), "p", at(85))],
        at(90),
        [opened(at(5.5))],
    ),
]


@pytest.mark.parametrize("story", HANDOVERS, ids=sentence)
def test_handover(story: Story) -> None:
    assert told(Kind.HANDOFF_STALLED, HANDED, story) == story.expected


def test_the_evidence_of_a_handover_names_both_owners() -> None:
    _, said = history(GIVEN, at(6), HANDED)
    episode = next(one.episode for one in said if one.episode.kind is Kind.HANDOFF_STALLED)
    assert (episode.anchor, episode.observed, episode.limit) == (rfc3339(at(3.5)), 2.0, 2.0)
    assert episode.details == ({"owner before": "u1", "owner after": "u2"},)
