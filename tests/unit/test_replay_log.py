"""A log of deal.events, replayed: what its partitions said live, however the dump was laid out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.definitions import UnknownDefinitionsError
from signals.emit import Position
from signals.judge import Stored
from signals.kept import read_kept
from signals.keyed import DictStore
from signals.partition import META_KEY, Partition
from signals.replay import LogError, LogRecord, replay_log
from signals.step import State
from tests.unit.brain_story import PANEL, at, created, tick
from tests.unit.brain_streams import examples, partition_logs
from tests.unit.definition_panels import OWN, panels, switch_to
from topics.catalog import DEAL_EVENTS
from topics.codec import encode
from topics.events import DealEvent
from topics.signals import Signal

D1, D2 = "crm/acme:D1", "crm/acme:D2"


def records(partition: int, log: Iterable[DealEvent]) -> list[LogRecord]:
    """A partition as it stands at the broker; every tenth offset is a transaction's marker."""
    return [
        LogRecord(partition, n + n // 9, event.at_us, event.key.encode(), encode(event)) for n, event in enumerate(log)
    ]


def live(dump: list[LogRecord], batch: int) -> tuple[list[Signal], dict[str, State]]:
    """What one partition says live when its records come in batches of this size."""
    store = DictStore()
    partition = Partition(PANEL, store, Position(DEAL_EVENTS, dump[0].partition))
    decode = msgspec.json.Decoder(DealEvent).decode
    signals: list[Signal] = []
    for first in range(0, len(dump), batch):
        events = [Stored(decode(one.value or b""), one.offset) for one in dump[first : first + batch]]
        signals += partition.fold(events).signals
    return signals, {key.decode(): read_kept(value).state for key, value in store.items() if key != META_KEY}


def undated(signals: Iterable[Signal]) -> list[bytes]:
    return [encode(msgspec.structs.replace(one, detected_at="")) for one in signals]


@given(partition_logs(), st.integers(1, 9))
@examples(25)
def test_a_log_says_again_what_was_said_live(log: list[DealEvent], batch: int) -> None:
    dump = records(3, log)
    signals, states = live(dump, batch)
    again = replay_log(dump, PANEL)
    assert undated(again.signals) == undated(signals)
    assert again.states == states
    assert again.records == len(dump)


@given(st.lists(partition_logs(), min_size=2, max_size=3))
@examples(8)
def test_partitions_may_be_mixed_or_come_one_after_the_other(logs: list[list[DealEvent]]) -> None:
    dumps = [records(number, log) for number, log in enumerate(logs)]
    mixed = sorted(chain.from_iterable(dumps), key=lambda one: one.offset)
    one_by_one = replay_log(list(chain.from_iterable(dumps)), PANEL)
    assert undated(replay_log(mixed, PANEL).signals) == undated(one_by_one.signals)
    said = [undated(live(dump, 5)[0]) for dump in dumps]
    assert sorted(undated(one_by_one.signals)) == sorted(chain.from_iterable(said))


def test_a_signal_is_detected_when_the_record_came_after_which_it_was_said() -> None:
    log: list[DealEvent] = [created(at(0), D1, stage="Demo"), tick(at(9))]
    replayed = replay_log(records(0, log), PANEL)
    assert {one.detected_at for one in replayed.signals} == {"2024-03-10T00:00:00Z"}
    assert {one.evidence.events[0].offset for one in replayed.signals} == {0}
    assert [view.key for view in replayed.views()] == [D1]


def test_what_is_no_event_is_counted_and_the_rest_goes_on() -> None:
    log = records(0, [created(at(0), D1, stage="Demo"), tick(at(9))])
    broken = [
        log[0],
        LogRecord(0, 5, at(1), b"x", b"{}"),
        LogRecord(0, 6, at(1), b"x", None),
        log[1]._replace(offset=7),
    ]
    replayed = replay_log(broken, PANEL)
    assert replayed.undecodable == 2
    assert undated(replayed.signals) == undated(replay_log(log, PANEL).signals)


def test_offsets_that_do_not_rise_are_refused() -> None:
    log = records(2, [created(at(0), D1), created(at(0), D2)])
    with pytest.raises(LogError, match="partition 2: offset 0 comes after 1"):
        replay_log([log[1], log[0]], PANEL)


def test_a_log_that_names_definitions_is_judged_by_them_from_there_on() -> None:
    log: list[DealEvent] = [created(at(0), D1, stage="Lead"), tick(at(6)), switch_to("shorter"), tick(at(7))]
    partition = Partition(OWN, DictStore(), Position(DEAL_EVENTS, 0), panels)
    live = partition.fold([Stored(event, offset) for offset, event in enumerate(log)])
    again = replay_log(records(0, log), OWN, panels)
    assert undated(again.signals) == undated(live.signals)
    assert {one.playbook for one in again.signals} == {"story", "shorter"}
    assert list(again.views()) == [live.views[D1]]
    with pytest.raises(UnknownDefinitionsError, match="shorter"):
        replay_log(records(0, log), OWN)
