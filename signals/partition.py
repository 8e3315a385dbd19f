"""One partition of `deal.events`: its deals, who is due when, its sums. No input, no output: records in, values out.

State is read and written through a keyed store of bytes, so that what is durable is exactly what is decided from.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from signals.definitions import SWEPT_PER_TICK, Panels, Switches, only
from signals.emit import Position, signal_of, view_of
from signals.episodes import Transition
from signals.indicators import Standing, Totals, standing_of
from signals.judge import Panel, Stored, Watch
from signals.keyed import Keyed
from signals.migrations import read_state
from signals.step import Fate, State, step
from topics.events import DefinitionsChanged, LoadEnded, LoadStarted, SourceGap, Tick, event_id
from topics.signals import Signal
from topics.views import DealView

_encode = msgspec.msgpack.Encoder().encode
_replace = msgspec.structs.replace


class Meta(msgspec.Struct, array_like=True):
    """What a partition knows beside its deals.

    The last tick; which sources are being loaded, until when; the switches of definitions that it has seen.
    """

    tick_us: int = 0
    leases: dict[str, int] = {}
    switches: Switches = Switches()


#: The store's key of `Meta`: no deal has an empty key.
META_KEY = b""

_decode_meta = msgspec.msgpack.Decoder(Meta).decode


def versions_in(store: Keyed) -> tuple[str, ...]:
    """The versions that must be known before a `Partition` can be made on this store; none before the first switch."""
    meta = store.get(META_KEY)
    return () if meta is None else _decode_meta(meta).switches.versions


class Folded(NamedTuple):
    """What a batch gave: signals in order, the views of the deals that changed, what became of the events.

    A view that is None is that of a deal which is forgotten.
    """

    signals: list[Signal]
    views: dict[str, DealView | None]
    fates: Counter[Fate]


class Partition:
    """The deals of one partition. `fold` takes a batch of events in offset order.

    `own` counts until the first switch; `panels` knows every version that the log names. Raises
    `UnknownDefinitionsError` for one that it does not: then nothing of the batch counts, and the partition is to be
    made again from its store.
    """

    def __init__(self, own: Panel, store: Keyed, position: Position, panels: Panels | None = None) -> None:
        self._own, self._panels = own, panels or only(own)
        self._store, self._position = store, position
        self.totals = Totals()
        self._standings: dict[str, Standing] = {}
        self.known_deals = 0
        self._dues: dict[str, int] = {}
        self._heap: list[tuple[int, str]] = []
        self._loading: dict[str, set[str]] = {}
        self._states: dict[str, State | None] = {}
        self._before: dict[str, State | None] = {}
        self._said: list[Signal] = []
        self._fates: Counter[Fate] = Counter()
        meta = store.get(META_KEY)
        self._meta = Meta() if meta is None else _decode_meta(meta)
        self._meta_written = meta
        self._panel = self._meta.switches.panel(own, self._panels)
        #: The deals that the last switch has not reached, by key, the first in key order last.
        self._behind: list[str] = []
        self._load()

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
        """The version of the definitions that count here."""
        return self._panel.rules.version

    @property
    def switched(self) -> bool:
        """Whether the log has named the definitions; else they are the worker's own."""
        return bool(self._meta.switches.events)

    @property
    def behind(self) -> int:
        """How many deals have yet to be judged by them, at most."""
        return len(self._behind)

    def fold(self, batch: Iterable[Stored]) -> Folded:
        """Fold a batch; write the states that changed to the store; return what is to be said."""
        for stored in batch:
            self._one(stored)
        views = self._write()
        said, self._said = self._said, []
        fates, self._fates = self._fates, Counter()
        return Folded(said, views, fates)

    def _load(self) -> None:
        for key, value in self._store.items():
            if key != META_KEY:
                state = read_state(value)
                self.known_deals += 1
                self._counted(key.decode(), state)
                self._waits(key.decode(), state)
                due_us = state.due_us
                if due_us is not None and not state.now.deal.loading:
                    self._dues[key.decode()] = due_us
                if state.now.epoch != self._panel.epoch:
                    self._behind.append(key.decode())
        self._heap = _heap_of(self._dues)
        self._behind.sort(reverse=True)

    def _one(self, stored: Stored) -> None:
        event = stored.event
        if isinstance(event, Tick):
            self._ticked(stored, event)
        elif isinstance(event, SourceGap):
            self._each(self._of_source(event.source), stored)
        elif isinstance(event, LoadStarted):
            self._meta.leases[event.source] = event.lease_us
        elif isinstance(event, LoadEnded):
            self._load_ended(event, stored.offset)
        elif isinstance(event, DefinitionsChanged):
            self._switched(stored)
        else:
            self._step(event.key, stored)

    def _ticked(self, stored: Stored, tick: Tick) -> None:
        if tick.at_us <= self._meta.tick_us:
            return
        self._meta.tick_us = tick.at_us
        leases = self._meta.leases
        # A load whose lease is over is dead; history that comes without a lease belongs to a load that has ended.
        for source in sorted(source for source in {*leases, *self._loading} if leases.get(source, 0) < tick.at_us):
            self._load_ended(_load_end(source, tick), stored.offset)
        heap = self._heap
        while heap and heap[0][0] < tick.at_us:
            due_us, key = heapq.heappop(heap)
            if self._dues.get(key) == due_us:
                self._step(key, stored)
        self._sweep(stored)
        recent = self._meta.switches.recent(tick.at_us)
        if recent is not self._meta.switches:
            self._meta.switches = recent
            self._panel = recent.panel(self._own, self._panels)

    def _switched(self, stored: Stored) -> None:
        """Other definitions from here on. Each deal takes them on its next visit, and at the ticks to come."""
        switches = self._meta.switches.switched(self.version, stored, self._meta.tick_us)
        if switches is self._meta.switches:
            return
        self._meta.switches = switches
        if switches.events[-1].event.seq[0] == self._panel.epoch:
            return  # the version that counts already: from now on because the log says so
        self._panel = switches.panel(self._own, self._panels)
        stored_keys = {key.decode() for key, _ in self._store.items() if key != META_KEY}
        self._behind = sorted(stored_keys | self._states.keys(), reverse=True)

    def _sweep(self, stored: Stored) -> None:
        """Visit the next deals that have had no visit since the switch, in key order."""
        left = SWEPT_PER_TICK
        while self._behind and left:
            key = self._behind.pop()
            state = self._state(key)
            if state is not None and state.now.epoch != self._panel.epoch and not state.now.deal.loading:
                self._step(key, stored)
                left -= 1

    def _load_ended(self, event: LoadEnded, offset: int) -> None:
        """Free the deals of a load. Its end comes after all that it loaded, whatever instant that bears."""
        self._meta.leases.pop(event.source, None)
        for key in sorted(self._loading.get(event.source, ())):
            state = self._state(key)
            last_us = 0 if state is None else state.now.now_us
            after = event if event.at_us > last_us else _replace(event, at_us=last_us + 1)
            self._step(key, Stored(after, offset))

    def _each(self, keys: Iterable[str], stored: Stored) -> None:
        for key in keys:
            self._step(key, stored)

    def _of_source(self, source: str) -> list[str]:
        prefix = f"{source}:".encode()
        stored = {key.decode() for key, _ in self._store.items() if key.startswith(prefix)}
        return sorted(stored | {key for key in self._states if key.startswith(f"{source}:")})

    def _step(self, key: str, stored: Stored) -> None:
        state = self._state(key)
        stepped = step(self._panel, state, stored, self._meta.tick_us)
        self._fates[stepped.fate] += 1
        if stepped.state is not state:
            self._states[key] = stepped.state
        if stepped.state is None:
            self._dues.pop(key, None)
        else:
            self._waits(key, stepped.state)
            self._due(key, stepped.state, stepped.due_us)
        self._say(stepped.transitions)

    def _state(self, key: str) -> State | None:
        if key in self._states:
            return self._states[key]
        value = self._store.get(key.encode())
        state = None if value is None else read_state(value)
        self._before.setdefault(key, state)
        return state

    def _due(self, key: str, state: State, due_us: int | None) -> None:
        # A deal that is being loaded is not visited by time: its backlog would answer the alarm (law 2).
        if due_us is None or state.now.deal.loading:
            self._dues.pop(key, None)
        elif self._dues.get(key) != due_us:
            self._dues[key] = due_us
            heapq.heappush(self._heap, (due_us, key))
            if len(self._heap) > 2 * len(self._dues) + 64:
                self._heap = _heap_of(self._dues)

    def _waits(self, key: str, state: State) -> None:
        """Keep the index of the deals that are being loaded."""
        deal = state.now.deal
        if deal.loading:
            self._loading.setdefault(deal.source, set()).add(key)
        elif deal.source in self._loading:
            self._loading[deal.source].discard(key)
            if not self._loading[deal.source]:
                del self._loading[deal.source]

    def _say(self, transitions: list[Transition]) -> None:
        rules = self._panel.rules
        self._said += [signal_of(rules, transition, self._position) for transition in transitions]

    def _write(self) -> dict[str, DealView | None]:
        views: dict[str, DealView | None] = {}
        for key, state in self._states.items():
            before = self._before.get(key)
            if state is before:
                continue
            self._store.put(key.encode(), None if state is None else _encode(state))
            if state is None or before is None or not _counts_the_same(before.now, state.now):
                self._counted(key, state)
            self.known_deals += (before is None) - (state is None)
            if state is None or before is None or state.now != before.now:
                views[key] = None if state is None else view_of(self._panel.of(state.now.epoch).rules, state.now)
        meta = _encode(self._meta)
        if meta != self._meta_written:
            self._store.put(META_KEY, meta)
            self._meta_written = meta
        self._states, self._before = {}, {}
        return views

    def _counted(self, key: str, state: State | None) -> None:
        """Bring the sums in line with a state."""
        after = None if state is None else standing_of(self._panel.of(state.now.epoch).rules, state.now)
        self.totals.change(self._standings.get(key), after)
        if after is None:
            self._standings.pop(key, None)
        else:
            self._standings[key] = after


def _counts_the_same(before: Watch, now: Watch) -> bool:
    """Whether a deal cannot count for anything else than before: an activity, say, changes no sum by itself."""
    return (
        before.epoch == now.epoch
        and before.deal.fields == now.deal.fields
        and before.deal.entries == now.deal.entries
        and before.deal.removed == now.deal.removed
        and before.episodes == now.episodes
    )


def _heap_of(dues: dict[str, int]) -> list[tuple[int, str]]:
    heap = [(due_us, key) for key, due_us in dues.items()]
    heapq.heapify(heap)
    return heap


def _load_end(source: str, tick: Tick) -> LoadEnded:
    """A loader that died: its lease is over, its deals are free."""
    return LoadEnded(id=event_id("lease", source, tick.at_us), key="", source=source, at_us=tick.at_us)
