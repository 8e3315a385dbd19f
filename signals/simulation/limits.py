"""The limits near which the simulated team also works on purpose: exactly at them, and one millisecond off."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from playbook.criteria import Expression
from playbook.kinds import SignalSettings
from playbook.model import Playbook, Segment
from signals.simulation.changes import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS


class Limits(NamedTuple):
    """The playbook's numbers in ms. `stage`, `contact` and `silent` are by the CRM's name of the stage.

    Pushes are in days, `meeting_days` and `handoff_days` in business days, `unanswered` counts business hours.
    """

    stage: dict[str, int]
    contact: dict[str, int]
    cycle: tuple[tuple[Expression | None, int | None], ...]
    stage_default: int
    contact_default: int
    plan: int
    settle: int
    push_window: int
    push_expiry: int
    push_days: tuple[int, ...]
    push_sum: int
    intent_window: int
    parked_grace: int
    stale: int
    unowned: int
    bounce_edit: int
    silent: dict[str, int]
    silent_default: int
    meeting_days: int
    handoff_days: int
    threads_amount: float
    threads_age: int
    unanswered: int

    def stage_of(self, name: str) -> int:
        """How long a deal may stay in a stage."""
        return self.stage.get(name, self.stage_default)

    def cycle_of(self, amount: float) -> int | None:
        """How long a deal of this amount may take; None for as long as it likes."""
        fits = (limit for when, limit in self.cycle if when is None or when.judge({"amount": amount}))
        return next(fits, None)

    def contact_of(self, name: str) -> int:
        """How long nobody may speak in a stage."""
        return self.contact.get(name, self.contact_default)

    def silent_of(self, name: str) -> int:
        """How long a buyer may leave the seller's attempts without an answer in a stage."""
        return self.silent.get(name, self.silent_default)


def limits_of(playbook: Playbook | None) -> Limits:
    """The numbers of a playbook; without one, the model's own defaults."""
    settings = playbook.signals if playbook else SignalSettings()
    stages = [stage for pipeline in playbook.pipelines for stage in pipeline.stages] if playbook else []
    return Limits(
        stage={name: _days(s.max_days) for s in stages if s.max_days for name in (s.name, *s.values)},
        contact={name: _days(s.contact_days) for s in stages if s.contact_days for name in (s.name, *s.values)},
        cycle=tuple(_corridor(segment) for segment in (playbook.segments if playbook else ())),
        stage_default=_days(settings.stage_overstay.days),
        contact_default=_days(settings.contact_gap.days),
        plan=_days(settings.contact_gap.plan_days),
        settle=round(settings.gate_violated.settle_seconds * SECOND_MS),
        push_window=_days(settings.close_date_pushed.window_days),
        push_days=(settings.close_date_pushed.min_days, settings.close_date_pushed.single_days),
        push_sum=settings.close_date_pushed.sum_days,
        push_expiry=_days(settings.close_date_pushed.expires_days),
        intent_window=round(settings.high_intent.window_hours * HOUR_MS),
        parked_grace=round(settings.stage_parked.grace_hours * HOUR_MS),
        stale=_days(settings.stale_deal.days),
        unowned=_days(settings.unowned.days),
        bounce_edit=round(settings.stage_bounced.edit_minutes * MINUTE_MS),
        silent={name: _days(s.silent_days) for s in stages if s.silent_days for name in (s.name, *s.values)},
        silent_default=_days(settings.buyer_silent.days),
        meeting_days=round(settings.no_next_meeting.business_days),
        handoff_days=round(settings.handoff_stalled.business_days),
        threads_amount=settings.single_threaded.min_amount,
        threads_age=_days(settings.single_threaded.min_age_days),
        unanswered=round(settings.intent_unanswered.business_hours * HOUR_MS),
    )


def at_edge(rng: Random, limit: int) -> int:
    """One unit before the limit, the limit itself, or one beyond; the unit is the limit's."""
    return limit + rng.choice((-1, 0, 1))


def _corridor(segment: Segment) -> tuple[Expression | None, int | None]:
    return (
        None if segment.when is None else Expression(segment.when),
        None if segment.cycle_days is None else _days(segment.cycle_days),
    )


def _days(days: float) -> int:
    return round(days * DAY_MS)
