"""What a roll-up needs of a deal's view, and who leads whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, TypeAlias

import msgspec

from playbook.model import Owner
from playbook.owners import Directory
from topics.signals import Severity
from topics.views import OpenSignal

#: What an amount in a currency is worth in the base currency; None where nobody has said.
Worth: TypeAlias = Callable[[float, str], float | None]
GRAVITY = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
OPEN, WON = "open", "won"


class Standing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A deal's view (`topics.views.DealView`), as far as roll-ups read it, from the same bytes."""

    key: str
    deal_id: str
    name: str = ""
    owner_id: str = ""
    owner: str = ""
    team: str = ""
    pipeline: str = ""
    stage: str = ""
    outcome: str = ""
    amount: float | None = None
    currency: str = ""
    category: str = ""
    close_date: str = ""
    ended_at: str = ""
    open_signals: tuple[OpenSignal, ...] = ()
    playbook: str = ""

    @property
    def called(self) -> str:
        """What people call it."""
        return self.name or self.deal_id

    def worth(self, worth: Worth) -> float | None:
        """Its amount in the base currency; None where it has none, or none that can be converted."""
        return None if self.amount is None else worth(self.amount, self.currency)


decode_standing = msgspec.json.Decoder(Standing).decode


class Troubled(NamedTuple):
    """A deal on which something is open: the signals, the gravest first, then the oldest.

    `worth`: its amount in the base currency, 0 for unknown.
    """

    deal: Standing
    owner: str
    worth: float
    signals: tuple[OpenSignal, ...]

    @property
    def severity(self) -> Severity:
        """Of the gravest."""
        return self.signals[0].severity


def troubled(deals: Iterable[Standing], directory: Directory, worth: Worth) -> list[Troubled]:
    """The deals with something open, worst first: the gravest, then the most money, then the oldest."""
    found = [
        Troubled(deal, owner_name(deal, directory), deal.worth(worth) or 0.0, tuple(sorted(signals, key=_gravest)))
        for deal in deals
        if (signals := deal.open_signals)
    ]
    return sorted(found, key=lambda one: (GRAVITY[one.severity], -one.worth, one.signals[0].opened_at, one.deal.key))


def _gravest(signal: OpenSignal) -> tuple[int, str, str]:
    return GRAVITY[signal.severity], signal.opened_at, signal.id


def owner_of(deal: Standing, directory: Directory) -> Owner | None:
    """The playbook's owner of a deal."""
    return directory.find(deal.owner_id) or directory.find(deal.owner)


def owner_name(deal: Standing, directory: Directory) -> str:
    """What the deal's owner is called: by the playbook, else by the CRM; empty where nobody owns it."""
    known = owner_of(deal, directory)
    return known.name if known else deal.owner or deal.owner_id


def team_name(deal: Standing, directory: Directory) -> str:
    """The owner's team, by the playbook, else by the CRM."""
    known = owner_of(deal, directory)
    return (known.team if known else None) or deal.team


def led_by(lead: Owner, deals: Iterable[Standing], directory: Directory) -> Iterator[Standing]:
    """The deals of those who report to somebody."""
    for deal in deals:
        owner = owner_of(deal, directory)
        if owner is not None and directory.lead(owner) is lead:
            yield deal


def leads_of(owners: Iterable[Owner], directory: Directory) -> list[Owner]:
    """Everybody to whom somebody reports, by name."""
    found = {lead.name: lead for owner in owners if (lead := directory.lead(owner)) is not None}
    return [found[name] for name in sorted(found)]
