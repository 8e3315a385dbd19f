"""A log of `deal.events`, ticks included, through the brain again: what was said live, without a broker (law 6).

Each partition is folded by the very `Partition` that serves it live, in the order of its offsets, so its transitions
are those of the log, byte for byte, but for `detected_at`: that is here the time of the record after which it was said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from heapq import merge
from operator import itemgetter
from typing import NamedTuple

import msgspec

from signals.definitions import Panels
from signals.emit import Position, view_of
from signals.judge import Panel, Stored
from signals.kept import read_kept
from signals.keyed import DictStore
from signals.partition import META_KEY, Partition
from signals.rules import Rules
from signals.step import Fate, State
from topics.catalog import DEAL_EVENTS
from topics.codec import decode_deal_event
from topics.instants import rfc3339
from topics.signals import Signal
from topics.views import DealView

#: Records folded at a time. Any number gives the same transitions; this one is what a busy worker sees.
BATCH = 500

_replace = msgspec.structs.replace


class LogRecord(NamedTuple):
    """One record of the log. `timestamp_us`: its timestamp at the broker, in microseconds."""

    partition: int
    offset: int
    timestamp_us: int
    key: bytes | None
    value: bytes | None


class Spoken(NamedTuple):
    """A signal, the partition that said it, and when: the time of the latest record up to the end of its batch."""

    at_us: int
    partition: int
    signal: Signal


class Logged(NamedTuple):
    """What a log says again, in the order in which it was said, and the states at its end by deal.

    `fates`: what became of its events; `undecodable`: records that are no event of ours, which live are put aside.
    `rules`: the definitions by which each deal was judged last.
    """

    said: list[Spoken]
    states: dict[str, State]
    fates: Counter[Fate]
    undecodable: int
    records: int
    rules: dict[str, Rules]

    @property
    def signals(self) -> list[Signal]:
        """What was said."""
        return [one.signal for one in self.said]

    def views(self) -> Iterator[DealView]:
        """The final state of each deal, by key."""
        return (view_of(self.rules[key], self.states[key].now) for key in sorted(self.states))


class LogError(ValueError):
    """A log that is none: its offsets do not rise."""


def replay_log(records: Iterable[LogRecord], panel: Panel, panels: Panels | None = None) -> Logged:
    """Fold the partitions of a log, each from its first record on. Raises LogError.

    `panel` counts until the log names definitions, `panels` are those that it names (law 11). Raises
    UnknownDefinitionsError for a version that is not among them.

    The partitions may come one after the other or mixed; within each, offsets rise (compaction and markers leave gaps).
    """
    partitions: dict[int, _Relived] = {}
    for record in records:
        one = partitions.get(record.partition)
        if one is None:
            one = partitions[record.partition] = _Relived(panel, panels, record.partition)
        one.take(record)
    relived = [partitions[number] for number in sorted(partitions)]
    return Logged(
        said=list(merge(*(one.said() for one in relived), key=itemgetter(0))),
        states={key: state for one in relived for key, state in one.states()},
        fates=sum((one.fates for one in relived), Counter[Fate]()),
        undecodable=sum(one.undecodable for one in relived),
        records=sum(one.records for one in relived),
        rules={key: one.rules_of(state) for one in relived for key, state in one.states()},
    )


class _Relived:
    """One partition on its way through its log."""

    def __init__(self, panel: Panel, panels: Panels | None, number: int) -> None:
        self._store = DictStore()
        self._partition = Partition(panel, self._store, Position(DEAL_EVENTS, number), panels)
        self._batch: list[LogRecord] = []
        self._last, self._time_us = -1, 0
        self._said: list[Spoken] = []
        self.fates: Counter[Fate] = Counter()
        self.records = self.undecodable = 0

    def take(self, record: LogRecord) -> None:
        """The partition's next record. Raises LogError."""
        if record.offset <= self._last:
            message = f"partition {record.partition}: offset {record.offset} comes after {self._last}"
            raise LogError(message)
        self._last = record.offset
        self.records += 1
        self._batch.append(record)
        if len(self._batch) == BATCH:
            self._fold()

    def said(self) -> list[Spoken]:
        """What was said to the end."""
        if self._batch:
            self._fold()
        return self._said

    def _fold(self) -> None:
        batch, self._batch = self._batch, []
        folded = self._partition.fold(self._events(batch))
        self.fates.update(folded.fates)
        at_us = batch[-1].timestamp_us
        self._time_us = max(self._time_us, at_us)
        detected_at = rfc3339(at_us)
        for signal in folded.signals:
            said = Spoken(self._time_us, self._partition.number, _replace(signal, detected_at=detected_at))
            self._said.append(said)

    def _events(self, batch: list[LogRecord]) -> Iterator[Stored]:
        for record in batch:
            try:
                event = decode_deal_event(record.value or b"")
            except msgspec.DecodeError:
                self.undecodable += 1
                continue
            yield Stored(event, record.offset)

    def rules_of(self, state: State) -> Rules:
        """The definitions by which a deal was judged last."""
        return self._partition.definitions(state.now.epoch).rules

    def states(self) -> Iterator[tuple[str, State]]:
        """The states at the end, by deal."""
        return ((key.decode(), read_kept(value).state) for key, value in self._store.items() if key != META_KEY)
