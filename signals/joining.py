"""What is keyed by something other than a deal, on its way to the deals: activities, engagements, people.

Each function folds one event into the small state of its key and answers with what goes on. Pure, and indifferent to
the order of arrival: what an activity sends to a deal is a function of the set of its changes seen so far.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from playbook.criteria import Expression
from playbook.model import Playbook
from signals.deal import is_true
from topics.events import ActivityChanged, EngagementSeen, IntentSeen, Order, PersonChanged, Scalar, event_id
from topics.instants import HOUR_US, rfc3339
from topics.signals import FAMILY, Cause, Evidence, Kind, Severity, Signal, Step, signal_id

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


class IntentRule(NamedTuple):
    """One intent of the playbook, compiled."""

    name: str
    when: Expression


class Intents(NamedTuple):
    """The playbook's intents, in order; the first that is true names the engagement."""

    rules: tuple[IntentRule, ...]
    window_us: int
    version: str

    def name_of(self, event: EngagementSeen) -> str | None:
        """What the playbook calls this engagement; None when it is no intent."""
        values = {"kind": event.kind, "data": event.data}
        return next((rule.name for rule in self.rules if rule.when.judge(values) is True), None)


def intents_of(playbook: Playbook, version: str) -> Intents:
    """Compile the playbook's intents."""
    rules = tuple(IntentRule(intent.name, Expression(intent.when)) for intent in playbook.intents)
    return Intents(rules, round(playbook.signals.high_intent.window_hours * HOUR_US), version)


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
    changes = tuple(sorted((*state.changes, event), key=lambda one: one.order))
    before = {known.change.id: known.deal for known in _history(state.changes)}
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
    if len(changes) > MAX_CHANGES:
        changes = (_replace(changes[1], fields=history[1].fields), *changes[2:])
    return ActivityState(changes, version), said


def _history(changes: tuple[ActivityChanged, ...]) -> list[_Known]:
    """What is known after each change. Something done without a date was done when that was said."""
    history: list[_Known] = []
    fields: dict[str, Scalar] = {"removed": False}
    for change in changes:
        fields = {**fields, **change.fields}
        if is_true(fields.get("done")) and fields.get("at_us") is None:
            fields["at_us"] = change.at_us
        deal = fields.get("deal")
        history.append(_Known(change, fields, deal if isinstance(deal, str) else None))
    return history


def _said(
    change: ActivityChanged, cause: ActivityChanged, deal: str, identity: tuple[int, int], fields: dict[str, Scalar]
) -> ActivityChanged:
    """What a deal hears at a change. The id sorts by version, so that of two at one instant the later is the last."""
    version, index = identity
    name = f"{version:06x}{index:02x}{event_id(change.id, deal)[:12]}"
    return _replace(change, id=name, key=deal, origin=cause.origin, fields=fields, change=change.id, version=version)


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
