"""What a delivery still needs, given what the ledger knows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from alerts.audience import person
from alerts.ledger import (
    KEEP_OVER_US,
    Edit,
    LedgerEntry,
    Part,
    Plan,
    Say,
    Skip,
    State,
    addressed,
    at_part,
    failed,
    forgettable,
    intended,
    part_mark,
    places,
    plan,
    replied,
    said,
    stands,
    under_way,
)
from alerts.reasons import Reason
from alerts.values import Delivery, Op
from tests.golden.messages.samples import ANN, opened, resolved, updated
from topics.signals import Kind, Signal, Step

SIGNAL = opened(Kind.CONTACT_GAP)


def _delivery(seq: int, signal: Signal = SIGNAL) -> Delivery:
    return Delivery(
        seq=seq,
        op=Op.POST if seq == 1 else Op.EDIT,
        reason=Reason.TOLD,
        via=Reason.AS_OWNER,
        recipient=person(ANN),
        signal=signal,
    )


FIRST, UPDATE, END = _delivery(1), _delivery(2, updated(SIGNAL)), _delivery(3, resolved(SIGNAL))
INTENDED = intended(None, FIRST, Op.POST, 100)
SAID = said(stands(addressed(INTENDED, "D1", fallback=False), "D1", "1.0", 200))
FAILED = failed(INTENDED, Reason.RECIPIENT_REFUSED, "user_not_found")
EDITING = intended(SAID, UPDATE, Op.EDIT, 300)
EDITED = said(EDITING)
IN_THREAD = at_part(stands(addressed(INTENDED, "D1", fallback=False), "D1", "1.0", 200), Part.DETAILS)

CASES: list[tuple[str, LedgerEntry | None, Delivery, Plan]] = [
    ("nothing known: say it", None, FIRST, Say(look_first=False)),
    ("nothing known of an update: say it", None, UPDATE, Say(look_first=False)),
    ("nothing known of an end: nothing to edit", None, END, Skip(Reason.NEVER_SAID)),
    ("a crash after the intent: look first", INTENDED, FIRST, Say(look_first=True, intended_us=100)),
    ("redelivered after it was said", SAID, FIRST, Skip(Reason.ALREADY_SAID)),
    ("redelivered after it failed", FAILED, FIRST, Skip(Reason.ALREADY_SAID)),
    ("an update of what was said", SAID, UPDATE, Edit("D1", "1.0")),
    ("a crash in the middle of an edit: edit again", EDITING, UPDATE, Edit("D1", "1.0")),
    ("a crash before the details: the message stands", IN_THREAD, FIRST, Edit("D1", "1.0")),
    ("redelivered from before the edit", EDITED, FIRST, Skip(Reason.ALREADY_SAID)),
    ("an update of what could not be said: say it now", FAILED, UPDATE, Say(look_first=False)),
    ("the end of what could not be said", FAILED, END, Skip(Reason.NEVER_SAID)),
]


@pytest.mark.parametrize(("entry", "delivery", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_the_plan(entry: LedgerEntry | None, delivery: Delivery, expected: Plan) -> None:
    assert plan(entry, delivery) == expected


def test_an_intent_taken_up_again_keeps_its_mark_and_its_time() -> None:
    again = intended(addressed(INTENDED, "D1", fallback=True), FIRST, Op.POST, 999)
    assert (again.mark, again.intended_us, again.channel, again.fallback) == (INTENDED.mark, 100, "D1", True)


def test_an_edit_keeps_where_the_message_stands_and_when_it_was_first_said() -> None:
    assert (EDITING.state, EDITING.channel, EDITING.ts) == (State.INTENDED, "D1", "1.0")
    assert (EDITED.state, EDITED.said_us, EDITED.seq, EDITED.mark) == (State.SAID, 200, 2, SAID.mark)


def test_a_message_that_could_not_be_edited_still_stands() -> None:
    entry = failed(EDITING, Reason.MESSAGE_GONE, "message_not_found")
    assert (entry.state, entry.ts, entry.reason) == (State.SAID, "1.0", Reason.MESSAGE_GONE)


def test_a_mark_belongs_to_one_recipient_and_signal() -> None:
    other = replace(FIRST, recipient=replace(FIRST.recipient, key="person:Somebody Else"))
    assert intended(None, other, Op.POST, 0).mark != INTENDED.mark
    assert intended(None, FIRST, Op.POST, 7).mark == INTENDED.mark


@pytest.mark.parametrize(
    ("delivery", "age_us", "expected"),
    [(END, KEEP_OVER_US, False), (END, KEEP_OVER_US + 1, True), (UPDATE, 10 * KEEP_OVER_US, False)],
    ids=["at the limit", "past the limit", "open signals stay"],
)
def test_what_is_forgotten(delivery: Delivery, age_us: int, expected: bool) -> None:  # noqa: FBT001 - a case's column
    entry = said(intended(SAID, delivery, Op.EDIT, 300))
    assert forgettable(entry, 300 + age_us) is expected
    assert not forgettable(intended(SAID, delivery, Op.EDIT, 300), 300 + age_us)


def test_a_delivery_taken_up_again_goes_on_where_it_was() -> None:
    again = intended(IN_THREAD, FIRST, Op.EDIT, 999)
    assert under_way(IN_THREAD, FIRST)
    assert (again.part, again.intended_us, again.ts) == (Part.DETAILS, 100, "1.0")
    assert not under_way(IN_THREAD, UPDATE)
    assert intended(IN_THREAD, UPDATE, Op.EDIT, 999).part is Part.MAIN


def test_a_thread_is_part_of_where_a_message_stands() -> None:
    told = replied(replied(IN_THREAD, Part.DETAILS, "1.1"), Part.REMINDER, "1.2")
    assert places(told) == ("1.0", "1.1", "1.2")
    assert places(intended(said(told), UPDATE, Op.EDIT, 300)) == ("1.0", "1.1", "1.2")


def test_each_part_has_a_mark_of_its_own_and_a_reminder_one_for_each_delivery() -> None:
    marks = {part_mark(SAID, each, part) for each in (FIRST, UPDATE) for part in Part}
    assert len(marks) == 4


def test_a_message_about_several_is_over_when_all_are_and_names_each() -> None:
    other = opened(Kind.CLOSE_DATE_PUSHED)
    partly = replace(UPDATE, signal=resolved(SIGNAL), signals=(other, resolved(SIGNAL)))
    entry = intended(SAID, partly, Op.EDIT, 300)
    assert (entry.step, entry.signals) == (Step.UPDATED, (other.id, SIGNAL.id))
    whole = replace(partly, seq=3, signals=(resolved(other), resolved(SIGNAL)))
    assert intended(SAID, whole, Op.EDIT, 300).step is Step.RESOLVED
    assert plan(None, whole) == Skip(Reason.NEVER_SAID)
    assert plan(None, partly) == Say(look_first=False)
