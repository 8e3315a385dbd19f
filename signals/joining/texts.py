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
#: Deals kept per text: those that changed last. More than are counted, so that some may go.
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


Changes = tuple[Shown, ...]
_changes = msgspec.msgpack.Decoder(dict[str, Changes]).decode
_deals = msgspec.msgpack.Decoder(dict[str, tuple[str, ...]]).decode
_encode = msgspec.msgpack.Encoder().encode
_number = msgspec.msgpack.Decoder(int).decode


class Texts:
    """The texts of one owner's deals, over a keyed store. `hub`: the owner's name among all hubs."""

    def __init__(self, store: Keyed, hub: str) -> None:
        self._store, self._hub = store, hub
        self._of_deal = Buckets(store, f"{hub} texts", _changes)
        self._of_text = Buckets(store, f"{hub} repeats", _deals)

    def show(self, deal: str, shown: Shown, origin: Origin, *, taken_back: bool = False) -> Iterator[Sent]:
        """A change of what stands on a deal, or a higher version of one; or it is taken back."""
        before = self._of_deal.get(deal) or ()
        now = _changed(before, shown, taken_back=taken_back)
        if now is None:
            return
        version = self._counted()
        if not (before and now[:-1] == before and now[-1].texts == before[-1].texts):  # else nothing is said by it
            for text in sorted(_all(before) | _all(now)):
                for one, (was, found) in self._differing(text, deal, before, now).items():
                    speaker = Speaker(f"text {text}", Story(), partial(_repeated, text))
                    yield from Voice(speaker, self._hub, one, version, origin).difference(was, found)
        at_us = shown.at_us
        kept = _lasting(now, at_us)
        self._of_deal.put(deal, kept, lambda one: _lasting(one, at_us) is not None)
        for text in _all(before) | _all(now):
            self._shelve(text, deal, stays=kept is not None and text in _all(kept))

    def forget(self, deal: str, at_us: int, origin: Origin) -> Iterator[Sent]:
        """A deal is forgotten: the others hear that there is one fewer, and nothing of it stays."""
        known = self._of_deal.get(deal)
        if known is None:
            return
        last = Shown("", max(at_us, known[-1].at_us), known[-1].seq, (), 0)
        yield from (one for one in self.show(deal, last, origin) if one.key != deal)
        for text in _all(known):
            self._shelve(text, deal, stays=False)
        self._of_deal.put(deal, None)

    def clear(self) -> None:
        """Nothing stays."""
        self._of_deal.clear()
        self._of_text.clear()
        self._store.put(self._count_key, None)

    def _differing(
        self, text: str, deal: str, before: Changes, now: Changes
    ) -> dict[str, tuple[list[Heard], list[Heard]]]:
        """What each deal heard of a text, and what it should have heard."""
        others = {one: self._of_deal.get(one) or () for one in self._of_text.get(text) or () if one != deal}
        if not others:
            return {}
        was, found = heard({**others, deal: before}, text), heard({**others, deal: now}, text)
        return {one: (was.get(one, []), found.get(one, [])) for one in sorted(was.keys() | found.keys())}

    def _shelve(self, text: str, deal: str, *, stays: bool) -> None:
        known = self._of_text.get(text) or ()
        deals = tuple(one for one in known if one != deal)
        if stays:
            deals = (*deals, deal)[-MAX_DEALS:]
        if deals != known:
            self._of_text.put(text, deals or None)

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


def heard(changes: Mapping[str, Changes], text: str) -> dict[str, list[Heard]]:
    """What each deal hears of a text, in order."""
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
        deals = min(len(told), MOST_DEALS) if len(told) > 1 else 0
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


def _all(changes: Iterable[Shown]) -> set[str]:
    return {text for one in changes for text in one.texts}
