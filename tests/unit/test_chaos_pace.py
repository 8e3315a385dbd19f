"""Lines wait for what happens and not for a time that a busy machine may not keep."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from engine.settings import Broker
from signals.simulate import Emitted
from tests.chaos.calm import Distance
from tests.chaos.feed import AHEAD_US, ANY, CHUNK, Feed, near
from tests.chaos.records import SUPPLY, UNTIDY, records, supply

COUNT = 600
PLENTY = supply(3, COUNT, UNTIDY)


class Fed(Feed):
    """A feed whose records go nowhere, some milliseconds a chunk; none beyond `stuck_at`."""

    def __init__(self, rate: float = 0, stuck_at: int = 10**9) -> None:
        super().__init__(Broker("127.0.0.1:9"), PLENTY, rate)
        self._stuck_at = stuck_at

    async def _may_go(self) -> int:
        return len(PLENTY)

    async def _sent_at_last(self, records: Sequence[Emitted]) -> bool:
        while self.sent + len(records) > self._stuck_at and not self._over.is_set():  # noqa: ASYNC110  # of a thread
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.005)
        return not self._over.is_set()

    async def _watch_clock(self) -> None:
        await asyncio.sleep(60)


def test_a_supply_is_as_dense_as_what_is_wanted_and_lasts_longer() -> None:
    wanted = records(3, COUNT, UNTIDY)
    assert len(PLENTY) == SUPPLY * COUNT
    spans = [some[-1].record.timestamp_us - some[0].record.timestamp_us for some in (wanted, PLENTY[:COUNT])]
    assert spans[1] == pytest.approx(spans[0], rel=0.25)


def test_enough_sends_what_was_wanted_at_once_and_no_more() -> None:
    with Fed(rate=1.0) as feed:
        time.sleep(0.1)
        assert feed.sent <= CHUNK
        feed.enough(COUNT)
        feed.wait(5)
    assert (feed.sent, feed.share, feed.done) == (COUNT, 1.0, True)
    assert feed.newest_us == max(one.record.timestamp_us for one in PLENTY[:COUNT]) // 1000 * 1000


def test_enough_after_more_than_was_wanted_ends_with_what_is_on_its_way() -> None:
    with Fed(rate=100_000) as feed:
        while feed.sent < 2 * COUNT:
            time.sleep(0.001)
        feed.enough(COUNT)
        feed.wait(5)
    assert 2 * COUNT <= feed.sent < len(PLENTY)
    assert feed.done


def test_a_slow_feed_is_waited_for_and_one_that_stands_still_is_not() -> None:
    with Fed() as feed:
        feed.wait(0.05)
        assert feed.done
    with Fed(stuck_at=3 * CHUNK) as feed, pytest.raises(TimeoutError, match=f"{3 * CHUNK} of .* none for 0 s"):
        feed.wait(0.2)


@pytest.mark.parametrize(
    ("tick_us", "ahead", "may"),
    [
        (0, ANY, 3),  # as far as two days reach
        (0, 2, 2),
        (0, 0, 1),  # else T would never move
        (5_000, ANY, 3),
        (5_000, 1, 3),
        (AHEAD_US, ANY, 4),
        (2 * AHEAD_US + 10_000, 1, 5),  # T stands for its whole millisecond; beyond a gap one goes
        (9 * AHEAD_US, 1, 6),
    ],
)
def test_the_feed_stays_near_the_clock(tick_us: int, ahead: int, may: int) -> None:
    times_us = [1_000, 5_001, AHEAD_US, 2 * AHEAD_US + 10_500, 5 * AHEAD_US]
    assert near(times_us, tick_us, ahead) == may


@pytest.mark.parametrize(
    ("looks", "nearer"),
    [
        pytest.param([{"notify": 900, "send": 0}, {"notify": 100, "send": 12_000}], True, id="gives the next one more"),
        pytest.param([{"notify": 0, "send": 12_000}, {"notify": 3, "send": 12_000}], False, id="stands still"),
        pytest.param([{"notify": 6, "send": 50}, {"notify": 0, "send": 50}], False, id="reads the clock and no more"),
        pytest.param([{"notify": 0, "send": n} for n in (50, 49, 47, 45, 44, 43)], True, id="goes on slowly"),
        pytest.param([{"notify": 0, "send": n} for n in (50, 49, 47, 45)], False, id="too slowly to tell"),
    ],
)
def test_patience_begins_anew_when_one_of_them_goes_on(looks: list[dict[str, int]], *, nearer: bool) -> None:
    farthest = Distance({}, 0)
    for look in looks:
        farthest = farthest.or_farther(Distance(look, 0))
    assert Distance(looks[-1], 0).nearer(farthest, ()) is nearer
    assert not Distance(looks[-1], 0).nearer(farthest, ("notify", "send"))


def test_nearer_counts_programs_that_are_waited_for_and_the_clock() -> None:
    far = Distance({"detect": 2, "send": 5}, 1_000)
    assert far.left(()) == 1_007
    assert far.left(("send",)) == 1_002
    assert not far.arrived(("send",))
    assert Distance({"detect": 0, "send": 5}, 0).arrived(("send",))
