"""The people and companies around a deal, as a real org has them: accounts, contacts, their roles on the deal.

Some activities then name only the person, as mail loggers write them, and reach the deal by the person's role. What
happens and when is as without: chance has a source of its own here.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from signals.simulation import ids
from signals.simulation.changes import ACCOUNT, CONTACT, CREATE, EVENT, ROLE, TASK, Change, Value
from signals.simulation.profile import Profile, company

#: The share of activities that name only the person.
_PERSON_ONLY = 0.3
_FIRST = ("Alma", "Bruno", "Chloe", "Dario", "Elif", "Finn", "Greta", "Hugo", "Ida", "Jack")
_LAST = ("Almeida", "Becker", "Costa", "Dietz", "Egede", "Fontaine", "Grant", "Holm", "Ivanov", "Jones")
_ROLES = ("Economic Buyer", "Decision Maker", "Technical Buyer")
_INDUSTRIES = ("Banking", "Transportation", "Healthcare", "Retail", "Manufacturing")
_COUNTRIES = ("DE", "ES", "FR", "US", "SE")


def peopled(seed: int, deal: Profile, changes: list[Change]) -> list[Change]:
    """The changes of a deal, in order, with those of its account, its contacts and their roles."""
    rng = Random(f"{seed}/{deal.number}")  # noqa: S311 - a simulation has to be repeatable, not secret
    around = [*_account(rng, deal), *_contacts(rng, deal)]
    told = [_person_only(rng, deal, change) for change in changes]
    return [*told[:1], *around, *told[1:]]


def _account(rng: Random, deal: Profile) -> Iterator[Change]:
    """Two deals have one account; the first of them brings it."""
    if deal.number % 2 and deal.number > 1:
        return
    employees = rng.choice((8, 40, 250, 1200, 9000))
    fields: dict[str, Value] = {
        "Name": company(deal.number),
        "Industry": rng.choice(_INDUSTRIES),
        "NumberOfEmployees": employees,
        "AnnualRevenue": employees * 180_000.0,
        "BillingCountry": rng.choice(_COUNTRIES),
        "CreatedDate": deal.created_ms,
    }
    yield Change(deal.created_ms, ACCOUNT, deal.account, CREATE, fields)


def _contacts(rng: Random, deal: Profile) -> Iterator[Change]:
    for number, buyer in enumerate(deal.buyers):
        first, last = rng.choice(_FIRST), rng.choice(_LAST)
        fields: dict[str, Value] = {
            "FirstName": first,
            "LastName": last,
            "Email": f"{first}.{last}@buyers.example".lower(),
            "AccountId": deal.account,
            "CreatedDate": deal.created_ms,
        }
        yield Change(deal.created_ms, CONTACT, buyer, CREATE, fields)
        role = ids.record_id(ids.ROLE, deal.number * len(deal.buyers) + number)
        about: dict[str, Value] = {"OpportunityId": deal.id, "ContactId": buyer, "Role": _ROLES[number % len(_ROLES)]}
        yield Change(deal.created_ms, ROLE, role, CREATE, {**about, "CreatedDate": deal.created_ms})


def _person_only(rng: Random, deal: Profile, change: Change) -> Change:
    named = change.entity in {TASK, EVENT} and change.change == CREATE and change.fields.get("WhatId") == deal.id
    if not named or change.fields.get("WhoId") not in deal.buyers or rng.random() >= _PERSON_ONLY:
        return change
    return change._replace(fields={**change.fields, "WhatId": None})
