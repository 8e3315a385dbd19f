"""Which brokers a test runs on, and what the embedded one is known to fail."""

from __future__ import annotations

import pytest

BOTH = (pytest.param("embedded", marks=pytest.mark.broker), pytest.param("kafka", marks=pytest.mark.kafka))


def on_brokers(*, embedded_fails: str, slowly: bool = False) -> pytest.MarkDecorator:
    """Both brokers; the embedded one must fail, for the reason given: when it no longer does, the test says so.

    `slowly`: it takes long to fail, so that half runs with the slow tests.
    """
    gap = pytest.mark.xfail(strict=True, reason=f"embedded broker: {embedded_fails}")
    slow = [pytest.mark.chaos] if slowly else []
    embedded = pytest.param("embedded", marks=[pytest.mark.broker, gap, *slow])
    return pytest.mark.parametrize("broker", [embedded, BOTH[1]], indirect=True, scope="session")


on_kafka = pytest.mark.parametrize("broker", [BOTH[1]], indirect=True, scope="session")
"""Only Apache Kafka: more than one worker, or what the embedded broker does not claim to have."""

slow_on_embedded = pytest.mark.parametrize(
    "broker",
    [pytest.param("embedded", marks=[pytest.mark.broker, pytest.mark.chaos]), BOTH[1]],
    indirect=True,
    scope="session",
)
"""Both brokers, the embedded one with the slow tests: what it shows, Apache Kafka shows in every run."""
