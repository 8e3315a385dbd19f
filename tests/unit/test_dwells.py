"""The stays of a deal: which of them count, and what is said when the deal changes."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from signals.dwells import changed as said_of
from signals.dwells import difference, dwells_of
from signals.judge import Watch
from tests.unit.brain_story import KEY, at, changed, created, full_record, gap, history, load_ended, removed, rules_of
from topics.codec import encode
from topics.dwells import Dwell, DwellUndone, decode_dwell, dwell_key
from topics.events import DealEvent
from topics.instants import DAY_US

RULES = rules_of()


class Stay(NamedTuple):
    """A stay as the tests write it: the stage, empty for the cycle; days from the start of the story."""

    stage: str
    begun: float
    ended: float | None = None


def watch(*events: DealEvent, until: float = 30) -> Watch:
    return history(list(events), at(until))[0]


def days(instant_us: int | None) -> float | None:
    return None if instant_us is None else (instant_us - at(0)) / DAY_US


def stays(of: Watch) -> list[Stay]:
    return [Stay(one.stage, days(one.from_us) or 0, days(one.until_us)) for one in dwells_of(RULES, of.deal)]


LEAD = created(at(0), stage="Lead", amount=10)


@pytest.mark.parametrize(
    ("why", "events", "expected"),
    [
        ("the present stage and the cycle still run", [LEAD], [Stay("Lead", 0), Stay("", 0)]),
        (
            "the stage that was left has ended",
            [LEAD, changed(at(4), stage="Demo")],
            [Stay("Lead", 0, 4), Stay("Demo", 4), Stay("", 0)],
        ),
        (
            "closing ends the last stage and the cycle; time in a closed stage is none",
            [LEAD, changed(at(9), stage="Won")],
            [Stay("Lead", 0, 9), Stay("", 0, 9)],
        ),
        (
            "a stage entered again is another stay",
            [LEAD, changed(at(2), stage="Demo"), changed(at(3), stage="Lead")],
            [Stay("Lead", 0, 2), Stay("Demo", 2, 3), Stay("Lead", 3), Stay("", 0)],
        ),
        (
            "a deal that opens again goes on",
            [LEAD, changed(at(2), stage="Lost"), changed(at(5), stage="Lead")],
            [Stay("Lead", 0, 2), Stay("Lead", 5), Stay("", 0)],
        ),
        (
            "who is first seen in a stage has been there nobody knows how long",
            [full_record(at(1), stage="Lead"), changed(at(4), stage="Demo")],
            [Stay("Demo", 4)],
        ),
        (
            "a stage that nobody defined is none of ours, and ends the one before",
            [LEAD, changed(at(4), stage="Limbo")],
            [Stay("Lead", 0, 4), Stay("", 0)],
        ),
        ("a deleted deal has none", [LEAD, removed(at(2))], []),
        ("a merged deal has none", [LEAD, removed(at(2), merged_into="crm/acme:D2")], []),
        ("a suspect deal keeps its own", [LEAD, gap(at(2))], [Stay("Lead", 0), Stay("", 0)]),
        (
            "created after it closed, as a CRM may say: no cycle",
            [LEAD, changed(at(2), stage="Won"), changed(at(3), created_at=at(5))],
            [Stay("Lead", 0, 2)],
        ),
    ],
)
def test_the_stays_of_a_deal(why: str, events: list[DealEvent], expected: list[Stay]) -> None:
    assert stays(watch(*events)) == expected, why


def test_every_stay_knows_the_deals_segment_and_end() -> None:
    won = watch(LEAD, changed(at(4), stage="Demo"), changed(at(9), stage="Won", amount=5000))
    found = dwells_of(RULES, won.deal)
    assert {(one.deal, one.pipeline, one.segment, one.outcome, days(one.closed_us)) for one in found} == {
        (KEY, "Sales", "big", "won", 9.0)
    }
    assert len({one.identity for one in found}) == len(found), "the cycle and the first stage begin with one event"


def test_what_was_left_at_an_unknown_time_does_not_count() -> None:
    unseen = changed(at(6), stage="Demo")
    undated = type(unseen)(**{**{name: getattr(unseen, name) for name in unseen.__struct_fields__}, "undated": True})
    assert stays(watch(LEAD, undated)) == [Stay("", 0)]


@pytest.mark.parametrize(
    ("why", "before", "after", "expected"),
    [
        ("a new deal says all", [], [LEAD], 2),
        ("nothing that stays are made of", [LEAD], [LEAD, changed(at(2), amount=20)], 0),
        ("leaving a stage says its end and the next one's beginning", [LEAD], [LEAD, changed(at(2), stage="Demo")], 2),
        (
            "another segment moves all",
            [LEAD, changed(at(2), stage="Demo")],
            [LEAD, changed(at(2), stage="Demo"), changed(at(3), amount=5000)],
            3,
        ),
        (
            "the end of the deal is said of every stay",
            [LEAD, changed(at(2), stage="Demo")],
            [LEAD, changed(at(2), stage="Demo"), changed(at(3), stage="Won")],
            3,
        ),
        ("deleting takes all back", [LEAD], [LEAD, removed(at(2))], 2),
    ],
)
def test_what_is_said_is_the_difference(
    why: str, before: list[DealEvent], after: list[DealEvent], expected: int
) -> None:
    was, now = watch(*before) if before else None, watch(*after)
    said = said_of(RULES, was, RULES, now)
    assert len(said) == expected, why
    old = () if was is None else dwells_of(RULES, was.deal)
    known = {one.identity: one for one in old}
    for one in said:
        if isinstance(one, DwellUndone):
            del known[one.identity]
        else:
            known[one.identity] = one
    assert sorted(known.values(), key=lambda one: one.identity) == sorted(
        dwells_of(RULES, now.deal), key=lambda one: one.identity
    )


def test_forgetting_takes_all_back_and_nothing_is_said_twice() -> None:
    now = watch(LEAD)
    assert {type(one) for one in said_of(RULES, now, RULES, None)} == {DwellUndone}
    assert difference(dwells_of(RULES, now.deal), dwells_of(RULES, now.deal)) == ()


def test_other_definitions_move_the_stays_that_they_call_differently() -> None:
    now = watch(LEAD)
    others = rules_of(segments=[{"name": "all"}])
    assert {one.segment for one in said_of(RULES, now, others, now) if isinstance(one, Dwell)} == {"all"}
    assert said_of(RULES, now, rules_of(), now) == ()


def test_a_load_says_nothing_until_its_end() -> None:
    load = [type(LEAD)(**{**{name: getattr(LEAD, name) for name in LEAD.__struct_fields__}, "origin": "backfill"})]
    assert stays(watch(*load)) == []
    assert stays(watch(*load, load_ended(at(10)))) == [Stay("Lead", 0), Stay("", 0)]


def test_the_record_is_read_as_it_was_written() -> None:
    for one in (*dwells_of(RULES, watch(LEAD).deal), DwellUndone(deal=KEY, entry="e", pipeline="Sales", stage="Lead")):
        assert decode_dwell(encode(one)) == one
    assert dwell_key(dwells_of(RULES, watch(LEAD).deal)[0]) == b'["Sales","Lead","small"]'
