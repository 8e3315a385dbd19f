"""Explanations: what is open and what ends it, what is not and what is missing for it, and when time alone opens it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.deal import Deal
from signals.explaining.conditions import CONDITIONS
from signals.explaining.happenings import happenings
from signals.explaining.remedies import REMEDIES
from signals.explaining.story import AHEAD_US, Explained, Quiet, explained
from signals.judge import Panel, Stored, Watch, advance, panel_of
from signals.rules import Rules
from tests.unit.brain_story import (
    KEY,
    PANEL,
    SOURCE,
    activity,
    at,
    call,
    changed,
    created,
    gap,
    history,
    intent,
    meeting,
    planned,
    removed,
    rules_of,
)
from tests.unit.brain_streams import calm_histories, examples, histories
from topics.events import DealEvent
from topics.instants import DAY_US, HOUR_US
from topics.signals import Kind
from topics.sources.source import Provides, Source, SourceKind

FULL: dict[str, Any] = {"amount": 500.0, "owner_id": "u1", "budget": True, "need": True}


def explain(*events: DealEvent, until: int, panel: Panel = PANEL) -> Explained:
    return explained(panel, history(events, until, panel)[0], until)


def quiet(kind: Kind, *events: DealEvent, until: int, panel: Panel = PANEL) -> Quiet:
    (found,) = [one for one in explain(*events, until=until, panel=panel).quiet if one.kind is kind]
    return found


def test_every_kind_has_a_condition_and_a_remedy() -> None:
    assert list(CONDITIONS) == list(Kind)
    assert list(REMEDIES) == list(Kind)


#: sentence, kind, events, days until T, observed, limit, unit, days until time alone opens it (None: it does not)
Measured = tuple[str, Kind, list[DealEvent], float, float, float, str, float | None]
MEASURED: list[Measured] = [
    ("days in the stage", Kind.STAGE_OVERSTAY, [created(at(0), stage="Demo", **FULL)], 2, 2, 6, "d", 4),
    ("the limit of the stage itself", Kind.STAGE_OVERSTAY, [created(at(0), stage="Lead", **FULL)], 4, 4, 10, "d", 6),
    ("days since creation", Kind.CYCLE_EXCEEDED, [created(at(0), stage="Lead", **FULL)], 3, 3, 8, "d", 5),
    (
        "the corridor is the segment's",
        Kind.CYCLE_EXCEEDED,
        [created(at(0), stage="Lead", **{**FULL, "amount": 2000.0})],
        3,
        3,
        20,
        "d",
        17,
    ),
    ("days since the last contact", Kind.CONTACT_GAP, [created(at(0), stage="Lead"), call(at(2))], 3, 1, 5, "d", 4),
    ("days since creation without any", Kind.CONTACT_GAP, [created(at(0), stage="Lead")], 3, 3, 5, "d", 2),
    (
        "one push of two",
        Kind.CLOSE_DATE_PUSHED,
        [created(at(0), stage="Lead", close_date="2024-04-10"), changed(at(1), close_date="2024-04-15")],
        2,
        1,
        2,
        "pushes",
        None,
    ),
    ("one entry of two", Kind.STAGE_BOUNCED, [created(at(0), stage="Lead")], 1, 1, 2, "entries", None),
    (
        "hours since an intent",
        Kind.INTENT_UNANSWERED,
        [created(at(3), stage="Lead", **FULL), intent(at(3) + 10 * HOUR_US)],
        3.5,
        2,
        4,
        "business hours",
        2 / 24,
    ),
]


@pytest.mark.parametrize("row", MEASURED, ids=[row[0] for row in MEASURED])
def test_what_is_measured_says_by_how_much(row: Measured) -> None:
    _, kind, events, days, observed, limit, unit, opens = row
    found = quiet(kind, *events, until=at(days))
    assert found.missing is not None
    assert (found.missing.observed, found.missing.limit, found.missing.unit) == (observed, limit, unit)
    assert found.missing.short_by == limit - observed
    assert found.opens_us == (None if opens is None else at(days) + round(opens * DAY_US))


SAID: list[tuple[str, Kind, list[DealEvent], str]] = [
    ("before SQL", Kind.SQL_UNQUALIFIED, [created(at(0), stage="Lead", **FULL)], "Lead is before SQL"),
    (
        "unknown is not false",
        Kind.SQL_UNQUALIFIED,
        [created(at(0), stage="Demo", need=True)],
        "nothing is false; unknown: budget",
    ),
    (
        "all true",
        Kind.SQL_UNQUALIFIED,
        [created(at(0), stage="Demo", **FULL)],
        "every qualification field is true",
    ),
    ("never an SQL", Kind.POST_SQL_INCONSISTENT, [created(at(0), stage="Lead")], "it never was sales-qualified"),
    (
        "a gate that was passed",
        Kind.GATE_VIOLATED,
        [created(at(0), stage="Lead", **FULL), changed(at(0.5), stage="Demo")],
        "nothing was false when the stage was entered",
    ),
    (
        "false only since",
        Kind.GATE_VIOLATED,
        [created(at(0), stage="Lead", **FULL), changed(at(0.2), stage="Demo"), changed(at(0.5), need=False)],
        "nothing was false when the stage was entered; false only since then: exit of Lead: need known",
    ),
    (
        "an unknown criterion of a gate",
        Kind.GATE_VIOLATED,
        [created(at(0), stage="Lead"), changed(at(0.5), stage="Demo")],
        "nothing was false when the stage was entered; unknown: exit of Lead: need known",
    ),
    ("no criteria", Kind.GATE_VIOLATED, [created(at(0), stage="Demo")], "the way into Demo has no criteria"),
    ("an unknown ICP", Kind.ICP_MISMATCH, [created(at(0), stage="Lead")], "nothing is false; unknown: worth it"),
    (
        "a plan stands in the way of a gap",
        Kind.CONTACT_GAP,
        [created(at(0), stage="Lead"), planned(at(0.5), "a", at(5))],
        "time since creation, without any contact; a contact is planned for 2024-03-06",
    ),
    ("no intent", Kind.HIGH_INTENT, [created(at(0), stage="Lead")], "no intent was seen"),
    (
        "an intent that was answered",
        Kind.HIGH_INTENT,
        [created(at(0), stage="Lead"), intent(at(0.2)), call(at(0.5))],
        "a contact followed every intent",
    ),
    ("no close date", Kind.CLOSE_DATE_PASSED, [created(at(0), stage="Lead")], "it has no close date"),
    ("no owner's record", Kind.UNOWNED, [created(at(0), stage="Lead")], "its owner is unknown"),
]


@pytest.mark.parametrize(("kind", "events", "said"), [row[1:] for row in SAID], ids=[row[0] for row in SAID])
def test_what_is_missing_is_said(kind: Kind, events: list[DealEvent], said: str) -> None:
    found = quiet(kind, *events, until=at(1))
    assert found.missing is not None
    assert found.missing.what == said


def _bare() -> Panel:
    """The story's rules for a source that provides nothing more than deals."""
    source = Source(name="crm", kind=SourceKind.TABLES, tenant="acme", provides=frozenset[Provides]())
    return panel_of(Rules(PANEL.rules.playbook, "v", [source]))


