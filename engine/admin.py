"""Topics: what the broker has against what is wanted, and how to get there; and the command line's reads and writes.

With kafka-python, which needs no event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from enum import StrEnum
from typing import NamedTuple, TypeVar

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic
from kafka.errors import (
    KafkaConnectionError,
    KafkaTimeoutError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from kafka.future import Future

from engine.reach import BrokerAway, BrokerRefuses, reach_now
from engine.records import Output, Record
from engine.settings import MAX_MESSAGE_BYTES, Broker
from engine.writer import by_partition

CONNECT_MS = 5_000
POLL_MS = 1_000
#: As long as a transaction may stay open (law 7).
TRANSACTION_MS = 10_000

T = TypeVar("T")
Options = Mapping[str, object]


class TopicSpec(NamedTuple):
    """A topic as it is wanted. `config` holds only what matters; the broker's other settings are left alone."""

    name: str
    partitions: int
    config: Mapping[str, str]


class TopicState(NamedTuple):
    """A topic as the broker has it. `config` holds every setting that the broker reports."""

    name: str
    partitions: int
    config: Mapping[str, str]


class What(StrEnum):
    """In what a topic differs."""

    MISSING = "missing"
    PARTITIONS = "partitions"
    CONFIG = "config"
    UNREPORTED = "unreported"


class Difference(NamedTuple):
    """One thing in which a topic differs. `setting` is a configuration's name; else empty."""

    topic: str
    what: What
    setting: str
    wanted: str
    found: str

    def __str__(self) -> str:
        """One line for a person."""
        if self.what is What.MISSING:
            return f"{self.topic}: does not exist, wanted with {self.wanted} partitions"
        if self.what is What.UNREPORTED:
            return f"{self.topic}: {self.setting} should be {self.wanted}, the broker does not report it"
        return f"{self.topic}: {self.setting or 'partitions'} is {self.found}, wanted {self.wanted}"


def compare(found: Mapping[str, TopicState], specs: Iterable[TopicSpec]) -> list[Difference]:
    """In what the broker's topics differ from those wanted; topics that nobody asked about are not looked at."""
    differences: list[Difference] = []
    for spec in specs:
        state = found.get(spec.name)
        if state is None:
            differences.append(Difference(spec.name, What.MISSING, "", str(spec.partitions), ""))
            continue
        if state.partitions != spec.partitions:
            differences.append(
                Difference(spec.name, What.PARTITIONS, "", str(spec.partitions), str(state.partitions)),
            )
        differences.extend(_config_differences(spec, state))
    return differences


def _config_differences(spec: TopicSpec, state: TopicState) -> Iterator[Difference]:
    for setting, wanted in sorted(spec.config.items()):
        value = state.config.get(setting)
        if value is None:
            yield Difference(spec.name, What.UNREPORTED, setting, wanted, "")
        elif value != wanted:
            yield Difference(spec.name, What.CONFIG, setting, wanted, value)


class Applied(NamedTuple):
    """What was done, and what still differs (because it was not asked for, or cannot be done)."""

    done: tuple[Difference, ...]
    left: tuple[Difference, ...]


def describe(broker: Broker) -> dict[str, TopicState]:
    """Every topic of the broker, its internal ones left out. Raises `BrokerAway`."""
    with admin_client(broker) as admin:
        return _describe(admin)


def partition_counts(broker: Broker, topics: Sequence[str]) -> dict[str, int]:
    """How many partitions each topic has; to know more than that takes a right that only who administers has.

    Raises `BrokerAway`, and `LookupError` for a topic that does not exist or that we may not see.
    """
    with admin_client(broker) as admin:
        found = {one["name"]: one for one in admin.describe_topics(list(topics))}
    for topic in topics:
        code = found[topic]["error_code"] if topic in found else UnknownTopicOrPartitionError.errno
        if code == TopicAuthorizationFailedError.errno:
            msg = f"we may not see topic {topic}: an ACL is missing"
            raise LookupError(msg)
        if code:
            msg = f"topic {topic} does not exist"
            raise LookupError(msg)
    return {topic: len(found[topic]["partitions"]) for topic in topics}


def check(broker: Broker, specs: Sequence[TopicSpec]) -> list[Difference]:
    """In what the broker differs from what is wanted. Raises `BrokerAway`."""
    return compare(describe(broker), specs)


