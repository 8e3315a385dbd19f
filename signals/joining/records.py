"""A record whose targets hear all that is known of it: an activity, or what ties people and accounts to deals.

What the targets hear is a function of the set of the record's changes, whatever arrived first: with each change, every
target that the record has then hears all that is known of it by then, and one that it has no longer hears that it is
gone. On arrival the difference is said. A late change adds to all that came after it, so that is said again, in a
higher version, which stands in the place of the lower one; what would not be said any more is taken back, by an event
without what all others have, the word whether the record is removed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

import msgspec

from signals.deal import is_true
from signals.step import HORIZON_US
from topics.events import ActivityChanged, Origin, RelationChanged, Scalar, deal_key, event_id, source_of

Fields: TypeAlias = dict[str, Scalar]
Place: TypeAlias = tuple[int, int, int, str]

#: Changes kept per record or told by one; the oldest two become one above that.
MAX_CHANGES = 32
#: Above so many, those that are older than the lateness horizon become one, too: a source that sends whole rows.
FEW_CHANGES = 8
#: What was told of an activity by the records that tie it to others, at most: the last ones (invitations, mostly).
MAX_TOLD = 128
#: Whom an activity concerns, at most: Salesforce relates a task to 50 people. Of more, the first by name.
MAX_TARGETS = 64

#: Characters of a text that are kept of an account's fields and of an engagement's data: what a criterion compares, not
#: a description. An account of 800 fields is then told in one message.
MAX_TEXT = 1024

_replace = msgspec.structs.replace


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What was said at one instant, by the event with this id.

    `told`: the record that told it, in which `version`; empty for the record's own changes.
    """

    id: str
    at_us: int
    seq: tuple[int, int]
    fields: Fields
    told: str = ""
    version: int = 0

    @property
    def place(self) -> Place:
        """Where it stands among the changes, whatever arrived first."""
        return (self.at_us, *self.seq, self.id + self.told)


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The changes of one record in order, how many arrivals there ever were, and how the source calls the record."""

    changes: tuple[Change, ...] = ()
    count: int = 0
    name: str = ""


class Target(NamedTuple):
    """Who hears of a record: a deal, or through whom it goes (`via`), then under the key of that one.

    `deal`: the one that a tie is about.
    """

    key: str
    via: str = ""
    deal: str = ""


class Known(NamedTuple):
    """All that is known of a record at one of its changes. `told`: by each of the records that tie it to others."""

    fields: Fields
    told: dict[str, Fields]
    targets: tuple[Target, ...]


Told: TypeAlias = ActivityChanged | RelationChanged


class Sort(NamedTuple):
    """A sort of record: whom it concerns; what one of those hears of it, when it is gone, and when that is taken back.

    `make`: the event, of the record's name and the event's other fields.
    """

    targets: Callable[[str, Fields, dict[str, Fields]], tuple[Target, ...]]
    content: Callable[[Target, Fields], Fields]
    gone: Callable[[Target], Fields]
    taken_back: Callable[[Target], Fields]
    make: Callable[..., Told]
    #: Whether each of its own changes is said, even one that changes nothing that is known.
    says_all: bool


def change_of(event: Told) -> Change:
    """An event as a change of the record that it speaks of, or is told to."""
    if event.change and isinstance(event, RelationChanged):
        return Change(event.change, event.at_us, event.seq, event.fields, event.relation, event.version)
    return Change(event.id, event.at_us, event.seq, event.fields)


def is_taken_back(event: Told) -> bool:
    """Whether an event that was told takes back what was told of its change."""
    return event.change != "" and "removed" not in event.fields


def fold_record(sort: Sort, key: str, state: Record | None, event: Told, name: str) -> tuple[Record | None, list[Told]]:
    """Fold one change of the record with this key; answer with what its targets are to hear.

    `name`: what the source calls the record; empty where the event does not say it.
    """
    known_as = (state.name if state else "") or name
    state = state or Record()
    change = change_of(event)
    twin = next((one for one in state.changes if one.id == change.id and one.told == change.told), None)
    if twin is not None and (not change.told or change.version <= twin.version):
        return state, []
    voice = Voice(sort, key, known_as, state.count + 1, event.origin)
    if twin is None and (not state.changes or state.changes[-1].place < change.place):
        *_, before = (None, *known_at(sort, key, state.changes))
        known = after(sort, key, before, change)
        said = [voice.say(change, *one) for one in heard(sort, change, before, known)]
        return Record(_capped((*state.changes, change)), state.count + 1, known_as), said
    others = [one for one in state.changes if one is not twin]
    changes = tuple(sorted(others if is_taken_back(event) else (*others, change), key=_place))
    said = _put_right(voice, state.changes, changes, min(change.place, (twin or change).place))
    return Record(_capped(changes), state.count + 1, known_as), said


def in_order(sort: Sort, key: str, events: Iterable[Told], name: str) -> Iterator[tuple[Told, Told]]:
    """What the targets hear when a record's changes come in order: as `fold_record`, one after the other.

    Each with the event that caused it. Keeps what is known in place of the changes, so that history of any length is
    joined quickly.
    """
    known: Known | None = None
    recent: deque[tuple[str, str]] = deque(maxlen=MAX_CHANGES + MAX_TOLD)
    count = 0
    for event in events:
        change = change_of(event)
        if (change.id, change.told) in recent:
            continue
        recent.append((change.id, change.told))
        before, known = known, after(sort, key, known, change)
        count += 1
        voice = Voice(sort, key, name, count, event.origin)
        for one in heard(sort, change, before, known):
            yield voice.say(change, *one), event


def known_at(sort: Sort, key: str, changes: Iterable[Change]) -> Iterator[Known]:
    """What is known after each change."""
    known: Known | None = None
    for change in changes:
        known = after(sort, key, known, change)
        yield known


def after(sort: Sort, key: str, before: Known | None, change: Change) -> Known:
    """What is known after a change. Before a change of its own, a record concerns nobody."""
    fields, told = ({}, {}) if before is None else (before.fields, before.told)
    if change.told:
        told = {**told, change.told: change.fields}
    else:
        fields = _added(fields, change)
    return Known(fields, told, sort.targets(source_of(key), fields, told) if fields else ())


def heard(sort: Sort, change: Change, before: Known | None, known: Known) -> Iterator[tuple[Target, Fields]]:
    """What is said with a change: to those whom the record has left, and to those whom it concerns."""
    if before is not None and before.targets != known.targets:
        for target in before.targets:
            if target not in known.targets:
                yield target, sort.gone(target)
    for target in known.targets:
        content = sort.content(target, known.fields)
        old = None if before is None or target not in before.targets else sort.content(target, before.fields)
        if content != old or (sort.says_all and not change.told):
            yield target, content


class Voice(NamedTuple):
    """Who speaks, and in which version."""

    sort: Sort
    key: str
    name: str
    version: int
    origin: Origin

    def say(self, change: Change, target: Target, fields: Fields) -> Told:
        """What a target hears at a change.

        The id is the same in each version, and begins as that of the change: events of one instant are in the order of
        their ids here and there.
        """
        identity = change.id[:_OF_CHANGE] + event_id(self.key, change.told, change.id)[:_OF_RECORD]
        return self.sort.make(
            self.name,
            id=identity,
            key=target.key,
            source=source_of(target.key),
            at_us=change.at_us,
            seq=change.seq,
            origin=self.origin,
            fields=fields,
            change=identity,
            version=self.version,
            via=target.via,
        )


#: An id has twenty hex digits: so many are the beginning of the change's, and so many tell records apart.
_OF_CHANGE, _OF_RECORD = 14, 6


def _put_right(voice: Voice, was: tuple[Change, ...], now: tuple[Change, ...], since: Place) -> list[Told]:
    """All that came at or after an instant said again, and what is said no more taken back."""
    before = {(change.id, change.told, target): (change, target) for change, target, _ in _outputs(voice, was)}
    said: list[Told] = []
    for change, target, fields in _outputs(voice, now):
        before.pop((change.id, change.told, target), None)
        if change.place >= since:
            said.append(voice.say(change, target, fields))
    said += [voice.say(change, target, voice.sort.taken_back(target)) for change, target in before.values()]
    return said


def _outputs(voice: Voice, changes: tuple[Change, ...]) -> Iterator[tuple[Change, Target, Fields]]:
    """All that is to be said of a record, as its changes are."""
    before: Known | None = None
    for change, known in zip(changes, known_at(voice.sort, voice.key, changes), strict=True):
        for target, fields in heard(voice.sort, change, before, known):
            yield change, target, fields
        before = known


def _added(fields: Fields, change: Change) -> Fields:
    """The fields after a change. Something done without a date was done when that was said."""
    fields = {"removed": False, **fields, **change.fields}
    if fields.get("at_us") is None and is_true(fields.get("done")):
        fields["at_us"] = change.at_us
    return fields


def merged(changes: tuple[Change, ...], added: Callable[[Fields, Change], Fields]) -> tuple[Change, ...]:
    """Changes in order, the oldest made one where there are too many. `added`: the fields after a change."""
    while len(changes) > MAX_CHANGES or (
        len(changes) > FEW_CHANGES and changes[1].at_us < changes[-1].at_us - HORIZON_US
    ):
        first, second, *rest = changes
        changes = (_replace(second, fields=added(added({}, first), second)), *rest)
    return changes


def _capped(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """The changes as they are kept. What is told is complete each time: the oldest is forgotten, not merged."""
    if len(changes) <= FEW_CHANGES:
        return changes
    own = merged(tuple(one for one in changes if not one.told), _added)
    told = [one for one in changes if one.told][-MAX_TOLD:]
    return tuple(sorted((*own, *told), key=_place)) if told else own


def _place(change: Change) -> Place:
    return change.place


def key_of(prefix: str, value: Scalar) -> str:
    """The key of one who is named by key or by id; empty for nobody."""
    text = "" if value is None else str(value)
    return text if not text or text.startswith(f"{prefix}:") else deal_key(prefix, text)


def shortened(fields: Fields) -> Fields:
    """The fields with long texts cut off."""
    for value in fields.values():
        if isinstance(value, str) and len(value) > MAX_TEXT:
            return {name: one[:MAX_TEXT] if isinstance(one, str) else one for name, one in fields.items()}
    return fields
