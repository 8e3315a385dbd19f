"""Late, repeated and very late events of one deal: what is said when they come, and what is kept."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import pytest

from signals.deal import Deal
from signals.judge import Stored, Watch
from signals.step import FORGET_US, HORIZON_US, LONG_TAIL, MAX_TAIL, SHRINK_US, Fate, State, step
from tests.unit.brain_story import (
    KEY,
    PANEL,
    SOURCE,
    Said,
    activity,
    at,
    call,
    changed,
    created,
    history,
    intent,
    load_ended,
    opened,
    planned,
    removed,
    resolved,
    said_of,
    tick,
    updated,
)
from topics.events import ActivityChanged, DealEvent, Scalar, Tick
from topics.instants import MINUTE_US
from topics.signals import Kind

LEAD = created(at(0), stage="Lead")


class Outcome(NamedTuple):
    """What came of a log: the state at its end, and what was said after each record."""

    state: State | None
    said: list[list[Said]]
    fates: list[Fate]


def live(kind: Kind, log: list[DealEvent | Tick]) -> Outcome:
    state: State | None = State(Watch(Deal(KEY, SOURCE)))
    said: list[list[Said]] = []
    fates: list[Fate] = []
    ticked_us = 0
    for offset, event in enumerate(log):
        ticked_us = max(ticked_us, event.at_us) if isinstance(event, Tick) else ticked_us
        stepped = step(PANEL, state, Stored(event, offset), ticked_us)
        state = stepped.state
        said.append(said_of(kind, stepped.transitions))
        fates.append(stepped.fate)
    return Outcome(state, said, fates)


class Late(NamedTuple):
    """One row: a log in which the last event is late, and what is said of a kind when it comes."""

    sentence: str
    kind: Kind
    log: list[DealEvent | Tick]
    expected: list[Said]


ROWS = [
    Late(
        "an overstay that never was is corrected, dated T",
        Kind.STAGE_OVERSTAY,
        [LEAD, tick(at(11)), changed(at(9), stage="Demo")],
        [resolved(at(11), "corrected")],
    ),
    Late(
        "the same with a second tick in between that said nothing",
        Kind.STAGE_OVERSTAY,
        [LEAD, tick(at(11)), tick(at(12)), changed(at(9.5), stage="Demo")],
        [resolved(at(12), "corrected")],
    ),
    Late(
        "a gap that never was, since people had spoken",
        Kind.CONTACT_GAP,
        [LEAD, tick(at(6)), call(at(4))],
        [resolved(at(6), "corrected")],
    ),
    Late(
        "a gap that ended before now is said to have ended then",
        Kind.CONTACT_GAP,
        [LEAD, tick(at(6)), changed(at(7), name="x"), call(at(5.5))],
        [resolved(at(5.5))],
    ),
    Late(
        "an end that never was opens again, as it was",
        Kind.CONTACT_GAP,
        [LEAD, tick(at(6)), planned(at(7), "a", at(9)), activity(at(6.5), "a", removed=True)],
        [opened(at(5))],
    ),
    Late(
        "an intent in whose window an earlier one arrives gives way to it",
        Kind.HIGH_INTENT,
        [LEAD, intent(at(2)), intent(at(1.5))],
        [opened(at(1.5)), resolved(at(2), "corrected")],
    ),
    Late(
        "a push in between makes the third critical",
        Kind.CLOSE_DATE_PUSHED,
        [
            created(at(0), stage="Lead", close_date="2024-04-01"),
            changed(at(1), close_date="2024-04-10"),
            changed(at(3), close_date="2024-04-30"),
            changed(at(2), close_date="2024-04-20"),
        ],
        [opened(at(2)), updated(at(3)), resolved(at(3), "corrected")],
    ),
    Late(
        "a value that changes what is shown is an update, dated T",
        Kind.SQL_UNQUALIFIED,
        [
            created(at(0), stage="Demo", budget=False),
            changed(at(2), name="x"),
            tick(at(2.5)),
            changed(at(1), need=False),
        ],
        [updated(at(1))],
    ),
    Late(
        "the gate judged again on what was there in time",
        Kind.GATE_VIOLATED,
        [
            created(at(0), stage="Lead", need=False),
            changed(at(1), stage="Demo"),
            tick(at(1) + 2 * MINUTE_US),
            changed(at(1) + MINUTE_US, need=True),
        ],
        [resolved(at(1) + 2 * MINUTE_US, "corrected")],
    ),
    Late(
        "an event of a closed deal that was open then says both ends",
        Kind.CONTACT_GAP,
        [LEAD, call(at(4)), changed(at(7), stage="Won"), activity(at(6), f"call at {at(4)}", removed=True)],
        [opened(at(6)), resolved(at(7), "closed")],
    ),
    Late(
        "what was heard to end another way is not said to end twice",
        Kind.CONTACT_GAP,
        [LEAD, planned(at(1), "a", at(6)), changed(at(7), stage="Won"), activity(at(5.5), "a", removed=True)],
        [],
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.sentence)
def test_late(row: Late) -> None:
    outcome = live(row.kind, row.log)
    assert outcome.fates[-1] is Fate.REFOLDED
    assert outcome.said[-1] == row.expected
    events = [event for event in row.log if not isinstance(event, Tick)]
    canonical, _ = history(events, max(event.at_us for event in row.log))
    assert outcome.state is not None
    now = outcome.state.now
    assert [(one.identity, one.opened_us) for one in now.episodes] == [
        (one.identity, one.opened_us) for one in canonical.episodes
    ]


def version(number: int, **fields: Scalar) -> ActivityChanged:
    """What is known of a call at its change on the seventh day, in ever fuller versions."""
    known = activity(at(7), "a", **fields)
    return msgspec.structs.replace(known, id=f"{number:06x}", change="c", version=number)


def test_a_fuller_version_stands_in_the_place_of_a_lower_one() -> None:
    log: list[DealEvent | Tick] = [
        LEAD,
        tick(at(6)),
        version(1, at_us=at(7), done=True),
        version(2, at_us=at(7), done=True, removed=True),
    ]
    outcome = live(Kind.CONTACT_GAP, log)
    assert outcome.said[-2:] == [[resolved(at(7))], [opened(at(5))]]
    assert outcome.state is not None
    assert outcome.state.now.deal.n == 2
    late = step(PANEL, outcome.state, Stored(version(1, at_us=at(7), done=True), 9))
    assert (late.fate, late.state) == (Fate.DUPLICATE, outcome.state)


EVENT = changed(at(10), name="late")

FATES: list[tuple[str, list[DealEvent | Tick], Fate]] = [
    ("in order", [LEAD], Fate.FOLDED),
    ("late, inside the horizon", [LEAD, changed(at(13), name="x")], Fate.REFOLDED),
    ("late, at the very horizon", [LEAD, changed(at(10) + 1, amount=1.0), changed(at(13), name="x")], Fate.REFOLDED),
    ("time has passed it without a change", [created(at(0), stage="Won"), tick(at(13))], Fate.FOLDED),
    ("time has passed it with one", [LEAD, tick(at(10) + 1)], Fate.REFOLDED),
    (
        "late beyond the horizon of an event",
        [LEAD, changed(at(11), name="x"), changed(at(15), name="y")],
        Fate.TOO_LATE,
    ),
    ("late beyond the horizon of a tick", [LEAD, changed(at(11), name="x"), tick(at(15))], Fate.TOO_LATE),
    ("late beyond what time alone has changed", [LEAD, tick(at(10) + 1), changed(at(15), name="y")], Fate.TOO_LATE),
    ("once more", [LEAD, EVENT], Fate.DUPLICATE),
    ("once more, refolded in between", [LEAD, EVENT, changed(at(9), name="x")], Fate.DUPLICATE),
    ("once more when it is the last that is settled", [LEAD, EVENT, tick(at(20))], Fate.DUPLICATE),
]


@pytest.mark.parametrize(("log", "fate"), [row[1:] for row in FATES], ids=[row[0] for row in FATES])
def test_fate(log: list[DealEvent | Tick], fate: Fate) -> None:
    before = live(Kind.CONTACT_GAP, log)
    assert before.state is not None
    after = step(PANEL, before.state, Stored(EVENT, 99))
    assert after.fate is fate
    if fate in {Fate.DUPLICATE, Fate.TOO_LATE}:
        assert after.state is before.state
        assert after.transitions == []


def test_an_event_without_a_horizon_left_is_folded_though_ticks_have_passed_it() -> None:
    quiet = live(Kind.CONTACT_GAP, [created(at(0), stage="Won"), tick(at(20))])
    assert quiet.state is not None
    assert quiet.state.base is None
    assert step(PANEL, quiet.state, Stored(changed(at(18), name="x"), 9)).fate is Fate.FOLDED


def test_a_busy_deal_keeps_a_short_tail() -> None:
    log: list[DealEvent | Tick] = [LEAD, *(changed(at(0) + n * HORIZON_US // 8, name=f"n{n}") for n in range(1, 200))]
    state = live(Kind.CONTACT_GAP, log).state
    assert state is not None
    assert len(state.tail) <= 2 * LONG_TAIL


def test_a_burst_within_the_horizon_is_capped() -> None:
    log: list[DealEvent | Tick] = [LEAD, *(changed(at(0) + n, name=f"n{n}") for n in range(1, MAX_TAIL + 40))]
    state = live(Kind.CONTACT_GAP, log).state
    assert state is not None
    assert len(state.tail) <= MAX_TAIL
    assert state.now.deal.n == len(log)


def test_a_deal_that_is_being_loaded_has_no_horizon_yet() -> None:
    rows = [
        msgspec.structs.replace(event, origin="backfill")
        for event in (LEAD, changed(at(30), stage="Demo"), changed(at(60), stage="Proposal"))
    ]
    late = msgspec.structs.replace(call(at(2)), origin="backfill")
    outcome = live(Kind.CONTACT_GAP, [*rows, late, load_ended(at(61)), tick(at(70))])
    assert outcome.fates[3] is Fate.REFOLDED
    assert outcome.state is not None
    contact = outcome.state.now.deal.last_contact(at(70))
    assert contact is not None
    assert contact.at_us == at(2)
    assert outcome.state.tail == ()


CLOSED: list[DealEvent | Tick] = [
    LEAD,
    call(at(1)),
    planned(at(1), "a", at(400)),
    intent(at(2)),
    changed(at(3), stage="Won"),
]


def test_a_deal_that_closed_long_ago_shrinks_to_its_facts() -> None:
    just_not = live(Kind.CONTACT_GAP, [*CLOSED, tick(at(8)), tick(at(3) + SHRINK_US)]).state
    assert just_not is not None
    assert just_not.now.deal.shrinks
    shrunk = live(Kind.CONTACT_GAP, [*CLOSED, tick(at(8)), tick(at(3) + SHRINK_US + 1)]).state
    assert shrunk is not None
    assert not shrunk.now.deal.shrinks
    assert shrunk.now.deal.fields == just_not.now.deal.fields
    assert shrunk.now.deal.entries == just_not.now.deal.entries
    assert shrunk.due_us == at(3) + FORGET_US


def test_a_shrunk_deal_that_opens_again_still_knows_its_last_contact() -> None:
    log: list[DealEvent | Tick] = [*CLOSED, tick(at(100)), changed(at(200), stage="Lead"), tick(at(201))]
    outcome = live(Kind.CONTACT_GAP, log)
    assert outcome.said[-2] == [opened(at(200))]
    assert outcome.state is not None
    (gap,) = [one for one in outcome.state.now.episodes if one.kind is Kind.CONTACT_GAP]
    assert gap.anchor == "2024-03-02T00:00:00Z"


def test_a_deal_that_closed_very_long_ago_is_forgotten() -> None:
    assert live(Kind.CONTACT_GAP, [*CLOSED, tick(at(3) + FORGET_US)]).state is not None
    assert live(Kind.CONTACT_GAP, [*CLOSED, tick(at(3) + FORGET_US + 1)]).state is None


def test_a_deleted_deal_is_forgotten_and_an_open_one_never() -> None:
    assert live(Kind.CONTACT_GAP, [LEAD, removed(at(1)), tick(at(2) + FORGET_US)]).state is None
    assert live(Kind.CONTACT_GAP, [LEAD, tick(at(2) + FORGET_US)]).state is not None
    opened_again: list[DealEvent | Tick] = [LEAD, removed(at(1)), changed(at(5), name="x"), tick(at(2) + FORGET_US)]
    assert live(Kind.CONTACT_GAP, opened_again).state is not None
