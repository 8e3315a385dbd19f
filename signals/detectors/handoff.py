"""Handovers: whether who has taken over speaks to the buyer."""

from __future__ import annotations

from signals.deal import ACTIVITIES, Activity, Change, Handover
from signals.detectors.case import NOTHING, Case, Detector, Verdict, always, in_business_days
from signals.detectors.contact import earliest
from signals.detectors.handover import READS, last_handover
from signals.episodes import Details, Finding
from topics.instants import DAY_US, rfc3339
from topics.signals import Kind


def _handoff_stalled(case: Case) -> Verdict:
    """The deal went to another team or role, or changed its lifecycle, and the new owner has not spoken in time."""
    deal = case.deal
    if not deal.handovers and "lifecycle" not in deal.changed:
        return NOTHING
    turn = last_handover(case)
    if turn is None or not deal.fields.get("owner_id") or _was_answered(case, turn):
        return NOTHING
    owners, due_us = _owners(case, turn), None
    for one in deal.activities.values():
        contact_us = one.contact_us()
        if contact_us is None or contact_us < turn.at_us or not _is_theirs(case, owners, one):
            continue
        if contact_us <= case.at_us:
            return NOTHING
        due_us = earliest(due_us, contact_us, case.at_us)
    business, limit_us = case.rules.business_time(deal.fields, case.stage.pipeline), case.rules.limits.handoff_us
    passed_us = business.after_days(turn.at_us, limit_us)
    due_us = earliest(due_us, passed_us, case.at_us)
    if case.at_us <= passed_us:
        return (), due_us
    finding = Finding(
        f"handed over, and the new owner has not spoken to the buyer for more than {in_business_days(limit_us)}",
        anchor=rfc3339(turn.at_us),
        observed=business.days_between(turn.at_us, case.on.dated_us) / DAY_US,
        limit=limit_us / DAY_US,
        unit="business days",
        details=_details(case, turn),
        causes=(turn.mark,),
    )
    return (finding,), due_us


def _since(case: Case, turn: Handover | Change) -> list[Handover]:
    """The changes of the owner at the change of hands, and after it: within the team that has taken over."""
    return [one for one in case.deal.handovers if one.mark.n >= turn.mark.n]


def _was_answered(case: Case, turn: Handover | Change) -> bool:
    """Whether a contact by the new owner is among the activities that are forgotten."""
    if any(one.answered for one in _since(case, turn)):
        return True
    older = case.deal.older_contact
    # Of a lifecycle it is not kept who spoke after it changed: it may have been the owner.
    return isinstance(turn, Change) and older is not None and older.at_us >= turn.at_us


def _owners(case: Case, turn: Handover | Change) -> set[str]:
    """Who has taken over: the owner, and those who were it since, for whom the owner now speaks as well."""
    return {str(case.deal.fields.get("owner_id")), *(one.after for one in _since(case, turn))}


def _is_theirs(case: Case, owners: set[str], one: Activity) -> bool:
    """Whether an activity is one of those who took over. One of nobody knows whom may be."""
    if not one.owner or one.owner in owners:
        return True
    find = case.rules.directory.find
    known = find(one.owner)
    return known is not None and any(find(owner) is known for owner in owners)


def _details(case: Case, turn: Handover | Change) -> Details:
    if isinstance(turn, Handover):
        return ({"owner before": turn.before, "owner after": turn.after},)
    return ({"lifecycle before": turn.before, "lifecycle after": case.deal.fields.get("lifecycle")},)


HANDOFF_STALLED = Detector(Kind.HANDOFF_STALLED, always(ACTIVITIES, *READS), _handoff_stalled)
