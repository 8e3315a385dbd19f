"""Both stores keep one contract; the one on disk goes on where it was, whatever killed it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from engine.records import Extent
from engine.rocks import WARM_LIMIT_S, RocksStore
from engine.state import LoadedStore, MemoryStore, NoStore
from engine.tail import Span

NOW_S = 1_700_000_000.0


class Log:
    """The log of a state partition, in a list."""

    def __init__(self, begins: int = 0) -> None:
        self.entries: list[tuple[bytes, bytes | None]] = []
        self.begins = begins

    async def append(self, changes: Mapping[bytes, bytes | None]) -> Extent:
        """Append, and say where; it takes a moment."""
        await asyncio.sleep(0.001)
        first = self.begins + len(self.entries)
        self.entries.extend(changes.items())
        return Extent(first, first + len(changes))


MakeStore = Callable[[Log], LoadedStore]


@pytest.fixture(params=["memory", "rocksdb"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    opened: list[LoadedStore] = []

    def open_store(log: Log) -> LoadedStore:
        if request.param == "memory":
            store: LoadedStore = MemoryStore(log.append)
        else:
            store = RocksStore(tmp_path / "db", log.append, Span(0, 0), lambda: NOW_S)
        opened.append(store)
        return store

    yield open_store
    for store in opened:
        store.close()


async def test_a_change_is_visible_at_once_and_logged_on_flush(make: MakeStore) -> None:
    log = Log()
    store = make(log)
    store.put(b"a", b"1")
    store.put(b"b", b"2")
    store.put(b"a", None)
    assert store.get(b"a") is None
    assert store.get(b"b") == b"2"
    assert dict(store.items()) == {b"b": b"2"}
    assert log.entries == []
    await store.flush()
    assert log.entries == [(b"a", None), (b"b", b"2")]
    assert store.get(b"b") == b"2"
    assert dict(store.items()) == {b"b": b"2"}


async def test_a_flush_without_changes_writes_nothing(make: MakeStore) -> None:
    log = Log()
    store = make(log)
    await store.flush()
    store.put(b"a", b"1")
    await store.flush()
    await store.flush()
    assert log.entries == [(b"a", b"1")]


async def test_what_comes_from_the_log_is_not_written_again(make: MakeStore) -> None:
    log = Log()
    store = make(log)
    store.absorb([(b"a", b"1"), (b"b", b"2"), (b"a", None)], 3)
    await store.flush()
    assert dict(store.items()) == {b"b": b"2"}
    assert log.entries == []


async def test_a_value_may_be_empty_and_a_key_any_bytes(make: MakeStore) -> None:
    store = make(Log())
    keys = [b"", b"\x00", b"\xff" * 3, b"m", b"d"]
    for key in keys:
        store.put(key, b"")
    await store.flush()
    assert dict(store.items()) == dict.fromkeys(keys, b"")


def open_rocks(path: Path, log: Log, end: int, now_s: float = NOW_S, first: int = 0) -> RocksStore:
    return RocksStore(path, log.append, Span(first, end), lambda: now_s)


async def test_a_reopened_store_goes_on_where_it_was(tmp_path: Path) -> None:
    log = Log()
    first = open_rocks(tmp_path, log, 0)
    first.absorb([], 0)
    first.put(b"a", b"1")
    await first.flush()
    first.put(b"b", b"never flushed")
    first.close()
    second = open_rocks(tmp_path, log, 1)
    assert second.resume_offset() == 1
    assert dict(second.items()) == {b"a": b"1"}
    second.close()


@pytest.mark.parametrize(
    ("sentence", "span", "now_s"),
    [
        ("the log ends before the files: it was made anew", Span(0, 0), NOW_S),
        ("the log begins after the files: some of it was never read", Span(2, 9), NOW_S),
        ("the files are old: the log may have forgotten a deletion", Span(0, 9), NOW_S + WARM_LIMIT_S + 1),
    ],
)
async def test_files_that_cannot_stand_for_the_log_are_dropped(
    tmp_path: Path, sentence: str, span: Span, now_s: float
) -> None:
    log = Log()
    first = open_rocks(tmp_path, log, 0)
    first.absorb([(b"a", b"1")], 1)
    first.close()
    second = open_rocks(tmp_path, log, span.end, now_s, span.first)
    assert second.resume_offset() is None, sentence
    assert dict(second.items()) == {}
    second.close()


async def test_what_comes_to_nothing_is_forgotten(make: MakeStore) -> None:
    log = Log()
    store = make(log)
    store.put(b"a", b"1")
    store.put(b"b", b"2")
    await store.flush()
    store.put(b"a", b"never committed")
    store.put(b"b", None)
    store.put(b"c", b"never committed")
    store.forget_changes()
    assert dict(store.items()) == {b"a": b"1", b"b": b"2"}
    assert store.get(b"c") is None
    assert store.changes() == {}
    assert store.resume_offset() == 2


async def test_what_is_put_while_changes_are_written_is_a_change_of_its_own(make: MakeStore) -> None:
    store = make(Log())
    store.put(b"a", b"1")
    store.put(b"b", b"1")
    taken = store.changes()
    store.put(b"a", b"2")
    store.put(b"c", b"1")
    store.settle(taken, 2)
    assert store.changes() == {b"a": b"2", b"c": b"1"}
    assert store.get(b"a") == b"2"
    assert dict(store.items()) == {b"a": b"2", b"b": b"1", b"c": b"1"}


async def test_two_flushes_at_once_write_each_change_once(make: MakeStore) -> None:
    log = Log()
    store = make(log)
    store.put(b"a", b"1")
    first = asyncio.ensure_future(store.flush())
    await asyncio.sleep(0)
    store.put(b"b", b"1")
    await asyncio.gather(first, store.flush(), store.flush())
    assert log.entries == [(b"a", b"1"), (b"b", b"1")]


def _write_and_die(path: Path) -> None:
    async def write() -> None:
        log = Log()
        store = open_rocks(path, log, 0)
        store.absorb([], 0)
        for number in range(100):
            store.put(b"%d" % number, b"value")
            await store.flush()
        store.put(b"lost", b"not flushed")
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(write())


def test_a_kill_leaves_what_was_flushed_and_its_offset(tmp_path: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_write_and_die, args=(tmp_path,))
    child.start()
    child.join(30)
    assert child.exitcode == -signal.SIGKILL
    store = open_rocks(tmp_path, Log(), 100)
    assert store.resume_offset() == 100
    assert dict(store.items()) == {b"%d" % number: b"value" for number in range(100)}
    store.close()


def test_a_program_without_a_state_topic_cannot_remember() -> None:
    store = NoStore()
    assert store.get(b"a") is None
    assert list(store.items()) == []
    with pytest.raises(TypeError, match="no state topic"):
        store.put(b"a", b"1")
