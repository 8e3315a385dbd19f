"""What a change of each entity becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from topics.events import AnyEvent
from topics.sources.pipedrive.activities import activity_fields, participants
from topics.sources.pipedrive.changes import Action, Change
from topics.sources.pipedrive.fields import CLOSED, DELETED, email_of, stage_of
from topics.sources.pipedrive.values import reference, text
from topics.sources.refusals import Reason, RefusedError, shown

#: Entities that a webhook may be about beside those that are read.
ENTITIES_NOT_READ = frozenset(
    {"activityType", "board", "lead", "note", "phase", "pipeline", "product", "project", "stage", "task"}
)

#: The fields of a deal that make its stage.
STAGED = frozenset({"stage_id", "status"})

Read = Callable[[Change], tuple[AnyEvent, ...]]


def _deal(change: Change) -> tuple[AnyEvent, ...]:
    said, values, deal = change.said, change.values, change.id
    if _is_gone(change):
        return (said.deal_removed(deal, change.merged_to),)
    fields = {**change.rules.deals.read(values), **stage_of(values)}
    if fields.get("created_at", 0) is None:
        del fields["created_at"]
    created = change.action is Action.CREATE
    events: list[AnyEvent] = [*_moved(change), said.deal(deal, fields, full="stage_id" in values, created=created)]
    if "person_id" in values:
        person = reference("person_id", values["person_id"])
        ends = {"deal": deal, "person": person}
        events.append(said.relation(f"deal:{deal} person", ends, {"removed": person is None}))
    return tuple(events)


def _moved(change: Change) -> Iterator[AnyEvent]:
    """The stage by itself, where it changed: the record of a deal never heard of says where it is, not since when."""
    if change.previous and not STAGED.isdisjoint(change.previous) and (stage := stage_of(change.values)):
        said = change.said
        yield said._replace(identity=f"{said.identity}\x1fstage", place=-1).deal(change.id, stage)


def _is_gone(change: Change) -> bool:
    """Whether the deal was deleted, or put away while it was open: nobody works on it any more."""
    status = text("status", change.values.get("status"))
    archived = change.values.get("is_archived") is True and status not in CLOSED
    return _is_deleted(change) or status == DELETED or archived


def _is_deleted(change: Change) -> bool:
    """Whether the record was deleted; records of the API say so themselves."""
    return change.action is Action.DELETE or change.values.get("is_deleted") is True


def _activity(change: Change) -> tuple[AnyEvent, ...]:
    said, values = change.said, change.values
    if _is_deleted(change):
        return (said.activity(change.id, {"removed": True}),)
    just_done = change.action is Action.CREATE or (change.previous is not None and "done" in change.previous)
    fields = activity_fields(values, said.at_us if just_done else None, said.at_us)
    if "deal_id" in values:
        deal = reference("deal_id", values["deal_id"])
        fields["deal"] = None if deal is None else said.key(deal)
    there, before = participants(values), participants(change.previous)
    taking_part = (
        said.relation(
            f"activity:{change.id} person:{person}",
            {"activity": change.id, "person": person},
            {"removed": person not in there},
        )
        for person in sorted(there | before)
    )
    return (said.activity(change.id, fields), *taking_part)


def _person(change: Change) -> tuple[AnyEvent, ...]:
    if _is_deleted(change):
        return (change.said.person(change.id, {"removed": True}, user=False),)
    fields = {**change.rules.persons.read(change.values), **email_of(change.values), "removed": False}
    return (change.said.person(change.id, fields, user=False),)


def _organization(change: Change) -> tuple[AnyEvent, ...]:
    if _is_deleted(change):
        return (change.said.account(change.id, {"removed": True}),)
    return (change.said.account(change.id, {**change.rules.organizations.read(change.values), "removed": False}),)


def _user(change: Change) -> tuple[AnyEvent, ...]:
    if change.action is Action.DELETE:
        return (change.said.person(change.id, {"active": False}, user=True),)
    return (change.said.person(change.id, change.rules.users.read(change.values), user=True),)


_READERS: Mapping[str, Read] = {
    "deal": _deal,
    "activity": _activity,
    "person": _person,
    "organization": _organization,
    "user": _user,
}


def reader(entity: object) -> Read | None:
    """What reads this entity; None for one that is not read. Raises RefusedError("unknown_entity")."""
    if isinstance(entity, str):
        if entity in _READERS:
            return _READERS[entity]
        if entity in ENTITIES_NOT_READ:
            return None
    raise RefusedError(Reason.UNKNOWN_ENTITY, f"entity {shown(entity)}")
