"""Definitions that switch while deals live (law 11): where a switch stands, what it does, what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.deal import Deal
from signals.definitions import KEPT_US, SWEPT_PER_TICK, Switch, Switches, UnknownDefinitionsError, timeline
from signals.emit import Position
from signals.episodes import Transition
from signals.judge import Panel, Stored, Watch, run
from signals.keyed import DictStore
from signals.migrations import read_state
from signals.partition import META_KEY, Partition, versions_in
from signals.step import Fate, State, step
from tests.unit.brain_story import (
    KEY,
    SOURCE,
    at,
    changed,
    created,
    gap,
    load_ended,
    load_started,
    without_offsets,
)
from tests.unit.brain_story import tick as tick_at
from tests.unit.brain_streams import Arrival, arrivals, calm_histories, examples, partition_logs, sparse_histories
from tests.unit.definition_panels import OWN, VERSIONS, panels, switch_to
from tests.unit.partition_sums import figures
from topics.codec import encode
from topics.events import DealEvent, DefinitionsChanged, Tick
from topics.instants import DAY_US, MINUTE_US, parse_rfc3339
from topics.signals import Kind, Signal, Step

POSITION = Position("deal.events", 3)
D1 = "crm/acme:D1"
versions = st.sampled_from(VERSIONS)


def backfilled(event: DealEvent) -> DealEvent:
    return msgspec.structs.replace(event, origin="backfill")


# A deal by itself: the switch is an event of its history ------------------------------------------------------------


class Lived(NamedTuple):
    """A deal after a log: its state, what was said, and the switches where they took place."""

    state: State
    transitions: list[Transition]
    switches: list[Switch]


def live(log: list[DealEvent], visited: Callable[[int], bool]) -> Lived:
    """A deal as its partition treats it; `visited` says which ticks come to it though nothing is due."""
    state, transitions = State(Watch(Deal(KEY, SOURCE))), list[Transition]()
    switches: list[Switch] = []
    known, panel, ticked_us = Switches(), OWN, 0
    for offset, event in enumerate(log):
        stored = Stored(event, offset)
        if isinstance(event, DefinitionsChanged):
            switches.append(Switch(ticked_us, stored))
            known = known.switched(panel.rules.version, stored, ticked_us)
            panel = known.panel(OWN, panels)
            continue
        if isinstance(event, Tick):
            ticked_us = event.at_us
            due_us = state.due_us
            if not visited(offset) and (due_us is None or due_us >= ticked_us):
                continue
        stepped = step(panel, state, stored, ticked_us)
        assert stepped.state is not None
        state = stepped.state
        transitions += stepped.transitions
        pruned = known.recent(ticked_us)
        known, panel = pruned, (panel if pruned is known else pruned.panel(OWN, panels))
    return Lived(state, transitions, switches)


def canonical(events: list[DealEvent], switches: list[Switch], until_us: int) -> tuple[Watch, list[Transition]]:
    """The history of the deal with the switches in it."""
    panel, taken = timeline(OWN, panels, switches)
    stored = [*(Stored(event, offset) for offset, event in enumerate(events)), *taken]
    return run(panel, Watch(Deal(KEY, SOURCE)), sorted(stored, key=lambda one: one.event.order), until_us)


@st.composite
def switched_arrivals(draw: st.DrawFn, of: st.SearchStrategy[Arrival]) -> Arrival:
    """An arrival with ticks that lag, and with switches after some of them; the last tick is left alone."""
    arrival = draw(of)
    log: list[DealEvent | Tick] = []
    ticked_us, n = 0, 0
    for event in arrival.log[:-1]:
        if not isinstance(event, Tick):
            log.append(event)
            continue
        at_us = event.at_us - draw(st.sampled_from((0, 2 * MINUTE_US, DAY_US)))
        if at_us <= ticked_us:
            continue
        ticked_us = at_us
        log.append(tick_at(at_us))
        for version in draw(st.lists(versions, max_size=2)):
            n += 1
            log.append(switch_to(version, n))
    return arrival._replace(log=[*log, arrival.log[-1]])


def agrees(lived: Lived, watch: Watch) -> None:
    """The state ends where the history ends."""
    now = lived.state.now
    assert without_offsets(now.deal) == without_offsets(watch.deal)
    assert without_offsets(now.episodes) == without_offsets(watch.episodes)
    assert (now.dues, now.ended_us, now.epoch) == (watch.dues, watch.ended_us, watch.epoch)


@given(switched_arrivals(arrivals(of=calm_histories)), st.lists(st.booleans(), min_size=1))
@examples(150)
def test_any_order_of_arrival_and_of_visits_ends_where_the_history_with_the_switches_ends(
    arrival: Arrival, visits: list[bool]
) -> None:
    lived = live(arrival.log, lambda offset: visits[offset % len(visits)] or offset == len(arrival.log) - 1)
    watch, _ = canonical(arrival.events, lived.switches, arrival.until_us)
    agrees(lived, watch)


@given(switched_arrivals(arrivals(of=sparse_histories)), st.lists(st.booleans(), min_size=1))
@examples(300)
def test_gaps_and_loads_change_nothing_of_that_once_the_load_has_ended(arrival: Arrival, visits: list[bool]) -> None:
    lived = live(arrival.log, lambda offset: visits[offset % len(visits)] or offset == len(arrival.log) - 1)
    watch, _ = canonical(arrival.events, lived.switches, arrival.until_us)
    if not watch.deal.loading:
        agrees(lived, watch)


@given(switched_arrivals(arrivals()), st.lists(st.booleans(), min_size=1))
@examples(100)
def test_who_believes_what_is_said_knows_what_is_open(arrival: Arrival, visits: list[bool]) -> None:
    lived = live(arrival.log, lambda offset: visits[offset % len(visits)])
    opened: set[tuple[str, str]] = set()
    for one in lived.transitions:
        identity = one.episode.identity
        assert (identity in opened) is (one.step is not Step.OPENED)
        (opened.add if one.step is Step.OPENED else opened.discard)(identity) if one.step is not Step.UPDATED else None
    assert opened == {one.identity for one in lived.state.now.episodes if one.told}


# What a switch does, by example -------------------------------------------------------------------------------------


class Case(NamedTuple):
    """A log with the story's playbook first, and all that is said of one kind: (deal, transition, day, resolution)."""

    sentence: str
    kind: Kind
    log: list[DealEvent]
    expected: list[tuple[str, str, float, str | None]]


