"""The machinery's metrics, judged by others."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from engine.metrics import EngineMetrics


def filled() -> CollectorRegistry:
    """Every metric with one series."""
    registry = CollectorRegistry()
    metrics = EngineMetrics(registry, "detect")
    for counter in (metrics.records, metrics.batches, metrics.outputs):
        counter.labels("detect", "deal.events").inc()
    metrics.retries.labels("detect", "produce").inc()
    metrics.transactions_lost.labels("detect", "fenced").inc()
    metrics.clock_refusals.labels("detect", "jumped").inc()
    metrics.batch_seconds.labels("detect", "deal.events").observe(0.1)
    metrics.state_load_seconds.labels("detect").observe(0.1)
    for gauge in (metrics.state_keys, metrics.lag, metrics.committed):
        gauge.labels("detect", "deal.events", "0").set(1)
    for gauge in (metrics.partitions, metrics.last_tick, metrics.tick_age):
        gauge.labels("detect").set(1)
    return registry


def test_the_openmetrics_parser_reads_them_all() -> None:
    exposed = generate_openmetrics(filled()).decode()  # type: ignore[no-untyped-call]  # prometheus-client's own
    families = list(text_string_to_metric_families(exposed))  # type: ignore[no-untyped-call]  # prometheus-client's own
    assert all(family.name.startswith("signals_engine_") for family in families)
    assert all(family.documentation.endswith(".") for family in families)
    assert len(families) == 14


@pytest.mark.prometheus
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_complain_about() -> None:
    judged = subprocess.run(
        ["promtool", "check", "metrics"], input=generate_latest(filled()), capture_output=True, check=False
    )
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, b"", b"")


def test_two_programs_in_one_process_do_not_meet() -> None:
    first, second = CollectorRegistry(), CollectorRegistry()
    EngineMetrics(first, "detect").records.labels("detect", "t").inc()
    EngineMetrics(second, "detect")
    assert first.get_sample_value("signals_engine_records_total", {"program": "detect", "topic": "t"}) == 1
    assert second.get_sample_value("signals_engine_records_total", {"program": "detect", "topic": "t"}) is None


def test_a_partition_that_left_is_no_longer_reported() -> None:
    registry = CollectorRegistry()
    metrics = EngineMetrics(registry, "detect")
    for partition in "01":
        metrics.lag.labels("detect", "t", partition).set(5)
    metrics.forget_partition("t", 0)
    labels = {"program": "detect", "topic": "t"}
    assert registry.get_sample_value("signals_engine_lag_records", labels | {"partition": "0"}) is None
    assert registry.get_sample_value("signals_engine_lag_records", labels | {"partition": "1"}) == 5
