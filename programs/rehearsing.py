"""A rehearsal: signals through the fan-out and the policy as they are, without a broker and before anyone is bothered.

Time is that of the signals. Between two of them everybody is looked at who is due, at the instant at which they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry

from alerts.metrics import Metrics
from alerts.policy.terms import Rates
from alerts.values import Decision, Delivery, Moment, decode_decision, decode_delivery
from engine.lanes import Processor
from engine.records import Batch, Output, Record
from programs.notify import World, inbox_entry, make_fanout, make_policy
from programs.published import Published
from programs.times import Times
from topics.catalog import ALERT_INBOX, ALERT_LOG, ALERT_OUTBOX
from topics.instants import parse_rfc3339
from topics.signals import Signal

_TIMES = Times("data")


class Heard(NamedTuple):
    """A decision or a delivery, and when."""

    at_us: int
    what: Decision | Delivery


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        return self._rows.get(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key, or delete it."""
        if value is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys with their values."""
        return iter(list(self._rows.items()))

    async def flush(self) -> None:
        """Nothing is more durable than this."""


class Rehearsal:
    """The voice up to the outbox. `take` records of `deal.signals` or `alert.actions` in the order of their time."""

    def __init__(self, published: Published, rates: Rates | None = None) -> None:
        self._world = World(published, Metrics(CollectorRegistry()), _TIMES, rates or {})
        self._stores = Kept(), Kept()
        self.restart()

    def restart(self) -> None:
        """Begin anew with what is in the stores, as a process does."""
        fanout, policy = self._stores
        self._fanout, self.policy = make_fanout(self._world, 0, fanout), make_policy(self._world, 0, policy)

    def take(self, topic: str, value: bytes, at_us: int) -> Iterator[Heard]:
        """One record, after all that was due before it."""
        yield from self.until(at_us)
        yield from self._heard(self._outputs(self._fanout, topic, value, at_us), at_us)

    def until(self, at_us: int) -> Iterator[Heard]:
        """Everything that time alone brings about up to that instant."""
        while (due_us := self.policy.office.next_due_us()) is not None and due_us <= at_us:
            tick = inbox_entry(Moment(at_us=due_us), _TIMES, due_us)
            yield from self._heard([tick], due_us)

    def _heard(self, outputs: Iterable[Output], at_us: int) -> Iterator[Heard]:
        waiting = list(outputs)
        while waiting:
            output = waiting.pop(0)
            value = output.value or b""
            if output.topic == ALERT_LOG:
                yield Heard(at_us, decode_decision(value))
            elif output.topic == ALERT_OUTBOX:
                yield Heard(at_us, decode_delivery(value))
            elif output.topic == ALERT_INBOX:
                waiting += self._outputs(self.policy, ALERT_INBOX, value, at_us)

    @staticmethod
    def _outputs(agent: Processor, topic: str, value: bytes, at_us: int) -> Sequence[Output]:
        outputs = agent.process(Batch(topic, 0, (Record(topic, 0, 0, at_us, None, value),)))
        if not isinstance(outputs, Sequence):  # only definitions from a broker are waited for
            raise TypeError(topic)
        return outputs


def when(signal: Signal) -> int:
    """When a signal of a history would have been detected: as soon as it was so."""
    return parse_rfc3339(signal.occurred_at)
