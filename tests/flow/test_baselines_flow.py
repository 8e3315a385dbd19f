"""Learned limits through the programs, without a broker: stays, a fit, its publication, the switch, the signal."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from engine.records import EVERY_PARTITION, Batch, Output, Record
from playbook.load import Loaded
from playbook.model import Playbook
from programs.baselines import Baselining
from programs.detect import Detect, MakeDetect
from programs.published import Published
from programs.publishing import baselines_controls
from programs.times import Times
from signals.dwells import dwells_of
from signals.kept import read_kept
from signals.learning_metrics import LearningMetrics, Verdict
from signals.metrics import DetectMetrics
from signals.partition import META_KEY
from signals.relive import LogRecord, replay_log
from tests.flow.voice_world import DictStore
from tests.unit.brain_story import PLAYBOOK as STORY
from tests.unit.brain_story import at, changed, created, removed, tick
from topics.catalog import DEAL_EVENTS, DEAL_SIGNALS, DEFINITIONS, STAGE_DWELLS
from topics.codec import decode_deal_event, decode_signal, encode
from topics.definitions import CURRENT_BASELINES_KEY, NO_BASELINES, counted
from topics.dwells import Dwell, DwellId, decode_dwell
from topics.events import DealEvent, DefinitionsChanged
from topics.instants import DAY_US, parse_rfc3339
from topics.signals import Kind, Severity, Signal, Step

DEALS = 60


def playbook(**signals: Any) -> Loaded:  # noqa: ANN401 - the settings of kinds, as the file has them
    content = {**STORY, "signals": {**STORY["signals"], **signals}, "segments": [{"name": "all"}]}
    return Loaded(Playbook.model_validate(content), "story")


class Line:
    """`detect` and `baselines` with the topics between them."""

    def __init__(self, own: Loaded) -> None:
        self.published = Published(own)
        make = MakeDetect(self.published.panel(own.hash), Times("data"), self.published)
        make.report_to(DetectMetrics(CollectorRegistry(), make.served))
        self.states, self.stays = DictStore(), DictStore()
        self.detect: Detect = make(0, self.states)
        self.registry = CollectorRegistry()
        self.learn = Baselining(self.published, LearningMetrics(self.registry), 0, self.stays)
        self.log: list[LogRecord] = []
        self.said: list[Signal] = []
        self.dwells: dict[DwellId, Dwell] = {}

    async def feed(self, *events: DealEvent) -> None:
        """Events of deals, and all that follows from them."""
        first = len(self.log)
        self.log += [
            LogRecord(0, first + n, max(event.at_us, at(0)), event.key.encode(), encode(event))
            for n, event in enumerate(events)
        ]
        records = [Record(DEAL_EVENTS, 0, one.offset, one.timestamp_us, one.key, one.value) for one in self.log[first:]]
        outputs = await done(self.detect, DEAL_EVENTS, records)
        self.said += [decode_signal(one.value or b"") for one in outputs if one.topic == DEAL_SIGNALS]
        stays = [one for one in outputs if one.topic == STAGE_DWELLS]
        for one in stays:
            record = decode_dwell(one.value or b"")
            if isinstance(record, Dwell):
                self.dwells[record.identity] = record
            else:
                del self.dwells[record.identity]
        if stays:
            await self.hear(
                Record(STAGE_DWELLS, 0, n, one.timestamp_us or 0, one.key, one.value) for n, one in enumerate(stays)
            )

    async def hear(self, records: Iterable[Record]) -> None:
        """Stays to `baselines`, and what it publishes to everybody."""
        await self.publish(await done(self.learn, STAGE_DWELLS, list(records)))

    async def publish(self, outputs: Sequence[Output]) -> None:
        """Definitions to those who follow them, controls to the partition."""
        for one in outputs:
            if one.topic == DEFINITIONS:
                self.published.take(Record(DEFINITIONS, 0, 0, 0, one.key, one.value))
        controls = [decode_deal_event(one.value or b"") for one in outputs if one.topic == DEAL_EVENTS]
        if controls:
            await self.feed(*controls)

    def fits(self) -> dict[str, float]:
        """How many fits ended how."""
        found = {
            one.value: self.registry.get_sample_value("signals_baselines_fits_total", {"verdict": one.value})
            for one in Verdict
        }
        return {verdict: count for verdict, count in found.items() if count}


async def done(processor: Any, topic: str, records: Sequence[Record]) -> Sequence[Output]:  # noqa: ANN401 - Detect or Baselining
    answer = processor.process(Batch(topic, 0, tuple(records)))
    outputs: Sequence[Output] = await answer if inspect.isawaitable(answer) else answer
    return outputs


def deal(number: int) -> str:
    return f"crm/acme:P{number:02}"


def past(count: int = DEALS) -> list[DealEvent]:
    """Deals that stayed in Lead for a tenth of a day more each, up to 6 days, and were lost."""
    events: list[DealEvent] = []
    for n in range(count):
        events += [
            created(at(0), deal(n), stage="Lead", amount=1.0),
            changed(at((n + 1) / 10), deal(n), stage="Lost"),
        ]
    return sorted(events, key=lambda event: event.at_us)


def overstays(line: Line, key: str) -> list[Signal]:
    return [one for one in line.said if one.kind is Kind.STAGE_OVERSTAY and one.subject_key == key]


@pytest.fixture
async def line() -> Line:
    made = Line(playbook())
    await made.feed(*past(), tick(at(7)))
    return made


async def test_what_was_learned_counts_from_the_control_on_and_each_signal_names_it(line: Line) -> None:
    await line.feed(created(at(8), "crm/acme:NEW", stage="Lead", amount=1.0), tick(at(30)))
    version = line.published.learned.version
    assert line.detect.partition is not None
    assert line.detect.partition.version == counted("story", version)
    warned, worse = [one for one in overstays(line, "crm/acme:NEW") if one.transition is not Step.RESOLVED]
    row = line.published.learned.dwell("Sales", "Lead", "all", 0.9, 30)
    assert row is not None
    assert row.limit_us is not None
    assert parse_rfc3339(warned.occurred_at) == at(8) + row.limit_us
    assert (warned.severity, worse.severity) == (Severity.WARNING, Severity.CRITICAL)
    assert warned.evidence.baseline is not None
    assert warned.evidence.baseline["version"] == version
    assert warned.evidence.baseline["n"] == row.n
    assert warned.playbook == "story"
    assert warned.evidence.limit == pytest.approx(row.limit_us / DAY_US)


async def test_the_text_stands_before_the_control_and_the_controls_are_for_every_partition() -> None:
    line = Line(playbook())
    records = [Record(STAGE_DWELLS, 0, n, at(7), b"", encode(one)) for n, one in enumerate(stays_of(past()))]
    outputs = await done(line.learn, STAGE_DWELLS, records)
    assert [(one.topic, one.partition) for one in outputs] == [
        (DEFINITIONS, None),
        (DEAL_EVENTS, EVERY_PARTITION),
        (DEFINITIONS, None),
    ]
    control = decode_deal_event(outputs[1].value or b"")
    assert isinstance(control, DefinitionsChanged)
    assert (control.playbook, control.baselines.encode()) == ("", outputs[0].key)
    assert outputs[2].key == CURRENT_BASELINES_KEY.encode()


def stays_of(events: Iterable[DealEvent]) -> list[Dwell]:
    """What these events leave, from the states at rest."""
    line = Line(playbook())
    log = [LogRecord(0, n, one.at_us, one.key.encode(), encode(one)) for n, one in enumerate(events)]
    logged = replay_log(log, line.published.panel("story"))
    return [one for key, state in logged.states.items() for one in dwells_of(logged.rules[key], state.now.deal)]


async def test_a_replay_of_the_log_says_the_same(line: Line) -> None:
    await line.feed(created(at(8), "crm/acme:NEW", stage="Lead", amount=1.0), tick(at(30)))
    logged = replay_log(line.log, line.published.panel("story"), line.published.panel)
    again = [one for one in logged.signals if one.kind is Kind.STAGE_OVERSTAY]
    live = [one for one in line.said if one.kind is Kind.STAGE_OVERSTAY]
    assert [(one.id, one.transition, one.occurred_at, one.evidence) for one in again] == [
        (one.id, one.transition, one.occurred_at, one.evidence) for one in live
    ]
    assert live


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_the_stays_are_those_of_the_states_however_the_events_are_batched(size: int) -> None:
    line = Line(playbook(stage_overstay={"days": 6, "learned": False}))
    events = [
        *past(10),
        created(at(7), "crm/acme:A", stage="Lead", amount=1.0),
        changed(at(8), "crm/acme:A", stage="Demo"),
        changed(at(9), "crm/acme:A", stage="Lead"),
        changed(at(8.5), "crm/acme:A", stage="Proposal"),
        removed(at(9), deal(3)),
        tick(at(12)),
    ]
    for start in range(0, len(events), size):
        await line.feed(*events[start : start + size])
    kept = [read_kept(value).state.now for key, value in line.states.items() if key != META_KEY]
    rules = line.published.panel("story").rules
    expected = {one.identity: one for watch in kept for one in dwells_of(rules, watch.deal)}
    assert line.dwells == expected
    assert sum(1 for key, _ in line.stays.items() if key) == len(expected)


async def test_a_fit_that_says_nearly_the_same_is_not_published_again(line: Line) -> None:
    before = line.published.learned.version
    later = [event for n in range(100, 220) for event in _quick(n, 8 + n % 10 / 2)]
    await line.feed(*sorted(later, key=lambda event: event.at_us), tick(at(60)))
    assert line.fits()["published"] >= 1
    assert line.published.learned.version != before, "much shorter stays: published anew"
    published = line.fits()["published"]
    await line.feed(*_quick(500, 70))
    assert line.fits() == {"published": published, "unchanged": 1.0}


def _quick(number: int, begun: float) -> list[DealEvent]:
    return [
        created(at(begun), f"crm/acme:Q{number}", stage="Lead", amount=1.0),
        changed(at(begun + 0.2), f"crm/acme:Q{number}", stage="Lost"),
    ]


async def test_a_limit_that_would_be_noise_is_left_out_and_no_fixed_one_takes_its_place() -> None:
    line = Line(playbook(stage_overstay={"days": 6, "warning_quantile": 0.5}))
    await line.feed(*past(), tick(at(7)))
    assert line.registry.get_sample_value("signals_baselines_refused_limits") == 1
    learned = line.published.learned
    assert learned.dwell("Sales", "Lead", "all", 0.495, 30) is not None
    for quantile in (0.5, 0.975):
        none = learned.dwell("Sales", "Lead", "all", quantile, 30)
        assert none is not None
        assert none.limit_us is None
    await line.feed(created(at(8), "crm/acme:NEW", stage="Lead", amount=1.0), tick(at(30)))
    assert overstays(line, "crm/acme:NEW") == []


async def test_who_withdrew_them_has_fixed_limits_and_no_new_baselines(line: Line) -> None:
    await line.publish(baselines_controls(NO_BASELINES, at(8)))
    assert line.published.withdrawn
    assert line.detect.partition is not None
    assert line.detect.partition.version == "story"
    await line.feed(created(at(8), "crm/acme:NEW", stage="Lead", amount=1.0), tick(at(30)))
    (warned,) = overstays(line, "crm/acme:NEW")
    assert (warned.evidence.limit, warned.evidence.baseline) == (10.0, None)
    later = [event for n in range(100, 220) for event in _quick(n, 31 + n % 10 / 2)]
    await line.feed(*sorted(later, key=lambda event: event.at_us))
    assert line.fits()["withdrawn"] >= 1
    assert line.detect.partition.version == "story"


async def test_a_control_that_names_unknown_baselines_is_waited_for() -> None:
    line = Line(playbook())
    control = DefinitionsChanged(id="c", key="", source="", at_us=at(1), baselines="sha256:unheard")
    answer = line.detect.process(Batch(DEAL_EVENTS, 0, (Record(DEAL_EVENTS, 0, 0, at(1), b"", encode(control)),)))
    assert inspect.iscoroutine(answer)
    assert line.published.missing(["story", counted("story", "sha256:unheard")]) == ["sha256:unheard"]
    answer.close()
