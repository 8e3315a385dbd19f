"""route: `deal.signals` to the routing topics of the playbook's intents. It waits for nobody."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence

from alerts.metrics import Metrics
from alerts.reading import Unreadable, read_signal
from alerts.reasons import Reason
from alerts.routes import CONTENT_TYPE, Routes, Routing
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
        self._routes: dict[str, Routes] = {}

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
        for routing in self._routes_of(signal.playbook).of(signal):
            self._count(routing)
            if routing.event is not None:
                yield Output(routing.topic, signal.subject_key.encode(), encode(routing.event), HEADERS)

    def _routes_of(self, version: str) -> Routes:
        """The rules of a version; of one that nobody published, the own file's, until somebody does."""
        playbook = self._published.playbook(version)
        known = self._routes.get(version)
        if known is None or known.playbook is not playbook:
            known = self._routes[version] = Routes(playbook, self._published.directory(version))
        return known

    def _count(self, routing: Routing) -> None:
        if routing.reason is Reason.ROUTED:
            self._metrics.routed.labels(routing.topic.removeprefix(ROUTE_PREFIX)).inc()
        else:
            self._metrics.not_routed.labels(routing.reason.value).inc()


def make_route(published: Published, metrics: Metrics, _partition: int, _store: Store) -> Route:
    """The processor of a partition; bind the first two with `functools.partial`."""
    return Route(published, metrics)
