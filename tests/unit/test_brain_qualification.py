"""Qualification: what an SQL must have, what it must keep, and what a gate asks for.

SQL begins at Demo and needs `budget` and `need`. Leaving Lead needs `need`; entering Proposal needs `budget` and an
amount. A gate is judged a minute after the entry.
"""

from __future__ import annotations

import pytest

from signals.episodes import Episode
from tests.unit.brain_story import (
    Story,
    at,
    changed,
    created,
    full_record,
    history,
    opened,
    removed,
    resolved,
    sentence,
    updated,
)
from topics.events import DealEvent
from topics.instants import MINUTE_US
from topics.signals import Kind, Severity

LEAD = created(at(0), stage="Lead")
GOOD = created(at(0), stage="Lead", budget=True, need=True, amount=500.0)

UNQUALIFIED = [
    Story("before SQL nothing is asked", [created(at(0), stage="Lead", budget=False)], at(5), []),
    Story(
        "a field that is false opens on entry",
        [created(at(0), stage="Lead", budget=False, need=True), changed(at(1), stage="Demo")],
        at(1),
        [opened(at(1))],
    ),
    Story("an empty field is not true", [created(at(0), stage="Demo", budget=None, need=True)], at(0), [opened(at(0))]),
    Story("an unknown field is not false", [created(at(0), stage="Demo", need=True)], at(5), []),
    Story(
        "a field that becomes known and false opens then",
        [created(at(0), stage="Demo", need=True), changed(at(2), budget=False)],
        at(5),
        [opened(at(2))],
    ),
    Story("the words of exports are true", [created(at(0), stage="Demo", budget="Yes", need="TRUE")], at(5), []),
    Story("any other word is not", [created(at(0), stage="Demo", budget="maybe", need=1)], at(5), [opened(at(0))]),
    Story(
        "one of two put right is an update, the other the end",
        [
            created(at(0), stage="Demo", budget=False, need=False),
            changed(at(1), need=True),
            changed(at(2), budget=True),
        ],
        at(5),
        [opened(at(0)), updated(at(1)), resolved(at(2))],
    ),
    Story(
        "back before SQL resolves",
        [created(at(0), stage="Demo", budget=False), changed(at(1), stage="Lead")],
        at(5),
        [opened(at(0)), resolved(at(1))],
    ),
    Story(
        "forward in SQL it goes on",
        [created(at(0), stage="Demo", budget=False), changed(at(1), stage="Proposal")],
        at(1),
        [opened(at(0)), updated(at(1))],
    ),
    Story(
        "winning closes",
        [created(at(0), stage="Demo", budget=False), changed(at(1), stage="Won")],
        at(5),
        [opened(at(0)), resolved(at(1), "closed")],
    ),
    Story("won at once is no SQL", [created(at(0), stage="Won", budget=False)], at(5), []),
    Story(
        "a pipeline without SQL asks nothing",
        [created(at(0), stage="Lead", pipeline="renewal", budget=False)],
        at(5),
        [],
    ),
    Story(
        "fields that arrive one by one within the instant of entry open and resolve there",
        [changed(at(1), stage="Demo"), changed(at(1) + 1, budget=False), changed(at(1) + 2, budget=True)],
        at(5),
        [opened(at(1) + 1), resolved(at(1) + 2)],
    ),
]


@pytest.mark.parametrize("story", UNQUALIFIED, ids=sentence)
def test_unqualified(story: Story) -> None:
    assert story.told(Kind.SQL_UNQUALIFIED) == story.expected


SQL = [GOOD, changed(at(1), stage="Demo")]

