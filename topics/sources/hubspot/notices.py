"""HubSpot's webhooks: one notice of a subscription, and the events that it becomes.

A notice has the old form (`deal.propertyChange`) or the new one (`object.propertyChange` with an `objectTypeId`).

What identifies a notice is what HubSpot says: portal, subscription, record, property, instant and `eventId`, which is
not unique by itself; of merges and associations the records named in them. Never the number of the attempt. The order
is that of `occurredAt`; of one millisecond a creation comes first and an end last.

No webhook is a full record (law 13): a creation says that there is a deal, not what is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from topics.outcomes import Accepted, Outcome, Silent
from topics.silences import Silence
from topics.sources.field_values import event_time
from topics.sources.hubspot.actors import actor_of
from topics.sources.hubspot.associations import association_in, events_of, is_read
from topics.sources.hubspot.engagements import FROM_THE_START, changed_engagement, place_of
from topics.sources.hubspot.objects import Kind, ObjectType, object_type, record_id
from topics.sources.hubspot.properties import CONTACT_PROPERTIES
from topics.sources.hubspot.rules import Rules
from topics.sources.hubspot.subjects import READ, Subject, changed, ended
from topics.sources.hubspot.values import Fields
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.statements import CHANGED, CREATED, ENDED, Statement

#: How a webhook says which kind of notice it is; the second is in HubSpot's tables, the first in what it sends.
SUBSCRIPTION = ("subscriptionType", "eventType")
#: Subscriptions of the new form; the type of the record stands in `objectTypeId`.
GENERIC = "object"
#: In place of a sensitive property's value.
REDACTED = "REDACTED"
MOST_MERGED = 1_000
_EPOCH_MS = re.compile(r"\d{1,15}", re.ASCII)

Notice = Mapping[str, Any]


class Posted(NamedTuple):
    """A notice with what it takes to read it. `kind` is what the subscription calls the record."""

    rules: Rules
    kind: str
    notice: Notice
    broker_us: int

    def type(self) -> ObjectType:
        """The type of the record. Raises RefusedError("unknown_entity")."""
        return object_type(self.notice.get("objectTypeId") if self.kind == GENERIC else self.kind)

    def id_in(self, name: str) -> str:
        """The id of a record. Raises RefusedError("bad_record_ids")."""
        return record_id(name, self.notice.get(name))

    def said(self, about: tuple[object, ...], rank: int) -> Statement:
        """The notice as a statement about these records. Raises RefusedError."""
        notice, said_ms = self.notice, self.notice.get("occurredAt")
        if isinstance(said_ms, str) and _EPOCH_MS.fullmatch(said_ms):
            said_ms = int(said_ms)
        if isinstance(said_ms, bool) or not isinstance(said_ms, int):
            raise RefusedError(Reason.NO_TIME, f"occurredAt: expected epoch milliseconds, got {shown(said_ms)}")
        at_us = event_time("occurredAt", said_ms * 1000, self.broker_us)
        parts = (
            notice.get("portalId"),
            _subscribed(notice),
            notice.get("objectTypeId"),
            *about,
            notice.get("propertyName"),
            said_ms,
            notice.get("eventId"),
        )
        identity, actor = "\x1f".join(map(str, parts)), actor_of(notice.get("changeSource"))
        return Statement(self.rules.source, self.rules.subjects, identity, at_us, rank, actor=actor)


Read = Callable[[Posted], Outcome]
#: How a notice about one record is read: of which type it is, and what was said of it.
ReadOne = Callable[[Posted, Subject, str, Statement], Outcome]


def is_notice(row: Mapping[str, object]) -> bool:
    """Whether a row is a webhook's notice, not a record of the API."""
    return any(name in row for name in SUBSCRIPTION)


def read_notice(rules: Rules, notice: Notice, broker_us: int) -> Outcome:
    """What becomes of one notice. Raises RefusedError."""
    said = _subscribed(notice)
    kind, _, change = said.partition(".") if isinstance(said, str) else ("", "", "")
    read = _CHANGES.get(change)
    if read is None and change not in _NOT_READ:
        raise RefusedError(Reason.UNKNOWN_ACTION, f"subscriptionType {shown(said)}")
    _refuse_foreign(rules, notice)
    if read is None:
        return Silent(Silence.ENTITY_NOT_READ)
    if _is_own_write(rules, notice):
        return Silent(Silence.OWN_WRITE)
    return read(Posted(rules, kind, notice, broker_us))


def _subscribed(notice: Notice) -> object:
    return next((notice[name] for name in SUBSCRIPTION if name in notice), None)


def _refuse_foreign(rules: Rules, notice: Notice) -> None:
    portal = notice.get("portalId")
    if rules.portal and str(portal) != rules.portal:
        raise RefusedError(Reason.FOREIGN_PORTAL, f"portalId {shown(portal)}, this source is of {rules.portal}")


def _is_own_write(rules: Rules, notice: Notice) -> bool:
    """Whether an integration made the change and it is ourselves: its `sourceId` is the id of the app."""
    by_integration = notice.get("changeSource") == "INTEGRATION"
    return bool(rules.own_client) and by_integration and str(notice.get("sourceId")) == rules.own_client


