"""Rejected records once more: which are sent, as what, once; and what is said of the others."""

from __future__ import annotations

from collections.abc import Iterable
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.records import Output, Record
from programs import resending
from programs.commands.rejected import _WHY_LEFT, newest, said_of
from programs.resending import Asked, Choice, Left, Resend, sent_before, together
from topics.catalog import REJECTED
from topics.codec import encode
from topics.rejections import REPLAYED, REPLAYED_HEADER, Rejection, Replay

EVERYTHING = Asked()
CRM, WEB = "crm/default", "web/default"


def rejection(
    offset: int = 0, reason: str = "not_json", *, source: str = CRM, topic: str = "crm.raw.crm", **more: object
) -> Rejection:
    given: dict[str, object] = {"timestamp_us": 1_000 + offset, "partition": 1, "key": b"k", "value": b"v"}
    return msgspec.convert(
        {"source": source, "reason": reason, "topic": topic, "offset": offset, **given, **more}, Rejection
    )


class Log:
    """crm.rejected, as a list."""

    def __init__(self, some: Iterable[Rejection] = ()) -> None:
        self.records: list[Record] = []
        for one in some:
            self.put(encode(one))

    def put(self, value: bytes | None) -> None:
        """One more record."""
        self.records.append(Record(REJECTED, 0, len(self.records), 0, b"", value))

    def replay(self, asked: Asked = EVERYTHING, *, dry_run: bool = False) -> tuple[Choice, list[Output]]:
        """Replay as the command does: what was chosen, and what went to raw topics."""
        choice = Choice(asked, sent_before(self.records))
        outputs = [output for one in list(choice.of(self.records)) for output in one.outputs(keep_time=False)]
        if not dry_run:
            for output in outputs:
                if output.topic == REJECTED:
                    self.put(output.value)
        return choice, [output for output in outputs if output.topic != REJECTED]


def replay_of(output: Output) -> Replay:
    return msgspec.json.decode(dict(output.headers)[REPLAYED_HEADER], type=Replay)


def test_a_record_goes_where_it_stood_as_it_was_and_says_where_it_comes_from() -> None:
    headers = (("a", b"\x00\xff"), ("none", None))
    log = Log([rejection(7, headers=headers, key=None, value=b"\xff{")])
    _, (output,) = log.replay()
    assert (output.topic, output.partition, output.key, output.value) == ("crm.raw.crm", 1, None, b"\xff{")
    assert output.headers[:-1] == (("a", b"\x00\xff"), ("none", b""))
    assert replay_of(output) == Replay("crm.raw.crm", 1, 7, 1_007, 1)


@pytest.mark.parametrize(("keep", "at_us"), [(True, 1_000), (False, None)])
def test_its_time_is_now_unless_the_data_has_the_clock(keep: bool, at_us: int | None) -> None:  # noqa: FBT001  # a case
    assert Resend(rejection(), 1).outputs(keep_time=keep)[0].timestamp_us == at_us


def test_run_twice_nothing_is_sent_twice() -> None:
    log = Log([rejection(1), rejection(2), rejection(3, "bad_date")])
    first, sent = log.replay()
    assert len(sent) == 3
    assert first.sent == {"not_json": 2, "bad_date": 1}
    again, sent = log.replay()
    assert (sent, again.left) == ([], {Left.SENT_BEFORE: 3})


def test_a_record_with_rows_of_several_reasons_is_sent_once() -> None:
    log = Log([rejection(1), rejection(1, "bad_date"), rejection(1, "bad_date", detail="another")])
    assert len(log.replay(Asked(reason="bad_date"))[1]) == 1
    assert log.replay()[0].left == {Left.SENT_BEFORE: 1}


def test_a_dry_run_changes_nothing() -> None:
    log = Log([rejection(1)])
    before = list(log.records)
    assert log.replay(dry_run=True)[0].sent == {"not_json": 1}
    assert log.records == before
    assert log.replay()[0].sent == {"not_json": 1}


