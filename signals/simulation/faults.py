"""Planted faults: otherwise clean deals, each with one thing wrong, and the instant at which that must be noticed.

A clean deal walks through every stage at half the limits, hears from two buyers three times within each contact limit
and once after each step, has the next meeting in the calendar, its boxes ticked in time and its close date left alone.
One function per kind then spoils exactly one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import NamedTuple

from signals.simulation import ids, market
from signals.simulation.changes import (
    CREATE,
    DAY_MS,
    EVENT,
    HOUR_MS,
    INTENT,
    OPPORTUNITY,
    TASK,
    UPDATE,
    USER,
    Change,
    Planted,
    Value,
)
from signals.simulation.limits import Limits
from signals.simulation.next_steps import own
from signals.simulation.profile import Profile, World, opening_fields
from signals.simulation.seasons import day_of, midnight_ms, within_one_day, working_days_later
from signals.simulation.team import SELLERS, introduced
from topics.signals import Kind

_UNHURRIED = 0.5
_STEADY = 3  # contacts within one contact limit
_FAR_CLOSE_DAYS = 268  # beyond the end of most deals, and no further than anyone can know
_UNKNOWABLE_DAYS = 600
_MEET_EVERY_MS = 10 * DAY_MS
_LARGE = 1.2  # times the amount from which one buyer is not enough
_HALVED = 0.5
_SHORT_STAY_MS = 8 * DAY_MS
_PUSH_EVERY_MS = 10 * DAY_MS
_BEYOND = 1.5
_NO_CORRIDOR_MS = 365 * DAY_MS
_MOST_CONTACTS = 300
_CONFIRMED_MS = HOUR_MS  # after each step
_SERIAL = 1000
_BOUGHT = 3  # of the lead sources, the one that nobody should sell to
_WORTH = 6_000.0  # an amount that every playbook here finds worth a seller's time
_TWINS = 1_000_000  # numbers of deals that stand beside a spoilt one


class _Plan(NamedTuple):
    """A clean deal in the making: its stage entries, how long it goes on, and its changes so far.

    `silent_after_ms`: nobody speaks any more. `unanswered`: between these instants only the seller does. `alone`: one
    buyer speaks for all. `meets`: whether there is always a next meeting. `quiet`: nobody speaks between these two.
    """

    deal: Profile
    limits: Limits
    entries: tuple[tuple[int, int], ...]
    end_ms: int
    ticked: frozenset[str]
    silent_after_ms: int | None = None
    unanswered: tuple[int, int] | None = None
    extra: tuple[Change, ...] = ()
    cause: Planted | None = None
    opening: Mapping[str, Value] = {}
    alone: bool = False
    meets: bool = True
    quiet: tuple[int, int] = (0, 0)

    def entered(self, stage: int) -> int:
        """When the deal first enters a stage."""
        return next(at for at, entered in self.entries if entered == stage)


def spoilt(world: World, profile: Profile, kind: Kind) -> list[Change]:
    """The changes of a clean deal with one planted fault, in order of time; the cause carries the truth."""
    worth = max(profile.amount, _WORTH)
    deal = profile._replace(
        first_stage=0, amount=worth, close_ms=midnight_ms(day_of(profile.created_ms)) + _FAR_CLOSE_DAYS * DAY_MS
    )
    plan = _SPOILERS[kind](_clean(deal, world.limits))
    changes = _written(world, plan)
    changes.sort(key=itemgetter(0))
    return _attributed(changes, plan.cause)


def _clean(deal: Profile, limits: Limits) -> _Plan:
    total = sum(limits.stage_of(shape.name) for shape in market.STAGES)
    pace = _UNHURRIED * min(1.0, (limits.cycle_of(deal.amount) or total) / total)
    at, entries = deal.created_ms, []
    for stage, shape in enumerate(market.STAGES):
        entries.append((at, stage))
        at += int(limits.stage_of(shape.name) * pace)
    entries.append((at, market.WON))
    return _Plan(deal, limits, tuple(entries), at, frozenset(market.FLAGS))


def _overstay(plan: _Plan) -> _Plan:
    stage = 1
    limit = plan.limits.stage_of(market.STAGE_NAMES[stage])
    due = plan.entered(stage) + limit
    return _stretched(plan, stage, int(limit * _BEYOND))._replace(cause=_truth(plan, Kind.STAGE_OVERSTAY, due))


def _cycle(plan: _Plan) -> _Plan:
    last = market.WON - 1
    limit = plan.limits.cycle_of(plan.deal.amount) or _NO_CORRIDOR_MS
    stay = plan.deal.created_ms + int(limit * _BEYOND) - plan.entered(last)
    return _stretched(plan, last, stay)._replace(cause=_truth(plan, Kind.CYCLE_EXCEEDED, plan.deal.created_ms + limit))


def _silence(plan: _Plan) -> _Plan:
    stage = market.SQL
    limit = plan.limits.contact_of(market.STAGE_NAMES[stage])
    last = _contact_times(plan)
    spoken = max(at for at in last if at <= plan.entered(stage + 1))
    later = _stretched(plan, stage, int(limit * 2 * _BEYOND))
    return later._replace(silent_after_ms=spoken, cause=_truth(plan, Kind.CONTACT_GAP, spoken + limit))


def _regress(plan: _Plan) -> _Plan:
    stage = market.SQL + 2
    back = plan.entered(stage) + int(plan.limits.stage_of(market.STAGE_NAMES[stage]) * _UNHURRIED / 4)
    again = back + DAY_MS // 2
    entries = tuple(sorted((*plan.entries, (back, stage - 1), (again, stage))))
    return plan._replace(entries=entries, cause=_truth(plan, Kind.STAGE_REGRESSED, back))


def _skip(plan: _Plan) -> _Plan:
    first = plan._replace(entries=tuple(one for one in plan.entries if one[1] != 1))
    stay = plan.entered(1) - plan.entered(0)
    skipped = _stretched(first, 0, stay)
    return skipped._replace(cause=_truth(plan, Kind.STAGE_SKIPPED, skipped.entered(2)))


def _bounce(plan: _Plan) -> _Plan:
    """One stage back for half the time there, and on again."""
    stage = market.SQL + 1
    stay = plan.entered(stage + 1) - plan.entered(stage)
    back, again = plan.entered(stage) + stay // 4, plan.entered(stage) + stay * 3 // 4
    entries = tuple(sorted((*plan.entries, (back, stage - 1), (again, stage))))
    return plan._replace(entries=entries, cause=_truth(plan, Kind.STAGE_BOUNCED, back))


def _park(plan: _Plan) -> _Plan:
    stage = market.SQL + 1
    opens = plan.entered(stage) + plan.limits.parked_grace
    return plan._replace(unanswered=(plan.entered(stage - 1), opens), cause=_truth(plan, Kind.STAGE_PARKED, opens))


def _stale(plan: _Plan) -> _Plan:
    """Nothing is heard or done once the buyer has answered to a step, until long after."""
    stage = market.SQL
    last = plan.entered(stage) + _CONFIRMED_MS
    later = _stretched(plan, stage, int(plan.limits.stale * _BEYOND))
    return later._replace(silent_after_ms=last, cause=_truth(plan, Kind.STALE_DEAL, last + plan.limits.stale))


def _buyer_silent(plan: _Plan) -> _Plan:
    """The buyer answers to a step, and then no more, however often the seller calls."""
    stage = market.SQL
    last, limit = plan.entered(stage) + _CONFIRMED_MS, plan.limits.silent_of(market.STAGE_NAMES[stage])
    later = _stretched(plan, stage, int(limit * 2 * _BEYOND))
    return later._replace(unanswered=(last, later.end_ms), cause=_truth(plan, Kind.BUYER_SILENT, last + limit))


def _unmet(plan: _Plan) -> _Plan:
    """Nobody ever meets."""
    stage = market.SQL
    due = working_days_later(plan.entered(stage), plan.limits.meeting_days)
    later = _stretched(plan, stage, _SHORT_STAY_MS)
    return later._replace(meets=False, cause=_truth(plan, Kind.NO_NEXT_MEETING, due))


def _single(plan: _Plan) -> _Plan:
    """A large deal that hangs on one buyer."""
    deal = plan.deal._replace(amount=plan.limits.threads_amount * _LARGE)
    large = _clean(deal, plan.limits)
    opens = min(large.entered(market.SQL), deal.created_ms + plan.limits.threads_age)
    return large._replace(alone=True, cause=_truth(large, Kind.SINGLE_THREADED, opens))


def _stalled(plan: _Plan) -> _Plan:
    """Another team has the deal, and the seller who had it goes on speaking to the buyer."""
    deal, at = plan.deal, plan.entered(1) + 1
    heir = next(seller for seller in SELLERS if seller.team != deal.seller.team)
    extra = (Change(at, OPPORTUNITY, deal.id, UPDATE, {"OwnerId": heir.id}),)
    due = working_days_later(at, plan.limits.handoff_days)
    later = _stretched(plan, 1, _SHORT_STAY_MS)
    return later._replace(extra=extra, cause=_truth(plan, Kind.HANDOFF_STALLED, due))


def _reopen(plan: _Plan) -> _Plan:
    """Won, and a day later it is not."""
    back = plan.end_ms + DAY_MS
    entries = (*plan.entries, (back, market.WON - 1), (back + DAY_MS, market.WON))
    return plan._replace(entries=entries, end_ms=back + DAY_MS, cause=_truth(plan, Kind.REOPENED, back))


def _unowned(plan: _Plan) -> _Plan:
    """The owner leaves; somebody else has the deal three limits later."""
    deal, heir = plan.deal, plan.deal.seller
    leaver = heir._replace(id=ids.record_id(ids.USER, _SERIAL + deal.number), name="Gone Soon")
    left = plan.entered(1) + 1
    at = left + 3 * plan.limits.unowned
    extra = (
        introduced(leaver, deal.created_ms - 1),
        Change(left, USER, leaver.id, UPDATE, {"IsActive": False}),
        Change(at, OPPORTUNITY, deal.id, UPDATE, {"OwnerId": heir.id}),
    )
    truth = _truth(plan, Kind.UNOWNED, left + plan.limits.unowned)
    return plan._replace(deal=deal._replace(seller=leaver), extra=extra, cause=truth)


def _unqualified(plan: _Plan) -> _Plan:
    at = plan.entered(market.SQL)
    return plan._replace(ticked=plan.ticked - {market.FLAGS[0]}, cause=_truth(plan, Kind.SQL_UNQUALIFIED, at))


def _not_ideal(plan: _Plan) -> _Plan:
    opening: dict[str, Value] = {"LeadSource": market.LEAD_SOURCES[_BOUGHT]}
    return plan._replace(opening=opening, cause=_truth(plan, Kind.ICP_MISMATCH, plan.deal.created_ms))


def _junk(plan: _Plan) -> _Plan:
    """The seller copies a next step to two short-lived deals more than there were."""
    deal, at = plan.deal, plan.entered(1) + 1
    copied: dict[str, Value] = {"NextStep": f"{market.NEXT_STEPS[1]}, as agreed ({deal.number})"}
    born = {
        "Name": "Copied",
        "CreatedDate": at,
        "OwnerId": deal.seller.id,
        "StageName": market.STAGE_NAMES[0],
        **copied,
    }
    lost: dict[str, Value] = {"StageName": market.STAGE_NAMES[market.LOST], **market.derived(market.LOST)}
    twins = [ids.record_id(ids.DEAL, _TWINS + 2 * deal.number + one) for one in range(2)]
    extra = (
        *(Change(at, OPPORTUNITY, twin, CREATE, {**born, **market.derived(0)}) for twin in twins),
        Change(at + 1, OPPORTUNITY, deal.id, UPDATE, copied),
        *(Change(at + HOUR_MS, OPPORTUNITY, twin, UPDATE, lost) for twin in twins),
    )
    return plan._replace(extra=extra, cause=_truth(plan, Kind.JUNK_FIELD, at + 1))


def _handed_over(plan: _Plan) -> _Plan:
    """To another team, without a next step; it is filled in an hour later."""
    deal, at = plan.deal, plan.entered(1) + 1
    heir = next(seller for seller in SELLERS if seller.team != deal.seller.team)
    extra = (
        Change(at, OPPORTUNITY, deal.id, UPDATE, {"OwnerId": heir.id, "NextStep": None}),
        Change(at + HOUR_MS, OPPORTUNITY, deal.id, UPDATE, {"NextStep": own(deal, market.NEXT_STEPS[4])}),
    )
    return plan._replace(extra=extra, cause=_truth(plan, Kind.HANDOFF_INCOMPLETE, at))


def _inconsistent(plan: _Plan) -> _Plan:
    at = plan.entered(market.SQL + 1) + 1
    cleared = Change(at, OPPORTUNITY, plan.deal.id, UPDATE, {market.FLAGS[1]: False})
    return plan._replace(extra=(cleared,), cause=_truth(plan, Kind.POST_SQL_INCONSISTENT, at))


def _gate(plan: _Plan) -> _Plan:
    """Everything that a gate could ask for is missing when the SQL stage is entered; ticked long after it settled."""
    at = plan.entered(market.SQL)
    return plan._replace(ticked=frozenset(), cause=_truth(plan, Kind.GATE_VIOLATED, at + plan.limits.settle))


def _pushed(plan: _Plan) -> _Plan:
    """So far at once that one push is enough; then twice more."""
    first = plan.deal.created_ms + min(DAY_MS, (plan.end_ms - plan.deal.created_ms) // 4)
    days = max(plan.limits.push_days)
    times = [first, *(first + at * _PUSH_EVERY_MS for at in (1, 2))]
    extra = tuple(
        Change(at, OPPORTUNITY, plan.deal.id, UPDATE, {}, shift_days=days) for at in times if at < plan.end_ms
    )
    return plan._replace(extra=extra, cause=_truth(plan, Kind.CLOSE_DATE_PUSHED, first))


def _passed(plan: _Plan) -> _Plan:
    """A close date half way through."""
    close = midnight_ms(day_of((plan.deal.created_ms + plan.end_ms) // 2))
    return plan._replace(opening={"CloseDate": close}, cause=_truth(plan, Kind.CLOSE_DATE_PASSED, close + DAY_MS))


def _parked_date(plan: _Plan) -> _Plan:
    at = plan.deal.created_ms
    close = midnight_ms(day_of(at)) + _UNKNOWABLE_DAYS * DAY_MS
    return plan._replace(opening={"CloseDate": close}, cause=_truth(plan, Kind.CLOSE_DATE_PARKED, at))


def _committed(plan: _Plan) -> _Plan:
    """A commitment long before the stage that allows it."""
    at = plan.entered(1) + 1
    said: dict[str, Value] = {"ForecastCategory": "Commit", "ForecastCategoryName": "Commit"}
    extra = (Change(at, OPPORTUNITY, plan.deal.id, UPDATE, said),)
    return plan._replace(extra=extra, cause=_truth(plan, Kind.CATEGORY_MISMATCH, at))


def _shrunk(plan: _Plan) -> _Plan:
    at = plan.entered(market.SQL + 1) + 1
    extra = (Change(at, OPPORTUNITY, plan.deal.id, UPDATE, {"Amount": round(plan.deal.amount * _HALVED, 2)}),)
    return plan._replace(extra=extra, cause=_truth(plan, Kind.AMOUNT_SHRUNK, at))


def _curt(plan: _Plan) -> _Plan:
    """Two words for a next step."""
    at = plan.entered(market.SQL) + 1
    extra = (Change(at, OPPORTUNITY, plan.deal.id, UPDATE, {"NextStep": f"Call {plan.deal.number}"}),)
    return plan._replace(extra=extra, cause=_truth(plan, Kind.NEXT_STEP_STALE, at))


def _asked(plan: _Plan, at_ms: int) -> Change:
    says: dict[str, Value] = {"deal_id": plan.deal.id, "contact_id": plan.deal.buyers[0], "page": "/demo"}
    return Change(at_ms, INTENT, plan.deal.id, "web.demo_requested", says)


def _intent(plan: _Plan) -> _Plan:
    at = plan.entered(1) + 1
    return plan._replace(extra=(_asked(plan, at),), cause=_truth(plan, Kind.HIGH_INTENT, at))


def _unanswered(plan: _Plan) -> _Plan:
    """The buyer asks on a working day at ten, and nobody speaks before the evening."""
    limit = plan.limits.unanswered
    tens = (midnight_ms(day_of(plan.entered(1))) + day * DAY_MS + 10 * HOUR_MS for day in range(1, _FAR_CLOSE_DAYS))
    at = next(at for at in tens if within_one_day(at, limit))
    plan = plan._replace(quiet=(at, at + 2 * limit))
    return plan._replace(extra=(_asked(plan, at),), cause=_truth(plan, Kind.INTENT_UNANSWERED, at + limit))


_SPOILERS: Mapping[Kind, Callable[[_Plan], _Plan]] = {
    Kind.STAGE_OVERSTAY: _overstay,
    Kind.CYCLE_EXCEEDED: _cycle,
    Kind.STAGE_REGRESSED: _regress,
    Kind.STAGE_SKIPPED: _skip,
    Kind.STAGE_BOUNCED: _bounce,
    Kind.STAGE_PARKED: _park,
    Kind.CONTACT_GAP: _silence,
    Kind.BUYER_SILENT: _buyer_silent,
    Kind.NO_NEXT_MEETING: _unmet,
    Kind.SINGLE_THREADED: _single,
    Kind.HANDOFF_STALLED: _stalled,
    Kind.SQL_UNQUALIFIED: _unqualified,
    Kind.POST_SQL_INCONSISTENT: _inconsistent,
    Kind.GATE_VIOLATED: _gate,
    Kind.ICP_MISMATCH: _not_ideal,
    Kind.JUNK_FIELD: _junk,
    Kind.HANDOFF_INCOMPLETE: _handed_over,
    Kind.CLOSE_DATE_PUSHED: _pushed,
    Kind.CLOSE_DATE_PASSED: _passed,
    Kind.CLOSE_DATE_PARKED: _parked_date,
    Kind.CATEGORY_MISMATCH: _committed,
    Kind.AMOUNT_SHRUNK: _shrunk,
    Kind.NEXT_STEP_STALE: _curt,
    Kind.HIGH_INTENT: _intent,
    Kind.INTENT_UNANSWERED: _unanswered,
    Kind.STALE_DEAL: _stale,
    Kind.REOPENED: _reopen,
    Kind.UNOWNED: _unowned,
}
KINDS = tuple(_SPOILERS)


def _truth(plan: _Plan, kind: Kind, opens_ms: int) -> Planted:
    return Planted(plan.deal.id, kind, opens_ms)


def _stretched(plan: _Plan, stage: int, stay_ms: int) -> _Plan:
    """The same plan, but the deal stays in a stage for so long, and everything after moves back."""
    entered = plan.entered(stage)
    left = min(at for at, _ in plan.entries if at > entered)
    more = entered + stay_ms - left
    entries = tuple((at + more if at > entered else at, which) for at, which in plan.entries)
    return plan._replace(entries=entries, end_ms=plan.end_ms + more)


def _contact_times(plan: _Plan) -> list[int]:
    step = min(plan.limits.contact_of(shape.name) for shape in market.STAGES) // _STEADY
    count = min(_MOST_CONTACTS, (plan.end_ms - plan.deal.created_ms) // step)
    regular = (plan.deal.created_ms + step * (number + 1) for number in range(count))
    return sorted({*regular, *(at + _CONFIRMED_MS for at, stage in plan.entries if stage < market.WON)})


def _meeting_ends(plan: _Plan) -> list[int]:
    """When meetings end: at any time, one is ahead. Where the buyer says nothing there is none."""
    begin, end = plan.unanswered or (0, 0)
    last = plan.end_ms + 2 * _MEET_EVERY_MS if plan.silent_after_ms is None else plan.silent_after_ms
    ends = range(plan.deal.created_ms + _MEET_EVERY_MS, last + 1, _MEET_EVERY_MS) if plan.meets else ()
    return [at for at in ends if not begin < at <= end and not _is_quiet(plan, at)]


def _is_quiet(plan: _Plan, at_ms: int) -> bool:
    begin, end = plan.quiet
    return begin <= at_ms <= end


def _written(world: World, plan: _Plan) -> list[Change]:
    deal = plan.deal
    drawn = opening_fields(world.rng, deal)
    opening = {
        **drawn,
        "LeadSource": market.LEAD_SOURCES[0],
        "NextStep": own(deal, market.NEXT_STEPS[0]),
        **plan.opening,
    }
    opening.update((flag, flag in plan.ticked) for flag in market.FLAGS)
    stages = [_entry(deal, at, stage) for at, stage in plan.entries[1:]]
    last = plan.silent_after_ms
    spoken = [at for at in _contact_times(plan) if (last is None or at <= last) and not _is_quiet(plan, at)]
    begin, end = plan.unanswered or (0, 0)
    people = deal.buyers[:1] if plan.alone else deal.buyers[:2]
    calls = [
        _call(deal, number, at, people[number % len(people)], inbound=not begin < at <= end)
        for number, at in enumerate(spoken)
    ]
    meetings = [_meeting(deal, number, at) for number, at in enumerate(_meeting_ends(plan))]
    return [Change(deal.created_ms, OPPORTUNITY, deal.id, CREATE, opening), *stages, *calls, *meetings, *plan.extra]


def _entry(deal: Profile, at_ms: int, stage: int) -> Change:
    fields: dict[str, Value] = {"StageName": market.STAGE_NAMES[stage], **market.derived(stage)}
    return Change(at_ms, OPPORTUNITY, deal.id, UPDATE, fields)


def _meeting(deal: Profile, number: int, end_ms: int) -> Change:
    """In the calendar long before."""
    planned = max(deal.created_ms + 1, end_ms - 2 * _MEET_EVERY_MS)
    fields: dict[str, Value] = {
        "WhatId": deal.id,
        "WhoId": deal.buyers[0],
        "OwnerId": deal.seller.id,
        "Subject": "Meeting",
        "StartDateTime": end_ms - HOUR_MS,
        "EndDateTime": end_ms,
        "ActivityDateTime": end_ms - HOUR_MS,
        "DurationInMinutes": 60,
        "CreatedDate": planned,
    }
    return Change(planned, EVENT, ids.record_id(ids.EVENT, deal.number * _SERIAL + number), CREATE, fields)


def _call(deal: Profile, number: int, at_ms: int, buyer: str, *, inbound: bool) -> Change:
    fields: dict[str, Value] = {
        "WhatId": deal.id,
        "WhoId": buyer,
        "OwnerId": deal.seller.id,
        "TaskSubtype": "Call",
        "CallType": "Inbound" if inbound else "Outbound",
        "Subject": "Call",
        "Status": "Completed",
        "IsClosed": True,
        "CompletedDateTime": at_ms,
        "CreatedDate": at_ms,
    }
    return Change(at_ms, TASK, ids.record_id(ids.TASK, deal.number * _SERIAL + number), CREATE, fields)


def _attributed(changes: list[Change], truth: Planted | None) -> list[Change]:
    """The truth goes with the last change at or before the instant at which the signal is due."""
    if truth is None:
        return changes
    cause = max(at for at, change in enumerate(changes) if change.at_ms <= truth.opens_ms)
    return [c._replace(planted=(truth,)) if at == cause else c for at, c in enumerate(changes)]
