"""The pace of calls: none before a 429, its Retry-After for all calls of the lane, then the tier's for a minute."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from alerts.methods import METHODS, Tier
from alerts.pacing import PACED_S, Lane, Pacing, limited, passed


class Clock:
    """Seconds that pass by sleeping."""

    def __init__(self) -> None:
        self.now_s = 100.0

    async def sleep(self, seconds: float) -> None:
        """Time passes; others run."""
        self.now_s += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pacing(clock: Clock) -> Pacing:
    return Pacing(lambda: clock.now_s, clock.sleep)


async def test_nothing_waits_before_anything_was_refused(pacing: Pacing) -> None:
    assert [await pacing.turn("chat.update", "D1") for _ in range(1_000)] == [0.0] * 1_000


async def test_all_calls_of_a_method_wait_for_its_retry_after(pacing: Pacing, clock: Clock) -> None:
    pacing.limited("chat.update", "D1", 30.0)
    assert await pacing.turn("chat.update", "D2") == 30.0
    assert clock.now_s == 130.0
    assert await pacing.turn("conversations.history", "D2") == 0.0


async def test_a_channel_that_is_told_too_much_holds_up_no_other(pacing: Pacing) -> None:
    pacing.limited("chat.postMessage", "D1", 30.0)
    assert await pacing.turn("chat.postMessage", "D2") == 0.0
    assert await pacing.turn("chat.postMessage", "D1") == 30.0


async def test_after_it_calls_keep_the_tier_s_distance_for_a_minute(pacing: Pacing, clock: Clock) -> None:
    pacing.limited("chat.update", "D1", 2.0)
    times = []
    for _ in range(60):
        await pacing.turn("chat.update", "D1")
        times.append(clock.now_s)
    gaps = [after - before for before, after in pairwise(times)]
    paced = round(PACED_S / Tier.THREE.value)
    assert gaps[: paced - 1] == pytest.approx([Tier.THREE.value] * (paced - 1))
    assert gaps[paced + 1 :] == [0.0] * (58 - paced)


async def test_those_who_wait_together_go_one_after_the_other(pacing: Pacing, clock: Clock) -> None:
    pacing.limited("chat.update", "D1", 2.0)
    await asyncio.gather(*(pacing.turn("chat.update", f"D{number}") for number in range(5)))
    assert clock.now_s >= 100.0 + 2.0 + 4 * Tier.THREE.value


def test_a_lane() -> None:
    lane = limited(Lane(), 5.0, 100.0)
    assert lane == Lane(105.0, 105.0 + PACED_S)
    assert limited(lane, 1.0, 101.0) == lane
    assert passed(lane, 1.2, 106.0) == Lane(107.2, lane.paced_s)
    assert passed(lane, 1.2, lane.paced_s) == lane


def test_the_slowest_tier_is_slack_s_first() -> None:
    assert [METHODS[name].tier for name in ("chat.postMessage", "conversations.history", "conversations.list")] == [
        Tier.PER_CHANNEL,
        Tier.THREE,
        Tier.TWO,
    ]
