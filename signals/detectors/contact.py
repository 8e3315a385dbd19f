"""Contact: when people last spoke, and whether they will."""

from __future__ import annotations

from signals.deal import ACTIVITIES, NEVER_US, Contact
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_days
from signals.episodes import Finding
from topics.instants import rfc3339
from topics.signals import Kind


def _contact_gap(case: Case) -> Verdict:  # noqa: C901 - one pass over the activities, the most asked of all detectors
    """T - last contact (else creation) > limit, and none planned within the next 30 days.

    A plan at p counts for T in [p - 30 d, p): so time alone can end the gap (the plan comes near), renew it (the plan
    passes unkept) and end it again (a meeting ends, and was a contact).
    """
    deal, at_us, plan_us = case.deal, case.at_us, case.rules.limits.plan_us
    last, planned, due_us = deal.older_contact, False, None
    start_us, found = NEVER_US if last is None else last.at_us, None
    for one in deal.activities.values():  # `Deal.last_contact` and the plans in one pass: half of what two cost
        when_us = one.at_us
        if when_us is None or one.removed:
            continue
        if when_us <= at_us:
            if when_us > start_us and (one.done or one.meets):
                start_us, found = when_us, one
            continue
        if due_us is None or when_us < due_us:
            due_us = when_us  # a plan passes, or a meeting becomes a contact
        if not one.done:
            near_us = when_us - plan_us
            planned = planned or near_us <= at_us
            if at_us <= near_us < due_us:
                due_us = near_us
    if found is None and last is None:
        if deal.created_us is None:
            return NOTHING
        start_us = deal.created_us
    passed_us = start_us + case.stage.contact_us
    if passed_us >= at_us and (due_us is None or passed_us < due_us):
        due_us = passed_us
    return ((), due_us) if planned or at_us <= passed_us else ((_gap(case),), due_us)


def _gap(case: Case) -> Finding:
    deal, limit_us = case.deal, case.stage.contact_us
    start, what = deal.last_contact(case.at_us), "contact"
    if start is None:
        start, what = Contact(deal.created_us or 0, deal.created_mark), "contact since the deal was created"
    return Finding(
        f"no {what} for more than {in_days(limit_us)}, and none is planned",
        anchor=rfc3339(start.at_us),
        start_us=start.at_us,
        limit_us=limit_us,
        causes=() if start.mark is None else (start.mark,),
    )


CONTACT_GAP = Detector(Kind.CONTACT_GAP, always(ACTIVITIES, "created_at"), _contact_gap)
