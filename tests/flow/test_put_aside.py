"""A record of our own topics that is none: aside with bytes, position and reason, counted; the next one is folded."""

from __future__ import annotations

import functools

import pytest
from prometheus_client import CollectorRegistry

from engine.lanes import Processor
from engine.records import Batch, Extent, Output, Record
from engine.state import MemoryStore
from programs.detect import MakeDetect
from programs.join import make_join
from programs.times import Times
from signals.intents import intents_of
from signals.judge import panel_of
from signals.metrics import DetectMetrics, JoinMetrics
from tests.unit.brain_story import at, created, rules_of
from topics.catalog import DEAL_CURRENT, DEAL_EVENTS, PEOPLE_EVENTS, REJECTED
from topics.codec import decode_rejection, encode
from topics.events import ActivityChanged

RULES = rules_of()
GARBAGE = {
    "no JSON": b"\x00\xff",
    "nothing": b"",
    "another value": b'{"type":"tick"}',
    "nested without end": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a year 10^30": b'{"type":"activity_changed","id":"a","key":"k","source":"s","activity":"a","at_us":'
    + b"9" * 30
    + b',"fields":{}}',
}


def store() -> MemoryStore:
    async def append(_changes: object) -> Extent:
        return Extent(0, 0)

    return MemoryStore(append)


def detect(registry: CollectorRegistry) -> Processor:
    make = MakeDetect(panel_of(RULES), Times("wall"))
    make.report_to(DetectMetrics(registry, make.served))
    return make(0, store())


def join(registry: CollectorRegistry) -> Processor:
    make = functools.partial(make_join, intents_of(RULES.playbook, "v"), JoinMetrics(registry), Times("wall"))
    return make(0, store())


def batch(topic: str, *values: bytes | None) -> Batch:
    return Batch(topic, 0, tuple(Record(topic, 0, 7 + n, at(1), b"k", value, ()) for n, value in enumerate(values)))


def outputs_of(processor: Processor, given: Batch) -> list[Output]:
    outputs = processor.process(given)
    assert isinstance(outputs, list)
    return outputs


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_detect_puts_it_aside_and_folds_the_next(garbage: bytes) -> None:
    registry = CollectorRegistry()
    outputs = outputs_of(detect(registry), batch(DEAL_EVENTS, garbage, encode(created(at(1)))))
    aside = [decode_rejection(one.value or b"") for one in outputs if one.topic == REJECTED]
    assert [(one.source, one.offset, one.reason, one.value) for one in aside] == [
        (DEAL_EVENTS, 7, "undecodable_event", garbage)
    ]
    assert [one.topic for one in outputs if one.topic != REJECTED] == [DEAL_CURRENT]
    assert registry.get_sample_value("signals_events_total", {"fate": "undecodable"}) == 1


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_join_puts_it_aside_and_sends_the_next_on(garbage: bytes) -> None:
    registry = CollectorRegistry()
    call = ActivityChanged(
        id="a", key="crm/acme:T1", source="crm/acme", at_us=at(1), activity="T1", fields={"deal": "crm/acme:D1"}
    )
    outputs = outputs_of(join(registry), batch(PEOPLE_EVENTS, garbage, encode(call)))
    aside = [decode_rejection(one.value or b"") for one in outputs if one.topic == REJECTED]
    assert [(one.source, one.offset, one.reason, one.value) for one in aside] == [
        (PEOPLE_EVENTS, 7, "undecodable_event", garbage)
    ]
    assert [one.topic for one in outputs if one.topic != REJECTED] == [DEAL_EVENTS]
    assert registry.get_sample_value("signals_join_events_total", {"type": "undecodable"}) == 1
