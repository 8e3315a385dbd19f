"""History at rest, in three steps: read, joined, judged. Each deals with a share of it, by key, and needs no other.

* `Reading` takes what the parsers made of records and spreads it: what is keyed by a deal goes to the deal's share,
  what is keyed by an activity, a person, an account or what ties them to a share of its own kind.
* `joined` turns a share of the latter into events of deals, and the signals of intents that have no deal; it is done
  for one hop after the other (`signals.joining.joiner`), since each tells the next.
* `judged` runs the canonical history of each deal of a share.

Nothing depends on how many shares there are, nor on which of them comes first: within a deal the events' own order
decides, between deals the date of what is said, then the deal's key. So shares can be dealt with side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple
from zlib import crc32

import msgspec

from signals.deal import Deal
from signals.emit import Position, naming_of, signal_of
from signals.episodes import Transition
from signals.intents import Intents
from signals.joining.alone import intent_on_deal
from signals.joining.joiner import HOPS, Joiner, ToHub, hop_of, record_of
from signals.joining.records import change_of, in_order
from signals.joining.ties import Ties, values_of
from signals.judge import Panel, Stored, Watch, run
from signals.keyed import DictStore
from signals.rules import Rules
from topics.events import (
    FIRST_US,
    AccountChanged,
    ActivityChanged,
    AnyEvent,
    DealChanged,
    DealEvent,
    EngagementSeen,
    LoadEnded,
    LoadStarted,
    Order,
    PeopleEvent,
    PersonChanged,
    RelationChanged,
    SourceGap,
    ValueSeen,
)
from topics.outcomes import Accepted, Outcome, Silent
from topics.signals import Cause, Signal

#: Causes stand in files, not on a topic: the offset says where, see `Reading.take`.
AT_REST = Position("", 0)
_BEFORE_ALL = FIRST_US - 1


class StoredPeople(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An event of an activity, a person, an account or what ties them, and where its record stands."""

    event: ActivityChanged | RelationChanged | PersonChanged | AccountChanged | EngagementSeen | ValueSeen
    offset: int


class Place(NamedTuple):
    """Where a signal stands among all: by date; first those without a deal, in the order of their events; then by deal.

    `deal` is empty for those without; `first`, `second` and `third` keep the order of one deal's, or of the events.
    """

    at_us: int
    deal: str
    first: int
    second: int = 0
    third: str = ""


class Said(NamedTuple):
    """A signal and its place."""

    place: Place
    signal: Signal


class Tally:
    """Rows in = rows of events + silent + rejected, by reason; and what was dirty on the way."""

    def __init__(self) -> None:
        self.rows = self.events = 0
        self.silent: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.dirt: Counter[str] = Counter()
        self.details: dict[str, str] = {}

    def add(self, other: Tally) -> None:
        """Count what another one counted, after what this one did."""
        self.rows += other.rows
        self.events += other.events
        self.silent += other.silent
        self.rejected += other.rejected
        self.dirt += other.dirt
        self.details = other.details | self.details

    def count(self, outcome: Outcome) -> None:
        """Count one row."""
        self.rows += 1
        if isinstance(outcome, Accepted):
            self.dirt.update(outcome.dirt)
            if outcome.silent:
                self.silent[outcome.silent] += 1
            else:
                self.events += 1
        elif isinstance(outcome, Silent):
            self.silent[outcome.reason] += 1
        else:
            self.rejected[outcome.reason] += 1
            self.details.setdefault(outcome.reason, outcome.detail)


