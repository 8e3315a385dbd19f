"""What buyers do outside the CRM: on the web site, in shared documents, in their own careers."""

from __future__ import annotations

from collections.abc import Iterator

from signals.simulation.changes import DAY_MS, HOUR_MS, INTENT, Change, Value
from signals.simulation.limits import at_edge
from signals.simulation.profile import Profile, World
from signals.simulation.stages import Visit

_EVERY_DAYS = 16  # between two stirrings of one buyer
_AGAIN = 0.5  # one thing on the web site often leads to the next
_TAIL_DAYS = 10  # buyers look at the site after the deal has closed, too

#: What happens, how often, and what the event says.
DOINGS: tuple[tuple[str, float, dict[str, Value]], ...] = (
    ("web.page_viewed", 0.45, {"page": "/blog/how-we-ship"}),
    ("web.page_viewed", 0.25, {"page": "/pricing"}),
    ("web.demo_requested", 0.1, {"page": "/demo"}),
    ("document.opened", 0.15, {"document": "proposal"}),
    ("contact.changed_job", 0.05, {"role": "champion"}),
)


def stirrings(world: World, deal: Profile, path: list[Visit]) -> Iterator[Change]:
    """Engagements of the deal's buyers, in bursts."""
    rng = world.rng
    at, end = deal.created_ms, path[-1].at_ms + _TAIL_DAYS * DAY_MS
    while (at := at + int(rng.expovariate(1 / (_EVERY_DAYS * DAY_MS))) + 1) < end:
        yield _engagement(world, deal, at)
        last = at
        while rng.random() < _AGAIN:
            apart = at_edge(rng, world.limits.intent_window) if rng.random() < world.edges else 0
            last += apart or 1 + int(rng.expovariate(1 / (5 * HOUR_MS)))
            yield _engagement(world, deal, last)


def _engagement(world: World, deal: Profile, at_ms: int) -> Change:
    kind, _, says = world.rng.choices(DOINGS, [share for _, share, _ in DOINGS])[0]
    who = {"deal_id": deal.id, "contact_id": world.rng.choice(deal.buyers)}
    return Change(at_ms, INTENT, deal.id, kind, {**who, **says})
