"""What a rehearsal gave, in figures: for each recipient a week, for each day, for each kind. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from alerts.reasons import FATES, Fate, Reason
from alerts.values import Decision, Delivery, Form, Op
from programs.rehearsing import Heard
from topics.instants import DAY_US
from topics.signals import Kind, Step


class Days(NamedTuple):
    """How many messages come on a day on which any come, over all recipients: quantiles and the largest."""

    days: int
    p50: int
    p90: int
    most: int


class Received(NamedTuple):
    """What one recipient would have received. `a_week` is the mean over the weeks of the history."""

    recipient: str
    interruptions: int
    digests: int
    beyond_budget: int
    a_week: float
    days: Days


class Noise(NamedTuple):
    """What one kind does: openings by recipient and their fates, messages that it leads, how often it is repeated."""

    kind: Kind
    fates: dict[Fate, int]
    messages: int
    repeats: int
    passed_on: int


class Preview(NamedTuple):
    """The whole of it. `weeks` is how long the history is; `held`: why openings were not told at once, or to nobody."""

    weeks: float
    received: tuple[Received, ...]
    days: Days
    noise: tuple[Noise, ...]
    held: dict[Reason, int]


class Counting:
    """Counts while a rehearsal goes on, so that none of it need be kept."""

    def __init__(self) -> None:
        self.daily: dict[str, Counter[int]] = defaultdict(Counter)
        self.digests: Counter[str] = Counter()
        self.beyond: Counter[str] = Counter()
        self.fates: dict[tuple[str, str], tuple[Kind, Reason]] = {}
        self.led: Counter[Kind] = Counter()
        self.repeats: Counter[Kind] = Counter()
        self.passed_on: Counter[Kind] = Counter()
        self.held: Counter[Reason] = Counter()

    def take(self, heard: Heard) -> None:
        """One decision or delivery."""
        if isinstance(heard.what, Delivery):
            self._delivery(heard.what, heard.at_us // DAY_US)
        else:
            self._decision(heard.what)

    def _delivery(self, delivery: Delivery, day: int) -> None:
        who = delivery.recipient.key
        if delivery.op is Op.EDIT:
            return
        self.daily[who][day] += 1
        self.led[delivery.signal.kind] += 1
        self.digests[who] += delivery.form is Form.DIGEST
        self.beyond[who] += delivery.reason is Reason.TOLD_BEYOND_BUDGET

    def _decision(self, decision: Decision) -> None:
        reason = decision.reason
        self.repeats[decision.kind] += reason is Reason.REPEATED
        self.passed_on[decision.kind] += reason is Reason.ESCALATED
        if not decision.recipient and decision.transition is Step.OPENED:
            self.held[reason] += 1
        if reason not in FATES or not decision.recipient:
            return
        key = (decision.signal, decision.recipient)
        known = self.fates.get(key)
        if known is None and decision.transition is Step.RESOLVED:
            return  # it never opened here
        if known is None or FATES[known[1]] not in (Fate.TOLD, Fate.MERGED):
            self.fates[key] = (decision.kind, reason)
            if FATES[reason] not in (Fate.TOLD, Fate.MERGED) and (known is None or known[1] is not reason):
                self.held[reason] += 1

    def preview(self, weeks: float) -> Preview:
        """The figures so far."""
        received = (self._received(who, days, weeks) for who, days in self.daily.items())
        every_day = [count for days in self.daily.values() for count in days.values()]
        by_kind: dict[Kind, Counter[Fate]] = defaultdict(Counter)
        for kind, reason in self.fates.values():
            by_kind[kind][FATES[reason]] += 1
        noise = (
            Noise(kind, dict(fates), self.led[kind], self.repeats[kind], self.passed_on[kind])
            for kind, fates in by_kind.items()
        )
        return Preview(
            weeks=weeks,
            received=tuple(sorted(received, key=lambda each: (-each.a_week, each.recipient))),
            days=_days(every_day),
            noise=tuple(sorted(noise, key=lambda each: (-each.messages, each.kind))),
            held=dict(self.held.most_common()),
        )

    def _received(self, who: str, days: Counter[int], weeks: float) -> Received:
        return Received(
            recipient=who,
            interruptions=days.total() - self.digests[who],
            digests=self.digests[who],
            beyond_budget=self.beyond[who],
            a_week=days.total() / weeks,
            days=_days(list(days.values())),
        )


def _days(counts: Sequence[int]) -> Days:
    ordered = sorted(counts)
    if not ordered:
        return Days(0, 0, 0, 0)
    return Days(len(ordered), _quantile(ordered, 0.5), _quantile(ordered, 0.9), ordered[-1])


def _quantile(ordered: Sequence[int], share: float) -> int:
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def as_json(shown: Preview) -> bytes:
    """The figures for machines."""
    return msgspec.json.format(
        msgspec.json.encode(
            {
                **shown._asdict(),
                "received": [{**each._asdict(), "days": each.days._asdict()} for each in shown.received],
                "days": shown.days._asdict(),
                "noise": [each._asdict() for each in shown.noise],
            }
        ),
        indent=2,
    )