def a_partition(store: DictStore | None = None) -> Partition:
    return Partition(OWN, DictStore() if store is None else store, POSITION, panels)


def stored(log: list[DealEvent], first: int = 0) -> list[Stored]:
    return [Stored(event, first + offset) for offset, event in enumerate(log)]


def states(store: DictStore) -> dict[str, State]:
    return {key.decode(): read_state(value) for key, value in store.items() if key != META_KEY}


def said(signals: list[Signal], kind: Kind) -> list[tuple[str, str, float, str | None]]:
    """Days into the story, to the minute."""
    return [
        (
            one.deal_id,
            one.transition.value,
            round((parse_rfc3339(one.occurred_at) - at(0)) / DAY_US, 3),
            one.resolution and one.resolution.value,
        )
        for one in signals
        if one.kind is kind
    ]


LEAD = created(at(0), D1, stage="Lead", need=True, amount=500.0)
OVERSTAY, GAP, SQL, GATE = Kind.STAGE_OVERSTAY, Kind.CONTACT_GAP, Kind.SQL_UNQUALIFIED, Kind.GATE_VIOLATED
QUIET = created(at(0), D1, stage="Demo", need=True, budget=True, amount=5000.0)

CASES = [
    Case(
        "a shorter limit that has passed opens at the switch, not before",
        OVERSTAY,
        [LEAD, tick_at(at(6)), switch_to("shorter"), tick_at(at(7)), tick_at(at(9))],
        [("D1", "opened", 6.0, None)],
    ),
    Case(
        "a shorter limit that has yet to pass opens when it does",
        OVERSTAY,
        [LEAD, tick_at(at(3)), switch_to("shorter"), tick_at(at(3.5)), tick_at(at(5))],
        [("D1", "opened", 4.0, None)],
    ),
    Case(
        "a longer limit resolves what it does not know, and opens it again in its time",
        OVERSTAY,
        [LEAD, tick_at(at(12)), switch_to("longer"), tick_at(at(13)), tick_at(at(31))],
        [("D1", "opened", 10.0, None), ("D1", "resolved", 12.0, "definition"), ("D1", "opened", 30.0, None)],
    ),
    Case(
        "what still holds goes on, and says the new limit in its reason",
        OVERSTAY,
        [LEAD, tick_at(at(12)), switch_to("shorter"), tick_at(at(13))],
        [("D1", "opened", 10.0, None), ("D1", "updated", 12.0, None)],
    ),
    Case(
        "a due between the switch and the visit is the new one's",
        OVERSTAY,
        [LEAD, tick_at(at(9.9)), switch_to("longer"), tick_at(at(11))],
        [],
    ),
    Case(
        "a kind that is switched off resolves",
        GAP,
        [LEAD, tick_at(at(6)), switch_to("kinds off"), tick_at(at(7))],
        [("D1", "opened", 5.0, None), ("D1", "resolved", 6.0, "definition")],
    ),
    Case(
        "a stage that is not defined any more resolves everything",
        OVERSTAY,
        [LEAD, tick_at(at(11)), switch_to("without the first stage"), tick_at(at(12))],
        [("D1", "opened", 10.0, None), ("D1", "resolved", 11.0, "definition")],
    ),
    Case(
        "a stage that counts as lost from now on resolves by definition: nobody closed the deal",
        GAP,
        [QUIET, tick_at(at(4)), switch_to("a stage is lost"), tick_at(at(5))],
        [("D1", "opened", 3.0, None), ("D1", "resolved", 4.0, "definition")],
    ),
    Case(
        "a pipeline that nobody defines any more",
        GAP,
        [
            created(at(0), D1, stage="Lead", pipeline="renewal"),
            tick_at(at(5)),
            switch_to("without a pipeline"),
            tick_at(at(6)),
        ],
        [("D1", "opened", 4.0, None), ("D1", "resolved", 5.0, "definition")],
    ),
    Case(
        "back to the earlier playbook: it opens again, dated the switch",
        GAP,
        [LEAD, tick_at(at(6)), switch_to("kinds off"), tick_at(at(7)), switch_to("story"), tick_at(at(8))],
        [("D1", "opened", 5.0, None), ("D1", "resolved", 6.0, "definition"), ("D1", "opened", 7.0, None)],
    ),
    Case(
        "two switches at one instant are both taken, in their order",
        GAP,
        [LEAD, tick_at(at(6)), switch_to("kinds off"), switch_to("story"), tick_at(at(8))],
        [("D1", "opened", 5.0, None), ("D1", "resolved", 6.0, "definition"), ("D1", "opened", 6.0, None)],
    ),
    Case(
        "other SQL fields: the signal shows those that count now",
        SQL,
        [
            created(at(0), D1, stage="Proposal", need=False, budget=True),
            tick_at(at(1)),
            switch_to("other SQL fields"),
            tick_at(at(2)),
        ],
        [("D1", "opened", 0.0, None), ("D1", "resolved", 1.0, "definition")],
    ),
    Case(
        "an event in the grace before the switch's visit: judged by the old until the switch, by the new after it",
        SQL,
        [
            LEAD,
            tick_at(at(1)),
            changed(at(1.5), D1, stage="Demo", need=False, budget=True),
            switch_to("other SQL fields"),
            tick_at(at(2)),
        ],
        [("D1", "opened", 1.5, None), ("D1", "resolved", 2.0, "definition")],
    ),
    Case(
        "a late event from before the switch is judged by what counted then",
        GATE,
        [
            QUIET,
            tick_at(at(10)),
            switch_to("another gate"),
            tick_at(at(10.5)),
            changed(at(9), D1, stage="Proposal", budget=False, amount=5.0),
        ],
        [("D1", "opened", 9.001, None), ("D1", "resolved", 10.0, "definition")],
    ),
    Case(
        "the same where the deal had no visit yet",
        GATE,
        [
            QUIET,
            tick_at(at(10)),
            switch_to("another gate"),
            changed(at(9), D1, stage="Proposal", budget=False, amount=5.0),
        ],
        [("D1", "opened", 9.001, None), ("D1", "resolved", 10.0, "definition")],
    ),
    Case(
        "a deal first heard of after the switch, of before it",
        GATE,
        [
            tick_at(at(10)),
            switch_to("another gate"),
            QUIET,
            changed(at(9), D1, stage="Proposal", budget=False, amount=5.0),
        ],
        [("D1", "opened", 9.001, None), ("D1", "resolved", 10.0, "definition")],
    ),
    Case(
        "a suspect deal takes the switch in silence; what holds when it is clean again opens then",
        OVERSTAY,
        [
            LEAD,
            gap(at(1), D1),
            tick_at(at(6)),
            switch_to("shorter"),
            tick_at(at(7)),
            created(at(7.5), D1, stage="Lead", need=True, amount=500.0),
        ],
        [("D1", "opened", 6.0, None)],
    ),
    Case(
        "a deal that is being loaded takes the switch when its load ends, after its history",
        OVERSTAY,
        [
            load_started(at(0), at(40)),
            backfilled(LEAD),
            tick_at(at(6)),
            switch_to("shorter"),
            tick_at(at(7)),
            backfilled(changed(at(5), D1, name="x")),
            load_ended(at(8)),
        ],
        [("D1", "opened", 6.0, None)],
    ),
    Case(
        "a deal that is loaded after the switch: its history is judged by what counted then",
        OVERSTAY,
        [
            tick_at(at(12)),
            switch_to("shorter"),
            load_started(at(12), at(40)),
            backfilled(LEAD),
            backfilled(changed(at(11), D1, stage="Demo")),
            backfilled(changed(at(11.5), D1, stage="Lead")),
            load_ended(at(13)),
            tick_at(at(14)),
            tick_at(at(16)),
        ],
        [("D1", "opened", 15.5, None)],
    ),
    Case(
        "what began in a loaded history before the switch began by the limit of that time",
        OVERSTAY,
        [
            tick_at(at(12)),
            switch_to("shorter"),
            load_started(at(12), at(40)),
            backfilled(LEAD),
            backfilled(changed(at(11), D1, name="x")),
            load_ended(at(13)),
        ],
        [("D1", "opened", 10.0, None)],
    ),
    Case("the version that counts already is no switch", OVERSTAY, [LEAD, tick_at(at(6)), switch_to("story")], []),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.sentence)
