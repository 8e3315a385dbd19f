"""Every metric of intake: name, help, labels. Labels are the sources of the settings and an enum (law 12)."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from programs.intake.answers import Outcome

#: Requests that reach no source's door are counted under this one.
NOBODY = "none"
SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class IntakeMetrics:
    """What was sent to us, and what we answered. A series is looked up once: a lookup takes as long as a signature."""

    def __init__(self, registry: CollectorRegistry, sources: Iterable[str] = ()) -> None:
        requests = Counter(
            "signals_intake_requests",
            "Requests that were answered, by the source they were for and what became of them.",
            ("source", "outcome"),
            registry=registry,
        )
        seconds = Histogram(
            "signals_intake_seconds",
            "From a request's headers to its answer, of those that were taken: acknowledged by the broker.",
            ("source",),
            buckets=SECONDS,
            registry=registry,
        )
        self.held_bytes = Gauge(
            "signals_intake_held_bytes", "Bytes of bodies that are held now, on their way to Kafka.", registry=registry
        )
        self.connections = Gauge("signals_intake_connections", "Connections that are open now.", registry=registry)
        # a series that begins at its first refusal would hide that one from `increase`
        known = [(source, outcome) for source in (*sources, NOBODY) for outcome in Outcome]
        self._requests = {(source, outcome): requests.labels(source, outcome.value) for source, outcome in known}
        self._seconds = {source: seconds.labels(source) for source in sources}

    def answered(self, source: str, outcome: Outcome) -> None:
        """Count an answer."""
        self._requests[source, outcome].inc()

    def took(self, source: str, seconds: float) -> None:
        """Note how long a request took that was taken."""
        self._seconds[source].observe(seconds)
