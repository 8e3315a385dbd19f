"""The routing topics, read as another system would read them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

import msgspec
from kafka import KafkaConsumer

from engine.settings import Broker


class Routed(threading.Thread):
    """Calls `tell` with one line for each routed intent, until stopped."""

    def __init__(self, broker: Broker, topics: Iterable[str], tell: Callable[[str], object]) -> None:
        super().__init__(name="routed", daemon=True)
        self._broker, self._topics, self._tell = broker, tuple(topics), tell
        self._stop_asked = threading.Event()

    def run(self) -> None:
        """Read from the beginning: the demo's broker is new."""
        consumer = KafkaConsumer(*self._topics, **self._broker.client_options(), auto_offset_reset="earliest")
        try:
            while not self._stop_asked.is_set():
                for records in consumer.poll(timeout_ms=300).values():
                    for record in records:
                        self._tell(_line(record.topic, record.value))
        finally:
            consumer.close(autocommit=False)

    def stop(self) -> None:
        """Ask it to stop and wait until it has."""
        self._stop_asked.set()
        self.join(timeout=5)


def _line(topic: str, value: bytes) -> str:
    event = msgspec.json.decode(value)
    data = event.get("data", {})
    about = data.get("deal_name") or data.get("subject_key") or event.get("subject", "")
    return f"→ {topic}: {event.get('type', '')} {about}"