def test_a_switch(case: Case) -> None:
    assert said(a_partition().fold(stored(case.log)).signals, case.kind) == case.expected
    one_by_one = a_partition()
    each = [signal for one in stored(case.log) for signal in one_by_one.fold([one]).signals]
    assert said(each, case.kind) == case.expected


def test_a_signal_keeps_its_limit_and_carries_the_version_under_which_it_is_said() -> None:
    log: list[DealEvent] = [LEAD, tick_at(at(12)), switch_to("shorter"), tick_at(at(13))]
    opened, updated = [one for one in a_partition().fold(stored(log)).signals if one.kind is OVERSTAY]
    assert (opened.playbook, opened.evidence.limit, opened.reason) == ("story", 10.0, "more than 10 days in Lead")
    assert (updated.playbook, updated.evidence.limit, updated.reason) == ("shorter", 10.0, "more than 4 days in Lead")
    assert updated.evidence.observed == opened.evidence.observed == 10.0


def test_what_opens_by_a_switch_shows_the_new_limit_and_what_was_observed_then() -> None:
    (opened,) = [
        one
        for one in a_partition().fold(stored([LEAD, tick_at(at(6)), switch_to("shorter"), tick_at(at(7))])).signals
        if one.kind is OVERSTAY
    ]
    assert (opened.evidence.observed, opened.evidence.limit, opened.playbook) == (6.0, 4.0, "shorter")


