"""A partition: batches, ticks, loads, gaps, sums, restarts. What it says depends on the log alone."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from playbook.model import Playbook
from signals.emit import Position, view_of
from signals.indicators import Totals
from signals.judge import Panel, Stored, panel_of
from signals.kept import read_head, read_kept
from signals.keyed import DictStore
from signals.partition import HOT_DEALS, META_KEY, Folded, Partition
from signals.rules import Rules
from signals.standing import Cell, standing_of
from signals.step import Fate, State
from tests.unit.brain_story import (
    PANEL,
    SOURCE,
    at,
    changed,
    created,
    forgotten,
    gap,
    load_ended,
    load_started,
    source_gap,
    tick,
)
from tests.unit.brain_streams import examples, partition_logs
from tests.unit.partition_sums import figures, places_said
from topics.codec import encode
from topics.events import DealEvent
from topics.indicators import Figures
from topics.signals import Resolution, Signal, Step

POSITION = Position("deal.events", 3)
D1, D2 = "crm/acme:D1", "crm/acme:D2"


def a_partition(store: DictStore | None = None, *, hot_deals: int = HOT_DEALS, panel: Panel = PANEL) -> Partition:
    return Partition(panel, DictStore() if store is None else store, POSITION, hot_deals=hot_deals)


def stored(log: list[DealEvent]) -> list[Stored]:
    return [Stored(event, offset) for offset, event in enumerate(log)]


def said(signals: list[Signal]) -> list[tuple[str, str, str]]:
    return [(one.deal_id, one.kind.value, one.transition.value) for one in signals]


def backfill(event: DealEvent) -> DealEvent:
    return msgspec.structs.replace(event, origin="backfill")


def states(store: DictStore) -> dict[str, State]:
    return {key.decode(): read_kept(value).state for key, value in store.items() if key != META_KEY}


def recount(store: DictStore, at_us: int = 0) -> Totals:
    totals = Totals(at_us)
    for state in states(store).values():
        totals.change(None, standing_of(PANEL.rules, state.now))
    return totals


@given(partition_logs(), st.lists(st.integers(0, 80), max_size=12))
@examples(30)
def test_neither_batches_nor_restarts_change_what_is_said(log: list[DealEvent], cuts: list[int]) -> None:
    whole_store, parts_store = DictStore(), DictStore()
    whole = a_partition(whole_store).fold(stored(log)).signals
    parts: list[Signal] = []
    bounds = sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})
    for begin, end in pairwise(bounds):
        parts += a_partition(parts_store).fold(stored(log)[begin:end]).signals
    assert [encode(one) for one in parts] == [encode(one) for one in whole]
    assert dict(parts_store.items()) == dict(whole_store.items())


@given(partition_logs())
@examples(30)
def test_sums_kept_by_difference_equal_a_recount_after_every_event(log: list[DealEvent]) -> None:
    store = DictStore()
    partition = a_partition(store)
    for one in stored(log):
        partition.fold([one])
        assert figures(partition.totals) == figures(recount(store, partition.tick_us))
    assert figures(a_partition(store).totals) == figures(partition.totals)


@given(partition_logs(), st.lists(st.integers(0, 80), max_size=12))
@examples(20)
def test_the_topic_of_indicators_holds_a_recount_after_every_batch_and_restart(
    log: list[DealEvent], cuts: list[int]
) -> None:
    store, topic = DictStore(), dict[str, Figures | None]()
    bounds = sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})
    for begin, end in pairwise(bounds):
        partition = a_partition(store)
        for key, said in partition.fold(stored(log)[begin:end]).figures.items():
            topic[key] = said
        found = {key: msgspec.structs.replace(one, as_of="", playbook="") for key, one in topic.items() if one}
        assert found == places_said(recount(store, partition.tick_us), POSITION.partition)


@given(partition_logs())
@examples(30)
def test_after_a_tick_no_deal_is_overdue(log: list[DealEvent]) -> None:
    store = DictStore()
    a_partition(store).fold(stored([*log, tick(at(90))]))
    for key, state in states(store).items():
        assert state.due_us is None or state.due_us >= at(90) or state.now.deal.loading, key


@given(partition_logs())
@examples(20)
def test_views_are_of_the_deals_that_changed_as_they_are_in_the_store(log: list[DealEvent]) -> None:
    store = DictStore()
    partition = a_partition(store)
    for one in stored(log):
        before = dict(store.items())
        views = partition.fold([one]).views
        for key, value in store.items():
            known = before.get(key)
            if key != META_KEY and (known is None or read_kept(known).state.now != read_kept(value).state.now):
                assert key.decode() in views
        now = states(store)
        assert views == {key: view_of(PANEL.rules, now[key].now) if key in now else None for key in views}


@given(partition_logs(), st.integers(1, 9), st.sampled_from([0, 1, 2]))
@examples(20)
def test_deals_that_are_kept_at_hand_are_as_those_that_are_read_again(
    log: list[DealEvent], size: int, hot_deals: int
) -> None:
    stores = DictStore(), DictStore()
    at_hand, read_again = a_partition(stores[0]), a_partition(stores[1], hot_deals=hot_deals)
    for first in range(0, len(log), size):
        batch = stored(log)[first : first + size]
        assert at_hand.fold(batch) == read_again.fold(batch)
    assert dict(stores[0].items()) == dict(stores[1].items())
    assert figures(at_hand.totals) == figures(read_again.totals)


@given(partition_logs(), st.data())
@examples(20)
def test_the_head_of_a_deal_says_what_its_state_says(log: list[DealEvent], data: st.DataObject) -> None:
    store = DictStore()
    a_partition(store).fold(stored(log)[: data.draw(st.integers(1, len(log)))])
    for key, value in store.items():
        if key != META_KEY:
            head, state = read_head(value), read_kept(value).state
            deal = state.now.deal
            assert head.due_us == (None if deal.loading else state.due_us)
            assert head.loading == (deal.source if deal.loading else "")
            assert head.standing == standing_of(PANEL.rules, state.now)


def test_sums_are_by_the_definitions_of_the_worker_that_serves_also_of_deals_that_rest() -> None:
    store = DictStore()
    a_partition(store).fold(
        stored([created(at(0), D1, stage="Lead", amount=500.0), created(at(0), D2, stage="Demo", amount=5.0)])
    )
    other = panel_of(Rules(_renamed(PANEL.rules.playbook), "another"))
    partition = a_partition(store, panel=other)
    assert {cell.pipeline for cell in partition.totals.cells} == {"Other"}
    partition.fold([Stored(changed(at(1), D1, amount=700.0), 2)])
    for served in (partition, a_partition(store, panel=other)):
        ((cell, sums),) = served.totals.cells.items()
        assert (cell, sums.open_deals, sums.cents) == (Cell("Other", "small", ""), 2, {"": 70_500})


def _renamed(playbook: Playbook) -> Playbook:
    first, *rest = playbook.pipelines
    return playbook.model_copy(update={"pipelines": [first.model_copy(update={"name": "Other"}), *rest]})


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["Lead", "Demo", "Won"])), max_size=40))
@examples(60)
def test_deals_are_visited_in_the_order_of_their_dues_whatever_became_of_earlier_ones(
    moves: list[tuple[int, str]],
) -> None:
    """A partition whose heap holds stale places, and one that was just loaded: the same visits, in the same order."""
    keys = ["crm/acme:D1", "crm/acme:D2", "crm/acme:D3"]
    log: list[DealEvent] = [created(at(0), key, stage="Lead") for key in keys]
    log += [changed(at(n * 0.25) + 1, keys[deal], stage=stage) for n, (deal, stage) in enumerate(moves)]
    store = DictStore()
    served = a_partition(store)
    for one in stored(log):
        served.fold([one])
    twin = DictStore()
    for key, value in store.items():
        twin.put(key, value)
    loaded = a_partition(twin)
    for days in (12, 13, 20, 90, 120):
        visit = [Stored(tick(at(days)), 100 + days)]
        assert said(served.fold(visit).signals) == said(loaded.fold(visit).signals)
    assert dict(store.items()) == dict(twin.items())


class Watched(DictStore):
    """A store that notes what is read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[bytes] = []

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, noted."""
        self.read.append(key)
        return super().get(key)


def test_a_tick_reads_no_deal_that_is_not_due() -> None:
    store = Watched()
    keys = [f"crm/acme:D{n}" for n in range(50)]
    a_partition(store).fold(stored([created(at(0) + n, key, stage="Lead") for n, key in enumerate(keys)]))
    partition = a_partition(store)
    store.read.clear()
    partition.fold([Stored(tick(at(1)), 60)])
    assert store.read == []
    due_us = min(state.due_us or 0 for state in states(store).values())
    partition.fold([Stored(tick(due_us + 3), 61)])
    assert len(set(store.read)) == 3


LOAD: list[DealEvent] = [
    load_started(at(0), at(40)),
    backfill(created(at(0), D1, stage="Lead")),
    backfill(created(at(1), D2, stage="Lead")),
]


@pytest.mark.parametrize("batches", [1, 2], ids=["in one batch", "in two batches"])
def test_a_load_says_nothing_until_it_ends_and_then_what_holds(batches: int) -> None:
    partition = a_partition()
    log = [*LOAD, tick(at(30)), backfill(changed(at(12), D2, stage="Won")), load_ended(at(31)), tick(at(32))]
    signals: list[Signal] = []
    for part in [stored(log)] if batches == 1 else [stored(log)[:3], stored(log)[3:]]:
        signals += partition.fold(part).signals
    assert sorted(said(signals)) == [("D1", "contact_gap", "opened"), ("D1", "stage_overstay", "opened")]
    assert {one.occurred_at for one in signals} == {"2024-03-11T00:00:00Z", "2024-03-06T00:00:00Z"}


def test_a_dead_loader_frees_its_deals_when_its_lease_is_over() -> None:
    partition = a_partition()
    assert partition.fold(stored([*LOAD, tick(at(40))])).signals == []
    freed = partition.fold([Stored(tick(at(40) + 1), 9)]).signals
    assert {one.deal_id for one in freed} == {"D1", "D2"}
    assert {one.transition for one in freed} == {Step.OPENED}


def test_a_load_that_ends_before_what_it_loaded_frees_its_deals_all_the_same() -> None:
    partition = a_partition()
    later = backfill(changed(at(20), D1, amount=500.0))
    signals = partition.fold(stored([*LOAD, later, load_ended(at(15)), tick(at(21))])).signals
    assert {one.deal_id for one in signals} == {"D1", "D2"}


def test_history_that_comes_after_its_load_has_ended_mutes_its_deal_until_the_next_tick_only() -> None:
    partition = a_partition()
    straggler = backfill(changed(at(6), D1, amount=500.0))
    log = [*LOAD, load_ended(at(2)), straggler, tick(at(30)), tick(at(31))]
    assert ("D1", "stage_overstay", "opened") in said(partition.fold(stored(log)).signals)


def test_the_end_of_a_load_is_no_event_of_deals_that_were_not_loaded() -> None:
    partition = a_partition()
    log = [created(at(0), D1, stage="Lead"), *LOAD[:1], *LOAD[2:], load_ended(at(1))]
    fates = partition.fold(stored(log)).fates
    assert fates == {Fate.FOLDED: 3}


def test_a_gap_of_the_whole_source_makes_its_deals_suspect_and_no_other() -> None:
    store = DictStore()
    partition = a_partition(store)
    other = created(at(0), "other/acme:D1", stage="Lead")
    elsewhere = msgspec.structs.replace(other, source="other/acme")
    partition.fold(stored([created(at(0), D1, stage="Lead"), elsewhere, source_gap(at(1))]))
    assert {key: state.now.deal.suspect_us for key, state in states(store).items()} == {
        D1: at(1),
        "other/acme:D1": None,
    }


def test_a_gap_reaches_a_deal_that_came_in_the_same_batch() -> None:
    whole = a_partition().fold(stored([created(at(0), D1, stage="Lead"), gap(at(1), D1), tick(at(30))]))
    assert whole.signals == []


def test_a_tick_that_does_not_move_time_on_is_nothing() -> None:
    partition = a_partition()
    partition.fold(stored([created(at(0), D1, stage="Lead"), tick(at(30))]))
    assert partition.fold([Stored(tick(at(30)), 7), Stored(tick(at(29)), 8)]) == Folded([], {}, Counter(), {}, [])
    assert partition.tick_us == at(30)


def test_the_heap_of_dues_does_not_grow_with_the_events() -> None:
    partition = a_partition()
    partition.fold([Stored(created(at(0), D1, stage="Lead"), 0)])
    for n in range(1, 2000):
        partition.fold([Stored(changed(at(0) + n * 1_000_000, D1, stage=("Lead", "Demo")[n % 2]), n)])
    assert len(partition._heap) < 200


def test_a_forgotten_deal_leaves_the_store_the_sums_and_its_view() -> None:
    store = DictStore()
    partition = a_partition(store)
    partition.fold(
        stored([created(at(0), D1, stage="Lead", amount=5.0), changed(at(1), D1, stage="Won"), tick(at(90))])
    )
    assert partition.known_deals == 1
    assert partition.fold([Stored(tick(at(402)), 9)]).views == {D1: None}
    assert (partition.known_deals, states(store)) == (0, {})
    again = partition.fold([Stored(created(at(403), D1, stage="Lead"), 10)])
    assert (again.fates, partition.known_deals) == ({Fate.FOLDED: 1}, 1)


def test_a_deal_that_is_to_be_forgotten_ends_its_signals_without_a_word_of_itself() -> None:
    store = DictStore()
    partition = a_partition(store)
    story = stored([created(at(0), D1, stage="Lead", name="Acme", owner_id="u1"), created(at(0), D2, stage="Lead")])
    opened = partition.fold([*story, Stored(tick(at(20)), 5)]).signals
    assert {one.deal_name for one in opened if one.subject_key == D1} == {"Acme"}
    folded = partition.fold([Stored(forgotten(at(21), D1), 6)])
    assert {(one.id, one.transition, one.resolution) for one in folded.signals} == {
        (one.id, Step.RESOLVED, Resolution.EXPIRED) for one in opened if one.subject_key == D1
    }
    assert all(not one.deal_name and not one.owner and not one.evidence.events for one in folded.signals)
    assert folded.views == {D1: None}
    assert (partition.known_deals, set(states(store))) == (1, {D2})
    assert all(one.subject_key == D2 for one in partition.fold([Stored(tick(at(90)), 7)]).signals)


def test_what_a_forgotten_deal_is_told_later_makes_it_anew_also_in_the_same_batch() -> None:
    partition = a_partition()
    partition.fold(stored([created(at(0), D1, stage="Lead", name="Acme")]))
    again = partition.fold([Stored(forgotten(at(1), D1), 5), Stored(changed(at(2), D1, amount=7.0), 6)])
    view = again.views[D1]
    assert view is not None
    assert (view.name, view.amount, partition.known_deals) == ("", 7.0, 1)


def test_to_forget_a_deal_that_is_not_known_or_that_is_being_loaded_is_no_trouble() -> None:
    store = DictStore()
    partition = a_partition(store)
    assert partition.fold([Stored(forgotten(at(0), D1), 0)]) == Folded([], {}, Counter(), {}, [])
    partition.fold(stored([load_started(at(0), at(50)), backfill(created(at(1), D1, stage="Lead"))]))
    assert partition.fold([Stored(forgotten(at(2), D1), 5), Stored(load_ended(at(3)), 6)]).views == {D1: None}
    assert states(store) == {}


def test_causes_say_where_they_stand() -> None:
    signals = a_partition().fold([Stored(created(at(0), D1, stage="Lead"), 41), Stored(tick(at(20)), 42)]).signals
    assert {(cause.topic, cause.partition, cause.offset) for one in signals for cause in one.evidence.events} == {
        ("deal.events", 3, 41)
    }
    assert signals[0].subject_key.split(":")[0] == SOURCE
