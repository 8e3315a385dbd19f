"""The simulated sales team: twenty sellers in four teams, each led by one of them. The same in every run."""

from __future__ import annotations

from typing import NamedTuple

from signals.simulation import ids
from signals.simulation.changes import CREATE, HOUR_MS, UPDATE, USER, Change


class Seller(NamedTuple):
    """Someone who owns deals. `zone_ms`: how far the clock on the wall is ahead of UTC (winter time)."""

    id: str
    name: str
    email: str
    team: str
    zone: str
    zone_ms: int
    lead: str


_TEAMS: tuple[tuple[str, str, int, tuple[str, ...]], ...] = (
    ("EMEA North", "Europe/Berlin", 1, ("Ines Falk", "Jonas Weber", "Mara Lindqvist", "Tom Okafor", "Lea Brandt")),
    ("EMEA South", "Europe/Madrid", 1, ("Carla Ruiz", "Paulo Neves", "Giulia Conti", "Nadia Haddad", "Luc Moreau")),
    ("Americas East", "America/New_York", -5, ("Ruth Adeyemi", "Sam Patel", "Dana Cole", "Iris Chen", "Owen Brooks")),
    ("Americas West", "America/Los_Angeles", -8, ("Maya Torres", "Ken Ito", "Ava Reed", "Noah Kim", "Zoe Hart")),
)


def _email(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@sellers.example"


def _team(team: str, zone: str, hours: int, names: tuple[str, ...], first: int) -> tuple[Seller, ...]:
    return tuple(
        Seller(ids.record_id(ids.USER, first + at), name, _email(name), team, zone, hours * HOUR_MS, names[0])
        for at, name in enumerate(names)
    )


SELLERS: tuple[Seller, ...] = tuple(
    seller for at, row in enumerate(_TEAMS) for seller in _team(*row, first=1 + at * len(row[3]))
)


def hired(at_ms: int) -> list[Change]:
    """The events with which the CRM introduces its users."""
    return [introduced(seller, at_ms + at) for at, seller in enumerate(SELLERS)]


def introduced(seller: Seller, at_ms: int) -> Change:
    """The event with which the CRM introduces a user."""
    return Change(
        at_ms,
        USER,
        seller.id,
        CREATE,
        {
            "Name": seller.name,
            "FirstName": seller.name.split()[0],
            "LastName": seller.name.split()[1],
            "Email": seller.email,
            "Username": seller.email,
            "IsActive": True,
            "TimeZoneSidKey": seller.zone,
            "Department": seller.team,
            "CreatedDate": at_ms,
        },
    )


def renamed(seller: Seller, at_ms: int) -> Change:
    """A user's title changes: an event that says nothing about deals."""
    return Change(at_ms, USER, seller.id, UPDATE, {"Title": "Account Executive"})
