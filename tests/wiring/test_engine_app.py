"""Faust and aiokafka are set as was measured to hold (design, "The engine")."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import faust
import pytest
from aiokafka.consumer import consumer as aiokafka_consumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from prometheus_client import CollectorRegistry

from engine.batches import BatchApp, attach, build_app
from engine.records import Batch, Output, Record
from engine.settings import MAX_MESSAGE_BYTES, Broker, EngineSettings
from engine.state import Store
from engine.transport import BatchConsumerThread, BatchSchema, BatchTransport


class Nothing:
    """A processor without outputs."""

    def __init__(self, partition: int, store: Store) -> None:
        self.made_with = (partition, store)

    def process(self, batch: Batch) -> list[Output]:
        """Do nothing."""
        assert batch.records
        return []


@pytest.fixture
def app(tmp_path: Path) -> BatchApp:
    return build_app(EngineSettings(name="detect", broker=Broker("127.0.0.1:1,127.0.0.1:2"), data_dir=tmp_path))


SETTINGS = (
    ("stream_buffer_maxsize", 1, "with more, tiny batches queue up and never coalesce"),
    ("stream_wait_empty", False, "the shell waits for batches itself"),
    ("web_enabled", False, "Faust's server listens on every address"),
    ("broker_session_timeout", 10.0, "a dead worker's partitions move after ten seconds"),
    ("broker_commit_interval", 0.2, "the clock waits for commits"),
    ("topic_allow_declare", False, "topics are made by `signals topics apply` alone"),
    ("topic_disable_leader", True, "Faust's leader needs a topic and an assignor of its own"),
    ("autodiscover", False, "it turns an import error into a warning"),
    ("id", "detect", "the consumer group is the program's name"),
)


@pytest.mark.parametrize(("setting", "value", "why"), SETTINGS, ids=[row[0] for row in SETTINGS])
def test_faust_is_set(app: BatchApp, setting: str, value: object, why: str) -> None:
    assert getattr(app.conf, setting) == value, why


def test_the_transport_carries_batches(app: BatchApp) -> None:
    assert isinstance(app.transport, BatchTransport)
    assert [url.port for url in app.conf.broker] == [1, 2]


CONSUMER = (
    ("group_id", "detect"),
    ("group_instance_id", None),
    ("enable_auto_commit", False),
    ("auto_offset_reset", "earliest"),
    ("isolation_level", "read_committed"),
    ("session_timeout_ms", 10_000),
    ("heartbeat_interval_ms", 2_000),
    ("max_poll_interval_ms", 24 * 3600 * 1000),
    ("max_partition_fetch_bytes", MAX_MESSAGE_BYTES),
    ("partition_assignment_strategy", [RangePartitionAssignor]),
    ("bootstrap_servers", ["127.0.0.1:1", "127.0.0.1:2"]),
)


@pytest.mark.parametrize(("option", "value"), CONSUMER, ids=[row[0] for row in CONSUMER])
def test_the_consumer_is_set(app: BatchApp, monkeypatch: pytest.MonkeyPatch, option: str, value: object) -> None:
    assert consumer_options(app, monkeypatch)[option] == value


def test_the_embedded_brokers_only_worker_joins_under_a_fixed_name(
    app: BatchApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    app.sole_worker = True
    assert consumer_options(app, monkeypatch)["group_instance_id"] == "detect"


def consumer_options(app: BatchApp, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the worker's aiokafka consumer would be made with."""
    taken: dict[str, object] = {}
    monkeypatch.setattr("aiokafka.AIOKafkaConsumer", lambda **options: taken.update(options))
    thread = SimpleNamespace(app=app)
    BatchConsumerThread._create_worker_consumer(thread, app.transport)  # type: ignore[arg-type]  # all that it reads
    assert set(taken) <= set(aiokafka_consumer.AIOKafkaConsumer.__init__.__code__.co_varnames)
    return taken


async def test_a_batch_passes_fausts_decoding_untouched(app: BatchApp) -> None:
    batch = Batch("t", 0, (Record("t", 0, 0, 0, None, b"\xff not JSON"),))
    message = SimpleNamespace(value=batch, headers=None, key=None)
    app.create_event = lambda key, value, headers, event: (key, value, headers, event)
    decode = BatchSchema().compile(app)
    assert await decode(message, propagate=True) == (None, batch, None, message)


def test_each_attachment_is_one_agent_over_its_topics(app: BatchApp) -> None:
    attach(app, ["a", "b"], Nothing, state_topic="s")
    attach(app, ["c"], Nothing, state_topic=None)
    assert sorted(agent.get_topic_names() for agent in app.agents.values()) == [("a", "b"), ("c",)]
    assert [attachment.state_topic for attachment in app.attachments] == ["s", None]


def test_a_program_may_bring_its_registry(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    app = build_app(EngineSettings(name="detect", broker=Broker("a:1"), data_dir=tmp_path), registry)
    assert isinstance(app, faust.App)
    assert app.registry is registry