INCONSISTENT = [
    Story("a field cleared after SQL opens", [*SQL, changed(at(2), need=None)], at(5), [opened(at(2))]),
    Story("a field turned false after SQL opens", [*SQL, changed(at(2), need=False)], at(5), [opened(at(2))]),
    Story(
        "a field lost before SQL does not",
        [GOOD, changed(at(0.5), need=False), changed(at(1), stage="Demo")],
        at(5),
        [],
    ),
    Story(
        "a field lost in the event that enters SQL does not",
        [GOOD, changed(at(1), stage="Demo", need=False)],
        at(5),
        [],
    ),
    Story(
        "a field that was never true is not lost",
        [created(at(0), stage="Demo", need=False), changed(at(1), need=None)],
        at(5),
        [],
    ),
    Story(
        "true again resolves",
        [*SQL, changed(at(2), need=False), changed(at(3), need=True)],
        at(5),
        [opened(at(2)), resolved(at(3))],
    ),
    Story(
        "lost again is another episode",
        [*SQL, changed(at(2), need=False), changed(at(3), need=True), changed(at(4), need=False)],
        at(5),
        [opened(at(2)), resolved(at(3)), opened(at(4))],
    ),
    Story(
        "a second field is an update",
        [*SQL, changed(at(2), need=False), changed(at(3), budget=False)],
        at(5),
        [opened(at(2)), updated(at(3))],
    ),
    Story(
        "false, then empty, is the same loss",
        [*SQL, changed(at(2), need=False), changed(at(3), need=None)],
        at(5),
        [opened(at(2)), updated(at(3))],
    ),
    Story("falling back before SQL opens", [*SQL, changed(at(2), stage="Lead")], at(5), [opened(at(2))]),
    Story(
        "returning resolves",
        [*SQL, changed(at(2), stage="Lead"), changed(at(3), stage="Demo")],
        at(5),
        [opened(at(2)), resolved(at(3))],
    ),
    Story(
        "one run while either holds",
        [*SQL, changed(at(2), stage="Lead"), changed(at(3), need=False), changed(at(4), stage="Demo")],
        at(5),
        [opened(at(2)), updated(at(3)), updated(at(4))],
    ),
    Story(
        "a loss after the first entry counts though the deal had fallen back",
        [
            *SQL,
            changed(at(2), stage="Lead"),
            changed(at(3), need=False),
            changed(at(4), need=True),
            changed(at(5), stage="Demo"),
        ],
        at(6),
        [opened(at(2)), updated(at(3)), updated(at(4)), resolved(at(5))],
    ),
    Story(
        "closing resolves, opening again early is a fall",
        [*SQL, changed(at(2), stage="Lost"), changed(at(3), stage="Lead")],
        at(5),
        [opened(at(3))],
    ),
    Story(
        "a field of no one's interest may be lost",
        [*SQL, changed(at(2), demo_given=True), changed(at(3), demo_given=False)],
        at(5),
        [],
    ),
]


@pytest.mark.parametrize("story", INCONSISTENT, ids=sentence)
def test_inconsistent(story: Story) -> None:
    assert story.told(Kind.POST_SQL_INCONSISTENT) == story.expected


NEEDY = created(at(0), stage="Lead", need=False, budget=False, amount=None)
GATE = at(1) + MINUTE_US

