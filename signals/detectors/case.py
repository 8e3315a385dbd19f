"""What a detector is, and what it is shown.

A detector is a predicate: does its condition hold for this deal at T, since which anchor, on what evidence? It answers
with a `Verdict`: the findings, and `due`, the last instant until which time alone cannot change the answer. Limits are
passed strictly: with start + limit = due the condition holds from due + 1 microsecond, and is dated due (law 4).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from signals.deal import Deal
from signals.episodes import Episode, Finding, Occasion
from signals.rules import Rules, StageRule
from topics.signals import Kind


class Case(NamedTuple):
    """One deal, at one instant, under the rules. `stage` is its present open stage; `open_now` this kind's episodes."""

    rules: Rules
    deal: Deal
    stage: StageRule
    open_now: tuple[Episode, ...]
    on: Occasion

    @property
    def at_us(self) -> int:
        """The instant of judging."""
        return self.on.at_us


class Verdict(NamedTuple):
    """What holds, and when to ask again though nothing changed (None: never)."""

    findings: tuple[Finding, ...] = ()
    due_us: int | None = None


NOTHING = Verdict()


class Detector(NamedTuple):
    """One kind: which names of a deal it reads (under given rules), and its predicate over open deals."""

    kind: Kind
    reads: Callable[[Rules], frozenset[str]]
    judge: Callable[[Case], Verdict]


def always(*names: str) -> Callable[[Rules], frozenset[str]]:
    """The names that a detector reads whatever the rules are."""
    fixed = frozenset(names)
    return lambda _rules: fixed


def in_days(limit_us: int) -> str:
    """A limit as people read it: `30 days`, `7.5 days`, `1 day`."""
    days = limit_us / 86_400_000_000
    return f"{days:g} day" if days == 1 else f"{days:g} days"
