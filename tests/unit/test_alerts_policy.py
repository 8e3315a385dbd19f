"""What a recipient hears of a signal, as tables of what came before and what comes now."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts import policy
from alerts.audience import person
from alerts.policy import KEEP_RESOLVED_US, Case, Verdict, decide, fingerprint, forgettable
from alerts.reasons import MEANING, Reason
from alerts.values import Delivery, Op, Said, Told
from tests.golden.messages.samples import ANN, opened, resolved, updated
from topics.signals import Cause, Evidence, Kind, Signal, Step

OPENED = opened(Kind.CLOSE_DATE_PUSHED)
FIRST = updated(OPENED, "2026-11-05T09:30:00Z")
SECOND = updated(OPENED, "2026-11-06T09:30:00Z")
RESOLVED = resolved(OPENED, "2026-11-07T09:30:00Z")
AGAIN = replace(OPENED, occurred_at="2026-11-08T09:30:00Z", amount=90_000.0)
REPEATED = replace(OPENED, detected_at="2026-11-09T00:00:00Z", evidence=replace(OPENED.evidence, events=()))
POST, EDIT = Op.POST, Op.EDIT

CASES: list[tuple[str, list[Signal], list[tuple[Reason, Op | None]]]] = [
    ("an opened signal is told", [OPENED], [(Reason.TOLD, POST)]),
    ("an update edits in place", [OPENED, FIRST], [(Reason.TOLD, POST), (Reason.UPDATED, EDIT)]),
    ("the end edits in place", [OPENED, RESOLVED], [(Reason.TOLD, POST), (Reason.RESOLVED, EDIT)]),
    ("a repeat changes nothing", [OPENED, OPENED], [(Reason.TOLD, POST), (Reason.DUPLICATE, None)]),
    (
        "a repeat after the end changes nothing",
        [OPENED, RESOLVED, OPENED, RESOLVED],
        [(Reason.TOLD, POST), (Reason.RESOLVED, EDIT), (Reason.DUPLICATE, None), (Reason.DUPLICATE, None)],
    ),
    (
        "an update that was overtaken changes nothing",
        [OPENED, SECOND, FIRST],
        [(Reason.TOLD, POST), (Reason.UPDATED, EDIT), (Reason.OUT_OF_ORDER, None)],
    ),
    ("what is over before it was told is not told", [RESOLVED], [(Reason.RESOLVED_BEFORE_TOLD, None)]),
    ("an update of something never told is told", [FIRST], [(Reason.TOLD, POST)]),
    (
        "what holds again is said in the same message",
        [OPENED, RESOLVED, AGAIN],
        [(Reason.TOLD, POST), (Reason.RESOLVED, EDIT), (Reason.REOPENED, EDIT)],
    ),
    (
        "what opens after an end that nobody heard is told",
        [RESOLVED, AGAIN],
        [(Reason.RESOLVED_BEFORE_TOLD, None), (Reason.TOLD, POST)],
    ),
    (
        "two updates of one instant are two",
        [OPENED, FIRST, replace(FIRST, amount=1.0)],
        [(Reason.TOLD, POST), (Reason.UPDATED, EDIT), (Reason.UPDATED, EDIT)],
    ),
]


def _run(signals: list[Signal], said: Said | None = None) -> tuple[list[tuple[Reason, Op | None]], Said | None]:
    verdicts = []
    for now_us, signal in enumerate(signals):
        ruling = decide(said, _told(signal), now_us)
        verdicts.append((ruling.decision.reason, ruling.decision.op))
        assert (ruling.delivery is not None) == (ruling.decision.op is not None)
        said = ruling.said
    return verdicts, said


def _told(signal: Signal) -> Told:
    return Told(recipient=person(ANN), via=Reason.AS_OWNER, signal=signal)


@pytest.mark.parametrize(("signals", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_the_policy(signals: list[Signal], expected: list[tuple[Reason, Op | None]]) -> None:
    assert _run(signals)[0] == expected


def test_deliveries_are_counted_per_signal_and_carry_what_is_to_be_said() -> None:
    first = decide(None, _told(OPENED), 7)
    second = decide(first.said, _told(RESOLVED), 8)
    assert first.delivery == Delivery(
        seq=1, op=POST, reason=Reason.TOLD, via=Reason.AS_OWNER, recipient=person(ANN), signal=OPENED
    )
    assert second.delivery is not None
    assert (second.delivery.seq, second.delivery.op, second.delivery.signal) == (2, EDIT, RESOLVED)
    assert (second.decision.at, second.decision.recipient) == ("1970-01-01T00:00:00.000008Z", "person:Ann Example")


def test_detection_time_and_positions_make_no_difference() -> None:
    with_positions = replace(OPENED, evidence=Evidence(events=(Cause("e1", "deal.events", 3, 9),)))
    elsewhere = replace(OPENED, evidence=Evidence(events=(Cause("e1", "deal.events", 0, 1),)), detected_at="x")
    assert fingerprint(with_positions) == fingerprint(elsewhere)
    assert fingerprint(with_positions) != fingerprint(replace(with_positions, amount=1.0))


EPISODE = [OPENED, FIRST, SECOND, RESOLVED]


@given(cut=st.integers(1, len(EPISODE)), back=st.integers(0, len(EPISODE)))
def test_a_redelivered_batch_changes_nothing(cut: int, back: int) -> None:
    """The log is replayed from any earlier place: no delivery, and the same memory."""
    _, said = _run(EPISODE[:cut])
    again = [replace(each, detected_at="2027-01-01T00:00:00Z") for each in EPISODE[max(cut - back, 0) : cut]]
    verdicts, after = _run(again, said)
    assert verdicts == [(Reason.DUPLICATE, None)] * len(again)
    assert after == said


@given(order=st.permutations(EPISODE))
def test_one_post_at_most_and_the_end_has_the_last_word(order: list[Signal]) -> None:
    verdicts, _ = _run(order)
    told = [(signal, op) for signal, (_, op) in zip(order, verdicts, strict=True) if op]
    assert sum(op is POST for _, op in told) == 1
    assert told[0][1] is POST


def test_every_transition_is_answered_by_some_step() -> None:
    for step in Step:
        for before in (None, *(decide(None, _told(each), 0).said for each in EPISODE)):
            case = Case(before, replace(AGAIN, transition=step), 0, "new", 0)
            assert any(isinstance(each(case), Verdict) for each in policy.STEPS)


@pytest.mark.parametrize(
    ("signal", "age_us", "expected"),
    [
        (RESOLVED, KEEP_RESOLVED_US, False),
        (RESOLVED, KEEP_RESOLVED_US + 1, True),
        (OPENED, 10 * KEEP_RESOLVED_US, False),
    ],
    ids=["at the limit", "past the limit", "an open signal is never forgotten"],
)
def test_what_is_forgotten(signal: Signal, age_us: int, expected: bool) -> None:  # noqa: FBT001 - a case's column
    said = decide(None, _told(signal), 5).said
    assert forgettable(said, 5 + age_us) is expected


def test_the_memory_of_repeats_is_bounded() -> None:
    many = [updated(OPENED, f"2026-11-05T09:{minute:02}:00Z") for minute in range(59)]
    _, said = _run([OPENED, *many])
    assert said is not None
    assert len(said.seen) == policy.REMEMBERED


def test_every_reason_says_what_it_means() -> None:
    assert set(MEANING) == set(Reason)
