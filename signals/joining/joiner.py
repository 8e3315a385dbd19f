"""The join over a keyed store: one event of `people.events` in, what it means for deals out.

It goes in hops, each under the key of the one who hears: a record that ties somebody to something tells the one whom
it ties; an activity tells the deals that it names, else the people or accounts; those tell the deals tied to them.
What is told to somebody else than a deal is an event of `people.events` again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

import msgspec

from signals.forgetting import names, without
from signals.intents import Intents
from signals.joining.alone import intent_of, intent_on_deal
from signals.joining.hubs import Hub, HubKind
from signals.joining.records import Change, Record, Sort, fold_record
from signals.joining.speakers import Sent
from signals.joining.targets import ACTIVITY, RELATION
from signals.joining.ties import TEXTS
from signals.joining.values import Values
from signals.keyed import Keyed
from topics.events import (
    AccountChanged,
    ActivityChanged,
    EngagementSeen,
    Forgotten,
    PeopleEvent,
    PersonChanged,
    RelationChanged,
    ValueSeen,
)
from topics.signals import Cause, Signal

#: How often an event may be told on until it reaches the deals: by a tie, by an activity, by a person or an account.
HOPS = 3

#: The store's key of the version of the intents that count, once the log has named one.
VERSION_KEY = b""

_encode = msgspec.msgpack.Encoder().encode
_record = msgspec.msgpack.Decoder(Record).decode


class _RecordBefore(msgspec.Struct, frozen=True, array_like=True):
    """What earlier releases kept of an activity."""

    changes: tuple[ActivityChanged, ...] = ()
    count: int = 0


_record_before = msgspec.msgpack.Decoder(_RecordBefore).decode

ToHub: TypeAlias = ActivityChanged | RelationChanged


class Joined(NamedTuple):
    """What goes to `deal.events`, what is told on by way of `people.events`, and signals of intents without a deal."""

    events: list[Sent]
    people: list[ToHub]
    signals: list[Signal]


class Joiner:
    """The state of one partition of `people.events`: its activities, ties, people, accounts and owners.

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
        if isinstance(event, ActivityChanged | RelationChanged):
            return self._fold_told(event)
        if isinstance(event, PersonChanged | AccountChanged):
            return _by_hub(one for hub in self._hubs_of(event) for one in hub.facts(event))
        if isinstance(event, EngagementSeen):
            return self._fold_engagement(event, cause)
        if isinstance(event, ValueSeen):
            return _by_hub(self._values.see(event, cause))
        if isinstance(event, Forgotten):
            return self._forget(event)
        self._intents = self._named(event.playbook)
        self._store.put(VERSION_KEY, event.playbook.encode())
        return _by_hub(self._values.redefine(event, cause))

    @property
    def _values(self) -> Values:
        return Values(self._store, self._intents.meanings, self.version)

    def _forget(self, event: Forgotten) -> Joined:
        """The subject itself goes; who names it, names it no longer."""
        said: list[Sent] = []
        for kind in HUB_KINDS:
            hub = Hub(kind, event.key, self._store)
            if event.key != event.subject:
                said += hub.untie(event)
            elif kind == event.what:
                said += hub.forget(event)
        for sort in RECORD_KINDS:
            key = f"{sort} {event.key}".encode()
            value = self._store.get(key)
            known = None if value is None else _read_record(value, "")
            if known is not None and names(known, event.key, event.what, event.subject):
                self._store.put(key, _encode(without(known, event.key, event.what, event.subject)))
        return _by_hub(said)

    def _fold_told(self, event: ToHub) -> Joined:
        hub = hub_of(event)
        if hub is None:
            return self._fold_record(event)
        if isinstance(event, ActivityChanged):
            return _by_hub(Hub(hub, event.key, self._store).activity(event))
        if event.relation.endswith(TEXTS):
            return _by_hub(Hub(hub, event.key, self._store).texts(event, self._intents.meanings))
        return _by_hub(Hub(hub, event.key, self._store).tie(event))

    def _fold_record(self, event: ToHub) -> Joined:
        kind, sort, name = record_of(event)
        key = f"{kind} {event.key}".encode()
        value = self._store.get(key)
        known = None if value is None else _read_record(value, name)
        state, said = fold_record(sort, event.key, known, event, name)
        if state is not known:
            self._store.put(key, _encode(state))
        joined = Joined([], [], [])
        for one in said:
            if isinstance(one, ActivityChanged) and not one.via:
                joined.events.append(one)
            else:
                joined.people.append(one)
        return joined

    def _fold_engagement(self, event: EngagementSeen, cause: Cause) -> Joined:
        if event.deal is not None:
            on_deal = intent_on_deal(self._intents, event)
            return Joined([] if on_deal is None else [on_deal], [], [])
        intent = intent_of(self._intents, event, cause)
        if intent is None:
            return Joined([], [], [])
        kind: HubKind = "account" if event.person is None else "person"
        return _by_hub(Hub(kind, event.key, self._store).intent(intent, event.origin))

    def _hubs_of(self, event: PersonChanged | AccountChanged) -> Iterator[Hub]:
        """Who speaks of it. A person who may be a user or a buyer is known as both."""
        if isinstance(event, AccountChanged):
            yield Hub("account", event.key, self._store)
            return
        if event.user is not False:
            yield Hub("owner", event.key, self._store)
        if event.user is not True:
            yield Hub("person", event.key, self._store)


def hub_of(event: ToHub) -> HubKind | None:
    """To whom an event is told, where that is one who tells it to deals; None: it is one of a record, or told to it."""
    return _HUBS.get(event.via.partition(":")[0])


HUB_KINDS: tuple[HubKind, ...] = ("person", "account", "owner")
_HUBS: dict[str, HubKind] = {kind: kind for kind in HUB_KINDS}
RECORD_KINDS = ("activity", "relation")


def record_of(event: ToHub) -> tuple[str, Sort, str]:
    """The record that an event is one of, or is told to: its kind, its sort, and its name where the event says it."""
    if isinstance(event, ActivityChanged):
        return "activity", ACTIVITY, event.activity
    if event.via:
        return "activity", ACTIVITY, ""
    return "relation", RELATION, event.relation


def hop_of(event: PeopleEvent) -> int:
    """After how many hops everything that can be told to the one who hears this event has been told."""
    if isinstance(event, RelationChanged) and not event.via:
        return 0
    return 1 if isinstance(event, ActivityChanged | RelationChanged) and hub_of(event) is None else HOPS - 1


def version_in(store: Keyed) -> str | None:
    """The version that the log has named; None before it named any."""
    value = store.get(VERSION_KEY)
    return None if value is None else value.decode()


def _by_hub(said: Iterable[Sent | Signal]) -> Joined:
    joined = Joined([], [], [])
    for one in said:
        if isinstance(one, Signal):
            joined.signals.append(one)
        else:
            joined.events.append(one)
    return joined


def _read_record(value: bytes, name: str) -> Record:
    """A record's state, of this release or of one that kept whole events."""
    try:
        return _record(value)
    except msgspec.ValidationError:
        before = _record_before(value)
        changes = tuple(Change(one.id, one.at_us, one.seq, one.fields) for one in before.changes)
        return Record(changes, before.count, name or (before.changes[-1].activity if before.changes else ""))
