"""Contact: when people last spoke, and whether they will."""

from __future__ import annotations

from signals.deal import ACTIVITIES, NEVER_US, Contact, Deal, Mark
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


def planned(deal: Deal, at_us: int, plan_us: int, *, meetings: bool = False) -> tuple[bool, int | None]:
    """Whether a contact is planned within so long, and up to when neither that nor who has spoken changes by time.

    `meetings`: only those count as plans. A plan at p counts for T in [p - `plan_us`, p).
    """
    is_planned, due_us = False, None
    for one in deal.activities.values():
        when_us = one.at_us
        if when_us is None or when_us <= at_us or one.removed:
            continue
        near_us = when_us - plan_us if (one.meets or not meetings) and not one.done else when_us
        is_planned = is_planned or near_us <= at_us
        change_us = near_us if near_us >= at_us else when_us
        if due_us is None or change_us < due_us:
            due_us = change_us
    return is_planned, due_us


def earliest(due_us: int | None, passed_us: int, at_us: int) -> int | None:
    """The due, or the instant at which a limit is reached where that comes before it and is not over."""
    return passed_us if passed_us >= at_us and (due_us is None or passed_us < due_us) else due_us


def _buyer_silent(case: Case) -> Verdict:
    """Some attempts to reach the buyer since they last took part (else since the creation), which is too long ago."""
    deal, at_us, limit_us = case.deal, case.at_us, case.stage.silent_us
    start = deal.last_inbound(at_us)
    if start is None:
        if deal.created_us is None:
            return NOTHING
        start = Contact(deal.created_us, deal.created_mark)
        since_us = NEVER_US
    else:
        since_us = start.at_us
    is_planned, due_us = planned(deal, at_us, case.rules.limits.silent_plan_us)
    tries = sum([at > since_us for at in deal.older_outbound])
    causes: list[Mark | None] = [start.mark]
    for one in deal.activities.values():
        out_us = one.outbound_us()
        if out_us is not None and since_us < out_us <= at_us:
            tries += 1
            causes.append(one.mark)
    wanted = case.rules.settings.buyer_silent.min_outbound
    if tries < wanted:
        return (), due_us
    due_us = earliest(due_us, start.at_us + limit_us, at_us)
    if is_planned or at_us <= start.at_us + limit_us:
        return (), due_us
    silence = "has not spoken" if since_us == NEVER_US else "has not answered"
    finding = Finding(
        f"the buyer {silence} for more than {in_days(limit_us)}, though contacted {_at_least(wanted)}",
        anchor=rfc3339(start.at_us),
        start_us=start.at_us,
        limit_us=limit_us,
        causes=tuple([mark for mark in causes if mark is not None]),
    )
    return (finding,), due_us


def _at_least(count: int) -> str:
    return {1: "at least once", 2: "at least twice"}.get(count, f"at least {count} times")


CONTACT_GAP = Detector(Kind.CONTACT_GAP, always(ACTIVITIES, "created_at"), _contact_gap)
BUYER_SILENT = Detector(Kind.BUYER_SILENT, always(ACTIVITIES, "created_at"), _buyer_silent)
