"""Pace: how long a deal takes, and whether it moves forward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from signals.deal import ACTIVITIES, NEVER_US, Deal, Entry
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_days
from signals.episodes import Details, Finding
from signals.rules import Rules, StageRule
from topics.instants import from_us, rfc3339
from topics.signals import Kind, Severity


def _stage_overstay(case: Case) -> Verdict:
    """T - stage entry > the learned quantile, else the stage's fixed days, which warn and never more (signals.md)."""
    entry, at_us = case.deal.entries[-1], case.at_us
    if entry.at_us is None:
        return NOTHING
    limits = case.rules.overstay(case.stage, case.rules.segment(case.deal.fields))
    if limits.warning_us is None:
        return NOTHING
    warning_us = entry.at_us + limits.warning_us
    if at_us <= warning_us:
        return (), warning_us
    limit_us, learned, severity, due_us = limits.warning_us, limits.learned, Severity.WARNING, None
    if limits.critical_us is not None:
        due_us = entry.at_us + limits.critical_us
        if at_us > due_us:
            limit_us, learned, severity, due_us = limits.critical_us, limits.critical, Severity.CRITICAL, None
    reason = f"more than {in_days(limit_us)} in {case.stage.name}"
    if learned is not None:
        reason += f", longer than {100 * learned.quantile:g} % of {learned.n} deals"
    finding = Finding(
        reason,
        rfc3339(entry.at_us),
        severity,
        start_us=entry.at_us,
        limit_us=limit_us,
        causes=(entry.mark,),
        baseline=None if learned is None else learned.evidence(),
    )
    return (finding,), due_us


def _cycle_exceeded(case: Case) -> Verdict:
    """T - created > the corridor of the deal's segment, else the learned quantile of won cycles."""
    created_us, mark = case.deal.created_us, case.deal.created_mark
    if created_us is None:
        return NOTHING
    segment = case.rules.segment(case.deal.fields)
    corridor = case.rules.corridor(case.stage, segment)
    limit_us, learned = corridor.limit_us, corridor.learned
    if limit_us is None:
        return NOTHING
    if case.at_us <= created_us + limit_us:
        return (), created_us + limit_us
    of_segment = f" for {segment.name}" if segment is not None else ""
    what = (
        f"the corridor{of_segment}"
        if learned is None
        else f"longer than {100 * learned.quantile:g} % of won deals took"
    )
    finding = Finding(
        f"open for more than {in_days(limit_us)}, {what}",
        rfc3339(created_us),
        start_us=created_us,
        limit_us=limit_us,
        causes=() if mark is None else (mark,),
        baseline=None if learned is None else learned.evidence(),
    )
    return (finding,), None


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


def _stage_skipped(case: Case) -> Verdict:
    """Advanced past a required stage never entered; over when it is entered, or 14 days later.

    A stage is left out once: by the first advance past it. Creation in a later stage is no skip.
    """
    entries = case.deal.entries
    if len(entries) < 2:  # noqa: PLR2004 - an advance has a stage before it
        return NOTHING
    at_us, life_us = case.at_us, case.rules.skip_life_us
    findings: list[Finding] = []
    due_us = None
    for entry, skipped in _skips(case):
        if entry.at_us is None or at_us > (expires_us := entry.at_us + life_us):
            continue
        due_us = expires_us if due_us is None or expires_us < due_us else due_us
        findings.append(
            Finding(
                f"{', '.join(skipped)} left out on the way to {_stage_name(case, entry)}",
                anchor=entry.mark.event,
                severity=Severity.INFO,
                details=tuple([{"left_out": name} for name in skipped]),
                causes=(entry.mark,),
                expires_us=expires_us,
            )
        )
    return tuple(findings), due_us


def _skips(case: Case) -> list[tuple[Entry, list[str]]]:
    """The advances past required stages that the deal has not entered to this day, with the names of those."""
    missing: dict[int, str] | None = None
    skips: list[tuple[Entry, list[str]]] = []
    before: StageRule | None = None
    for entry in case.deal.entries:
        stage = _open_stage(case, entry)
        if stage is not None and before is not None and stage.order > before.order + 1:
            missing = _never_entered(case) if missing is None else missing
            skipped = [order for order in missing if before.order < order < stage.order]
            if skipped:
                skips.append((entry, [missing.pop(order) for order in skipped]))
        before = stage
    return skips


