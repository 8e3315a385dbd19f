"""The same brain over records at rest, no broker.

`replay` is the canonical history: everything in order, each deal judged up to T. `replay_as_arrived` feeds the records
to one partition in the order in which they come, ticks between them, as a live system would see them. `replay_log` (in
`signals.relive`) folds a log of `deal.events` again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from signals.deal import Deal
from signals.emit import Position, signal_of, view_of
from signals.joiner import Joiner
from signals.joining import Intents, intents_of
from signals.judge import Stored, Watch, panel_of, run
from signals.keyed import DictStore
from signals.partition import META_KEY, Partition
from signals.relive import LogError, Logged, LogRecord, replay_log
from signals.rules import Rules
from signals.step import State
from topics.events import AnyEvent, DealEvent, PeopleEvent, SourceGap, Tick, event_id
from topics.instants import HOUR_US, MINUTE_US, parse_rfc3339
from topics.outcomes import Accepted, Outcome, Parser, RawRecord, Silent
from topics.signals import Cause, Signal
from topics.views import DealView

__all__ = ["LogError", "LogRecord", "Logged", "Replayed", "Tally", "replay", "replay_as_arrived", "replay_log"]

_NOWHERE = Position("", 0)


class Tally:
    """Rows in = rows of events + silent + rejected, by reason; and what was dirty on the way."""

    def __init__(self) -> None:
        self.rows = self.events = 0
        self.silent: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.dirt: Counter[str] = Counter()
        self.details: dict[str, str] = {}

    def count(self, outcome: Outcome) -> tuple[AnyEvent, ...]:
        """Count one row; answer with its events."""
        self.rows += 1
        if isinstance(outcome, Accepted):
            self.dirt.update(outcome.dirt)
            if outcome.silent:
                self.silent[outcome.silent] += 1
            else:
                self.events += 1
            return outcome.events
        if isinstance(outcome, Silent):
            self.silent[outcome.reason] += 1
        else:
            self.rejected[outcome.reason] += 1
            self.details.setdefault(outcome.reason, outcome.detail)
        return ()


class Replayed(NamedTuple):
    """What a replay gave: transitions in time order, the deals at T, the report."""

    signals: list[Signal]
    watches: dict[str, Watch]
    tally: Tally
    until_us: int

    def views(self, rules: Rules) -> Iterator[DealView]:
        """The final state of each deal, by key."""
        return (view_of(rules, self.watches[key]) for key in sorted(self.watches))

    def report(self) -> dict[str, Any]:
        """The figures of the run, as JSON. `rows` = `events` + `silent` + `rejected`, all three counting rows."""
        by_kind: dict[str, Counter[str]] = {}
        for signal in self.signals:
            by_kind.setdefault(signal.kind.value, Counter())[signal.transition.value] += 1
        return {
            "rows": self.tally.rows,
            "events": self.tally.events,
            "deals": len(self.watches),
            "silent": dict(sorted(self.tally.silent.items())),
            "rejected": dict(sorted(self.tally.rejected.items())),
            "dirt": dict(sorted(self.tally.dirt.items())),
            "signals": {kind: dict(sorted(steps.items())) for kind, steps in sorted(by_kind.items())},
        }


def replay(records: Iterable[tuple[Parser, RawRecord]], rules: Rules, until_us: int | None = None) -> Replayed:
    """Every record in the order of its events, then every deal up to T.

    T is `until_us` (events at that instant are folded, later ones are not), else the instant of the last event.
    """
    tally = Tally()
    events = [event for parse, record in records for outcome in parse(record) for event in tally.count(outcome)]
    events.sort(key=lambda event: event.order)
    if until_us is None:
        until_us = events[-1].at_us if events else 0
    events = [event for event in events if event.at_us <= until_us]
    by_deal, routed = _by_deal(events, intents_of(rules.playbook, rules.version))
    panel = panel_of(rules)
    watches: dict[str, Watch] = {}
    dated: list[tuple[int, Signal]] = [(parse_rfc3339(signal.occurred_at), signal) for signal in routed]
    for key in sorted(by_deal):
        start = Watch(Deal(key, by_deal[key][0].event.source))
        watches[key], transitions = run(panel, start, _distinct(by_deal[key]), until_us)
        dated += [(one.at_us, signal_of(rules, one, _NOWHERE)) for one in transitions]
    dated.sort(key=lambda pair: pair[0])
    return Replayed([signal for _, signal in dated], watches, tally, until_us)


def _distinct(stored: list[Stored]) -> Iterator[Stored]:
    """Events in order, each id once."""
    seen: set[str] = set()
    for one in sorted(stored, key=lambda one: one.event.order):
        if one.event.id not in seen:
            seen.add(one.event.id)
            yield one


def _by_deal(events: list[AnyEvent], intents: Intents) -> tuple[dict[str, list[Stored]], list[Signal]]:
    """The events of each deal, the joined ones among them; and the signals of intents without a deal."""
    by_deal: dict[str, list[Stored]] = {}
    signals: list[Signal] = []
    joiner = Joiner(intents, DictStore())
    for offset, event in enumerate(events):
        joined, said = _joined(joiner, event, offset)
        signals += said
        for one in joined:
            for key in _of_source(by_deal, one) if isinstance(one, SourceGap) else (one.key,):
                by_deal.setdefault(key, []).append(Stored(one, offset))
    return by_deal, signals


def _joined(joiner: Joiner, event: AnyEvent, offset: int) -> tuple[list[DealEvent], list[Signal]]:
    """What one event means for deals: itself, or what the join makes of it."""
    if isinstance(event, PeopleEvent):
        events, signals = joiner.fold(event, Cause(event.id, "", 0, offset))
        return list(events), signals
    return [event], []


def _of_source(by_deal: dict[str, list[Stored]], gap: SourceGap) -> list[str]:
    return [key for key in by_deal if key.startswith(f"{gap.source}:")]


def replay_as_arrived(
    records: Iterable[tuple[Parser, RawRecord]],
    rules: Rules,
    until_us: int,
    *,
    tick_every_us: int = HOUR_US,
    grace_us: int = 2 * MINUTE_US,
) -> Replayed:
    """The records in the order in which they arrive, at their records' times, with ticks; at last a tick at T."""
    tally, store = Tally(), DictStore()
    partition = Partition(panel_of(rules), store, _NOWHERE)
    joiner = Joiner(intents_of(rules.playbook, rules.version), DictStore())
    signals: list[Signal] = []
    offset, ticked_us = 0, 0
    for parse, record in records:
        now_us = record.timestamp_us - grace_us
        if now_us - ticked_us >= tick_every_us:
            ticked_us, offset = now_us, offset + 1
            signals += partition.fold([Stored(_tick(now_us), offset)]).signals
        for outcome in parse(record):
            for event in tally.count(outcome):
                joined, said = _joined(joiner, event, offset)
                signals += said
                for one in joined:
                    offset += 1
                    signals += partition.fold([Stored(one, offset)]).signals
    signals += partition.fold([Stored(_tick(until_us), offset + 1)]).signals
    return Replayed(signals, _watches(store), tally, until_us)


def _tick(at_us: int) -> Tick:
    return Tick(id=event_id("tick", at_us), key="", source="", at_us=at_us)


def _watches(store: DictStore) -> dict[str, Watch]:
    decode = msgspec.msgpack.Decoder(State).decode
    return {key.decode(): decode(value).now for key, value in store.items() if key != META_KEY}
