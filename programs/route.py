"""route: `deal.signals` to the routing topics of the playbook's intents. It waits for nobody."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.metrics import Metrics
from alerts.reading import Unreadable, read_signal
from alerts.reasons import Reason
from alerts.routes import CONTENT_TYPE, Routing, route
from engine.records import Batch, Output, Record
from engine.state import Store
from playbook.model import Playbook
from playbook.owners import Directory
from programs.aside import put_unreadable_aside
from topics.catalog import DEAL_SIGNALS, ROUTE_PREFIX
from topics.codec import encode

INPUT = DEAL_SIGNALS
HEADERS = (("content-type", CONTENT_TYPE.encode()),)


class Route:
    """The processor of one partition. It keeps no state: a repeat has the same CloudEvent id."""

    def __init__(self, playbook: Playbook, metrics: Metrics) -> None:
        self._playbook = playbook
        self._directory = Directory(playbook.owners)
        self._metrics = metrics

    def process(self, batch: Batch) -> Sequence[Output]:
        """One record per routed intent."""
        return [output for record in batch.records for output in self._one(record)]

    def _one(self, record: Record) -> Iterator[Output]:
        signal = read_signal(record.value or b"")
        if isinstance(signal, Unreadable):
            yield put_unreadable_aside(record, signal, self._metrics)
            return
        for routing in route(self._playbook, self._directory, signal):
            self._count(routing)
            if routing.event is not None:
                yield Output(routing.topic, signal.subject_key.encode(), encode(routing.event), HEADERS)

    def _count(self, routing: Routing) -> None:
        if routing.reason is Reason.ROUTED:
            self._metrics.routed.labels(routing.topic.removeprefix(ROUTE_PREFIX)).inc()
        else:
            self._metrics.not_routed.labels(routing.reason.value).inc()


def make_route(playbook: Playbook, metrics: Metrics, _partition: int, _store: Store) -> Route:
    """The processor of a partition; bind the first two with `functools.partial`."""
    return Route(playbook, metrics)
