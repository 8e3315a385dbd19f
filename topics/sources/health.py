"""Law 9's last sentence: when a source sends little but rejects, it pauses instead of draining into the bin."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from topics.outcomes import Outcome, Rejected

WINDOW = 1_000
FEWEST = 100
REJECTED_PERCENT = 90

_MASK = (1 << WINDOW) - 1


class SourceHealth(msgspec.Struct, frozen=True):
    """What became of a source's last `WINDOW` rows: one bit each, set where rejected, the latest lowest.

    A paused source reads nothing, so it stays paused until somebody starts anew with `SourceHealth()`.
    """

    bits: int = 0
    rows: int = 0

    @property
    def rejected(self) -> int:
        """How many of the last rows were rejected."""
        return self.bits.bit_count()

    @property
    def paused(self) -> bool:
        """At least 90 % of the last 1,000 rejected, and at least 100 rows seen."""
        return self.rows >= FEWEST and 100 * self.rejected >= REJECTED_PERCENT * self.rows

    def after(self, outcomes: Iterable[Outcome]) -> SourceHealth:
        """The health once these rows were seen, in this order."""
        rejected = [isinstance(outcome, Rejected) for outcome in outcomes][-WINDOW:]
        bits = self.bits << len(rejected)
        if True in rejected:
            for place, was_rejected in enumerate(reversed(rejected)):
                bits |= was_rejected << place
        return SourceHealth(bits & _MASK, min(self.rows + len(rejected), WINDOW))