OFF: list[tuple[str, list[DealEvent], Panel, str]] = [
    (
        "switched off in the playbook",
        [created(at(0), stage="Lead")],
        panel_of(rules_of({"contact_gap": {"enabled": False}})),
        "switched off in the playbook",
    ),
    (
        "switched off for the stage",
        [created(at(0), stage="Lead")],
        panel_of(rules_of({"contact_gap": {"off_for": {"stages": ["Lead"]}}})),
        "switched off for this pipeline, stage, segment or team",
    ),
    ("not provided", [created(at(0), stage="Lead")], _bare(), "its source does not provide activities"),
    ("closed", [created(at(0), stage="Lead"), changed(at(1), stage="Won")], PANEL, "the deal is closed (Won)"),
    ("removed", [created(at(0), stage="Lead"), removed(at(1))], PANEL, "the deal is removed"),
    ("nobody's stage", [created(at(0), stage="Limbo")], PANEL, "the playbook does not define its stage"),
]


@pytest.mark.parametrize(("events", "panel", "why"), [row[1:] for row in OFF], ids=[row[0] for row in OFF])
def test_a_kind_that_cannot_open_says_why(events: list[DealEvent], panel: Panel, why: str) -> None:
    found = quiet(Kind.CONTACT_GAP, *events, until=at(2), panel=panel)
    assert (found.off, found.missing, found.opens_us) == (why, None, None)


