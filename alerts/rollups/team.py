"""A lead's roll-up: the team's deviations, worst first, and whether there are more or fewer than a week ago. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from alerts.rollups.standings import OPEN, Standing, Troubled, Worth, owner_name, troubled
from playbook.owners import Directory
from topics.instants import DAY_US, parse_rfc3339
from topics.signals import Severity, Signal, Step

WEEK_US = 7 * DAY_US


class Trend(NamedTuple):
    """How many are open now; how many of them opened, and how many others ended, in the week before.

    `ended` is None where that is not known; then nothing is known of a week ago either.
    """

    now: int
    opened: int
    ended: int | None

    @property
    def before(self) -> int | None:
        """How many were open a week ago: those of now that are older, and those that have ended since.

        What both opened and ended within the week was not there then, nor is it now.
        """
        return None if self.ended is None else self.now - self.opened + self.ended


class OfOwner(NamedTuple):
    """One member of the team: deals open, signals by severity, money in the base currency under a critical one."""

    owner: str
    deals: int
    severities: Counter[Severity]
    at_risk: float


class Team(NamedTuple):
    """The roll-up. `deals` are open, the `worst` of them have something open; money is in the base currency."""

    lead: str
    deals: int
    at_risk: float
    trend: Trend
    owners: tuple[OfOwner, ...]
    worst: tuple[Troubled, ...]


def team(  # noqa: PLR0913, PLR0917 - what it is made of
    lead: str, deals: Iterable[Standing], directory: Directory, worth: Worth, at_us: int, ended: int | None
) -> Team:
    """The roll-up of one lead's open deals at an instant.

    `ended`: how many signals of the team that were open a week ago are over by now.
    """
    present = [deal for deal in deals if deal.outcome == OPEN]
    found = troubled(present, directory, worth)
    signals = [signal for one in found for signal in one.signals]
    recent = sum(parse_rfc3339(signal.opened_at) >= at_us - WEEK_US for signal in signals)
    return Team(
        lead=lead,
        deals=len(present),
        at_risk=_at_risk(found),
        trend=Trend(len(signals), recent, ended),
        owners=_owners(Counter(owner_name(deal, directory) for deal in present), found),
        worst=tuple(found),
    )


def _owners(deals: Counter[str], found: Sequence[Troubled]) -> tuple[OfOwner, ...]:
    made = []
    for owner, count in deals.items():
        own = [one for one in found if one.owner == owner]
        severities = Counter(signal.severity for one in own for signal in one.signals)
        made.append(OfOwner(owner, count, severities, _at_risk(own)))
    return tuple(sorted(made, key=lambda one: (-one.severities[Severity.CRITICAL], -one.at_risk, one.owner)))


def _at_risk(found: Iterable[Troubled]) -> float:
    """The money of deals under a critical signal."""
    return sum(one.worth for one in found if one.severity is Severity.CRITICAL)


def ended_by_lead(signals: Iterable[Signal], directory: Directory, since_us: int) -> Counter[str]:
    """How many signals that were open at an instant are over by now, by the lead of their deal's owner.

    `signals`: the transitions since then, in the order of each deal.
    """
    last: dict[str, Signal] = {signal.id: signal for signal in signals}
    found: Counter[str] = Counter()
    for signal in last.values():
        if signal.transition is not Step.RESOLVED or parse_rfc3339(signal.opened_at) >= since_us:
            continue
        owner = directory.find(signal.owner_id) or directory.find(signal.owner)
        lead = None if owner is None else directory.lead(owner)
        if lead is not None:
            found[lead.name] += 1
    return found
