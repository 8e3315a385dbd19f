"""One function decides: `step(panel, state, stored) -> Stepped`.

A deal's state is a folded *base* and the short *tail* of events inside the lateness horizon, with the folded present
beside them. In order, an event is folded into the present. Out of order, the tail is sorted and folded again from the
base, and what was said is put right: any arrival order converges by construction (law 5). Older than the base is
`too_late`: counted, never silent.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection
from enum import StrEnum
from typing import NamedTuple

import msgspec

from signals.deal import Deal
from signals.episodes import Episode, Transition
from signals.judge import Panel, Stored, Watch, advance, expired, fold, redefine, run
from topics.events import (
    ActivityChanged,
    DealChanged,
    DealEvent,
    DefinitionsChanged,
    IntentSeen,
    LoadEnded,
    Order,
    RelatedChanged,
    Scalar,
    TextRepeated,
    Tick,
)
from topics.instants import DAY_US
from topics.signals import Resolution, Step

#: How late an event may be and still be put in its place (law 5).
HORIZON_US = 3 * DAY_US
#: A deal that closed this long ago shrinks to its facts, and is forgotten after that long (law 14).
SHRINK_US, FORGET_US = 90 * DAY_US, 400 * DAY_US
#: A tail longer than this is shortened from its old end before its time: one busy deal must not slow the others.
MAX_TAIL = 256
#: A tail longer than this is shortened as soon as its older half is beyond the horizon.
LONG_TAIL = 16
#: An event with more text than this (characters) is heavy; a tail of others is light at any length.
HEAVY_TEXT = 16 * 1024
#: An event with at most so many values, none of which is long, is light.
_FEW = 32
_LONG = HEAVY_TEXT // _FEW
#: A tail with more text than this is shortened, too: the whole state must fit into one message (`DEAL_MAX_BYTES`).
MAX_TAIL_TEXT = 2 * 1024 * 1024

_replace = msgspec.structs.replace


class Fate(StrEnum):
    """What became of an event."""

    FOLDED = "folded"
    REFOLDED = "refolded"
    DUPLICATE = "duplicate"
    TOO_LATE = "too_late"


#: The form of a state's bytes. `signals/migrations.py` reads the older ones.
SCHEMA = 4


#: Reading a member of an Enum takes 0.1 microseconds, and so does `isinstance` of a Struct: hence these, and `type`.
_FOLDED = Fate.FOLDED
#: Events whose time is a part of what they say, so that a repeat has it, too. (An intent without a time of its own gets
#: that of its arrival.)
_DATED = frozenset({DealChanged, ActivityChanged, RelatedChanged, TextRepeated})
#: Events that `join` tells of a change at someone else's, in versions (`topics.events.ActivityChanged`).
_TOLD = (ActivityChanged, RelatedChanged, IntentSeen, TextRepeated)
#: Never added to in place.
_NONE: list[Transition] = []
_TAKEN_IN = frozenset({Fate.FOLDED, Fate.REFOLDED})


class State(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What is kept of a deal.

    `now` is the present. `base` is the deal before the tail; None when there is no tail, and nothing has happened by
    time inside the horizon: the present is then its own base. `covers` is the order of the last event in the base.
    `schema` numbers the form of this value, so that a later release can read it.
    """

    now: Watch
    base: Watch | None = None
    tail: tuple[Stored, ...] = ()
    covers: Order | None = None
    schema: int = SCHEMA

    @property
    def due_us(self) -> int | None:
        """When the deal wants the next visit: a detector's due, the end of the horizon, or the end of its memory."""
        now = self.now
        due_us = now.due_us
        if self.base is not None:
            settled_us = now.now_us + HORIZON_US
            return settled_us if due_us is None or settled_us < due_us else due_us
        if now.ended_us is not None:
            ages_us = now.ended_us + (SHRINK_US if now.deal.shrinks else FORGET_US)
            return ages_us if due_us is None or ages_us < due_us else due_us
        return due_us


class Stepped(msgspec.Struct, frozen=True, gc=False):
    """A deal after an event: its state, what is to be said, when to visit it again, what became of the event.

    `state` None: the deal closed so long ago that it is forgotten.
    """

    state: State | None
    transitions: list[Transition]
    due_us: int | None
    fate: Fate


