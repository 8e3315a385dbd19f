"""Episodes: what is told, what is kept silent, and what opens when the silence ends."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from signals.deal import Deal, Mark
from signals.episodes import Episode, Finding, Occasion, compare
from tests.unit.brain_story import (
    KEY,
    SOURCE,
    Story,
    at,
    call,
    changed,
    created,
    full_record,
    gap,
    history,
    load_ended,
    opened,
    removed,
    resolved,
    sentence,
)
from topics.events import DealEvent
from topics.signals import Kind, Resolution, Severity, Step

LEAD = created(at(0), stage="Lead")


def backfill(event: DealEvent) -> DealEvent:
    return replace(event, origin="backfill")


MUTED = [
    Story("after a gap nothing new opens", [LEAD, gap(at(1))], at(30), []),
    Story(
        "a full record opens what holds, dated as it began",
        [LEAD, gap(at(1)), full_record(at(20), stage="Lead")],
        at(30),
        [opened(at(10))],
    ),
    Story(
        "a full record a microsecond after the gap is enough",
        [LEAD, gap(at(1)), full_record(at(1) + 1, stage="Lead")],
        at(30),
        [opened(at(10))],
    ),
    Story("a partial change is not", [LEAD, gap(at(1)), changed(at(2), name="x")], at(30), []),
    Story(
        "what began and ended in silence is never told",
        [LEAD, gap(at(1)), changed(at(12), stage="Won"), full_record(at(20), stage="Won")],
        at(30),
        [],
    ),
    Story(
        "what was told before the gap is told to end",
        [LEAD, gap(at(11)), changed(at(12), stage="Demo")],
        at(30),
        [opened(at(10)), resolved(at(12))],
    ),
    Story(
        "what was told before the gap is not told again",
        [LEAD, gap(at(11)), full_record(at(12), stage="Lead")],
        at(30),
        [opened(at(10))],
    ),
    Story(
        "the full record brings another stage: the old overstay is not told",
        [LEAD, gap(at(1)), full_record(at(20), stage="Demo")],
        at(27),
        [opened(at(26))],
    ),
    Story("history says nothing", [backfill(LEAD)], at(30), []),
    Story("the end of the load opens what holds", [backfill(LEAD), load_ended(at(20))], at(30), [opened(at(10))]),
    Story(
        "and nothing that had ended by then",
        [backfill(LEAD), backfill(changed(at(12), stage="Won")), load_ended(at(20))],
        at(30),
        [],
    ),
    Story("after it time goes on as ever", [backfill(LEAD), load_ended(at(5))], at(30), [opened(at(10))]),
    Story(
        "a live change does not end the silence of a load",
        [backfill(LEAD), changed(at(12), name="x"), load_ended(at(20))],
        at(30),
        [opened(at(10))],
    ),
    Story("a gap during a load is still there after it", [backfill(LEAD), gap(at(2)), load_ended(at(20))], at(30), []),
    Story(
        "the last of both silences counts",
        [backfill(LEAD), gap(at(2)), load_ended(at(20)), full_record(at(25), stage="Lead")],
        at(30),
        [opened(at(10))],
    ),
    Story(
        "loading history into a deal that is live keeps what was told",
        [LEAD, backfill(changed(at(11), name="x")), load_ended(at(12))],
        at(30),
        [opened(at(10))],
    ),
    Story("a removed deal has nothing to say when the silence ends", [LEAD, gap(at(1)), removed(at(12))], at(30), []),
]


@pytest.mark.parametrize("story", MUTED, ids=sentence)
def test_muted(story: Story) -> None:
    assert story.told(Kind.STAGE_OVERSTAY) == story.expected


def test_closing_resolves_every_kind_at_once() -> None:
    events = [created(at(0), stage="Demo", amount=5.0, budget=False), changed(at(20), stage="Won")]
    watch, said = history(events, at(21))
    ended = [(one.episode.kind, one.at_us, one.resolution) for one in said if one.step is Step.RESOLVED]
    assert ended == [
        (kind, at(20), Resolution.CLOSED)
        for kind in (
            Kind.CONTACT_GAP,
            Kind.CYCLE_EXCEEDED,
            Kind.ICP_MISMATCH,
            Kind.SQL_UNQUALIFIED,
            Kind.STAGE_OVERSTAY,
        )
    ]
    assert watch.episodes == ()
    assert watch.dues == {}


def test_at_the_end_of_a_silence_all_that_holds_opens_in_a_fixed_order() -> None:
    _, said = history([LEAD, gap(at(1)), call(at(2)), full_record(at(20), stage="Lead")], at(21))
    assert [(one.episode.kind, one.at_us) for one in said] == [
        (Kind.CONTACT_GAP, at(7)),
        (Kind.STAGE_OVERSTAY, at(10)),
    ]


MARK = Mark("e1", 4, 0)
ON = Occasion(at(3), at(3), MARK)


def episode(**changes: object) -> Episode:
    base = Episode(Kind.CLOSE_DATE_PUSHED, "a", Severity.WARNING, at(1), told=True, reason="r", causes=(MARK,))
    return replace(base, **changes)


FINDING = Finding("r", anchor="a")

COMPARED = [
    ("nothing then, nothing now", (), (), []),
    ("a finding opens", (), (FINDING,), [Step.OPENED]),
    ("the same finding says nothing", (episode(),), (FINDING,), []),
    ("another reason is an update", (episode(),), (replace(FINDING, reason="s"),), [Step.UPDATED]),
    ("another severity is an update", (episode(),), (replace(FINDING, severity=Severity.CRITICAL),), [Step.UPDATED]),
    ("another detail is an update", (episode(),), (replace(FINDING, details=({"x": 1},)),), [Step.UPDATED]),
    ("a later end alone is not worth a word", (episode(expires_us=1),), (replace(FINDING, expires_us=2),), []),
    ("no finding resolves", (episode(),), (), [Step.RESOLVED]),
    ("another anchor is another episode", (episode(),), (replace(FINDING, anchor="b"),), [Step.OPENED, Step.RESOLVED]),
    ("a finding without an anchor goes on with what runs", (episode(),), (replace(FINDING, anchor=None),), []),
]


@pytest.mark.parametrize(
    ("open_now", "findings", "steps"), [row[1:] for row in COMPARED], ids=[row[0] for row in COMPARED]
)
def test_compare(open_now: tuple[Episode, ...], findings: tuple[Finding, ...], steps: list[Step]) -> None:
    kept, said = compare(Deal(KEY, SOURCE), Kind.CLOSE_DATE_PUSHED, open_now, findings, ON)
    assert [one.step for one in said] == steps
    assert len(kept) == len(findings)


def test_value_and_limit_stay_those_of_the_opening() -> None:
    known = episode(observed=2.0, limit=2.0)
    finding = replace(FINDING, reason="worse", observed=3.0, limit=5.0)
    ((kept,), _) = compare(Deal(KEY, SOURCE), Kind.CLOSE_DATE_PUSHED, (known,), (finding,), ON)
    assert (kept.reason, kept.observed, kept.limit, kept.opened_us) == ("worse", 2.0, 2.0, at(1))


def test_a_condition_without_an_anchor_is_anchored_at_the_event_that_made_it_true() -> None:
    (made,), _ = compare(Deal(KEY, SOURCE), Kind.SQL_UNQUALIFIED, (), (Finding("r"),), ON)
    assert (made.anchor, made.causes) == ("e1", (MARK,))
    (by_time,), _ = compare(Deal(KEY, SOURCE), Kind.SQL_UNQUALIFIED, (), (Finding("r"),), replace(ON, cause=None))
    assert by_time.anchor == "2024-03-04T00:00:00Z"
