"""Calls, e-mails, meetings and to-dos: planned, carried out, moved, forgotten, deleted, filed late or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from signals.simulation import ids, seasons
from signals.simulation.changes import (
    CREATE,
    DAY_MS,
    DELETE,
    EVENT,
    HOUR_MS,
    MINUTE_MS,
    TASK,
    UPDATE,
    Change,
    Value,
)
from signals.simulation.limits import at_edge
from signals.simulation.market import STAGE_NAMES
from signals.simulation.profile import Profile, World
from signals.simulation.stages import Visit

_SILENCE, _SILENCE_FACTOR = 0.07, 6.0
_EMAIL, _CALL, _MEETING = 0.45, 0.7, 0.94  # cumulative; the rest are to-dos
_LOGGED_LATE, _FORGOTTEN, _DELETED, _MOVED, _FAR, _FILED_LATER, _INBOUND = 0.08, 0.12, 0.05, 0.2, 0.1, 0.08, 0.4
_MOST = 400
_PER_DEAL = 1000


def contacts(world: World, deal: Profile, path: list[Visit], end_ms: int) -> Iterator[Change]:
    """Everything that the seller does with the buyer until `end_ms`, in the rhythm of the segment."""
    at = deal.created_ms
    for number in range(_MOST):
        at = _next(world, deal, path, at)
        if at >= end_ms:
            return
        yield from _activity(world, deal, number, at)


def _next(world: World, deal: Profile, path: list[Visit], last_ms: int) -> int:
    rng = world.rng
    if rng.random() < world.edges:
        stage = next(visit.stage for visit in reversed(path) if visit.at_ms <= last_ms)
        return last_ms + at_edge(rng, world.limits.contact_of(STAGE_NAMES[stage]))
    days = deal.segment.rhythm_days * rng.lognormvariate(-0.3, 0.8)
    if rng.random() < _SILENCE:
        days *= _SILENCE_FACTOR
    return seasons.office(rng, last_ms + MINUTE_MS + int(days * DAY_MS), deal.seller.zone_ms)


def _activity(world: World, deal: Profile, number: int, at_ms: int) -> Iterator[Change]:
    chance = world.rng.random()
    serial = deal.number * _PER_DEAL + number
    if chance < _EMAIL:
        return _email(world.rng, deal, ids.record_id(ids.TASK, serial), at_ms)
    if chance < _CALL:
        return _task(world.rng, deal, ids.record_id(ids.TASK, serial), at_ms, "Call")
    if chance < _MEETING:
        return _meeting(world, deal, ids.record_id(ids.EVENT, serial), at_ms)
    return _task(world.rng, deal, ids.record_id(ids.TASK, serial), at_ms, "Task")


def _email(rng: Random, deal: Profile, task: str, at_ms: int) -> Iterator[Change]:
    """Logged when it was sent; sometimes days later, by hand."""
    logged = at_ms
    if rng.random() < _LOGGED_LATE:
        logged += int(rng.expovariate(1 / (2 * DAY_MS)))
    inbound = rng.random() < _INBOUND
    fields: dict[str, Value] = {
        **_about(rng, deal),
        "Subject": "Email: Re: our proposal" if inbound else "Email: Your questions",
        "TaskSubtype": "Email",
        "Status": "Completed",
        "IsClosed": True,
        "ActivityDate": _day(at_ms),
        "CompletedDateTime": at_ms,
        "CreatedDate": logged,
    }
    yield from _filed(rng, Change(logged, TASK, task, CREATE, fields))


def _task(rng: Random, deal: Profile, task: str, at_ms: int, subtype: str) -> Iterator[Change]:
    """Planned some days ahead; later an update says that it was done, and only that."""
    planned = max(deal.created_ms + 1, at_ms - int(rng.expovariate(1 / (3 * DAY_MS))) - MINUTE_MS)
    fields: dict[str, Value] = {
        **_about(rng, deal),
        "Subject": subtype,
        "TaskSubtype": subtype,
        "Status": "Not Started",
        "Priority": "Normal",
        "IsClosed": False,
        "ActivityDate": _day(at_ms) + rng.choice((0, 0, 0, 1, 3)) * DAY_MS,
        "CreatedDate": planned,
    }
    if subtype == "Call":
        fields["CallType"] = "Inbound" if rng.random() < _INBOUND else "Outbound"
    yield from _filed(rng, Change(planned, TASK, task, CREATE, fields))
    chance = rng.random()
    if chance < _DELETED:
        yield Change(at_ms, TASK, task, DELETE, {})
    elif chance >= _DELETED + _FORGOTTEN:
        done: dict[str, Value] = {"Status": "Completed", "IsClosed": True, "CompletedDateTime": at_ms}
        yield Change(max(at_ms, planned + 1), TASK, task, UPDATE, done)
        if chance > 1 - _DELETED:
            yield Change(at_ms + DAY_MS, TASK, task, DELETE, {})


def _meeting(world: World, deal: Profile, event: str, end_ms: int) -> Iterator[Change]:
    """In the calendar some days ahead, often moved; nothing says that it took place but its end."""
    rng = world.rng
    minutes = rng.choice((30, 30, 45, 60))
    ahead = rng.expovariate(1 / 5) * DAY_MS + HOUR_MS
    if rng.random() < _FAR:
        ahead = world.limits.plan + rng.choice((-1, 0, 1)) + rng.choice((0, 0, 9)) * DAY_MS
    planned = max(deal.created_ms + 1, end_ms - int(ahead))
    fields: dict[str, Value] = {**_about(rng, deal), "Subject": "Meeting", **_slot(end_ms, minutes)}
    yield from _filed(rng, Change(planned, EVENT, event, CREATE, {**fields, "CreatedDate": planned}))
    span = max(1, end_ms - planned)
    if rng.random() < _MOVED:
        moved = planned + 1 + int(rng.random() * span)
        end_ms += rng.choice((1, 2, 7, 21)) * DAY_MS
        yield Change(moved, EVENT, event, UPDATE, _slot(end_ms, minutes))
    if rng.random() < _DELETED * 2:
        yield Change(planned + 1 + int(rng.random() * 1.3 * span), EVENT, event, DELETE, {})


def _filed(rng: Random, created: Change) -> Iterator[Change]:
    """The creation; now and then the deal is named only by a later update, or is taken off again."""
    if rng.random() >= _FILED_LATER:
        yield created
        return
    deal = created.fields["WhatId"]
    yield created._replace(fields={**created.fields, "WhatId": None})
    linked = created.at_ms + 1 + int(rng.random() * 2 * DAY_MS)
    yield Change(linked, created.entity, created.record, UPDATE, {"WhatId": deal})
    if rng.random() < _FILED_LATER:
        off = linked + 1 + int(rng.random() * 10 * DAY_MS)
        yield Change(off, created.entity, created.record, UPDATE, {"WhatId": None})


def _about(rng: Random, deal: Profile) -> dict[str, Value]:
    return {"WhatId": deal.id, "WhoId": rng.choice(deal.buyers), "OwnerId": deal.seller.id}


def _slot(end_ms: int, minutes: int) -> dict[str, Value]:
    start = end_ms - minutes * MINUTE_MS
    return {
        "StartDateTime": start,
        "EndDateTime": end_ms,
        "ActivityDateTime": start,
        "DurationInMinutes": minutes,
    }


def _day(at_ms: int) -> int:
    return at_ms - at_ms % DAY_MS