def step(panel: Panel, state: State | None, stored: Stored, ticked_us: int = 0) -> Stepped:
    """Fold one event of one deal, or let time pass for it (a `Tick`). Pure.

    `ticked_us` is T, the last tick of the partition: what is put right is dated then.
    """
    event = stored.event
    if state is None:
        state = State(Watch(Deal(event.key, event.source), epoch=panel.epoch))
    if state.now.epoch != panel.epoch and _takes_switches(state, event):
        state, switched = redefined(panel, state, ticked_us)
        stepped = step(panel, state, stored, ticked_us)
        return _replace(stepped, transitions=switched + stepped.transitions)
    if type(event) is Tick:
        state, transitions = _ticked(panel, state, event.at_us)
        if _forgotten(state, event.at_us):
            return Stepped(None, transitions + expired(state.now, event.at_us), None, _FOLDED)
        return Stepped(state, transitions, state.due_us, _FOLDED)
    if panel.since is not None and event.at_us < panel.since.event.at_us:
        reopened = _reopened(panel, state, event)
        if _fate(reopened, stored) in _TAKEN_IN:
            state = reopened
    if event.at_us > state.now.now_us and type(event) in _DATED:
        return _folded(panel, state, stored, event)  # nearly every event: after all that is known, so it is no repeat
    fate = _fate(state, stored)
    if fate is _FOLDED:
        return _folded(panel, state, stored, event)
    transitions = _NONE
    if fate is Fate.REFOLDED:
        state, transitions = _refolded(panel, state, stored, ticked_us)
    return Stepped(state, transitions, state.due_us, fate)


def _takes_switches(state: State, event: DealEvent) -> bool:
    """A deal that is being loaded takes the switches that it missed when its load ends: its history comes before."""
    return not state.now.deal.loading or isinstance(event, LoadEnded)


def redefined(panel: Panel, state: State, ticked_us: int = 0) -> tuple[State, list[Transition]]:
    """Fold the switches of definitions that a deal has not seen yet, each where it stands in the deal's history.

    A switch is an event of every deal, taken on its next visit (law 11): it happens at T of the partition at its
    offset, whenever the visit comes. A deal at rest of which the new definitions say the same gets no tail for it.
    """
    transitions: list[Transition] = []
    for one in (*panel.before, panel):
        if one.epoch > state.now.epoch and one.since is not None:
            state, said = _switched(panel, state, one.since, ticked_us)
            transitions += said
    return state, transitions


def _switched(panel: Panel, state: State, switch: Stored, ticked_us: int) -> tuple[State, list[Transition]]:
    floor_us = (state.base or state.now).now_us
    if switch.event.at_us < floor_us:  # what is in the base is final
        switch = Stored(_replace(switch.event, at_us=floor_us), switch.offset)
    if state.base is not None and not _is_last(state, switch):
        return _refolded(panel, state, switch, ticked_us)
    now, transitions = redefine(panel, state.now, switch)
    if state.base is None and not transitions and _says_the_same(state.now, now):
        return _replace(state, now=_replace(now, now_us=state.now.now_us)), []
    base = state.base or state.now
    return _shortened(panel, _replace(state, now=now, base=base, tail=(*state.tail, switch)), switch), transitions


def _is_last(state: State, switch: Stored) -> bool:
    after_tail = not state.tail or state.tail[-1].event.order < switch.event.order
    return after_tail and switch.event.at_us >= state.now.now_us


def _says_the_same(before: Watch, now: Watch) -> bool:
    return before.episodes == now.episodes and before.ended_us == now.ended_us


def _reopened(panel: Panel, state: State, event: DealEvent) -> State:
    """The state with the switches in its tail that it took at rest, so that an event from before them finds its place.

    At rest both definitions said the same of the deal, so the deal before a switch is known. Its dues are those of the
    later definitions and lie after the switch, where every kind is asked again: nobody misses the earlier ones.
    """
    base = state.base or state.now
    if event.at_us < base.now_us:
        return state
    kept = (*panel.before, panel)
    taken = [
        one.since
        for one in kept[1:]  # nothing is folded under what was before the first of them
        if one.since is not None and one.epoch <= base.epoch and event.at_us < one.since.event.at_us
    ]
    if not taken:
        return state
    first, last = taken[0].event, taken[-1].event
    base = _replace(base, epoch=max(one.epoch for one in kept if one.epoch < first.seq[0]))
    if state.base is None and (state.now.deal.loading or event.origin == "backfill"):
        return _replace(state, now=base)  # it takes them again when its load ends
    now = _replace(state.now, now_us=max(state.now.now_us, last.at_us))
    tail = tuple(sorted((*taken, *state.tail), key=lambda one: one.event.order))
    return _replace(state, now=now, base=base, tail=tail)