def apply(
    broker: Broker,
    specs: Sequence[TopicSpec],
    *,
    replication: int = -1,
    alter: bool = False,
    grow: bool = False,
) -> Applied:
    """Create the topics that are missing; `alter` sets differing settings, `grow` adds missing partitions.

    `replication` -1 is the broker's own default. Partitions are added only when asked, for keys move with their
    number. Raises `BrokerAway`, and `KafkaError` for what the broker refuses.
    """
    by_name = {spec.name: spec for spec in specs}
    with admin_client(broker) as admin:
        before = compare(_describe(admin), specs)
        _create(admin, [by_name[one.topic] for one in before if one.what is What.MISSING], replication)
        if alter:
            _alter(admin, [one for one in before if one.what is What.CONFIG])
        if grow:
            _grow(admin, [one for one in before if one.what is What.PARTITIONS and int(one.found) < int(one.wanted)])
        left = tuple(one for one in compare(_described(admin, by_name), specs) if one.what is not What.UNREPORTED)
    return Applied(tuple(one for one in before if one not in left and one.what is not What.UNREPORTED), left)


def wait_for_broker(broker: Broker, timeout_s: float) -> None:
    """Return when a broker answers. Raises `BrokerAway` when none does in time, `BrokerRefuses` at once."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with admin_client(broker, connect_ms=min(CONNECT_MS, max(200, int(timeout_s * 1000)))):
                return
        except BrokerRefuses:
            raise
        except BrokerAway:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.2)


def read_all(broker: Broker, topic: str, since_us: int | None = None) -> Iterator[Record]:
    """Every record that the topic holds now, partition by partition, of committed transactions only.

    `since_us`: from the first one with such a timestamp, or a later one, on. Raises `BrokerAway`, and `LookupError` for
    a topic that does not exist.
    """
    partitions = _Counts(broker)[topic]
    with _client(broker, KafkaConsumer, _READING) as consumer:
        for partition in range(partitions):
            yield from _read_partition(consumer, TopicPartition(topic, partition), since_us)


def produce(broker: Broker, outputs: Iterable[Output]) -> int:
    """Write records, acknowledged by all replicas on return; how many. Raises `BrokerAway`, `LookupError`."""
    counts = _Counts(broker)
    with _client(broker, KafkaProducer, _WRITING) as producer:
        sent: list[Future] = []
        for keyless, output in enumerate(outputs):
            for (topic, partition), copies in by_partition([output], counts, keyless).items():
                sent.extend(_send(producer, topic, partition, copy) for copy in copies)
        producer.flush()
        for future in sent:
            future.get(timeout=CONNECT_MS / 1000)
    return len(sent)


def produce_together(broker: Broker, outputs: Iterable[Output], transactional_id: str) -> int:
    """Write records in one transaction: readers of committed records see all of them or none; how many.

    Who else writes under the same id is fenced off. Raises `BrokerAway`, `LookupError`, and `KafkaError` for what the
    broker refuses.
    """
    with transacting(broker, transactional_id) as write:
        return write(outputs)


@contextmanager
def transacting(
    broker: Broker, transactional_id: str, timeout_ms: int = TRANSACTION_MS
) -> Iterator[Callable[[Iterable[Output]], int]]:
    """A writer whose every call is one transaction, as `produce_together`; it may take `timeout_ms`.

    From here on who else writes under the same id is fenced off: what is read after this, nobody of them adds to.
    """
    counts = _Counts(broker)
    options = _WRITING | {"transactional_id": transactional_id, "transaction_timeout_ms": timeout_ms}
    with _client(broker, KafkaProducer, options) as producer:
        producer.init_transactions()

        def write(outputs: Iterable[Output]) -> int:
            placed = by_partition(outputs, counts, 0)
            producer.begin_transaction()
            try:
                sent = [_send(producer, *place, copy) for place, copies in placed.items() for copy in copies]
                for future in sent:
                    future.get(timeout=timeout_ms / 1000)
            except BaseException:
                producer.abort_transaction()
                raise
            producer.commit_transaction()
            return len(sent)

        yield write


class _Counts(dict[str, int]):
    """How many partitions a topic has, asked for once; asking through a client might make the topic instead."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self._broker = broker

    def __missing__(self, topic: str) -> int:
        self[topic] = partition_counts(self._broker, [topic])[topic]
        return self[topic]


