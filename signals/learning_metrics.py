"""What the learning of baselines counts: names, helps, labels."""

from __future__ import annotations

from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Verdict(StrEnum):
    """What became of a fit: somebody may have taken all baselines back, and then none are published by themselves."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    WITHDRAWN = "withdrawn"


class LearningMetrics:
    """What is learned from, how often, and what came of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.stays = Gauge("signals_baselines_stays", "Stays of deals that are learned from.", registry=registry)
        self.fits = Counter(
            "signals_baselines_fits",
            "Fits of baselines: published, unchanged, or held since baselines were withdrawn.",
            ("verdict",),
            registry=registry,
        )
        for verdict in Verdict:  # from zero, so that the first one is an increase
            self.fits.labels(verdict.value)
        self.refused = Gauge(
            "signals_baselines_refused_limits",
            "Limits that the last fit does not give, since they would fire on too many deals.",
            registry=registry,
        )
        self.pace = Gauge(
            "signals_stage_pace_drift",
            "How many times as long deals stay in a stage since its pace changed; 1 while it has not.",
            ("pipeline", "stage", "segment"),
            registry=registry,
        )
        self.seconds = Histogram(
            "signals_baselines_fit_seconds",
            "How long a fit took.",
            buckets=(0.1, 0.5, 1, 5, 15, 60, 300),
            registry=registry,
        )
