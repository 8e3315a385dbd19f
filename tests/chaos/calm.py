"""When a run has come to rest: everything that was sent is read, by every program, and the clock has said so."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from engine.clock import CLOCK_HEADER
from programs.startup import Ready
from programs.wiring import BUILDS
from tests.chaos.lines import say
from tests.chaos.site import Site
from topics.catalog import DEAL_EVENTS

LOOK_S = 0.5
TELL_S = 10.0


def readers(ready: Ready) -> dict[str, tuple[str, ...]]:
    """What each program reads, as it is wired."""
    return {
        name: tuple(topic for attachment in build(ready, "127.0.0.1:9").attachments for topic in attachment.topics)
        for name, build in BUILDS.items()
    }


class Gauge:
    """Looks at the broker from outside: ends, committed offsets, the last tick."""

    def __init__(self, site: Site, programs: Sequence[str] = tuple(BUILDS)) -> None:
        self._readers = {name: topics for name, topics in readers(site.ready).items() if name in programs}
        options = site.broker.client_options()
        self._admin = KafkaAdminClient(**options)
        self._consumer = KafkaConsumer(
            **options, group_id=None, enable_auto_commit=False, isolation_level="read_committed"
        )

    def close(self) -> None:
        """Disconnect."""
        self._admin.close()
        self._consumer.close()

    def behind(self) -> dict[str, int]:
        """How many offsets each program has still to read."""
        return {name: sum(self._lags(name, topics).values()) for name, topics in self._readers.items()}

    def places(self, topics: Sequence[str]) -> list[TopicPartition]:
        """Every partition of these topics."""
        return [
            TopicPartition(topic, partition)
            for topic in topics
            for partition in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]

    def ends(self, topics: Sequence[str]) -> Mapping[TopicPartition, int]:
        """The ends of these topics, as a reader of committed records sees them."""
        found: Mapping[TopicPartition, int] = self._consumer.end_offsets(self.places(topics))
        return found

    def last_tick_us(self) -> int:
        """The latest T that stands in every partition of deal.events; 0 where one has none yet."""
        return min((self._last_tick_us(place) for place in self.places([DEAL_EVENTS])), default=0)

    def _lags(self, group: str, topics: Sequence[str]) -> dict[TopicPartition, int]:
        ends = self.ends(topics)
        committed = {place: found.offset for place, found in self._admin.list_group_offsets(group)[group].items()}
        return {place: max(0, end - max(0, committed.get(place, 0))) for place, end in ends.items()}

    def _last_tick_us(self, place: TopicPartition) -> int:
        end = self._consumer.end_offsets([place])[place]
        self._consumer.assign([place])
        self._consumer.seek(place, max(self._consumer.beginning_offsets([place])[place], end - 50))
        last = 0
        while self._consumer.position(place) < end:
            for record in self._consumer.poll(500).get(place, ()):
                last = max([last, *(int(value) for name, value in record.headers if name == CLOCK_HEADER)])
        return last


def calm(gauge: Gauge, newest_us: int, patience_s: float, beside: Sequence[str] = ()) -> float:
    """Wait until all is read and T has reached the newest record; how long it took. Raises TimeoutError saying what.

    Programs `beside` are not waited for.
    """
    began = time.monotonic()
    told = began
    quiet = 0
    behind: dict[str, int] = {}
    tick_us = 0
    while time.monotonic() < began + patience_s:
        try:
            behind, tick_us = gauge.behind(), gauge.last_tick_us()
        except KafkaError:
            quiet = 0
        else:
            quiet = quiet + 1 if tick_us >= newest_us and not _waiting(behind, beside) else 0
        if time.monotonic() > told + TELL_S:
            told = time.monotonic()
            say(f"behind: {behind}, T is {max(0, newest_us - tick_us) / 1e6:.0f} s early")
        if quiet > 1:
            return time.monotonic() - began
        time.sleep(LOOK_S)
    message = (
        f"not at rest after {patience_s:.0f} s: behind {behind}, T is {max(0, newest_us - tick_us) / 1e6:.0f} s early"
    )
    raise TimeoutError(message)


def _waiting(behind: Mapping[str, int], beside: Sequence[str]) -> bool:
    return any(count for name, count in behind.items() if name not in beside)


def until(what: str, condition: Callable[[], bool], patience_s: float = 60.0) -> float:
    """Wait until something holds; how long it took. Raises TimeoutError."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() > began + patience_s:
            message = f"did not happen within {patience_s:.0f} s: {what}"
            raise TimeoutError(message)
        time.sleep(0.1)
    return time.monotonic() - began
