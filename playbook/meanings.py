"""Which values of the CRMs the playbook gives a meaning to: pipelines, their stages, forecast categories."""

from __future__ import annotations

from playbook.model import Outcome, Pipeline, Playbook, Stage

#: The fields whose values the playbook defines.
DEFINED_FIELDS = ("stage", "pipeline", "forecast_category")


class Meanings:
    """The values of a playbook, looked up. Built once."""

    __slots__ = ("_any_pipeline", "_asked", "_by_value", "_categories", "_other", "_stages", "_unnamed")

    def __init__(self, playbook: Playbook) -> None:
        pipelines = playbook.pipelines
        self._asked = playbook.signals.value_unmapped.enabled
        self._by_value = {value: one for one in pipelines for value in (one.name, *one.values)}
        rest = [one for one in pipelines if not one.values]
        self._other = rest[0] if rest else None
        self._unnamed = (rest or list(pipelines))[0]
        self._stages = {one.name: _by_value(one) for one in pipelines}
        self._any_pipeline = frozenset(value for stages in self._stages.values() for value in stages)
        allowed = frozenset(each for one in pipelines for stage in one.stages for each in stage.forecast)
        named = playbook.signals.category_mismatch
        self._categories = allowed.union(named.order, named.commit) if allowed else allowed

    def is_open(self, pipeline: str | None, stage: str) -> bool:
        """Whether a deal in this stage is open; not, where nobody defined the stage. `pipeline` None: it names none."""
        found = self._unnamed if pipeline is None else self._pipeline(pipeline)
        known = None if found is None else self._stages[found.name].get(stage)
        return known is not None and known.outcome is Outcome.OPEN

    def defines(self, field: str, value: str, pipeline: str) -> bool:
        """Whether a value of one of `DEFINED_FIELDS` means anything. `pipeline`: the deal's; empty where unknown.

        A stage of an unknown pipeline is defined if any pipeline has it; one of a pipeline that nobody defined is no
        finding of its own. Categories are defined where any stage says which it allows: those, and those that are told
        to be stronger or weaker. Where the kind is switched off, anything goes.
        """
        if not self._asked:
            return True
        if field == "pipeline":
            return self._pipeline(value) is not None
        if field == "forecast_category":
            return not self._categories or value in self._categories
        if not pipeline:
            return value in self._any_pipeline
        found = self._pipeline(pipeline)
        return found is None or value in self._stages[found.name]

    def _pipeline(self, value: str) -> Pipeline | None:
        return self._by_value.get(value, self._other)


def _by_value(pipeline: Pipeline) -> dict[str, Stage]:
    return {value: stage for stage in pipeline.stages for value in (stage.name, *stage.values)}
