"""Salesforce's Task and Event: what people did or plan to do, as fields of an activity.

The choices where Salesforce leaves several readings:

* A task is done when its Status is Completed or IsClosed is true. It took place at CompletedDateTime; without one, when
  the change was committed (as a query answers: when it was due or changed last, whichever is first). Not done, it is
  planned until the end of its ActivityDate in UTC (the next midnight).
* Its channel is TaskSubtype's, else Type's: call, email, meeting, else task. A call or an e-mail is outbound unless
  CallType says Inbound (Internal: no direction) or an e-mail's subject starts with an arrow in (`←`) or holds the
  `[In]`, `[Inbound]` or `[Gong In]` of a mail logger. A task that is none of these has no direction.
* An Event is a meeting, mutual, at its end: EndDateTime, else its start and DurationInMinutes, else the end of its day.
* `deal` is WhatId where that is an Opportunity (prefix 006), `account` where it is an Account (001), else both are
  empty. `person` is WhoId, a contact or a lead. AccountId is not read: Salesforce derives it from them.
* A record that stands for others is no activity of its own: the pattern of a series (its occurrences have records of
  their own), and the copy of a meeting in the calendar of each invited user.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from topics.events import ActivityChanged, Scalar, deal_key
from topics.instants import MINUTE_US
from topics.silences import Silence
from topics.sources.field_values import flag, instant, number, text
from topics.sources.salesforce.changes import Change
from topics.sources.salesforce.days import day_end
from topics.sources.salesforce.records import modified_us
from topics.sources.salesforce.subjects import REMOVED, Read, Said, Subject, read, stamp
from topics.sources.source import Source

DEAL_PREFIX, ACCOUNT_PREFIX = "006", "001"
CHANNELS = {"call": "call", "email": "email", "listemail": "email", "meeting": "meeting"}
CALL_DIRECTIONS: dict[str, str | None] = {"inbound": "inbound", "outbound": "outbound", "internal": None}
DEFAULT_DIRECTIONS = {"call": "outbound", "email": "outbound", "meeting": "mutual"}

#: GroupEventType of the record that holds the pattern of a series.
_SERIES = "3"
_INBOUND_SUBJECT = re.compile(r"^\s*(?:←|<-)|\[(?:gong )?in(?:bound)?\]", re.IGNORECASE)
_LONGEST_MEETING_MINUTES = 14 * 24 * 60  # Salesforce's own limit of an event's duration


def tasks(_source: Source) -> Read:
    """What the changes of tasks become."""
    return _activities(task_fields)


def meetings(_source: Source) -> Read:
    """What the changes of events in calendars become."""
    return _activities(meeting_fields)


def _activities(fields: Callable[[Change], dict[str, Scalar]]) -> Read:
    return partial(read, Subject(partial(_said, fields), _changed, Silence.ACTIVITY_GAP))


def _said(fields: Callable[[Change], dict[str, Scalar]], change: Change) -> Said:
    return (dict(REMOVED) if _stands_for_others(change) else fields(change)), ()


def _changed(change: Change, record: str, fields: dict[str, Scalar]) -> ActivityChanged:
    return ActivityChanged(**stamp(change, record), activity=record, fields=fields)


def _stands_for_others(change: Change) -> bool:
    values = change.values
    return (
        values.get("IsChild") is True or values.get("IsRecurrence") is True or values.get("GroupEventType") == _SERIES
    )


def task_fields(change: Change) -> dict[str, Scalar]:
    """What the change says about a task; empty when nothing. Raises RefusedError."""
    fields = _links(change)
    done = _done(change)
    if done is not None:
        fields["done"] = done
    channel = _channel(change)
    if channel is not None:
        fields["channel"] = channel
    fields.update(_direction(change, channel))
    fields.update(_task_time(change, done=done is True))
    fields.update(_removed(change))
    return fields


def meeting_fields(change: Change) -> dict[str, Scalar]:
    """What the change says about a meeting, with what every meeting is; empty when nothing. Raises RefusedError."""
    fields = _links(change) | _meeting_end(change) | _removed(change)
    if fields:
        fields.update(channel="meeting", direction="mutual", meets=True)
    return fields


def _links(change: Change) -> dict[str, Scalar]:
    values = change.values
    fields: dict[str, Scalar] = {}
    if change.says("WhatId"):
        what = text("WhatId", values.get("WhatId")) or ""
        fields["deal"] = deal_key(change.source_key, what) if what.startswith(DEAL_PREFIX) else None
        fields["account"] = what if what.startswith(ACCOUNT_PREFIX) else None
    if change.says("WhoId"):
        fields["person"] = text("WhoId", values.get("WhoId"))
    if change.says("OwnerId"):
        fields["owner"] = text("OwnerId", values.get("OwnerId"))
    return fields


def _done(change: Change) -> bool | None:
    values = change.values
    if not change.says("Status") and "IsClosed" not in values:
        return None
    return text("Status", values.get("Status")) == "Completed" or flag("IsClosed", values.get("IsClosed")) is True


def _channel(change: Change) -> str | None:
    """The channel, or None when the change says nothing about it (Type alone is weaker than an earlier subtype)."""
    subtype = text("TaskSubtype", change.values.get("TaskSubtype")) or ""
    kind = text("Type", change.values.get("Type")) or ""
    specific = CHANNELS.get(subtype.casefold()) or CHANNELS.get(kind.casefold())
    return specific or ("task" if change.whole or subtype else None)


def _direction(change: Change, channel: str | None) -> dict[str, Scalar]:
    call_type = text("CallType", change.values.get("CallType"))
    if call_type:
        return {"direction": CALL_DIRECTIONS.get(call_type.casefold(), "outbound")}
    if channel is None:
        return {}
    subject = text("Subject", change.values.get("Subject")) or ""
    if channel == "email" and _INBOUND_SUBJECT.search(subject):
        return {"direction": "inbound"}
    return {"direction": DEFAULT_DIRECTIONS.get(channel)}


def _task_time(change: Change, *, done: bool) -> dict[str, Scalar]:
    completed = instant("CompletedDateTime", change.values.get("CompletedDateTime"))
    if completed is not None:
        return {"at_us": completed}
    due = day_end("ActivityDate", change.values.get("ActivityDate"))
    if done:
        return _done_at(change, due)
    return {"at_us": due} if change.says("ActivityDate") else {}


def _done_at(change: Change, due_us: int | None) -> dict[str, Scalar]:
    """When a task was done that does not say it: when that was committed; of a query, when it was due or modified."""
    if not change.is_queried:
        return {"at_us": change.at_us}
    times = [at_us for at_us in (due_us, modified_us(change.values)) if at_us is not None]
    return {"at_us": min(times)} if times else {}


def _meeting_end(change: Change) -> dict[str, Scalar]:
    values = change.values
    end = instant("EndDateTime", values.get("EndDateTime"))
    if end is not None:
        return {"at_us": end}
    start = instant("ActivityDateTime", values.get("ActivityDateTime"))
    if start is None:
        start = instant("StartDateTime", values.get("StartDateTime"))
    if start is not None:
        return {"at_us": start + _duration_us(change)}
    whole_day = day_end("ActivityDate", values.get("ActivityDate"))
    return {"at_us": whole_day} if change.whole or whole_day is not None else {}


def _duration_us(change: Change) -> int:
    minutes = number("DurationInMinutes", change.values.get("DurationInMinutes")) or 0.0
    return int(min(max(minutes, 0.0), _LONGEST_MEETING_MINUTES)) * MINUTE_US


def _removed(change: Change) -> dict[str, Scalar]:
    removed = flag("IsDeleted", change.values.get("IsDeleted"))
    return {} if removed is None else {"removed": removed}
