"""What a source must be able to tell for a kind to be judged at all (law 13): the one table of it.

A kind is off for a deal whose own source does not provide everything that stands here: a source without activities
would otherwise make every deal a contact gap.
"""

from __future__ import annotations

from topics.signals import Kind
from topics.sources.source import Provides

_NOTHING: frozenset[Provides] = frozenset()

#: Every kind has its row. Kinds without a need read the deal's own stage, dates and fields, which every source sends.
NEEDS: dict[Kind, frozenset[Provides]] = {
    Kind.STAGE_OVERSTAY: _NOTHING,
    Kind.CYCLE_EXCEEDED: _NOTHING,
    Kind.STAGE_REGRESSED: _NOTHING,
    Kind.CONTACT_GAP: frozenset({Provides.ACTIVITIES}),
    Kind.SQL_UNQUALIFIED: _NOTHING,
    Kind.POST_SQL_INCONSISTENT: _NOTHING,
    Kind.GATE_VIOLATED: _NOTHING,
    Kind.CLOSE_DATE_PUSHED: frozenset({Provides.CLOSE_DATE}),
    Kind.HIGH_INTENT: _NOTHING,
}


def missing(kind: Kind, provides: frozenset[Provides]) -> frozenset[Provides]:
    """What the kind needs and the source does not provide; empty when the kind can be judged."""
    return NEEDS[kind] - provides
