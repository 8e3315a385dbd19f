"""What buyers do outside the CRM: on the web site, in shared documents, in their own careers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from signals.simulation.changes import DAY_MS, HOUR_MS, INTENT, Change, Value
from signals.simulation.limits import at_edge
from signals.simulation.profile import Profile, World
from signals.simulation.stages import Visit

_EVERY_DAYS = 16  # between two stirrings of one buyer
_AGAIN = 0.5  # one thing on the web site often leads to the next
_TAIL_DAYS = 10  # buyers look at the site after the deal has closed, too


class Doing(NamedTuple):
    """What a buyer does, its share of all that buyers do, and what the event says about it."""

    kind: str
    share: float
    says: dict[str, Value]


DOINGS = (
    Doing("web.page_viewed", 0.45, {"page": "/blog/how-we-ship"}),
    Doing("web.page_viewed", 0.25, {"page": "/pricing"}),
    Doing("web.demo_requested", 0.1, {"page": "/demo"}),
    Doing("document.opened", 0.15, {"document": "proposal"}),
    Doing("contact.changed_job", 0.05, {"role": "champion"}),
)


def stirrings(world: World, deal: Profile, path: list[Visit]) -> Iterator[Change]:
    """Engagements of the deal's buyers, in bursts; now and then the same thing again after exactly one window."""
    rng = world.rng
    at, end = deal.created_ms, path[-1].at_ms + _TAIL_DAYS * DAY_MS
    while (at := at + int(rng.expovariate(1 / (_EVERY_DAYS * DAY_MS))) + 1) < end:
        doing, last = _doing(world), at
        yield _engagement(world, deal, last, doing)
        while rng.random() < _AGAIN:
            if rng.random() < world.edges:
                last += at_edge(rng, world.limits.intent_window)
            else:
                last += 1 + int(rng.expovariate(1 / (5 * HOUR_MS)))
                doing = _doing(world)
            yield _engagement(world, deal, last, doing)


def _doing(world: World) -> Doing:
    return world.rng.choices(DOINGS, [doing.share for doing in DOINGS])[0]


def _engagement(world: World, deal: Profile, at_ms: int, doing: Doing) -> Change:
    who = {"deal_id": deal.id, "contact_id": world.rng.choice(deal.buyers)}
    return Change(at_ms, INTENT, deal.id, doing.kind, {**who, **doing.says})
