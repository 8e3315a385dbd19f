"""Qualification: whether a deal meets the definitions that it claims to meet."""

from __future__ import annotations

from signals.deal import is_true
from signals.detectors.case import NOTHING, Case, Detector, Verdict
from signals.detectors.pace import previous_entry
from signals.episodes import Details, Episode, Finding
from signals.rules import Gate, Rules
from topics.instants import rfc3339
from topics.signals import Kind, Severity


def _sql_unqualified(case: Case) -> Verdict:
    """The deal is at or past SQL, and a qualification field is false or empty. Unknown is not false (law 13)."""
    if not case.stage.is_sql:
        return NOTHING
    fields = case.deal.fields
    failing = [
        name
        for name in case.rules.sql_fields
        if (value := fields.get(name, True)) is not True and not is_true(value)  # most are true: no call
    ]
    if not failing:
        return NOTHING
    details: Details = tuple({"field": name, "value": fields[name]} for name in failing)
    reason = f"sales-qualified in {case.stage.name} without {_listed(failing)}"
    return (Finding(reason, severity=Severity.CRITICAL, details=details),), None


def _post_sql_inconsistent(case: Case) -> Verdict:
    """After SQL, a qualification field that was true is true no longer, or the deal fell back before SQL."""
    deal = case.deal
    if case.stage.is_sql and not deal.losses:
        return NOTHING
    first = next((one for one in deal.entries if _is_sql(case, one.stage)), None)
    if first is None:
        return NOTHING
    lost = [name for name in case.rules.sql_fields if name in deal.losses and deal.losses[name].mark.n > first.mark.n]
    details: Details = tuple(
        {"field": name, "value": deal.fields[name], "lost_at": rfc3339(deal.losses[name].at_us)} for name in lost
    )
    if not case.stage.is_sql:
        details = (*details, {"stage": case.stage.name})
    if not details:
        return NOTHING
    said = ([f"{_listed(lost)} no longer true"] if lost else []) + (
        [] if case.stage.is_sql else [f"back before SQL in {case.stage.name}"]
    )
    return (Finding("after SQL: " + " and ".join(said), severity=Severity.CRITICAL, details=details),), None


def _is_sql(case: Case, value: str) -> bool:
    stage = case.stages.get(value)
    return stage is not None and stage.is_sql


def _gate_violated(case: Case) -> Verdict:
    """At entry + settle time, exit criteria of the stage left or entry criteria of the stage entered did not hold.

    The gate is judged once, by time, on the values of that instant (sources send one field at a time). What failed
    there is kept in the episode, which ends when all of that holds or the stage is left.
    """
    entry = case.deal.entries[-1]
    if entry.at_us is None:
        return NOTHING
    gate_us = entry.at_us + case.rules.settle_us
    if case.at_us <= gate_us:
        return ((), gate_us) if _gate(case) else NOTHING
    fields, anchor = case.deal.fields, entry.mark.event
    details = _kept(case.episodes, anchor) if case.episodes else ()
    if case.at_us == gate_us + 1 and case.on.cause is None and case.on.dated_us == gate_us:
        failed = [name for name, condition in _gate(case) if condition.judge(fields) is False]
        details = tuple({"criterion": name} for name in failed)
    elif details:
        named = {str(detail["criterion"]) for detail in details}
        failed = [name for name, condition in _gate(case) if name in named and condition.judge(fields) is not True]
    else:
        return NOTHING
    if not failed:
        return NOTHING
    reason = (
        f"entered {case.stage.name} although it does not hold: {'; '.join(str(one['criterion']) for one in details)}"
    )
    return (Finding(reason, anchor=anchor, details=details, causes=(entry.mark,)),), None


def _kept(episodes: tuple[Episode, ...], anchor: str) -> Details:
    """What failed at the gate of the present stage, while that is open."""
    for one in episodes:
        if one.kind is _GATE and one.anchor == anchor:
            return one.details
    return ()


_GATE = Kind.GATE_VIOLATED


def _gate(case: Case) -> Gate:
    """The conditions of the present stage's gate, by the name that the evidence shows."""
    before = previous_entry(case)
    left = None if before is None else case.stages.get(before.stage)
    if left is not None and left.is_open and left.order < case.stage.order:
        return left.exit_gate + case.stage.entry_gate
    return case.stage.entry_gate


def _listed(names: list[str]) -> str:
    return ", ".join(names)


def _sql_reads(rules: Rules) -> frozenset[str]:
    return frozenset(rules.sql_fields)


SQL_UNQUALIFIED = Detector(Kind.SQL_UNQUALIFIED, _sql_reads, _sql_unqualified)
POST_SQL_INCONSISTENT = Detector(Kind.POST_SQL_INCONSISTENT, _sql_reads, _post_sql_inconsistent)
GATE_VIOLATED = Detector(Kind.GATE_VIOLATED, lambda rules: rules.gate_reads, _gate_violated)
