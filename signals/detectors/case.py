"""What a detector is, and what it is shown.

A detector is a predicate: does its condition hold for this deal at T, since which anchor, on what evidence? It answers
with a `Verdict`: the findings, and the due, the last instant until which time alone cannot change the answer. Limits
are passed strictly: with start + limit = due the condition holds from due + 1 microsecond, and is dated due (law 4).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from signals.deal import Deal, Mark
from signals.episodes import Episode, Finding, Occasion
from signals.rules import Rules, StageRule
from topics.signals import Kind


class Case(msgspec.Struct, frozen=True, gc=False):
    """One deal, at one instant, under the rules; every detector that is asked sees the same.

    `stage` is its present stage, an open one but for detectors that look at closed deals, too; `stages` are its
    pipeline's by value; `at_us` is the instant of judging, and `episodes` are open on the deal, of all kinds.
    """

    rules: Rules
    deal: Deal
    stage: StageRule
    stages: Mapping[str, StageRule]
    at_us: int
    on: Occasion
    episodes: tuple[Episode, ...]


#: What holds, and when to ask again though nothing changed (None: never). A plain pair: most answers say when only, and
#: a tuple of its own class costs 0.2 microseconds each.
Verdict = tuple[tuple[Finding, ...], int | None]
NOTHING: Verdict = ((), None)
#: What "holds" of a kind that is switched off: an episode that is open ends with the reason `definition`.
SWITCHED_OFF = (Finding("switched off"),)
OFF: Verdict = (SWITCHED_OFF, None)
#: The predicate over deals in a stage that is defined.
Judge = Callable[[Case], Verdict]


class Detector(NamedTuple):
    """One kind: which names of a deal it reads (under given rules), and its predicate.

    `closed`: whether it is asked about closed deals, too. The episodes of all other kinds end with the deal.
    """

    kind: Kind
    reads: Callable[[Rules], frozenset[str]]
    judge: Judge
    closed: bool = False


def always(*names: str) -> Callable[[Rules], frozenset[str]]:
    """The names that a detector reads whatever the rules are."""
    fixed = frozenset(names)
    return lambda _rules: fixed


def said_by(deal: Deal, *names: str) -> tuple[Mark, ...]:
    """The events that said last what these fields hold, as far as that is kept; else the creation, or the entry."""
    marks = [deal.changed[name].mark for name in names if name in deal.changed]
    return tuple(marks) or (deal.created_mark or deal.entries[-1].mark,)


def in_days(limit_us: int) -> str:
    """A limit as people read it: `30 days`, `7.5 days`, `1 day`."""
    days = limit_us / 86_400_000_000
    return f"{days:g} day" if days == 1 else f"{days:g} days"


def in_business_days(limit_us: int) -> str:
    """A limit of business days: `2 business days`."""
    days = limit_us / 86_400_000_000
    return f"{days:g} business day" if days == 1 else f"{days:g} business days"


def in_business_hours(limit_us: int) -> str:
    """A limit of business hours: `4 business hours`."""
    hours = limit_us / 3_600_000_000
    return f"{hours:g} business hour" if hours == 1 else f"{hours:g} business hours"
