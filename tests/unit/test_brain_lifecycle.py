"""Lifecycle: deals that nobody works on, that came back, that belong to nobody. One row per rule."""

from __future__ import annotations

import msgspec
import pytest

from signals.judge import Stored, panel_of
from signals.step import FORGET_US, SHRINK_US, State, step
from tests.unit.brain_story import (
    PANEL,
    SOURCE,
    Story,
    activity,
    at,
    call,
    changed,
    created,
    full_record,
    history,
    meeting,
    of_owner,
    opened,
    planned,
    removed,
    resolved,
    rules_of,
    sentence,
    tick,
)
from topics.events import DealChanged, DealEvent
from topics.instants import rfc3339
from topics.signals import Kind, Severity

LEAD = created(at(0), stage="Lead", owner_id="u1", close_date="2024-12-31", amount=500.0)


def by_system(event: DealChanged) -> DealChanged:
    """The same change, made by no person."""
    return msgspec.structs.replace(event, actor="system")


STALE = [
    Story("at the limit nothing is said", [LEAD], at(35), []),
    Story("a microsecond beyond the limit it opens, dated the limit", [LEAD], at(35) + 1, [opened(at(35))]),
    Story("a contact counts", [LEAD, call(at(3))], at(39), [opened(at(38))]),
    Story("a contact ends it", [LEAD, call(at(40))], at(50), [opened(at(35)), resolved(at(40))]),
    Story("a contact at the limit is in time", [LEAD, call(at(35))], at(60), []),
    *(
        Story(f"a person who changes {name} counts", [LEAD, changed(at(3), **{name: value})], at(39), [opened(at(38))])
        for name, value in (
            ("stage", "Demo"),
            ("amount", 600.0),
            ("close_date", "2025-01-31"),
            ("next_step", "Call their lawyer"),
            ("owner_id", "u2"),
            ("amount", None),
        )
    ),
    Story("another field does not count", [LEAD, changed(at(3), probability=20)], at(36), [opened(at(35))]),
    Story("the same value again does not count", [LEAD, changed(at(3), amount=500.0)], at(36), [opened(at(35))]),
    Story(
        "what a system changes does not count", [LEAD, by_system(changed(at(3), amount=1.0))], at(36), [opened(at(35))]
    ),
    Story(
        "what a system changes later hides no person's work",
        [LEAD, changed(at(3), amount=1.0), by_system(changed(at(4), amount=2.0))],
        at(39),
        [opened(at(38))],
    ),
    Story("a change ends it", [LEAD, changed(at(40), amount=1.0)], at(50), [opened(at(35)), resolved(at(40))]),
    Story("it opens anew", [LEAD, call(at(40))], at(76), [opened(at(35)), resolved(at(40)), opened(at(75))]),
    Story("a task that is planned is no contact", [LEAD, planned(at(3), "t", at(50))], at(36), [opened(at(35))]),
    Story(
        "a meeting becomes a contact when it ends",
        [LEAD, meeting(at(3), "m", at(40))],
        at(50),
        [opened(at(35)), resolved(at(40))],
    ),
    Story(
        "a deal whose past nobody knows is as old as what we heard of it",
        [full_record(at(0), stage="Lead", created_at=at(-400), amount=1.0)],
        at(36),
        [opened(at(35))],
    ),
    Story(
        "a record that says a field for the first time is no work on it",
        [full_record(at(0), stage="Lead"), full_record(at(5), stage="Lead", amount=1.0)],
        at(36),
        [opened(at(35))],
    ),
    Story(
        "a change of a field that was never heard of is",
        [full_record(at(0), stage="Lead"), changed(at(5), amount=1.0)],
        at(41),
        [opened(at(40))],
    ),
    Story(
        "an undated row is no work, and no beginning",
        [
            DealChanged(
                id="u", key=LEAD.key, source=SOURCE, at_us=0, fields={"stage": "Lead"}, created=True, undated=True
            )
        ],
        at(400),
        [],
    ),
    Story(
        "closing resolves", [LEAD, changed(at(40), stage="Lost")], at(90), [opened(at(35)), resolved(at(40), "closed")]
    ),
    Story("switched off", [LEAD], at(60), [], {"stale_deal": {"enabled": False}}),
]


@pytest.mark.parametrize("story", STALE, ids=sentence)
def test_stale(story: Story) -> None:
    assert story.told(Kind.STALE_DEAL) == story.expected


WON = [LEAD, changed(at(1), stage="Won")]

