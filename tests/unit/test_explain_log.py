"""`signals explain` from a log: the records of one deal, and few ticks, give what the whole partition gave."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given

from programs.commands.lives import Life, life_in_log
from programs.failures import CallError
from signals.definitions import only
from signals.relive import LogRecord, replay_log
from tests.unit.brain_story import PANEL, at, changed, created, tick
from tests.unit.brain_streams import examples, partition_logs
from topics.codec import encode
from topics.events import DealEvent
from topics.instants import MINUTE_US
from topics.signals import Signal


def records(events: list[DealEvent], partition: int = 0) -> Iterator[LogRecord]:
    for offset, event in enumerate(events):
        yield LogRecord(partition, offset, event.at_us, event.key.encode(), encode(event))


def life(events: list[DealEvent], wanted: str) -> Life:
    return life_in_log(records(events), wanted, PANEL, only(PANEL))


def told(signals: list[Signal], deal: str) -> list[tuple[object, ...]]:
    mine = [one for one in signals if one.deal_id == deal]
    return [(one.id, one.transition, one.occurred_at, one.resolution, one.reason) for one in mine]


def ticking(log: list[DealEvent]) -> list[DealEvent]:
    """The log with ticks a minute apart after each record, as far as time has come."""
    found: list[DealEvent] = []
    for event in log:
        found += [event, *(tick(event.at_us + minutes * MINUTE_US) for minutes in range(1, 90, 8))]
    return [*found, tick(at(60))]


@given(partition_logs())
@examples(15)
def test_a_deal_alone_is_told_as_it_was_among_others(log: list[DealEvent]) -> None:
    log = ticking(log)
    whole = replay_log(records(log), PANEL)
    for key, state in whole.states.items():
        deal = key.rpartition(":")[2]
        alone = life(log, deal)
        assert told(alone.signals, deal) == told(whole.signals, deal)
        assert (alone.key, alone.watch.episodes, alone.watch.deal) == (key, state.now.episodes, state.now.deal)
        assert alone.at_us >= at(60)


def test_partitions_may_be_mixed_and_ids_are_told_apart() -> None:
    first: list[DealEvent] = [
        created(at(0), "crm/acme:D1", stage="Lead"),
        tick(at(9)),
        changed(at(10), "crm/acme:D1", stage="Demo"),
    ]
    second: list[DealEvent] = [created(at(0), "crm/acme:D11", stage="Lead"), tick(at(20))]
    pairs = zip(records(first), [*records(second, partition=1), None], strict=True)
    mixed = [one for pair in pairs for one in pair if one is not None]
    found = life_in_log(mixed, "D1", PANEL, only(PANEL))
    assert (found.key, found.at_us, len(found.events)) == ("crm/acme:D1", at(10), 2)
    assert found.signals == [one.signal for one in replay_log(records(first), PANEL).said]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("D9", "no deal is called 'D9'"), ("D1", "several deals are called 'D1': a/x:D1, b/x:D1")],
)
def test_a_name_that_is_nobody_s_or_several_is_refused(wanted: str, said: str) -> None:
    log: list[DealEvent] = [created(at(0), "a/x:D1", stage="Lead"), created(at(0), "b/x:D1", stage="Lead")]
    with pytest.raises(CallError, match=said.replace("/", ".")):
        life(log, wanted)
