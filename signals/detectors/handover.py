"""When a deal went from one team or role to another."""

from __future__ import annotations

from signals.deal import Change, Handover
from signals.detectors.case import Case

#: The names by which it is known.
READS = ("owner_id", "owner_team", "owner_role", "lifecycle")


def last_handover(case: Case) -> Handover | Change | None:
    """The last change of the owner to another team or role, or of the lifecycle, whichever came later.

    A lifecycle that was filled in for the first time handed nothing over.
    """
    owner, lifecycle = _last_of_owner(case), case.deal.changed.get("lifecycle")
    if lifecycle is None or not lifecycle.before or (owner is not None and owner.mark.n >= lifecycle.mark.n):
        return owner
    return lifecycle


def _last_of_owner(case: Case) -> Handover | None:
    """Of each handover the deal keeps the team and the role of the owner before; the next one tells them of the new."""
    fields, found = case.deal.fields, None
    team, role = str(fields.get("owner_team") or ""), str(fields.get("owner_role") or "")
    for one in reversed(case.deal.handovers):
        if one.before and one.after and (_differ(one.role, role) or _differ(*_teams(case, one, team))):
            found = one
            break
        team, role = one.team, one.role
    return found


def _teams(case: Case, one: Handover, team: str) -> tuple[str, str]:
    """The teams before and after: the playbook's, where it knows both owners, else as the CRM says."""
    before, after = (case.rules.directory.find(owner) for owner in (one.before, one.after))
    if before is not None and after is not None:
        return before.team or "", after.team or ""
    return one.team, team


def _differ(before: str, after: str) -> bool:
    return bool(before and after) and before != after
