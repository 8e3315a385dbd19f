"""Which time outputs carry: the wall's in production, the records' own where the data has a clock (the simulator)."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

from topics.instants import SECOND_US, rfc3339


class Times(NamedTuple):
    """`mode` is the clock's: with "data" the records carry simulated time, and so does what follows from them."""

    mode: Literal["wall", "data"] = "wall"

    def timestamp_us(self, record_us: int) -> int | None:
        """The timestamp of a record that follows from one of `record_us`; None is the moment of writing."""
        return record_us if self.mode == "data" else None

    def detected_at(self, record_us: int) -> str:
        """When a signal was detected, as it says so itself."""
        return rfc3339(record_us if self.mode == "data" else time.time_ns() // 1000)

    def seconds_since(self, record_us: int) -> float | None:
        """How long ago a record was sent, by the wall; None where its time is not the wall's."""
        return None if self.mode == "data" else max(0.0, time.time() - record_us / SECOND_US)