# (what is asked for, the offsets that are sent)
ASKED = [
    (Asked(), [1, 2, 3]),
    (Asked(source=WEB), [3]),
    (Asked(source="web"), []),
    (Asked(reason="bad_date"), [2]),
    (Asked(source=WEB, reason="bad_date"), []),
    (Asked(since_us=1_002), [2, 3]),
    (Asked(limit=2), [1, 2]),
]


@pytest.mark.parametrize(("asked", "offsets"), ASKED)
def test_what_is_asked_for(asked: Asked, offsets: list[int]) -> None:
    log = Log([rejection(1), rejection(2, "bad_date"), rejection(3, source=WEB)])
    choice, sent = log.replay(asked)
    assert [replay_of(output).offset for output in sent] == offsets
    assert choice.left == ({Left.BEYOND_LIMIT: 1} if asked.limit else {})


def test_a_limit_goes_on_where_the_one_before_ended() -> None:
    log = Log([rejection(number) for number in range(5)])
    sent = [replay_of(output).offset for _ in range(4) for output in log.replay(Asked(limit=2))[1]]
    assert sent == [0, 1, 2, 3, 4]


def test_what_is_rejected_again_waits_until_it_is_asked_for_and_counts_its_attempts() -> None:
    log = Log([rejection(1)])
    for attempt in (1, 2, 3):
        _, (output,) = log.replay(Asked(again=attempt > 1))
        assert replay_of(output).attempt == attempt
        assert [name for name, _ in output.headers].count(REPLAYED_HEADER) == 1
        log.put(encode(rejection(100 + attempt, headers=output.headers)))
        choice, sent = log.replay()
        assert (sent, choice.left) == ([], {Left.SENT_BEFORE: attempt, Left.TRIED: 1})


def test_a_mark_that_nobody_of_us_wrote_counts_as_one_attempt() -> None:
    log = Log([rejection(1, headers=((REPLAYED_HEADER, b"twice"),)), rejection(2, headers=((REPLAYED_HEADER, None),))])
    assert log.replay()[0].left == {Left.TRIED: 2}
    assert [replay_of(output).attempt for output in log.replay(Asked(again=True))[1]] == [2, 2]


def test_what_cannot_be_sent() -> None:
    cut = rejection(1, size=9_000_000, sha256="0" * 64)
    log = Log([cut, rejection(2, "undecodable", source="deal.events", topic="deal.events")])
    log.put(b"not one of ours")
    log.put(None)
    choice, sent = log.replay()
    assert (sent, choice.left) == ([], {Left.CUT: 1, Left.NOT_RAW: 1})
    assert list(said_of(choice, dry_run=False)) == [
        "0 records sent again",
        "1 left: larger than 8 MB, so only their beginning was kept; the source must send them again",
        "1 left: put aside from topics of our own, not what a source sent",
    ]


def test_what_is_said() -> None:
    log = Log([rejection(1), rejection(2), rejection(3, "bad_date\x1b[2J")])
    choice, _ = log.replay(dry_run=True)
    (said,) = said_of(choice, dry_run=True)
    assert said.startswith("3 records would be sent again: not_json 2, bad_date")
    assert "\x1b" not in said
    assert set(_WHY_LEFT) == set(Left)


def test_the_list_does_not_count_what_is_a_note() -> None:
    log = Log([rejection(1), rejection(2)])
    log.replay(Asked(limit=1))
    shown, counts = newest(log.records, 10)
    assert [one.offset for one in shown] == [1, 2]
    assert counts == {"not_json": 2}
    assert newest(log.records, 10, reason=REPLAYED) == ([], {})


@given(st.lists(st.integers(0, 150), max_size=40))
def test_what_goes_together_is_everything_in_order_and_bounded(sizes: list[int]) -> None:
    resends = [Resend(rejection(number, value=bytes(size)), 1) for number, size in enumerate(sizes)]
    with patch.object(resending, "TOGETHER_BYTES", 100), patch.object(resending, "TOGETHER_RECORDS", 5):
        groups = list(together(resends))
    assert [one for group in groups for one in group] == resends
    for group in groups:
        assert 0 < len(group) <= 5
        assert sum(len(one.rejection.value or b"") for one in group[:-1]) < 100
