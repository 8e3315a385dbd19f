"""How people are told: the numbers and tables of the alert policy. Each default says where it comes from.

What is told to whom stands with the kinds (`responses`); this is when and how often, for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field, model_validator

from playbook.parts import Part
from topics.signals import Kind, Severity

Seconds = Annotated[float, Field(ge=0, le=86400)]
Interval = Annotated[float, Field(gt=0, le=365)]


class Inhibition(Part):
    """While `by` is open on a deal, nobody is interrupted about these kinds on the same deal.

    `same_field`: only where every field that the milder one complains of is complained of by the graver one, too.
    """

    by: Kind
    kinds: tuple[Kind, ...] = Field(min_length=1)
    same_field: bool = False


#: The table of the catalogue.
INHIBITIONS = (
    Inhibition(
        by=Kind.STALE_DEAL,
        kinds=(Kind.CONTACT_GAP, Kind.BUYER_SILENT, Kind.STAGE_OVERSTAY, Kind.NEXT_STEP_STALE),
    ),
    Inhibition(by=Kind.CYCLE_EXCEEDED, kinds=(Kind.STAGE_OVERSTAY,)),
    Inhibition(by=Kind.STAGE_BOUNCED, kinds=(Kind.STAGE_REGRESSED,)),
    Inhibition(by=Kind.POST_SQL_INCONSISTENT, kinds=(Kind.SQL_UNQUALIFIED,), same_field=True),
    Inhibition(by=Kind.BUYER_SILENT, kinds=(Kind.CONTACT_GAP,)),
)


class Settle(Part):
    """How long a signal must hold before anybody hears of it; what is over by then is not told."""

    critical_seconds: Seconds = 15.0
    seconds: Seconds = 300.0


class Group(Part):
    """How long more signals for the same person are waited for, so that several become one message.

    With the settling time a critical one is told within a minute. More than `most` in one message nobody reads: the
    deals with the most money go first, the rest waits for the digest.
    """

    critical_seconds: Seconds = 15.0
    seconds: Seconds = 300.0
    across_deals: bool = Field(default=True, description="several deals in one message; else one for each")
    most: int = Field(default=8, ge=1, le=20)


class Budget(Part):
    """Interruptions a day, edits in place and the one digest not counted. What is beyond waits for the digest.

    `critical_reserve` of them are for critical signals alone. A critical signal on one of the largest deals is told
    beyond the budget, and counted apart: `large_share` of the deals that signals spoke of, by amount, are large, or all
    from `large_amount` on, in base currency.
    """

    per_day: int = Field(default=5, ge=1, le=100)
    channel_per_day: int = Field(default=25, ge=1, le=1000, description="the same for a channel, which wakes nobody")
    critical_reserve: int = Field(default=2, ge=0, le=100)
    large_share: float = Field(default=0.1, ge=0, le=1)
    large_amount: float | None = Field(default=None, ge=0)


class Digest(Part):
    """One message a day, when the working day begins: what was beyond the budget, and what is still true."""

    most: int = Field(default=20, ge=1, le=40)


#: Minutes that it takes to clear one signal of a kind: estimates of ours, for nobody has published such figures. A
#: field is filled in or corrected in two, a stage or a date in three to five, with a look at the deal; whoever has to
#: speak to the buyer needs fifteen. `queue.minutes` goes before them.
MINUTES: dict[Kind, float] = dict.fromkeys(Kind, 5.0) | {
    Kind.JUNK_FIELD: 2.0,
    Kind.NEXT_STEP_STALE: 2.0,
    Kind.CLOSE_DATE_PASSED: 3.0,
    Kind.CLOSE_DATE_PARKED: 3.0,
    Kind.CLOSE_DATE_WISHFUL: 3.0,
    Kind.CATEGORY_MISMATCH: 3.0,
    Kind.STAGE_REGRESSED: 3.0,
    Kind.REOPENED: 3.0,
    Kind.CONTACT_GAP: 15.0,
    Kind.BUYER_SILENT: 15.0,
    Kind.SINGLE_THREADED: 15.0,
    Kind.HANDOFF_STALLED: 15.0,
    Kind.HIGH_INTENT: 15.0,
    Kind.INTENT_UNANSWERED: 15.0,
}


class Queue(Part):
    """The weekly queue: when a person's week begins, the day's digest shows everything that is open on their deals.

    The largest deals first, with the minutes that it takes to clear each; what is done is struck through.
    """

    enabled: bool = True
    most: int = Field(default=30, ge=1, le=40)
    minutes: dict[Kind, Annotated[float, Field(ge=0, le=600)]] = Field(default_factory=dict)

    def minutes_of(self, kind: Kind) -> float:
        """How long one signal of a kind takes."""
        return self.minutes.get(kind, MINUTES[kind])


class Flood(Part):
    """More openings of one kind than this in a minute (per partition): the playbook is wrong, not the deals.

    One message goes to RevOps instead.
    """

    per_minute: int = Field(default=200, ge=1, le=10_000)


class Alerts(Part):
    """The alert policy."""

    settle: Settle = Settle()
    inhibitions: tuple[Inhibition, ...] = INHIBITIONS
    graver_in_family: bool = Field(
        default=True, description="within a family and deal the graver signal inhibits the milder"
    )
    quiet_hours: bool = Field(
        default=True, description="people are told inside the working hours of their calendar, in their own zone"
    )
    group: Group = Group()
    budget: Budget = Budget()
    digest: Digest = Digest()
    queue: Queue = Queue()
    repeat_days: tuple[Interval, ...] = Field(default=(1.0, 3.0, 7.0, 14.0), description="each longer than the last")
    escalate_from: Severity = Field(default=Severity.WARNING, description="milder signals go to nobody else")
    done_days: Interval = Field(default=3.0, description="what was said to be done and still holds comes back then")
    flood: Flood = Flood()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if any(after <= before for before, after in zip(self.repeat_days, self.repeat_days[1:], strict=False)):
            message = "repeat_days: each interval is longer than the one before"
            raise ValueError(message)
        if circle := _circle(self.inhibitions):
            message = f"inhibitions go in a circle: {' over '.join(circle)}"
            raise ValueError(message)
        return self


def _circle(rows: Iterable[Inhibition]) -> list[str]:
    """Kinds that inhibit each other all round, of which nobody would ever hear; empty where there are none."""
    below: dict[Kind, set[Kind]] = {}
    for row in rows:
        below.setdefault(row.by, set()).update(row.kinds)
    for start in below:
        if path := _way_back(below, start, [start], set()):
            return [kind.value for kind in path]
    return []


def _way_back(below: dict[Kind, set[Kind]], start: Kind, path: list[Kind], tried: set[Kind]) -> list[Kind]:
    for kind in sorted(below.get(path[-1], ())):
        if kind is start:
            return [*path, kind]
        if kind not in tried:
            tried.add(kind)
            if found := _way_back(below, start, [*path, kind], tried):
                return found
    return []
