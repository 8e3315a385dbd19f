"""How far the partitions of a worker have been processed: what waits, and whether what waited at first is done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from faust.types import TP

_NAMED = 3


class Standing(NamedTuple):
    """Offsets of one partition: where it ended when it was first read, below which all is processed, where it ends."""

    goal: int
    done: int
    end: int


class Progress:
    """The standings of all partitions, as the last fetch of each saw them."""

    def __init__(self) -> None:
        self._of: dict[TP, Standing] = {}

    def note(self, place: TP, done: int, end: int) -> None:
        """Everything below `done` is processed; readers that see committed records only can read up to `end`."""
        known = self._of.get(place)
        self._of[place] = Standing(known.goal if known is not None else end, done, max(end, done))

    def forget(self, places: Iterable[TP]) -> None:
        """They left."""
        for place in places:
            self._of.pop(place, None)

    def lag(self) -> dict[str, int]:
        """Records that wait, by topic."""
        waiting: dict[str, int] = defaultdict(int)
        for place, standing in self._of.items():
            waiting[place.topic] += standing.end - standing.done
        return dict(waiting)

    def why_behind(self, places: Iterable[TP]) -> str | None:
        """What of these partitions was waiting when they were taken and has not been processed; None: caught up.

        A worker that keeps up, or that falls behind later, is ready: records that wait then are an alert's business.
        """
        behind: list[str] = []
        for place in sorted(places):
            standing = self._of.get(place)
            if standing is None:
                behind.append(f"{place.topic}[{place.partition}] has not been read yet")
            elif standing.done < standing.goal:
                left = standing.goal - standing.done
                behind.append(f"{place.topic}[{place.partition}] has {left} records to catch up with")
        if not behind:
            return None
        more = f", and {len(behind) - _NAMED} more" if len(behind) > _NAMED else ""
        return ", ".join(behind[:_NAMED]) + more
