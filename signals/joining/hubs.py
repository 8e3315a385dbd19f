"""A hub tells the deals that are tied to it: a person, an account, an owner.

What it tells are the stories of `signals.joining.stories`: what is known of itself, the activities that name it and
no deal, and what it did outside the CRM. On arrival of anything the difference is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from playbook.meanings import Meanings
from signals.deal import is_true
from signals.joining.alone import Intent, alone, corrected, opened
from signals.joining.buckets import Buckets
from signals.joining.records import FEW_CHANGES, Change, Fields, change_of, is_taken_back, merged, shortened
from signals.joining.speakers import Sent, Speaker, Voice, appended, itself, of_activity, of_intent
from signals.joining.stories import Entry, Story, TieChange, changed, heard, lasting, tied
from signals.joining.texts import Shown, Texts
from signals.joining.ties import TEXT
from signals.keyed import Keyed
from signals.texts import repeat_key
from topics.events import (
    AccountChanged,
    ActivityChanged,
    Forgotten,
    Order,
    Origin,
    PersonChanged,
    RelationChanged,
    Scalar,
)
from topics.signals import Signal

#: Activities kept per hub, for ties that come later: as many as a deal keeps. The last ones.
MAX_ACTIVITIES = 64
#: Intents kept per hub, for ties that come later: as many as a deal keeps. The last ones.
MAX_INTENTS = 16

#: What is kept of people: what the product uses, and nothing more.
PERSON_FIELDS = {
    "owner": frozenset({"name", "email", "active", "team", "role"}),
    "person": frozenset({"name", "email", "title", "account", "removed"}),
}

HubKind: TypeAlias = Literal["person", "account", "owner"]
_replace = msgspec.structs.replace


class Stories(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that a hub tells: of itself, of activities by name, of intents in order."""

    facts: Story = Story()
    activities: dict[str, Story] = {}
    intents: tuple[Intent, ...] = ()


class _FactsBefore(msgspec.Struct, frozen=True, array_like=True):
    """What earlier releases kept of a user: of each field the last word and its order."""

    fields: dict[str, tuple[Order, Scalar]] = {}


_encode = msgspec.msgpack.Encoder().encode
_stories = msgspec.msgpack.Decoder(Stories).decode
_entries = msgspec.msgpack.Decoder(dict[str, Entry]).decode
_facts_before = msgspec.msgpack.Decoder(_FactsBefore).decode


