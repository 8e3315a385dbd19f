"""Salesforce's OpportunityContactRole, TaskRelation and EventRelation: who is tied to which deal or activity.

* A contact role ties a contact to an opportunity. A relation ties a task or an event (with Shared Activities, also the
  further contacts and the record that it is about) to a contact or a lead, an account or an opportunity.
* An invited user or resource says nothing about a deal. Who declined is not tied; who has not answered is.
* A delete names only the role itself, so that is the event's key, and whom it tied is known from what came before.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from topics.events import RelationChanged, Scalar, deal_key
from topics.silences import Silence
from topics.sources.field_values import flag, text
from topics.sources.salesforce.changes import Change
from topics.sources.salesforce.subjects import Read, Said, Subject, read, stamp
from topics.sources.source import Source

#: What the record at the other end of a relation is, by the prefix of its id.
ENDS = {"003": "person", "00Q": "person", "001": "account", "006": "deal"}
_KINDS = ("person", "account", "deal")
_DECLINED = "Declined"


def contact_roles(_source: Source) -> Read:
    """What the changes of contact roles become."""
    return _relations(_of_role)


def task_relations(_source: Source) -> Read:
    """What the changes of who a task is with become."""
    return _relations(partial(_of_relation, "TaskId"))


def event_relations(_source: Source) -> Read:
    """What the changes of who a meeting is with become."""
    return _relations(partial(_of_relation, "EventId"))


def _relations(said: Callable[[Change], Said]) -> Read:
    return partial(read, Subject(said, _changed, Silence.RELATION_GAP))


def _changed(change: Change, record: str, fields: dict[str, Scalar]) -> RelationChanged:
    return RelationChanged(**stamp(change, record), relation=record, fields=fields)


def _of_role(change: Change) -> Said:
    fields = _key(change, "OpportunityId", "deal") | _key(change, "ContactId", "person") | _deleted(change)
    if change.says("Role"):
        fields["role"] = text("Role", change.values.get("Role"))
    return fields, ()


def _of_relation(activity: str, change: Change) -> Said:
    fields = _end(change)
    if fields is None:
        return {}, ()
    status = text("Status", change.values.get("Status"))
    if status is not None:
        fields["removed"] = status == _DECLINED
    return fields | _key(change, activity, "activity") | _deleted(change), ()


def _end(change: Change) -> dict[str, Scalar] | None:
    """Who is at the other end, if the change says; None for a new relation to nobody who counts for a deal."""
    if not change.says("RelationId"):
        return {}
    other = text("RelationId", change.values.get("RelationId")) or ""
    kind = ENDS.get(other[:3])
    if other and kind is None and change.header.change_type == "CREATE":
        return None
    return {name: deal_key(change.source_key, other) if name == kind else None for name in _KINDS}


def _key(change: Change, api: str, name: str) -> dict[str, Scalar]:
    """A reference to another record as a key, where the change covers it."""
    if not change.says(api):
        return {}
    other = text(api, change.values.get(api))
    return {name: deal_key(change.source_key, other) if other else None}


def _deleted(change: Change) -> dict[str, Scalar]:
    deleted = flag("IsDeleted", change.values.get("IsDeleted"))
    return {} if deleted is None else {"removed": deleted}
