"""Contact: when people last spoke, and whether they will."""

from __future__ import annotations

from signals.deal import ACTIVITIES, Contact, Deal
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_days
from signals.episodes import Episode, Finding
from topics.instants import rfc3339
from topics.signals import Kind


def _contact_gap(case: Case, _open_now: tuple[Episode, ...]) -> Verdict:
    """T - last contact (else creation) > limit, and none planned within the next 30 days.

    A plan at p counts for T in [p - 30 d, p): so time alone can end the gap (the plan comes near), renew it (the plan
    passes unkept) and end it again (a meeting ends, and was a contact).
    """
    deal, at_us = case.deal, case.at_us
    start, what = deal.last_contact(at_us), "contact"
    if start is None:
        if deal.created_us is None:
            return NOTHING
        start, what = Contact(deal.created_us, deal.created_mark), "contact since the deal was created"
    start_us, limit_us = start.at_us, case.stage.contact_us
    planned, due_us = _plans(deal, at_us, case.rules.plan_us)
    passed_us = start_us + limit_us
    if passed_us >= at_us and (due_us is None or passed_us < due_us):
        due_us = passed_us
    if planned or at_us <= passed_us:
        return (), due_us
    reason = f"no {what} for more than {in_days(limit_us)}, and none is planned"
    causes = () if start.mark is None else (start.mark,)
    finding = Finding(reason, anchor=rfc3339(start_us), start_us=start_us, limit_us=limit_us, causes=causes)
    return (finding,), due_us


def _plans(deal: Deal, at_us: int, plan_us: int) -> tuple[bool, int | None]:
    """Whether a contact is planned soon enough to count; and the first instant at which a future activity counts anew.

    A plan begins to count `plan_us` before its time, and ends at its time; a meeting is a contact from its end on.
    """
    planned, due_us = False, None
    for one in deal.activities.values():
        when_us = one.at_us
        if when_us is None or when_us <= at_us or one.removed:
            continue
        if not one.done:
            near_us = when_us - plan_us
            planned = planned or near_us <= at_us
            if near_us >= at_us and (due_us is None or near_us < due_us):
                due_us = near_us
        if due_us is None or when_us < due_us:
            due_us = when_us
    return planned, due_us


CONTACT_GAP = Detector(Kind.CONTACT_GAP, always(ACTIVITIES, "created_at"), _contact_gap)
