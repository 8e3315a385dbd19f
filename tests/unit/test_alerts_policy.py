"""When and how a recipient hears of signals: timelines of what arrives and what is said."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from msgspec.structs import replace

from alerts.actions import ActionKind
from alerts.audience import channel, person
from alerts.policy import pipeline
from alerts.policy.arrivals import fingerprint
from alerts.reasons import FATES, MEANING, Fate, Reason
from alerts.values import Form, Op, Told
from playbook.alerting import Alerts, Budget, Digest, Group
from playbook.model import Playbook, Response
from tests.golden.messages.samples import ANN, resolved, updated
from tests.golden.messages.samples import opened as sample
from tests.unit.policy_timeline import START_US, Line, Timeline, conserved
from tests.unit.policy_timeline import UNQUEUED as PLAYBOOK
from topics.instants import DAY_US, HOUR_US, SECOND_US
from topics.signals import FAMILY, Cause, Evidence, Kind, Severity, Signal, signal_id

POST, EDIT, REMIND = Op.POST, Op.EDIT, Op.REMIND
HOUR, DAY = 3600, 86_400


def opened(kind: Kind, severity: Severity = Severity.WARNING, **changes: object) -> Signal:
    """A signal of any kind on the same deal, with no more to it than the policy looks at."""
    signal = replace(sample(Kind.CONTACT_GAP), kind=kind, family=FAMILY[kind], severity=severity, **changes)
    return replace(signal, id=signal_id(signal.subject_key, kind, signal.anchor))


GAP = opened(Kind.CONTACT_GAP)
SQL = sample(Kind.SQL_UNQUALIFIED)  # critical
STUCK = opened(Kind.STAGE_OVERSTAY)


def _on(signal: Signal, deal: str, **changes: object) -> Signal:
    subject = f"salesforce/default:{deal}"
    moved = replace(signal, subject_key=subject, deal_id=deal, deal_name=f"Deal {deal}", **changes)
    return replace(moved, id=signal_id(subject, moved.kind, moved.anchor))


def _with(**alerts: object) -> Playbook:
    return PLAYBOOK.model_copy(update={"alerts": Alerts.model_validate({"queue": {"enabled": False}} | alerts)})


def test_the_steps_stand_in_the_order_of_the_policy() -> None:
    assert [step.__name__ for step in pipeline.STEPS] == [
        "settle",
        "inhibit",
        "silence",
        "quiet_hours",
        "group",
        "budget",
        "repeat",
        "escalate",
        "record",
    ]


def test_a_warning_is_told_after_it_has_settled_and_others_were_waited_for() -> None:
    line = Timeline()
    line.push(0, GAP)
    line.until(599)
    assert line.lines() == []
    line.until(601)
    assert line.lines() == [Line(600, POST, Reason.TOLD, ("contact_gap",))]
    assert line.reasons() == [Reason.SETTLING, Reason.GROUPING, Reason.TOLD]


def test_a_critical_one_is_told_within_a_minute_of_its_detection() -> None:
    line = Timeline()
    line.push(0, SQL)
    line.until(HOUR)
    assert line.lines() == [Line(30, POST, Reason.TOLD, ("sql_unqualified",))]


@pytest.mark.parametrize(
    ("signal", "end_s", "told"),
    [(GAP, 299, 0), (SQL, 14, 0), (SQL, 31, 2), (GAP, 601, 2)],
    ids=["over before it settled", "critical, over before it settled", "critical, over just after", "over just after"],
)
def test_what_is_over_before_it_settled_is_not_told(signal: Signal, end_s: float, told: int) -> None:
    line = Timeline()
    line.push(0, signal)
    line.push(end_s, resolved(signal))
    line.until(DAY)
    assert len(line.lines()) == told
    assert (line.reasons()[-1] is Reason.RESOLVED_BEFORE_TOLD) is (told == 0)


def test_what_opens_again_settles_again() -> None:
    line = Timeline()
    line.push(0, GAP)
    line.push(200, resolved(GAP))
    line.push(250, replace(GAP, amount=1.0))
    line.until(HOUR)
    assert [each.at_s for each in line.lines()] == [850]


def test_updates_and_the_end_edit_the_message_and_interrupt_nobody() -> None:
    line = Timeline()
    line.push(0, GAP)
    line.push(700, updated(GAP))
    line.push(800, resolved(GAP))
    line.push(900, replace(GAP, amount=3.0))
    assert [each[1:3] for each in line.lines()] == [
        (POST, Reason.TOLD),
        (EDIT, Reason.UPDATED),
        (EDIT, Reason.RESOLVED),
        (EDIT, Reason.REOPENED),
    ]
    assert len({delivery.about for _, delivery in line.own()}) == 1
    assert [delivery.seq for _, delivery in line.said] == [1, 2, 3, 4]


def test_a_redelivered_batch_changes_nothing() -> None:
    line = Timeline()
    told = line.push(0, GAP)
    line.until(700)
    line.office.take(_told(line, told), line.now_us)
    ended = line.push(800, resolved(GAP))
    before = line.lines()
    for each in (told, ended):
        effects = line.office.take(_told(line, replace(each, detected_at="2027-01-01T00:00:00Z")), line.now_us)
        assert [effect.reason for effect in effects] == [Reason.DUPLICATE]  # type: ignore[union-attr]
    line.until(10 * DAY)
    assert line.lines() == before


def _told(line: Timeline, signal: Signal) -> Told:
    return Told(recipient=line.to, via=Reason.AS_OWNER, signal=signal)


def test_an_update_that_was_overtaken_changes_nothing() -> None:
    line = Timeline()
    line.push(0, GAP)
    line.push(700, updated(GAP))
    late = replace(updated(GAP), occurred_at="2026-11-04T09:31:00Z", amount=2.0)
    (effect,) = line.office.take(_told(line, late), line.now_us)
    assert effect.reason is Reason.OUT_OF_ORDER  # type: ignore[union-attr]


INHIBITED: list[tuple[str, Signal, Signal, bool]] = [
    ("stale over a contact gap", opened(Kind.STALE_DEAL), GAP, True),
    ("a cycle over a stage", opened(Kind.CYCLE_EXCEEDED), STUCK, True),
    ("bounced over regressed", opened(Kind.STAGE_BOUNCED), opened(Kind.STAGE_REGRESSED), True),
    ("silent buyer over contact gap", opened(Kind.BUYER_SILENT), GAP, True),
    ("on another deal it says nothing", _on(opened(Kind.STALE_DEAL), "X9"), GAP, False),
    (
        "within a family the graver over the milder",
        opened(Kind.STAGE_BOUNCED, severity=Severity.CRITICAL),
        opened(Kind.STAGE_PARKED, severity=Severity.WARNING),
        True,
    ),
    (
        "not across families",
        opened(Kind.STAGE_BOUNCED, severity=Severity.CRITICAL),
        opened(Kind.CONTACT_GAP, severity=Severity.WARNING),
        False,
    ),
    (
        "qualification lost over unqualified, on the same field",
        sample(Kind.POST_SQL_INCONSISTENT),
        sample(Kind.SQL_UNQUALIFIED, evidence=Evidence(details=({"field": "need_confirmed", "value": False},))),
        True,
    ),
    ("not on another field", sample(Kind.POST_SQL_INCONSISTENT), SQL, False),
]


@pytest.mark.parametrize(
    ("by", "signal", "muted"), [case[1:] for case in INHIBITED], ids=[case[0] for case in INHIBITED]
)
def test_inhibition(by: Signal, signal: Signal, muted: bool) -> None:  # noqa: FBT001 - a case's column
    line = Timeline()
    line.push(0, by)
    line.push(1, signal)
    line.until(HOUR)
    shown = {kind for each in line.lines() for kind in each.kinds}
    assert (signal.kind.value in shown) is not muted
    assert by.kind.value in shown
    if muted:
        assert conserved(line.log)[signal.id, line.to.key] is Fate.INHIBITED
        line.push(HOUR, resolved(by))
        line.until(2 * HOUR)
        assert signal.kind.value in {kind for each in line.lines() for kind in each.kinds}, "told when nothing mutes it"


def test_two_that_would_mute_each_other_leave_one_to_be_told() -> None:
    line = Timeline()
    line.push(0, opened(Kind.CYCLE_EXCEEDED))  # over stage_overstay by the table, milder by severity
    line.push(0, replace(STUCK, severity=Severity.CRITICAL))
    line.until(HOUR)
    assert [each.kinds for each in line.spoken()] == [("cycle_exceeded",)]


def test_a_circle_of_inhibitions_is_refused() -> None:
    rows = [{"by": "contact_gap", "kinds": ["buyer_silent"]}, {"by": "buyer_silent", "kinds": ["contact_gap"]}]
    with pytest.raises(ValueError, match="contact_gap over buyer_silent over contact_gap"):
        Alerts.model_validate({"inhibitions": rows})


def test_several_of_one_deal_are_one_message_and_a_later_one_joins_it() -> None:
    line = Timeline()
    line.push(0, STUCK)
    line.push(120, GAP)
    line.until(HOUR)
    line.push(2 * HOUR, opened(Kind.CLOSE_DATE_PASSED))
    line.until(3 * HOUR)
    assert list(line.spoken()) == [
        Line(600, POST, Reason.TOLD, ("stage_overstay", "contact_gap")),
        Line(2 * HOUR + 600, REMIND, Reason.JOINED, ("close_date_passed", "stage_overstay", "contact_gap")),
    ]
    assert len({delivery.about for _, delivery in line.own()}) == 1
    assert sorted(fate.value for fate in conserved(line.log).values()) == ["merged", "merged", "told"]


def test_several_deals_within_the_window_are_one_message_the_most_money_first() -> None:
    line = Timeline()
    line.push(0, _on(GAP, "small", amount=10.0))
    line.push(60, _on(GAP, "large", amount=900_000.0))
    line.push(120, _on(STUCK, "middle", amount=5_000.0))
    line.until(HOUR)
    ((_, delivery),) = line.said
    assert delivery.form is Form.DEALS
    assert [each.deal_id for each in delivery.shown] == ["large", "middle", "small"]


def test_a_critical_one_takes_along_what_is_ready() -> None:
    line = Timeline()
    line.push(0, GAP)
    line.push(400, _on(SQL, "D2"))
    line.until(HOUR)
    assert [(each.at_s, each.op) for each in line.spoken()] == [(430, POST)]


AT_16_59_30 = 7.5 * HOUR - 30


@pytest.mark.parametrize(
    ("at_s", "signal", "told_s"),
    [
        (8 * HOUR, SQL, 23.5 * HOUR + 15),
        (8 * HOUR, GAP, 23.5 * HOUR + 300),
        (2 * DAY + 8 * HOUR, SQL, 4 * DAY + 23.5 * HOUR + 15),
        (AT_16_59_30, SQL, AT_16_59_30 + 15),
        (AT_16_59_30 + 20, SQL, 23.5 * HOUR + 15),
    ],
    ids=[
        "in the evening: the next morning, within its first minute",
        "a warning in the evening",
        "on Friday evening: Monday",
        "half a minute before the end of the day: it does not wait for others",
        "ten seconds before the end of the day",
    ],
)
def test_quiet_hours(at_s: float, signal: Signal, told_s: float) -> None:
    line = Timeline()
    line.push(at_s, signal)
    line.until(at_s + 5 * DAY)
    assert next(iter(line.spoken())).at_s == pytest.approx(told_s)


def test_what_is_over_by_the_morning_is_not_told() -> None:
    line = Timeline()
    line.push(8 * HOUR, SQL)
    line.push(12 * HOUR, resolved(SQL))
    line.until(2 * DAY)
    assert line.lines() == []
    assert line.reasons() == [Reason.SETTLING, Reason.QUIET_HOURS, Reason.RESOLVED_BEFORE_TOLD]


def test_a_kind_may_wake_people() -> None:
    playbook = PLAYBOOK.model_copy(update={"responses": {Kind.SQL_UNQUALIFIED: Response(wake=True)}})
    line = Timeline(playbook)
    line.push(8 * HOUR, SQL)
    line.until(9 * HOUR)
    assert [each.at_s for each in line.spoken()] == [8 * HOUR + 30]


def test_quiet_hours_are_those_of_the_persons_own_zone() -> None:
    tokyo = ANN.model_copy(update={"timezone": "Asia/Tokyo"})
    line = Timeline(PLAYBOOK.model_copy(update={"owners": (tokyo,)}), person(tokyo))
    line.push(0, SQL)  # 18:30 in Tokyo
    line.until(DAY)
    assert [each.at_s for each in line.spoken()] == [14.5 * HOUR + 15]  # 9:00 in Tokyo is midnight UTC


def test_a_channel_has_no_quiet_hours() -> None:
    line = Timeline(to=channel("C0REVOPS1"))
    line.push(8 * HOUR, SQL)
    line.until(9 * HOUR)
    assert [each.at_s for each in line.spoken()] == [8 * HOUR + 30]


TIGHT = {"budget": Budget(per_day=2, critical_reserve=1), "group": Group(seconds=0, critical_seconds=0)}


def test_the_budget_keeps_room_for_critical_ones_and_the_rest_waits_for_the_digest() -> None:
    line = Timeline(_with(**TIGHT))
    for hour, name in enumerate(("a", "b", "c")):
        line.push(hour * HOUR, _on(GAP, name))
    line.push(3 * HOUR, _on(SQL, "d"))
    line.push(4 * HOUR, _on(SQL, "e"))
    line.until(8 * HOUR)
    assert [delivery.signal.deal_id for _, delivery in line.own()] == ["a", "d"]
    line.until(DAY)
    digest = line.own()[-1]
    assert digest[0] == 23.5 * HOUR
    assert (digest[1].form, [each.deal_id for each in digest[1].shown]) == (Form.DIGEST, ["e", "b", "c"])
    assert [each.value for each in conserved(line.log).values()] == ["told", "merged", "merged", "told", "merged"]


def test_a_critical_one_on_one_of_the_largest_deals_needs_no_budget() -> None:
    line = Timeline(_with(**TIGHT))
    for hour, name in enumerate(("a", "b", "c")):
        line.push(hour * HOUR, _on(SQL, name))
    line.push(3 * HOUR, _on(SQL, "d"), large=True)
    line.push(4 * HOUR, _on(GAP, "e"), large=True)
    line.until(8 * HOUR)
    assert [(delivery.signal.deal_id, delivery.reason) for _, delivery in line.said] == [
        ("a", Reason.TOLD),
        ("b", Reason.TOLD),
        ("d", Reason.TOLD_BEYOND_BUDGET),
    ]


def test_a_long_digest_shows_the_most_money_and_keeps_the_rest_for_the_next_day() -> None:
    line = Timeline(_with(digest=Digest(most=2), group=Group(most=1)))
    for money in range(5):
        line.push(money, _on(GAP, f"d{money}", amount=float(money)))
    line.until(2 * DAY)
    digests = [delivery for _, delivery in line.own() if delivery.form is Form.DIGEST]
    assert [[each.deal_id for each in one.shown] for one in digests] == [["d3", "d2"], ["d1", "d0"]]
    assert digests[0].count == 2


def test_repeats_of_a_critical_one_come_at_growing_intervals_in_the_same_message_and_end() -> None:
    line = Timeline(_with(quiet_hours=False))
    line.push(0, SQL)
    line.until(60 * DAY)
    times = [each.at_s for each in line.spoken()]
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps == pytest.approx([DAY, 3 * DAY, 7 * DAY, 14 * DAY])
    assert [each.op for each in line.spoken()] == [POST, REMIND, REMIND, REMIND, REMIND]
    assert len({delivery.about for _, delivery in line.own()}) == 1


@pytest.mark.parametrize("day", range(7))
@pytest.mark.parametrize("signal", [GAP, SQL], ids=["in the digest", "by itself"])
def test_no_two_intervals_are_equal_whatever_weekends_make_of_them(day: int, signal: Signal) -> None:
    line = Timeline()
    line.push(day * DAY, signal)
    line.until(90 * DAY)
    times = [each.at_s for each in line.spoken()]
    gaps = [after - before for before, after in pairwise(times)]
    assert len(gaps) == 4
    assert gaps == sorted(set(gaps))


def test_a_worse_severity_speaks_at_once() -> None:
    line = Timeline()
    line.push(0, STUCK)
    line.push(HOUR, replace(updated(STUCK), severity=Severity.CRITICAL))
    line.until(HOUR + 2)
    assert [(each.at_s, each.op, each.reason) for each in line.spoken()] == [
        (600, POST, Reason.TOLD),
        (HOUR, REMIND, Reason.WORSE),
    ]


Act = tuple[ActionKind, float | None]
ACTIONS: list[tuple[str, ActionKind, float | None, list[float]]] = [
    ("done and still true after three days", ActionKind.DONE, None, [HOUR + 3 * DAY]),
    ("snoozed for a day", ActionKind.SNOOZE, HOUR + DAY, [HOUR + DAY]),
    ("an exception for ten days", ActionKind.OVERRIDE, HOUR + 10 * DAY, [HOUR + 10 * DAY]),
    ("not relevant: never again", ActionKind.NOT_RELEVANT, None, []),
    ("taken on: nothing until it is over", ActionKind.ACKNOWLEDGE, None, []),
]


@pytest.mark.parametrize(
    ("kind", "until_s", "expected"), [case[1:] for case in ACTIONS], ids=[case[0] for case in ACTIONS]
)
def test_what_people_do_is_heeded(kind: ActionKind, until_s: float | None, expected: list[float]) -> None:
    line = Timeline(_with(quiet_hours=False))
    line.push(0, SQL)
    line.act(HOUR, kind, SQL, until_s)
    line.until(10.5 * DAY)
    again = [each.at_s for each in line.spoken()][1:]
    assert again[:1] == expected
    assert [each for each in line.lines() if each.op is EDIT], "the message shows what was done"
    assert line.said[1][1].handled[0].kind is kind


def test_a_snoozed_one_speaks_when_it_becomes_worse_and_one_that_is_not_relevant_does_not() -> None:
    for kind, spoken in ((ActionKind.SNOOZE, 2), (ActionKind.NOT_RELEVANT, 1)):
        line = Timeline()
        line.push(0, STUCK)
        line.act(HOUR, kind, STUCK, 9 * DAY)
        line.push(2 * HOUR, replace(updated(STUCK), severity=Severity.CRITICAL))
        line.until(3 * HOUR)
        assert len(list(line.spoken())) == spoken


def test_what_was_seen_to_before_it_was_told_is_not_told() -> None:
    line = Timeline()
    line.push(0, GAP)
    line.act(60, ActionKind.NOT_RELEVANT, GAP)
    line.until(DAY)
    assert line.lines() == []
    assert list(conserved(line.log).values()) == [Fate.DROPPED]


LADDER = PLAYBOOK.model_copy(
    update={"responses": {Kind.SQL_UNQUALIFIED: Response(within_hours=4), Kind.CONTACT_GAP: Response(within_hours=48)}}
)


def test_what_nobody_answers_goes_to_the_lead_and_then_to_revops() -> None:
    line = Timeline(LADDER)
    line.push(0, SQL)
    line.until(3 * DAY)
    heard = [(at_s, delivery.recipient.name, delivery.via) for at_s, delivery in line.said if delivery.seq == 1]
    assert [each[1:] for each in heard] == [
        ("Ann Example", Reason.AS_OWNER),
        ("Lee Lead", Reason.ESCALATED),
        ("C0REVOPS1", Reason.ESCALATED),
    ]
    owner, lead, revops = (each[0] for each in heard)
    assert lead - owner == pytest.approx(4 * HOUR, abs=60)  # four hours of Ann's working day
    assert revops - lead == pytest.approx(4 * HOUR + 16 * HOUR, abs=60)  # half an hour today, the rest tomorrow
    line.push(3 * DAY, resolved(SQL))
    assert {delivery.recipient.name for at_s, delivery in line.said if at_s == 3 * DAY} == {
        "Ann Example",
        "Lee Lead",
        "C0REVOPS1",
    }


@pytest.mark.parametrize(
    "stop",
    [
        lambda line: line.push(2 * HOUR, resolved(SQL)),
        lambda line: line.act(2 * HOUR, ActionKind.ACKNOWLEDGE, SQL),
        lambda line: line.act(2 * HOUR, ActionKind.DONE, SQL),
    ],
    ids=["fixed", "taken on", "done"],
)
def test_what_was_seen_to_goes_to_nobody_else(stop: Callable[[Timeline], object]) -> None:
    line = Timeline(LADDER)
    line.push(0, SQL)
    stop(line)
    line.until(2 * DAY)
    assert {delivery.recipient.name for _, delivery in line.said} == {"Ann Example"}


def test_a_time_limit_from_a_day_on_counts_business_days() -> None:
    line = Timeline(LADDER)
    line.push(DAY, GAP)  # Thursday: two business days later is Monday
    line.until(8 * DAY)
    at_s = next(at_s for at_s, delivery in line.said if delivery.recipient.name == "Lee Lead")
    assert at_s == pytest.approx(5 * DAY + 600, abs=601)


def test_detection_time_and_positions_make_no_difference() -> None:
    with_positions = replace(GAP, evidence=Evidence(events=(Cause("e1", "deal.events", 3, 9),)))
    elsewhere = replace(GAP, evidence=Evidence(events=(Cause("e1", "deal.events", 0, 1),)), detected_at="x")
    assert fingerprint(with_positions) == fingerprint(elsewhere)
    assert fingerprint(with_positions) != fingerprint(replace(with_positions, amount=1.0))


def test_deadlines_count_from_the_detection_not_from_the_arrival() -> None:
    line = Timeline()
    line.until(100)
    told = replace(GAP, detected_at="2026-11-04T09:30:00Z", occurred_at="2026-11-04T09:29:00Z")
    line.take(_told(line, told))
    line.until(HOUR)
    assert [each.at_s for each in line.spoken()] == [600]


def test_what_was_over_long_ago_is_forgotten() -> None:
    line = Timeline()
    line.push(0, GAP)
    line.push(HOUR, resolved(GAP))
    line.push(HOUR, _on(STUCK, "open"))
    rows = {key for key, value in line.office.changes() if value is not None}
    assert len(rows) == 4  # the head, the message, and two items
    line.office.forget(START_US + HOUR_US + 30 * DAY_US)
    assert not list(line.office.changes())
    line.office.forget(START_US + HOUR_US + 30 * DAY_US + SECOND_US)
    assert [value for _, value in line.office.changes()] == [None, None]


def test_every_reason_says_what_it_means_and_whatever_holds_back_has_a_fate() -> None:
    assert set(MEANING) == set(Reason)
    assert {fate for reason, fate in FATES.items() if reason in MEANING} == set(Fate)


def test_what_becomes_worse_beyond_the_budget_says_so() -> None:
    line = Timeline(_with(**TIGHT))
    line.push(0, _on(STUCK, "a"), large=True)
    for hour, name in enumerate(("b", "c"), start=1):
        line.push(hour * HOUR, _on(SQL, name))
    line.push(4 * HOUR, replace(updated(_on(STUCK, "a")), severity=Severity.CRITICAL), large=True)
    line.until(5 * HOUR)
    assert [delivery.reason for _, delivery in line.own() if delivery.op is not EDIT] == [
        Reason.TOLD,
        Reason.TOLD,
        Reason.TOLD_BEYOND_BUDGET,
    ]
