"""The brokers that tests share: each is started once per run, on loopback, by the first test that asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import uuid4

import pytest

from engine.embedded import EmbeddedBroker
from engine.settings import Broker
from tests.brokers.apache import NoKafkaError, kafka_cluster
from tests.brokers.matrix import BOTH

REQUIRE_KAFKA = "SIGNALS_REQUIRE_KAFKA"
"""With this variable set to 1, a missing Java, Maven or jar is a failure; without it the tests are skipped."""


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """The embedded broker."""
    with EmbeddedBroker(tmp_path_factory.mktemp("embedded")) as running:
        yield Broker(running.servers)


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """Apache Kafka, one node."""
    try:
        with kafka_cluster() as cluster:
            yield Broker(cluster.servers)
    except NoKafkaError as error:
        if os.environ.get(REQUIRE_KAFKA) == "1":
            raise
        pytest.skip(f"no Apache Kafka here: {error}")


@pytest.fixture(scope="session", params=BOTH)
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each broker in turn; `tests.brokers.matrix.on_brokers` says otherwise for one test."""
    found: Broker = request.getfixturevalue(f"{request.param}_broker")
    return found


@pytest.fixture
def fresh(request: pytest.FixtureRequest) -> str:
    """A name that no other test uses, for topics and groups."""
    return f"{request.function.__name__[:60]}-{uuid4().hex[:8]}"
