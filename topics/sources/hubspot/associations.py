"""HubSpot's associations: who and what is tied to what.

Two records are tied by an association without a label, which is there as long as they are associated at all; labels
(the primary company, labels of the portal's own) stand beside it. So one relation stands for a pair, whichever end and
label HubSpot names: a label that goes takes its role with it, and only the association without a label cuts the tie.

The primary company of a deal is its account, that of a contact the contact's. When another company becomes the primary
one, HubSpot says that one label went and that another came, in either order and a moment apart. So that the deal is not
left without an account, the end of a primary company is dated `SWAP_US` early.
"""

from __future__ import annotations

from typing import NamedTuple

from topics.events import AnyEvent
from topics.instants import SECOND_US
from topics.sources.hubspot.objects import Kind
from topics.sources.hubspot.subjects import Subject
from topics.sources.statements import Statement

SWAP_US = SECOND_US
PRIMARY = "primary"

#: The ends that a relation may have, in the order in which its key names them.
_ENDS = (Kind.DEAL, Kind.ACTIVITY, Kind.PERSON, Kind.ACCOUNT)


class Association(NamedTuple):
    """Two records of different kinds. `label`: the role that is said; `primary`: the account end is the main one."""

    ends: frozenset[Subject]
    label: str | None = None
    primary: bool = False
    removed: bool = False


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
