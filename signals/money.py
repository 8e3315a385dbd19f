"""Money in one currency: what an amount is worth in the base currency of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Exchange(NamedTuple):
    """`rates`: what one unit of a currency is worth in the base currency. A deal that names no currency is in that."""

    base: str = "USD"
    rates: Mapping[str, float] = {}

    def rate(self, currency: str) -> float | None:
        """What one unit is worth; None where nobody has said."""
        return 1.0 if currency in {"", self.base} else self.rates.get(currency)

    def in_base(self, amount: float, currency: str) -> float | None:
        """An amount in the base currency; None where that is not known."""
        rate = self.rate(currency)
        return None if rate is None else amount * rate
