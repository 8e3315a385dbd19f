"""Pace: how long a deal takes, and whether it moves forward."""

from __future__ import annotations

from signals.deal import Entry
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_days, over_limit
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
    finding = Finding(
        f"more than {in_days(limit_us)} in {case.stage.name}", anchor=rfc3339(entry.at_us), causes=(entry.mark,)
    )
    return over_limit(entry.at_us, limit_us, case.at_us, finding)


def _cycle_exceeded(case: Case) -> Verdict:
    """T - created > the corridor of the deal's segment."""
    created_us, limit_us = case.deal.created_us, case.rules.cycle_us(case.segment)
    if created_us is None or limit_us is None:
        return NOTHING
    of_segment = f" for {case.segment.name}" if case.segment is not None else ""
    mark = case.deal.created_mark
    finding = Finding(
        f"open for more than {in_days(limit_us)}, the corridor{of_segment}",
        anchor=rfc3339(created_us),
        causes=() if mark is None else (mark,),
    )
    return over_limit(created_us, limit_us, case.at_us, finding)


def _stage_regressed(case: Case) -> Verdict:
    """The present stage is before the furthest reached."""
    furthest = case.stage
    for entry in case.deal.entries:
        stage = case.rules.stage(case.deal, entry.stage)
        if stage is not None and stage.is_open and stage.order > furthest.order:
            furthest = stage
    if furthest is case.stage:
        return NOTHING
    finding = Finding(f"back from {furthest.name} to {case.stage.name}", severity=Severity.INFO)
    return Verdict((finding._replace(details=({"furthest": furthest.name},)),))


def previous_entry(case: Case) -> Entry | None:
    """The stage that the deal was in before the present one."""
    return case.deal.entries[-2] if len(case.deal.entries) > 1 else None


def _cycle_reads(rules: Rules) -> frozenset[str]:
    return rules.segment_reads | {"created_at"}


STAGE_OVERSTAY = Detector(Kind.STAGE_OVERSTAY, always(), _stage_overstay)
CYCLE_EXCEEDED = Detector(Kind.CYCLE_EXCEEDED, _cycle_reads, _cycle_exceeded)
STAGE_REGRESSED = Detector(Kind.STAGE_REGRESSED, always(), _stage_regressed)
