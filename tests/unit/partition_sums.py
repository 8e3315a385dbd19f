"""Everything that a partition sums, in a form that can be compared."""

from __future__ import annotations

from signals.indicators import Made, Place, Totals, key_of
from tests.unit.brain_story import PANEL
from topics.indicators import Figures


def places_said(totals: Totals, partition: int = 0) -> dict[str, Figures | None]:
    """What the topic says of every place, but for when it was said and by which definitions."""
    made, weights = Made(partition, "", ""), PANEL.rules.playbook.hygiene
    places: list[Place] = [*totals.cells, *totals.gates, *totals.owners]
    return {key_of(partition, place): totals.figures(place, made, weights) for place in places}


def figures(totals: Totals) -> dict[str, object]:
    """The same, and the sums that are metrics only."""
    return {**places_said(totals), "signals": dict(totals.signals), "suspect": dict(totals.suspect)}