def _never_entered(case: Case) -> dict[int, str]:
    """The required stages that the deal was never in: their names by their order."""
    entered = {stage.order for entry in case.deal.entries if (stage := case.stages.get(entry.stage)) is not None}
    return {one.order: one.name for one in case.rules.required(case.stage.pipeline) if one.order not in entered}


class _Bounce(NamedTuple):
    """A stage was entered for the `entries`th time."""

    entry: Entry
    at_us: int
    stage: str
    entries: int


def _stage_bounced(case: Case) -> Verdict:
    """Entered the same stage again: the 2nd entry warns, the 3rd is critical; over 14 days after the last one.

    An episode is anchored at the first such entry; a further one within its life updates it and renews its expiry.
    """
    if len(case.deal.entries) < 3:  # noqa: PLR2004 - there, elsewhere, and back
        return NOTHING
    chain: list[_Bounce] = []
    life_us = case.rules.bounce_life_us
    for bounce in _bounces(case):
        if chain and bounce.at_us > chain[-1].at_us + life_us:
            chain = []
        chain.append(bounce)
    if not chain or case.at_us > (expires_us := chain[-1].at_us + life_us):
        return NOTHING
    numbers = case.rules.settings.stage_bounced
    most = max(chain, key=lambda one: one.entries)
    finding = Finding(
        f"entered {most.stage} {_times(most.entries)}",
        anchor=chain[0].entry.mark.event,
        severity=Severity.CRITICAL if most.entries >= numbers.critical_entries else Severity.WARNING,
        observed=float(most.entries),
        limit=float(numbers.warning_entries),
        unit="entries",
        details=tuple([{"stage": one.stage, "entries": one.entries, "at": rfc3339(one.at_us)} for one in chain]),
        causes=tuple([one.entry.mark for one in chain]),
        expires_us=expires_us,
    )
    return (finding,), expires_us


def _bounces(case: Case) -> list[_Bounce]:
    """The entries into stages that had been entered before often enough. A, B, A within 15 minutes is one edit."""
    least, edit_us = case.rules.settings.stage_bounced.warning_entries, case.rules.edit_us
    path: list[tuple[str, int | None]] = []
    bounces: list[_Bounce] = []
    for entry in case.deal.entries:
        name, at_us = _stage_name(case, entry), entry.at_us
        if path and path[-1][0] == name:
            continue
        if len(path) > 1 and path[-2][0] == name and _is_edit(path[-1][1], at_us, edit_us):
            path.pop()
            continue
        path.append((name, at_us))
        entries = sum([one == name for one, _ in path])
        if entries >= least and at_us is not None:
            bounces.append(_Bounce(entry, at_us, name, entries))
    return bounces


def _is_edit(left_us: int | None, back_us: int | None, edit_us: int) -> bool:
    return left_us is not None and back_us is not None and back_us - left_us <= edit_us


def _stage_name(case: Case, entry: Entry) -> str:
    stage = case.stages.get(entry.stage)
    return entry.stage if stage is None else stage.name


def _times(count: int) -> str:
    return "twice" if count == 2 else f"{count} times"  # noqa: PLR2004 - a word of its own


class _Advance(NamedTuple):
    """A step forward, or several within the grace of one another: the first and the last of them.

    `since_us` is the advance before it, else the first entry; `stage` is where the deal stood when the grace was over.
    """

    entry: Entry
    last_us: int
    since_us: int
    stage: StageRule


def _stage_parked(case: Case) -> Verdict:
    """Advanced, from the 3rd stage on, though the buyer has taken part in nothing since the advance before.

    An episode is anchored at the first such advance; it lasts until the buyer does, and further advances update it.
    """
    entries = case.deal.entries
    if len(entries) < 2:  # noqa: PLR2004 - an advance has a stage before it
        return NOTHING
    at_us, grace_us = case.at_us, case.rules.parked_grace_us
    heard_us, hears_us = _inbound(case.deal, at_us)
    if heard_us > (entries[-1].at_us or 0):  # after every advance: nearly always, and nothing to wait for
        return NOTHING
    parked = [one for one in _advances(case) if one.since_us >= heard_us]
    held = [one for one in parked if at_us > one.last_us + grace_us]
    due_us = min([one.last_us + grace_us for one in parked if at_us <= one.last_us + grace_us], default=None)
    if not held:
        return (), due_us
    if hears_us is not None and (due_us is None or hears_us < due_us):
        due_us = hears_us
    where = ", then ".join([one.stage.name for one in held])
    finding = Finding(
        f"moved on to {where}, though nothing came from the buyer since {_day(held[0].since_us)}",
        anchor=held[0].entry.mark.event,
        details=_parked_details(held),
        causes=tuple([one.entry.mark for one in held]),
    )
    return (finding,), due_us