def _fate(state: State, stored: Stored) -> Fate:
    event, order, tail = stored.event, stored.event.order, state.tail
    twin = _twin(tail, event)
    if twin is not None:
        return Fate.REFOLDED if _is_fuller(event, twin) else Fate.DUPLICATE
    if state.covers is not None and order <= state.covers:
        return Fate.DUPLICATE if order == state.covers else Fate.TOO_LATE
    if state.base is not None and event.at_us < state.base.now_us:
        return Fate.TOO_LATE
    if tail and order < tail[-1].event.order:
        return Fate.REFOLDED
    if event.at_us >= state.now.now_us:
        return _FOLDED
    # Time has passed the event. Without a base that was longer ago than the horizon, and is final.
    return Fate.REFOLDED if state.base is not None else Fate.TOO_LATE


def _twin(tail: tuple[Stored, ...], event: DealEvent) -> DealEvent | None:
    """The same event in the tail, or another version of what is told of the same change."""
    identity, kind, change = event.id, type(event), event.change if isinstance(event, _TOLD) else ""
    for one in tail:
        known = one.event
        if known.id == identity or (
            change and type(known) is kind and known.change == change  # type: ignore[union-attr]  # told, as `kind` is
        ):
            return known
    return None


def _is_fuller(event: DealEvent, twin: DealEvent) -> bool:
    return isinstance(event, _TOLD) and isinstance(twin, _TOLD) and event.version > twin.version


def _ticked(panel: Panel, state: State, at_us: int) -> tuple[State, list[Transition]]:
    if _beyond_horizon(state, at_us):
        state = _settled(state)
    now, transitions = advance(panel.of(state.now.epoch), state.now, at_us)
    if now.dues != state.now.dues or now.episodes != state.now.episodes:
        return _replace(state, now=now, base=state.base or state.now), transitions
    if state.base is None and state.now.deal.shrinks and _ended_before(state, at_us - SHRINK_US):
        state = _replace(state, now=_replace(state.now, deal=state.now.deal.shrunk()))
    return state, transitions


def _beyond_horizon(state: State, at_us: int) -> bool:
    """Whether all that is kept is too old to be put right. A deal that is being loaded has no horizon yet."""
    return state.base is not None and not state.now.deal.loading and at_us - state.now.now_us > HORIZON_US


def _ended_before(state: State, at_us: int) -> bool:
    return state.now.ended_us is not None and state.now.ended_us < at_us


def _forgotten(state: State, at_us: int) -> bool:
    return state.base is None and _ended_before(state, at_us - FORGET_US)


def _settled(state: State) -> State:
    """Everything is beyond the horizon: the present becomes the base, and the tail is forgotten."""
    covers = state.tail[-1].event.order if state.tail else state.covers
    return State(state.now, covers=covers)


def _folded(panel: Panel, state: State, stored: Stored, event: DealEvent) -> Stepped:
    """Fold the latest event."""
    now, base, tail, covers = state.now, state.base, state.tail, state.covers
    if base is not None and event.at_us - now.now_us > HORIZON_US and not now.deal.loading:
        covers, base, tail = _settled(state).covers, None, ()
    if base is None:
        base = now
    # A deal that is being loaded is behind: its history is judged by what counted at its instants.
    after, transitions = fold(panel if now.epoch == panel.epoch else panel.of(now.epoch), now, stored)
    folded = State(after, base, (*tail, stored), covers)
    if tail and (len(tail) >= LONG_TAIL or base.epoch != after.epoch or _is_heavy(event)):
        folded = _shortened(panel, folded, stored)
    due_us, settled_us = after.due_us, after.now_us + HORIZON_US  # `folded.due_us`, which has a base
    return Stepped(folded, transitions, settled_us if due_us is None or settled_us < due_us else due_us, _FOLDED)


