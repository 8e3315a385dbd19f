"""The team that a deal belongs to: its owner's."""

from __future__ import annotations

from collections.abc import Mapping

from signals.rules import Rules
from topics.events import Scalar

#: A longer name is cut.
LONGEST = 120


def team_of(rules: Rules, fields: Mapping[str, Scalar]) -> str:
    """The team of the owner in the playbook; of one whom that does not know, what the CRM says. Empty: none."""
    owner = rules.owner(fields)
    if owner is not None:
        return owner.team or ""
    said = fields.get("owner_team")
    return said[:LONGEST] if isinstance(said, str) else ""