def test_what_is_open_says_what_ends_it() -> None:
    found = explain(created(at(0), stage="Demo", budget=False, need=None), until=at(1))
    (one,) = [one for one in found.open if one.episode.kind is Kind.SQL_UNQUALIFIED]
    assert (one.remedy, one.ends_us) == ("all qualification fields are true (budget, need)", None)


def test_what_ends_by_itself_says_when() -> None:
    found = explain(created(at(0), stage="Lead"), meeting(at(1), "m", at(9)), until=at(6.5))
    # the meeting is planned within the days in which plans count
    assert Kind.CONTACT_GAP not in {one.episode.kind for one in found.open}
    far = explain(created(at(0), stage="Lead"), meeting(at(1), "m", at(14)), until=at(6.5))
    (gap_,) = [one for one in far.open if one.episode.kind is Kind.CONTACT_GAP]
    assert gap_.ends_us == at(7)  # then it comes near enough
    assert gap_.remedy.endswith("by itself at 2024-03-08T00:00:00Z")


@given(histories, st.integers(1, 50))
@examples(60)
def test_every_kind_is_open_or_quiet_and_the_future_is_what_comes(events: list[DealEvent], half_days: int) -> None:
    until = max(at(half_days / 2), events[-1].at_us)
    watch = history(events, until)[0]
    found = explained(PANEL, watch, until)
    assert {one.episode.kind for one in found.open} | {one.kind for one in found.quiet} == set(Kind)
    assert not {one.episode.kind for one in found.open} & {one.kind for one in found.quiet}
    for one in found.quiet:
        assert bool(one.off) != (one.missing is not None)
        assert one.missing is None or one.missing.what
        if one.opens_us is not None:
            before, after = (advance(PANEL, found.watch, one.opens_us + more)[0] for more in (0, 1))
            assert until <= one.opens_us <= until + AHEAD_US
            assert one.kind not in {episode.kind for episode in before.episodes}
            assert one.kind in {episode.kind for episode in after.episodes}


@given(calm_histories, st.integers(1, 50))
@examples(60)
def test_days_to_go_are_the_days_that_it_takes(events: list[DealEvent], half_days: int) -> None:
    until = max(at(half_days / 2), events[-1].at_us)
    for one in explain(*events, until=until).quiet:
        if one.kind in {Kind.STAGE_OVERSTAY, Kind.CYCLE_EXCEEDED} and one.missing and one.missing.unit == "d":
            assert one.missing.short_by is not None
            assert one.missing.short_by >= 0
            assert one.opens_us == until + round(one.missing.short_by * DAY_US)


@given(histories)
@examples(40)
def test_a_history_is_told_event_by_event_and_changes_nothing(events: list[DealEvent]) -> None:
    stored = [Stored(event, n) for n, event in enumerate(events)]
    told = list(happenings(KEY, SOURCE, stored))
    assert [one.event for one in told] == events
    assert all(one.lines for one in told)


def test_a_history_says_what_was_and_what_is() -> None:
    events: list[DealEvent] = [
        created(at(0), stage="Lead", amount=500.0, name="x" * 100),
        changed(at(1), amount=700.0, next_step=None),
        changed(at(2), amount=700.0),
        activity(at(3), "a1", at_us=at(4), done=False, direction="outbound", person="p1"),
        call(at(5)),
        intent(at(6)),
        gap(at(7)),
        removed(at(8), merged_into="crm/acme:D2"),
    ]
    told = [list(one.lines) for one in happenings(KEY, SOURCE, [Stored(one, n) for n, one in enumerate(events)])]
    assert told == [
        ["created", "stage: Lead", "amount: 500.0", f"name: {'x' * 79}…"],
        ["amount: 500.0 -> 700.0", "next_step: (empty)"],
        ["nothing new"],
        ["activity a1: planned 2024-03-05 00:00, outbound, with p1"],
        [f"activity call at {at(5)}: done 2024-03-06 00:00"],
        ["high intent: demo_request"],
        ["its source lost changes: nothing opens until it is read again"],
        ["merged into crm/acme:D2"],
    ]


def test_a_deal_of_which_nothing_is_known_is_no_trouble() -> None:
    found = explained(PANEL, Watch(Deal(KEY, SOURCE)), at(1))
    assert {one.off for one in found.quiet} == {"the playbook does not define its stage"}
