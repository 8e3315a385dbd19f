"""What the product relies on in a broker, held on the embedded one and on Apache Kafka."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidProducerEpoch, KafkaError, ProducerFenced, UnknownTopicOrPartitionError
from prometheus_client import CollectorRegistry

from engine.admin import TopicSpec, apply, produce, read_all
from engine.embedded import EmbeddedBroker
from engine.link import Link
from engine.loading import state_log
from engine.logs import read_pairs, span_of
from engine.metrics import EngineMetrics
from engine.records import Extent, Output
from engine.settings import Broker, EngineSettings
from engine.state import MemoryStore
from engine.tail import Span, reader
from engine.writer import BatchWriter
from tests.brokers.apache import KafkaCluster, NoKafkaError
from tests.brokers.matrix import on_brokers, on_kafka

SESSION_S = 6.0
"""The shortest that Kafka accepts by default, and the embedded broker at all."""

SETTLE_S = 20.0
GAP_S = 7.0
"""How long the embedded broker is given where it is known to fail: longer than a session."""


def make_topic(broker: Broker, name: str, partitions: int = 1, **config: str) -> None:
    """One topic; a setting's dots are written as underscores."""
    apply(broker, [TopicSpec(name, partitions, {key.replace("_", "."): value for key, value in config.items()})])


async def stable(broker: Broker, topic: str, end: int) -> None:
    """Wait until the last transaction's marker is written: Kafka writes it a moment after it has said yes."""
    async with asyncio.timeout(SETTLE_S), linked(broker) as link:
        while (await span_of(link, topic, 0)).end < end:  # noqa: ASYNC110  # the broker sets no event
            await asyncio.sleep(0.02)


async def never(_: Mapping[bytes, bytes | None]) -> Extent:
    """Nothing is flushed in these tests."""
    raise AssertionError


@asynccontextmanager
async def linked(broker: Broker) -> AsyncIterator[Link]:
    """The broker as the transactions see it."""
    settings = EngineSettings(name="contract", broker=broker, data_dir=Path())
    link = Link(settings, EngineMetrics(CollectorRegistry(), "contract"))
    await link.start()
    try:
        yield link
    finally:
        await link.stop()


async def loaded(broker: Broker, topic: str) -> dict[bytes, bytes]:
    """The state that the first partition of a topic holds."""
    store = MemoryStore(never)
    async with linked(broker) as link:
        await (await state_log(link, topic, 0)).read_on(store)
    return dict(store.items())


@asynccontextmanager
async def producer(broker: Broker, **options: object) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(**broker.client_options(), **options)
    try:
        await client.start()
        yield client
    finally:
        await client.stop()


@asynccontextmanager
async def member(broker: Broker, group: str, *topics: str, **options: object) -> AsyncIterator[AIOKafkaConsumer]:
    client = AIOKafkaConsumer(
        *topics,
        **broker.client_options(),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=int(SESSION_S * 1000),
        heartbeat_interval_ms=500,
        request_timeout_ms=int(SESSION_S * 1000) + 100,
        **options,
    )
    try:
        await client.start()
        yield client
    finally:
        await client.stop()


async def append(client: AIOKafkaProducer, topic: str, count: int) -> None:
    """`count` records as one record batch."""
    batch = client.create_batch()
    for number in range(count):
        batch.append(timestamp=None, key=b"%d" % number, value=b"value")
    batch.close()
    await (await client.send_batch(batch, topic, partition=0))


async def settle(members: Sequence[AIOKafkaConsumer], partitions: int) -> None:
    """Wait until each member has some and together they have all partitions, while each goes on polling."""
    async with asyncio.timeout(SETTLE_S):
        while True:
            await asyncio.gather(*(one.getmany(timeout_ms=100) for one in members))
            held = [one.assignment() for one in members]
            if all(held) and sum(map(len, held)) == partitions == len(frozenset().union(*held)):
                return


async def test_the_end_offset_counts_every_record_of_a_batch(broker: Broker, fresh: str) -> None:
    make_topic(broker, fresh)
    async with producer(broker) as client, linked(broker) as link:
        await append(client, fresh, 100)
        assert await span_of(link, fresh, 0) == (0, 100)
        await append(client, fresh, 7)
        assert await span_of(link, fresh, 0) == (0, 107)


async def test_a_group_goes_on_where_it_committed(broker: Broker, fresh: str) -> None:
    make_topic(broker, fresh)
    async with producer(broker) as client:
        await append(client, fresh, 10)
    place = TopicPartition(fresh, 0)
    async with member(broker, fresh, fresh) as first:
        await settle([first], 1)
        await first.commit({place: 4})
    async with member(broker, fresh, fresh) as second:
        record = await asyncio.wait_for(second.getone(), SETTLE_S)
        assert record.offset == 4


async def test_two_members_share_the_partitions_and_one_takes_over(broker: Broker, fresh: str) -> None:
    make_topic(broker, fresh, 4)
    async with member(broker, fresh, fresh) as first:
        await settle([first], 4)
        async with member(broker, fresh, fresh) as second:
            await settle([first, second], 4)
        await settle([first], 4)


