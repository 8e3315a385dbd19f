"""Threads: how many people at the buyer's we are in contact with."""

from __future__ import annotations

from signals.deal import ACTIVITIES, Mark
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_days, said_by
from signals.detectors.contact import earliest
from signals.episodes import Finding
from topics.signals import Kind


def _single_threaded(case: Case) -> Verdict:
    """Fewer than two different buyer contacts in 60 days, on a large deal that is an SQL or some days old."""
    if not _is_large(case):
        return NOTHING
    limits = case.rules.limits
    if not case.stage.is_sql:
        if case.deal.created_us is None:
            return NOTHING
        old_us = case.deal.created_us + limits.threads_age_us
        if case.at_us <= old_us:
            return (), old_us
    last_us, due_us = last_by_person(case)
    numbers = case.rules.settings.single_threaded
    count = len(last_us)
    if count >= numbers.min_contacts:
        return (), due_us
    size = f"{numbers.min_amount:,.0f} {case.rules.exchange.base}"
    finding = Finding(
        f"{_people(count)} in {in_days(limits.threads_us)}, on a deal of {size} or more",
        observed=float(count),
        limit=float(numbers.min_contacts),
        unit="people",
        causes=_causes(case),
    )
    return (finding,), due_us


def last_by_person(case: Case) -> tuple[dict[str, int], int | None]:
    """When each person at the buyer's was last spoken to in the window, and up to when that does not change by time."""
    window_us, at_us = case.rules.limits.threads_us, case.at_us
    last_us: dict[str, int] = {}
    due_us = None
    for one in case.deal.activities.values():
        contact_us = one.contact_us()
        if contact_us is None or not one.person:
            continue
        if contact_us > at_us:
            due_us = earliest(due_us, contact_us, at_us)
        elif at_us <= contact_us + window_us:
            last_us[one.person] = max(contact_us, last_us.get(one.person, contact_us))
    for contact_us in last_us.values():
        due_us = earliest(due_us, contact_us + window_us, at_us)
    return last_us, due_us


def _causes(case: Case) -> tuple[Mark, ...]:
    """The last contact, where there is one; else what said the amount."""
    last = case.deal.last_contact(case.at_us)
    return said_by(case.deal, "amount") if last is None or last.mark is None else (last.mark,)


def _is_large(case: Case) -> bool:
    """Whether the amount is at or over the threshold; one whose worth nobody knows is not."""
    amount, currency = case.deal.fields.get("amount"), case.deal.fields.get("currency")
    if not isinstance(amount, int | float) or isinstance(amount, bool):
        return False
    worth = case.rules.exchange.in_base(float(amount), currency if isinstance(currency, str) else "")
    return worth is not None and worth >= case.rules.settings.single_threaded.min_amount


def _people(count: int) -> str:
    return {0: "no contact with anyone at the buyer's", 1: "contact with one person alone"}.get(
        count, f"contact with {count} people alone"
    )


SINGLE_THREADED = Detector(
    Kind.SINGLE_THREADED, always(ACTIVITIES, "amount", "currency", "created_at"), _single_threaded
)
