"""The records of a run: a simulated CRM with its people and accounts, as untidy as a line wants it."""

from __future__ import annotations

from signals.simulate import CRM, Emitted, Options, simulate
from signals.simulation import ids
from signals.simulation.arrival import TIDY, Trouble
from signals.simulation.cdc import Commit, cometd
from signals.simulation.changes import OPPORTUNITY, UPDATE, Change
from topics.instants import HOUR_US
from topics.outcomes import RawRecord

START_MS = 1_736_121_600_000  # 6 January 2025
UNTIDY = Trouble(horizon_us=HOUR_US, late=0.3, repeated=0.1, garbage=0.05)
"""The issue's: 5 % garbage, 10 % duplicates, reordering over an hour."""

DAYS = 45
SUPPLY = 4
"""A line whose faults must find records coming in ends when they are through: on a busy machine they take longer."""
_PER_DEAL = 12
_HOT_COMMITS = 1_900_000_000_000_000_000  # beyond those of the simulation
_HOT_USER = "005Sm0000000001IAA"


def records(seed: int, count: int, trouble: Trouble = TIDY, times: int = 1) -> list[Emitted]:
    """The first `count` records, and as dense as they are so many times as many."""
    deals = count // _PER_DEAL
    made = simulate(
        Options(seed=seed, deals=times * deals, days=times * DAYS, start_ms=START_MS, trouble=trouble, people=True)
    )
    found = [emitted for emitted, _ in zip(made, range(times * count), strict=False)]
    if len(found) < times * count:
        message = f"the simulation ends after {len(found)} of {times * count} records"
        raise ValueError(message)
    return found


def supply(seed: int, count: int, trouble: Trouble = TIDY) -> list[Emitted]:
    """As dense as `count` records, and several times as many: for a line that may take longer, to be cut short."""
    return records(seed, count, trouble, SUPPLY)


def with_hot_deal(emitted: list[Emitted]) -> list[Emitted]:
    """Every other record is of one and the same deal: half of all events."""
    keys = (one.record.key or b"" for one in emitted)
    deal = next(key for key in keys if key.startswith(ids.DEAL.encode())).decode()
    found: list[Emitted] = []
    for number, one in enumerate(emitted):
        found += [one, _hot(deal, number, one.record.timestamp_us)]
    return found


def _hot(deal: str, number: int, at_us: int) -> Emitted:
    change = Change(at_us // 1000, OPPORTUNITY, deal, UPDATE, {"Amount": 1000.0 + number % 500})
    commit = Commit(_HOT_COMMITS + number, 1, f"hot-{number}", (deal,), _HOT_USER)
    return Emitted(CRM, RawRecord(deal.encode(), cometd(change, commit), (), at_us))
