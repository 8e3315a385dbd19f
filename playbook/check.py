"""Which kinds of signal can say nothing, and why: because of the playbook, or because a source does not tell enough."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from playbook.model import Pipeline, Playbook
from playbook.needs import missing
from topics.signals import Kind
from topics.sources.source import Source, SourceKind


class Off(NamedTuple):
    """A kind that is off. `source` is `<source>/<tenant>`, or empty when the playbook alone turns it off everywhere."""

    kind: Kind
    source: str
    reason: str


def kinds_off(playbook: Playbook, sources: Iterable[Source]) -> tuple[Off, ...]:
    """One row per kind and cause, in the order of the catalogue.

    Sources that send no deals (CloudEvents) are left out: they add to the deals of another source.
    """
    deals = tuple(source for source in sources if source.kind is not SourceKind.CLOUDEVENTS)
    return tuple(row for kind in Kind for row in _of_kind(playbook, deals, kind))


def _of_kind(playbook: Playbook, sources: tuple[Source, ...], kind: Kind) -> Iterator[Off]:
    if not playbook.signals.of(kind).enabled:
        yield Off(kind, "", "switched off in the playbook")
        return
    undefined = DEFINED_BY[kind](playbook)
    if undefined:
        yield Off(kind, "", undefined)
        return
    for source in sources:
        lacking = missing(kind, source.provides)
        if lacking:
            yield Off(kind, source.key, f"the source does not provide {', '.join(sorted(lacking))}")


def _always(_: Playbook) -> str:
    return ""


def _cycle(playbook: Playbook) -> str:
    if playbook.signals.cycle_exceeded.days or any(segment.cycle_days for segment in playbook.segments):
        return ""
    return "no segment has cycle_days, and signals.cycle_exceeded has no days"


def _sql(playbook: Playbook) -> str:
    if not playbook.sql.fields:
        return "sql.fields names no qualification field"
    if not any(pipeline.sql_stage for pipeline in playbook.pipelines):
        return "no pipeline names its sql_stage"
    return ""


def _past_sql(playbook: Playbook) -> str:
    # Falling back before SQL needs no qualification field, so the stage alone is enough.
    return "" if any(pipeline.sql_stage for pipeline in playbook.pipelines) else "no pipeline names its sql_stage"


def _gates(playbook: Playbook) -> str:
    return "" if any(map(_has_gate, playbook.pipelines)) else "no stage has entry, exit or required_fields"


def _has_gate(pipeline: Pipeline) -> bool:
    return any(stage.entry or stage.exit or stage.required_fields for stage in pipeline.stages)


def _intents(playbook: Playbook) -> str:
    return "" if playbook.intents else "no intents are defined"


def _icp(playbook: Playbook) -> str:
    return "" if playbook.icp else "no icp criterion is defined"


def _required(playbook: Playbook) -> str:
    junk = playbook.signals.junk_field
    stages = [stage for pipeline in playbook.pipelines for stage in pipeline.stages]
    if junk.fields or junk.repeated or any(stage.required_fields for stage in stages):
        return ""
    return "no stage has required_fields, and signals.junk_field names no field"


def _handover(playbook: Playbook) -> str:
    wanted = playbook.signals.handoff_incomplete
    named = wanted.won_fields or wanted.handover_fields
    return "" if named else "signals.handoff_incomplete names neither won_fields nor handover_fields"


def _forecast(playbook: Playbook) -> str:
    stages = [stage for pipeline in playbook.pipelines for stage in pipeline.stages]
    if playbook.signals.category_mismatch.commit or any(stage.forecast for stage in stages):
        return ""
    return "no stage says which forecast categories it allows"


#: What the playbook must define for a kind to say anything; the answer is the reason why it does not, or "".
DEFINED_BY: dict[Kind, Callable[[Playbook], str]] = dict.fromkeys(Kind, _always) | {
    Kind.CYCLE_EXCEEDED: _cycle,
    Kind.SQL_UNQUALIFIED: _sql,
    Kind.POST_SQL_INCONSISTENT: _past_sql,
    Kind.GATE_VIOLATED: _gates,
    Kind.ICP_MISMATCH: _icp,
    Kind.JUNK_FIELD: _required,
    Kind.HANDOFF_INCOMPLETE: _handover,
    Kind.CATEGORY_MISMATCH: _forecast,
    Kind.AMOUNT_SHRUNK: _past_sql,
    Kind.NEXT_STEP_STALE: _past_sql,
    Kind.HIGH_INTENT: _intents,
    Kind.INTENT_UNANSWERED: _intents,
}
