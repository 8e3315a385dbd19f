"""What a source must be able to tell for a kind to be judged at all (law 13): the one table of it.

A kind is off for a deal whose own source does not provide everything that stands here: a source without activities
would otherwise make every deal a contact gap.
"""

from __future__ import annotations

from topics.signals import Kind
from topics.sources.source import Provides

_NOTHING: frozenset[Provides] = frozenset()

#: The kinds that need more than the deal's own stage, dates and fields, which every source sends.
_NEEDS: dict[Kind, frozenset[Provides]] = {
    Kind.STAGE_PARKED: frozenset({Provides.ACTIVITIES}),
    Kind.CONTACT_GAP: frozenset({Provides.ACTIVITIES}),
    Kind.BUYER_SILENT: frozenset({Provides.ACTIVITIES}),
    Kind.NO_NEXT_MEETING: frozenset({Provides.MEETINGS}),
    Kind.SINGLE_THREADED: frozenset({Provides.ACTIVITIES, Provides.CONTACTS}),
    Kind.HANDOFF_STALLED: frozenset({Provides.ACTIVITIES, Provides.OWNERS}),
    Kind.CLOSE_DATE_PUSHED: frozenset({Provides.CLOSE_DATE}),
    Kind.CLOSE_DATE_PASSED: frozenset({Provides.CLOSE_DATE}),
    Kind.CLOSE_DATE_PARKED: frozenset({Provides.CLOSE_DATE}),
    Kind.CLOSE_DATE_WISHFUL: frozenset({Provides.CLOSE_DATE}),
    Kind.CATEGORY_MISMATCH: frozenset({Provides.CATEGORY}),
    Kind.NEXT_STEP_STALE: frozenset({Provides.NEXT_STEP}),
    Kind.INTENT_UNANSWERED: frozenset({Provides.ACTIVITIES}),
    Kind.STALE_DEAL: frozenset({Provides.ACTIVITIES}),
    Kind.UNOWNED: frozenset({Provides.OWNERS}),
}
#: Every kind has its row.
NEEDS: dict[Kind, frozenset[Provides]] = {kind: _NEEDS.get(kind, _NOTHING) for kind in Kind}


def missing(kind: Kind, provides: frozenset[Provides]) -> frozenset[Provides]:
    """What the kind needs and the source does not provide; empty when the kind can be judged."""
    return NEEDS[kind] - provides
