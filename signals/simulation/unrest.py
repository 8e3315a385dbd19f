"""What makes a team restless: deals that come back, slips of the hand, owners who leave, stages entered on hope.

It is drawn from a source of chance of each deal's own, so that a run without it stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from random import Random

from signals.simulation import ids, market
from signals.simulation.changes import CREATE, DAY_MS, DELETE, OPPORTUNITY, TASK, UPDATE, USER, Change, Value
from signals.simulation.limits import Limits, at_edge
from signals.simulation.profile import Profile
from signals.simulation.team import introduced

_LEAVERS = 5000  # their numbers among the users begin here
_SERIAL, _FIRST = 1000, 700  # of a deal's activities
_MOST_BACK = 3
_AWAY_DAYS = 4


def restless(seed: int, limits: Limits, deal: Profile, changes: list[Change]) -> list[Change]:
    """A deal's changes with what else happens to it, by time."""
    rng = Random(f"{seed}:{deal.number}:unrest")  # noqa: S311 - a simulation has to be repeatable, not secret
    more = [*_returns(rng, limits, deal, changes), *_answers(rng, limits, deal, changes)]
    if rng.random() < 1 / 2:
        changes = [_handed(one, deal) for one in changes]
        more += _absences(rng, limits, deal, changes[-1].at_ms)
    removed_ms = next((one.at_ms for one in changes if one.entity == OPPORTUNITY and one.change == DELETE), None)
    if removed_ms is not None:
        more = [one for one in more if one.entity != OPPORTUNITY or one.at_ms < removed_ms]
    return sorted([*changes, *more], key=itemgetter(0))


def _returns(rng: Random, limits: Limits, deal: Profile, changes: list[Change]) -> Iterator[Change]:
    """Closed, and open again; now and then it was a slip of the hand, and now and then it stays open."""
    closings = [one.at_ms for one in changes if one.entity == OPPORTUNITY and one.fields.get("IsClosed")]
    at = max((one.at_ms for one in changes if one.entity == OPPORTUNITY and one.fields.get("StageName")), default=0)
    if at not in closings:
        return
    for _ in range(rng.randrange(_MOST_BACK)):
        at += at_edge(rng, limits.bounce_edit) if rng.random() < 1 / 3 else int(rng.uniform(0.1, 6) * DAY_MS)
        stage = rng.randrange(market.SQL, market.WON)
        yield _moved(deal, at, stage)
        if rng.random() < 1 / 4:
            return
        if rng.random() < 1 / 2 and stage:
            at += at_edge(rng, rng.choice((limits.bounce_edit, DAY_MS)))
            yield _moved(deal, at, stage - 1)
            at += at_edge(rng, limits.bounce_edit)
            yield _moved(deal, at, stage)
        at += int(rng.uniform(0.1, 6) * DAY_MS)
        yield _moved(deal, at, rng.choice((market.WON, market.LOST)))


def _moved(deal: Profile, at_ms: int, stage: int) -> Change:
    fields: dict[str, Value] = {"StageName": market.STAGE_NAMES[stage], **market.derived(stage)}
    return Change(at_ms, OPPORTUNITY, deal.id, UPDATE, fields)


def _answers(rng: Random, limits: Limits, deal: Profile, changes: list[Change]) -> Iterator[Change]:
    """The buyer calls back just when the grace after a step is over."""
    steps = [one.at_ms for one in changes if one.entity == OPPORTUNITY and one.fields.get("StageName")]
    for number, at in enumerate(steps):
        if rng.random() < 1 / 4:
            called = at + at_edge(rng, limits.parked_grace)
            fields: dict[str, Value] = {
                "WhatId": deal.id,
                "WhoId": deal.buyers[0],
                "OwnerId": deal.seller.id,
                "TaskSubtype": "Call",
                "CallType": "Inbound",
                "Subject": "Call",
                "Status": "Completed",
                "IsClosed": True,
                "CompletedDateTime": called,
                "CreatedDate": called,
            }
            record = ids.record_id(ids.TASK, deal.number * _SERIAL + _FIRST + number)
            yield Change(called, TASK, record, CREATE, fields)


def _leaver(deal: Profile) -> str:
    return ids.record_id(ids.USER, _LEAVERS + deal.number)


def _handed(change: Change, deal: Profile) -> Change:
    """The deal belongs to somebody of its own, who comes and goes."""
    if change.entity != OPPORTUNITY or change.change != CREATE:
        return change
    return change._replace(fields={**change.fields, "OwnerId": _leaver(deal)})


def _absences(rng: Random, limits: Limits, deal: Profile, end_ms: int) -> Iterator[Change]:
    """The owner is away, for as long as the limit or longer; or nobody owns the deal for a while."""
    leaver = deal.seller._replace(id=_leaver(deal), name=f"Away {deal.number}")
    yield introduced(leaver, deal.created_ms - 1)
    at = deal.created_ms + int(rng.uniform(0.1, 10) * DAY_MS)
    while at < end_ms:
        back = at + (at_edge(rng, limits.unowned) if rng.random() < 1 / 2 else int(rng.uniform(0.1, 5) * DAY_MS))
        if rng.random() < 1 / 2:
            yield Change(at, USER, leaver.id, UPDATE, {"IsActive": False})
            yield Change(back, USER, leaver.id, UPDATE, {"IsActive": True})
        else:
            yield Change(at, OPPORTUNITY, deal.id, UPDATE, {"OwnerId": None})
            yield Change(back, OPPORTUNITY, deal.id, UPDATE, {"OwnerId": rng.choice((leaver.id, deal.seller.id))})
        at = back + int(rng.expovariate(1 / (_AWAY_DAYS * DAY_MS))) + 1
