"""notify: two agents. The fan-out puts each transition into the inboxes; the policy decides per recipient.

deal.signals, alert.actions --fan-out--> alert.inbox --policy--> alert.outbox, alert.log, alert.inbox
                            state.fanout              state.notify

Time here is the broker's timestamp of the record at hand: the wall clock at which it was written, which people live
by, and still a part of the log. A clock of notify's own says in every partition of the inbox, every second, what time
it is.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Iterable, Iterator, Sequence
from typing import NamedTuple

from alerts.fanout import acted, fan_out, flooded, unheard, withdrawn
from alerts.floods import Floods, Recent, counted, decode_floods, is_news, noticed
from alerts.largest import Amounts, decode_amounts, is_large, with_amount
from alerts.metrics import Metrics
from alerts.policy.effects import Effect
from alerts.policy.office import Office
from alerts.policy.terms import Rates, Terms, terms_of
from alerts.reading import Unreadable, read_action, read_entry, read_signal
from alerts.reasons import Reason
from alerts.values import Decision, Delivery, Entry, Flooded, Heard, Moment, Told, decode_heard
from engine.records import Batch, Output, Record
from engine.state import Store
from programs.aside import put_unreadable_aside
from programs.published import Published, by_their_definitions, by_versions
from programs.times import Times
from topics.catalog import ALERT_ACTIONS, ALERT_INBOX, ALERT_LOG, ALERT_OUTBOX, DEAL_SIGNALS
from topics.codec import encode
from topics.instants import DAY_US, SECOND_US
from topics.signals import Kind, Signal, Step

FANOUT_INPUT = (DEAL_SIGNALS, ALERT_ACTIONS)
POLICY_INPUT = ALERT_INBOX
#: While what was said lies unread for longer than this, nobody is told anything: it may be over already.
LONGEST_LAG_US = 15 * SECOND_US
#: Rows of the fan-out's state that belong to no signal; ids of signals are hex digits.
_FLOODS, _AMOUNTS = b"\x00floods", b"\x00amounts"


class World(NamedTuple):
    """What both agents need of their surroundings. `rates`: what one unit of a currency is worth in base currency."""

    published: Published
    metrics: Metrics
    times: Times = Times()
    rates: Rates = {}  # noqa: RUF012 - a NamedTuple's default, never changed


class FanOutAgent:
    """The processor of one partition of `deal.signals` and `alert.actions`.

    Its state: who has heard of which open signal, how many of each kind opened lately, and amounts of deals.
    """

    def __init__(self, world: World, partition: int, store: Store) -> None:
        self._world, self._partition, self._store = world, partition, store
        floods, amounts = store.get(_FLOODS), store.get(_AMOUNTS)
        self._floods: dict[Kind, Recent] = {} if floods is None else dict(decode_floods(floods).kinds)
        self._amounts = Amounts({}) if amounts is None else decode_amounts(amounts)

    def process(self, batch: Batch) -> Sequence[Output] | Awaitable[Sequence[Output]]:
        """One inbox entry per recipient, or one line in the log that says why there is none.

        Who hears of a signal is said by the definitions that it names.
        """
        if batch.topic == ALERT_ACTIONS:
            return [output for record in batch.records for output in self._action(record)]
        read = [(record, read_signal(record.value or b"")) for record in batch.records]
        return by_their_definitions(
            self._world.published,
            [signal for _, signal in read if isinstance(signal, Signal)],
            lambda: self._signals(read),
        )

    def _signals(self, read: Iterable[tuple[Record, Signal | Unreadable]]) -> list[Output]:
        floods, amounts = dict(self._floods), self._amounts
        outputs: list[Output] = []
        for record, signal in read:
            outputs += self._one(record, signal)
        if self._floods != floods:
            self._store.put(_FLOODS, encode(Floods(self._floods)))
        if self._amounts is not amounts:
            self._store.put(_AMOUNTS, encode(self._amounts))
        return outputs

    def _one(self, record: Record, signal: Signal | Unreadable) -> Iterator[Output]:
        if isinstance(signal, Unreadable):
            yield put_unreadable_aside(record, signal, self._world.metrics)
            return
        heard, now_us = self._heard(signal.id), record.timestamp_us
        if self._in_flood(signal, heard, now_us):
            yield logged(unheard(signal, Reason.FLOOD, now_us), self._world.metrics)
            yield from self._notices(signal, now_us)
            return
        published, version = self._world.published, signal.playbook
        playbook, directory = published.playbook(version), published.directory(version)
        fanned = fan_out(playbook, directory, heard, signal, now_us, large=self._is_large(signal))
        self._store.put(signal.id.encode(), encode(fanned.heard) if fanned.heard else None)
        for told in fanned.told:
            yield self._entry(told, now_us)
        for decision in fanned.decisions:
            yield logged(decision, self._world.metrics)

    def _in_flood(self, signal: Signal, heard: Heard | None, now_us: int) -> bool:
        recent = self._floods.get(signal.kind, Recent())
        if signal.transition is not Step.OPENED:
            return heard is None and recent.is_flood
        limit = self._world.published.playbook(signal.playbook).alerts.flood.per_minute
        self._floods[signal.kind] = recent = counted(recent, signal.id, now_us, limit)
        return recent.is_flood

    def _notices(self, signal: Signal, now_us: int) -> Iterator[Output]:
        """RevOps hears how large a flood is; what was let through before it was known to be one is taken back."""
        recent = self._floods[signal.kind]
        if not is_news(recent, now_us):
            return
        for early in () if recent.noticed else recent.early:
            for entry in withdrawn(self._heard(early), early):
                yield self._entry(entry, now_us)
            self._store.put(early.encode(), None)
        self._floods[signal.kind] = noticed(recent, now_us)
        notice = flooded(self._world.published.playbook(signal.playbook), signal, recent, self._partition)
        if notice is not None:
            yield self._entry(notice, now_us)

    def _is_large(self, signal: Signal) -> bool:
        budget = self._world.published.playbook(signal.playbook).alerts.budget
        amount = (signal.amount or 0.0) * self._world.rates.get(signal.currency, 1.0)
        self._amounts = with_amount(self._amounts, signal.subject_key, amount)
        if budget.large_amount is not None:
            return amount >= budget.large_amount
        return is_large(self._amounts, amount, budget.large_share)

    def _action(self, record: Record) -> Iterator[Output]:
        action = read_action(record.value or b"")
        if isinstance(action, Unreadable):
            yield put_unreadable_aside(record, action, self._world.metrics)
            return
        entries = acted(self._heard(action.signal), action)
        self._world.metrics.actions.labels(action.kind.value, "passed_on" if entries else "nobody_heard").inc()
        for entry in entries:
            yield self._entry(entry, record.timestamp_us)

    def _entry(self, entry: Entry, now_us: int) -> Output:
        return inbox_entry(entry, self._world.times, now_us)

    def _heard(self, signal: str) -> Heard | None:
        value = self._store.get(signal.encode())
        return None if value is None else decode_heard(value)


class PolicyAgent:
    """The processor of one partition of `alert.inbox`. Its state: what each recipient has waiting and was told."""

    def __init__(self, world: World, store: Store) -> None:
        self._world, self._store = world, store
        self._terms: dict[str, Terms] = {}
        self.office = Office(self._terms_of, store.items())
        self._versions = {box.head.version for box in self.office.boxes.values()}
        self._swept_day = 0

    def process(self, batch: Batch) -> Sequence[Output] | Awaitable[Sequence[Output]]:
        """The decisions, and the deliveries that follow from them, in the order of the inbox."""
        read = [(record, read_entry(record.value or b"")) for record in batch.records]
        named = {entry.signal.playbook for _, entry in read if isinstance(entry, Told | Flooded)}
        versions, self._versions = named | self._versions, set()
        return by_versions(self._world.published, versions, lambda: self._answered(read))

    def _answered(self, read: Sequence[tuple[Record, Entry | Unreadable]]) -> list[Output]:
        outputs = [output for record, entry in read for output in self._one(record, entry)]
        self._sweep(read[-1][0].timestamp_us)
        for key, value in self.office.changes():
            self._store.put(key, value)
        return outputs

    def _one(self, record: Record, entry: Entry | Unreadable) -> Iterator[Output]:
        if isinstance(entry, Unreadable):
            yield put_unreadable_aside(record, entry, self._world.metrics)
            return
        now_us = record.timestamp_us
        leaps = self._world.times.mode == "data"
        effects: list[Effect] = []
        if leaps:
            effects += self.office.moment(now_us, exact=True)
        if not isinstance(entry, Moment):
            effects += self.office.take(entry, now_us)
        elif not leaps and now_us - entry.at_us <= LONGEST_LAG_US:
            effects += self.office.moment(now_us)
        for effect in effects:
            yield self._output(effect, now_us)

    def _output(self, effect: Effect, now_us: int) -> Output:
        if isinstance(effect, Decision):
            return logged(effect, self._world.metrics)
        if isinstance(effect, Delivery):
            return Output(ALERT_OUTBOX, effect.recipient.key.encode(), encode(effect))
        return inbox_entry(effect, self._world.times, now_us)

    def _terms_of(self, version: str) -> Terms:
        published = self._world.published
        playbook, known = published.playbook(version), self._terms.get(version)
        if known is None or known.playbook is not playbook:
            known = terms_of(playbook, version, published.directory(version), self._world.rates)
            self._terms[version] = known
        return known

    def _sweep(self, now_us: int) -> None:
        """Once a day: forget what was over long ago."""
        if now_us // DAY_US > self._swept_day:
            self._swept_day = now_us // DAY_US
            self.office.forget(now_us)


def logged(decision: Decision, metrics: Metrics) -> Output:
    """The decision for `alert.log`, counted by its reason."""
    metrics.decisions.labels(decision.kind.value, decision.reason.value).inc()
    return Output(ALERT_LOG, decision.signal.encode(), encode(decision))


def inbox_entry(entry: Entry, times: Times, now_us: int) -> Output:
    """An entry for the inbox of its recipient."""
    key = b"" if isinstance(entry, Moment) else entry.recipient.key.encode()
    return Output(ALERT_INBOX, key, encode(entry), timestamp_us=times.timestamp_us(now_us))


def moment(at_us: int, partition: int, *, times: Times) -> Output:
    """The record that says: it is `at_us`. Its own timestamp is the wall's, so that a lag between the two shows."""
    now_us = at_us if times.mode == "data" else time.time_ns() // 1000
    return Output(ALERT_INBOX, b"", encode(Moment(at_us=at_us)), timestamp_us=now_us, partition=partition)


def make_fanout(world: World, partition: int, store: Store) -> FanOutAgent:
    """The fan-out of a partition; bind the first with `functools.partial`."""
    return FanOutAgent(world, partition, store)


def make_policy(world: World, _partition: int, store: Store) -> PolicyAgent:
    """The policy of a partition; bind the first with `functools.partial`."""
    return PolicyAgent(world, store)