class Hub:
    """A person, an account or an owner, by its key, over a keyed store."""

    def __init__(self, kind: HubKind, key: str, store: Keyed) -> None:
        self._kind, self._key, self._store = kind, key, store
        self._id = key.split(":", 1)[1]
        #: Its name among all, the beginning of its keys in the store.
        self._name = f"{kind} {key}"
        self._ties = Buckets(store, f"{self._name} ties", _entries)
        self._texts = Texts(store, self._name)

    @property
    def stories(self) -> Stories:
        """All that it tells."""
        value = self._store.get(self._stories_key)
        if value is not None:
            return _stories(value)
        before = None if self._kind == "account" else self._store.get(f"person {self._key}".encode())
        return Stories() if before is None else Stories(_story_of(_facts_before(before)))

    def facts(self, event: PersonChanged | AccountChanged) -> Iterator[Sent]:
        """A change of what is known of itself."""
        stories = self.stories
        kept = PERSON_FIELDS.get(self._kind)
        fields = shortened({name: value for name, value in event.fields.items() if kept is None or name in kept})
        now = changed(stories.facts, Change(event.id, event.at_us, event.seq, fields))
        if now is None:
            return
        self._keep(_replace(stories, facts=_replace(now, changes=merged(now.changes, _added))))
        if self._kind != "person":
            yield from self._tell(self._itself(stories.facts), self._itself(now), event.origin)

    def activity(self, event: ActivityChanged) -> Iterator[Sent]:
        """What an activity that names this hub, and no deal, tells it."""
        stories, name = self.stories, event.activity
        was = stories.activities.get(name, Story())
        now = changed(was, Change(event.change, event.at_us, event.seq, event.fields, "", event.version))
        if now is None:
            return
        activities = {**stories.activities, name: _replace(now, changes=now.changes[-FEW_CHANGES:])}
        if not now.changes:
            del activities[name]
        elif len(activities) > MAX_ACTIVITIES:
            del activities[min(activities, key=lambda one: (activities[one].changes[-1].place, one))]
        self._keep(_replace(stories, activities=activities))
        yield from self._tell(self._of_activity(name, was), self._of_activity(name, now), event.origin)

    def intent(self, intent: Intent, origin: Origin) -> Iterator[Sent | Signal]:
        """What it did outside the CRM goes to its deals; without any then, it is a signal of its own."""
        stories = self.stories
        if any(one.change.id == intent.change.id for one in stories.intents):
            return
        intents = tuple(sorted((*stories.intents, intent), key=lambda one: one.change.place))
        self._keep(_replace(stories, intents=intents[-MAX_INTENTS:]))
        speaker = of_intent(intent)
        yield from self._tell(speaker._replace(story=Story()), speaker, origin)
        entries = [entry for _, entry in self._ties.items()]
        yield from self._signals(alone(stories.intents, entries), alone(intents, entries), intent.change.at_us, origin)

    def tie(self, event: RelationChanged) -> Iterator[Sent | Signal]:
        """A record ties a deal to it, or does so no longer."""
        deal = str(event.fields.get("deal") or "")
        change = change_of(event)
        tie = TieChange(change.id, change.at_us, change.seq, not is_true(event.fields.get("removed")), event.version)
        before = self._ties.get(deal) or Entry()
        now = tied(before, event.relation, tie, taken_back=is_taken_back(event))
        if now is None:
            return
        stories = self.stories
        late = stories.intents and tie.place < stories.intents[-1].change.place
        were = [entry for one, entry in self._ties.items() if one != deal] if late else []
        at_us = event.at_us
        self._ties.put(deal, lasting(now, at_us), lambda one: lasting(one, at_us) is not None)
        for speaker in self._speakers(stories):
            yield from self._retie(speaker, deal, before, now, event.origin)
        if late:
            intents = stories.intents
            yield from self._signals(
                alone(intents, [*were, before]), alone(intents, [*were, now]), event.at_us, event.origin
            )

    def texts(self, event: RelationChanged, meanings: Meanings) -> Iterator[Sent]:
        """What stands on a deal of this owner, which says so itself: the owner's other deals are compared with it."""
        fields = event.fields
        pipeline = fields.get("pipeline")
        is_open = meanings.is_open(None if pipeline is None else str(pipeline), str(fields.get("stage") or ""))
        texts: tuple[str, ...] = ()
        if is_open and not is_true(fields.get("removed")):
            written = (str(value) for name, value in fields.items() if name.startswith(TEXT) and value)
            texts = tuple(sorted(repeat_key(self._id, one) for one in written))
        shown = Shown(event.change, event.at_us, event.seq, texts, event.version)
        yield from self._texts.show(str(fields.get("deal")), shown, event.origin, taken_back=is_taken_back(event))

    def forget(self, event: Forgotten) -> Iterator[Sent]:
        """Nothing stays of it. The deals that showed what was known of it hear that it is gone."""
        facts = self.stories.facts
        if self._kind != "person" and facts.changes:
            fields: Fields = dict.fromkeys(facts.known(), None) | {"removed": True}
            last = Change(event.id, event.at_us, event.seq, fields)
            gone = Story((*facts.changes, last), facts.count + 1)
            yield from self._tell(self._itself(facts), self._itself(gone), event.origin)
        self._store.put(self._stories_key, None)
        self._store.put(f"person {self._key}".encode(), None)
        self._ties.clear()
        self._texts.clear()

    def untie(self, event: Forgotten) -> Iterator[Sent]:
        """A deal is forgotten: it is told nothing any more."""
        deal = event.subject
        if self._ties.get(deal) is not None:
            self._ties.put(deal, None)
        yield from self._texts.forget(deal, event.at_us, event.origin)

    def _keep(self, stories: Stories) -> None:
        self._store.put(self._stories_key, _encode(stories))

    @property
    def _stories_key(self) -> bytes:
        return f"{self._name} stories".encode()

    def _itself(self, story: Story) -> Speaker:
        return itself(self._kind, self._id, story)

    def _of_activity(self, name: str, story: Story) -> Speaker:
        return of_activity(f"{self._kind}:{self._id}", name, story)

    def _speakers(self, stories: Stories) -> Iterator[Speaker]:
        if self._kind != "person":
            yield self._itself(stories.facts)
        for name, story in stories.activities.items():
            yield self._of_activity(name, story)
        for intent in stories.intents:
            yield of_intent(intent)

    def _tell(self, was: Speaker, now: Speaker, origin: Origin) -> Iterator[Sent]:
        """A story has changed: every deal that is tied hears it."""
        for deal, entry in self._ties.items():
            voice = Voice(now, self._name, deal, now.story.count + entry.count, origin)
            fresh = appended(was.story, now.story, entry)
            if fresh is not None:
                yield from map(voice.say, fresh)
            else:
                yield from voice.difference(
                    heard(was.story, entry, was.window_us), heard(now.story, entry, now.window_us)
                )

    def _retie(self, speaker: Speaker, deal: str, before: Entry, now: Entry, origin: Origin) -> Iterator[Sent]:
        """A tie has changed: its deal hears a story."""
        story, window_us = speaker.story, speaker.window_us
        voice = Voice(speaker, self._name, deal, story.count + now.count, origin)
        yield from voice.difference(heard(story, before, window_us), heard(story, now, window_us))

    def _signals(
        self, before: dict[str, Intent], now: dict[str, Intent], at_us: int, origin: Origin
    ) -> Iterator[Signal]:
        """What is said of intents that have no deal, and what of those that had one after all."""
        if before.keys() == now.keys():
            return
        name = self.stories.facts.known().get("name")
        of_whom: Fields = {self._kind: name} if name else {}
        for identity, intent in before.items():
            if identity not in now:
                yield corrected(self._key, intent, of_whom, at_us, origin)
        for identity, intent in now.items():
            if identity not in before:
                yield opened(self._key, intent, of_whom, origin)


def _added(fields: Fields, change: Change) -> Fields:
    return {**fields, **change.fields}


def _story_of(before: _FactsBefore) -> Story:
    """The facts as earlier releases kept them."""
    orders = sorted({order for order, _ in before.fields.values()})
    changes = [
        Change(
            order[3],
            order[0],
            (order[1], order[2]),
            {one: value for one, (at, value) in before.fields.items() if at == order},
        )
        for order in orders
    ]
    return Story(tuple(changes), len(changes))
