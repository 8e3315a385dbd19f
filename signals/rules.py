"""The compiled playbook: what detectors ask for, looked up instead of searched. Made once, never changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from playbook.calendars import BusinessTime, Calendars
from playbook.categories import Categories
from playbook.criteria import Expression, Remembered, keep, value_key
from playbook.kinds import Scope
from playbook.model import Criterion, Outcome, Owner, Pipeline, Playbook, Segment, Stage
from playbook.needs import NEEDS
from playbook.owners import Directory
from signals.baselines import NO_BASELINES, Baselines, Learned
from signals.deal import Deal
from signals.limits import limits_of
from signals.money import Exchange
from topics.definitions import counted
from topics.events import Scalar
from topics.instants import DAY_US, HOUR_US, MINUTE_US
from topics.signals import Kind
from topics.sources.source import Provides, Source

_UNSEEN = object()
#: Amounts count in the currency that they are in.
NO_RATES = Exchange()


def days_us(days: float) -> int:
    """A limit in days as whole microseconds."""
    return round(days * DAY_US)


class Condition(msgspec.Struct, frozen=True):
    """A named criterion, compiled."""

    name: str
    expression: Remembered

    @property
    def reads(self) -> frozenset[str]:
        """The fields that it reads."""
        return self.expression.references

    def judge(self, values: Mapping[str, Scalar]) -> bool | None:
        """True, false, or None for unknown."""
        return self.expression.judge(values)

    def misfits(self, values: Mapping[str, Scalar]) -> dict[str, str]:
        """The fields whose values are none of their declared type, each with the reason."""
        return self.expression.misfits(values)


class Filled(msgspec.Struct, frozen=True):
    """The condition that a field is not empty; unknown where the field is."""

    name: str
    field: str

    def judge(self, values: Mapping[str, Scalar]) -> bool | None:
        """True, false, or None for unknown."""
        if self.field not in values:
            return None
        value = values[self.field]
        return value is not None and value != ""

    @property
    def reads(self) -> frozenset[str]:
        """The field that it reads."""
        return frozenset((self.field,))

    def misfits(self, _values: Mapping[str, Scalar]) -> dict[str, str]:
        """Anything fills a field."""
        return {}


Gate = list[tuple[str, Condition | Filled]]


class StageRule(msgspec.Struct, frozen=True):
    """One stage with its limits in microseconds. `order` is its place in its pipeline.

    `asked`: the fields that must say something by then, since it or a stage before it requires them.
    """

    pipeline: str
    name: str
    order: int
    outcome: Outcome
    is_open: bool
    required: bool
    overstay_us: int
    contact_us: int
    is_sql: bool
    entry: tuple[Condition | Filled, ...]
    exit: tuple[Condition | Filled, ...]
    silent_us: int = 0
    strongest: int | None = None
    asked: tuple[str, ...] = ()

    @property
    def entry_gate(self) -> Gate:
        """What must hold when the stage is entered, by the name that the evidence shows."""
        return [(f"entry of {self.name}: {one.name}", one) for one in self.entry]

    @property
    def exit_gate(self) -> Gate:
        """What must hold when the stage is left forward."""
        return [(f"exit of {self.name}: {one.name}", one) for one in self.exit]


class PipelineRule(msgspec.Struct, frozen=True):
    """The stages of one pipeline, by every value that a CRM may write."""

    name: str
    by_value: dict[str, StageRule]


class SegmentRule(msgspec.Struct, frozen=True):
    """One segment: its predicate (None: every deal) and its corridor in microseconds (None: no limit)."""

    name: str
    when: Expression | None
    cycle_us: int | None


class Overstay(msgspec.Struct, frozen=True):
    """How long deals of a segment may stay in a stage, in microseconds; None: no limit.

    `learned` is what the limits come from, of the quantiles that warn and that are critical; None: fixed days.
    """

    warning_us: int | None
    critical_us: int | None = None
    learned: Learned | None = None
    critical: Learned | None = None


class Corridor(msgspec.Struct, frozen=True):
    """How long a deal of a segment may be open, in microseconds; None: no limit. `learned`: None for fixed days."""

    limit_us: int | None
    learned: Learned | None = None


_NO_STAGES: dict[str, StageRule] = {}


class Rules:
    """Everything that is defined, compiled.

    `version` is the playbook's content hash; `baselines` are what was learned, `exchange` what currencies are worth.
    """

    def __init__(
        self,
        playbook: Playbook,
        version: str,
        sources: Iterable[Source] = (),
        baselines: Baselines = NO_BASELINES,
        exchange: Exchange = NO_RATES,
    ) -> None:
        self.playbook = playbook
        self.version = version
        self.sources = tuple(sources)
        self.baselines = baselines
        self.exchange = exchange
        self.calendars = Calendars(playbook)
        self.directory = Directory(playbook.owners)
        settings = playbook.signals
        self.settings = settings
        self.limits = limits_of(settings)
        self.categories = Categories(settings.category_mismatch)
        self.settle_us = round(settings.gate_violated.settle_seconds * 1_000_000)
        self.push_window_us = days_us(settings.close_date_pushed.window_days)
        self.push_life_us = days_us(settings.close_date_pushed.expires_days)
        self.skip_life_us = days_us(settings.stage_skipped.expires_days)
        self.bounce_life_us = days_us(settings.stage_bounced.expires_days)
        self.edit_us = round(settings.stage_bounced.edit_minutes * MINUTE_US)
        self.parked_grace_us = round(settings.stage_parked.grace_hours * HOUR_US)
        self.stale_us = days_us(settings.stale_deal.days)
        self.reopened_life_us = days_us(settings.reopened.expires_days)
        self.unowned_us = days_us(settings.unowned.days)
        self.sql_fields = playbook.sql.fields
        self.types = playbook.fields
        self.placeholders = frozenset(" ".join(one.split()).casefold() for one in settings.junk_field.placeholders)
        self.icp = tuple(self._condition(criterion) for criterion in playbook.icp)
        self.icp_reads = frozenset[str]().union(*(one.reads for one in self.icp))
        self.segments = tuple(self._segment(segment) for segment in playbook.segments)
        self._default_cycle_us = None if settings.cycle_exceeded.days is None else days_us(settings.cycle_exceeded.days)
        compiled = [self._pipeline(pipeline) for pipeline in playbook.pipelines]
        self._by_value = {
            value: rule
            for pipeline, rule in zip(playbook.pipelines, compiled, strict=True)
            for value in (pipeline.name, *pipeline.values)
        }
        catch_all = [rule for pipeline, rule in zip(playbook.pipelines, compiled, strict=True) if not pipeline.values]
        self._unnamed = (catch_all or compiled)[0]
        self._other = catch_all[0] if catch_all else None
        self._enabled = frozenset(kind for kind in Kind if settings.of(kind).enabled)
        self._tells_next_steps = {source.key: Provides.NEXT_STEP in source.provides for source in self.sources}
        self._provided = {source.key: _provided_kinds(source.provides) & self._enabled for source in self.sources}
        self.off_for = {kind: scope for kind in Kind if (scope := settings.of(kind).off_for) != Scope()}
        self._overstays: dict[tuple[str, str, str | None], Overstay] = {}
        self._corridors: dict[tuple[str, str | None], Corridor] = {}
        self._required = {rule.name: _required(rule) for rule in compiled}
        self.segment_reads = _references(segment.when for segment in self.segments)
        self._segment_names = tuple(sorted(self.segment_reads))
        self._segment_of: dict[tuple[object, ...], SegmentRule | None] = {}
        self.gate_reads = self._gate_reads(compiled)
        self.asked = frozenset(name for one in compiled for stage in one.by_value.values() for name in stage.asked)

    @property
    def definitions(self) -> str:
        """The versions of the playbook and of the baselines together (`topics.definitions.counted`)."""
        return counted(self.version, self.baselines.version)

    def with_baselines(self, baselines: Baselines) -> Rules:
        """The same definitions beside what was learned."""
        return Rules(self.playbook, self.version, self.sources, baselines, self.exchange)

    def kinds_for(self, source: str) -> frozenset[Kind]:
        """The kinds that are on for deals of a source: switched on, and their input provided (law 13)."""
        return self._provided.get(source, self._enabled)

    def tells_next_steps(self, source: str) -> bool:
        """Whether a source provides the next step, so that none is worth a word."""
        return self._tells_next_steps.get(source, True)

    def stage(self, deal: Deal, value: str) -> StageRule | None:
        """What a stage's value means in the deal's pipeline. None: the playbook does not define it."""
        return self.stages(deal.fields).get(value)

    def stages(self, fields: Mapping[str, Scalar]) -> Mapping[str, StageRule]:
        """The stages of a deal's pipeline by every value that a CRM may write; none where nobody defined it."""
        named = fields.get("pipeline")
        pipeline = self._unnamed if named is None else self._by_value.get(str(named), self._other)
        return _NO_STAGES if pipeline is None else pipeline.by_value

    def segment(self, fields: Mapping[str, Scalar]) -> SegmentRule | None:
        """The first segment whose predicate is true."""
        key = value_key(self._segment_names, fields)
        found = self._segment_of.get(key, _UNSEEN)
        if found is _UNSEEN:
            found = self._find_segment(fields)
            keep(self._segment_of, key, found)
        return found  # type: ignore[return-value]  # what is kept are segments

    def _find_segment(self, fields: Mapping[str, Scalar]) -> SegmentRule | None:
        for segment in self.segments:
            if segment.when is None or segment.when.judge(fields) is True:
                return segment
        return None

    def cycle_us(self, segment: SegmentRule | None) -> int | None:
        """The corridor of a segment, else the general one; None: no limit."""
        return self._default_cycle_us if segment is None or segment.cycle_us is None else segment.cycle_us

    def corridor(self, stage: StageRule, segment: SegmentRule | None) -> Corridor:
        """The same, or what was learned of the won cycles of the stage's pipeline where no days are fixed."""
        key = (stage.pipeline, None if segment is None else segment.name)
        found = self._corridors.get(key)
        if found is None:
            found = self._corridors[key] = self._corridor(stage.pipeline, segment)
        return found

    def _corridor(self, pipeline: str, segment: SegmentRule | None) -> Corridor:
        numbers, fixed_us = self.settings.cycle_exceeded, self.cycle_us(segment)
        if fixed_us is not None or not numbers.learned:
            return Corridor(fixed_us)
        name = None if segment is None else segment.name
        learned = self.baselines.won_cycle(pipeline, name, numbers.quantile, numbers.min_n)
        return Corridor(None) if learned is None else Corridor(learned.limit_us, learned)

    def overstay(self, stage: StageRule, segment: SegmentRule | None) -> Overstay:
        """How long a deal may stay: what was learned, else the stage's fixed days."""
        key = (stage.pipeline, stage.name, None if segment is None else segment.name)
        found = self._overstays.get(key)
        if found is None:
            found = self._overstays[key] = self._overstay(stage, key[2])
        return found

    def _overstay(self, stage: StageRule, segment: str | None) -> Overstay:
        numbers, dwell = self.settings.stage_overstay, self.baselines.dwell
        shares = (numbers.warning_quantile, numbers.critical_quantile)
        warning, critical = (dwell(stage.pipeline, stage.name, segment, share, numbers.min_n) for share in shares)
        if warning is None or critical is None or not numbers.learned:
            return Overstay(stage.overstay_us)
        return Overstay(warning.limit_us, critical.limit_us, warning, critical)

    def required(self, pipeline: str) -> tuple[StageRule, ...]:
        """The open stages that no deal of a pipeline may leave out, in their order."""
        return self._required[pipeline]

    def owner(self, fields: Mapping[str, Scalar]) -> Owner | None:
        """The playbook's person behind the deal's owner."""
        owner_id = fields.get("owner_id")
        return self.directory.find(owner_id) if isinstance(owner_id, str) else None

    def business_time(self, fields: Mapping[str, Scalar], pipeline: str) -> BusinessTime:
        """When the deal's owner works, and the days of their zone."""
        team = fields.get("owner_team")
        return self.calendars.of(self.owner(fields), team if isinstance(team, str) else "", pipeline)

    def _segment(self, segment: Segment) -> SegmentRule:
        when = None if segment.when is None else Expression(segment.when, self.types)
        return SegmentRule(segment.name, when, None if segment.cycle_days is None else days_us(segment.cycle_days))

    def _pipeline(self, pipeline: Pipeline) -> PipelineRule:
        names = [stage.name for stage in pipeline.stages]
        sql_from = names.index(pipeline.sql_stage) if pipeline.sql_stage else len(names)
        by_value: dict[str, StageRule] = {}
        asked = self.settings.junk_field.fields
        for order, stage in enumerate(pipeline.stages):
            asked = tuple(dict.fromkeys((*asked, *stage.required_fields)))
            rule = self._stage(pipeline, stage, order, asked, is_sql=order >= sql_from)
            by_value.update(dict.fromkeys((stage.name, *stage.values), rule))
        return PipelineRule(pipeline.name, by_value)

    def _stage(
        self, pipeline: Pipeline, stage: Stage, order: int, asked: tuple[str, ...], *, is_sql: bool
    ) -> StageRule:
        is_open = stage.outcome is Outcome.OPEN
        filled = tuple(Filled(f"{name} is filled", name) for name in stage.required_fields)
        return StageRule(
            pipeline=pipeline.name,
            name=stage.name,
            order=order,
            outcome=stage.outcome,
            is_open=is_open,
            required=stage.required,
            overstay_us=days_us(stage.max_days or self.settings.stage_overstay.days),
            contact_us=days_us(stage.contact_days or self.settings.contact_gap.days),
            silent_us=days_us(stage.silent_days or self.settings.buyer_silent.days),
            strongest=self.categories.strongest(stage.forecast),
            is_sql=is_sql and is_open,
            entry=(*(self._condition(criterion) for criterion in stage.entry), *filled),
            exit=tuple(self._condition(criterion) for criterion in stage.exit),
            asked=asked,
        )

    def _condition(self, criterion: Criterion) -> Condition:
        return Condition(criterion.name, Remembered(Expression(criterion.when, self.types)))

    @staticmethod
    def _gate_reads(pipelines: Iterable[PipelineRule]) -> frozenset[str]:
        stages = (stage for pipeline in pipelines for stage in pipeline.by_value.values())
        return frozenset(name for stage in stages for one in (*stage.entry, *stage.exit) for name in one.reads)


def _required(pipeline: PipelineRule) -> tuple[StageRule, ...]:
    by_order = {rule.order: rule for rule in pipeline.by_value.values() if rule.required and rule.is_open}
    return tuple(by_order[order] for order in sorted(by_order))


def _references(expressions: Iterable[Expression | None]) -> frozenset[str]:
    return frozenset().union(*(one.references for one in expressions if one is not None))


def _provided_kinds(provides: frozenset[Provides]) -> frozenset[Kind]:
    return frozenset(kind for kind in Kind if NEEDS.get(kind, frozenset()) <= provides)
