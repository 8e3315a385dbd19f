"""What a deal hears of someone to whom it is tied: a *story*, while it is tied.

It hears each change of the story then, and all that is known of it at the moment when the tie is made. What is heard
is a function of the changes of both, whatever arrived first.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from signals.deal import is_true
from signals.joining.records import Change, Fields, Place
from signals.step import HORIZON_US

#: Changes kept per tie; above `FEW_TIES`, those older than the lateness horizon are forgotten but for the last.
MAX_TIES, FEW_TIES = 16, 4

_replace = msgspec.structs.replace


class TieChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A tie to a deal was made or cut, as the event with this id says in this version."""

    id: str
    at_us: int
    seq: tuple[int, int]
    tied: bool
    version: int

    @property
    def place(self) -> Place:
        """Where it stands among the changes."""
        return (self.at_us, *self.seq, self.id)


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What ties one deal: the changes of each record that does, in order; and how many arrivals there were."""

    ties: dict[str, tuple[TieChange, ...]] = {}
    count: int = 0

    def tied_at(self, place: Place) -> bool:
        """Whether the deal is tied at a place."""
        for changes in self.ties.values():
            before = [one for one in changes if one.place < place]
            if before and before[-1].tied:
                return True
        return False

    def lasts_from(self, place: Place) -> bool:
        """Whether no tie changes at or after a place."""
        return all(changes[-1].place < place for changes in self.ties.values())


class Story(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The changes of what is told, in order, and how many arrivals there were."""

    changes: tuple[Change, ...] = ()
    count: int = 0

    def known(self) -> Fields:
        """All that is known at the end."""
        known: Fields = {}
        for change in self.changes:
            known |= change.fields
        return known


class Heard(NamedTuple):
    """What a deal hears at one place: the id of the event that it is because of, and what is known of the story."""

    id: str
    at_us: int
    seq: tuple[int, int]
    fields: Fields


def heard(story: Story, entry: Entry, window_us: int | None = None) -> list[Heard]:
    """What one deal hears of a story, in order. `window_us`: how long after its changes a new tie hears of it."""
    places: list[tuple[Place, str, TieChange | Change]] = [
        *((one.place, record, one) for record, changes in entry.ties.items() for one in changes),
        *((change.place, "", change) for change in story.changes),
    ]
    places.sort(key=_place_and_record)
    tied_by: set[str] = set()
    known: Fields | None = None
    known_us, told = 0, False
    said: list[Heard] = []
    for _, record, one in places:
        if isinstance(one, Change):
            known, known_us = one.fields if known is None else {**known, **one.fields}, one.at_us
        elif not one.tied:
            tied_by.discard(record)
            continue
        else:
            tied_by.add(record)
            if window_us is not None and one.at_us - known_us > window_us:
                continue
        if known is None or not tied_by:
            continue
        gone = is_true(known.get("removed"))
        if told or not gone:
            said.append(Heard(one.id, one.at_us, one.seq, known))
        told = not gone
    return said


def _place_and_record(one: tuple[Place, str, TieChange | Change]) -> tuple[Place, str]:
    return one[:2]


class Difference(NamedTuple):
    """What is to be said, and what is to be taken back."""

    said: list[Heard]
    taken_back: list[Heard]


def difference(before: list[Heard], now: list[Heard]) -> Difference:
    """From the first that is another on, everything is said again."""
    same = 0
    for one, other in zip(before, now, strict=False):
        if one != other:
            break
        same += 1
    left = {one.id for one in now}
    return Difference(now[same:], [one for one in before[same:] if one.id not in left])


def changed(story: Story, change: Change) -> Story | None:
    """The story with one change more, or another version of one; one without fields is taken back. None: no news."""
    twin = next((one for one in story.changes if one.id == change.id), None)
    if (twin is not None and change.version <= twin.version) or (twin is None and not change.fields):
        return None
    others = [one for one in story.changes if one is not twin]
    changes = sorted((*others, change) if change.fields else others, key=_place)
    return Story(tuple(changes), story.count + 1)


def _place(one: Change | TieChange) -> Place:
    return one.place


def tied(entry: Entry, record: str, change: TieChange, *, taken_back: bool) -> Entry | None:
    """The ties with one change more of a record, or another version of one, or without it. None: no news."""
    changes = entry.ties.get(record, ())
    twin = next((one for one in changes if one.id == change.id), None)
    if (twin is not None and change.version <= twin.version) or (twin is None and taken_back):
        return None
    others = [one for one in changes if one is not twin]
    now = tuple(sorted(others if taken_back else (*others, change), key=_place))
    ties = {**entry.ties, record: now}
    if not now:
        del ties[record]
    return Entry(ties, entry.count + 1)


def lasting(entry: Entry, now_us: int) -> Entry | None:
    """The ties as they are kept: what was cut before the lateness horizon is forgotten. None: nothing is left."""
    horizon_us = now_us - HORIZON_US
    ties = {}
    for record, changes in entry.ties.items():
        kept = changes[-MAX_TIES:]
        while len(kept) > FEW_TIES and kept[1].at_us < horizon_us:
            kept = kept[1:]
        if kept[-1].tied or kept[-1].at_us >= horizon_us:
            ties[record] = kept
    return _replace(entry, ties=ties) if ties else None
