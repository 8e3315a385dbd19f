"""Everything that a partition sums, in a form that can be compared."""

from __future__ import annotations

from signals.indicators import Made, Place, Totals, key_of
from tests.unit.brain_story import PANEL

_MADE = Made(0, "", "")


def figures(totals: Totals) -> dict[object, object]:
    """What the topic says of every place, and the sums that are metrics only."""
    places: list[Place] = [*totals.cells, *totals.gates, *totals.owners]
    weights = PANEL.rules.playbook.hygiene
    said: dict[object, object] = {key_of(0, place): totals.figures(place, _MADE, weights) for place in places}
    return {**said, "signals": dict(totals.signals), "suspect": dict(totals.suspect)}
