"""What happens to records between the CRM and us: they come late, twice, or broken."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heappop, heappush
from random import Random
from typing import NamedTuple

from signals.simulation.changes import Planted
from topics.instants import HOUR_US, SECOND_US
from topics.outcomes import RawRecord


class Emitted(NamedTuple):
    """One record on the raw topic of a source, and the faults that it causes."""

    source: str
    record: RawRecord
    planted: tuple[Planted, ...] = ()


class Trouble(NamedTuple):
    """How untidy the way is; shares are of all records.

    `late` of them are delayed by up to `horizon_us`, `repeated` of them come a second time within the horizon,
    and beside them `garbage` as many arrive that nobody can read; `gaps` is the share of a deal's updates of which
    the CRM says only that there was one.
    """

    horizon_us: int = 36 * HOUR_US
    late: float = 0.0
    repeated: float = 0.0
    garbage: float = 0.0
    gaps: float = 0.0


TIDY = Trouble()
DISORDER = Trouble(late=0.4, repeated=0.1)
LIVE = Trouble(horizon_us=2 * HOUR_US, late=0.01, repeated=0.01, garbage=0.002)

_HUGE = 1_200_000
_UPDATE = (
    '{"ChangeEventHeader":{"entityName":"%s","recordIds":["%%(deal)s"],"changeType":"UPDATE","transactionKey":"broken",'
    '"sequenceNumber":1,"commitTimestamp":%s,"commitNumber":1,"changedFields":["%s"]},"%s":%s}'
)
_SPOILS: tuple[str, ...] = (
    "<html>502 Bad Gateway</html>",
    (_UPDATE % ("Opportunity", "%(ms)d", "Amount", "Amount", "1"))[:-40],
    _UPDATE % ("Opportunity", "%(ms)d", "Amount", "Amount", '{"value":"a lot"}'),
    _UPDATE % ("Opportunity", "%(ms)d", "CloseDate", "CloseDate", '"9999-12-31"'),
    _UPDATE % ("Opportunity", '"yesterday"', "StageName", "StageName", '"Prospecting"'),
    _UPDATE % ("Frobnication", "%(ms)d", "Amount", "Amount", "1"),
    _UPDATE % ("Opportunity", "%(ms)d", "NextStep", "NextStep", f'"{"x" * _HUGE}"'),
)


def arrive(rng: Random, sent: Iterator[Emitted], trouble: Trouble) -> Iterator[Emitted]:
    """The records in the order of their arrival, `timestamp_us` being its instant; buffers one horizon."""
    if not (trouble.late or trouble.repeated or trouble.garbage):
        yield from sent
        return
    waiting: list[tuple[int, int, Emitted]] = []
    number = 0
    for emitted in sent:
        now = emitted.record.timestamp_us
        while waiting and waiting[0][0] <= now:
            yield _at(*heappop(waiting))
        for arrives, what in _fates(rng, emitted, trouble):
            number += 1
            heappush(waiting, (arrives, number, what))
    while waiting:
        yield _at(*heappop(waiting))


def _fates(rng: Random, emitted: Emitted, trouble: Trouble) -> Iterator[tuple[int, Emitted]]:
    now = emitted.record.timestamp_us
    delayed = trouble.late and rng.random() < trouble.late
    yield now + (rng.randrange(trouble.horizon_us) if delayed else rng.randrange(SECOND_US)), emitted
    if trouble.repeated and rng.random() < trouble.repeated:
        yield now + rng.randrange(trouble.horizon_us), emitted._replace(planted=())
    if trouble.garbage and rng.random() < trouble.garbage:
        yield now, _garbage(rng, emitted)


def _garbage(rng: Random, emitted: Emitted) -> Emitted:
    """A record that must be rejected, under the key of a real one; a megabyte is rarer than the rest."""
    record = emitted.record
    key = record.key.decode() if record.key else ""
    weights = [10] * (len(_SPOILS) - 1) + [1]
    text = rng.choices(_SPOILS, weights)[0] % {"deal": key, "ms": record.timestamp_us // 1000}
    return Emitted(emitted.source, RawRecord(record.key, text.encode(), record.headers, record.timestamp_us))


def _at(arrives: int, _number: int, emitted: Emitted) -> Emitted:
    return emitted._replace(record=emitted.record._replace(timestamp_us=arrives))
