"""Who may do what about a signal. Pure.

Decided by the Slack workspace and user, the owners of the playbook, and who owns the deal as `deal.current` says; by
nothing that a button carries.
"""

from __future__ import annotations

from typing import NamedTuple

from alerts.actions import ActionKind, By, Role
from alerts.audience import Directory
from playbook.model import Owner, Playbook


class User(NamedTuple):
    """Who pressed, as Slack says it; `email` where the playbook knows nobody by the id and Slack was asked."""

    team_id: str
    user_id: str
    email: str = ""


#: As what one must act. An exception is a manager's.
MAY: dict[ActionKind, tuple[Role, ...]] = {
    ActionKind.ACKNOWLEDGE: (Role.OWNER, Role.LEAD, Role.REVOPS),
    ActionKind.DONE: (Role.OWNER, Role.LEAD, Role.REVOPS),
    ActionKind.SNOOZE: (Role.OWNER, Role.LEAD, Role.REVOPS),
    ActionKind.NOT_RELEVANT: (Role.OWNER, Role.LEAD, Role.REVOPS),
    ActionKind.OVERRIDE: (Role.LEAD, Role.REVOPS),
}


def person_of(playbook: Playbook, directory: Directory, user: User) -> Owner | None:
    """The playbook's owner whom this Slack user is: by the id that the playbook gives, else by e-mail."""
    by_id = next((owner for owner in playbook.owners if owner.slack == user.user_id), None)
    if by_id is not None or not user.email:
        return by_id
    found = directory.find(user.email)
    return found if found is not None and found.slack is None else None


def roles(playbook: Playbook, directory: Directory, person: Owner, owner: Owner | None) -> tuple[Role, ...]:
    """As what a person may act on what this owner owns; `owner` None: nobody whom the playbook knows."""
    found: list[Role] = []
    if owner is not None and owner.name == person.name:
        found.append(Role.OWNER)
    lead = directory.lead(owner) if owner is not None else None
    if lead is not None and lead.name == person.name:
        found.append(Role.LEAD)
    if person.name in playbook.revops:
        found.append(Role.REVOPS)
    return tuple(found)


def acting(kind: ActionKind, user: User, person: Owner, held: tuple[Role, ...]) -> By | None:
    """Who acts, and as what; None where they may not."""
    role = next((each for each in held if each in MAY[kind]), None)
    if role is None:
        return None
    return By(team_id=user.team_id, user_id=user.user_id, name=person.name, role=role)
