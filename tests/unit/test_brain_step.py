"""Properties of the one function that decides: whatever the order of arrival, the same end; nothing said in vain."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from signals.deal import Deal
from signals.episodes import Episode, Transition
from signals.judge import Stored, Watch, advance, run
from signals.step import HORIZON_US, Fate, State, step
from tests.unit.brain_story import KEY, PANEL, SOURCE, at, history, without_offsets
from tests.unit.brain_streams import Arrival, arrivals, calm_histories, examples, histories
from topics.events import DealEvent, Tick
from topics.signals import Resolution, Step

Identity = tuple[str, str]
NEW = State(Watch(Deal(KEY, SOURCE)))


class Heard:
    """Someone who believes every transition, and takes none that makes no sense."""

    def __init__(self) -> None:
        self.open: dict[Identity, Episode] = {}

    def hear(self, transition: Transition) -> None:
        """Believe one transition."""
        identity = transition.episode.identity
        if transition.step is Step.OPENED:
            assert identity not in self.open, "opened twice"
        else:
            assert identity in self.open, f"{transition.step} though not open"
        if transition.step is Step.RESOLVED:
            del self.open[identity]
        else:
            self.open[identity] = transition.episode


def taken(state: State, event: DealEvent | Tick, offset: int) -> tuple[State, list[Transition], Fate]:
    """One step of a deal that is not forgotten."""
    stepped = step(PANEL, state, Stored(event, offset))
    assert stepped.state is not None
    return stepped.state, stepped.transitions, stepped.fate


def arrive(log: list[DealEvent | Tick]) -> tuple[State, list[Transition], Counter[Fate]]:
    state = NEW
    transitions: list[Transition] = []
    fates: Counter[Fate] = Counter()
    for offset, event in enumerate(log):
        state, said, fate = taken(state, event, offset)
        transitions += said
        fates[fate] += 1
    return state, transitions, fates


def shown(episode: Episode) -> Episode:
    """An episode without the offsets of its causes, which are where the log has them."""
    without = without_offsets(episode)
    assert isinstance(without, Episode)
    return without


def as_heard(episode: Episode) -> tuple[object, ...]:
    """What others see of an episode."""
    causes = [mark.event for mark in episode.causes]
    return (*episode.identity, episode.severity, episode.opened_us, episode.reason, episode.details, causes)


def facts(deal: Deal) -> Deal:
    """The facts without offsets."""
    without = without_offsets(deal)
    assert isinstance(without, Deal)
    return without


@given(arrivals())
@examples(100)
def test_any_order_of_arrival_ends_where_the_canonical_history_ends(arrival: Arrival) -> None:
    state, _, fates = arrive(arrival.log)
    canonical, _ = history(arrival.events, arrival.until_us)
    assert not fates[Fate.TOO_LATE] or _only_repeats_are_too_late(arrival)
    assert facts(state.now.deal) == facts(canonical.deal)
    assert [shown(one) for one in state.now.episodes] == [shown(one) for one in canonical.episodes]
    assert state.now.dues == canonical.dues


@given(arrivals())
@examples(80)
def test_who_believes_what_is_said_knows_exactly_what_is_open(arrival: Arrival) -> None:
    heard = Heard()
    state = NEW
    for offset, event in enumerate(arrival.log):
        state, said, _ = taken(state, event, offset)
        for transition in said:
            heard.hear(transition)
        told = {one.identity: as_heard(one) for one in state.now.episodes if one.told}
        assert {identity: as_heard(one) for identity, one in heard.open.items()} == told


@given(arrivals(), st.data())
@examples(50)
def test_a_duplicate_changes_nothing(arrival: Arrival, data: st.DataObject) -> None:
    state, _, _ = arrive(arrival.log[:-1])
    event = data.draw(st.sampled_from([one for one in arrival.log if not isinstance(one, Tick)]))
    again = step(PANEL, state, Stored(event, 10**6))
    assert again.state is state
    assert again.transitions == []
    assert again.fate in {Fate.DUPLICATE, Fate.TOO_LATE}


@given(arrivals(of=calm_histories))
@examples(60)
def test_no_signal_without_a_cause(arrival: Arrival) -> None:
    known = {event.id: event.at_us for event in arrival.events}
    state = NEW
    for offset, event in enumerate(arrival.log):
        state, said, _ = taken(state, event, offset)
        for transition in said:
            assert transition.episode.causes, transition.episode
            for mark in transition.episode.causes:
                assert arrival.log[mark.offset].id == mark.event
                assert known[mark.event] <= state.now.now_us


@given(calm_histories, st.lists(st.integers(at(0), at(60)), max_size=40))
@examples(60)
def test_many_small_ticks_say_what_one_big_tick_says(events: list[DealEvent], moments: list[int]) -> None:
    stored = [Stored(event, offset) for offset, event in enumerate(events)]
    start, _ = run(PANEL, Watch(Deal(KEY, SOURCE)), stored, events[-1].at_us)
    once, said_once = advance(PANEL, start, at(61))
    watch, said = start, []
    for moment in [*sorted(moments), at(61)]:
        watch, more = advance(PANEL, watch, moment)
        said += more
    assert said == said_once
    assert watch == once


@given(histories)
@examples(60)
def test_in_order_a_step_says_what_the_canonical_history_says(events: list[DealEvent]) -> None:
    log: list[DealEvent | Tick] = [*events, Tick(id="end", key="", source="", at_us=at(60))]
    _, said, fates = arrive(log)
    assert said == history(events, at(60))[1]
    assert set(fates) == {Fate.FOLDED}


@given(arrivals())
@examples(40)
def test_state_is_bounded_by_the_horizon(arrival: Arrival) -> None:
    state = NEW
    for offset, event in enumerate(arrival.log):
        state, _, _ = taken(state, event, offset)
        due_us = state.due_us
        assert due_us is None or state.base is None or due_us <= state.now.now_us + HORIZON_US
    late = step(PANEL, state, Stored(Tick(id="late", key="", source="", at_us=at(90)), 0)).state
    assert late is not None
    assert late.tail == () or late.now.deal.loading


def test_the_streams_reach_what_matters() -> None:
    seen: Counter[str] = Counter()

    @given(arrivals())
    @examples(120)
    def collect(arrival: Arrival) -> None:
        _, transitions, fates = arrive(arrival.log)
        seen.update(fate.value for fate in fates)
        for one in transitions:
            seen[f"{one.episode.kind} {one.step} {one.resolution or ''}".strip()] += 1
            seen[str(one.resolution)] += 1
        instants = [event.at_us for event in arrival.events]
        seen["same instant"] += any(one == other for one, other in pairwise(instants))

    collect()
    wanted = [*Fate, *Resolution, "same instant"]
    wanted += [f"{kind} opened" for kind in PANEL.detectors]
    missing = [str(one) for one in wanted if not seen[str(one)] and one != Fate.TOO_LATE]
    assert missing == []


def _only_repeats_are_too_late(arrival: Arrival) -> bool:
    """Whether every event was folded when it first came: a repeat of a settled one is too late, not lost."""
    state = NEW
    first: set[str] = set()
    for offset, event in enumerate(arrival.log):
        if isinstance(event, Tick):
            state, _, _ = taken(state, event, offset)
            continue
        state, _, fate = taken(state, event, offset)
        if fate is Fate.TOO_LATE and event.id not in first:
            return False
        first.add(event.id)
    return True
