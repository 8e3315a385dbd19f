"""HubSpot's kinds of records: object type ids (`0-3`), the names that stand for them, and their association types.

From HubSpot's guides to the CRM's objects (object type ids) and to associations v4 (default association types).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from topics.sources.refusals import Reason, RefusedError, shown


class Kind(StrEnum):
    """What a record is to us."""

    DEAL = "deal"
    ACTIVITY = "activity"
    PERSON = "person"
    ACCOUNT = "account"
    USER = "user"
    OTHER = "other"


class ObjectType(NamedTuple):
    """What records of a type are; `channel` is that of an activity."""

    kind: Kind
    channel: str = ""


OTHER = ObjectType(Kind.OTHER)

#: Object type ids of the records that are read. Every other well-formed id is something that is not read: tickets,
#: line items, notes (which are no contact), leads, custom objects (`2-…`).
OBJECT_TYPES: Mapping[str, ObjectType] = MappingProxyType(
    {
        "0-1": ObjectType(Kind.PERSON),
        "0-2": ObjectType(Kind.ACCOUNT),
        "0-3": ObjectType(Kind.DEAL),
        "0-18": ObjectType(Kind.ACTIVITY, "message"),
        "0-27": ObjectType(Kind.ACTIVITY, "task"),
        "0-47": ObjectType(Kind.ACTIVITY, "meeting"),
        "0-48": ObjectType(Kind.ACTIVITY, "call"),
        "0-49": ObjectType(Kind.ACTIVITY, "email"),
        "0-115": ObjectType(Kind.USER),
    }
)

#: An activity whose type nobody names: the old form of associations says `ENGAGEMENT` for all of them.
ENGAGEMENT = ObjectType(Kind.ACTIVITY)

#: Names that stand for a type: in subscriptions of the old form, in associations, beside records of the API.
_NAMED = {
    "contact": OBJECT_TYPES["0-1"],
    "company": OBJECT_TYPES["0-2"],
    "companie": OBJECT_TYPES["0-2"],  # `companies`, its plural s taken off
    "deal": OBJECT_TYPES["0-3"],
    "communication": OBJECT_TYPES["0-18"],
    "task": OBJECT_TYPES["0-27"],
    "meeting": OBJECT_TYPES["0-47"],
    "meeting_event": OBJECT_TYPES["0-47"],
    "call": OBJECT_TYPES["0-48"],
    "email": OBJECT_TYPES["0-49"],
    "user": OBJECT_TYPES["0-115"],
    "owner": OBJECT_TYPES["0-115"],
    "engagement": ENGAGEMENT,
}
_NOT_READ = frozenset(
    {
        "appointment",
        "cart",
        "commerce_payment",
        "conversation",
        "course",
        "discount",
        "event",
        "fee",
        "feedback_submission",
        "goal_target",
        "invoice",
        "lead",
        "line_item",
        "listing",
        "note",
        "order",
        "partner_client",
        "postal_mail",
        "product",
        "quote",
        "quote_template",
        "service",
        "subscription",
        "tax",
        "taxe",  # `taxes`, its plural s taken off
        "ticket",
    }
)
_OBJECT_TYPE_ID = re.compile(r"\d{1,4}-\d{1,18}", re.ASCII)
_RECORD_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


def object_type(name: object) -> ObjectType:
    """The type that an object type id or a name stands for. Raises RefusedError("unknown_entity")."""
    if isinstance(name, str):
        known = OBJECT_TYPES.get(name) or named_type(name)
        if known is not None:
            return known
        if _OBJECT_TYPE_ID.fullmatch(name):
            return OTHER
    raise RefusedError(Reason.UNKNOWN_ENTITY, f"object type {shown(name)}")


def named_type(name: str) -> ObjectType | None:
    """The type of a name, in the singular or the plural, in any case; None for a name that there is not."""
    singular = name.lower().replace(" ", "_").removesuffix("s")
    return _NAMED.get(singular) or (OTHER if singular in _NOT_READ else None)


def record_id(name: str, value: object) -> str:
    """The id of a record. Raises RefusedError("bad_record_ids")."""
    said = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(said, str) or not _RECORD_ID.fullmatch(said):
        raise RefusedError(Reason.BAD_RECORD_IDS, f"{name}: expected an id, got {shown(value)}")
    return said


def _both(forth: int, back: int, one: str, other: str) -> dict[int, tuple[str, str]]:
    return {forth: (one, other), back: (other, one)}


#: HubSpot's own association types: id -> from, to (object type ids), for events that name the type alone.
ASSOCIATION_TYPES: Mapping[int, tuple[str, str]] = MappingProxyType(
    {
        **_both(1, 2, "0-1", "0-2"),
        **_both(279, 280, "0-1", "0-2"),
        **_both(4, 3, "0-1", "0-3"),
        **_both(5, 6, "0-3", "0-2"),
        **_both(341, 342, "0-3", "0-2"),
        **_both(81, 82, "0-18", "0-1"),
        **_both(87, 88, "0-18", "0-2"),
        **_both(85, 86, "0-18", "0-3"),
        **_both(204, 203, "0-27", "0-1"),
        **_both(192, 191, "0-27", "0-2"),
        **_both(216, 215, "0-27", "0-3"),
        **_both(200, 199, "0-47", "0-1"),
        **_both(188, 187, "0-47", "0-2"),
        **_both(212, 211, "0-47", "0-3"),
        **_both(194, 193, "0-48", "0-1"),
        **_both(182, 181, "0-48", "0-2"),
        **_both(206, 205, "0-48", "0-3"),
        **_both(198, 197, "0-49", "0-1"),
        **_both(186, 185, "0-49", "0-2"),
        **_both(210, 209, "0-49", "0-3"),
    }
)

#: The labels with which HubSpot itself marks the main company of a contact and of a deal, in both directions.
PRIMARY_TYPES = frozenset({1, 2, 5, 6})
