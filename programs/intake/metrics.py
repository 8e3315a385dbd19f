"""Every metric of intake: name, help, labels. Labels are the sources of the settings and an enum (law 12)."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from programs.intake.answers import Outcome

#: Requests that reach no source's door are counted under this one.
NOBODY = "none"
SECONDS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class IntakeMetrics:
    """What was sent to us, and what we answered."""

    def __init__(self, registry: CollectorRegistry, sources: Iterable[str] = ()) -> None:
        self.requests = Counter(
            "signals_intake_requests",
            "Requests that were answered, by the source they were for and what became of them.",
            ("source", "outcome"),
            registry=registry,
        )
        self.seconds = Histogram(
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
        for source in sources:  # a series that begins at its first refusal would hide that one from `increase`
            for outcome in Outcome:
                self.requests.labels(source, outcome.value)
