"""route: `deal.signals` to the routing topics of the playbook's intents. It waits for nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence

from alerts.metrics import Metrics
from alerts.reading import Unreadable, read_signal
from alerts.reasons import Reason
from alerts.routes import CONTENT_TYPE, Routing, route
from engine.records import Batch, Output, Record
from engine.state import Store
from programs.aside import put_unreadable_aside
from programs.published import Published, by_their_definitions
from topics.catalog import DEAL_SIGNALS, ROUTE_PREFIX
from topics.codec import encode
from topics.signals import Signal

INPUT = DEAL_SIGNALS
HEADERS = (("content-type", CONTENT_TYPE.encode()),)


class Route:
    """The processor of one partition. It keeps no state: a repeat has the same CloudEvent id."""

    def __init__(self, published: Published, metrics: Metrics) -> None:
        self._published, self._metrics = published, metrics

    def process(self, batch: Batch) -> Sequence[Output] | Awaitable[Sequence[Output]]:
        """One record per routed intent, by the definitions that each signal names."""
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
        version = signal.playbook
        for routing in route(self._published.playbook(version), self._published.directory(version), signal):
            self._count(routing)
            if routing.event is not None:
                yield Output(routing.topic, signal.subject_key.encode(), encode(routing.event), HEADERS)

    def _count(self, routing: Routing) -> None:
        if routing.reason is Reason.ROUTED:
            self._metrics.routed.labels(routing.topic.removeprefix(ROUTE_PREFIX)).inc()
        else:
            self._metrics.not_routed.labels(routing.reason.value).inc()


def make_route(published: Published, metrics: Metrics, _partition: int, _store: Store) -> Route:
    """The processor of a partition; bind the first two with `functools.partial`."""
    return Route(published, metrics)
