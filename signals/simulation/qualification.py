"""The four boxes that make a deal sales-qualified: ticked along the way, sometimes late, never, or taken back."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from signals.simulation import market, seasons
from signals.simulation.changes import DAY_MS, OPPORTUNITY, SECOND_MS, UPDATE, Change
from signals.simulation.limits import at_edge
from signals.simulation.profile import Profile, World
from signals.simulation.stages import Visit, entered, open_until

_NEVER, _WITH_STAGE, _CLEARED, _TICKED_AGAIN, _EMPTIED = 0.08, 0.4, 0.1, 0.6, 0.4

#: By which stage each box is usually ticked.
_DUE = dict(zip(market.FLAGS, (3, 3, 2, 2), strict=True))


def ticks(world: World, deal: Profile, path: list[Visit]) -> Iterator[Change]:
    """The changes of the four boxes; those of one moment come as updates of their own, seconds apart."""
    end = open_until(path)
    for flag, due in _DUE.items():
        stage = max(0, due + world.rng.choice((-1, 0, 0, 0, 1, 2)))
        reached = entered(path, stage)
        if reached is None or world.rng.random() < _NEVER:
            continue
        at = _when(world, deal, reached)
        yield _set(deal, at, flag, value=True)
        yield from _taken_back(world.rng, deal, flag, at, end)


def _when(world: World, deal: Profile, reached: int) -> int:
    rng = world.rng
    chance = rng.random()
    if chance < world.edges:
        return reached + at_edge(rng, world.limits.settle)
    if chance < world.edges + _WITH_STAGE:
        return reached + rng.randrange(20 * SECOND_MS)
    return max(deal.created_ms + 1, seasons.office(rng, reached + int(rng.gauss(0, 3) * DAY_MS), deal.seller.zone_ms))


def _taken_back(rng: Random, deal: Profile, flag: str, ticked: int, end: int) -> Iterator[Change]:
    at = ticked
    while rng.random() < _CLEARED:
        at = seasons.office(rng, at + int(rng.random() * max(DAY_MS, end - at)), deal.seller.zone_ms)
        yield _set(deal, at, flag, value=None if rng.random() < _EMPTIED else False)
        if rng.random() >= _TICKED_AGAIN:
            return
        at += int(rng.expovariate(1 / (4 * DAY_MS))) + 1
        yield _set(deal, at, flag, value=True)


def _set(deal: Profile, at_ms: int, flag: str, *, value: bool | None) -> Change:
    return Change(at_ms, OPPORTUNITY, deal.id, UPDATE, {flag: value})
