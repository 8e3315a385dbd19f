"""When a run has come to rest: everything that was sent is read, by every program, and the clock has said so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from engine.clock import CLOCK_HEADER
from programs.startup import Ready
from programs.wiring import BUILDS
from tests.chaos.crew import Worker
from tests.chaos.lines import say
from tests.chaos.site import PARTITIONS, Site
from topics.catalog import DEAL_EVENTS

LOOK_S = 0.5
TICKS = PARTITIONS
TELL_S = 10.0
PATIENCE_S = 240.0
"""How long a line waits for what takes seconds on a machine of its own. Nothing is judged by it: where other work goes
on all is slow, and what never comes ends the line all the same."""


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

    def places_of(self, program: str) -> list[TopicPartition]:
        """Every partition that a program reads."""
        return self.places(self._readers[program])

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
    """Wait until all is read and T has reached the newest record; how long it took.

    Programs `beside` are not waited for. Raises TimeoutError, saying what, when none of the others came nearer for
    `patience_s`: one that does may give the next one more to read.
    """
    began = nearer_s = told_s = time.monotonic()
    quiet = 0
    farthest = now = Distance({}, newest_us)
    while time.monotonic() < nearer_s + patience_s:
        try:
            now = Distance(gauge.behind(), max(0, newest_us - gauge.last_tick_us()))
        except KafkaError:
            quiet = 0
        else:
            quiet = quiet + 1 if now.arrived(beside) else 0
            farthest = farthest.or_farther(now)
            if now.nearer(farthest, beside):
                farthest, nearer_s = now, time.monotonic()
        if time.monotonic() > told_s + TELL_S:
            told_s = time.monotonic()
            say(str(now))
        if quiet > 1:
            return time.monotonic() - began
        time.sleep(LOOK_S)
    message = f"not at rest after {time.monotonic() - began:.0f} s, no nearer for {patience_s:.0f} s: {now}"
    raise TimeoutError(message)


class Distance(NamedTuple):
    """How far a run is from its rest: offsets to read by program, microseconds that T has to go."""

    behind: Mapping[str, int]
    early_us: int

    def left(self, beside: Sequence[str]) -> int:
        """One number that falls on the way; programs `beside` do not count."""
        return self.early_us + sum(count for name, count in self.behind.items() if name not in beside)

    def or_farther(self, now: Distance) -> Distance:
        """The farthest that each was at two looks."""
        behind = {name: max(count, self.behind.get(name, 0)) for name, count in now.behind.items()}
        return Distance(behind, max(self.early_us, now.early_us))

    def nearer(self, before: Distance, beside: Sequence[str]) -> bool:
        """Whether T, or one of those that had something left, has gone on since; programs `beside` do not count.

        The clock speaks to programs all the time: to have read no more than that is nothing.
        """
        went_on = (self.behind[name] < count - TICKS for name, count in before.behind.items() if name not in beside)
        return self.early_us < before.early_us or any(went_on)

    def arrived(self, beside: Sequence[str]) -> bool:
        """Whether nothing is left."""
        return self.left(beside) == 0

    def __str__(self) -> str:
        """For a person."""
        return f"behind: {self.behind}, T is {self.early_us / 1e6:.0f} s early"


def nothing() -> str:
    """Nothing is known of why something takes long."""
    return ""


def until(
    what: str, condition: Callable[[], bool], patience_s: float = PATIENCE_S, why: Callable[[], str] = nothing
) -> float:
    """Wait until something holds; how long it took.

    `why` says what stands against it, and the patience begins anew whenever that changes. Raises TimeoutError.
    """
    began = changed = time.monotonic()
    reason = why()
    while not condition():
        if (now := why()) != reason:
            reason, changed = now, time.monotonic()
        if time.monotonic() > changed + patience_s:
            message = f"did not happen within {patience_s:.0f} s: {what}{f' ({reason})' if reason else ''}"
            raise TimeoutError(message)
        time.sleep(0.1)
    return time.monotonic() - began


def reasons(workers: Iterable[Worker]) -> str:
    """Why these workers are not ready, those that are not."""
    asked = ((worker.name, worker.why_not_ready()) for worker in workers)
    return ", ".join(f"{name}: {why}" for name, why in asked if why)
