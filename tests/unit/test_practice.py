"""Where playbook and practice differ: what counts for which definition, by which team, worst first."""

from __future__ import annotations

from typing import Any

import pytest

from playbook.model import Playbook
from signals.practice import Definition, OpenKind, Report, Seen, Sort, as_document
from tests.unit.brain_story import PLAYBOOK
from topics.indicators import Counts, GateFigures
from topics.instants import parse_rfc3339
from topics.signals import Evidence, Family, Kind, Severity, Signal, Step
from topics.standing import Answer, Judged

NOW = "2024-05-15T12:00:00Z"
MET, NOT_MET, UNKNOWN = Answer.MET, Answer.NOT_MET, Answer.UNKNOWN


def report(*overridden: str) -> Report:
    return Report(parse_rfc3339(NOW), Playbook.model_validate(PLAYBOOK), overridden)


def seen(team: str, *kinds: Kind, **changes: object) -> Seen:
    known: dict[str, Any] = {"deal_id": "D1", "outcome": "open", "team": team, "pipeline": "Sales", "stage": "Demo"}
    return Seen(**{**known, **changes}, open_signals=tuple(map(OpenKind, kinds)))


def entries(team: str, *counts: int, partition: int = 0, stage: str = "Demo") -> GateFigures:
    where: dict[str, Any] = {"partition": partition, "pipeline": "Sales", "stage": stage, "team": team}
    return GateFigures(**where, entries=Counts(*counts), as_of="", playbook="")


def opened(kind: Kind, *details: dict[str, Any], at: str = NOW, step: Step = Step.OPENED, name: str = "s1") -> Signal:
    return Signal(
        id=name,
        kind=kind,
        family=Family.PACE,
        severity=Severity.WARNING,
        transition=step,
        subject_key="crm/acme:D1",
        team="South",
        pipeline="Sales",
        stage="Demo",
        anchor="a",
        occurred_at=at,
        opened_at=at,
        reason="",
        evidence=Evidence(details=details),
        playbook="",
    )


def test_a_gate_is_summed_over_partitions_and_told_apart_by_team() -> None:
    found = report()
    for one in (entries("South", 3, 1), entries("South", 0, 4, 1, partition=1), entries("North", 8, 0)):
        found.take_gate(one)
    ((definition, practice),) = found.worst_first()
    assert definition == Definition(Sort.GATE, "Sales", "Demo")
    assert practice.total == {MET: 11, NOT_MET: 5, UNKNOWN: 1}
    assert practice.broken_share == 5 / 16
    assert practice.worst_team == ("South", 5 / 8)


def test_each_field_and_criterion_counts_for_itself() -> None:
    found = report()
    found.take_deal(seen("South", sql=Judged(NOT_MET, ("need",)), icp=Judged(UNKNOWN, (), ("worth it",))))
    found.take_deal(seen("North", sql=Judged(UNKNOWN, (), ("budget",)), icp=Judged(MET)))
    rows = {(one.sort, one.name): dict(practice.total) for one, practice in found.rows.items()}
    assert rows == {
        (Sort.SQL, "budget"): {MET: 1, UNKNOWN: 1},
        (Sort.SQL, "need"): {NOT_MET: 1, MET: 1},
        (Sort.ICP, "worth it"): {UNKNOWN: 1, MET: 1},
        (Sort.STAGE, "Demo"): {MET: 2},
    }


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (Kind.STAGE_OVERSTAY, NOT_MET),
        (Kind.STAGE_SKIPPED, NOT_MET),
        (Kind.CYCLE_EXCEEDED, MET),  # of the deal, not of the stage that it is in
        (Kind.CONTACT_GAP, MET),
    ],
)
def test_a_stage_is_broken_by_the_signals_of_its_pace(kind: Kind, answer: Answer) -> None:
    found = report()
    found.take_deal(seen("South", kind))
    assert dict(found.rows[Definition(Sort.STAGE, "Sales", "Demo")].total) == {answer: 1}


def test_a_deal_that_is_closed_says_nothing_of_now() -> None:
    found = report()
    found.take_deal(seen("South", Kind.STAGE_OVERSTAY, outcome="won", icp=Judged(NOT_MET, ("worth it",))))
    assert found.rows == {}


def test_which_criteria_of_a_gate_fail_is_counted_within_the_window() -> None:
    found = report()
    failing = {"criterion": "exit of Lead: need known", "value.need": False}
    found.take_signal(opened(Kind.GATE_VIOLATED, failing, {"criterion": "another", "unknown": "need is no number"}))
    found.take_signal(opened(Kind.GATE_VIOLATED, failing, at="2024-02-15T00:00:00Z"))
    found.take_signal(opened(Kind.GATE_VIOLATED, failing, at="2024-02-14T23:59:59Z"))  # the day before
    found.take_signal(opened(Kind.GATE_VIOLATED, failing, step=Step.RESOLVED))
    practice = found.rows[Definition(Sort.GATE, "Sales", "Demo")]
    assert practice.criteria == {"exit of Lead: need known": 2}


OVERRIDES: list[tuple[str, Kind, dict[str, Any], list[Definition]]] = [
    ("of a gate", Kind.GATE_VIOLATED, {"criterion": "c"}, [Definition(Sort.GATE, "Sales", "Demo")]),
    ("of a stage", Kind.STAGE_OVERSTAY, {}, [Definition(Sort.STAGE, "Sales", "Demo")]),
    ("of a field", Kind.SQL_UNQUALIFIED, {"field": "need", "value": False}, [Definition(Sort.SQL, "", "need")]),
    ("of a criterion", Kind.ICP_MISMATCH, {"criterion": "worth it"}, [Definition(Sort.ICP, "", "worth it")]),
    ("of something that is no definition", Kind.CONTACT_GAP, {}, []),
]


@pytest.mark.parametrize(("kind", "detail", "where"), [row[1:] for row in OVERRIDES], ids=[row[0] for row in OVERRIDES])
def test_an_override_counts_where_it_belongs(kind: Kind, detail: dict[str, Any], where: list[Definition]) -> None:
    found = report("s1")
    found.take_signal(opened(kind, detail))
    found.take_signal(opened(kind, detail, name="s2"))
    assert [one for one, practice in found.rows.items() if practice.overridden == {"South": 1}] == where


def test_the_worst_stands_first_and_few_judged_stand_last() -> None:
    found = report()
    for one in (
        entries("South", 9, 1, stage="Lead"),
        entries("South", 5, 5, stage="Demo"),
        entries("South", 0, 4, stage="Proposal"),
    ):
        found.take_gate(one)
    assert [definition.name for definition, _ in found.worst_first()] == ["Demo", "Lead", "Proposal"]
    document: list[dict[str, Any]] = as_document(found)
    assert {name: document[0][name] for name in ("definition", "met", "broken", "n", "broken_share", "overridden")} == {
        "definition": "Demo",
        "met": 5,
        "broken": 5,
        "n": 10,
        "broken_share": 0.5,
        "overridden": 0,
    }
    assert [one["team"] for one in document[0]["teams"]] == ["South"]