def test_a_condition_that_holds_by_the_switch_alone_names_the_switch_as_its_cause() -> None:
    deal = created(at(0), D1, stage="Proposal", need=True, budget=False)
    switch = switch_to("story", 2)
    log: list[DealEvent] = [
        switch_to("other SQL fields"),
        deal,
        tick_at(at(1)),
        changed(at(1), D1, budget=True, need=False),
    ]
    log += [tick_at(at(2)), switch, tick_at(at(3))]
    opened = [
        one for one in a_partition().fold(stored(log)).signals if one.kind is SQL and one.transition is Step.OPENED
    ]
    assert [(one.anchor, one.evidence.events[0].id, one.evidence.events[0].offset) for one in opened[1:]] == [
        (switch.id, switch.id, 5)
    ]


def test_other_owners_only_draw_the_views_again() -> None:
    partition = a_partition()
    before = partition.fold(stored([created(at(0), D1, stage="Demo", owner_id="u1"), tick_at(at(1))])).views[D1]
    again = partition.fold(stored([switch_to("other owners"), tick_at(at(1.5))], 2))
    after = again.views[D1]
    assert again.signals == []
    assert before is not None
    assert after is not None
    assert (before.owner, before.team, before.playbook) == ("Ana", "South", "story")
    assert (after.owner, after.team, after.playbook) == ("Cy", "West", "other owners")


