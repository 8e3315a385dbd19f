"""A deal's whole life, planned when it starts: every change that the CRM will send about it, in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from random import Random

from signals.simulation import market, seasons
from signals.simulation.activities import contacts
from signals.simulation.changes import CREATE, DAY_MS, DELETE, OPPORTUNITY, SECOND_MS, UPDATE, Change, Value
from signals.simulation.closing import pushes
from signals.simulation.intents import stirrings
from signals.simulation.profile import Profile, World, opening_fields
from signals.simulation.qualification import ticks
from signals.simulation.seasons import day_of, midnight_ms
from signals.simulation.stages import Visit, open_until, walk
from signals.simulation.team import SELLERS

_REMOVED, _HANDED_OVER, _BURST, _NOTE_DAYS = 0.015, 0.08, 0.3, 14
_GOES_ON_DAYS = 20  # some contact goes on after the deal has closed


def plan(world: World, deal: Profile) -> list[Change]:
    """Every change of one deal and its activities, by time; those of one millisecond in the order they were made."""
    path = walk(world, deal)
    changes = [
        Change(deal.created_ms, OPPORTUNITY, deal.id, CREATE, opening_fields(world.rng, deal)),
        *moves(world.rng, deal, path),
        *ticks(world, deal, path),
        *pushes(world, deal, open_until(path)),
        *contacts(world, deal, path, path[-1].at_ms + _GOES_ON_DAYS * DAY_MS),
        *stirrings(world, deal, path),
        *_edits(world.rng, deal, path),
    ]
    changes.sort(key=itemgetter(0))
    return _until_removed(world.rng, deal, changes, path)


def moves(rng: Random, deal: Profile, path: list[Visit]) -> Iterator[Change]:
    """The stage changes; some are the start of a burst of edits that arrive field by field."""
    for visit in path[1:]:
        fields: dict[str, Value] = {
            "StageName": market.STAGE_NAMES[visit.stage],
            **market.derived(visit.stage),
            "LastStageChangeDate": visit.at_ms,
        }
        if visit.stage >= market.WON:
            fields["CloseDate"] = midnight_ms(day_of(visit.at_ms))
        yield Change(visit.at_ms, OPPORTUNITY, deal.id, UPDATE, fields)
        if rng.random() < _BURST:
            yield from _burst(rng, deal, visit)


def _burst(rng: Random, deal: Profile, visit: Visit) -> Iterator[Change]:
    edits: list[dict[str, Value]] = [
        {"NextStep": rng.choice(market.NEXT_STEPS)},
        {"Amount": _new_amount(rng, deal)},
        {"Description": "Notes of the call"},
    ]
    at = visit.at_ms
    for fields in rng.sample(edits, rng.randint(1, len(edits))):
        at += rng.choice((0, 0, 120, SECOND_MS, 9 * SECOND_MS, 30 * SECOND_MS))
        yield Change(at, OPPORTUNITY, deal.id, UPDATE, fields)


def _edits(rng: Random, deal: Profile, path: list[Visit]) -> Iterator[Change]:
    """The small things between the stages: next steps, amounts, notes, another owner."""
    at, end = deal.created_ms, path[-1].at_ms
    while (at := seasons.office(rng, at + int(rng.expovariate(1 / (_NOTE_DAYS * DAY_MS))) + 1)) < end:
        yield Change(at, OPPORTUNITY, deal.id, UPDATE, _edit(rng, deal))
    if rng.random() < _HANDED_OVER:
        at = seasons.office(rng, rng.randrange(deal.created_ms + 1, end + DAY_MS))
        yield Change(at, OPPORTUNITY, deal.id, UPDATE, {"OwnerId": rng.choice(SELLERS).id})


def _edit(rng: Random, deal: Profile) -> dict[str, Value]:
    edits: tuple[dict[str, Value], ...] = (
        {"NextStep": rng.choice(market.NEXT_STEPS)},
        {"NextStep": None},
        {"Amount": _new_amount(rng, deal)},
        {"Description": None},
    )
    return rng.choice(edits)


def _new_amount(rng: Random, deal: Profile) -> float:
    return round(deal.amount * rng.lognormvariate(0, 0.5), 2)


def _until_removed(rng: Random, deal: Profile, changes: list[Change], path: list[Visit]) -> list[Change]:
    if rng.random() >= _REMOVED:
        return changes
    at = rng.randrange(deal.created_ms + 1, path[-1].at_ms + DAY_MS)
    kept = [change for change in changes if change.at_ms < at or change.entity != OPPORTUNITY]
    kept.append(Change(at, OPPORTUNITY, deal.id, DELETE, {}))
    kept.sort(key=itemgetter(0))
    return kept
