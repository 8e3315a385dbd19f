"""What is keyed by something other than a deal, on its way to the deals: activities, engagements, people.

Each function folds one event into the small state of its key and answers with what goes on. Pure, and indifferent to
the order of arrival: what an activity sends to a deal is a function of the set of its changes seen so far.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from playbook.criteria import Expression
from playbook.model import Playbook
from topics.events import ActivityChanged, EngagementSeen, IntentSeen, PersonChanged, Scalar, event_id
from topics.instants import HOUR_US, rfc3339
from topics.signals import FAMILY, Cause, Evidence, Kind, Severity, Signal, Step, signal_id

#: Changes kept per activity; the oldest two are merged above that.
MAX_CHANGES = 32

_replace = msgspec.structs.replace


class ActivityState(msgspec.Struct, frozen=True, array_like=True):
    """The changes of one activity, in order."""

    changes: tuple[ActivityChanged, ...] = ()


class PersonState(msgspec.Struct, frozen=True, array_like=True):
    """The last known fields of a user of the CRM, each with the instant at which it was said."""

    fields: dict[str, tuple[int, Scalar]] = {}


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


def join_activity(state: ActivityState | None, event: ActivityChanged) -> tuple[ActivityState, list[ActivityChanged]]:
    """Fold one change of an activity; answer with what its deals have not heard yet.

    A deal hears everything known of an activity when it is named, merged into one event of that order; then each
    change by itself, in its own order. A deal that is named no longer hears that the activity is gone.
    """
    state = state or ActivityState()
    if any(one.id == event.id for one in state.changes):
        return state, []
    changes = tuple(sorted((*state.changes, event), key=lambda one: one.order))
    if len(changes) > MAX_CHANGES:
        changes = (_merged(changes[:2]), *changes[2:])
    heard = {(one.key, one.id) for one in _heard_by_deals(state.changes)}
    fresh = [one for one in _heard_by_deals(changes) if (one.key, one.id) not in heard]
    return ActivityState(changes), fresh


def _heard_by_deals(changes: Iterable[ActivityChanged]) -> list[ActivityChanged]:
    said: list[ActivityChanged] = []
    seen: list[ActivityChanged] = []
    deal: str | None = None
    for change in changes:
        seen.append(change)
        named = change.fields.get("deal", deal)
        if named != deal and deal is not None:
            gone = event_id(change.id, deal, "gone")
            said.append(_replace(change, id=gone, key=deal, fields={"removed": True}))
        if isinstance(named, str):
            said.append(_replace(change, key=named) if named == deal else _introduced(seen, named))
        deal = named if isinstance(named, str) else None
    return said


def _introduced(seen: list[ActivityChanged], deal: str) -> ActivityChanged:
    """Everything known of the activity at the change that names the deal.

    A late change makes this longer; the longer one has the greater id, so that it is folded after the shorter.
    """
    merged = _merged(seen)
    identity = f"{len(seen):03d}{event_id(deal, *(one.id for one in seen))}"
    return _replace(merged, id=identity, key=deal, at_us=seen[-1].at_us, seq=seen[-1].seq)


def _merged(changes: Iterable[ActivityChanged]) -> ActivityChanged:
    fields: dict[str, Scalar] = {}
    last = None
    for last in changes:
        fields.update(last.fields)
    assert last is not None  # noqa: S101 - callers pass at least one change
    return _replace(last, fields=fields)


def join_person(state: PersonState | None, event: PersonChanged) -> PersonState:
    """Fold a change of a user: of each field the latest word counts, whatever arrived first."""
    known = dict((state or PersonState()).fields)
    for name, value in event.fields.items():
        if name not in known or event.at_us >= known[name][0]:
            known[name] = (event.at_us, value)
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