def _parked_details(held: Sequence[_Advance]) -> Details:
    return tuple(
        [
            {"stage": one.stage.name, "advanced_at": rfc3339(one.last_us), "nothing_since": rfc3339(one.since_us)}
            for one in held
        ]
    )


def _inbound(deal: Deal, at_us: int) -> tuple[int, int | None]:
    """The instants of the last contact in which the buyer took part, and of the next one that is to come by itself."""
    older = deal.older_inbound
    last_us, next_us = NEVER_US if older is None else older.at_us, None
    for one in deal.activities.values():
        when_us = one.at_us
        if when_us is None or one.removed or not (one.done or one.meets) or not one.inbound:
            continue
        if when_us > at_us:
            next_us = when_us if next_us is None or when_us < next_us else next_us
        elif when_us > last_us:
            last_us = when_us
    return last_us, next_us


def _advances(case: Case) -> list[_Advance]:
    """The deal's advances into the stages that are judged, in order; what was taken back within the grace is none."""
    grace_us, least = case.rules.parked_grace_us, case.rules.settings.stage_parked.from_stage
    entries = case.deal.entries
    stages = [_open_stage(case, entry) for entry in entries]
    found: list[_Advance] = []
    since_us = entries[0].at_us
    for first, last, last_us in _steps_forward(entries, stages, grace_us):
        before, stage = stages[first - 1], _settled(entries, stages, last, last_us + grace_us)
        if before is None or stage is None or stage.order <= before.order:
            continue
        if since_us is not None and stage.order + 1 >= least:
            found.append(_Advance(entries[first], last_us, since_us, stage))
        since_us = last_us
    return found


def _open_stage(case: Case, entry: Entry) -> StageRule | None:
    stage = case.stages.get(entry.stage)
    return stage if stage is not None and stage.is_open else None


def _steps_forward(
    entries: Sequence[Entry], stages: Sequence[StageRule | None], grace_us: int
) -> list[tuple[int, int, int]]:
    """Runs of advances, none later than the grace after the one before: first and last by place, when the last was."""
    runs: list[tuple[int, int, int]] = []
    for place, (entry, before, stage) in enumerate(zip(entries[1:], stages, stages[1:], strict=False), 1):
        if entry.at_us is None or before is None or stage is None or stage.order <= before.order:
            continue
        if runs and entry.at_us - runs[-1][2] <= grace_us:
            runs[-1] = (runs[-1][0], place, entry.at_us)
        else:
            runs.append((place, place, entry.at_us))
    return runs


def _settled(
    entries: Sequence[Entry], stages: Sequence[StageRule | None], place: int, until_us: int
) -> StageRule | None:
    """Where the deal stood at an instant, given the place of an entry before; None for no open stage."""
    while place + 1 < len(entries) and (entries[place + 1].at_us or 0) <= until_us:
        place += 1
    return stages[place]


def _day(at_us: int) -> str:
    return from_us(at_us).date().isoformat()


def previous_entry(case: Case) -> Entry | None:
    """The stage that the deal was in before the present one."""
    return case.deal.entries[-2] if len(case.deal.entries) > 1 else None


def _overstay_reads(rules: Rules) -> frozenset[str]:
    return rules.segment_reads if rules.baselines.rows else frozenset()


def _cycle_reads(rules: Rules) -> frozenset[str]:
    return rules.segment_reads | {"created_at"}


STAGE_OVERSTAY = Detector(Kind.STAGE_OVERSTAY, _overstay_reads, _stage_overstay)
CYCLE_EXCEEDED = Detector(Kind.CYCLE_EXCEEDED, _cycle_reads, _cycle_exceeded)
STAGE_REGRESSED = Detector(Kind.STAGE_REGRESSED, always(), _stage_regressed)
STAGE_SKIPPED = Detector(Kind.STAGE_SKIPPED, always(), _stage_skipped)
STAGE_BOUNCED = Detector(Kind.STAGE_BOUNCED, always(), _stage_bounced)
STAGE_PARKED = Detector(Kind.STAGE_PARKED, always(ACTIVITIES), _stage_parked)
