"""Dense random streams of one deal's events, for the properties: few stages, few days, instants that collide."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from signals.step import HORIZON_US
from tests.unit.brain_story import (
    activity_of,
    at,
    change_of,
    created,
    forgotten,
    gap,
    intent,
    load_ended,
    load_started,
    of_owner,
    removed,
    source_gap,
    tick,
)
from topics.events import DealChanged, DealEvent, Scalar, Tick, event_id
from topics.instants import DAY_US, HOUR_US, MINUTE_US

#: The same examples in every run, and no time spent on making a failing one smaller; with TEST_EFFORT=20 twenty times
#: as many, others each time, and the smallest failing one.
_EFFORT = os.environ.get("TEST_EFFORT")


def examples(count: int) -> settings:
    """How many examples a property is tried on."""
    return settings(
        max_examples=count * int(_EFFORT or 1),
        derandomize=_EFFORT is None,
        phases=(Phase.generate,) if _EFFORT is None else (Phase.generate, Phase.shrink),
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


Shape = Callable[[int], DealEvent]


def _change(**fields: Scalar) -> Shape:
    return lambda at_us: change_of(fields, at_us)


def _full(**fields: Scalar) -> Shape:
    return lambda at_us: change_of(fields, at_us, full=True)


def _backfilled(**fields: Scalar) -> Shape:
    return lambda at_us: msgspec.structs.replace(change_of(fields, at_us), origin="backfill")


def _activity(name: str, days_ahead: float | None = None, **fields: Scalar) -> Shape:
    """A change of an activity; `days_ahead` dates it from the event, in whole half days so that instants collide."""
    if days_ahead is None:
        return lambda at_us: activity_of(fields, at_us, name)
    return lambda at_us: activity_of({**fields, "at_us": at_us + round(days_ahead * DAY_US)}, at_us, name)


#: The calm part of a deal's life: stages, qualification, close dates (month ends among them), activities, intents.
_CALM: tuple[Shape, ...] = (
    *(_change(stage=stage) for stage in ("Lead", "Lead", "Demo", "Demo", "Proposal", "Proposal", "Won")),
    *(_change(need=value) for value in (True, False, None)),
    *(_change(budget=value) for value in (True, False)),
    _change(stage="Demo", need=False, budget=True),
    _change(stage="Proposal", amount=None),
    *(_change(amount=value) for value in (50.0, 5000.0)),
    *(_change(close_date=day) for day in ("2024-03-31", "2024-04-05", "2024-04-12", "2024-05-31", None)),
    *(_change(close_date=day) for day in ("2024-06-30", "2024-07-10", "2024-08-31", "2024-10-01")),
    _change(owner_id="u1"),
    _change(owner_id="u2"),
    _change(owner_id="u2"),
    _change(owner_id=None),
    lambda at_us: of_owner(at_us, "u2", active=False),
    lambda at_us: of_owner(at_us, "u2", active=True, team="North"),
    _change(stage="Unheard of"),
    *(_change(next_step=text) for text in ("tbd", None, "Send the contract to legal")),
    _change(next_step="Call their lawyer on Friday", next_step_date="2024-03-08"),
    *(_change(forecast_category=name) for name in ("Commit", "Pipeline")),
    _change(close_date="2025-03-01"),
    _change(stage="Demo", amount=5000.0),
    _activity("a1", 3, done=False),
    _activity("a1", done=True),
    _activity("a1", removed=True),
    _activity("a2", -2, done=True),
    _activity("a2", 1, meets=True),
    _activity("a2", 9, meets=True),
    _activity("a3", 0, done=True),
    _activity("a4", 0, done=True, direction="inbound", owner="u2"),
    _activity("a3", 6),
    _activity("a5", 0, done=True, direction="outbound", person="p1"),
    _activity("a6", -1, done=True, direction="outbound", person="p2"),
    _activity("a7", 0, done=True, direction="outbound", person="p1", owner="u1"),
    _activity("a3", removed=True),
    lambda at_us: intent(at_us, "demo_request"),
    lambda at_us: intent(at_us, "demo_request"),
    lambda at_us: intent(at_us, "pricing_page"),
)
#: What else may happen: removal, merging, losing events, loading history, another pipeline.
_RARE: tuple[Shape, ...] = (
    removed,
    lambda at_us: removed(at_us, merged_into="crm/acme:D2"),
    lambda at_us: removed(at_us, merged_into="crm/acme:D2"),
    gap,
    gap,
    _full(stage="Lead", need=True, budget=False),
    _full(stage="Demo", need=False, budget=True, close_date="2024-05-31"),
    _backfilled(stage="Demo"),
    _backfilled(need=False),
    load_ended,
    load_ended,
    _change(pipeline="renewal"),
    _change(pipeline=None),
)

#: Half days collide with limits; a minute is the gate's settling; a microsecond is the strict boundary.
_JITTER = (0, 0, 0, 1, -1, 1000, MINUTE_US, MINUTE_US + 1, HOUR_US)
instants = st.builds(lambda half_days, jitter: at(half_days / 2) + jitter, st.integers(1, 44), st.sampled_from(_JITTER))
_FIRST = created(
    at(0),
    stage="Lead",
    need=True,
    budget=True,
    close_date="2024-03-31",
    amount=500.0,
    owner_id="u1",
    forecast_category="Commit",
)


def _histories(menu: tuple[Shape, ...], most: int) -> st.SearchStrategy[list[DealEvent]]:
    moments = st.tuples(instants, st.sampled_from(menu))
    return st.lists(moments, min_size=most // 3, max_size=most).map(_distinct)


def _distinct(chosen: list[tuple[int, Shape]]) -> list[DealEvent]:
    events = [_FIRST, *(make(at_us) for at_us, make in chosen)]
    return sorted({event.id: event for event in events}.values(), key=lambda event: event.order)


#: Histories of a deal, in order, each event once, with gaps, loads and removals among them.
histories = _histories(_CALM + _RARE, 30)
#: Histories without those, so that more is said aloud.
calm_histories = _histories(_CALM, 30)
#: Histories of deals of which nothing is heard for days.
sparse_histories = _histories(_CALM + _RARE, 7)


class Arrival(NamedTuple):
    """The same events as they come in: late, twice, with ticks between them; and when it all ends."""

    events: list[DealEvent]
    log: list[DealEvent | Tick]
    until_us: int


#: Lateness, up to the horizon.
_DELAYS = (0, 0, 0, 1, MINUTE_US, HOUR_US, DAY_US // 2, DAY_US, 2 * DAY_US, HORIZON_US - 1, HORIZON_US)
_delays = st.sampled_from(_DELAYS)
_ticks = st.tuples(st.integers(0, 100), st.sampled_from((0, 1)))


@st.composite
def arrivals(draw: st.DrawFn, of: st.SearchStrategy[list[DealEvent]] = histories) -> Arrival:
    """An arrival order in which nothing is later than the horizon, whatever was seen before it."""
    events = draw(of)
    delays = draw(st.lists(_delays, min_size=len(events), max_size=len(events)))
    coming: list[tuple[int, int, DealEvent | Tick]] = [
        (event.at_us + delay, index, event) for index, (event, delay) in enumerate(zip(events, delays, strict=True))
    ]
    for index, delay in draw(st.lists(st.tuples(st.integers(0, len(events) - 1), _delays), max_size=4)):
        coming.append((events[index].at_us + delay, index, events[index]))
    for half_days, more in draw(st.lists(_ticks, max_size=20)):
        moment = at(half_days / 2) + more
        coming.append((moment, -1, tick(moment)))
    coming.sort(key=lambda one: (one[0], one[1]))
    until_us = at(60)
    return Arrival(events, [event for _, _, event in coming] + [tick(until_us)], until_us)


def of_deal(key: str, event: DealEvent) -> DealEvent:
    """The same event of another deal."""
    return msgspec.structs.replace(event, key=key, id=event_id(key, event.id))


_DEALS = ("crm/acme:D1", "crm/acme:D2", "crm/acme:D3")
_CONTROLS: tuple[Shape, ...] = (
    lambda at_us: load_started(at_us, at_us + 5 * DAY_US),
    load_ended,
    source_gap,
    tick,
    tick,
    tick,
)


@st.composite
def partition_logs(draw: st.DrawFn) -> list[DealEvent]:
    """What one partition holds: three deals, some of them forgotten, controls and ticks, late and repeated events."""
    some = st.tuples(instants, st.sampled_from(_CALM + _RARE), st.sampled_from(_DEALS), _delays)
    control = st.tuples(instants, st.sampled_from(_CONTROLS))
    coming: list[tuple[int, DealEvent]] = [
        (at(index), created(at(index), key, stage="Lead", need=True, amount=500.0)) for index, key in enumerate(_DEALS)
    ]
    for at_us, make, key, delay in draw(st.lists(some, min_size=20, max_size=60)):
        coming.append((at_us + delay, of_deal(key, make(at_us))))
    coming += [(at_us, make(at_us)) for at_us, make in draw(st.lists(control, min_size=5, max_size=20))]
    ends = draw(st.lists(st.tuples(instants, st.sampled_from(_DEALS)), max_size=2))
    coming += [(at_us, forgotten(at_us, key)) for at_us, key in ends]
    coming.sort(key=lambda one: one[0])
    return [event for _, event in coming]


#: What may happen to a deal's own fields.
calm_changes = st.sampled_from([make for make in _CALM if isinstance(make(0), DealChanged)])
