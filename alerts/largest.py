"""Which deals are the largest, as far as signals have spoken of them: a sample of their amounts. Pure.

The deals whose keys have the smallest hashes are kept: a uniform sample of all deals, the same in whatever order they
are met. A partition of `deal.signals` holds a uniform part of the deals, so each judges by its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from topics.codec import decoder

#: With a thousand deals the largest tenth is known to within two percent.
KEPT = 1_000
#: Fewer deals than this have no largest tenth.
FEWEST = 20


class Amounts(msgspec.Struct, frozen=True):
    """The latest amount of each deal of the sample, in base currency, by the hash of its key."""

    by_hash: dict[int, float]


def with_amount(amounts: Amounts, subject_key: str, amount: float) -> Amounts:
    """The sample after a deal was met; the same value where that changes nothing."""
    place = int.from_bytes(hashlib.blake2b(subject_key.encode(), digest_size=7).digest())
    known = amounts.by_hash
    if known.get(place) == amount:
        return amounts
    if place not in known and len(known) >= KEPT:
        last = max(known)
        if place > last:
            return amounts
        known = {each: value for each, value in known.items() if each != last}
    return Amounts(known | {place: amount})


def is_large(amounts: Amounts, amount: float, share: float) -> bool:
    """Whether no more than this share of the deals is as large."""
    known = amounts.by_hash.values()
    return len(known) >= FEWEST and sum(each >= amount for each in known) <= share * len(known)


decode_amounts: Callable[[bytes], Amounts] = decoder(Amounts)