# --- one record -------------------------------------------------------------------------------------------------


def _of_one(rank: int, read: ReadOne, posted: Posted) -> Outcome:
    """A notice about one record, read by `read` where records of its type are."""
    of = posted.type()
    subject = Subject(of.kind, posted.id_in("objectId"))
    said = posted.said((subject.id,), rank)
    return read(posted, subject, of.channel, said) if subject.kind in READ else Silent(Silence.ENTITY_NOT_READ)


def _changed(posted: Posted, subject: Subject, channel: str, said: Statement) -> Outcome:
    """`propertyChange`."""
    notice = posted.notice
    name, value = notice.get("propertyName"), notice.get("propertyValue")
    if not isinstance(name, str) or not name:
        raise RefusedError(Reason.MISSING_ATTRIBUTE, f"propertyName: expected text, got {shown(name)}")
    if value == REDACTED or notice.get("isSensitive") is True:
        return Silent(Silence.REDACTED)
    if subject.kind is Kind.ACTIVITY:
        fields = changed_engagement(channel, name, value, said.at_us)
        said = said._replace(place=place_of(channel, name))
    else:
        fields = posted.rules.properties[subject.kind].read({name: value})
    return Accepted((changed(said, subject, fields),)) if fields else Silent(Silence.NOTHING_MAPPED)


def _created(_posted: Posted, subject: Subject, channel: str, said: Statement) -> Outcome:
    """`creation`: of a deal, when; of an activity, what one of its channel is from the start."""
    fields: Fields = {"removed": False}
    if subject.kind is Kind.DEAL:
        fields = {"created_at": said.at_us}
    elif subject.kind is Kind.ACTIVITY:
        fields = dict(FROM_THE_START[channel])
    return Accepted((changed(said, subject, fields, created=True),))


def _deleted(_posted: Posted, subject: Subject, _channel: str, said: Statement) -> Outcome:
    """`deletion`."""
    return Accepted((ended(said, subject),))


def _forgotten(_posted: Posted, subject: Subject, _channel: str, said: Statement) -> Outcome:
    """`privacyDeletion`: a contact asked to be forgotten, so what is known of them is emptied, too."""
    if subject.kind is not Kind.PERSON:
        return Accepted((ended(said, subject),))
    names = (meaning.name for meaning in CONTACT_PROPERTIES.values() if meaning is not None)
    return Accepted((changed(said, subject, {"name": None, **dict.fromkeys(names), "removed": True}),))


def _restored(_posted: Posted, subject: Subject, _channel: str, said: Statement) -> Outcome:
    """`restore`: the record is there again, as it was when it was deleted."""
    return Accepted((changed(said, subject, {} if subject.kind is Kind.DEAL else {"removed": False}),))


# --- several records --------------------------------------------------------------------------------------------


def _merged(posted: Posted) -> Outcome:
    """`merge`: all but one record end. It survives as `newObjectId`, where the merge made a new one of them all.

    A deal that survives is suspect: nobody says which of its properties came from the others.
    """
    of, primary, others = posted.type(), posted.id_in("primaryObjectId"), posted.notice.get("mergedObjectIds")
    if not isinstance(others, list) or len(others) > MOST_MERGED:
        raise RefusedError(Reason.BAD_RECORD_IDS, f"mergedObjectIds: expected a list of ids, got {shown(others)}")
    survivor = posted.id_in("newObjectId") if posted.notice.get("newObjectId") else primary
    merged = (primary, *(record_id("mergedObjectIds", other) for other in others))
    losers = tuple(loser for loser in dict.fromkeys(merged) if loser != survivor)
    if not losers:
        raise RefusedError(Reason.BAD_RECORD_IDS, f"mergedObjectIds: nothing but {shown(survivor)} itself")
    said = posted.said((*merged, survivor), ENDED)
    if of.kind not in READ:
        return Silent(Silence.ENTITY_NOT_READ)
    gone = tuple(ended(said, Subject(of.kind, loser), survivor) for loser in losers)
    return Accepted((*gone, said.deal_gap(survivor)) if of.kind is Kind.DEAL else gone)


def _associated(posted: Posted) -> Outcome:
    """`associationChange`."""
    ids = (posted.id_in("fromObjectId"), posted.id_in("toObjectId"))
    association = association_in(posted.notice, ids)
    said = posted.said((*ids, *association.identity, association.removed), CHANGED)
    if not is_read(association):
        return Silent(Silence.ENTITY_NOT_READ)
    events = events_of(said, association)
    return Accepted(events) if events else Silent(Silence.NOTHING_MAPPED)


_CHANGES: Mapping[str, Read] = {
    "creation": partial(_of_one, CREATED, _created),
    "propertyChange": partial(_of_one, CHANGED, _changed),
    "restore": partial(_of_one, CHANGED, _restored),
    "deletion": partial(_of_one, ENDED, _deleted),
    "privacyDeletion": partial(_of_one, ENDED, _forgotten),
    "merge": _merged,
    "associationChange": _associated,
}
#: Notices of conversations and of custom events.
_NOT_READ = frozenset({"newMessage", "completed"})
