"""What happens in the simulated CRM: one change of one record, before it is written in any format."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from topics.signals import Kind

Value: TypeAlias = str | float | int | bool | None

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

OPPORTUNITY, TASK, EVENT, USER, INTENT = "Opportunity", "Task", "Event", "User", "Intent"
ACCOUNT, CONTACT, ROLE = "Account", "Contact", "OpportunityContactRole"
CREATE, UPDATE, DELETE = "CREATE", "UPDATE", "DELETE"
SNAPSHOT, GAP_UPDATE = "SNAPSHOT", "GAP_UPDATE"


class Planted(NamedTuple):
    """One planted fault: which deal shows which kind, and the instant (ms) at which it is due to open."""

    deal: str
    kind: Kind
    opens_ms: int


class Change(NamedTuple):
    """A change of one record at an instant (ms since 1970, as the CRM's own clock has it).

    `fields` holds what changed, by the CRM's own names; None clears. Dates and instants are ms. `shift_days` moves the
    deal's close date by so many days from wherever it stands. `change` is the CRM's word; for an intent it is the type
    of the CloudEvent. `planted` are the faults of which this change is the cause.
    """

    at_ms: int
    entity: str
    record: str
    change: str
    fields: dict[str, Value]
    shift_days: int = 0
    planted: tuple[Planted, ...] = ()
