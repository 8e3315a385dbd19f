"""The same text on several open deals of one owner: what each deal hears of it.

The owner's hub keeps of each deal which texts stood on it when, by their hashes, and of each text on which deals. What
the deals hear is a function of the set of these changes, whatever arrived first: at each change of how many open deals
show a text, all of them hear the number. A number above `MOST_DEALS` says nothing more, so nobody hears of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from signals.joining.buckets import Buckets
from signals.joining.records import Fields, Place
from signals.joining.speakers import Sent, Speaker, Voice
from signals.joining.stories import Heard, Story
from signals.keyed import Keyed
from signals.step import HORIZON_US
from topics.events import Origin, TextRepeated

#: Deals that are counted, as many as a playbook may ask for.
MOST_DEALS = 10
#: Deals kept by name per text, those that took it last; of more only the number. These hear when they let go of it, and
#: no more how many are left.
MAX_DEALS = 24
#: Changes kept per deal; above `FEW_CHANGES`, those older than the lateness horizon are forgotten but for the last.
MAX_CHANGES, FEW_CHANGES = 16, 2


class Shown(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """From here on these texts stand on a deal that is open and the owner's, as the event with this id says."""

    id: str
    at_us: int
    seq: tuple[int, int]
    texts: tuple[str, ...]
    version: int

    @property
    def place(self) -> Place:
        """Where it stands among the changes."""
        return (self.at_us, *self.seq, self.id)


