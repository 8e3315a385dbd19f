"""The voice's metrics are well-formed and their labels bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from alerts.metrics import Metrics

BOUNDED = {"kind", "reason", "route", "op", "outcome", "state", "result", "method", "meaning", "topic", "le"}


def _touched() -> CollectorRegistry:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for metric in vars(metrics).values():
        labels = metric._labelnames
        child = metric.labels(*("x" for _ in labels)) if labels else metric
        (getattr(child, "observe", None) or child.inc)(1)
    return registry


def test_openmetrics_parses_them_all() -> None:
    registry = _touched()
    families = list(text_string_to_metric_families(generate_latest(registry).decode()))  # type: ignore[no-untyped-call]  # it has no types
    assert len(families) == len(list(registry.collect()))
    for family in families:
        assert family.name.startswith("signals_alerts_")
        assert family.documentation.endswith(".")
        assert {label for sample in family.samples for label in sample.labels} <= BOUNDED


def test_two_programs_in_one_process_do_not_share_them() -> None:
    Metrics(CollectorRegistry())
    Metrics(CollectorRegistry())
