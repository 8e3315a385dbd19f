"""The join over a keyed store: one event of `people.events` in, what it means for deals out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from signals.joining import (
    ActivityState,
    Intents,
    PersonState,
    SubjectState,
    intent_on_deal,
    intent_without_deal,
    join_activity,
    join_person,
)
from signals.keyed import Keyed
from topics.events import (
    ActivityChanged,
    DefinitionsChanged,
    EngagementSeen,
    IntentSeen,
    PeopleEvent,
    PersonChanged,
)
from topics.signals import Cause, Signal

_encode = msgspec.msgpack.Encoder().encode
_activity = msgspec.msgpack.Decoder(ActivityState).decode
_person = msgspec.msgpack.Decoder(PersonState).decode
_subject = msgspec.msgpack.Decoder(SubjectState).decode


#: The store's key of the version of the intents that count, once the log has named one.
VERSION_KEY = b""


class Joined(NamedTuple):
    """What goes to `deal.events`, and the signals of intents that have no deal."""

    events: list[ActivityChanged | IntentSeen]
    signals: list[Signal]


class Joiner:
    """The state of one partition of `people.events`. An activity, a person and a subject never share a key.

    `own` intents count until the log names a version (`DefinitionsChanged`); `named` are the intents of a version.
    What was an intent when it was seen stays one.
    """

    def __init__(self, own: Intents, store: Keyed, named: Callable[[str], Intents] | None = None) -> None:
        self._named = named or {own.version: own}.__getitem__
        version = version_in(store)
        self._intents, self._store = own if version is None else self._named(version), store

    @property
    def version(self) -> str:
        """The version of the definitions that count here."""
        return self._intents.version

    def fold(self, event: PeopleEvent, cause: Cause) -> Joined:
        """Fold one event; `cause` says where it stands."""
        if isinstance(event, ActivityChanged):
            return self._fold_activity(event)
        if isinstance(event, PersonChanged):
            return self._fold_person(event)
        if isinstance(event, DefinitionsChanged):
            self._intents = self._named(event.playbook)
            self._store.put(VERSION_KEY, event.playbook.encode())
            return Joined([], [])
        if isinstance(event, EngagementSeen):
            return self._fold_engagement(event, cause)
        return Joined([], [])

    def _fold_activity(self, event: ActivityChanged) -> Joined:
        key = f"activity {event.key}".encode()
        value = self._store.get(key)
        known = None if value is None else _activity(value)
        state, said = join_activity(known, event)
        if state is not known:
            self._store.put(key, _encode(state))
        return Joined(list(said), [])

    def _fold_person(self, event: PersonChanged) -> Joined:
        key = f"person {event.key}".encode()
        value = self._store.get(key)
        self._store.put(key, _encode(join_person(None if value is None else _person(value), event)))
        return Joined([], [])

    def _fold_engagement(self, event: EngagementSeen, cause: Cause) -> Joined:
        if event.deal is not None:
            intent = intent_on_deal(self._intents, event)
            return Joined([] if intent is None else [intent], [])
        key = f"subject {event.key}".encode()
        value = self._store.get(key)
        state, signal = intent_without_deal(self._intents, None if value is None else _subject(value), event, cause)
        if signal is None:
            return Joined([], [])
        self._store.put(key, _encode(state))
        return Joined([], [signal])


def version_in(store: Keyed) -> str | None:
    """The version that the log has named; None before it named any."""
    value = store.get(VERSION_KEY)
    return None if value is None else value.decode()
