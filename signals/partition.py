"""One partition of `deal.events`: its deals, who is due when, its sums. No input, no output: records in, values out.

State is read and written through a keyed store of bytes, so that what is durable is exactly what is decided from. What
is kept in memory beside the store: for each deal that waits for an instant a place in a heap, and the deals that were
at work last, decoded (`HOT_DEALS`).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from signals.deal import Deal
from signals.definitions import SWEPT_PER_TICK, Panels, Switches, only
from signals.dwells import changed as dwells_changed
from signals.emit import Naming, Position, naming_of, signal_of, view_after, view_of
from signals.episodes import Transition
from signals.forgetting import last_words
from signals.indicators import Made, Place, Totals, key_of, places_of
from signals.judge import Panel, Stored
from signals.kept import BY_NONE, Head, keep, read_head, read_kept, write_kept
from signals.keyed import Keyed
from signals.rules import Rules
from signals.standing import Standing, standing_after, standing_of
from signals.step import Fate, State, step
from topics.dwells import DwellRecord
from topics.events import (
    DealEvent,
    DefinitionsChanged,
    Forgotten,
    LoadEnded,
    LoadStarted,
    Scalar,
    SourceGap,
    Tick,
    event_id,
)
from topics.indicators import Figures
from topics.instants import rfc3339
from topics.signals import Signal
from topics.views import DealView

_encode = msgspec.msgpack.Encoder().encode
_replace = msgspec.structs.replace

#: So many deals of a partition stay decoded, with their last view: about 8 KB each.
HOT_DEALS = 4096
#: The heap is put in order once it holds this many places more than twice the deals.
_SPARE_PLACES = 64


class Meta(msgspec.Struct, array_like=True):
    """What a partition knows beside its deals.

    The last tick; which sources are being loaded, until when; the switches of definitions that it has seen; and which
    version of the worker's own definitions, counted from 0, the sums of the deals in its care were made by.
    """

    tick_us: int = 0
    leases: dict[str, int] = {}
    switches: Switches = Switches()
    own: str = ""
    own_number: int = 0


#: The store's key of `Meta`: no deal has an empty key.
META_KEY = b""

_decode_meta = msgspec.msgpack.Decoder(Meta).decode


def versions_in(store: Keyed) -> tuple[str, ...]:
    """The versions that must be known before a `Partition` can be made on this store; none before the first switch."""
    meta = store.get(META_KEY)
    return () if meta is None else _decode_meta(meta).switches.versions


class Folded(NamedTuple):
    """What a batch gave: signals in order, the views of the deals that changed, what became of the events.

    A view that is None is that of a deal which is forgotten. `figures`: the indicators that are others now, by their
    keys on the topic; None where nothing is left to count. `dwells`: the stays that changed, as they are now.
    """

    signals: list[Signal]
    views: dict[str, DealView | None]
    fates: Counter[Fate]
    figures: dict[str, Figures | None]
    dwells: list[DwellRecord]


class _Live:
    """A deal at work: its state now, and as it stands in the store with what was made of that."""

    __slots__ = ("due_us", "fields", "key", "naming", "rules", "standing", "state", "view", "written")

    def __init__(self, key: bytes, state: State | None, due_us: int | None, standing: Standing | None) -> None:
        self.key = key
        self.state = state
        #: The state as it stands in the store, and the view that was drawn of it, if it was here then.
        self.written = state
        self.view: DealView | None = None
        #: When it is visited by time (`Head.due_us`), and what it counts for in the sums.
        self.due_us, self.standing = due_us, standing
        #: How it is called with these fields under these rules.
        self.naming: Naming | None = None
        self.fields: dict[str, Scalar] | None = None
        self.rules: Rules | None = None

    def named(self, rules: Rules, deal: Deal) -> Naming:
        """How the deal is called; looked up again only when its fields are others."""
        if self.naming is None or self.fields is not deal.fields or self.rules is not rules:
            self.naming, self.fields, self.rules = naming_of(rules, deal), deal.fields, rules
        return self.naming


class Partition:
    """The deals of one partition. `fold` takes a batch of events in offset order.

    `own` counts until the first switch; `panels` knows every version that the log names. Raises
    `UnknownDefinitionsError` for one that it does not: then nothing of the batch counts, and the partition is to be
    made again from its store. So it is after any other exception, and when a batch is not committed.
    """

    def __init__(
        self, own: Panel, store: Keyed, position: Position, panels: Panels | None = None, hot_deals: int = HOT_DEALS
    ) -> None:
        self._own, self._panels = own, panels or only(own)
        self._store, self._position, self._hot_deals = store, position, hot_deals
        self.known_deals = 0
        #: Each deal that waits for an instant has a place no later than that; a place that is too early, or of a deal
        #: that waits no more, is found out when its time comes.
        self._heap: list[tuple[int, bytes]] = []
        self._most_places = 0
        self._loading: dict[str, set[str]] = {}
        #: The deals of this batch; and those of earlier ones, the last used last.
        self._live: dict[str, _Live] = {}
        self._hot: dict[str, _Live] = {}
        self._said: list[Signal] = []
        self._dwells: list[DwellRecord] = []
        self._detected_at = ""
        self._fates: Counter[Fate] = Counter()
        meta = store.get(META_KEY)
        self._meta = Meta() if meta is None else _decode_meta(meta)
        self._meta_written = meta
        self.totals = Totals(self._meta.tick_us)
        self._panel = self._meta.switches.panel(own, self._panels)
        if not self._meta.switches.events and self._meta.own != own.rules.definitions:
            self._meta.own, self._meta.own_number = own.rules.definitions, self._meta.own_number + 1
        #: The deals that the last switch has not reached, by key, the first in key order last.
        self._behind: list[str] = []
        self._load()
        self._do: dict[type[DealEvent], Callable[[Stored, Any], None]] = {
            Tick: self._ticked,
            SourceGap: self._source_gap,
            LoadStarted: self._load_started,
            LoadEnded: self._load_ended,
            DefinitionsChanged: self._switched,
            Forgotten: self._forgotten,
        }

    @property
    def number(self) -> int:
        """The partition's number."""
        return self._position.partition

    @property
    def tick_us(self) -> int:
        """The last tick: every deal has been judged up to there."""
        return self._meta.tick_us

    @property
    def version(self) -> str:
        """The version of the definitions that count here: playbook and baselines together."""
        return self._panel.rules.definitions

    @property
    def switched(self) -> bool:
        """Whether the log has named the definitions; else they are the worker's own."""
        return bool(self._meta.switches.events)

    @property
    def behind(self) -> int:
        """How many deals have yet to be judged by them, at most."""
        return len(self._behind)

    def definitions(self, epoch: int) -> Panel:
        """The definitions that count for a deal of this epoch (`Watch.epoch`)."""
        return self._panel.of(epoch)

    def fold(self, batch: Iterable[Stored], detected_at: str = "") -> Folded:
        """Fold a batch; write the states that changed to the store; return what is to be said.

        `detected_at`: what the signals bear as the time at which they were found, RFC 3339.
        """
        self._detected_at = detected_at
        for stored in batch:
            event = stored.event
            do = self._do.get(type(event))
            if do is None:
                self._step(event.key, stored)
            else:
                do(stored, event)
        views = self._write()
        said, self._said = self._said, []
        fates, self._fates = self._fates, Counter()
        dwells, self._dwells = self._dwells, []
        return Folded(said, views, fates, self._figures(), dwells)

    def _load(self) -> None:
        heap, epoch = self._heap, self._panel.epoch
        others: set[Place] = set()
        for key, value in self._store.items():
            if key == META_KEY:
                continue
            head = read_head(value)
            self.known_deals += 1
            counted = self._counted(head, value)
            self.totals.change(None, counted)
            if counted != head.standing:
                others |= places_of(head.standing) | places_of(counted)
            if head.due_us is not None:
                heap.append((head.due_us, key))
            if head.loading:
                self._loading.setdefault(head.loading, set()).add(key.decode())
            if head.epoch != epoch:
                self._behind.append(key.decode())
        heapq.heapify(heap)
        self._most_places = 2 * len(heap) + _SPARE_PLACES
        self._behind.sort(reverse=True)
        self.totals.touched = others  # the topic says of all others what they are

    def _counted(self, head: Head, value: bytes) -> Standing | None:
        """What a deal in the store counts for; asked anew where that was by other definitions of the worker's own."""
        if head.by == self._meta.own_number or (head.epoch and head.by != BY_NONE):
            return head.standing
        return standing_of(self._panel.of(head.epoch).rules, read_kept(value).state.now)

    def _ticked(self, stored: Stored, tick: Tick) -> None:
        if tick.at_us <= self._meta.tick_us:
            return
        self._meta.tick_us = tick.at_us
        leases = self._meta.leases
        # A load whose lease is over is dead; history that comes without a lease belongs to a load that has ended.
        for source in sorted(source for source in {*leases, *self._loading} if leases.get(source, 0) < tick.at_us):
            self._load_ended(Stored(_load_end(source, tick), stored.offset), _load_end(source, tick))
        self.totals.pass_to(tick.at_us)
        self._visit_due(stored, tick.at_us)
        self._sweep(stored)
        recent = self._meta.switches.recent(tick.at_us)
        if recent is not self._meta.switches:
            self._meta.switches = recent
            self._panel = recent.panel(self._own, self._panels)

    def _visit_due(self, stored: Stored, at_us: int) -> None:
        """Let time pass for every deal that is due before `at_us`, in the order of the dues, then of the keys."""
        heap = self._heap
        placed: set[bytes] = set()
        later: list[tuple[int, bytes]] = []
        while heap and heap[0][0] < at_us:
            place = heapq.heappop(heap)
            due_us, raw = place
            key = raw.decode()
            wanted_us = self._due_of(key, raw)
            if wanted_us == due_us:
                live = self._at_work(key)
                self._stepped(live, key, stored)
                if live.due_us == due_us:  # to be asked again at the next tick, not now
                    later.append(place)
                elif live.due_us is not None:
                    heapq.heappush(heap, (live.due_us, raw))
            elif wanted_us is not None and raw not in placed:
                heapq.heappush(heap, (wanted_us, raw))
            placed.add(raw)
        for place in later:
            heapq.heappush(heap, place)

    def _due_of(self, key: str, raw: bytes) -> int | None:
        live = self._live.get(key) or self._hot.get(key)
        if live is not None:
            return live.due_us
        value = self._store.get(raw)
        return None if value is None else read_head(value).due_us

    def _switched(self, stored: Stored, _event: DefinitionsChanged) -> None:
        """Other definitions from here on. Each deal takes them on its next visit, and at the ticks to come."""
        switches = self._meta.switches.switched(self.version, stored, self._meta.tick_us)
        if switches is self._meta.switches:
            return
        self._meta.switches = switches
        if switches.events[-1].event.seq[0] == self._panel.epoch:
            return  # the version that counts already: from now on because the log says so
        self._panel = switches.panel(self._own, self._panels)
        self._behind = sorted(self._keys(), reverse=True)

    def _sweep(self, stored: Stored) -> None:
        """Visit the next deals that have had no visit since the switch, in key order."""
        left = SWEPT_PER_TICK
        while self._behind and left:
            key = self._behind.pop()
            if self._is_behind(key):
                self._step(key, stored)
                left -= 1

    def _is_behind(self, key: str) -> bool:
        """Whether the last switch has yet to reach a deal. One that is being loaded takes it when its load ends."""
        live = self._live.get(key) or self._hot.get(key)
        if live is not None:
            state = live.state
            return state is not None and state.now.epoch != self._panel.epoch and not state.now.deal.loading
        value = self._store.get(key.encode())
        if value is None:
            return False
        head = read_head(value)
        return head.epoch != self._panel.epoch and not head.loading

    def _load_started(self, _stored: Stored, event: LoadStarted) -> None:
        self._meta.leases[event.source] = event.lease_us

    def _load_ended(self, stored: Stored, event: LoadEnded) -> None:
        """Free the deals of a load. Its end comes after all that it loaded, whatever instant that bears."""
        self._meta.leases.pop(event.source, None)
        for key in sorted(self._loading.get(event.source, ())):
            state = self._at_work(key).state
            last_us = 0 if state is None else state.now.now_us
            after = event if event.at_us > last_us else _replace(event, at_us=last_us + 1)
            self._step(key, Stored(after, stored.offset))

    def _source_gap(self, stored: Stored, event: SourceGap) -> None:
        for key in sorted(self._keys(f"{event.source}:")):
            self._step(key, stored)

    def _forgotten(self, _stored: Stored, event: Forgotten) -> None:
        live = self._at_work(event.key)
        state = live.state
        self._say(live, last_words(state, event))
        if state is not None and state.now.deal.loading:
            self._waits(event.key, _replace(state.now.deal, loading=False))
        live.state = live.due_us = None

    def _keys(self, prefix: str = "") -> set[str]:
        """The deals in the store and in this batch, without those that it has forgotten."""
        start = prefix.encode()
        stored = {key.decode() for key, _ in self._store.items() if key != META_KEY and key.startswith(start)}
        at_work = {key for key in self._live if key.startswith(prefix)}
        return {key for key in stored | at_work if key not in at_work or self._live[key].state is not None}

    def _at_work(self, key: str) -> _Live:
        live = self._live.get(key)
        if live is None:
            live = self._hot.pop(key, None) or self._fetched(key.encode())
            self._live[key] = live
        return live

    def _fetched(self, raw: bytes) -> _Live:
        value = self._store.get(raw)
        if value is None:
            return _Live(raw, None, None, None)
        kept = read_kept(value)
        return _Live(raw, kept.state, kept.due_us, self._counted(kept, value))

    def _step(self, key: str, stored: Stored) -> None:
        live = self._at_work(key)
        waited_us = live.due_us
        self._stepped(live, key, stored)
        due_us = live.due_us
        if due_us is not None and (waited_us is None or due_us < waited_us):
            heapq.heappush(self._heap, (due_us, live.key))
            if len(self._heap) > self._most_places:
                self._tidy()

    def _stepped(self, live: _Live, key: str, stored: Stored) -> None:
        """Fold one event of one deal. Its place in the heap is the caller's business."""
        state = live.state
        stepped = step(self._panel, state, stored, self._meta.tick_us)
        self._fates[stepped.fate] += 1
        live.state = stepped.state
        if stepped.state is None:
            live.due_us = None
        elif stepped.state is not state:
            deal = stepped.state.now.deal
            live.due_us = None if deal.loading else stepped.due_us
            if deal.loading or deal.source in self._loading:
                self._waits(key, deal)
        if stepped.transitions:
            self._say(live, stepped.transitions)

    def _waits(self, key: str, deal: Deal) -> None:
        """Keep the index of the deals that are being loaded."""
        if deal.loading:
            self._loading.setdefault(deal.source, set()).add(key)
        else:
            self._loading[deal.source].discard(key)
            if not self._loading[deal.source]:
                del self._loading[deal.source]

    def _tidy(self) -> None:
        """Leave each deal its earliest place."""
        earliest: dict[bytes, int] = {}
        for due_us, raw in self._heap:
            if earliest.get(raw, due_us) >= due_us:
                earliest[raw] = due_us
        self._heap[:] = [(due_us, raw) for raw, due_us in earliest.items()]
        heapq.heapify(self._heap)
        self._most_places = 2 * len(self._heap) + _SPARE_PLACES

    def _say(self, live: _Live, transitions: list[Transition]) -> None:
        rules, position, at = self._panel.rules, self._position, self._detected_at
        for transition in transitions:
            self._said.append(signal_of(rules, transition, position, at, live.named(rules, transition.deal)))

    def _write(self) -> dict[str, DealView | None]:
        views: dict[str, DealView | None] = {}
        hot = self._hot
        for key, live in self._live.items():
            state = live.state
            if state is None:
                if live.written is not None:
                    self._forget(live)
                    views[key] = None
                continue
            if state is not live.written and self._keep(live, state):
                views[key] = live.view
            hot[key] = live
        self._live = {}
        for key in list(islice(hot, max(0, len(hot) - self._hot_deals))):
            del hot[key]
        meta = _encode(self._meta)
        if meta != self._meta_written:
            self._store.put(META_KEY, meta)
            self._meta_written = meta
        return views

    def _figures(self) -> dict[str, Figures | None]:
        """The indicators that are others than they were, in the order of their keys."""
        touched, self.totals.touched = self.totals.touched, set()
        if not touched:
            return {}
        tick_us = self._meta.tick_us
        made = Made(self.number, rfc3339(tick_us) if tick_us else "", self._panel.rules.version)
        weights = self._panel.rules.playbook.hygiene
        return dict(sorted((key_of(self.number, one), self.totals.figures(one, made, weights)) for one in touched))

    def _forget(self, live: _Live) -> None:
        self._store.put(live.key, None)
        self._say_dwells(live.written, None)
        self.totals.change(live.standing, None)
        self.known_deals -= 1

    def _keep(self, live: _Live, state: State) -> bool:
        """Write a state, and bring sums and view in line with it. Says whether the view is another."""
        before, now, written = live.standing, state.now, live.written
        rules = self._panel.of(now.epoch).rules
        if written is None or written.now.epoch != now.epoch:
            live.standing = standing_of(rules, now)
        else:
            live.standing = standing_after(rules, written.now, before, now)
        self.totals.change(before, live.standing)
        self.known_deals += written is None
        by = 0 if now.epoch else self._meta.own_number
        self._store.put(live.key, write_kept(keep(state, by, live.standing)))
        live.written = state
        self._say_dwells(written, state)
        if written is not None and written.now.deal.n == now.deal.n and written.now == now:
            return False
        naming = live.named(rules, now.deal)
        if written is None or live.view is None or written.now.epoch != now.epoch:
            live.view = view_of(rules, now, naming)
        else:
            live.view = view_after(rules, written.now, live.view, now, naming)
        return True

    def _say_dwells(self, before: State | None, after: State | None) -> None:
        """The stays that a batch changed, as they are at its end."""
        was, now = (None if one is None else one.now for one in (before, after))
        old = self._panel if was is None else self._panel.of(was.epoch)
        new = self._panel if now is None else self._panel.of(now.epoch)
        self._dwells += dwells_changed(old.rules, was, new.rules, now)


def _load_end(source: str, tick: Tick) -> LoadEnded:
    """A loader that died: its lease is over, its deals are free."""
    return LoadEnded(id=event_id("lease", source, tick.at_us), key="", source=source, at_us=tick.at_us)
