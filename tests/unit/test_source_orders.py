"""Whatever a source repeats, reorders and delays: the same deals and the same open signals as of the sorted stream.

Records come within the lateness horizon, in any order and some of them twice, with ticks between them; what comes after
the horizon is counted. After a gap a deal is silent until it is read again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbook.model import Playbook
from signals.emit import view_of
from signals.replay import Replayed, replay, replay_as_arrived
from signals.rules import Rules
from tests.unit.change_streams import HOUR_MS, PLAYBOOK, START_MS, TELLERS, Step, Teller, Told, lives, truth
from topics.instants import DAY_US
from topics.outcomes import RawRecord
from topics.signals import Step as Transition
from topics.sources.registry import parser

UNTIL_US = START_MS * 1000 + 60 * DAY_US
#: Hours by which a record is late; all of them within the horizon together with the span of the lives.
_DELAYS = st.sampled_from((0, 0, 0, 0.001, 0.5, 3, 12, 25))


class Arrival(NamedTuple):
    """A life, and its records as they come: number, and when the broker has it."""

    steps: list[Step]
    order: list[tuple[int, int]]


@st.composite
def arrivals(draw: st.DrawFn) -> Arrival:
    """Delays and repeats of the records of a life; `order` is taken modulo their number."""
    steps = draw(lives())
    count = 2 * len(steps)
    delays = draw(st.lists(_DELAYS, min_size=count, max_size=count))
    again = draw(st.lists(st.integers(0, count - 1), max_size=4))
    return Arrival(steps, [(number, round(delays[number] * HOUR_MS)) for number in [*range(count), *again]])


def arrived(told: list[Told], arrival: Arrival) -> list[RawRecord]:
    """The records in the order in which the broker has them, stamped by it."""
    late = sorted(
        (told[number].at_ms + delay + 60_000 * copy, number)
        for copy, (number, delay) in enumerate(arrival.order)
        if number < len(told)
    )
    return [told[number].record._replace(timestamp_us=at_ms * 1000) for at_ms, number in late]


def rules_of(teller: Teller) -> Rules:
    return Rules(Playbook.model_validate(PLAYBOOK), "sha256:streams", (teller.source,))


def ended(replayed: Replayed, rules: Rules) -> dict[str, Any]:
    """The deals as people see them, their open signals among them, without what says in which order records came."""
    return {key: {**msgspec.to_builtins(view_of(rules, watch)), "as_of": ""} for key, watch in replayed.watches.items()}


def open_signals(replayed: Replayed) -> set[tuple[str, str]]:
    """The signals that were opened and not resolved, by id and kind."""
    still: set[tuple[str, str]] = set()
    for one in replayed.signals:
        identity = (one.id, one.kind.value)
        still = still - {identity} if one.transition is Transition.RESOLVED else still | {identity}
    return still


@pytest.mark.parametrize("name", TELLERS)
@settings(deadline=None, max_examples=60)
@given(arrival=arrivals())
def test_any_arrival_order_ends_as_the_sorted_stream_does(name: str, arrival: Arrival) -> None:
    teller = TELLERS[name]
    rules, parse, told = rules_of(teller), parser(teller.source), teller.tell(arrival.steps)
    in_order = replay([(parse, one.record) for one in told], rules, UNTIL_US)
    as_arrived = replay_as_arrived([(parse, one) for one in arrived(told, arrival)], rules, UNTIL_US)
    assert ended(as_arrived, rules) == ended(in_order, rules)
    assert open_signals(as_arrived) == open_signals(in_order)
    assert {teller.key(deal) for deal in truth(arrival.steps)} == in_order.watches.keys()
    assert {one.kind for one in in_order.signals}, "lives of which nothing is said prove little"


@pytest.mark.parametrize("name", TELLERS)
@settings(deadline=None, max_examples=40)
@given(steps=lives())
def test_the_deals_are_what_the_source_said_last(name: str, steps: list[Step]) -> None:
    teller = TELLERS[name]
    rules, parse = rules_of(teller), parser(teller.source)
    watches = replay([(parse, one.record) for one in teller.tell(steps)], rules, UNTIL_US).watches
    for deal, values in truth(steps).items():
        now = watches[teller.key(deal)].deal
        assert now.removed == (values is None)
        if values is not None:
            names = {"stage": "stage", "amount": "amount", "close_date": "close_date", "owner": "owner_id"}
            assert {name: now.fields.get(theirs) for name, theirs in names.items()} == values