REOPENED = [
    Story("closing alone says nothing", WON, at(30), []),
    Story(
        "left for an open stage, for 14 days",
        [*WON, changed(at(3), stage="Demo")],
        at(30),
        [opened(at(3)), resolved(at(17), "expired")],
    ),
    Story("open to the last instant", [*WON, changed(at(3), stage="Demo")], at(17), [opened(at(3))]),
    Story(
        "over a microsecond later",
        [*WON, changed(at(3), stage="Demo")],
        at(17) + 1,
        [opened(at(3)), resolved(at(17), "expired")],
    ),
    Story(
        "closing again does not end it",
        [*WON, changed(at(3), stage="Demo"), changed(at(4), stage="Lost")],
        at(30),
        [opened(at(3)), resolved(at(17), "expired")],
    ),
    Story("from lost to won is not open again", [*WON, changed(at(3), stage="Lost")], at(30), []),
    Story(
        "twice is twice",
        [*WON, changed(at(3), stage="Demo"), changed(at(4), stage="Lost"), changed(at(5), stage="Lead")],
        at(30),
        [opened(at(3)), opened(at(5)), resolved(at(17), "expired"), resolved(at(19), "expired")],
    ),
    Story(
        "a deal that comes back from deletion was not closed",
        [LEAD, removed(at(1)), changed(at(2), name="x")],
        at(9),
        [],
    ),
    Story(
        "deleting ends it",
        [*WON, changed(at(3), stage="Demo"), removed(at(4))],
        at(30),
        [opened(at(3)), resolved(at(4), "closed")],
    ),
    Story(
        "a stage that nobody defined ends it",
        [*WON, changed(at(3), stage="Demo"), changed(at(4), stage="Limbo")],
        at(30),
        [opened(at(3)), resolved(at(4), "definition")],
    ),
    Story(
        "the number of days is the playbook's",
        [*WON, changed(at(3), stage="Demo")],
        at(30),
        [opened(at(3)), resolved(at(5), "expired")],
        {"reopened": {"expires_days": 2}},
    ),
    Story("switched off", [*WON, changed(at(3), stage="Demo")], at(30), [], {"reopened": {"enabled": False}}),
]


@pytest.mark.parametrize("story", REOPENED, ids=sentence)
def test_reopened(story: Story) -> None:
    assert story.told(Kind.REOPENED) == story.expected


def test_reopened_says_from_where_to_where_and_is_anchored_at_the_event() -> None:
    back = changed(at(3), stage="Demo")
    said = [one for one in history([*WON, back], at(9))[1] if one.episode.kind is Kind.REOPENED]
    (episode,) = [one.episode for one in said]
    assert (episode.anchor, episode.severity) == (back.id, Severity.INFO)
    assert episode.details == ({"from": "Won", "to": "Demo"},)
    assert episode.reason == "came back from Won to Demo"


NOBODY = created(at(0), stage="Lead", owner_id=None)

UNOWNED = [
    Story("a deal with an owner", [LEAD], at(30), []),
    Story("an owner that nobody told of is unknown", [created(at(0), stage="Lead")], at(30), []),
    Story("at the limit nothing is said", [NOBODY], at(1), []),
    Story("a microsecond beyond the limit it opens, dated the limit", [NOBODY], at(1) + 1, [opened(at(1))]),
    Story("an empty text is nobody", [created(at(0), stage="Lead", owner_id="")], at(2), [opened(at(1))]),
    Story("an owner within the limit is in time", [NOBODY, changed(at(1), owner_id="u1")], at(9), []),
    Story("an owner ends it", [NOBODY, changed(at(3), owner_id="u1")], at(9), [opened(at(1)), resolved(at(3))]),
    Story("losing the owner begins it", [LEAD, changed(at(4), owner_id=None)], at(9), [opened(at(5))]),
    Story("the owner is active no longer", [LEAD, of_owner(at(4), "u1", active=False)], at(9), [opened(at(5))]),
    Story("exports write it as a word", [LEAD, of_owner(at(4), "u1", active="false")], at(9), [opened(at(5))]),
    Story("whether the owner is active is unknown", [LEAD, of_owner(at(4), "u1", active=None)], at(9), []),
    Story("an active owner", [LEAD, of_owner(at(4), "u1", active=True)], at(9), []),
    Story("of another user", [LEAD, of_owner(at(4), "u2", active=False)], at(9), []),
    Story(
        "active again",
        [LEAD, of_owner(at(4), "u1", active=False), of_owner(at(7), "u1", active=True)],
        at(9),
        [opened(at(5)), resolved(at(7))],
    ),
    Story(
        "other news of the inactive owner change nothing",
        [LEAD, of_owner(at(4), "u1", active=False), of_owner(at(7), "u1", active=False, team="North")],
        at(9),
        [opened(at(5))],
    ),
    Story(
        "handed from an inactive owner to an active one",
        [LEAD, of_owner(at(4), "u1", active=False), changed(at(6), owner_id="u2"), of_owner(at(6), "u2", active=True)],
        at(9),
        [opened(at(5)), resolved(at(6))],
    ),
    Story(
        "handed from one inactive owner to another: a clock of its own",
        [LEAD, of_owner(at(4), "u1", active=False), changed(at(6), owner_id="u2"), of_owner(at(6), "u2", active=False)],
        at(9),
        [opened(at(5)), resolved(at(6)), opened(at(7))],
    ),
    Story(
        "nobody since the record that says it first",
        [full_record(at(0), stage="Lead"), full_record(at(5), stage="Lead", owner_id=None)],
        at(9),
        [opened(at(6))],
    ),
    Story("closing resolves", [NOBODY, changed(at(3), stage="Won")], at(9), [opened(at(1)), resolved(at(3), "closed")]),
    Story("the number of days is the playbook's", [NOBODY], at(9), [opened(at(3))], {"unowned": {"days": 3}}),
    Story("switched off", [NOBODY], at(9), [], {"unowned": {"enabled": False}}),
]


