"""notify: two agents. The fan-out puts each transition into the inboxes; the policy decides per recipient.

deal.signals --fan-out--> alert.inbox --policy--> alert.outbox, alert.log
             state.fanout              state.notify

Time here is the broker's timestamp of the record at hand: the wall clock at which it was written, which people live
by, and still a part of the log.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence

from alerts.fanout import fan_out
from alerts.metrics import Metrics
from alerts.policy import decide, forgettable
from alerts.reading import Unreadable, read_signal, read_told
from alerts.values import Decision, Heard, decode_heard, decode_said
from engine.records import Batch, Output, Record
from engine.state import Store
from programs.aside import put_unreadable_aside
from programs.published import Published, by_their_definitions
from topics.catalog import ALERT_INBOX, ALERT_LOG, ALERT_OUTBOX, DEAL_SIGNALS
from topics.codec import encode
from topics.instants import DAY_US
from topics.signals import Signal

FANOUT_INPUT = DEAL_SIGNALS
POLICY_INPUT = ALERT_INBOX


class FanOutAgent:
    """The processor of one partition of `deal.signals`. Its state: who has heard of which open signal."""

    def __init__(self, published: Published, metrics: Metrics, store: Store) -> None:
        self._published = published
        self._metrics = metrics
        self._store = store

    def process(self, batch: Batch) -> Sequence[Output] | Awaitable[Sequence[Output]]:
        """One inbox entry per recipient, or one line in the log that says why there is none.

        Who hears of a signal is said by the definitions that it names.
        """
        read = [(record, read_signal(record.value or b"")) for record in batch.records]
        return by_their_definitions(
            self._published,
            [signal for _, signal in read if isinstance(signal, Signal)],
            lambda: [output for record, signal in read for output in self._one(record, signal)],
        )

    def _one(self, record: Record, signal: Signal | Unreadable) -> Iterator[Output]:
        if isinstance(signal, Unreadable):
            yield put_unreadable_aside(record, signal, self._metrics)
            return
        playbook, directory = self._published.playbook(signal.playbook), self._published.directory(signal.playbook)
        fanned = fan_out(playbook, directory, self._heard(signal.id), signal, record.timestamp_us)
        self._store.put(signal.id.encode(), encode(fanned.heard) if fanned.heard else None)
        for told in fanned.told:
            yield Output(ALERT_INBOX, told.recipient.key.encode(), encode(told))
        for decision in fanned.decisions:
            yield logged(decision, self._metrics)

    def _heard(self, signal: str) -> Heard | None:
        value = self._store.get(signal.encode())
        return None if value is None else decode_heard(value)


class PolicyAgent:
    """The processor of one partition of `alert.inbox`. Its state: what each recipient was told of each signal."""

    def __init__(self, metrics: Metrics, store: Store) -> None:
        self._metrics = metrics
        self._store = store
        self._swept_day = 0

    def process(self, batch: Batch) -> Sequence[Output]:
        """The decisions, and the deliveries that follow from them, in the order of the inbox."""
        outputs = [output for record in batch.records for output in self._one(record)]
        self._sweep(batch.records[-1].timestamp_us)
        return outputs

    def _one(self, record: Record) -> Iterator[Output]:
        told = read_told(record.value or b"")
        if isinstance(told, Unreadable):
            yield put_unreadable_aside(record, told, self._metrics)
            return
        key = f"{told.recipient.key}\x1f{told.signal.id}".encode()
        before = self._store.get(key)
        ruling = decide(None if before is None else decode_said(before), told, record.timestamp_us)
        self._store.put(key, encode(ruling.said))
        yield logged(ruling.decision, self._metrics)
        if ruling.delivery is not None:
            yield Output(ALERT_OUTBOX, told.recipient.key.encode(), encode(ruling.delivery))

    def _sweep(self, now_us: int) -> None:
        """Once a day: forget what was over long ago."""
        if now_us // DAY_US <= self._swept_day:
            return
        self._swept_day = now_us // DAY_US
        for key in [key for key, value in self._store.items() if forgettable(decode_said(value), now_us)]:
            self._store.put(key, None)


def logged(decision: Decision, metrics: Metrics) -> Output:
    """The decision for `alert.log`, counted by its reason."""
    metrics.decisions.labels(decision.kind.value, decision.reason.value).inc()
    return Output(ALERT_LOG, decision.signal.encode(), encode(decision))


def make_fanout(published: Published, metrics: Metrics, _partition: int, store: Store) -> FanOutAgent:
    """The fan-out of a partition; bind the first two with `functools.partial`."""
    return FanOutAgent(published, metrics, store)


def make_policy(metrics: Metrics, _partition: int, store: Store) -> PolicyAgent:
    """The policy of a partition; bind the first with `functools.partial`."""
    return PolicyAgent(metrics, store)
