"""HubSpot's associations: who and what is tied to what.

Two records are tied by an association without a label, which is there as long as they are associated at all; labels
(the primary company, labels of the portal's own) stand beside it. So one relation stands for a pair, whichever end and
label HubSpot names: a label that goes takes its role with it, and only the association without a label cuts the tie.

The primary company of a deal is its account, that of a contact the contact's. When another company becomes the primary
one, HubSpot says that one label went and that another came, in either order and a moment apart. So that the deal is not
left without an account, the end of a primary company is dated `SWAP_US` early.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from topics.events import AnyEvent
from topics.instants import SECOND_US
from topics.sources.hubspot.objects import (
    ASSOCIATION_TYPES,
    ENGAGEMENT,
    OTHER,
    PRIMARY_TYPES,
    Kind,
    named_type,
    object_type,
)
from topics.sources.hubspot.subjects import Subject
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.statements import Statement

SWAP_US = SECOND_US
PRIMARY = "primary"
_USER_DEFINED = "USER_DEFINED"
_LONGEST_TYPE_ID = 9

#: The ends that a relation may have, in the order in which its key names them.
_ENDS = (Kind.DEAL, Kind.ACTIVITY, Kind.PERSON, Kind.ACCOUNT)


class Association(NamedTuple):
    """Two records of different kinds. `label`: the role that is said; `primary`: the account end is the main one.

    `identity` is what a webhook calls the association, which tells it from another one of the same records.
    """

    ends: frozenset[Subject]
    label: str | None = None
    primary: bool = False
    removed: bool = False
    identity: tuple[object, ...] = ()


def is_read(association: Association) -> bool:
    """Whether it ties anything that is read: two different kinds of a deal, an activity, a person and an account."""
    return {end.kind for end in association.ends} <= set(_ENDS) and len({end.kind for end in association.ends}) > 1


def events_of(said: Statement, association: Association) -> tuple[AnyEvent, ...]:
    """What an association that is read becomes; empty for a company beside a contact's main one."""
    ids = {kind: end.id for kind in _ENDS for end in association.ends if end.kind is kind}
    if ids.keys() == {Kind.PERSON, Kind.ACCOUNT}:
        return _employment(said, ids, association)
    relation = " ".join(f"{kind}:{record}" for kind, record in ids.items())
    role = {} if association.label is None else {"role": None if association.removed else association.label}
    cut = {} if association.removed and association.label is not None else {"removed": association.removed}
    tie = said.relation(relation, {str(kind): record for kind, record in ids.items()}, {**role, **cut})
    if association.primary and ids.keys() == {Kind.DEAL, Kind.ACCOUNT}:
        account = None if association.removed else ids[Kind.ACCOUNT]
        return (tie, _dated(said, association).deal(ids[Kind.DEAL], {"account_id": account}))
    return (tie,)


def _employment(said: Statement, ids: dict[Kind, str], association: Association) -> tuple[AnyEvent, ...]:
    if not association.primary:
        return ()
    account = None if association.removed else ids[Kind.ACCOUNT]
    return (_dated(said, association).person(ids[Kind.PERSON], {"account": account}, user=False),)


def _dated(said: Statement, association: Association) -> Statement:
    return said._replace(at_us=said.at_us - SWAP_US) if association.removed else said


# --- what a webhook says of one ----------------------------------------------------------------------------------


def association_in(notice: Mapping[str, object], ids: tuple[str, str]) -> Association:
    """The association that a notice tells of, from the first to the second of these records. Raises RefusedError."""
    removed, type_id = notice.get("associationRemoved"), _type_id(notice)
    if not isinstance(removed, bool):
        raise RefusedError(Reason.WRONG_TYPE, f"associationRemoved: expected true or false, got {shown(removed)}")
    ends = frozenset(map(Subject, _kinds(notice), ids))
    identity = (notice.get("associationType"), type_id)
    return Association(ends, _label(notice, type_id), _is_primary(notice, type_id), removed, identity)


def _type_id(notice: Mapping[str, object]) -> int | None:
    said = notice.get("associationTypeId")
    if isinstance(said, str) and said.isdecimal() and len(said) <= _LONGEST_TYPE_ID:
        return int(said)
    return said if isinstance(said, int) and not isinstance(said, bool) else None


def _kinds(notice: Mapping[str, object]) -> tuple[Kind, Kind]:
    """The kinds of both ends: as named, else as the type's name says, else as HubSpot's own type ids say."""
    named = (notice.get("fromObjectTypeId"), notice.get("toObjectTypeId"))
    if named != (None, None):
        return object_type(named[0]).kind, object_type(named[1]).kind
    kind = notice.get("associationType")
    if isinstance(kind, str) and "_to_" in kind.lower():
        one, _, other = kind.lower().partition("_to_")
        return _named_kind(one), _named_kind(other)
    known = ASSOCIATION_TYPES.get(_type_id(notice) or 0)
    if known is not None and notice.get("associationCategory") != _USER_DEFINED:
        return object_type(known[0]).kind, object_type(known[1]).kind
    raise RefusedError(Reason.UNKNOWN_ENTITY, f"associationType {shown(kind)}, of type {shown(_type_id(notice))}")


def _named_kind(name: str) -> Kind:
    found = ENGAGEMENT if name == "engagement" else named_type(name)
    return (found or OTHER).kind


def _label(notice: Mapping[str, object], type_id: int | None) -> str | None:
    """The role that a label gives; None for the association without a label."""
    if notice.get("associationCategory") == _USER_DEFINED:
        return _USER_DEFINED if type_id is None else str(type_id)
    return PRIMARY if type_id in PRIMARY_TYPES else None


def _is_primary(notice: Mapping[str, object], type_id: int | None) -> bool:
    """Whether the company is the main one: by its type or the flag; without either there was only one to have."""
    flag = notice.get("isPrimaryAssociation")
    return type_id in PRIMARY_TYPES or flag is True or (type_id is None and flag is None)