_READING = {
    "group_id": None,
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "isolation_level": "read_committed",
    "max_partition_fetch_bytes": MAX_MESSAGE_BYTES,
}
_WRITING = {"acks": "all", "linger_ms": 5, "max_request_size": MAX_MESSAGE_BYTES}


@contextmanager
def _client(broker: Broker, kind: Callable[..., T], options: Options, connect_ms: int = CONNECT_MS) -> Iterator[T]:
    """A client of kafka-python, closed at the end; its ways of saying "nobody there" become `BrokerAway`."""
    client_options = broker.client_options()  # reads certificates: a wrong file is named whether or not anyone answers
    reach_now(broker, connect_ms / 1000)  # kafka-python would take its whole time to fail, and not say why
    try:
        client = kind(**client_options, bootstrap_timeout_ms=connect_ms, **options)
    except (KafkaTimeoutError, KafkaConnectionError) as error:
        msg = f"no Kafka broker answers at {broker.servers}"
        raise BrokerAway(msg) from error
    try:
        yield client
    except (KafkaTimeoutError, KafkaConnectionError) as error:
        msg = f"the Kafka broker at {broker.servers} stopped answering"
        raise BrokerAway(msg) from error
    finally:
        client.close()  # type: ignore[attr-defined]  # each client has it; kafka-python publishes no types


def admin_client(broker: Broker, connect_ms: int = CONNECT_MS) -> AbstractContextManager[KafkaAdminClient]:
    """A client for questions about the broker; closed at the end. Raises `BrokerAway`."""
    return _client(broker, KafkaAdminClient, {}, connect_ms)


def _describe(admin: KafkaAdminClient) -> dict[str, TopicState]:
    names = [one["name"] for one in admin.describe_topics() if not one["is_internal"]]
    return _described(admin, names)


def _described(admin: KafkaAdminClient, names: Iterable[str]) -> dict[str, TopicState]:
    topics = {
        one["name"]: len(one["partitions"]) for one in admin.describe_topics(list(names)) if one["error_code"] == 0
    }
    if not topics:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: TopicState(name, count, {key: entry["value"] for key, entry in configs.get(name, {}).items()})
        for name, count in topics.items()
    }


def _create(admin: KafkaAdminClient, specs: Sequence[TopicSpec], replication: int) -> None:
    wanted = [NewTopic(spec.name, spec.partitions, replication, topic_configs=dict(spec.config)) for spec in specs]
    if not wanted:
        return
    try:
        admin.create_topics(wanted, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return  # somebody else was quicker


def _alter(admin: KafkaAdminClient, differences: Sequence[Difference]) -> None:
    by_topic: dict[str, dict[str, str]] = {}
    for one in differences:
        by_topic.setdefault(one.topic, {})[one.setting] = one.wanted
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, configs=configs) for name, configs in by_topic.items()]
    if resources:
        admin.alter_configs(resources)


def _grow(admin: KafkaAdminClient, differences: Sequence[Difference]) -> None:
    wanted = {one.topic: NewPartitions(int(one.wanted)) for one in differences}
    if wanted:
        admin.create_partitions(wanted)


def _read_partition(consumer: KafkaConsumer, place: TopicPartition, since_us: int | None) -> Iterator[Record]:
    consumer.assign([place])
    end = consumer.end_offsets([place])[place]
    if since_us is None:
        consumer.seek_to_beginning(place)
    else:
        found = consumer.offsets_for_times({place: since_us // 1000})[place]
        consumer.seek(place, end if found is None else found.offset)
    while consumer.position(place) < end:
        for raw in consumer.poll(POLL_MS).get(place, ()):
            if raw.offset < end:
                yield Record(
                    raw.topic, raw.partition, raw.offset, raw.timestamp * 1000, raw.key, raw.value, tuple(raw.headers)
                )


def _send(producer: KafkaProducer, topic: str, partition: int, output: Output) -> Future:
    return producer.send(
        topic,
        key=output.key,
        value=output.value,
        headers=list(output.headers),
        partition=partition,
        timestamp_ms=None if output.timestamp_us is None else output.timestamp_us // 1000,
    )
