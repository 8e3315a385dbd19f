"""Close dates: hoped for, pushed when the month ends without a signature, pulled in, nudged."""

from __future__ import annotations

from collections.abc import Iterator

from signals.simulation import seasons
from signals.simulation.changes import DAY_MS, OPPORTUNITY, UPDATE, Change
from signals.simulation.limits import at_edge
from signals.simulation.profile import Profile, World
from signals.simulation.seasons import day_of, midnight_ms, month_end

_PUSHED_IN_TIME, _PULLED, _NEVER_TOUCHED = 0.8, 0.12, 0.1
_TALK_DAYS = 20  # between two talks about the date that no month-end forces

#: Days of a push, and how often: a nudge, a week, a month, two months.
_PUSHES = ((1, 2, 0.15), (3, 10, 0.35), (11, 30, 0.33), (31, 60, 0.17))


def pushes(world: World, deal: Profile, end_ms: int) -> Iterator[Change]:
    """Every change of the close date while the deal is open, before the closing itself."""
    rng = world.rng
    if rng.random() < _NEVER_TOUCHED:
        return
    close, at, days = deal.close_ms, deal.created_ms, 0
    while (at := _talk(world, deal, at, close)) < end_ms:
        days = -rng.randint(1, 15) if rng.random() < _PULLED and close > at else _push_days(world, days)
        close += days * DAY_MS
        yield Change(at, OPPORTUNITY, deal.id, UPDATE, {}, shift_days=days)


def _talk(world: World, deal: Profile, last_ms: int, close_ms: int) -> int:
    """When the date is next talked about: near itself or a month's end, or out of the blue."""
    rng, limits = world.rng, world.limits
    if rng.random() < world.edges:
        return last_ms + at_edge(rng, rng.choice((limits.push_expiry, limits.push_expiry, limits.push_window)))
    forced = midnight_ms(month_end(day_of(max(last_ms + DAY_MS, close_ms)))) - rng.randrange(3) * DAY_MS
    if rng.random() < _PUSHED_IN_TIME:
        forced = close_ms - rng.randrange(4) * DAY_MS
    free = last_ms + int(rng.expovariate(1 / (_TALK_DAYS * DAY_MS)))
    talk = min(forced, free) if forced > last_ms else free
    return seasons.office(rng, max(last_ms + 1, talk), deal.seller.zone_ms)


def _push_days(world: World, last_days: int) -> int:
    """How far this time; near a limit for one push, or for the sum with the last."""
    rng, limits = world.rng, world.limits
    if rng.random() < world.edges:
        return max(1, at_edge(rng, rng.choice((*limits.push_days, limits.push_sum - last_days))))
    low, high, _ = rng.choices(_PUSHES, [share for _, _, share in _PUSHES])[0]
    return rng.randint(low, high)
