"""Who speaks to the buyer once a deal has another owner: mostly that one, now and then still the one before."""

from __future__ import annotations

from random import Random

from signals.simulation.changes import CREATE, EVENT, OPPORTUNITY, TASK, Change
from signals.simulation.profile import Profile

_STILL_THE_OLD = 0.3


def followed(seed: int, deal: Profile, changes: list[Change]) -> list[Change]:
    """The changes of a deal, in order, with what is begun after a handover mostly in the hands of the new owner."""
    rng = Random(f"{seed}:{deal.number}:followers")  # noqa: S311 - a simulation has to be repeatable, not secret
    owner = deal.seller.id
    told: list[Change] = []
    for change in changes:
        if change.entity == OPPORTUNITY:
            owner = str(change.fields.get("OwnerId") or owner)
        told.append(_by(owner, change) if owner != deal.seller.id and rng.random() >= _STILL_THE_OLD else change)
    return told


def _by(owner: str, change: Change) -> Change:
    """An activity that begins here, begun by that owner; anything else as it is."""
    if change.change != CREATE or change.entity not in {TASK, EVENT}:
        return change
    return change._replace(fields={**change.fields, "OwnerId": owner})
