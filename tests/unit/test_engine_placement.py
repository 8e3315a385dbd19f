"""Which partition an output goes to."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as theirs
from hypothesis import given
from hypothesis import strategies as st

from engine.murmur import murmur2
from engine.records import EVERY_PARTITION, Output
from engine.writer import by_partition, partition_of

# Kafka's own test vectors for murmur2 (org.apache.kafka.common.utils.UtilsTest)
MURMUR2 = (
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
)


@given(st.binary(max_size=70))
def test_the_hash_is_that_of_aiokafka(key: bytes) -> None:
    assert murmur2(key) == theirs(key) & 0xFFFFFFFF


@pytest.mark.parametrize(("key", "wanted"), MURMUR2)
@pytest.mark.parametrize("partitions", [1, 3, 4, 7, 100])
def test_keys_go_where_kafkas_own_clients_send_them(key: bytes, wanted: int, partitions: int) -> None:
    assert partition_of(key, partitions) == (wanted & 0x7FFFFFFF) % partitions


def test_outputs_keep_their_order_within_a_partition() -> None:
    outputs = [Output("t", b"same", b"%d" % number) for number in range(5)]
    [(place, placed)] = by_partition(outputs, {"t": 4}, 0).items()
    assert place == ("t", partition_of(b"same", 4))
    assert placed == outputs


def test_a_copy_goes_to_every_partition() -> None:
    tick = Output("t", None, b"tick", partition=EVERY_PARTITION)
    assert by_partition([tick], {"t": 3}, 0) == {("t", 0): [tick], ("t", 1): [tick], ("t", 2): [tick]}


def test_records_without_a_key_stay_together_and_move_on_with_the_next_batch() -> None:
    two = [Output("t", None, b"a"), Output("t", None, b"b")]
    assert by_partition(two, {"t": 3}, 4) == {("t", 1): two}
    assert by_partition(two, {"t": 3}, 5) == {("t", 2): two}


def test_a_named_partition_is_taken_whatever_the_key() -> None:
    output = Output("t", b"key", b"a", partition=2)
    assert by_partition([output], {"t": 3}, 0) == {("t", 2): [output]}


@pytest.mark.parametrize("partition", [3, -2])
def test_a_partition_that_is_not_there_is_an_error(partition: int) -> None:
    with pytest.raises(ValueError, match="topic t has 3 partitions"):
        by_partition([Output("t", b"key", b"a", partition=partition)], {"t": 3}, 0)