@pytest.mark.parametrize("story", UNOWNED, ids=sentence)
def test_unowned(story: Story) -> None:
    assert story.told(Kind.UNOWNED) == story.expected


def test_what_counts_time_shows_the_value_the_limit_and_the_event_from_which_it_runs() -> None:
    lost = changed(at(4), owner_id=None)
    said = [one.episode for one in history([LEAD, lost], at(60))[1]]
    (unowned,) = [one for one in said if one.kind is Kind.UNOWNED]
    assert (unowned.observed, unowned.limit, unowned.unit, unowned.anchor) == (1.0, 1.0, "d", rfc3339(at(4)))
    assert [mark.event for mark in unowned.causes] == [lost.id]
    assert unowned.reason == "nobody owns it, for more than 1 day"
    (stale,) = [one for one in said if one.kind is Kind.STALE_DEAL]
    assert (stale.observed, stale.limit, stale.anchor) == (35.0, 35.0, rfc3339(at(4)))
    assert [mark.event for mark in stale.causes] == [lost.id]
    assert stale.reason == "nobody has worked on it for more than 35 days: it may be over"


def lived(events: list[DealEvent], panel: object = PANEL) -> tuple[State | None, list[tuple[Kind, str, str | None]]]:
    """The events as they come, one step each: the state, and what was said."""
    state: State | None = None
    said: list[tuple[Kind, str, str | None]] = []
    for offset, event in enumerate(events):
        stepped = step(panel, state, Stored(event, offset))  # type: ignore[arg-type]
        state = stepped.state
        said += [(one.episode.kind, one.step.value, one.resolution) for one in stepped.transitions]
    return state, said


def test_a_closed_deal_is_visited_for_what_is_still_open_on_it_and_shrinks_and_is_forgotten_in_its_time() -> None:
    events: list[DealEvent] = [*WON, changed(at(3), stage="Demo"), changed(at(4), stage="Lost")]
    state, _ = lived(events)
    assert state is not None
    assert Kind.REOPENED in state.now.dues
    state, said = lived([*events, tick(at(10)), tick(at(17) + 1)])
    assert state is not None
    assert (Kind.REOPENED, "resolved", "expired") in said
    assert state.now.dues == {}
    closed = at(4)
    assert state.due_us == closed + SHRINK_US or state.base is not None
    state, _ = lived([*events, tick(at(10)), tick(at(30)), tick(closed + SHRINK_US + 1)])
    assert state is not None
    assert not state.now.deal.shrinks
    assert state.due_us == closed + FORGET_US
    state, _ = lived([*events, tick(at(10)), tick(at(30)), tick(closed + SHRINK_US + 1), tick(closed + FORGET_US + 1)])
    assert state is None


def test_what_is_open_on_a_deal_that_is_forgotten_by_age_ends() -> None:
    long = panel_of(rules_of({"reopened": {"expires_days": 3000}}))
    events: list[DealEvent] = [*WON, changed(at(3), stage="Demo"), changed(at(4), stage="Lost"), tick(at(30))]
    state, said = lived([*events, tick(at(4) + SHRINK_US + 1), tick(at(4) + FORGET_US + 1)], long)
    assert state is None
    assert [one for one in said if one[0] is Kind.REOPENED] == [
        (Kind.REOPENED, "opened", None),
        (Kind.REOPENED, "resolved", "expired"),
    ]


def test_activities_without_a_time_or_deleted_are_no_contact() -> None:
    events: list[DealEvent] = [
        LEAD,
        activity(at(3), "a", done=False),
        activity(at(4), "b", at_us=at(4), done=True, removed=True),
    ]
    said = [one.at_us for one in history(events, at(60))[1] if one.episode.kind is Kind.STALE_DEAL]
    assert said == [at(35)]
