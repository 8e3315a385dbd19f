"""Every metric of the machinery: name, help, labels. One instance per program and registry; nothing is global."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

BATCH_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""Bucket borders: a hop aims at 50 ms, a batch of `send` may wait for Slack for minutes."""


class EngineMetrics:
    """What one program's machinery counts. Labels are program, topic, partition and fixed words: all bounded."""

    def __init__(self, registry: CollectorRegistry, program: str) -> None:
        self.registry = registry
        self.program = program
        self.records = Counter(
            "signals_engine_records",
            "Records taken from a topic and processed to the end.",
            ["program", "topic"],
            registry=registry,
        )
        self.batches = Counter(
            "signals_engine_batches",
            "Batches processed to the end: outputs and state acknowledged.",
            ["program", "topic"],
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "signals_engine_batch_seconds",
            "Time from taking a batch to its acknowledgement.",
            ["program", "topic"],
            buckets=BATCH_SECONDS,
            registry=registry,
        )
        self.outputs = Counter(
            "signals_engine_outputs",
            "Records written and acknowledged, state not counted.",
            ["program", "topic"],
            registry=registry,
        )
        self.state_keys = Gauge(
            "signals_engine_state_keys",
            "Keys in the state of a partition.",
            ["program", "topic", "partition"],
            registry=registry,
        )
        self.state_load_seconds = Histogram(
            "signals_engine_state_load_seconds",
            "Time to load the state of a partition from its log.",
            ["program"],
            buckets=BATCH_SECONDS,
            registry=registry,
        )
        self.transactions_lost = Counter(
            "signals_engine_transactions_lost",
            "Transactions that the broker refused or never answered; the lane began anew from what is committed.",
            ["program", "reason"],
            registry=registry,
        )
        self.lag = Gauge(
            "signals_engine_lag_records",
            "Records of a partition that wait, as last seen.",
            ["program", "topic", "partition"],
            registry=registry,
        )
        self.committed = Gauge(
            "signals_engine_committed_offset",
            "The committed offset of a partition.",
            ["program", "topic", "partition"],
            registry=registry,
        )
        self.partitions = Gauge(
            "signals_engine_partitions",
            "Partitions that this worker holds.",
            ["program"],
            registry=registry,
        )
        self.retries = Counter(
            "signals_engine_retries",
            "Broker requests that failed and were tried again.",
            ["program", "what"],
            registry=registry,
        )
        self.last_tick = Gauge(
            "signals_engine_last_tick_timestamp_seconds",
            "The time that the clock said last.",
            ["program"],
            registry=registry,
        )
        self.tick_age = Gauge(
            "signals_engine_tick_age_seconds",
            "Seconds since the clock last appended a tick; counted only where the clock runs.",
            ["program"],
            registry=registry,
        )
        self.clock_refusals = Counter(
            "signals_engine_clock_refusals",
            "Times the clock did not say what the wall clock says, by reason.",
            ["program", "reason"],
            registry=registry,
        )

    def forget_partition(self, topic: str, partition: int) -> None:
        """Drop the series of a partition that moved to another worker, which reports it from then on."""
        for gauge in (self.lag, self.committed, self.state_keys):
            gauge.remove_by_labels({"program": self.program, "topic": topic, "partition": str(partition)})


class Readiness(Collector):
    """What /readyz says, for Prometheus: one series per check, asked when it is scraped."""

    def __init__(self, program: str, checks: Mapping[str, Callable[[], str | None]]) -> None:
        self._program, self._checks = program, checks

    def describe(self) -> Iterable[Metric]:
        """The name alone: the checks are added after this is registered."""
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        """1 where a check passes, 0 where something stands against being ready."""
        family = self._family()
        for name, check in self._checks.items():
            family.add_metric((self._program, name), float(check() is None))
        return [family]

    def _family(self) -> GaugeMetricFamily:
        text = "1 where a check of readiness passes, 0 where it does not; /readyz says why."
        return GaugeMetricFamily("signals_engine_ready", text, labels=("program", "check"))
