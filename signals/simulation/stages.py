"""A deal's way through the stages: dwells, skips, steps back, slips of the hand, wins, losses, second lives."""

from __future__ import annotations

from typing import NamedTuple

from signals.simulation import market, seasons
from signals.simulation.changes import DAY_MS, MINUTE_MS, SECOND_MS
from signals.simulation.limits import at_edge
from signals.simulation.profile import Profile, World

_SKIP, _BACK, _SLIP, _STUCK, _REOPEN = 0.12, 0.07, 0.03, 0.05, 0.04
_STUCK_FACTOR = 6.0
_LAST_OPEN = market.WON - 1
_MOST_MOVES = 40


class Visit(NamedTuple):
    """A stage and when it was entered. The last visit of a path may be open: then nothing follows it."""

    stage: int
    at_ms: int


def walk(world: World, deal: Profile) -> list[Visit]:
    """Every stage that the deal enters, creation first; ends with won or lost, sometimes with a re-opened life."""
    path = [Visit(deal.first_stage, deal.created_ms)]
    while path[-1].stage < market.WON and len(path) < _MOST_MOVES:
        path.extend(_move(world, deal, path[-1]))
    if world.rng.random() < _REOPEN and len(path) < _MOST_MOVES:
        path.extend(_second_life(world, deal, path[-1]))
    return path


def open_until(path: list[Visit]) -> int:
    """When the deal closed for the first time."""
    return next((visit.at_ms for visit in path if visit.stage >= market.WON), path[-1].at_ms)


def entered(path: list[Visit], stage: int) -> int | None:
    """When the deal first stood in this stage or a later open one; None if it never did."""
    return next((visit.at_ms for visit in path if stage <= visit.stage < market.WON), None)


def _move(world: World, deal: Profile, here: Visit) -> list[Visit]:
    rng = world.rng
    corridor = world.limits.cycle_of(deal.amount)
    if corridor and here.at_ms < deal.created_ms + corridor - MINUTE_MS and rng.random() < world.edges / 4:
        return [Visit(rng.choice((market.WON, market.LOST)), deal.created_ms + at_edge(rng, corridor))]
    leaves = _leave(world, deal, here)
    if rng.random() < _SLIP:
        slip = min(here.stage + 2, _LAST_OPEN)
        corrected = leaves + rng.randrange(3 * SECOND_MS, 55 * SECOND_MS)
        return [Visit(slip, leaves), Visit(_next(world, here.stage), corrected)]
    return [Visit(_next(world, here.stage), leaves)]


def _next(world: World, stage: int) -> int:
    rng = world.rng
    chance = rng.random()
    lost = market.STAGES[stage].lost
    if chance < lost:
        return market.LOST
    if chance < lost + _BACK and stage:
        return max(0, stage - rng.choice((1, 1, 2)))
    if chance < lost + _BACK + _SKIP:
        return min(stage + rng.choice((2, 2, 3)), market.WON)
    return stage + 1


def _leave(world: World, deal: Profile, here: Visit) -> int:
    rng, shape = world.rng, market.STAGES[here.stage]
    if rng.random() < world.edges:
        return here.at_ms + at_edge(rng, world.limits.stage_of(shape.name))
    days = shape.dwell_days * deal.pace * seasons.slowness(here.at_ms) * rng.lognormvariate(0, shape.sigma)
    if rng.random() < _STUCK:
        days *= _STUCK_FACTOR
    return seasons.office(rng, here.at_ms + MINUTE_MS + int(days * DAY_MS), deal.seller.zone_ms)


def _second_life(world: World, deal: Profile, closed: Visit) -> list[Visit]:
    rng = world.rng
    back = seasons.office(rng, closed.at_ms + int(rng.uniform(0.1, 40) * DAY_MS), deal.seller.zone_ms)
    again = Visit(rng.randrange(2, market.WON), max(back, closed.at_ms + SECOND_MS))
    end = Visit(rng.choice((market.WON, market.LOST)), _leave(world, deal, again))
    return [again, end]
