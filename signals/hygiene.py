"""The hygiene score of an owner: 100 less the weights of the deviations that are open, per open deal.

A coaching signal, not an input to anybody's pay: it says where to help first, and goes to topics and Slack only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from playbook.model import Hygiene
from topics.signals import Kind, Severity

#: Kinds that say nothing of how an owner keeps a deal: good news, whom marketing brought, what RevOps defines.
_OF_OTHERS = frozenset({Kind.HIGH_INTENT, Kind.ICP_MISMATCH, Kind.VALUE_UNMAPPED, Kind.UNOWNED})
#: The kinds that count.
DEVIATIONS = frozenset(Kind) - _OF_OTHERS
BEST = 100.0


def weight_of(weights: Hygiene, deviations: Mapping[tuple[Kind, Severity], int]) -> float:
    """The sum of the weights of some deviations."""
    return sum(weights.of(severity) * count for (_, severity), count in deviations.items())


def score(weight: float, deals: int) -> float:
    """The score for so much weight on so many deals (at least one), in tenths, never below 0."""
    return round(max(0.0, BEST - weight / deals), 1)


def by_kind(deviations: Iterable[tuple[tuple[Kind, Severity], int]]) -> dict[str, int]:
    """How many of each kind, by name."""
    found: dict[str, int] = {}
    for (kind, _), count in sorted(deviations):
        found[kind.value] = found.get(kind.value, 0) + count
    return found
