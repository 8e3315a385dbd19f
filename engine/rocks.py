"""The store on disk: RocksDB through `rocksdict`."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import structlog
from rocksdict import Options, Rdict, WriteBatch

from engine.state import AppendChanges, Changes, Pair, unsettled
from engine.tail import Span

log = structlog.get_logger(__name__)

_DATA = b"d"
_MARK = b"m"
_NUMBER_BYTES = 8

WARM_LIMIT_S = 12 * 3600
"""Files untouched for longer are rebuilt: the log forgets deletions after `delete.retention.ms` (Kafka's default:
24 h), and files that missed one would keep a key for ever."""


class Mark(NamedTuple):
    """Up to which offset of the log the files stand, and when (seconds of the wall clock) that was written."""

    position: int
    written_at_s: int

    def pack(self) -> bytes:
        """As stored."""
        return self.position.to_bytes(_NUMBER_BYTES, "big") + self.written_at_s.to_bytes(_NUMBER_BYTES, "big")

    @classmethod
    def unpack(cls, raw: bytes) -> Mark:
        """From the stored form."""
        return cls(int.from_bytes(raw[:_NUMBER_BYTES], "big"), int.from_bytes(raw[_NUMBER_BYTES:], "big"))

    def usable(self, span: Span, now_s: float) -> bool:
        """Whether a log that holds `span` can be read on from here."""
        return span.first <= self.position <= span.end and now_s - self.written_at_s <= WARM_LIMIT_S


class RocksStore:
    """The state on disk, so that a restart reads only the tail of the log.

    Written only after the transaction has committed, together with the offset up to which it stands for the log, in
    one atomic write batch: whatever kills the process, the files equal the log up to that offset, and loading goes on
    from there. One worker owns the files; RocksDB's lock keeps a second one out.
    """

    def __init__(self, path: Path, append: AppendChanges, span: Span, now: Callable[[], float] = time.time) -> None:
        """Open, or start anew where the files cannot stand for a log that holds `span`."""
        self._append = append
        self._now = now
        self._dirty: Changes = {}
        self._flushing = asyncio.Lock()
        self._db = _open(path)
        self._mark = _mark_of(self._db)
        if self._mark is not None and not self._mark.usable(span, now()):
            self._db.close()
            shutil.rmtree(path)
            self._db, self._mark = _open(path), None

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None."""
        if key in self._dirty:
            return self._dirty[key]
        value: bytes | None = self._db.get(_DATA + key)
        return value

    def put(self, key: bytes, value: bytes | None) -> None:
        """Set a key; None deletes it."""
        self._dirty[key] = value

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys with their values: what is not yet durable, then the rest from disk."""
        changed = dict(self._dirty)
        yield from ((key, value) for key, value in changed.items() if value is not None)
        for raw, value in self._db.items(from_key=_DATA):
            if not raw.startswith(_DATA):
                return
            if raw[1:] not in changed:
                yield raw[1:], value

    async def flush(self) -> None:
        """Append what changed to the log, then write it to disk; what changes meanwhile goes with the next."""
        async with self._flushing:
            if changes := self.changes():
                self.settle(changes, (await self._append(changes)).end)

    def resume_offset(self) -> int | None:
        """Where the files end; None: they are empty."""
        return None if self._mark is None else self._mark.position

    def absorb(self, pairs: Iterable[Pair], next_offset: int) -> None:
        """Take in keys and values of the log."""
        self._write(pairs, next_offset)

    def changes(self) -> Changes:
        """A copy of what is not yet durable."""
        return self._dirty.copy()

    def settle(self, changes: Mapping[bytes, bytes | None], next_offset: int) -> None:
        """These changes are durable: write them to disk, with the log's offset."""
        self._write(changes.items(), next_offset)
        self._dirty = unsettled(self._dirty, changes)

    def forget_changes(self) -> None:
        """Go back to what the log holds."""
        self._dirty = {}

    def append_with(self, append: AppendChanges) -> None:
        """The store went to a new lane."""
        self._append = append

    def close(self) -> None:
        """Close the files. Of a disk that is full RocksDB complains once more; what the files lack, the log has."""
        try:
            self._db.close()
        except Exception as error:  # noqa: BLE001  # RocksDB's errors have no type of their own
            log.warning("the store on disk was not closed in order", error=str(error))

    def __len__(self) -> int:
        """An estimate of the number of keys, by RocksDB."""
        return int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0)

    def _write(self, pairs: Iterable[Pair], position: int) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, value in pairs:
            if value is None:
                batch.delete(_DATA + key)
            else:
                batch.put(_DATA + key, value)
        mark = Mark(position, int(self._now()))
        batch.put(_MARK, mark.pack())
        self._db.write(batch)
        self._mark = mark


def _open(path: Path) -> Rdict:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    return Rdict(str(path), options)


def _mark_of(db: Rdict) -> Mark | None:
    raw = db.get(_MARK)
    return None if raw is None else Mark.unpack(raw)
