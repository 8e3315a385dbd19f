"""A worker is behind while what waited when it took a partition is not done; what comes later is lag, no more."""

from __future__ import annotations

from faust.types import TP

from engine.progress import Progress

ONE, TWO = TP("deal.events", 1), TP("deal.events", 2)


def test_a_partition_that_was_not_read_yet_is_behind() -> None:
    progress = Progress()
    assert progress.why_behind([]) is None
    assert progress.why_behind([ONE]) == "deal.events[1] has not been read yet"
    assert progress.lag() == {}


def test_it_has_caught_up_once_what_waited_first_is_done_and_stays_so() -> None:
    progress = Progress()
    progress.note(ONE, done=10, end=110)
    assert progress.why_behind([ONE]) == "deal.events[1] has 100 records to catch up with"
    progress.note(ONE, done=60, end=500)
    assert progress.why_behind([ONE]) == "deal.events[1] has 50 records to catch up with"
    progress.note(ONE, done=110, end=900)
    assert progress.why_behind([ONE]) is None
    progress.note(ONE, done=200, end=9_000)
    assert progress.why_behind([ONE]) is None
    assert progress.lag() == {"deal.events": 8_800}


def test_the_lag_of_a_topic_is_the_sum_over_its_partitions() -> None:
    progress = Progress()
    progress.note(ONE, done=5, end=7)
    progress.note(TWO, done=5, end=105)
    progress.note(TP("alert.inbox", 1), done=9, end=8)  # the end that was fetched may be older than what was done
    assert progress.lag() == {"deal.events": 102, "alert.inbox": 0}


def test_a_partition_that_comes_back_has_to_catch_up_anew() -> None:
    progress = Progress()
    progress.note(ONE, done=7, end=7)
    progress.forget([ONE])
    progress.note(ONE, done=7, end=20)
    assert progress.why_behind([ONE]) == "deal.events[1] has 13 records to catch up with"


def test_many_are_named_by_their_first_and_their_number() -> None:
    progress = Progress()
    places = [TP("deal.events", partition) for partition in range(7)]
    said = progress.why_behind(places) or ""
    assert said.startswith("deal.events[0] has not been read yet, deal.events[1]")
    assert said.endswith("and 4 more")
