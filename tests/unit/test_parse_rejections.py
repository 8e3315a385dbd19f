"""What is kept of a rejected record, and when a source that sends little else pauses."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topics.catalog import RAW_MAX_BYTES
from topics.codec import decode_rejection, encode
from topics.outcomes import Accepted, Outcome, RawRecord, Rejected, Silent
from topics.rejections import KEPT_BYTES, KEPT_WHOLE_BYTES, Position, rejection_of, rejections_of
from topics.sources.health import SourceHealth

AT = Position("crm.raw.salesforce", 3, 41)
BAD = Rejected("not_json", "byte 0")
GOOD = Accepted(())


def test_a_rejection_keeps_bytes_position_and_reason() -> None:
    record = RawRecord(b"\x00k", b"\xff\xfe", (("h", b"\x01"),), 1_700_000_000_000_000)
    kept = rejection_of("salesforce/acme", AT, record, BAD)
    assert decode_rejection(encode(kept)) == kept
    assert (kept.source, kept.reason, kept.detail) == ("salesforce/acme", "not_json", "byte 0")
    assert (kept.topic, kept.partition, kept.offset) == AT
    assert (kept.key, kept.value, kept.headers, kept.timestamp_us) == record[:2] + record[2:]
    assert kept.whole


@settings(deadline=None)
@given(
    st.none() | st.binary(), st.none() | st.binary(), st.lists(st.tuples(st.text(), st.binary())).map(tuple), st.text()
)
def test_any_bytes_survive_the_wire(
    key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...], detail: str
) -> None:
    kept = rejection_of("s/t", AT, RawRecord(key, value, headers), Rejected("not_json", detail))
    again = decode_rejection(encode(kept))
    assert (again.key, again.value, again.headers) == (key, value, headers)


LARGE = b"x" * KEPT_WHOLE_BYTES

LARGE_RECORDS = [
    ("a large value", RawRecord(b"k", LARGE + b"yz")),
    ("a large key", RawRecord(LARGE + b"yz", b"v")),
    ("large headers", RawRecord(b"k", b"v", (("h", LARGE),))),
    ("both", RawRecord(LARGE, LARGE)),
]


@pytest.mark.parametrize("record", [case[1] for case in LARGE_RECORDS], ids=[case[0] for case in LARGE_RECORDS])
def test_over_eight_megabytes_the_first_64_kb_and_the_hash_are_kept(record: RawRecord) -> None:
    kept = rejection_of("s/t", AT, record, Rejected("record_too_large"))
    value = record.value or b""
    assert not kept.whole
    assert (kept.value, kept.size) == (value[:KEPT_BYTES], len(value))
    assert kept.sha256 == hashlib.sha256(value).hexdigest()
    assert len(kept.key or b"") <= KEPT_BYTES
    assert len(encode(kept)) < 4 * KEPT_BYTES


def test_exactly_eight_megabytes_are_kept_whole_and_fit_into_the_topic() -> None:
    kept = rejection_of("s/t", AT, RawRecord(None, LARGE), Rejected("not_json", "d" * 10_000))
    assert kept.whole
    assert kept.value == LARGE
    assert len(encode(kept)) < RAW_MAX_BYTES


def test_a_header_without_a_value_survives_the_wire() -> None:
    kept = rejection_of("s/t", AT, RawRecord(None, None, (("trace", None),)), BAD)
    assert decode_rejection(encode(kept)).headers == (("trace", None),)


def test_rows_rejected_alike_share_the_bytes() -> None:
    outcomes: list[Outcome] = [BAD, GOOD, BAD, Silent("tombstone"), Rejected("wrong_type", "Amount")]
    kept = rejections_of("s/t", AT, RawRecord(None, b"v"), outcomes)
    assert [(one.reason, one.rows) for one in kept] == [("not_json", 2), ("wrong_type", 1)]


def test_a_record_without_rejects_keeps_nothing() -> None:
    assert rejections_of("s/t", AT, RawRecord(None, b"v"), [GOOD, Silent("tombstone")]) == []


HEALTH: list[tuple[str, Sequence[Outcome], bool]] = [
    ("nothing seen", [], False),
    ("99 rejects are too few to judge by", [BAD] * 99, False),
    ("100 rejects", [BAD] * 100, True),
    ("89 of 100", [GOOD] * 11 + [BAD] * 89, False),
    ("90 of 100", [GOOD] * 10 + [BAD] * 90, True),
    ("silent rows are understood", [Silent("own_write")] * 11 + [BAD] * 89, False),
    ("899 of the last 1,000", [GOOD] * 101 + [BAD] * 899, False),
    ("900 of the last 1,000", [GOOD] * 100 + [BAD] * 900, True),
    ("900 of 1,000, and then a good one pushes a good one out", [GOOD] * 100 + [BAD] * 900 + [GOOD], True),
    ("what is older than the last 1,000 does not count", [BAD] * 5000 + [GOOD] * 101, False),
    ("a long good past does not help", [GOOD] * 100_000 + [BAD] * 900, True),
]


@pytest.mark.parametrize(("rows", "paused"), [case[1:] for case in HEALTH], ids=[case[0] for case in HEALTH])
def test_a_source_pauses_at_ninety_percent_of_its_last_thousand(rows: Sequence[Outcome], paused: bool) -> None:  # noqa: FBT001 - parametrised
    assert SourceHealth().after(rows).paused is paused


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=1500), st.integers(0, 1500))
def test_batches_of_any_size_give_the_same_health(rejected: list[bool], cut: int) -> None:
    rows: list[Outcome] = [BAD if bad else GOOD for bad in rejected]
    whole = SourceHealth().after(rows)
    assert SourceHealth().after(rows[:cut]).after(rows[cut:]) == whole
    assert whole.rejected == sum(rejected[-1000:])
    assert whole.rows == min(len(rejected), 1000)
