"""Rejected records once more: which of them go to their raw topic again, and how it is known that they did. Pure.

`crm.rejected` itself is the ledger. In the transaction that sends records again, each one's position is put there, as
a `Rejection` of no rows with the reason `replayed`. So a record is sent and noted, or neither; the note lies on the
partition of what it is about and is kept as long. Run twice, it sends nothing twice. What is rejected again stands
there at a new position, with the header that says where it comes from and how often it was tried.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from engine.records import Output, Record
from topics.catalog import RAW_PREFIX, REJECTED
from topics.codec import decode_rejection, encode
from topics.rejections import REPLAYED, REPLAYED_HEADER, Position, Rejection, Replay

#: In one transaction, by records and by the bytes of their values; the last of them may be larger by itself.
TOGETHER_RECORDS = 500
TOGETHER_BYTES = 2 * 1024 * 1024
#: kafka-python needs 0.3 s of a processor for each megabyte, and a record may have eight. Readers of the raw topic wait
#: for the end of a transaction: where who replays is killed, this long.
TRANSACTION_MS = 30_000


class Asked(NamedTuple):
    """Which rejections are meant. `source` is `<source>/<tenant>`; None means all. `since_us` is when they came in."""

    source: str | None = None
    reason: str | None = None
    since_us: int = 0
    limit: int | None = None
    again: bool = False


class Left(StrEnum):
    """Why one that is meant is not sent."""

    CUT = "cut"
    SENT_BEFORE = "sent_before"
    TRIED = "tried"
    NOT_RAW = "not_raw"
    BEYOND_LIMIT = "beyond_limit"


class Resend(NamedTuple):
    """A record that is sent once more, and the rejection that it is for."""

    rejection: Rejection
    attempt: int

    def outputs(self, *, keep_time: bool) -> tuple[Output, Output]:
        """The record as it was, and the note of it. `keep_time`: its timestamp is the data's clock, else it is now.

        By the wall clock it arrives now: a raw topic would soon delete what is dated a retention ago.
        """
        one = self.rejection
        was = Replay(one.topic, one.partition, one.offset, one.timestamp_us, self.attempt)
        headers = tuple((name, value or b"") for name, value in one.headers if name != REPLAYED_HEADER)
        at_us = one.timestamp_us if keep_time else None
        marked = (*headers, (REPLAYED_HEADER, msgspec.json.encode(was)))
        record = Output(one.topic, one.key, one.value, marked, at_us, one.partition)
        return record, Output(REJECTED, one.source.encode(), encode(note_of(one)))


def note_of(one: Rejection) -> Rejection:
    """What says on crm.rejected that a record was sent again."""
    return Rejection(
        source=one.source, reason=REPLAYED, topic=one.topic, partition=one.partition, offset=one.offset, rows=0
    )


def sent_before(records: Iterable[Record]) -> set[Position]:
    """Where the records stood that were sent again already."""
    notes = (one for one in map(_read, records) if one is not None and one.reason == REPLAYED)
    return {Position(one.topic, one.partition, one.offset) for one in notes}


class Choice:
    """Goes through crm.rejected once; afterwards `sent` and `left` say what became of what was meant, in records."""

    def __init__(self, asked: Asked, sent_before: set[Position]) -> None:
        self._asked, self._before = asked, sent_before
        self._seen: set[Position] = set()
        self.sent: Counter[str] = Counter()
        self.left: Counter[Left] = Counter()

    def of(self, records: Iterable[Record]) -> Iterator[Resend]:
        """Each record that is to be sent again, once, however many of its rows and reasons were meant."""
        for record in records:
            one = _read(record)
            if one is None or one.reason == REPLAYED or not self._meant(one):
                continue
            position = Position(one.topic, one.partition, one.offset)
            if position in self._seen:
                continue
            self._seen.add(position)
            attempt = 1 + attempts(one)
            left = self._left(one, position, attempt)
            if left is not None:
                self.left[left] += 1
                continue
            self.sent[one.reason] += 1
            yield Resend(one, attempt)

    def _meant(self, one: Rejection) -> bool:
        asked = self._asked
        return (
            (asked.source is None or one.source == asked.source)
            and (asked.reason is None or one.reason == asked.reason)
            and one.timestamp_us >= asked.since_us
        )

    def _left(self, one: Rejection, position: Position, attempt: int) -> Left | None:
        if not one.topic.startswith(RAW_PREFIX):
            return Left.NOT_RAW
        if position in self._before:
            return Left.SENT_BEFORE
        if not one.whole:
            return Left.CUT
        if attempt > 1 and not self._asked.again:
            return Left.TRIED
        if self._asked.limit is not None and self.sent.total() >= self._asked.limit:
            return Left.BEYOND_LIMIT
        return None


def attempts(one: Rejection) -> int:
    """How often a rejected record had been sent again when it was rejected; what nobody of us wrote counts as once."""
    written = [value for name, value in one.headers if name == REPLAYED_HEADER]
    try:
        return msgspec.json.decode(written[-1] or b"", type=Replay).attempt if written else 0
    except msgspec.DecodeError:
        return 1


def together(resends: Iterable[Resend]) -> Iterator[Sequence[Resend]]:
    """What goes into one transaction each."""
    some: list[Resend] = []
    size = 0
    for resend in resends:
        some.append(resend)
        size += len(resend.rejection.value or b"")
        if len(some) >= TOGETHER_RECORDS or size >= TOGETHER_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _read(record: Record) -> Rejection | None:
    """A record of crm.rejected; None where it is none of ours."""
    try:
        return decode_rejection(record.value or b"")
    except msgspec.DecodeError:
        return None
