"""How often Slack is called: as often as it lets us, and once it has said "too many", at the pace that it guarantees.

A method's tier is a floor ("50+ per minute"), so nothing is held back before a 429. After one, all calls of that
method (of chat.postMessage: in that channel) wait for its Retry-After, and then keep the tier's distance for a minute.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from alerts.methods import METHODS, Tier

#: Slack counts calls by the minute.
PACED_S = 60.0


class Lane(NamedTuple):
    """Calls that are counted together. `free_s`: when the next may go; `paced_s`: until when they keep a distance."""

    free_s: float = 0.0
    paced_s: float = 0.0


def passed(lane: Lane, spacing_s: float, now_s: float) -> Lane:
    """The lane after a call went at `now_s`, which must not be before `free_s`."""
    return lane._replace(free_s=now_s + spacing_s) if now_s < lane.paced_s else lane


def limited(lane: Lane, after_s: float, now_s: float) -> Lane:
    """The lane after a call was told to come again after so many seconds."""
    free_s = max(lane.free_s, now_s + after_s)
    return Lane(free_s, max(lane.paced_s, free_s + PACED_S))


class Pacing:
    """The lanes of one process. `now_s` is a monotonic clock."""

    def __init__(self, now_s: Callable[[], float], sleep: Callable[[float], Awaitable[None]]) -> None:
        self._now_s, self._sleep = now_s, sleep
        self._lanes: dict[tuple[str, str], Lane] = {}

    async def turn(self, method: str, channel: str) -> float:
        """Return when the call may go; the seconds that it had to wait."""
        key, began_s = _key(method, channel), self._now_s()
        lane = self._lanes.get(key)
        if lane is None:  # nothing was ever refused
            return 0.0
        while (now_s := self._now_s()) < lane.free_s:
            await self._sleep(lane.free_s - now_s)
            lane = self._lanes.get(key, Lane())
        self._lanes[key] = passed(lane, METHODS[method].tier.value, now_s)
        if now_s >= lane.paced_s:
            del self._lanes[key]
        return now_s - began_s

    def limited(self, method: str, channel: str, after_s: float) -> None:
        """A call was refused: too many."""
        key = _key(method, channel)
        self._lanes[key] = limited(self._lanes.get(key, Lane()), after_s, self._now_s())


def _key(method: str, channel: str) -> tuple[str, str]:
    return method, channel if METHODS[method].tier is Tier.PER_CHANNEL else ""
