"""The same brain over records at rest, no broker.

`replay` is the canonical history: everything in order, each deal judged up to T. `replay_as_arrived` feeds the records
to one partition in the order in which they come, ticks between them, as a live system would see them. `replay_log` (in
`signals.relive`) folds a log of `deal.events` again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, NamedTuple

from signals.emit import view_of
from signals.history import AT_REST, Reading, Tally, joined_at_once, judged
from signals.intents import intents_of
from signals.joining.joiner import Joiner
from signals.joining.ties import Ties, compared, values_of
from signals.judge import Stored, Watch, panel_of
from signals.kept import read_kept
from signals.keyed import DictStore
from signals.partition import META_KEY, Partition
from signals.relive import LogError, Logged, LogRecord, replay_log
from signals.rules import Rules
from topics.events import AnyEvent, DealEvent, PeopleEvent, Tick, event_id
from topics.instants import HOUR_US, MINUTE_US
from topics.outcomes import Accepted, Parser, RawRecord
from topics.signals import Cause, Signal
from topics.views import DealView

__all__ = [
    "LogError",
    "LogRecord",
    "Logged",
    "Replayed",
    "Tally",
    "heard",
    "replay",
    "replay_as_arrived",
    "replay_log",
    "report",
    "steps_of",
]


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
        """The figures of the run, see `report`."""
        return report(self.tally, len(self.watches), steps_of(self.signals))


def steps_of(signals: Iterable[Signal]) -> Counter[tuple[str, str]]:
    """How many of each kind were opened, updated and resolved."""
    return Counter((signal.kind.value, signal.transition.value) for signal in signals)


def report(tally: Tally, deals: int, steps: Counter[tuple[str, str]]) -> dict[str, Any]:
    """The figures of a run, as JSON. `rows` = `events` + `silent` + `rejected`, all three counting rows."""
    by_kind: dict[str, dict[str, int]] = {}
    for (kind, step), count in sorted(steps.items()):
        by_kind.setdefault(kind, {})[step] = count
    return {
        "rows": tally.rows,
        "events": tally.events,
        "deals": deals,
        "silent": dict(sorted(tally.silent.items())),
        "rejected": dict(sorted(tally.rejected.items())),
        "dirt": dict(sorted(tally.dirt.items())),
        "signals": by_kind,
    }


def replay(records: Iterable[tuple[Parser, RawRecord]], rules: Rules, until_us: int | None = None) -> Replayed:
    """Every record in the order of its events, then every deal up to T.

    T is `until_us` (events at that instant are folded, later ones are not), else the instant of the last event. The
    offsets of causes count the records.
    """
    intents = intents_of(rules.playbook, rules.version)
    reading = Reading(intents, Ties(rules.sources, compared(rules.playbook)))
    for offset, (parse, record) in enumerate(records):
        reading.take(offset, parse(record))
    until_us = (reading.last_us or 0) if until_us is None else until_us
    (deals,) = reading.deals
    of_people = joined_at_once([people for (people,) in reading.people], intents, until_us)
    of_deals = judged(panel_of(rules), deals + of_people.events, reading.gaps, until_us)
    said = sorted(of_people.said + of_deals.said, key=itemgetter(0))
    return Replayed([one.signal for one in said], of_deals.watches, reading.tally, until_us)


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
    partition = Partition(panel_of(rules), store, AT_REST)
    ties = Ties(rules.sources, compared(rules.playbook))
    joiner = Joiner(intents_of(rules.playbook, rules.version), DictStore())
    signals: list[Signal] = []
    offset, ticked_us = 0, 0
    for parse, record in records:
        now_us = record.timestamp_us - grace_us
        if now_us - ticked_us >= tick_every_us:
            ticked_us, offset = now_us, offset + 1
            signals += partition.fold([Stored(_tick(now_us), offset)]).signals
        for outcome in parse(record):
            tally.count(outcome)
            for event in outcome.events if isinstance(outcome, Accepted) else ():
                told, said = heard(joiner, ties, event, offset)
                signals += said
                for one in told:
                    offset += 1
                    signals += partition.fold([Stored(one, offset)]).signals
    signals += partition.fold([Stored(_tick(until_us), offset + 1)]).signals
    return Replayed(signals, _watches(store), tally, until_us)


def heard(joiner: Joiner, ties: Ties, event: AnyEvent, offset: int) -> tuple[list[DealEvent], list[Signal]]:
    """What one event means for deals: itself, and what the join makes of it and of the ties that it names."""
    events: list[DealEvent] = []
    signals: list[Signal] = []
    people: deque[PeopleEvent] = deque((*ties.of(event), *values_of(event)))
    if isinstance(event, PeopleEvent):
        people.append(event)
    else:
        events.append(event)
    while people:
        one = people.popleft()
        joined = joiner.fold(one, Cause(one.id, "", 0, offset))
        events += joined.events
        people += joined.people
        signals += joined.signals
    return events, signals


def _tick(at_us: int) -> Tick:
    return Tick(id=event_id("tick", at_us), key="", source="", at_us=at_us)


def _watches(store: DictStore) -> dict[str, Watch]:
    return {key.decode(): read_kept(value).state.now for key, value in store.items() if key != META_KEY}
