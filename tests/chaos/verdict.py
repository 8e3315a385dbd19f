"""Holds what stands on the topics against what should: lost, twice or wrong, out of order, another final state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from engine.records import Record
from tests.chaos.oracle import Expected, Logs, Place, Row, Slot, counted, is_input, row_of, standing
from topics.catalog import ALERT_LOG, ALERT_OUTBOX, DEAL_SIGNALS, PIPELINE_INDICATORS

#: What has a defined order: one program's rows in one partition of a topic, where all of them follow from one input;
#: what people are told, for each of them.
ORDERED = (("detect", DEAL_SIGNALS),)
ORDERED_BY_KEY = (("notify", ALERT_OUTBOX),)
#: What on a compacted topic says when the last batch was made that it is of: batches are not the same.
MADE_AT = {PIPELINE_INDICATORS: "as_of"}
SHOWN = 3
TWICE = "twice"


class Difference(NamedTuple):
    """One kind of difference on one topic, how often, and the first few."""

    topic: str
    what: str
    times: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.topic}: {self.times} {self.what}, e.g. {' | '.join(self.examples)}"


def differences(logs: Logs, should: Expected) -> list[Difference]:
    """Every difference between the topics and the oracle, none when the run was right."""
    found: list[Difference] = []
    for topic, records in logs.items():
        if topic in should.finals:
            found += _finals(topic, records, should.finals[topic])
        elif topic in should.rows:
            found += _rows(topic, records, should.rows[topic])
    for place, rows in should.said.items():
        what = (place.program, place.topic)
        if what in ORDERED or what in ORDERED_BY_KEY:
            found += _order(place, logs[place.topic], rows, by_key=what in ORDERED_BY_KEY)
    return found


def repeated(records: Iterable[Record]) -> int:
    """How many records stand on an append-only topic more than once, key and value the same."""
    counts = counted(row_of(record.topic, record.key, record.value) for record in records if not is_input(record))
    return sum(count - 1 for count in counts.values())


def _rows(topic: str, records: Sequence[Record], should: Sequence[Row]) -> list[Difference]:
    rows = [row_of(topic, record.key, record.value) for record in records if not is_input(record)]
    actual, wanted = counted(standing(topic, rows)), counted(standing(topic, should))
    lost, more = wanted - actual, actual - wanted
    twice = Counter({row: count for row, count in more.items() if row in wanted})
    if topic == ALERT_LOG:
        more = twice  # `send` writes here, too
    return [
        Difference(topic, what, sum(rows.values()), _examples(rows))
        for what, rows in (("lost", lost), (TWICE, twice), ("not expected", more - twice))
        if rows
    ]


def _order(place: Place, records: Sequence[Record], should: Sequence[Row], *, by_key: bool) -> list[Difference]:
    keys = {key for key, _ in should}
    mine = (record for record in records if record.partition == place.partition and record.key in keys)
    actual = [row_of(place.topic, record.key, record.value) for record in mine]
    if by_key:  # those of one key keep their order
        actual, should = sorted(actual, key=_key), sorted(should, key=_key)
    if actual == should:
        return []
    first = next((at for at, (one, other) in enumerate(zip(actual, should, strict=False)) if one != other), len(actual))
    where = f"partition {place.partition}, row {first} of {len(should)}"
    return [Difference(place.topic, "partition that differs from the oracle", 1, (where,))]


def _key(row: Row) -> bytes:
    return row[0] or b""


def _finals(topic: str, records: Sequence[Record], should: Mapping[Slot, bytes]) -> list[Difference]:
    if not should:
        return []
    actual: dict[Slot, bytes] = {}
    for record in records:
        slot = (record.partition, record.key or b"")
        if record.value is None:
            actual.pop(slot, None)
        else:
            actual[slot] = record.value
    missing = sorted(should.keys() - actual.keys())
    more = sorted(actual.keys() - should.keys())
    made_at = MADE_AT.get(topic)
    other = sorted(key for key in should.keys() & actual.keys() if not same(actual[key], should[key], made_at))
    return [
        Difference(topic, what, len(slots), tuple(map(repr, slots[:SHOWN])))
        for what, slots in (("keys missing", missing), ("keys too many", more), ("keys with another value", other))
        if slots
    ]


def same(one: bytes, other: bytes, but: str | None = None) -> bool:
    """Whether two states are the same value, but for one field; maps have no order."""
    if one == other:
        return True
    found, wanted = _decoded(one), _decoded(other)
    if but is not None and isinstance(found, dict) and isinstance(wanted, dict):
        return {**found, but: None} == {**wanted, but: None}
    return found == wanted


def _decoded(value: bytes) -> object:
    for decode in (msgspec.json.decode, msgspec.msgpack.decode):
        try:
            found: object = decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        return found
    return value


def _examples(rows: Mapping[Row, int]) -> tuple[str, ...]:
    return tuple(f"{key!r} {value[:160]!r}" for key, value in list(rows)[:SHOWN])