class Reading:
    """Takes in what became of records, and spreads their events over shares.

    `deals` hold the shares, `people` those of each hop; `gaps` concern all deals of a source, whichever share they are
    in. At rest everything is there: history is taken as if it had been seen live, and a load has no beginning or end.
    """

    def __init__(self, intents: Intents, ties: Ties, shares: int = 1) -> None:
        self._intents, self._ties, self._shares = intents, ties, shares
        self.tally = Tally()
        self.deals: list[list[Stored]] = [[] for _ in range(shares)]
        self.people: list[list[list[StoredPeople]]] = [[[] for _ in range(shares)] for _ in range(HOPS)]
        self.gaps: list[Stored] = []
        self._last_us = _BEFORE_ALL
        #: Of each value and pipeline the place of the first that was seen so far.
        self._values: dict[tuple[str, str], tuple[int, int, int, str]] = {}

    @property
    def last_us(self) -> int | None:
        """The instant of the last event; None without any."""
        return None if self._last_us == _BEFORE_ALL else self._last_us

    def take(self, offset: int, outcomes: Iterable[Outcome]) -> None:
        """The rows of one record. `offset`: where it stands, in a measure of the reader's own."""
        tally = self.tally
        for outcome in outcomes:
            # Most rows are this, and nothing else is to be counted of them.
            if type(outcome) is Accepted and not outcome.dirt and not outcome.silent:
                tally.rows += 1
                tally.events += 1
            else:
                tally.count(outcome)
                if not isinstance(outcome, Accepted):
                    continue
            for event in outcome.events:
                self._place(event, offset)

    def _place(self, event: AnyEvent, offset: int) -> None:
        if isinstance(event, LoadStarted | LoadEnded):
            return
        if event.origin == "backfill":
            event = msgspec.structs.replace(event, origin="live")
        if event.at_us > self._last_us:  # noqa: PLR1730 - `max` costs three times as much, for every event
            self._last_us = event.at_us
        if isinstance(event, DealChanged):
            self._deal(event, offset)
            for value in values_of(event):
                self._value(value, offset)
        elif isinstance(event, ActivityChanged | PersonChanged | AccountChanged | RelationChanged | ValueSeen):
            self._people(event, offset)
        elif isinstance(event, EngagementSeen):
            self._engagement(event, offset)
        elif isinstance(event, SourceGap):
            self.gaps.append(Stored(event, offset))
        else:
            self._deal(event, offset)

    def _deal(self, event: DealEvent, offset: int) -> None:
        self.deals[self.share(event.key)].append(Stored(event, offset))
        for tie in self._ties.of(event):
            self._people(tie, offset)

    def _value(self, event: ValueSeen, offset: int) -> None:
        """Many deals say the same: only what may be the first of it is passed on."""
        what, place = (event.key, event.pipeline), (*event.order[:3], event.deal)
        if what not in self._values or place < self._values[what]:
            self._values[what] = place
            self._people(event, offset)

    def _people(
        self,
        event: ActivityChanged | PersonChanged | AccountChanged | RelationChanged | EngagementSeen | ValueSeen,
        offset: int,
    ) -> None:
        self.people[hop_of(event)][self.share(event.key)].append(StoredPeople(event, offset))

    def _engagement(self, event: EngagementSeen, offset: int) -> None:
        """An intent on a deal goes there at once; without a deal, the subject's earlier ones must be known."""
        if event.deal is None:
            self._people(event, offset)
            return
        intent = intent_on_deal(self._intents, event)
        if intent is not None:
            self.deals[self.share(intent.key)].append(Stored(intent, offset))

    def share(self, key: str) -> int:
        """The share of a key."""
        return share_of(key, self._shares)


def share_of(key: str, shares: int) -> int:
    """The share that a key belongs to, the same in every process."""
    return crc32(key.encode()) % shares if shares > 1 else 0


class Joined(NamedTuple):
    """What a share of people's events means for deals and for later hops; signals of intents without a deal."""

    events: list[Stored]
    people: list[StoredPeople]
    said: list[Said]


def joined(share: Iterable[StoredPeople], intents: Intents, until_us: int) -> Joined:
    """The events of one hop up to an instant, in order, each activity, tie, person, account and owner by itself."""
    by_key: dict[tuple[str, str], list[StoredPeople]] = {}
    for one in share:
        if one.event.at_us <= until_us:
            by_key.setdefault((_spoken_to(one.event), one.event.key), []).append(one)
    found = Joined([], [], [])
    for of_key in by_key.values():
        of_key.sort(key=_place)
        if hop_of(of_key[0].event) < HOPS - 1:
            _join_record(of_key, found)
        else:
            _join_hub(of_key, intents, found)
    return found


def joined_at_once(hops: list[list[StoredPeople]], intents: Intents, until_us: int) -> Joined:
    """All hops, one after the other, in one share."""
    found = Joined([], [], [])
    told: list[list[StoredPeople]] = [[] for _ in hops]
    for share, of_earlier in zip(hops, told, strict=True):
        of_hop = joined(share + of_earlier, intents, until_us)
        found.events.extend(of_hop.events)
        found.said.extend(of_hop.said)
        for one in of_hop.people:
            told[hop_of(one.event)].append(one)
    return found


def _spoken_to(event: PeopleEvent) -> str:
    """The record whose state an event changes, or none: people, accounts and owners of one key are joined together."""
    if hop_of(event) == HOPS - 1:
        return ""
    kind, _, _ = record_of(event)  # type: ignore[arg-type]  # the events of earlier hops are those of records
    return kind


