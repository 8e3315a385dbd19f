"""What is open now, by signal and by who owns it: folded from `deal.current`. Pure.

Held by whoever answers Slack: to know whose deal a press is about, and to show people what is theirs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from topics.codec import decoder
from topics.signals import Kind, Severity
from topics.views import DealView, OpenSignal

_decode: Callable[[bytes], DealView] = decoder(DealView)
_GRAVITY = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


class Deviation(NamedTuple):
    """One open signal with what a list shows of its deal. `owner_id` and `owner` are as the CRM says."""

    signal: str
    kind: Kind
    severity: Severity
    opened_at: str
    reason: str
    subject_key: str
    deal_id: str
    name: str
    owner_id: str
    owner: str
    stage: str
    amount: float | None
    currency: str


class Deviations:
    """The open signals of every deal. `take` is given the records of `deal.current`, in the order of each partition."""

    def __init__(self) -> None:
        self._deals: dict[str, tuple[Deviation, ...]] = {}
        self._by_signal: dict[str, Deviation] = {}
        self._by_owner: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def take(self, key: bytes, value: bytes | None) -> bool:
        """Fold the present state of a deal; False where it cannot be read, and then nothing is open there."""
        deal = key.decode(errors="replace")
        self._forget(deal)
        if value is None:
            return True
        try:
            view = _decode(value)
        except msgspec.DecodeError:
            return False
        found = tuple(_deviation(deal, view, signal) for signal in view.open_signals)
        if found:
            self._deals[deal] = found
            self._by_owner[view.owner_id, view.owner].add(deal)
            self._by_signal |= {each.signal: each for each in found}
        return True

    def find(self, signal: str) -> Deviation | None:
        """The open signal of this id."""
        return self._by_signal.get(signal)

    def owners(self) -> Iterator[tuple[str, str]]:
        """Who owns deals on which something is open, as the CRM calls them: id and name."""
        return iter(tuple(self._by_owner))

    def of(self, owner_id: str, owner: str) -> Iterator[Deviation]:
        """What is open on the deals of an owner, in no order."""
        for deal in self._by_owner.get((owner_id, owner), ()):
            yield from self._deals[deal]

    def _forget(self, deal: str) -> None:
        for each in self._deals.pop(deal, ()):
            self._by_signal.pop(each.signal, None)
            held = self._by_owner.get((each.owner_id, each.owner))
            if held is not None:
                held.discard(deal)
                if not held:
                    del self._by_owner[each.owner_id, each.owner]


def worst_first(found: Iterator[Deviation]) -> list[Deviation]:
    """The gravest first, then by money, then the oldest."""
    return sorted(found, key=lambda each: (_GRAVITY[each.severity], -(each.amount or 0.0), each.opened_at, each.signal))


def _deviation(deal: str, view: DealView, signal: OpenSignal) -> Deviation:
    return Deviation(
        signal=signal.id,
        kind=signal.kind,
        severity=signal.severity,
        opened_at=signal.opened_at,
        reason=signal.reason,
        subject_key=deal,
        deal_id=view.deal_id,
        name=view.name,
        owner_id=view.owner_id,
        owner=view.owner,
        stage=view.stage,
        amount=view.amount,
        currency=view.currency,
    )