class Shelf(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The deals on which a text stands or stood of late, first those that let go of it; and how many more there are."""

    deals: tuple[str, ...] = ()
    more: int = 0


Changes = tuple[Shown, ...]
_changes = msgspec.msgpack.Decoder(dict[str, Changes]).decode
_shelves = msgspec.msgpack.Decoder(dict[str, Shelf]).decode
_encode = msgspec.msgpack.Encoder().encode
_number = msgspec.msgpack.Decoder(int).decode


class Texts:
    """The texts of one owner's deals, over a keyed store. `hub`: the owner's name among all hubs."""

    def __init__(self, store: Keyed, hub: str) -> None:
        self._store, self._hub = store, hub
        self._of_deal = Buckets(store, f"{hub} texts", _changes)
        self._of_text = Buckets(store, f"{hub} repeats", _shelves)

    def show(self, deal: str, shown: Shown, origin: Origin, *, taken_back: bool = False) -> Iterator[Sent]:
        """A change of what stands on a deal, or a higher version of one; or it is taken back."""
        before = self._of_deal.get(deal) or ()
        now = _changed(before, shown, taken_back=taken_back)
        if now is None:
            return
        version = self._counted()
        kept = _lasting(now, shown.at_us)
        silent = bool(before) and now[:-1] == before and now[-1].texts == before[-1].texts
        for text in sorted(_all(before) | _all(now)):
            shelf = self._without(text, deal, before)
            for one, (was, found) in () if silent else self._differing(text, shelf, deal, before, now).items():
                speaker = Speaker(f"text {text}", Story(), partial(_repeated, text))
                yield from Voice(speaker, self._hub, one, version, origin).difference(was, found)
            self._of_text.put(text, self._with(text, shelf, deal, kept or ()))
        self._keep(deal, kept, shown.at_us)

    def forget(self, deal: str, at_us: int, origin: Origin) -> Iterator[Sent]:
        """A deal is forgotten: the others hear that there is one fewer, and nothing of it stays."""
        known = self._of_deal.get(deal)
        if known is None:
            return
        last = Shown("", max(at_us, known[-1].at_us), known[-1].seq, (), 0)
        yield from (one for one in self.show(deal, last, origin) if one.key != deal)
        for text in _all(known):
            shelf = self._without(text, deal, ())
            self._of_text.put(text, shelf if shelf.deals or shelf.more else None)
        self._of_deal.put(deal, None)

    def clear(self) -> None:
        """Nothing stays."""
        self._of_deal.clear()
        self._of_text.clear()
        self._store.put(self._count_key, None)

    def _differing(
        self, text: str, shelf: Shelf, deal: str, before: Changes, now: Changes
    ) -> dict[str, tuple[list[Heard], list[Heard]]]:
        """What each deal heard of a text, and what it should have heard. `shelf`: without the deal that changed."""
        if not shelf.deals and not shelf.more:
            return {}
        others = {one: self._of_deal.get(one) or () for one in shelf.deals}
        was, found = (heard({**others, deal: changes}, text, shelf.more) for changes in (before, now))
        return {one: (was.get(one, []), found.get(one, [])) for one in sorted(was.keys() | found.keys())}

    def _without(self, text: str, deal: str, before: Changes) -> Shelf:
        """The others with a text."""
        shelf = self._of_text.get(text) or Shelf()
        if deal in shelf.deals:
            return Shelf(tuple(one for one in shelf.deals if one != deal), shelf.more)
        return Shelf(shelf.deals, max(0, shelf.more - _shows(before, text)))

    def _with(self, text: str, shelf: Shelf, deal: str, kept: Changes) -> Shelf | None:
        """The same with a deal, as far as that shows the text or showed it of late. None: nobody has it."""
        deals, more = shelf.deals, shelf.more
        if text in _all(kept):
            deals = (*deals, deal) if _shows(kept, text) else (deal, *deals)
        if len(deals) > MAX_DEALS:
            first, *rest = deals
            deals, more = tuple(rest), more + _shows(kept if first == deal else self._of_deal.get(first) or (), text)
        return Shelf(deals, more) if deals or more else None

    def _keep(self, deal: str, kept: Changes | None, now_us: int) -> None:
        """Keep what stands on a deal; on the way those beside it go that nobody asks about any more."""
        gone: list[Changes] = []

        def stays(one: Changes) -> bool:
            lasts = _lasting(one, now_us) is not None
            if not lasts:
                gone.append(one)
            return lasts

        self._of_deal.put(deal, kept, stays)
        for text in set().union(*map(_all, gone)):
            shelf = self._of_text.get(text) or Shelf()
            deals = tuple(one for one in shelf.deals if self._of_deal.get(one) is not None)
            self._of_text.put(text, Shelf(deals, shelf.more) if deals or shelf.more else None)

    def _counted(self) -> int:
        """How many arrivals there ever were: what is said again is said in a higher version."""
        value = self._store.get(self._count_key)
        count = 1 if value is None else _number(value) + 1
        self._store.put(self._count_key, _encode(count))
        return count

    @property
    def _count_key(self) -> bytes:
        return f"{self._hub} spoken".encode()


def _repeated(text: str, fields: Fields | None, **said: Any) -> Sent:  # noqa: ANN401 - what all events have
    deals = None if fields is None else fields["deals"]
    return TextRepeated(what=text, deals=deals if isinstance(deals, int) else None, **said)


def heard(changes: Mapping[str, Changes], text: str, more: int = 0) -> dict[str, list[Heard]]:
    """What each deal hears of a text, in order. `more`: other deals that have it all the time."""
    places = sorted(((one.place, deal, one) for deal, of_deal in changes.items() for one in of_deal), key=_place)
    told: dict[str, int] = {}
    said: dict[str, list[Heard]] = {}

    def say(deal: str, one: Shown, deals: int) -> None:
        told[deal] = deals
        said.setdefault(deal, []).append(Heard(one.id, one.at_us, one.seq, {"deals": deals}))

    for _, deal, one in places:
        if (text in one.texts) == (deal in told):
            continue
        if deal in told:
            if told[deal]:
                say(deal, one, 0)
            del told[deal]
        else:
            told[deal] = 0
        count = len(told) + more
        deals = min(count, MOST_DEALS) if count > 1 else 0
        for each in [each for each, number in told.items() if number != deals]:
            say(each, one, deals)
    return said


def _place(one: tuple[Place, str, Shown]) -> tuple[Place, str]:
    return one[:2]


def _changed(changes: Changes, shown: Shown, *, taken_back: bool) -> Changes | None:
    """The changes with one more, or another version of one, or without it. None: no news."""
    twin = next((one for one in changes if one.id == shown.id), None)
    if (twin is not None and shown.version <= twin.version) or (twin is None and taken_back):
        return None
    others = [one for one in changes if one is not twin]
    return tuple(sorted(others if taken_back else (*others, shown), key=lambda one: one.place))


def _lasting(changes: Changes, now_us: int) -> Changes | None:
    """The changes as they are kept. None: nothing is left that may matter."""
    horizon_us = now_us - HORIZON_US
    kept = changes[-MAX_CHANGES:]
    while len(kept) > FEW_CHANGES and kept[1].at_us < horizon_us:
        kept = kept[1:]
    return kept if kept and (kept[-1].texts or kept[-1].at_us >= horizon_us) else None


def _shows(changes: Changes, text: str) -> bool:
    return bool(changes) and text in changes[-1].texts


def _all(changes: Iterable[Shown]) -> set[str]:
    return {text for one in changes for text in one.texts}
