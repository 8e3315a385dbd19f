"""The facts of a deal: what each event changes, what is kept, and what is forgotten."""

from __future__ import annotations

import msgspec
import pytest

from signals.deal import (
    ACTIVITIES,
    CONTACT_MEMORY_US,
    INTENTS,
    MAX_ACTIVITIES,
    MAX_ENTRIES,
    MAX_INTENTS,
    MAX_MOVES,
    STATUS,
    Deal,
    evolve,
    is_true,
)
from tests.unit.brain_story import (
    KEY,
    SOURCE,
    activity,
    at,
    call,
    changed,
    created,
    full_record,
    gap,
    intent,
    load_ended,
    removed,
)
from topics.events import DealChanged, DealEvent, Scalar
from topics.instants import HOUR_US


def deal_of(*events: DealEvent) -> Deal:
    deal = Deal(KEY, SOURCE)
    for offset, event in enumerate(events):
        deal, _ = evolve(deal, event, offset)
    return deal


def touched_by(last: DealEvent, *before: DealEvent) -> set[str]:
    return set(evolve(deal_of(*before), last, 0)[1])


TRUTH: list[tuple[Scalar, bool]] = [
    (True, True),
    (1, True),
    (1.0, True),
    ("true", True),
    (" Yes ", True),
    ("1", True),
    (False, False),
    (0, False),
    (2, False),
    (None, False),
    ("", False),
    ("no", False),
    ("on", False),
]


@pytest.mark.parametrize(("value", "expected"), TRUTH)
def test_what_counts_as_true(value: Scalar, *, expected: bool) -> None:
    assert is_true(value) is expected


LEAD = created(at(0), stage="Lead", amount=5.0)

TOUCHES: list[tuple[str, set[str], list[DealEvent]]] = [
    ("a value said again touches nothing", set(), [LEAD, changed(at(1), stage="Lead")]),
    ("a value that differs touches its field", {"amount"}, [LEAD, changed(at(1), stage="Lead", amount=6.0)]),
    ("a field never covered is touched even when empty", {"next_step"}, [LEAD, changed(at(1), next_step=None)]),
    ("an activity touches activities", {ACTIVITIES}, [LEAD, call(at(1))]),
    ("an intent touches intents", {INTENTS}, [LEAD, intent(at(1))]),
    ("an intent within its window touches nothing", set(), [LEAD, intent(at(1)), intent(at(1.5))]),
    ("a gap touches the status", {STATUS}, [LEAD, gap(at(1))]),
    ("removal touches the status", {STATUS}, [LEAD, removed(at(1))]),
    ("coming back touches the status", {STATUS}, [LEAD, removed(at(1)), changed(at(2), stage="Lead")]),
    ("a full record after a gap touches the status", {STATUS}, [LEAD, gap(at(1)), full_record(at(2), stage="Lead")]),
    ("a partial one does not", set(), [LEAD, gap(at(1)), changed(at(2), stage="Lead")]),
    (
        "history touches the status",
        {STATUS},
        [LEAD, msgspec.structs.replace(changed(at(1), stage="Lead"), origin="backfill")],
    ),
    ("the end of a load touches the status", {STATUS}, [LEAD, load_ended(at(1))]),
]


@pytest.mark.parametrize(("touched", "events"), [row[1:] for row in TOUCHES], ids=[row[0] for row in TOUCHES])
def test_touched(touched: set[str], events: list[DealEvent]) -> None:
    assert touched_by(events[-1], *events[:-1]) == touched


def test_fields_that_are_absent_stay_and_fields_that_are_null_are_empty() -> None:
    deal = deal_of(LEAD, changed(at(1), amount=None), changed(at(2), name="Acme"))
    assert deal.fields == {"stage": "Lead", "amount": None, "name": "Acme"}
    assert "close_date" not in deal.fields


def test_every_event_counts_once_in_the_ordinal_of_its_mark() -> None:
    deal = deal_of(LEAD, call(at(1)), changed(at(2), stage="Demo"))
    assert deal.n == 3
    assert [(entry.stage, entry.mark.n) for entry in deal.entries] == [("Lead", 0), ("Demo", 2)]


CREATIONS: list[tuple[str, list[DealEvent], int | None]] = [
    ("the event of creation says when", [LEAD], at(0)),
    ("the CRM's own date goes before", [created(at(0), created_at=at(-3))], at(-3)),
    ("a later word of the CRM too", [LEAD, changed(at(1), created_at=at(-3))], at(-3)),
    ("an emptied date leaves what is known", [LEAD, changed(at(1), created_at=None)], at(0)),
    ("true is no date", [changed(at(1), created_at=True)], None),
    ("a change says nothing of the creation", [changed(at(1), stage="Lead")], None),
    (
        "an undated row neither",
        [DealChanged(id="u", key=KEY, source=SOURCE, at_us=0, fields={}, created=True, undated=True)],
        None,
    ),
]


