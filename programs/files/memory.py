"""What is remembered between two loads of a source, in one SQLite file of `data_dir`.

How the last snapshots stood, and how far a load has come: both in one transaction, so that neither is ahead of the
other when the loader is killed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from typing import NamedTuple

from programs.failures import WorkError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deals (
  tbl TEXT NOT NULL, deal BLOB NOT NULL, at_us INTEGER NOT NULL, content BLOB NOT NULL, PRIMARY KEY (tbl, deal)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots (tbl TEXT PRIMARY KEY, at_us INTEGER NOT NULL, said BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS progress (load TEXT PRIMARY KEY, rows INTEGER NOT NULL, ends INTEGER NOT NULL) WITHOUT ROWID;
"""
#: SQLite's own, in KB: what is over it is read from the file again, which the machine holds in its memory.
_CACHE_KB = 65_536
_PAGE = 10_000


class Stood(NamedTuple):
    """A deal's row in the last snapshot that had it: the snapshot's time, and what stands for what the row said."""

    at_us: int
    content: bytes


class LastSnapshot(NamedTuple):
    """The last snapshot of a table: its time, and the row by which it said it (encoded)."""

    at_us: int
    said: bytes


class Progress(NamedTuple):
    """How far a load has come: rows that stand on the raw topic, and where that ended then."""

    rows: int
    ends: int


class Memory:
    """What is remembered of one source. Nothing is kept before `commit`.

    One at a time: raises WorkError where another load of the source is running, and for a file that is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)  # it holds ids of deals
            self._database = sqlite3.connect(path, isolation_level=None)
            # A killed process loses nothing that was committed; a machine that loses power, at most the last moments.
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
            self._database.executescript(_SCHEMA)
            self._database.execute("BEGIN IMMEDIATE")
        except (OSError, sqlite3.Error) as error:
            message = f"{path}: {error}"
            raise WorkError(message) from None
        self._changed: dict[tuple[str, bytes], Stood] = {}
        rmtree(self.scratch, ignore_errors=True)  # of a loader that was killed: we are the only one now

    @property
    def scratch(self) -> Path:
        """A folder for what a load sorts."""
        return self._path.with_suffix(".sort")

    def close(self) -> None:
        """Forget what was not committed."""
        self._database.close()

    def commit(self) -> None:
        """Keep everything so far. Raises WorkError: a full disk."""
        try:
            self._write_changes()
            self._database.execute("COMMIT")
            self._database.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            message = f"{self._path}: {error}"
            raise WorkError(message) from None

    def roll_back(self) -> None:
        """As it was at the last `commit`."""
        self._changed.clear()
        self._database.execute("ROLLBACK")
        self._database.execute("BEGIN IMMEDIATE")

    # --- snapshots

    def stood(self, table: str, deal: bytes) -> Stood | None:
        """How a deal stood in the last snapshot that had it."""
        changed = self._changed.get((table, deal))
        if changed is not None:
            return changed
        found = self._database.execute(
            "SELECT at_us, content FROM deals WHERE tbl = ? AND deal = ?", (table, deal)
        ).fetchone()
        return None if found is None else Stood(*found)

    def stands(self, table: str, deal: bytes, stood: Stood) -> None:
        """It stands so from now on."""
        self._changed[table, deal] = stood
        if len(self._changed) >= _PAGE:
            self._write_changes()

    def _write_changes(self) -> None:
        self._database.executemany(
            "INSERT OR REPLACE INTO deals VALUES (?, ?, ?, ?)", ((*key, *stood) for key, stood in self._changed.items())
        )
        self._changed.clear()

    def missing(self, table: str, at_us: int) -> Iterator[bytes]:
        """The deals whose last snapshot is an earlier one; each is forgotten as it is given."""
        self._write_changes()
        last = b""
        while True:
            page = self._database.execute(
                "SELECT deal FROM deals WHERE tbl = ? AND deal > ? AND at_us < ? ORDER BY deal LIMIT ?",
                (table, last, at_us, _PAGE),
            ).fetchall()
            for (deal,) in page:
                last = deal
                self._database.execute("DELETE FROM deals WHERE tbl = ? AND deal = ?", (table, deal))
                yield deal
            if len(page) < _PAGE:
                return

    def last(self, table: str) -> LastSnapshot | None:
        """The last snapshot of a table."""
        found = self._database.execute("SELECT at_us, said FROM snapshots WHERE tbl = ?", (table,)).fetchone()
        return None if found is None else LastSnapshot(*found)

    def lasts(self, table: str, last: LastSnapshot) -> None:
        """It is this one from now on."""
        self._database.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", (table, *last))

    def forget_snapshots(self) -> None:
        """Compare with nothing from now on."""
        self._changed.clear()
        self._database.execute("DELETE FROM deals")
        self._database.execute("DELETE FROM snapshots")

    # --- loads

    def progress(self, load: str) -> Progress | None:
        """How far a load has come that did not end."""
        found = self._database.execute("SELECT rows, ends FROM progress WHERE load = ?", (load,)).fetchone()
        return None if found is None else Progress(*found)

    def came(self, load: str, progress: Progress) -> None:
        """It has come so far."""
        self._database.execute("INSERT OR REPLACE INTO progress VALUES (?, ?, ?)", (load, *progress))

    def ended(self, load: str) -> None:
        """It is complete: from the beginning, the next time."""
        self._database.execute("DELETE FROM progress WHERE load = ?", (load,))
