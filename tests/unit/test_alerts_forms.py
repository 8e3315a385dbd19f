"""Every form of message in words: several signals, several deals, a digest, a flood, a thread, a reminder, the home."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from slack_sdk.models.blocks import Block as SlackBlock

from alerts.actions import ActionKind, Handled
from alerts.audience import person
from alerts.blocks import Composed, texts
from alerts.compose import compose
from alerts.deviations import Deviations, worst_first
from alerts.drawn import draw
from alerts.home import home
from alerts.reasons import Reason
from alerts.values import Delivery, Form, Op
from playbook.owners import Directory
from tests.golden.messages.block_kit import problems, view_problems
from tests.golden.messages.samples import ANN, BEN, LEE, PLAYBOOK, opened, resolved
from tests.unit.test_alerts_message import TEXT, signals
from topics.codec import encode
from topics.signals import Evidence, Kind, Severity, Signal
from topics.views import DealView, OpenSignal

GOLDEN = Path(__file__).parent.parent / "golden" / "forms"
GAP, PUSHED, STAY = opened(Kind.CONTACT_GAP), opened(Kind.CLOSE_DATE_PUSHED), opened(Kind.STAGE_OVERSTAY)
OTHER = opened(
    Kind.SQL_UNQUALIFIED, subject_key="salesforce/default:2", deal_id="2", deal_name="Beta & Sons", amount=45_000.0
)
SNOOZED = Handled(
    signal=GAP.id,
    kind=ActionKind.SNOOZE,
    by="Ann Example",
    at="2026-11-04T10:00:00Z",
    until="2026-11-07T10:00:00Z",
    reason="their <legal> is on it",
)


def delivery(*shown: Signal, **changes: Any) -> Delivery:  # noqa: ANN401 - any of a delivery's fields
    """A delivery to Ann that shows these."""
    first = Delivery(
        seq=1,
        op=Op.POST,
        reason=Reason.TOLD,
        via=Reason.AS_OWNER,
        recipient=person(ANN),
        signal=shown[0],
        signals=shown if len(shown) > 1 else (),
    )
    return replace(first, **changes)


LEARNED = replace(
    STAY,
    evidence=replace(STAY.evidence, baseline={"quantile": "p90", "n": 132, "events": 87}, observed=31.0),
)
FORMS: dict[str, tuple[Delivery, Reason]] = {
    "one_with_its_thread": (delivery(LEARNED), Reason.AS_OWNER),
    "one_snoozed": (delivery(GAP, op=Op.EDIT, seq=2, handled=(SNOOZED,)), Reason.AS_OWNER),
    "one_excepted_for_a_lead": (
        delivery(
            GAP, handled=(replace(SNOOZED, kind=ActionKind.OVERRIDE, by="Lee Lead", until="2026-12-04T10:00:00Z"),)
        ),
        Reason.AS_LEAD,
    ),
    "several": (delivery(PUSHED, GAP, resolved(STAY), handled=(SNOOZED,)), Reason.AS_OWNER),
    "several_over": (delivery(resolved(PUSHED), resolved(GAP), op=Op.EDIT, seq=3), Reason.AS_OWNER),
    "reminder": (delivery(GAP, op=Op.REMIND, seq=2, reason=Reason.REPEATED), Reason.AS_OWNER),
    "escalated": (delivery(GAP, via=Reason.ESCALATED), Reason.ESCALATED),
    "deals": (delivery(OTHER, GAP, form=Form.DEALS), Reason.AS_OWNER),
    "digest": (delivery(OTHER, PUSHED, resolved(STAY), form=Form.DIGEST, count=4), Reason.AS_OWNER),
    "flood": (
        delivery(STAY, form=Form.FLOOD, count=5_000, since="2026-11-04T09:29:30Z"),
        Reason.AS_REVOPS,
    ),
}


def _plain(found: Composed) -> dict[str, Any]:
    parts = {"main": found.main, "details": found.details, "reminder": found.reminder}
    return {
        name: {"text": part.text, "blocks": list(part.blocks), "broadcast": part.broadcast}
        for name, part in parts.items()
        if part is not None
    }


@pytest.mark.parametrize("name", FORMS)
def test_the_words_of_a_form(name: str) -> None:
    rendered = _plain(compose(PLAYBOOK, FORMS[name][0], FORMS[name][1]))
    golden = GOLDEN / f"{name}.json"
    if not golden.exists():  # a new sample: write it, read it, commit it
        golden.write_text(json.dumps(rendered, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        pytest.fail(f"{golden.name} was not there; it is now: read it")
    assert rendered == json.loads(golden.read_text(encoding="utf-8"))


def test_there_is_a_golden_file_for_every_form_and_no_other() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(FORMS)


@pytest.mark.parametrize("name", FORMS)
def test_slack_s_own_models_take_it(name: str) -> None:
    for part in _plain(compose(PLAYBOOK, FORMS[name][0], FORMS[name][1], doubtful=True)).values():
        assert problems(part["text"], part["blocks"]) == []
        for block in SlackBlock.parse_all(part["blocks"]):
            block.to_dict()  # raises where a limit of its own is passed


HANDLED = st.builds(
    Handled,
    signal=st.sampled_from([GAP.id, PUSHED.id, OTHER.id]),
    kind=st.sampled_from(ActionKind),
    by=TEXT,
    at=TEXT,
    until=TEXT,
    reason=TEXT,
)


@settings(max_examples=40, deadline=None)
@given(
    shown=st.lists(st.one_of(signals(), st.sampled_from([GAP, PUSHED, OTHER])), min_size=1, max_size=60),
    handled=st.lists(HANDLED, max_size=3),
    form=st.sampled_from(Form),
    op=st.sampled_from(Op),
    via=st.sampled_from(Reason),
    count=st.integers(0, 10_000),
    since=TEXT,
)
def test_any_delivery_makes_a_message_that_slack_takes_and_that_does_nothing(  # noqa: PLR0913, PLR0917 - what is drawn
    shown: list[Signal], handled: list[Handled], form: Form, op: Op, via: Reason, count: int, since: str
) -> None:
    said = delivery(*shown, form=form, op=op, handled=tuple(handled), count=count, since=since, reason=via)
    for part in _plain(compose(PLAYBOOK, said, via, doubtful=True)).values():
        assert problems(part["text"], part["blocks"]) == []
        for text in (part["text"], *texts(part["blocks"])):
            assert not re.search(r"[<>]", text)
            assert not any(ord(each) < 32 and each != "\n" for each in text)
        everything = json.dumps(part["blocks"])
        assert everything.count('"mrkdwn"') == everything.count('"verbatim": true') > 0
    for line in draw("x", compose(PLAYBOOK, said, via).main, edited=False):
        assert not re.search("[\x00-\x1f\x7f-\x9f]", line)


def test_a_drawn_message_has_its_buttons_and_each_of_its_signals() -> None:
    lines = "\n".join(draw("Ann", compose(PLAYBOOK, FORMS["several"][0], Reason.AS_OWNER).main, edited=False))
    assert "[ Done ]  [ Snooze… ]  [ Not relevant… ]  [ Exception… ]  [ Open in CRM ]" in lines
    assert "Close date pushed again" in lines
    assert "Snoozed by Ann Example until 7 Nov 2026, 10:00 UTC: their <legal> is on it" in lines


def test_what_nobody_dealt_with_keeps_its_buttons_beside_what_somebody_did() -> None:
    blocks = compose(PLAYBOOK, FORMS["several"][0], Reason.AS_OWNER).main.blocks
    pressed = json.dumps(blocks)
    assert f'[\\"{PUSHED.id}\\"]' in pressed
    assert f"done:{GAP.id}" not in pressed


def test_long_lists_say_how_much_more_there_is() -> None:
    many = tuple(
        replace(GAP, id=f"{number:024x}", subject_key=f"k{number}", deal_name=f"Deal {number}") for number in range(60)
    )
    listed = compose(PLAYBOOK, delivery(*many, form=Form.DIGEST, count=7), Reason.AS_OWNER).main
    assert listed.blocks[0]["text"]["text"].endswith("67 more things on your deals")
    assert "and 27 more" in "\n".join(texts(listed.blocks))
    same = tuple(replace(each, subject_key="k") for each in many)
    deal = compose(PLAYBOOK, delivery(*same), Reason.AS_OWNER).main
    assert "and 50 more" in "\n".join(texts(deal.blocks))


def test_much_evidence_is_cut_and_counted_in_the_thread() -> None:
    long = replace(GAP, evidence=Evidence(details=tuple({"field": "x" * 70, "value": "y" * 70} for _ in range(200))))
    thread = compose(PLAYBOOK, delivery(long), Reason.AS_OWNER).details
    assert thread is not None
    assert problems(thread.text, list(thread.blocks)) == []
    assert re.search(r"and \d+ more", "\n".join(texts(thread.blocks)))


@st.composite
def views(draw_: st.DrawFn) -> DealView:
    """A deal as it might stand on deal.current."""
    many = draw_(st.integers(0, 3))
    return DealView(
        key="",
        source="s",
        deal_id=draw_(TEXT),
        name=draw_(TEXT),
        owner_id=draw_(st.sampled_from([*ANN.ids, *BEN.ids, "", "x"])),
        owner=draw_(TEXT),
        stage=draw_(TEXT),
        amount=draw_(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))),
        currency=draw_(TEXT),
        open_signals=tuple(
            OpenSignal(
                draw_(st.one_of(TEXT, st.just(GAP.id))),
                draw_(st.sampled_from(Kind)),
                draw_(st.sampled_from(Severity)),
                draw_(TEXT),
                draw_(TEXT),
            )
            for _ in range(many)
        ),
    )


@settings(max_examples=40, deadline=None)
@given(found=st.lists(views(), max_size=40), who=st.sampled_from([ANN, LEE, None]), acts=st.lists(HANDLED, max_size=3))
def test_any_home_is_one_that_slack_takes(found: list[DealView], who: Any, acts: list[Handled]) -> None:  # noqa: ANN401 - an owner or nobody
    book = PLAYBOOK.model_copy(update={"revops": (LEE.name,)})
    open_now = Deviations()
    for number, view in enumerate(found):
        assert open_now.take(f"d{number}".encode(), encode(view))
    shown = home(book, Directory(book.owners), who, open_now, {each.signal: each for each in acts})
    assert view_problems(shown) == []
    assert not any(re.search(r"[<>]", text) for text in texts(shown["blocks"]))


def test_what_is_open_follows_the_present_state_of_deals() -> None:
    open_now = Deviations()
    one = OpenSignal("a" * 24, Kind.CONTACT_GAP, Severity.INFO, "2026-11-04T09:30:00Z", "r")
    two = replace(one, id="b" * 24, severity=Severity.CRITICAL)
    view = DealView(key="d", source="s", deal_id="1", owner_id="o1", open_signals=(one, two))
    assert open_now.take(b"d", encode(view))
    assert [each.signal for each in worst_first(open_now.of("o1", ""))] == [two.id, one.id]
    assert open_now.take(b"d", encode(replace(view, owner_id="o2", open_signals=(one,))))
    assert (list(open_now.of("o1", "")), list(open_now.owners())) == ([], [("o2", "")])
    assert open_now.find(two.id) is None
    assert open_now.find(one.id) is not None
    assert not open_now.take(b"d", b"{")
    assert open_now.find(one.id) is None
    assert open_now.take(b"d", encode(view))
    assert open_now.take(b"d", None)
    assert list(open_now.owners()) == []
