"""Contact: when people last spoke, and whether they will."""

from __future__ import annotations

from signals.deal import ACTIVITIES, Contact
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_days
from signals.episodes import Finding
from topics.instants import rfc3339
from topics.signals import Kind


def _contact_gap(case: Case) -> Verdict:
    """T - last contact (else creation) > limit, and none planned within the next 30 days.

    A plan at p counts for T in [p - 30 d, p): so time alone can end the gap (the plan comes near), renew it (the plan
    passes unkept) and end it again (a meeting ends, and was a contact).
    """
    deal, at_us = case.deal, case.at_us
    start, what = deal.last_contact(at_us), "contact"
    if start is None and deal.created_us is not None:
        start, what = Contact(deal.created_us, deal.created_mark), "contact since the deal was created"
    if start is None:
        return NOTHING
    start_us = start.at_us
    limit_us, plan_us = case.stage.contact_us, case.rules.plan_us
    changes = [start_us + limit_us]
    planned = False
    for activity in deal.activities.values():
        plan, contact = activity.planned_us(), activity.contact_us()
        if contact is not None and contact > at_us:
            changes.append(contact)
        if plan is not None and plan > at_us:
            changes += (plan, plan - plan_us)
            planned = planned or plan - at_us <= plan_us
    due_us = min((instant_us for instant_us in changes if instant_us >= at_us), default=None)
    if planned or at_us - start_us <= limit_us:
        return Verdict(due_us=due_us)
    reason = f"no {what} for more than {in_days(limit_us)}, and none is planned"
    causes = () if start.mark is None else (start.mark,)
    finding = Finding(reason, anchor=rfc3339(start_us), start_us=start_us, limit_us=limit_us, causes=causes)
    return Verdict((finding,), due_us)


CONTACT_GAP = Detector(Kind.CONTACT_GAP, always(ACTIVITIES, "created_at"), _contact_gap)
