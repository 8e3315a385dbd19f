"""Rows to record batches and back, and what a reader makes of transactions that came to nothing."""

from __future__ import annotations

from typing import Any

from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from engine.logs import _decode, _Stored
from engine.packing import MAX_SEQUENCE, Row, Stamp, pack, rows_of, rows_of_changes
from engine.records import Output

BYTES = st.binary(max_size=60)
HEADERS = st.lists(st.tuples(st.text(max_size=5), BYTES), max_size=2)
ROWS = st.lists(st.tuples(st.integers(0, 2**40), st.none() | BYTES, st.none() | BYTES, HEADERS), max_size=30)


def batches(data: bytes) -> list[Any]:
    """The record batches that the bytes hold."""
    found = MemoryRecords(data)
    read = []
    while found.has_next():
        read.append(found.next_batch())
    return read


@given(ROWS, st.integers(70, 400), st.integers(0, MAX_SEQUENCE - 1))
def test_every_row_comes_back_in_order_and_numbered(rows: list[Row], max_bytes: int, sequence: int) -> None:
    packed = pack(rows, Stamp(5, 2, sequence), max_bytes)
    read: list[Row] = []
    for one, [batch] in ((one, batches(bytes(one.data))) for one in packed):
        assert batch.validate_crc()
        assert (batch.producer_id, batch.producer_epoch, batch.is_transactional) == (5, 2, True)
        assert batch.base_sequence == (sequence + len(read)) % MAX_SEQUENCE
        records = [(record.timestamp, record.key, record.value, list(record.headers)) for record in batch]
        assert len(records) == one.records
        assert len(one.data) <= max_bytes or one.records == 1
        read += records
    assert read == rows


def test_times_are_cut_to_milliseconds_and_absent_ones_left_to_the_moment_of_writing() -> None:
    outputs = [Output("t", b"k", b"v", (("h", b"1"),), 1_234_567), Output("t", None, None)]
    assert rows_of(outputs) == [(1_234, b"k", b"v", [("h", b"1")]), (None, None, None, [])]
    assert rows_of_changes({b"a": b"1", b"b": None}) == [(None, b"a", b"1", []), (None, b"b", None, [])]


def stored(*parts: tuple[int, list[bytes]], aborted: list[tuple[int, int]]) -> _Stored:
    """Batches of (producer, keys), one after another from offset 0; `aborted` as (producer, first offset)."""
    at = 0
    found = []
    for producer, keys in parts:
        [one] = pack([(0, key, b"v", []) for key in keys], Stamp(producer, 0, 0), 10_000)
        data = bytearray(one.data)
        data[:8] = at.to_bytes(8, "big")
        found += batches(bytes(data))
        at += len(keys)
    return _Stored(found, aborted, at)


def test_what_an_aborted_transaction_wrote_is_left_out() -> None:
    found = stored((1, [b"a"]), (2, [b"b", b"c"]), (1, [b"d"]), aborted=[(2, 1)])
    assert [key for key, _ in _decode(found, 0)] == [b"a", b"d"]


def test_what_the_producer_wrote_before_it_aborted_is_kept() -> None:
    found = stored((2, [b"a"]), (2, [b"b"]), aborted=[(2, 1)])
    assert [key for key, _ in _decode(found, 0)] == [b"a"]


def test_reading_on_in_the_middle_of_a_batch_leaves_out_what_was_read() -> None:
    found = stored((1, [b"a", b"b", b"c"]), (1, [b"d"]), aborted=[])
    assert [key for key, _ in _decode(found, 2)] == [b"c", b"d"]
