"""Who hears of a signal."""

from __future__ import annotations

import pytest

from alerts.audience import audience, ladder
from alerts.fanout import fan_out
from alerts.reasons import Reason
from alerts.values import Heard
from playbook.model import Audience, Playbook, Response
from playbook.owners import Directory
from tests.golden.messages.samples import ANN, BEN, GUS, LEE, PLAYBOOK, opened, resolved, updated
from topics.signals import Kind

KIND = Kind.CONTACT_GAP
OWNER, LEAD, REVOPS, NOBODY = Audience.OWNER, Audience.LEAD, Audience.REVOPS, Audience.NOBODY
WITHOUT = {"fallback_channel": None, "revops_channel": None}

CASES = [
    # sentence, audiences, owner's id, changes of the playbook, (key, via)..., reason when nobody hears
    ("the owner by default", (OWNER,), ANN.ids[0], {}, [("person:Ann Example", "as_owner")], None),
    ("found by name where the id is unknown", (OWNER,), "Ann Example", {}, [("person:Ann Example", "as_owner")], None),
    ("an e-mail is an address too", (OWNER,), BEN.ids[0], {}, [("person:Ben Sample", "as_owner")], None),
    ("the lead of the owner", (LEAD,), ANN.ids[0], {}, [("person:Lee Lead", "as_lead")], None),
    (
        "both, in the playbook's order",
        (LEAD, OWNER),
        ANN.ids[0],
        {},
        [("person:Lee Lead", "as_lead"), ("person:Ann Example", "as_owner")],
        None,
    ),
    ("RevOps in their channel", (REVOPS,), ANN.ids[0], {}, [("channel:C0REVOPS1", "as_revops")], None),
    ("an unknown owner: the fallback", (OWNER,), "nobody", {}, [("channel:C0FALLBACK", "owner_unknown")], None),
    ("no owner at all: the fallback", (OWNER,), "", {}, [("channel:C0FALLBACK", "owner_unknown")], None),
    ("an owner without address", (OWNER,), GUS.ids[0], {}, [("channel:C0FALLBACK", "owner_without_address")], None),
    ("an owner without lead", (LEAD,), GUS.ids[0], {}, [("channel:C0FALLBACK", "lead_unknown")], None),
    (
        "two who cannot be reached share one message",
        (OWNER, LEAD),
        GUS.ids[0],
        {},
        [("channel:C0FALLBACK", "owner_without_address")],
        None,
    ),
    (
        "no RevOps channel: the fallback",
        (REVOPS,),
        ANN.ids[0],
        {"revops_channel": None},
        [("channel:C0FALLBACK", "no_revops_channel")],
        None,
    ),
    ("no fallback either: nobody, with a reason", (OWNER,), "nobody", WITHOUT, [], Reason.NOBODY_TO_TELL),
    ("the playbook tells nobody", (NOBODY,), ANN.ids[0], {}, [], Reason.KIND_NOT_TOLD),
    ("an empty list tells nobody", (), ANN.ids[0], {}, [], Reason.KIND_NOT_TOLD),
]


@pytest.mark.parametrize(
    ("tell", "owner", "changes", "expected", "nobody"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_who_hears(
    tell: tuple[Audience, ...],
    owner: str,
    changes: dict[str, object],
    expected: list[tuple[str, str]],
    nobody: Reason | None,
) -> None:
    playbook = PLAYBOOK.model_copy(update={"responses": {KIND: Response(tell=tell)}, **changes})
    hearers, reason = audience(playbook, Directory(playbook.owners), opened(KIND, owner_id=owner, owner=owner))
    assert [(each.recipient.key, each.via.value) for each in hearers] == expected
    assert reason is nobody


def test_a_kind_that_the_playbook_does_not_mention_is_told_to_the_owner() -> None:
    playbook = PLAYBOOK.model_copy(update={"responses": {}})
    hearers, _ = audience(playbook, Directory(playbook.owners), opened(KIND))
    assert [each.recipient.name for each in hearers] == [ANN.name]


def _fan(playbook: Playbook, heard: Heard | None, signal: object) -> tuple[list[tuple[str, str]], Heard | None]:
    result = fan_out(playbook, Directory(playbook.owners), heard, signal, 0)  # type: ignore[arg-type]
    return [(each.recipient.name, each.via.value) for each in result.told], result.heard


def test_the_owner_who_was_told_hears_the_end_though_another_owns_the_deal_by_then() -> None:
    signal = opened(KIND)
    told, heard = _fan(PLAYBOOK, None, signal)
    assert told == [(ANN.name, "as_owner")]
    moved = updated(signal, owner_id=BEN.ids[0], owner=BEN.name)
    told, heard = _fan(PLAYBOOK, heard, moved)
    assert told == [(BEN.name, "as_owner"), (ANN.name, "heard_before")]
    told, heard = _fan(PLAYBOOK, heard, resolved(moved))
    assert told == [(BEN.name, "as_owner"), (ANN.name, "heard_before")]
    assert heard is None


def test_nobody_to_tell_is_a_decision_with_a_reason() -> None:
    playbook = PLAYBOOK.model_copy(update=WITHOUT)
    result = fan_out(playbook, Directory(playbook.owners), None, opened(KIND, owner_id="x", owner="Xavier"), 0)
    assert result.told == ()
    assert [(each.reason, each.detail) for each in result.decisions] == [(Reason.NOBODY_TO_TELL, "Xavier")]
    assert result.heard is None


def test_the_lead_may_be_told_twice_over_but_hears_once() -> None:
    playbook = PLAYBOOK.model_copy(update={"responses": {KIND: Response(tell=(OWNER, LEAD))}})
    boss = LEE.model_copy(update={"lead": LEE.name})
    directory = Directory((boss,))
    hearers, _ = audience(playbook, directory, opened(KIND, owner_id=LEE.name, owner=LEE.name))
    assert [each.via for each in hearers] == [Reason.AS_OWNER]


@pytest.mark.parametrize(
    ("tell", "then", "expected"),
    [
        ((OWNER,), (LEAD, REVOPS), ["person:Lee Lead", "channel:C0REVOPS1"]),
        ((OWNER, LEAD), (LEAD, REVOPS), ["channel:C0REVOPS1"]),
        ((REVOPS,), (LEAD, REVOPS), []),
        ((OWNER,), (), []),
    ],
    ids=["the lead, then RevOps", "the lead knows already", "from RevOps it goes nowhere", "nobody, says the playbook"],
)
def test_who_is_told_next_is_further_up(
    tell: tuple[Audience, ...], then: tuple[Audience, ...], expected: list[str]
) -> None:
    playbook = PLAYBOOK.model_copy(update={"responses": {KIND: Response(tell=tell, then=then)}})
    hearers = ladder(playbook, Directory(playbook.owners), opened(KIND))
    assert [each.recipient.key for each in hearers] == expected
