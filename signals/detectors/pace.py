"""Pace: how long a deal takes, and whether it moves forward."""

from __future__ import annotations

from signals.deal import Entry
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_days
from signals.episodes import Finding
from signals.rules import Rules
from topics.instants import rfc3339
from topics.signals import Kind, Severity


def _stage_overstay(case: Case) -> Verdict:
    """T - stage entry > the stage's fixed days. Fixed days warn and never more (signals.md)."""
    entry = case.deal.entries[-1]
    if entry.at_us is None:
        return NOTHING
    limit_us = case.stage.overstay_us
    if case.at_us <= entry.at_us + limit_us:
        return (), entry.at_us + limit_us
    reason = f"more than {in_days(limit_us)} in {case.stage.name}"
    anchor = rfc3339(entry.at_us)
    return (Finding(reason, anchor, start_us=entry.at_us, limit_us=limit_us, causes=(entry.mark,)),), None


def _cycle_exceeded(case: Case) -> Verdict:
    """T - created > the corridor of the deal's segment."""
    created_us, mark = case.deal.created_us, case.deal.created_mark
    if created_us is None:
        return NOTHING
    segment = case.rules.segment(case.deal.fields)
    limit_us = case.rules.cycle_us(segment)
    if limit_us is None:
        return NOTHING
    if case.at_us <= created_us + limit_us:
        return (), created_us + limit_us
    of_segment = f" for {segment.name}" if segment is not None else ""
    reason = f"open for more than {in_days(limit_us)}, the corridor{of_segment}"
    causes = () if mark is None else (mark,)
    return (Finding(reason, rfc3339(created_us), start_us=created_us, limit_us=limit_us, causes=causes),), None


def _stage_regressed(case: Case) -> Verdict:
    """The present stage is before the furthest reached."""
    furthest, stages = case.stage, case.stages
    for entry in case.deal.entries:
        stage = stages.get(entry.stage)
        if stage is not None and stage.is_open and stage.order > furthest.order:
            furthest = stage
    if furthest is case.stage:
        return NOTHING
    reason = f"back from {furthest.name} to {case.stage.name}"
    return (Finding(reason, severity=Severity.INFO, details=({"furthest": furthest.name},)),), None


def previous_entry(case: Case) -> Entry | None:
    """The stage that the deal was in before the present one."""
    return case.deal.entries[-2] if len(case.deal.entries) > 1 else None


def _cycle_reads(rules: Rules) -> frozenset[str]:
    return rules.segment_reads | {"created_at"}


STAGE_OVERSTAY = Detector(Kind.STAGE_OVERSTAY, always(), _stage_overstay)
CYCLE_EXCEEDED = Detector(Kind.CYCLE_EXCEEDED, _cycle_reads, _cycle_exceeded)
STAGE_REGRESSED = Detector(Kind.STAGE_REGRESSED, always(), _stage_regressed)