VIOLATED = [
    Story("at the minute it is not yet judged", [NEEDY, changed(at(1), stage="Demo")], GATE, []),
    Story(
        "a microsecond later it is, dated the minute", [NEEDY, changed(at(1), stage="Demo")], GATE + 1, [opened(GATE)]
    ),
    Story(
        "what comes at the minute is in time",
        [NEEDY, changed(at(1), stage="Demo"), changed(GATE, need=True)],
        at(5),
        [],
    ),
    Story(
        "what comes a microsecond later is not",
        [NEEDY, changed(at(1), stage="Demo"), changed(GATE + 1, need=True)],
        at(5),
        [opened(GATE), resolved(GATE + 1)],
    ),
    Story("an unknown criterion does not fail", [LEAD, changed(at(1), stage="Demo")], at(5), []),
    Story(
        "leaving the stage within the minute skips the gate",
        [NEEDY, changed(at(1), stage="Demo"), changed(GATE - 1, stage="Lead")],
        at(5),
        [],
    ),
    Story(
        "leaving it afterwards resolves",
        [NEEDY, changed(at(1), stage="Demo"), changed(at(2), stage="Lead")],
        at(5),
        [opened(GATE), resolved(at(2))],
    ),
    Story(
        "going back asks for no exit",
        [created(at(0), stage="Demo", need=False), changed(at(1), stage="Lead")],
        at(5),
        [],
    ),
    Story(
        "what is lost later is not the gate's business",
        [GOOD, changed(at(1), stage="Demo"), changed(at(2), need=False)],
        at(5),
        [],
    ),
    Story(
        "the gate is judged once: what is broken after the minute stays unsaid",
        [GOOD, changed(at(1), stage="Proposal"), changed(at(2), budget=False)],
        at(5),
        [],
    ),
    Story(
        "creation in a stage passes its entry",
        [created(at(1), stage="Proposal", budget=False, amount=5.0)],
        at(5),
        [opened(GATE)],
    ),
    Story(
        "a required field that is empty fails",
        [created(at(1), stage="Proposal", budget=True, amount=None)],
        at(5),
        [opened(GATE)],
    ),
    Story(
        "a required field that is blank fails",
        [created(at(1), stage="Proposal", budget=True, amount="")],
        at(5),
        [opened(GATE)],
    ),
    Story(
        "one of two put right is not enough",
        [
            created(at(1), stage="Proposal", budget=False, amount=None),
            changed(at(2), amount=5.0),
            changed(at(3), budget=True),
        ],
        at(5),
        [opened(GATE), resolved(at(3))],
    ),
    Story("winning asks for nothing", [NEEDY, changed(at(1), stage="Won")], at(5), []),
    Story("an entry at an unknown time is not judged", [full_record(at(1), stage="Proposal", budget=False)], at(5), []),
    Story(
        "deleting closes",
        [NEEDY, changed(at(1), stage="Demo"), removed(at(2))],
        at(5),
        [opened(GATE), resolved(at(2), "closed")],
    ),
    Story(
        "without settling time it is judged on the values of the entry itself",
        [NEEDY, changed(at(1), stage="Demo"), changed(at(1) + 1, need=True)],
        at(5),
        [opened(at(1)), resolved(at(1) + 1)],
        {"gate_violated": {"settle_seconds": 0}},
    ),
]


@pytest.mark.parametrize("story", VIOLATED, ids=sentence)
def test_gate(story: Story) -> None:
    assert story.told(Kind.GATE_VIOLATED) == story.expected


def _episode(kind: Kind, events: list[DealEvent]) -> Episode:
    _, said = history(events, at(5))
    return next(one.episode for one in said if one.episode.kind is kind)


def test_the_evidence_of_an_unqualified_sql() -> None:
    cause = created(at(0), stage="Demo", budget=False, need=None)
    episode = _episode(Kind.SQL_UNQUALIFIED, [cause])
    assert (episode.anchor, episode.severity) == (cause.id, Severity.CRITICAL)
    assert episode.reason == "sales-qualified in Demo without budget, need"
    assert episode.details == ({"field": "budget", "value": False}, {"field": "need", "value": None})
    assert [mark.event for mark in episode.causes] == [cause.id]


def test_the_evidence_of_an_inconsistency() -> None:
    cause = changed(at(2), stage="Lead", need=None)
    episode = _episode(Kind.POST_SQL_INCONSISTENT, [*SQL, cause])
    assert (episode.anchor, episode.severity) == (cause.id, Severity.CRITICAL)
    assert episode.reason == "after SQL: need no longer true and back before SQL in Lead"
    assert episode.details == (
        {"field": "need", "value": None, "lost_at": "2024-03-03T00:00:00Z"},
        {"stage": "Lead"},
    )


def test_the_evidence_of_a_gate() -> None:
    entering = changed(at(1), stage="Proposal")
    episode = _episode(Kind.GATE_VIOLATED, [NEEDY, entering])
    assert (episode.anchor, episode.severity) == (entering.id, Severity.WARNING)
    assert [detail["criterion"] for detail in episode.details] == [
        "exit of Lead: need known",
        "entry of Proposal: budget known",
        "entry of Proposal: amount is filled",
    ]
    assert [mark.event for mark in episode.causes] == [entering.id]
