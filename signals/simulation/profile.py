"""Who a deal is: drawn once, when it starts."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from signals.simulation import ids, market
from signals.simulation.changes import DAY_MS, Value
from signals.simulation.limits import Limits
from signals.simulation.market import SegmentShape
from signals.simulation.seasons import day_of, midnight_ms, month_end
from signals.simulation.team import SELLERS, Seller

_LATE_START = 0.18  # the share of deals that are created in a later stage than the first
_MONTH_END_DEFAULT = 0.2  # the share whose close date was never thought about
_HOPE_DAYS = 55  # the median cycle that sellers hope for
_CENTS = 2
_BUYERS = 3


class Profile(NamedTuple):
    """A deal at its start. `pace` multiplies every dwell: some buyers are slow all along."""

    number: int
    id: str
    segment: SegmentShape
    amount: float
    seller: Seller
    created_ms: int
    pace: float
    first_stage: int
    close_ms: int
    account: str
    buyers: tuple[str, ...]


class World(NamedTuple):
    """What every plan needs: the one source of chance, and the limits to work near to (a share of the time)."""

    rng: Random
    limits: Limits
    edges: float


def draw(world: World, number: int, created_ms: int) -> Profile:
    """The `number`th deal, created at an instant."""
    rng = world.rng
    segment = rng.choices(market.SEGMENTS, [shape.share for shape in market.SEGMENTS])[0]
    return Profile(
        number=number,
        id=ids.record_id(ids.DEAL, number),
        segment=segment,
        amount=round(segment.amount * rng.lognormvariate(0, segment.spread), _CENTS),
        seller=rng.choice(SELLERS),
        created_ms=created_ms,
        pace=segment.pace * rng.lognormvariate(0, 0.3),
        first_stage=rng.choice((1, 1, 2, 3)) if rng.random() < _LATE_START else 0,
        close_ms=_hoped_close(rng, segment.pace, created_ms),
        account=ids.record_id(ids.ACCOUNT, number // 2),
        buyers=tuple(ids.record_id(ids.CONTACT, number * _BUYERS + at) for at in range(_BUYERS)),
    )


def opening_fields(rng: Random, deal: Profile) -> dict[str, Value]:
    """The full record with which the deal is created; fields that nobody has filled are left out."""
    fields: dict[str, Value] = {
        "AccountId": deal.account,
        "Name": f"{company(deal.number)} - {deal.segment.name} {deal.number}",
        "StageName": market.STAGE_NAMES[deal.first_stage],
        "Amount": deal.amount,
        "CloseDate": deal.close_ms,
        "Type": rng.choice(market.TYPES),
        "LeadSource": rng.choice(market.LEAD_SOURCES),
        "OwnerId": deal.seller.id,
        "CreatedDate": deal.created_ms,
        "CreatedById": deal.seller.id,
        **market.derived(deal.first_stage),
    }
    fields.update((flag, False) for flag in market.FLAGS if rng.random() < _CHECKBOX_SENT)
    return fields


def company(number: int) -> str:
    """The company that the `number`th deal is with."""
    return _COMPANIES[number // 2 % len(_COMPANIES)]


def _hoped_close(rng: Random, pace: float, created_ms: int) -> int:
    created = day_of(created_ms)
    if rng.random() < _MONTH_END_DEFAULT:
        return midnight_ms(month_end(created))
    return midnight_ms(created) + max(3, round(_HOPE_DAYS * pace * rng.lognormvariate(0, 0.4))) * DAY_MS


_CHECKBOX_SENT = 0.8  # a checkbox that was never touched is sent as false, or not at all
_COMPANIES = (
    "Brightwater Logistics",
    "Oakline Foods",
    "Helio & Sons",
    "Nordkai GmbH",
    "Tessera Health",
    'Quill "Print" Co.',
    "Arbor <Analytics>",
    "Calder Rail",
    "Søndergård A/S",
    "Marisol Hotels",
    "Pinegate Insurance",
    "Vantage 21",
)
