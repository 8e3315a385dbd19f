"""Successive snapshots compared: each row with the deal's row in the one before it.

What is the same is told so and keeps only the deal's id; a deal that is not in the next snapshot becomes one more
record, where the mapping asks for that. What a load of last week compared with is remembered (`programs.files.memory`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from programs.files.again import marked
from programs.files.memory import LastSnapshot, Memory, Stood
from programs.files.order import Placed
from topics.sources.cells import Raw
from topics.sources.tables.mapping import Snapshot
from topics.sources.tables.rows import Against, Row, decode, encode

#: Bytes of `Placed.content` that stand for the whole row; what follows stands for its stage and since when.
CONTENT_BYTES = 8
#: The place of what is no row of any table.
NO_TABLE = -1


class _Compared:
    """One table of snapshots, as its rows come in order of time."""

    def __init__(self, name: str, table: Snapshot, memory: Memory) -> None:
        self._name, self._table, self._memory = name, table, memory
        #: The snapshot that is being read; of a load that goes on, the one where it was.
        self._current: LastSnapshot | None = None
        last = memory.last(name)
        #: Snapshots before this instant were compared before.
        self._done_us = 0 if last is None else last.at_us
        self._whole = True

    def skip(self, placed: Placed) -> None:
        """A row that an earlier run of this load has written."""
        self._whole = self._whole and bool(placed.content)
        if self._current is None:
            self._current = self._memory.last(self._name)

    def rows(self, placed: Placed) -> Iterator[Placed]:
        """The row with how it compares; before it, what was missing in the snapshot that it follows."""
        if not placed.content:
            self._whole = False
            yield placed
        elif placed.at_us < self._done_us:
            yield self._bare(placed, Against.OLDER)
        else:
            if self._current is None or placed.at_us > self._current.at_us:
                yield from self.ended()
                self._current = LastSnapshot(placed.at_us, self._said(placed))
                self._memory.lasts(self._name, self._current)
            yield self._against(placed)

    def ended(self) -> Iterator[Placed]:
        """What is missing in the snapshot that was read, now that all of it was.

        Where a row could not be read, nobody knows whose it was: then nothing is missing.
        """
        if self._current is None or self._table.missing is None or not self._whole:
            return
        at_us, said = self._current
        row = decode(said)
        when = self._table.at.cell
        for deal in self._memory.missing(self._name, at_us):
            cells = {self._table.deal: deal.decode(), when: row.row.get(when)}
            record = encode(Row(self._name, row.n, cells, against=Against.MISSING))
            yield Placed(at_us, NO_TABLE, row.n, 0, deal, record, b"")

    def _said(self, placed: Placed) -> bytes:
        """A row by which the snapshot says its time, and nothing else: it is kept on disk."""
        row, when = decode(placed.row), self._table.at.cell
        return encode(Row(self._name, row.n, {when: row.row.get(when)}))

    def _against(self, placed: Placed) -> Placed:
        stood = self._memory.stood(self._name, placed.key)
        if stood is None or stood.content != placed.content or stood.at_us != placed.at_us:
            self._memory.stands(self._name, placed.key, Stood(placed.at_us, placed.content))
        if stood is None:
            return placed
        if stood.content == placed.content:
            return self._bare(placed, Against.SAME)
        same_stage = stood.content[CONTENT_BYTES:] == placed.content[CONTENT_BYTES:]
        return marked(placed, "against", Against.OTHER if same_stage else Against.ENTERED)

    def _bare(self, placed: Placed, against: Against) -> Placed:
        """A row that will be silent, by its deal's id."""
        cells: dict[str, Raw] = {self._table.deal: placed.key.decode()}
        return placed._replace(row=encode(Row(self._name, placed.n, cells, against=against)))


def compared(
    rows: Iterable[Placed], tables: dict[int, tuple[str, Snapshot]], memory: Memory, skip: int = 0
) -> Iterator[Placed]:
    """The rows of all tables, those of snapshots compared. `tables` by their place in the merge.

    The first `skip` rows were written by an earlier run of the same load, with this memory.
    """
    of_place = {place: _Compared(name, table, memory) for place, (name, table) in tables.items()}
    rows = iter(rows)
    for placed in islice(rows, skip):
        if placed.table in of_place:
            of_place[placed.table].skip(placed)
    for placed in rows:
        one = of_place.get(placed.table)
        if one is None:
            yield placed
        else:
            yield from one.rows(placed)
    for one in of_place.values():
        yield from one.ended()
