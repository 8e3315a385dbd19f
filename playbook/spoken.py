"""Definitions of the playbook in lines that a person reads beside a number."""

from __future__ import annotations

from playbook.model import Pipeline, Playbook


def sql_lines(playbook: Playbook) -> list[str]:
    """Which deals are sales-qualified, and what they must have."""
    if not playbook.sql.fields:
        return ["the playbook names no SQL fields"]
    stages = [_sql_stage(pipeline) for pipeline in playbook.pipelines if pipeline.sql_stage is not None]
    return [f"open deals in {'; '.join(stages)} or later: {', '.join(playbook.sql.fields)} all true"]


def _sql_stage(pipeline: Pipeline) -> str:
    return f"{pipeline.sql_stage} ({pipeline.name})"


def icp_lines(playbook: Playbook) -> list[str]:
    """The criteria of the ideal customer profile."""
    if not playbook.icp:
        return ["the playbook names no ICP criteria"]
    return [f"{criterion.name}: {criterion.when}" for criterion in playbook.icp]


def cycle_lines(playbook: Playbook) -> list[str]:
    """The corridors of the segments, in the order in which they are tried."""
    numbers = playbook.signals.cycle_exceeded
    if not numbers.enabled:
        return ["cycle_exceeded is switched off"]
    other = "no limit" if numbers.days is None else f"{numbers.days:g} days"
    if numbers.days is None and numbers.learned:
        other = f"the {numbers.quantile:.0%} quantile of won cycles, where one was learned"
    lines = [
        f"{segment.name} ({segment.when or 'every other deal'}): "
        + (other if segment.cycle_days is None else f"{segment.cycle_days:g} days")
        for segment in playbook.segments
    ]
    return lines if any(segment.when is None for segment in playbook.segments) else [*lines, f"of no segment: {other}"]
