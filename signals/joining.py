"""What is keyed by something other than a deal, on its way to the deals: activities, engagements, people.

Each function folds one event into the small state of its key and answers with what goes on. Pure, and indifferent to
the order of arrival: what an activity sends to a deal is a function of the set of its changes seen so far.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from signals.deal import is_true
from signals.intents import Intents, intents_of
from topics.events import ActivityChanged, EngagementSeen, IntentSeen, Order, PersonChanged, Scalar, event_id
from topics.instants import rfc3339
from topics.signals import FAMILY, Cause, Evidence, Kind, Severity, Signal, Step, signal_id

__all__ = [
    "ActivityState",
    "Intents",
    "PersonState",
    "SubjectState",
    "intent_on_deal",
    "intent_without_deal",
    "intents_of",
    "join_activity",
    "join_person",
    "joined_in_order",
]

#: Changes kept per activity; the oldest two become one above that.
MAX_CHANGES = 32

_replace = msgspec.structs.replace


class ActivityState(msgspec.Struct, frozen=True, array_like=True):
    """The changes of one activity, in order, and how many there ever were."""

    changes: tuple[ActivityChanged, ...] = ()
    count: int = 0


class PersonState(msgspec.Struct, frozen=True, array_like=True):
    """The last known fields of a user of the CRM, each with the order of the event that said it."""

    fields: dict[str, tuple[Order, Scalar]] = {}


class SubjectState(msgspec.Struct, frozen=True, array_like=True):
    """When a person or an account without a deal last showed each intent."""

    intents: dict[str, int] = {}


class _Known(NamedTuple):
    """All that is known of an activity at one of its changes, and the deal that it belongs to then."""

    change: ActivityChanged
    fields: dict[str, Scalar]
    deal: str | None


def join_activity(state: ActivityState | None, event: ActivityChanged) -> tuple[ActivityState, list[ActivityChanged]]:
    """Fold one change of an activity; answer with what its deals are to hear.

    With each change the deal that it belongs to hears all that is known of the activity by then; a deal to which it
    belongs no longer hears that it is gone. A late change adds to all that came after it, so those are said again, in
    a higher version, which stands in the place of the lower one.
    """
    state = state or ActivityState()
    if any(one.id == event.id for one in state.changes):
        return state, []
    history = _history(state.changes)
    if not state.changes or state.changes[-1].order < event.order:
        return _joined_last(state, history, event)
    return _joined_late(state, history, event)


def _joined_last(
    state: ActivityState, history: list[_Known], event: ActivityChanged
) -> tuple[ActivityState, list[ActivityChanged]]:
    """The usual case: nothing that was said is said again."""
    known = _known(history[-1] if history else None, event)
    said = _heard(history[-1].deal if history else None, known, (state.count + 1, len(history)))
    return _state((*state.changes, event), [*history, known], state.count + 1), said


def _joined_late(
    state: ActivityState, was: list[_Known], event: ActivityChanged
) -> tuple[ActivityState, list[ActivityChanged]]:
    changes = tuple(sorted((*state.changes, event), key=lambda one: one.order))
    before = {known.change.id: known.deal for known in was}
    history = _history(changes)
    version = state.count + 1
    said: list[ActivityChanged] = []
    for index in range(changes.index(event), len(changes)):
        change, fields, deal = history[index]
        identity = (version, index)
        left = {before.get(change.id), history[index - 1].deal if index else None} - {deal, None}
        said += (_said(change, event, key, identity, {"removed": True}) for key in sorted(filter(None, left)))
        if deal is not None:
            said.append(_said(change, event, deal, identity, fields))
    return _state(changes, history, version), said


def _heard(left: str | None, known: _Known, identity: tuple[int, int]) -> list[ActivityChanged]:
    """What the last change of an activity says, to the deal that it has left and to the one that it belongs to."""
    change, fields, deal = known
    said = [] if deal is None else [_said(change, change, deal, identity, fields)]
    if left and left != deal:
        said.insert(0, _said(change, change, left, identity, {"removed": True}))
    return said


def _state(changes: tuple[ActivityChanged, ...], history: list[_Known], count: int) -> ActivityState:
    if len(changes) > MAX_CHANGES:
        changes = (_replace(changes[1], fields=history[1].fields), *changes[2:])
    return ActivityState(changes, count)


def joined_in_order(changes: Iterable[ActivityChanged]) -> Iterator[ActivityChanged]:
    """What the deals of one activity hear when its changes come in order: as `join_activity`, one after the other.

    Keeps what is known at the last change in place of the changes, so that history of any length is joined quickly.
    """
    known: _Known | None = None
    recent: deque[str] = deque(maxlen=MAX_CHANGES)
    count = 0
    for change in changes:
        if change.id in recent:
            continue
        left = None if known is None else known.deal
        known = _known(known, change)
        yield from _heard(left, known, (count + 1, min(count, MAX_CHANGES)))
        recent.append(change.id)
        count += 1


def _history(changes: tuple[ActivityChanged, ...]) -> list[_Known]:
    """What is known after each change."""
    history: list[_Known] = []
    known: _Known | None = None
    for change in changes:
        known = _known(known, change)
        history.append(known)
    return history


def _known(before: _Known | None, change: ActivityChanged) -> _Known:
    """What is known after a change. Something done without a date was done when that was said."""
    fields = {"removed": False, **change.fields} if before is None else {**before.fields, **change.fields}
    if fields.get("at_us") is None and is_true(fields.get("done")):
        fields["at_us"] = change.at_us
    deal = fields.get("deal")
    return _Known(change, fields, deal if isinstance(deal, str) else None)


def _said(
    change: ActivityChanged, cause: ActivityChanged, deal: str, identity: tuple[int, int], fields: dict[str, Scalar]
) -> ActivityChanged:
    """What a deal hears at a change. The id sorts by version, so that of two at one instant the later is the last."""
    version, index = identity
    name = f"{version:06x}{index:02x}{event_id(change.id, deal)[:12]}"
    # Built in one go: `replace` costs three times as much.
    return ActivityChanged(
        id=name,
        key=deal,
        source=change.source,
        at_us=change.at_us,
        seq=change.seq,
        origin=cause.origin,
        activity=change.activity,
        fields=fields,
        change=change.id,
        version=version,
    )


def join_person(state: PersonState | None, event: PersonChanged) -> PersonState:
    """Fold a change of a user: of each field the latest word counts, whatever arrived first."""
    known = dict((state or PersonState()).fields)
    for name, value in event.fields.items():
        if name not in known or event.order >= known[name][0]:
            known[name] = (event.order, value)
    return PersonState(known)


def intent_on_deal(intents: Intents, event: EngagementSeen) -> IntentSeen | None:
    """The intent that an engagement shows on the deal that it names; None when it is none, or names no deal."""
    name = intents.name_of(event)
    if name is None or event.deal is None:
        return None
    return IntentSeen(
        id=event.id,
        key=event.deal,
        source=event.deal.split(":", 1)[0],
        at_us=event.at_us,
        seq=event.seq,
        origin=event.origin,
        intent=name,
        data=event.data,
        window_us=intents.window_us,
        person=event.person,
        account=event.account,
    )


def intent_without_deal(
    intents: Intents, state: SubjectState | None, event: EngagementSeen, cause: Cause
) -> tuple[SubjectState, Signal | None]:
    """The signal of an intent whose person or account has no deal: it is routed all the same."""
    state = state or SubjectState()
    name = intents.name_of(event)
    if name is None:
        return state, None
    last_us = state.intents.get(name)
    if last_us is not None and event.at_us - last_us <= intents.window_us:
        return state, None
    return SubjectState({**state.intents, name: event.at_us}), _signal(intents, name, event, cause)


def _signal(intents: Intents, name: str, event: EngagementSeen, cause: Cause) -> Signal:
    at = rfc3339(event.at_us)
    return Signal(
        id=signal_id(event.key, Kind.HIGH_INTENT, event.id),
        kind=Kind.HIGH_INTENT,
        family=FAMILY[Kind.HIGH_INTENT],
        severity=Severity.INFO,
        transition=Step.OPENED,
        subject_key=event.key,
        anchor=event.id,
        occurred_at=at,
        opened_at=at,
        reason=f"high intent: {name.replace('_', ' ')}",
        evidence=Evidence(details=({"intent": name, "at": at},), events=(cause,)),
        playbook=intents.version,
        origin=event.origin,
    )