@pytest.mark.parametrize(("events", "expected"), [row[1:] for row in CREATIONS], ids=[row[0] for row in CREATIONS])
def test_created(events: list[DealEvent], expected: int | None) -> None:
    assert deal_of(*events).created_us == expected


def test_a_full_record_clears_suspicion_and_a_later_gap_raises_it_again() -> None:
    assert deal_of(LEAD, gap(at(1))).suspect_us == at(1)
    assert deal_of(LEAD, gap(at(1)), full_record(at(2))).suspect_us is None
    assert deal_of(LEAD, gap(at(1)), full_record(at(2)), gap(at(3))).suspect_us == at(3)


def test_losses_are_of_fields_that_were_true() -> None:
    deal = deal_of(
        LEAD, changed(at(1), need=True, budget=True), changed(at(2), need=False), changed(at(3), budget=None)
    )
    assert {name: loss.at_us for name, loss in deal.losses.items()} == {"need": at(2), "budget": at(3)}
    assert set(evolve(deal, changed(at(4), need="yes"), 9)[0].losses) == {"budget"}


def test_losses_stand_in_the_order_of_the_event_whatever_the_hash_seed() -> None:
    names = [f"f{n}" for n in range(20)]
    deal = deal_of(LEAD, changed(at(1), **dict.fromkeys(names, True)), changed(at(2), **dict.fromkeys(names, False)))
    assert list(deal.losses) == names


def test_moves_are_to_later_days_only() -> None:
    deal = deal_of(
        created(at(0), close_date="2024-04-01"),
        changed(at(1), close_date="2024-04-02"),
        changed(at(2), close_date="2024-03-01"),
        changed(at(3), close_date=None),
        changed(at(4), close_date="2024-05-01"),
    )
    assert [(move.at_us, move.days) for move in deal.moves] == [(at(1), 1)]


def test_caps_hold() -> None:
    days = [changed(at(n), close_date=f"{2024 + n // 12}-{n % 12 + 1:02d}-01") for n in range(2 * MAX_MOVES)]
    assert len(deal_of(*days).moves) == MAX_MOVES
    stages = [changed(at(0) + n, stage=f"s{n % 3}") for n in range(2 * MAX_ENTRIES)]
    entries = deal_of(*stages).entries
    assert len(entries) == MAX_ENTRIES
    assert [entry.at_us for entry in entries[:3]] == [at(0), at(0) + 1, at(0) + 2]
    assert entries[-1].at_us == at(0) + 2 * MAX_ENTRIES - 1
    assert len(deal_of(*(intent(at(2 * n)) for n in range(2 * MAX_INTENTS))).intents) == MAX_INTENTS
    calls = [call(at(0) + n * HOUR_US) for n in range(2 * MAX_ACTIVITIES)]
    deal = deal_of(*calls)
    assert len(deal.activities) == MAX_ACTIVITIES
    assert deal.older_contact is not None
    assert deal.older_contact.at_us == at(0) + (MAX_ACTIVITIES - 1) * HOUR_US


def test_more_entries_of_different_stages_than_the_cap_lose_the_oldest() -> None:
    deal = deal_of(*(changed(at(0) + n, stage=f"s{n}") for n in range(MAX_ENTRIES + 3)))
    assert [entry.stage for entry in deal.entries] == [f"s{n}" for n in range(3, MAX_ENTRIES + 3)]


def test_activities_are_remembered_as_long_as_the_memory_and_their_last_contact_beyond() -> None:
    first = call(at(1))
    edge = deal_of(LEAD, first, activity(at(1) + CONTACT_MEMORY_US, "b", at_us=at(200)))
    assert len(edge.activities) == 2
    beyond = deal_of(LEAD, first, activity(at(1) + CONTACT_MEMORY_US + 1, "b", at_us=at(200)))
    assert list(beyond.activities) == ["b"]
    contact = beyond.last_contact(at(100))
    assert contact is not None
    assert (contact.at_us, contact.mark and contact.mark.event) == (at(1), first.id)


def test_a_contact_counts_from_its_instant() -> None:
    deal = deal_of(LEAD, activity(at(1), "m", at_us=at(5), meets=True))
    assert deal.last_contact(at(5) - 1) is None
    contact = deal.last_contact(at(5))
    assert contact is not None
    assert contact.at_us == at(5)
