"""What people did about a signal: a button, a snooze, an exception (`alert.actions`). The values, and what each does.

An action changes what is told, never what is detected. Who wrote it has checked that the person may.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec

from topics.codec import decoder


class ActionKind(StrEnum):
    """What can be done about a signal."""

    DONE = "done"
    SNOOZE = "snooze"
    NOT_RELEVANT = "not_relevant"
    OVERRIDE = "override"
    ACKNOWLEDGE = "acknowledge"


class Role(StrEnum):
    """As what a person acts."""

    OWNER = "owner"
    LEAD = "lead"
    REVOPS = "revops"


class By(msgspec.Struct, frozen=True, kw_only=True):
    """Who acts: the Slack workspace and user, the name in the playbook, and as what."""

    team_id: str
    user_id: str
    name: str
    role: Role


class Action(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One action on one signal (`alert.actions`, keyed by `subject_key`). The same press has the same `id`.

    `at` and `until` are RFC 3339 in UTC. `until` ends a snooze or an override and is empty for the others; `reason`
    is the person's own words.
    """

    id: str
    kind: ActionKind
    signal: str
    subject_key: str
    by: By
    at: str
    deal_id: str = ""
    until: str = ""
    reason: str = ""


class Handled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a message shows of the latest action on one of its signals. `by` is a person's name."""

    signal: str
    kind: ActionKind
    by: str
    at: str
    until: str = ""
    reason: str = ""


def handled(action: Action) -> Handled:
    """The action as a message shows it."""
    return Handled(
        signal=action.signal,
        kind=action.kind,
        by=action.by.name,
        at=action.at,
        until=action.until,
        reason=action.reason,
    )


decode_action: Callable[[bytes], Action] = decoder(Action)
