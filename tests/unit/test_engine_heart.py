"""A loop that stands still is told from a machine that slept, and a program that is stuck from one that is busy."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from engine.heart import FEEL_S, STUCK_S, Heart


def felt(heart: Heart, times: int) -> Heart:
    for _ in range(times):
        heart.feel()
    return heart


def beaten(heart: Heart) -> Heart:
    heart._beats += 1
    return heart


@pytest.mark.parametrize(
    ("times", "still_s", "alive"),
    [
        (1, 0.0, True),  # between two beats
        (2, 2 * FEEL_S, True),
        (int(STUCK_S / FEEL_S) - 1, STUCK_S - FEEL_S, True),  # a large state that loads
        (int(STUCK_S / FEEL_S), STUCK_S, False),
    ],
)
def test_time_without_a_beat_counts_in_the_watching_threads_own_steps(
    times: int, still_s: float, *, alive: bool
) -> None:
    heart = felt(beaten(Heart()), 1 + times)
    assert heart.still_s == still_s
    assert (heart.why_not_alive() is None) == alive


def test_one_beat_makes_it_well() -> None:
    heart = felt(Heart(), 200)
    assert heart.why_not_alive() == "the program has stood still for 200 s"
    assert felt(beaten(heart), 1).why_not_alive() is None


ENDS = """
import asyncio, threading, time
from engine import heart
heart.FEEL_S, heart.SAID_S, heart.ENDED_S = 0.05, 0.2, 0.5
one = heart.Heart()
threading.Thread(target=lambda: asyncio.run(one.watch()), daemon=True).start()
async def main():
    beating = asyncio.create_task(one.beat())
    await asyncio.sleep(0.2)
    def hold():
        secret = "swordfish"
        time.sleep(20)
    hold()
asyncio.run(main())
"""


def test_a_process_that_never_moves_again_is_ended_and_its_last_line_says_where() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", ENDS], capture_output=True, text=True, timeout=15, check=False, env={**os.environ}
    )
    assert ended.returncode == 1
    assert "stood still for too long" in ended.stdout + ended.stderr
    assert " hold" in ended.stdout + ended.stderr
    assert "swordfish" not in ended.stdout + ended.stderr