@pytest.fixture
def patience_s(request: pytest.FixtureRequest) -> float:
    return GAP_S if request.node.callspec.params["broker"] == "embedded" else SETTLE_S


@on_brokers(
    embedded_fails="a commit during a join is answered with error 22 and leaves a ghost in the group", slowly=True
)
async def test_a_commit_that_falls_into_a_join_leaves_the_group_whole(
    broker: Broker, fresh: str, patience_s: float
) -> None:
    make_topic(broker, fresh, 4)
    async with member(broker, fresh, fresh) as first:
        await settle([first], 4)
        places = sorted(first.assignment())
        committing = asyncio.create_task(_commit_without_end(first, places))
        try:
            async with asyncio.timeout(patience_s), member(broker, fresh, fresh) as second:
                await asyncio.sleep(1.0)
                committing.cancel()
                await settle([first, second], 4)
        finally:
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)


async def _commit_without_end(consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
    for turn in count():
        ours = {place: turn for place in places if place in consumer.assignment()}
        with suppress(KafkaError):  # a refusal is right while the group joins; a broken group is not
            await consumer.commit(ours)
        await asyncio.sleep(0.02)


MEMBER = """
import asyncio, sys
from aiokafka import AIOKafkaConsumer
async def main(servers, name):
    consumer = AIOKafkaConsumer(name, bootstrap_servers=servers, group_id=name, session_timeout_ms=6000,
                                heartbeat_interval_ms=500, enable_auto_commit=False)
    await consumer.start()
    while True:
        await consumer.getmany(timeout_ms=200)
        if consumer.assignment():
            print("assigned", flush=True)
asyncio.run(main(*sys.argv[1:]))
"""


@on_brokers(embedded_fails="a member that stops its heartbeats keeps its partitions", slowly=True)
async def test_a_frozen_member_loses_its_partitions(broker: Broker, fresh: str, patience_s: float) -> None:
    make_topic(broker, fresh, 4)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MEMBER, broker.servers, fresh, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), SETTLE_S) == b"assigned\n"
        process.send_signal(signal.SIGSTOP)
        async with asyncio.timeout(patience_s), member(broker, fresh, fresh) as heir:
            await settle([heir], 4)
    finally:
        process.kill()
        await process.communicate()


@pytest.mark.parametrize("ending", ["committed", "aborted"])
async def test_state_loads_from_a_log_that_ends_in_a_marker(broker: Broker, fresh: str, ending: str) -> None:
    make_topic(broker, fresh, 1, cleanup_policy="compact")
    async with producer(broker, transactional_id=fresh) as client:
        async with client.transaction():
            await append(client, fresh, 50)
        if ending == "aborted":
            await client.begin_transaction()
            await append(client, fresh, 70)
            await client.abort_transaction()
    await stable(broker, fresh, 51 if ending == "committed" else 122)
    async with asyncio.timeout(SETTLE_S):
        assert await loaded(broker, fresh) == {b"%d" % number: b"value" for number in range(50)}


async def test_readers_see_committed_transactions_only(broker: Broker, fresh: str) -> None:
    make_topic(broker, fresh)
    async with producer(broker, transactional_id=fresh) as client:
        async with client.transaction():
            await client.send_and_wait(fresh, b"kept", key=b"a")
        await client.begin_transaction()
        await client.send_and_wait(fresh, b"dropped", key=b"b")
        await client.abort_transaction()
        async with client.transaction():
            await client.send_and_wait(fresh, b"kept too", key=b"c")
    assert [record.value for record in read_all(broker, fresh)] == [b"kept", b"kept too"]


async def test_a_reader_that_begins_after_an_aborted_transaction_misses_nothing(broker: Broker, fresh: str) -> None:
    make_topic(broker, fresh)
    async with producer(broker, transactional_id=fresh) as client:
        for value in (b"first", b"dropped", b"second", b"third"):
            await client.begin_transaction()
            await client.send_and_wait(fresh, value, key=value)
            await (client.abort_transaction() if value == b"dropped" else client.commit_transaction())
    await stable(broker, fresh, 8)
    async with linked(broker) as link, reader(broker, [(fresh, 0)]) as consumer:
        place = TopicPartition(fresh, 0)
        for begin, wanted in ((0, [b"first", b"second", b"third"]), (3, [b"second", b"third"]), (6, [b"third"])):
            chunks = [chunk async for chunk in read_pairs(link, fresh, 0, Span(begin, 8))]
            assert [value for chunk in chunks for _, value in chunk.pairs] == wanted
            consumer.seek(place, begin)
            consumer.resume(place)
            got = await consumer.getmany(place, timeout_ms=5_000)
            assert [record.value for record in got.get(place, ())] == wanted
            consumer.pause(place)


