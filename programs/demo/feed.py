"""The simulated team's records onto the raw topics, in step with a clock that runs fast."""

from __future__ import annotations

import threading
import time

from kafka import KafkaProducer

from engine.settings import Broker
from playbook.model import Playbook
from signals.simulate import Emitted, Options, simulate
from signals.simulation.arrival import LIVE
from topics.catalog import RAW_PREFIX
from topics.instants import DAY_US, SECOND_US

#: The team's deals: these many begin in these many days. About one message a second at the demo's pace.
DEALS, DAYS = 130, 90
#: How much of the team's time passes in a second of ours.
PACE = DAY_US / SECOND_US
#: The team's first day: long enough ago that the demo does not reach today before anyone has seen enough of it.
BEGAN_US = 730 * DAY_US

_SLEEP_S = 0.05


class Feed(threading.Thread):
    """Sends each record when its time has come. `now_us` is the team's clock; `sent` counts records."""

    def __init__(self, broker: Broker, playbook: Playbook, seed: int) -> None:
        super().__init__(name="feed", daemon=True)
        self._broker, self._playbook, self._seed = broker, playbook, seed
        self._start_us = (time.time_ns() // 1000 - BEGAN_US) // DAY_US * DAY_US
        self._began = time.monotonic()
        self._stop_asked = threading.Event()
        self.sent = 0
        self.error: Exception | None = None

    @property
    def now_us(self) -> int:
        """What the team's clock shows. It never passes ours."""
        fast = self._start_us + round((time.monotonic() - self._began) * SECOND_US * PACE)
        return min(fast, time.time_ns() // 1000)

    def run(self) -> None:
        """Feed until asked to stop; what goes wrong is kept for who asks."""
        try:
            self._feed()
        except Exception as error:  # noqa: BLE001 - the demo reports it and ends
            self.error = error

    def stop(self) -> None:
        """Ask it to stop and wait until it has."""
        self._stop_asked.set()
        self.join(timeout=5)

    def _feed(self) -> None:
        options = Options(
            self._seed,
            DEALS,
            DAYS,
            self._start_us // 1000,
            endless=True,
            playbook=self._playbook,
            people=True,
            trouble=LIVE,
        )
        producer = KafkaProducer(**self._broker.client_options(), acks="all", linger_ms=5, max_request_size=16 << 20)
        self._began = time.monotonic()
        try:
            for emitted in simulate(options):
                while emitted.record.timestamp_us > self.now_us and not self._stop_asked.is_set():
                    self._stop_asked.wait(_SLEEP_S)
                if self._stop_asked.is_set():
                    return
                self._send(producer, emitted)
        finally:
            producer.close(timeout=3)

    def _send(self, producer: KafkaProducer, emitted: Emitted) -> None:
        record = emitted.record
        producer.send(
            RAW_PREFIX + emitted.source,
            key=record.key,
            value=record.value,
            headers=list(record.headers),
            timestamp_ms=record.timestamp_us // 1000,
        )
        self.sent += 1
