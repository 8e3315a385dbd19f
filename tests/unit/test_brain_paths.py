"""Pace along the stages: left out, entered again, entered without the buyer; and what was learned of their length."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from signals.baselines import Baselines, Measure, Row
from signals.judge import Panel, panel_of
from signals.rules import Rules
from tests.unit.brain_story import (
    PANEL,
    Story,
    activity,
    at,
    changed,
    created,
    full_record,
    history,
    meeting,
    opened,
    resolved,
    rules_of,
    said_of,
    sentence,
    severities,
    updated,
)
from topics.events import DealEvent
from topics.instants import DAY_US, HOUR_US, MINUTE_US, SECOND_US
from topics.signals import Kind, Severity

LEAD = created(at(0), stage="Lead")


def moved(days: float, stage: str) -> DealEvent:
    return changed(at(days), stage=stage)


SKIPPED = [
    Story("one stage after the other", [LEAD, moved(1, "Demo"), moved(2, "Proposal")], at(30), []),
    Story("left out", [LEAD, moved(1, "Proposal")], at(9), [opened(at(1))]),
    Story("entered after all", [LEAD, moved(1, "Proposal"), moved(3, "Demo")], at(9), [opened(at(1)), resolved(at(3))]),
    Story("for 14 days, the last instant included", [LEAD, moved(1, "Proposal")], at(15), [opened(at(1))]),
    Story(
        "over a microsecond later, dated the 14 days",
        [LEAD, moved(1, "Proposal")],
        at(15) + 1,
        [opened(at(1)), resolved(at(15), "expired")],
    ),
    Story("creation in a later stage is no skip", [created(at(0), stage="Proposal")], at(9), []),
    Story(
        "left out once: not again when the same stage is passed again",
        [LEAD, moved(1, "Proposal"), moved(16, "Lead"), moved(17, "Proposal")],
        at(30),
        [opened(at(1)), resolved(at(15), "expired")],
    ),
    Story("to won is no stage that is left out for long", [LEAD, moved(1, "Won")], at(9), []),
    Story(
        "back and forth leaves nothing out",
        [created(at(0), stage="Demo"), moved(1, "Lead"), moved(2, "Demo")],
        at(9),
        [],
    ),
    Story(
        "created later, moved back, and past what was never entered",
        [created(at(0), stage="Proposal"), moved(1, "Lead"), moved(2, "Proposal")],
        at(9),
        [opened(at(2))],
    ),
    Story("opened again in a later stage is no advance", [LEAD, moved(1, "Lost"), moved(2, "Proposal")], at(9), []),
    Story(
        "closing resolves",
        [LEAD, moved(1, "Proposal"), moved(2, "Won")],
        at(9),
        [opened(at(1)), resolved(at(2), "closed")],
    ),
    Story(
        "an entry that nobody dated still counts as entered",
        [full_record(at(0), stage="Demo"), moved(1, "Proposal")],
        at(9),
        [],
    ),
    Story("a stage that nobody defined is no step", [LEAD, moved(1, "Limbo"), moved(2, "Proposal")], at(9), []),
    Story(
        "the number of days is the playbook's",
        [LEAD, moved(1, "Proposal")],
        at(9),
        [opened(at(1)), resolved(at(4), "expired")],
        {"stage_skipped": {"expires_days": 3}},
    ),
    Story("switched off", [LEAD, moved(1, "Proposal")], at(9), [], {"stage_skipped": {"enabled": False}}),
]


@pytest.mark.parametrize("story", SKIPPED, ids=sentence)
def test_skipped(story: Story) -> None:
    assert story.told(Kind.STAGE_SKIPPED) == story.expected


def stages_of(*names: str, **optional: bool) -> list[dict[str, Any]]:
    return [{"name": name, "required": not optional.get(name, False)} for name in names]


def test_only_required_stages_count_and_the_evidence_names_them_until_each_is_entered() -> None:
    pipeline = {
        "name": "Sales",
        "stages": [*stages_of("A", "B", "C", "D", "E", C=True), {"name": "Won", "outcome": "won"}],
    }
    panel = panel_of(rules_of(pipelines=[pipeline]))
    jump = moved(1, "E")
    _, said = history([created(at(0), stage="A"), jump, moved(2, "D"), moved(3, "B")], at(9), panel)
    mine = [one for one in said if one.episode.kind is Kind.STAGE_SKIPPED]
    assert [(one.step.value, one.at_us) for one in mine] == [("opened", at(1)), ("updated", at(2)), ("resolved", at(3))]
    assert [one.episode.details for one in mine[:2]] == [({"left_out": "B"}, {"left_out": "D"}), ({"left_out": "B"},)]
    first = mine[0].episode
    assert (first.reason, first.severity, first.anchor) == ("B, D left out on the way to E", Severity.INFO, jump.id)
    assert [mark.event for mark in first.causes] == [jump.id]
    assert not [
        one
        for one in history([created(at(0), stage="B"), moved(1, "D")], at(9), panel)[1]
        if one.episode.kind is Kind.STAGE_SKIPPED
    ]


THERE = [LEAD, moved(1, "Demo")]

BOUNCED = [
    Story("forward is no bounce", [*THERE, moved(2, "Proposal")], at(30), []),
    Story("entered again", [*THERE, moved(2, "Lead")], at(9), [opened(at(2))]),
    Story("for 14 days, the last instant included", [*THERE, moved(2, "Lead")], at(16), [opened(at(2))]),
    Story(
        "over a microsecond later", [*THERE, moved(2, "Lead")], at(16) + 1, [opened(at(2)), resolved(at(16), "expired")]
    ),
    Story("back within 15 minutes is one edit", [*THERE, changed(at(1) + 15 * MINUTE_US, stage="Lead")], at(9), []),
    Story(
        "a microsecond later it is a bounce",
        [*THERE, changed(at(1) + 15 * MINUTE_US + 1, stage="Lead")],
        at(9),
        [opened(at(1) + 15 * MINUTE_US + 1)],
    ),
    Story(
        "several slips of the hand are one edit, too",
        [*THERE, *(changed(at(1) + n * MINUTE_US, stage=("Lead", "Demo")[n % 2 == 0]) for n in range(1, 6))],
        at(9),
        [],
    ),
    Story(
        "the stage of a slip was not entered",
        [*THERE, changed(at(1) + MINUTE_US, stage="Lead"), moved(3, "Demo")],
        at(9),
        [],
    ),
    Story(
        "a further one updates it and renews its life",
        [*THERE, moved(2, "Lead"), moved(5, "Demo")],
        at(30),
        [opened(at(2)), updated(at(5)), resolved(at(19), "expired")],
    ),
    Story(
        "later than that is an episode of its own",
        [*THERE, moved(2, "Lead"), moved(17, "Demo")],
        at(40),
        [opened(at(2)), resolved(at(16), "expired"), opened(at(17)), resolved(at(31), "expired")],
    ),
    Story(
        "a stage that goes on is not over before its time",
        [*THERE, moved(2, "Lead"), moved(3, "Proposal")],
        at(9),
        [opened(at(2))],
    ),
    Story(
        "closing resolves",
        [*THERE, moved(2, "Lead"), moved(3, "Won")],
        at(9),
        [opened(at(2)), resolved(at(3), "closed")],
    ),
    Story(
        "a stage that was closed in between was entered again",
        [LEAD, moved(1, "Lost"), moved(2, "Lead")],
        at(9),
        [opened(at(2))],
    ),
    Story("the same stage said again is no entry", [LEAD, changed(at(1), stage="Lead")], at(9), []),
    Story("the third entry only", [*THERE, moved(2, "Lead")], at(9), [], {"stage_bounced": {"warning_entries": 3}}),
    Story("switched off", [*THERE, moved(2, "Lead")], at(9), [], {"stage_bounced": {"enabled": False}}),
]


@pytest.mark.parametrize("story", BOUNCED, ids=sentence)
def test_bounced(story: Story) -> None:
    assert story.told(Kind.STAGE_BOUNCED) == story.expected


def test_the_third_entry_is_critical_and_the_evidence_lists_each() -> None:
    events = [*THERE, moved(2, "Lead"), moved(3, "Demo"), moved(4, "Lead")]
    _, said = history(events, at(9))
    assert severities(Kind.STAGE_BOUNCED, said) == [Severity.WARNING, Severity.WARNING, Severity.CRITICAL]
    last = [one.episode for one in said if one.episode.kind is Kind.STAGE_BOUNCED][-1]
    assert (last.reason, last.limit, last.unit, last.anchor) == ("entered Lead 3 times", 2.0, "entries", events[2].id)
    assert last.details == (
        {"stage": "Lead", "entries": 2, "at": "2024-03-03T00:00:00Z"},
        {"stage": "Demo", "entries": 2, "at": "2024-03-04T00:00:00Z"},
        {"stage": "Lead", "entries": 3, "at": "2024-03-05T00:00:00Z"},
    )
    assert [mark.event for mark in last.causes] == [one.id for one in events[2:]]


DEMO = [LEAD, moved(5, "Demo")]
PARKED = [*DEMO, moved(10, "Proposal")]


def heard(days: float, direction: str = "inbound") -> DealEvent:
    return activity(at(days), f"{direction} {days}", at_us=at(days), done=True, direction=direction)


PARKING = [
    Story("at the end of the grace nothing is said", PARKED, at(11), []),
    Story("a microsecond later it opens, dated the end of the grace", PARKED, at(11) + 1, [opened(at(11))]),
    Story("the stages before the third are not judged", DEMO, at(30), []),
    Story("the buyer took part since the advance before", [*PARKED, heard(7)], at(30), []),
    Story("something mutual counts", [*PARKED, heard(7, "mutual")], at(30), []),
    Story("a meeting is mutual", [*PARKED, meeting(at(6), "m", at(8))], at(30), []),
    Story("what the seller did does not", [*PARKED, heard(7, "outbound")], at(30), [opened(at(11))]),
    Story("nor a call that does not say who called", [*PARKED, heard(7, "")], at(30), [opened(at(11))]),
    Story("what was before the advance before does not", [*PARKED, heard(4.5)], at(30), [opened(at(11))]),
    Story("nor what was at the very same instant", [*PARKED, heard(5)], at(30), [opened(at(11))]),
    Story("within the grace is in time", [*PARKED, heard(11)], at(30), []),
    Story("the next contact ends it", [*PARKED, heard(15)], at(30), [opened(at(11)), resolved(at(15))]),
    Story(
        "so does a meeting by ending",
        [*PARKED, meeting(at(6), "m", at(15))],
        at(30),
        [opened(at(11)), resolved(at(15))],
    ),
    Story(
        "unless it was called off",
        [*PARKED, meeting(at(6), "m", at(15)), activity(at(14), "m", removed=True)],
        at(30),
        [opened(at(11))],
    ),
    Story("going back does not end it", [*PARKED, moved(13, "Demo")], at(30), [opened(at(11))]),
    Story("taken back within the grace is no advance", [*PARKED, moved(10.5, "Demo")], at(30), []),
    Story(
        "advances within 24 hours are one, from the last of them",
        [LEAD, moved(9, "Demo"), moved(10, "Proposal")],
        at(30),
        [opened(at(11))],
    ),
    Story(
        "and one before them is not the advance before",
        [LEAD, moved(9, "Demo"), heard(9.5), moved(10, "Proposal")],
        at(30),
        [],
    ),
    Story(
        "a microsecond more apart, they are two",
        [LEAD, moved(9, "Demo"), heard(9), changed(at(10) + 1, stage="Proposal")],
        at(30),
        [opened(at(11) + 1)],
    ),
    Story(
        "the advance that is repeated is another one without the buyer",
        [*PARKED, moved(13, "Demo"), moved(14, "Proposal")],
        at(30),
        [opened(at(11)), updated(at(15))],
    ),
    Story("closing resolves", [*PARKED, moved(13, "Won")], at(30), [opened(at(11)), resolved(at(13), "closed")]),
    Story("creation in a late stage is no advance", [created(at(0), stage="Proposal")], at(30), []),
    Story(
        "nobody knows when it was entered before", [full_record(at(0), stage="Lead"), moved(5, "Proposal")], at(30), []
    ),
    Story(
        "the stage is the playbook's",
        [*DEMO, heard(12)],
        at(30),
        [opened(at(6)), resolved(at(12))],
        {"stage_parked": {"from_stage": 2}},
    ),
    Story("the grace is the playbook's", PARKED, at(30), [opened(at(12))], {"stage_parked": {"grace_hours": 48}}),
    Story("switched off", PARKED, at(30), [], {"stage_parked": {"enabled": False}}),
]


@pytest.mark.parametrize("story", PARKING, ids=sentence)
def test_parked(story: Story) -> None:
    assert story.told(Kind.STAGE_PARKED) == story.expected


def test_a_contact_that_is_forgotten_was_still_the_buyers() -> None:
    quiet = [activity(at(n), f"n{n}", at_us=at(n), done=True, direction="outbound") for n in range(80, 90)]
    assert said_of(Kind.STAGE_PARKED, history([*DEMO, heard(7), *quiet, moved(91, "Proposal")], at(99))[1]) == []
    assert said_of(Kind.STAGE_PARKED, history([*DEMO, heard(4), *quiet, moved(91, "Proposal")], at(99))[1]) == [
        opened(at(92))
    ]


def test_the_evidence_of_a_parked_stage() -> None:
    again = [*PARKED, moved(13, "Demo"), moved(14, "Proposal")]
    last = [one.episode for one in history(again, at(30))[1] if one.episode.kind is Kind.STAGE_PARKED][-1]
    assert last.anchor == PARKED[-1].id
    assert last.reason == "moved on to Proposal, then Proposal, though nothing came from the buyer since 2024-03-06"
    assert last.details == (
        {"stage": "Proposal", "advanced_at": "2024-03-11T00:00:00Z", "nothing_since": "2024-03-06T00:00:00Z"},
        {"stage": "Proposal", "advanced_at": "2024-03-15T00:00:00Z", "nothing_since": "2024-03-11T00:00:00Z"},
    )
    assert [mark.event for mark in last.causes] == [PARKED[-1].id, again[-1].id]


# What was learned.


def evenly(days: float, reach: float = 1.0) -> tuple[int, ...]:
    """A curve that rises evenly: `days` by its end, which is a share of the deals (0 to 1)."""
    steps = round(reach * 200)
    return tuple(round(days * DAY_US * step / steps) for step in range(1, steps + 1))


def row(measure: Measure, stage: str, curve: tuple[int, ...], n: int = 40, segment: str | None = None) -> Row:
    return Row(measure=measure, pipeline="Sales", stage=stage, segment=segment, n=n, events=n, quantiles=curve)


def learned(*rows: Row, **signals: Any) -> Panel:  # noqa: ANN401 - a part of a playbook
    rules = rules_of(signals)
    return panel_of(Rules(rules.playbook, rules.version, (), Baselines(rows)))


LEARNED = learned(
    row(Measure.DWELL, "Lead", evenly(20)),
    row(Measure.DWELL, "Demo", evenly(19, 0.95)),
    row(Measure.DWELL, "Proposal", evenly(9, 0.5)),
)


def test_a_learned_limit_warns_and_a_second_one_is_critical() -> None:
    """18 of 20 days are the 90th percentile of an even curve, 19.5 its 97.5th."""
    _, at_first = history([LEAD], at(18), LEARNED)
    assert said_of(Kind.STAGE_OVERSTAY, at_first) == []
    _, said = history([LEAD], at(19.5), LEARNED)
    assert said_of(Kind.STAGE_OVERSTAY, said) == [opened(at(18))]
    _, said = history([LEAD], at(19.5) + 1, LEARNED)
    assert said_of(Kind.STAGE_OVERSTAY, said) == [opened(at(18)), updated(at(19.5))]
    assert severities(Kind.STAGE_OVERSTAY, said) == [Severity.WARNING, Severity.CRITICAL]
    first, last = (one.episode for one in said if one.episode.kind is Kind.STAGE_OVERSTAY)
    version = LEARNED.rules.baselines.version
    assert first.baseline == {"version": version, "quantile": 0.9, "n": 40, "events": 40}
    assert (first.observed, first.limit, first.reason) == (
        18.0,
        18.0,
        "more than 18 days in Lead, longer than 90 % of 40 deals",
    )
    assert (last.observed, last.limit, last.baseline) == (first.observed, first.limit, first.baseline)
    assert last.reason == "more than 19.5 days in Lead, longer than 97.5 % of 40 deals"
    assert last.anchor == first.anchor


def test_leaving_the_stage_resolves_also_what_is_critical() -> None:
    _, said = history([LEAD, moved(25, "Demo")], at(26), LEARNED)
    assert said_of(Kind.STAGE_OVERSTAY, said) == [opened(at(18)), updated(at(19.5)), resolved(at(25))]


def test_a_deal_seen_late_is_critical_at_once() -> None:
    start = created(at(0), stage="Lead", pipeline="renewal")
    panel = learned(row(Measure.DWELL, "Lead", evenly(20)), stage_overstay={"off_for": {"pipelines": ["Renewals"]}})
    _, said = history([start, changed(at(22), pipeline=None)], at(23), panel)
    assert severities(Kind.STAGE_OVERSTAY, said) == [Severity.CRITICAL]


def test_a_curve_that_reaches_the_first_quantile_alone_is_never_critical() -> None:
    _, said = history([created(at(0), stage="Demo")], at(90), LEARNED)
    assert said_of(Kind.STAGE_OVERSTAY, said) == [opened(at(18))]
    assert severities(Kind.STAGE_OVERSTAY, said) == [Severity.WARNING]


def test_a_quantile_that_the_curve_does_not_reach_gives_no_limit_not_even_the_fixed_one() -> None:
    assert said_of(Kind.STAGE_OVERSTAY, history([created(at(0), stage="Proposal")], at(90), LEARNED)[1]) == []
    assert said_of(Kind.STAGE_OVERSTAY, history([created(at(0), stage="Proposal")], at(90))[1]) == [opened(at(2))]


def test_too_few_deals_leave_the_fixed_days_and_no_baseline() -> None:
    _, said = history([LEAD], at(11), learned(row(Measure.DWELL, "Lead", evenly(20), n=29)))
    assert said_of(Kind.STAGE_OVERSTAY, said) == [opened(at(10))]
    assert [one.episode.baseline for one in said if one.episode.kind is Kind.STAGE_OVERSTAY] == [None]


def test_learned_limits_are_switched_off_by_the_playbook() -> None:
    panel = learned(row(Measure.DWELL, "Lead", evenly(20)), stage_overstay={"learned": False})
    assert said_of(Kind.STAGE_OVERSTAY, history([LEAD], at(11), panel)[1]) == [opened(at(10))]


def test_a_segment_has_limits_of_its_own_and_another_segment_another_limit() -> None:
    panel = learned(row(Measure.DWELL, "Lead", evenly(20)), row(Measure.DWELL, "Lead", evenly(10), segment="small"))
    small = created(at(0), stage="Lead", amount=500.0)
    _, said = history([small], at(9) + 1, panel)
    (episode,) = [one.episode for one in said if one.episode.kind is Kind.STAGE_OVERSTAY]
    assert episode.baseline is not None
    assert episode.baseline["segment"] == "small"
    _, said = history([small, changed(at(12), amount=5000.0)], at(19), panel)
    assert said_of(Kind.STAGE_OVERSTAY, said) == [opened(at(9)), updated(at(9.75)), resolved(at(12)), opened(at(18))]


def test_won_cycles_give_the_corridor_where_no_days_are_fixed() -> None:
    cycles = row(Measure.CYCLE, "", evenly(100))
    panel = learned(cycles)
    assert said_of(Kind.CYCLE_EXCEEDED, history([LEAD], at(90), panel)[1]) == []
    _, said = history([LEAD], at(90) + 1, panel)
    assert said_of(Kind.CYCLE_EXCEEDED, said) == [opened(at(90))]
    (episode,) = [one.episode for one in said if one.episode.kind is Kind.CYCLE_EXCEEDED]
    assert episode.baseline == {"version": panel.rules.baselines.version, "quantile": 0.9, "n": 40, "events": 40}
    assert episode.reason == "open for more than 90 days, longer than 90 % of won deals took"
    small = created(at(0), stage="Lead", amount=500.0)
    assert said_of(Kind.CYCLE_EXCEEDED, history([small], at(90), panel)[1]) == [opened(at(8))]
    off = learned(cycles, cycle_exceeded={"learned": False})
    assert said_of(Kind.CYCLE_EXCEEDED, history([LEAD], at(300), off)[1]) == []
    fixed = learned(cycles, cycle_exceeded={"days": 30})
    assert said_of(Kind.CYCLE_EXCEEDED, history([LEAD], at(80), fixed)[1]) == [opened(at(30))]


def test_the_signal_of_a_learned_limit_carries_its_baseline() -> None:
    from signals.emit import Position, signal_of  # noqa: PLC0415 - the one test of the wire here

    _, said = history([LEAD], at(19), LEARNED)
    (one,) = [one for one in said if one.episode.kind is Kind.STAGE_OVERSTAY]
    evidence = signal_of(LEARNED.rules, one, Position("deal.events", 0)).evidence
    assert evidence.baseline == one.episode.baseline
    assert msgspec.json.decode(msgspec.json.encode(evidence))["baseline"]["n"] == 40


def test_time_alone_asks_no_more_often_than_something_can_change() -> None:
    """What has a due is asked at it, and only there: a deal that waits costs nothing."""
    watch, _ = history([LEAD, moved(1, "Proposal")], at(1) + SECOND_US)
    assert watch.dues[Kind.STAGE_SKIPPED] == at(15)
    assert Kind.STAGE_BOUNCED not in watch.dues
    assert watch.dues[Kind.STAGE_PARKED] == at(1) + 24 * HOUR_US
    watch, _ = history([LEAD, moved(1, "Proposal"), heard(1.5)], at(2))
    assert Kind.STAGE_PARKED not in watch.dues
    assert PANEL.detectors[Kind.REOPENED].closed