async def test_a_newer_producer_fences_the_older(broker: Broker, fresh: str) -> None:
    make_topic(broker, fresh)
    async with producer(broker, transactional_id=fresh) as older:
        await older.begin_transaction()
        await older.send_and_wait(fresh, b"older", key=b"a")
        async with producer(broker, transactional_id=fresh) as newer, newer.transaction():
            await newer.send_and_wait(fresh, b"newer", key=b"b")
        with pytest.raises((ProducerFenced, InvalidProducerEpoch)):
            await older.commit_transaction()
    assert [record.value for record in read_all(broker, fresh)] == [b"newer"]


async def test_offsets_travel_in_the_transaction(broker: Broker, fresh: str) -> None:
    make_topic(broker, fresh)
    place = TopicPartition(fresh, 0)
    async with member(broker, fresh, fresh) as consumer, producer(broker, transactional_id=fresh) as client:
        await settle([consumer], 1)
        async with client.transaction():
            await client.send_offsets_to_transaction({place: 3}, fresh)
        await client.begin_transaction()
        await client.send_offsets_to_transaction({place: 9}, fresh)
        await client.abort_transaction()
        assert await consumer.committed(place) == 3


def test_reading_and_writing_a_topic_that_nobody_made_is_refused(broker: Broker, fresh: str) -> None:
    with pytest.raises(LookupError, match="does not exist"):
        produce(broker, [Output(fresh, b"key", b"value")])
    with pytest.raises(LookupError, match="does not exist"):
        list(read_all(broker, fresh))


@on_brokers(embedded_fails="it makes a topic that a producer asks about, with one partition")
async def test_a_broker_makes_no_topic_by_itself(broker: Broker, fresh: str) -> None:
    async with producer(broker, request_timeout_ms=2_000) as client:
        with pytest.raises(UnknownTopicOrPartitionError):
            await client.send_and_wait(fresh, b"value", key=b"key")


async def test_a_message_of_fifteen_megabytes_passes(broker: Broker, fresh: str, tmp_path: Path) -> None:
    make_topic(broker, fresh, 1, max_message_bytes=str(16 * 1024 * 1024))
    settings = EngineSettings(name=fresh, broker=broker, data_dir=tmp_path)
    writer = BatchWriter(settings, EngineMetrics(CollectorRegistry(), fresh))
    value = bytes(15 * 1024 * 1024)
    await writer.start()
    try:
        await writer.write([Output(fresh, b"key", value)])
    finally:
        await writer.stop()
    assert await loaded(broker, fresh) == {b"key": value}


@on_kafka
async def test_state_loads_from_a_log_that_compaction_has_thinned(broker: Broker, fresh: str, tmp_path: Path) -> None:
    make_topic(
        broker,
        fresh,
        1,
        cleanup_policy="compact",
        segment_ms="100",
        min_cleanable_dirty_ratio="0.01",
        min_compaction_lag_ms="0",
        delete_retention_ms="0",
    )
    settings = EngineSettings(name=fresh, broker=broker, data_dir=tmp_path)
    metrics = EngineMetrics(CollectorRegistry(), fresh)
    writer = BatchWriter(settings, metrics)
    await writer.start()
    try:
        for turn in range(20):
            await writer.append(fresh, 0, {b"%d" % number: b"%d" % turn for number in range(5)})
            await asyncio.sleep(0.15)
        await writer.append(fresh, 0, {b"%d" % number: None for number in range(4)})
        async with asyncio.timeout(30):
            while len(list(read_all(broker, fresh))) > 60:  # noqa: ASYNC110  # the cleaner tells nobody
                await asyncio.sleep(0.3)
        async with asyncio.timeout(SETTLE_S):
            assert await loaded(broker, fresh) == {b"4": b"19"}
    finally:
        await writer.stop()


@pytest.mark.broker
def test_the_embedded_broker_keeps_its_data_over_a_restart(tmp_path: Path, fresh: str) -> None:
    with EmbeddedBroker(tmp_path) as running:
        _fill(Broker(running.servers), fresh)
    with EmbeddedBroker(tmp_path) as running:
        _find(Broker(running.servers), fresh)


@pytest.mark.chaos
@pytest.mark.kafka
def test_kafka_keeps_its_data_over_a_kill(tmp_path: Path, fresh: str) -> None:
    cluster = KafkaCluster(tmp_path)
    try:
        try:
            cluster.start()
        except NoKafkaError as error:
            pytest.skip(f"no Apache Kafka here: {error}")
        _fill(Broker(cluster.servers), fresh)
        cluster.kill()
        cluster.start()
        _find(Broker(cluster.servers), fresh)
    finally:
        cluster.kill()


def _fill(broker: Broker, name: str) -> None:
    make_topic(broker, name, 2, cleanup_policy="compact")
    produce(broker, [Output(name, b"%d" % number, b"value") for number in range(100)])


def _find(broker: Broker, name: str) -> None:
    assert {record.key for record in read_all(broker, name)} == {b"%d" % number for number in range(100)}
