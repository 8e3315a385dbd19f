"""A history by days that goes A, B, A comes back to A: such a row is no repeat, and says how often it came back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from programs.files.order import Placed

#: So many deals of one instant are remembered, 150 bytes each: a history in which more of them change at the same
#: instant, and back, is none.
MAX_SEEN = 500_000

_Deal: TypeAlias = tuple[int, bytes]


def returning(rows: Iterable[Placed]) -> Iterator[Placed]:
    """The rows of a history in order of time, each with how often it was left before for another one of its instant.

    A row that is written twice running did not come back. Counted within a file: what two exports overlap in is a
    repeat. What was seen of an instant is forgotten after it, so nothing grows with the history.
    """
    last: dict[_Deal, bytes] = {}
    times: dict[tuple[_Deal, bytes], int] = {}
    at_us = -1
    for row in rows:
        if not row.content:  # a row that cannot be read says nothing of its deal
            yield row
            continue
        if row.at_us != at_us or len(last) > MAX_SEEN:
            last.clear()
            times.clear()
            at_us = row.at_us
        deal, content = (row.file, row.key), row.content
        before = last.get(deal)
        if before is None or before == content:
            last[deal] = content
            again = times.get((deal, content), 0)
        else:
            times.setdefault((deal, before), 0)
            again = times[deal, content] = times.get((deal, content), -1) + 1
            last[deal] = content
        yield marked(row, "again", again) if again else row


def marked(row: Placed, name: str, value: int | str) -> Placed:
    """The row with one more word in its record, which is a JSON object and never empty."""
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return row._replace(row=row.row[:-1] + f',"{name}":{text}}}'.encode())
