"""History for deals that are live already: what lies before the horizon of what decided on them changes nothing.

A deal's state keeps three days of events to be put in order (law 5); what is older is too late. So a load that has such
rows is refused before anything is written, and says how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from engine.admin import read_all
from engine.settings import Broker
from signals.step import HORIZON_US
from topics.catalog import DEAL_CURRENT
from topics.events import DealChanged, DealRemoved
from topics.instants import parse_rfc3339
from topics.outcomes import Accepted, RawRecord
from topics.sources.registry import parser
from topics.sources.source import Source


class _View(msgspec.Struct):
    """What is asked of a view."""

    as_of: str = ""


_decode = msgspec.json.Decoder(_View).decode


class Late(NamedTuple):
    """Rows that come too late, of all; the first deal of them."""

    rows: int
    of: int
    deal: str = ""

    def __str__(self) -> str:
        return f"{self.rows:,} of {self.of:,} rows"


def live_deals(broker: Broker, source: str) -> dict[str, int]:
    """The deals of a source that have a view, and up to when each was judged. Raises `BrokerAway`, `LookupError`.

    About 200 bytes a deal.
    """
    deals: dict[str, int] = {}
    prefix = f"{source}:".encode()
    for record in read_all(broker, DEAL_CURRENT):
        if record.key is None or not record.key.startswith(prefix):
            continue
        key = record.key.decode()
        if record.value is None:
            deals.pop(key, None)
            continue
        try:
            deals[key] = parse_rfc3339(_decode(record.value).as_of)
        except (msgspec.DecodeError, ValueError):
            continue  # no view of ours, or one that says no time
    return deals


def late_rows(records: Iterable[RawRecord], source: Source, deals: dict[str, int]) -> Late:
    """How many rows say something of a live deal that is surely too late."""
    parse = parser(source)
    rows = late = 0
    first = ""
    for record in records:
        for outcome in parse(record):
            rows += 1
            found = _late_deal(outcome, deals) if isinstance(outcome, Accepted) else ""
            if found:
                late, first = late + 1, first or found
    return Late(late, rows, first)


def _late_deal(outcome: Accepted, deals: dict[str, int]) -> str:
    for event in outcome.events:
        if isinstance(event, DealChanged | DealRemoved) and event.at_us < deals.get(event.key, 0) - HORIZON_US:
            return event.key
    return ""