def _shortened(panel: Panel, state: State, new: Stored) -> State:
    """Fold the older half of a long tail into the base once it is beyond the horizon, or the tail is at a cap.

    A switch of definitions goes into the base as soon as it is beyond the horizon, so that those before it are needed
    for a few days only.
    """
    if state.base is not None and state.base.epoch != state.now.epoch and not state.now.deal.loading:
        state = _without_old_switches(panel, state)
    tail = state.tail
    if _is_heavy(new.event) and _text(new) > HEAVY_TEXT:
        while len(state.tail) > 1 and sum(map(_text, state.tail)) > MAX_TAIL_TEXT:
            state = _halved(panel, state)
    if len(tail) <= LONG_TAIL or state.tail is not tail:
        return state
    recent = state.now.deal.loading or state.now.now_us - tail[len(tail) // 2 - 1].event.at_us <= HORIZON_US
    return state if len(tail) <= MAX_TAIL and recent else _halved(panel, state)


def _without_old_switches(panel: Panel, state: State) -> State:
    until_us = state.now.now_us - HORIZON_US
    old = [
        n for n, one in enumerate(state.tail, 1) if type(one.event) is DefinitionsChanged and one.event.at_us < until_us
    ]
    return _cut(panel, state, old[-1]) if old else state


def _halved(panel: Panel, state: State) -> State:
    """The state with the older half of its tail in its base."""
    return _cut(panel, state, len(state.tail) // 2)


def _cut(panel: Panel, state: State, count: int) -> State:
    """The state with so many of its tail in its base."""
    older, last = state.tail[:count], state.tail[count - 1].event
    base, _ = run(panel, state.base or state.now, older, last.at_us)
    return _replace(state, base=base, tail=state.tail[count:], covers=last.order)


def _is_heavy(event: DealEvent) -> bool:
    """Whether an event may carry much text; surely not, when it has few values and none of them is long."""
    values = event.fields.values() if type(event) is DealChanged else _values(event)
    if len(values) > _FEW:
        return True
    for value in values:  # noqa: SIM110 - the generator of an `any` costs 0.3 us
        if type(value) is str and len(value) > _LONG:
            return True
    return False


def _text(stored: Stored) -> int:
    """How much text an event carries, in characters."""
    return sum([len(value) for value in _values(stored.event) if isinstance(value, str)])


def _values(event: DealEvent) -> Collection[Scalar]:
    if isinstance(event, DealChanged | ActivityChanged | RelatedChanged):
        return event.fields.values()
    return event.data.values() if isinstance(event, IntentSeen) else ()


def _refolded(panel: Panel, state: State, stored: Stored, ticked_us: int) -> tuple[State, list[Transition]]:
    """Put a late event in its place, fold the tail again, and put right what was said."""
    base = state.base or state.now
    twin = _twin(state.tail, stored.event)
    tail = [one for one in state.tail if one.event is not twin]
    insort(tail, stored, key=lambda one: one.event.order)
    until_us = max(state.now.now_us, tail[-1].event.at_us)
    _, before = run(panel, base, state.tail, state.now.now_us)
    now, after = run(panel, base, tail, until_us)
    refolded = _replace(state, now=now, base=base, tail=tuple(tail))
    why = Resolution.DEFINITION if isinstance(stored.event, DefinitionsChanged) else Resolution.CORRECTED
    return _shortened(panel, refolded, stored), _put_right(
        _Heard(state.now, before), now, after, max(now.now_us, ticked_us), why
    )


class _Heard(NamedTuple):
    """What was said of a deal so far, since its base, and where that led."""

    watch: Watch
    transitions: list[Transition]


def _put_right(heard: _Heard, new: Watch, after: list[Transition], at_us: int, why: Resolution) -> list[Transition]:
    """What must be said, so that whoever heard that knows what is open, and of each open episode what it shows.

    Of an episode of which the beginning of what is true was heard, the rest is said. Where something else was heard,
    the difference is: an episode that never was is `corrected` (or, under other definitions, `definition`: `why`),
    dated at T; one that never ended is opened again; one that shows something else is updated. So openings less
    resolutions are what is open, in any order of arrival.
    """
    was_said, is_true = _by_identity(heard.transitions), _by_identity(after)
    old_open, new_open = _open(heard.watch), _open(new)
    transitions: list[Transition] = []
    for identity in dict.fromkeys((*is_true, *was_said)):
        said, true = was_said.get(identity, []), is_true.get(identity, [])
        if [_said(one) for one in true[: len(said)]] == [_said(one) for one in said]:
            transitions += true[len(said) :]
            continue
        was, now = old_open.get(identity), new_open.get(identity)
        if was is not None and now is None:
            transitions.append(true[-1] if true else Transition(Step.RESOLVED, was, at_us, new.deal, why))
        elif was is None and now is not None:
            transitions.append(Transition(Step.OPENED, now, now.opened_us, new.deal))
        elif was is not None and now is not None and _shown(was) != _shown(now):
            transitions.append(Transition(Step.UPDATED, now, at_us, new.deal))
    return sorted(transitions, key=lambda one: one.at_us)


def _by_identity(transitions: list[Transition]) -> dict[tuple[str, str], list[Transition]]:
    found: dict[tuple[str, str], list[Transition]] = {}
    for one in transitions:
        found.setdefault(one.episode.identity, []).append(one)
    return found


def _said(transition: Transition) -> tuple[object, ...]:
    return (transition.step, transition.at_us, transition.resolution, *_shown(transition.episode))


def _shown(episode: Episode) -> tuple[object, ...]:
    """What others see of an episode; causes count as the events that they are, wherever those stand."""
    return (
        episode.severity,
        episode.reason,
        episode.observed,
        episode.limit,
        episode.details,
        episode.opened_us,
        [mark.event for mark in episode.causes],
    )


def _open(watch: Watch) -> dict[tuple[str, str], Episode]:
    return {episode.identity: episode for episode in watch.episodes if episode.told}