def _join_record(changes: list[StoredPeople], found: Joined) -> None:
    """What the targets of an activity or a tie hear of its history."""
    offsets: dict[int, int] = {}
    events: list[ToHub] = []
    name = ""
    for one in changes:
        event = one.event
        if isinstance(event, ActivityChanged | RelationChanged):
            _, sort, called = record_of(event)
            events.append(event)
            offsets[id(event)] = one.offset
            name = called or name
    for told, cause in in_order(sort, changes[0].event.key, events, name):
        offset = offsets[id(cause)]
        if isinstance(told, ActivityChanged) and not told.via:
            found.events.append(Stored(told, offset))
        else:
            found.people.append(StoredPeople(told, offset))


def _join_hub(heard: list[StoredPeople], intents: Intents, found: Joined) -> None:
    """What a person, an account or an owner tells its deals, and its intents without any."""
    joiner = Joiner(intents, DictStore())
    for event, offset in ((one.event, one.offset) for one in heard):
        joined_now = joiner.fold(event, Cause(event.id, "", 0, offset))
        found.events.extend(Stored(one, offset) for one in joined_now.events)
        found.said.extend(Said(Place(event.at_us, "", *event.seq, event.id), signal) for signal in joined_now.signals)


def _place(one: StoredPeople) -> tuple[int, int, int, str]:
    """Where an event stands in what its hearer knows."""
    event = one.event
    if isinstance(event, ActivityChanged | RelationChanged):
        return change_of(event).place
    return (event.at_us, *event.seq, event.deal if isinstance(event, ValueSeen) else event.id)


class Judged(NamedTuple):
    """What was said of a share's deals, deal by deal, and how they stand at the end."""

    said: list[Said]
    watches: dict[str, Watch]


def judged(
    panel: Panel, share: Iterable[Stored], gaps: Iterable[Stored], until_us: int, detected_at: str = ""
) -> Judged:
    """Each deal's events up to an instant, then time up to there. `gaps`: of all sources, each to its deals."""
    by_deal: dict[str, list[Stored]] = {}
    for one in share:
        if one.event.at_us <= until_us:
            by_deal.setdefault(one.event.key, []).append(one)
    lost = [gap for gap in gaps if gap.event.at_us <= until_us]
    said: list[Said] = []
    watches: dict[str, Watch] = {}
    for key in sorted(by_deal):
        events = ordered(by_deal[key], lost)
        start = Watch(Deal(key, events[0].event.source), epoch=panel.epoch)
        watches[key], transitions = run(panel, start, events, until_us)
        said += _said(panel.rules, key, transitions, detected_at)
    return Judged(said, watches)


def ordered(of_deal: list[Stored], gaps: list[Stored]) -> list[Stored]:
    """The events of one deal in their order, each once, with the gaps of its source that came once it was there."""
    events = _in_order(of_deal)
    return list(distinct(_with_gaps(events, events[0].event.source, gaps) if gaps else events))


def _said(rules: Rules, key: str, transitions: list[Transition], detected_at: str) -> Iterator[Said]:
    """A deal's signals. Several are said of the same fields: how the deal is called is looked up once for these."""
    fields, naming = None, None
    for n, change in enumerate(transitions):
        if naming is None or change.deal.fields is not fields:
            fields, naming = change.deal.fields, naming_of(rules, change.deal)
        yield Said(Place(change.at_us, key, n), signal_of(rules, change, AT_REST, detected_at, naming))


def _with_gaps(events: list[Stored], source: str, gaps: list[Stored]) -> list[Stored]:
    """The events of a deal with the gaps of its source that came once it was there."""
    order = events[0].event.order
    mine = [gap for gap in gaps if gap.event.source == source and order < gap.event.order]
    return _in_order([*events, *mine]) if mine else events


_AT = attrgetter("event.at_us")


def _in_order(stored: list[Stored]) -> list[Stored]:
    """By the events' order, then as they came. To compare instants alone is much cheaper, and mostly enough."""
    ordered = sorted(stored, key=_AT)
    if any(one.event.at_us == another.event.at_us for one, another in pairwise(ordered)):
        return sorted(stored, key=_order)
    return ordered


def _order(one: Stored) -> Order:
    return one.event.order


def distinct(stored: Iterable[Stored]) -> Iterator[Stored]:
    """The events, each id once."""
    seen: set[str] = set()
    for one in stored:
        if one.event.id not in seen:
            seen.add(one.event.id)
            yield one