# A partition: whatever the batches, the restarts and the speed of the sweep -----------------------------------------


@st.composite
def switched_logs(draw: st.DrawFn) -> list[DealEvent]:
    """What one partition holds, with switches anywhere in it."""
    log = draw(partition_logs())
    for n, (place, version) in enumerate(draw(st.lists(st.tuples(st.integers(0, 80), versions), max_size=6))):
        log.insert(min(place, len(log)), switch_to(version, n))
    return log


def in_parts(log: list[DealEvent], cuts: list[int], store: DictStore) -> list[Signal]:
    """The log in batches, each by a worker of its own."""
    bounds = sorted({0, len(log), *(cut for cut in cuts if cut < len(log))})
    whole = stored(log)
    return [one for begin, end in pairwise(bounds) for one in a_partition(store).fold(whole[begin:end]).signals]


@pytest.fixture(params=[1, 2, SWEPT_PER_TICK], ids=lambda count: f"{count} a tick")
def swept(request: pytest.FixtureRequest) -> Iterator[int]:
    """How many deals a tick visits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("signals.partition.SWEPT_PER_TICK", request.param)
        yield request.param


@given(switched_logs(), st.lists(st.integers(0, 80), max_size=12))
@examples(40)
def test_neither_batches_nor_restarts_change_what_a_switch_does(
    swept: int, log: list[DealEvent], cuts: list[int]
) -> None:
    whole_store, parts_store = DictStore(), DictStore()
    whole = a_partition(whole_store).fold(stored(log)).signals
    parts = in_parts(log, cuts, parts_store)
    assert [encode(one) for one in parts] == [encode(one) for one in whole], swept
    assert dict(parts_store.items()) == dict(whole_store.items())


@given(switched_logs())
@examples(60)
def test_the_speed_of_the_sweep_does_not_show_in_the_end(log: list[DealEvent]) -> None:
    ends = [*(tick_at(at(60) + n * MINUTE_US) for n in range(5)), tick_at(at(70))]
    found = []
    for count in (1, 2, 500):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("signals.partition.SWEPT_PER_TICK", count)
            store = DictStore()
            a_partition(store).fold(stored([*log, *ends]))
        found.append({key: (one.now.episodes, one.now.dues, one.now.epoch) for key, one in states(store).items()})
    assert found[0] == found[1] == found[2]


@given(switched_logs())
@examples(30)
def test_sums_are_a_recount_by_each_deals_own_definitions(log: list[DealEvent]) -> None:
    store = DictStore()
    partition = a_partition(store)
    for one in stored(log):
        partition.fold([one])
    again = a_partition(store)
    assert figures(again.totals) == figures(partition.totals)
    assert (again.version, again.switched) == (partition.version, partition.switched)


def quiet_deals(count: int) -> list[DealEvent]:
    return [created(at(0), f"crm/acme:D{n:03}", stage="Lead", need=True, amount=500.0) for n in range(count)]


def test_ticks_visit_so_many_deals_each_in_key_order_and_then_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signals.partition.SWEPT_PER_TICK", 3)
    store = DictStore()
    partition = a_partition(store)
    partition.fold(stored([*reversed(quiet_deals(7)), tick_at(at(6)), switch_to("shorter")]))
    assert partition.behind == 7
    visited = [
        [one.deal_id for one in partition.fold([Stored(tick_at(at(6) + n), 20 + n)]).signals if one.kind is OVERSTAY]
        for n in range(1, 5)
    ]
    assert visited == [["D000", "D001", "D002"], ["D003", "D004", "D005"], ["D006"], []]
    assert partition.behind == 0
    assert {one.now.epoch for one in states(store).values()} == {1}


def test_a_restart_in_the_middle_of_the_sweep_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signals.partition.SWEPT_PER_TICK", 3)
    store = DictStore()
    a_partition(store).fold(stored([*quiet_deals(7), tick_at(at(6)), switch_to("shorter"), tick_at(at(6) + 1)]))
    again = a_partition(store)
    assert (again.version, again.behind) == ("shorter", 4)
    swept = again.fold([Stored(tick_at(at(6) + 2), 30)]).signals
    assert [one.deal_id for one in swept if one.kind is OVERSTAY] == ["D003", "D004", "D005"]


def test_a_deal_that_had_its_visit_is_not_swept_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signals.partition.SWEPT_PER_TICK", 2)
    partition = a_partition()
    partition.fold(stored([*quiet_deals(4), tick_at(at(6)), switch_to("shorter")]))
    visited = partition.fold([Stored(changed(at(6.5), "crm/acme:D001", name="x"), 10)]).signals
    assert {one.deal_id for one in visited} == {"D001"}
    swept = partition.fold([Stored(tick_at(at(6) + 1), 11)]).signals
    assert {one.deal_id for one in swept} == {"D000", "D002"}


def test_a_deal_at_rest_of_which_both_say_the_same_keeps_no_history_for_the_switch() -> None:
    store = DictStore()
    partition = a_partition(store)
    deal = created(at(0), D1, stage="Won")
    partition.fold(stored([deal, tick_at(at(10)), switch_to("shorter"), tick_at(at(11))]))
    (state,) = states(store).values()
    assert (state.base, state.tail, state.now.epoch) == (None, (), 1)


def test_a_switch_leaves_the_tail_once_it_is_beyond_the_horizon() -> None:
    store = DictStore()
    partition = a_partition(store)
    often: list[DealEvent] = [changed(at(n), D1, name=str(n)) for n in range(1, 13)]
    log = [LEAD, *often[:2], tick_at(at(2)), switch_to("shorter"), *often[2:]]
    partition.fold(stored(log))
    (state,) = states(store).values()
    assert state.base is not None
    assert state.base.epoch == 1
    assert not any(isinstance(one.event, DefinitionsChanged) for one in state.tail)
    assert len(state.tail) > 5


def test_what_nobody_needs_any_more_is_forgotten() -> None:
    store = DictStore()
    partition = a_partition(store)
    partition.fold(stored([LEAD, tick_at(at(6)), switch_to("shorter"), tick_at(at(7))]))
    assert versions_in(store) == ("story", "shorter")
    partition.fold([Stored(tick_at(at(6) + KEPT_US), 10)])
    assert versions_in(store) == ("story", "shorter")
    partition.fold([Stored(tick_at(at(6) + KEPT_US + 1), 11)])
    assert versions_in(store) == ("shorter",)
    assert a_partition(store).version == "shorter"
    late = changed(at(6) + KEPT_US - DAY_US, D1, stage="Demo")
    assert partition.fold([Stored(late, 12)]).fates == {Fate.REFOLDED: 1}


def test_the_workers_own_file_counts_only_until_the_log_names_one() -> None:
    store = DictStore()
    other = Partition(panels("shorter"), store, POSITION, panels)
    assert (other.version, other.switched) == ("shorter", False)
    other.fold(stored([LEAD, tick_at(at(6)), switch_to("longer")]))
    for own in ("story", "shorter", "kinds off"):
        again = Partition(panels(own), store, POSITION, panels)
        assert (again.version, again.switched) == ("longer", True)


def test_the_same_control_twice_is_one_switch() -> None:
    store = DictStore()
    partition = a_partition(store)
    first, second = switch_to("shorter", 1), switch_to("longer", 2)
    partition.fold(stored([LEAD, tick_at(at(3)), first, first, second, first]))
    assert versions_in(store) == ("story", "shorter", "longer")


def test_a_version_that_nobody_knows_stops_the_partition_with_nothing_written() -> None:
    store = DictStore()
    partition = a_partition(store)
    partition.fold(stored([LEAD, tick_at(at(3))]))
    before = dict(store.items())

    def known(version: str) -> Panel:
        if version == "shorter":
            raise UnknownDefinitionsError(version)
        return panels(version)

    asking = Partition(OWN, store, POSITION, known)
    with pytest.raises(UnknownDefinitionsError, match="shorter") as caught:
        asking.fold(stored([changed(at(4), D1, name="x"), switch_to("shorter"), tick_at(at(5))], 2))
    assert caught.value.version == "shorter"
    assert dict(store.items()) == before


def test_a_hot_deal_whose_base_is_past_the_switch_takes_it_where_its_base_ends() -> None:
    store = DictStore()
    partition = a_partition(store)
    many: list[DealEvent] = [changed(at(1) + n * 1000, D1, amount=float(n)) for n in range(400)]
    deal = created(at(0), D1, stage="Demo", need=True, budget=True)
    partition.fold(stored([deal, tick_at(at(0.5)), *many, switch_to("shorter")]))
    (before,) = states(store).values()
    signals = partition.fold([Stored(tick_at(at(4)), 1000)]).signals
    (opened,) = [one for one in signals if one.kind is OVERSTAY]
    assert before.base is not None
    assert before.base.now_us > at(1)
    assert parse_rfc3339(opened.occurred_at) == before.base.now_us


def test_a_log_that_names_the_version_that_counts_already_takes_it_out_of_the_workers_hands() -> None:
    store = DictStore()
    partition = a_partition(store)
    partition.fold(stored([LEAD, tick_at(at(3)), switch_to("story")]))
    assert (partition.version, partition.switched, partition.behind) == ("story", True, 0)
    again = Partition(panels("shorter"), store, POSITION, panels)
    assert (again.version, again.switched, again.behind) == ("story", True, 0)
    assert said(again.fold([Stored(tick_at(at(11)), 10)]).signals, OVERSTAY) == [("D1", "opened", 10.0, None)]
