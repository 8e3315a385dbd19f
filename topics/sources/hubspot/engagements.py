"""HubSpot's calls, e-mails, meetings, tasks and messages: their properties as fields of an activity.

The choices where HubSpot leaves several readings:

* A call, an e-mail and a message are logs of something that took place, at `hs_timestamp`: they are done from the
  start, unless the status says that nobody was reached (`NO_ANSWER`, `BOUNCED`, …) or that it is still to come.
* They are outbound until their direction says otherwise; a message says none. A forwarded e-mail has no direction: it
  may be the buyer's or the seller's.
* A meeting is mutual, at `hs_meeting_end_time`; only a record of the API, which has all of it at once, falls back on
  the start. Cancelled and no-show meetings are `removed`: nobody met. A rescheduled one takes place when its time says.
* A task is planned until `hs_timestamp`, its due date, and took place when it was completed. Its type may make it a
  call or an e-mail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from topics.sources.hubspot.values import Fields, instant, text

DIRECTIONS: dict[str, str | None] = {
    "INBOUND": "inbound",
    "OUTBOUND": "outbound",
    "EMAIL": "outbound",
    "INCOMING_EMAIL": "inbound",
    "FORWARDED_EMAIL": None,
}
#: Statuses of calls and e-mails under which no contact took place; under every other one, and without any, it did.
NOT_DONE = frozenset(
    {
        "BUSY",
        "CALLING_CRM_USER",
        "CANCELED",
        "CONNECTING",
        "FAILED",
        "IN_PROGRESS",
        "NO_ANSWER",
        "QUEUED",
        "RINGING",
        "BOUNCED",
        "SCHEDULED",
        "SENDING",
    }
)
NOT_HELD = frozenset({"CANCELED", "NO_SHOW"})
TASK_CHANNELS = {"CALL": "call", "EMAIL": "email"}
TASK_DONE = "COMPLETED"

Read = Callable[[str, object, int], Fields]


def _at(name: str, value: object, _said_us: int) -> Fields:
    return {"at_us": instant(name, value)}


def _owner(name: str, value: object, _said_us: int) -> Fields:
    return {"owner": text(name, value)}


def _direction(name: str, value: object, _said_us: int) -> Fields:
    return {"direction": DIRECTIONS.get((text(name, value) or "").upper())}


def _status(name: str, value: object, _said_us: int) -> Fields:
    return {"done": (text(name, value) or "").upper() not in NOT_DONE}


def _outcome(name: str, value: object, _said_us: int) -> Fields:
    return {"removed": (text(name, value) or "").upper() in NOT_HELD}


def _task_status(name: str, value: object, said_us: int) -> Fields:
    done = (text(name, value) or "").upper() == TASK_DONE
    return {"done": True, "at_us": said_us} if done else {"done": False}


def _task_type(name: str, value: object, _said_us: int) -> Fields:
    return {"channel": TASK_CHANNELS.get((text(name, value) or "").upper(), "task")}


def _completed(name: str, value: object, _said_us: int) -> Fields:
    at_us = instant(name, value)
    return {} if at_us is None else {"done": True, "at_us": at_us}


#: Of each channel the properties that are read, in the order in which those of one record count.
ENGAGEMENT_PROPERTIES: Mapping[str, Mapping[str, Read]] = {
    "call": {
        "hs_timestamp": _at,
        "hubspot_owner_id": _owner,
        "hs_call_direction": _direction,
        "hs_call_status": _status,
    },
    "email": {
        "hs_timestamp": _at,
        "hubspot_owner_id": _owner,
        "hs_email_direction": _direction,
        "hs_email_status": _status,
    },
    "message": {"hs_timestamp": _at, "hubspot_owner_id": _owner},
    "meeting": {"hubspot_owner_id": _owner, "hs_meeting_end_time": _at, "hs_meeting_outcome": _outcome},
    "task": {
        "hubspot_owner_id": _owner,
        "hs_task_type": _task_type,
        "hs_timestamp": _at,
        "hs_task_status": _task_status,
        "hs_task_completion_date": _completed,
    },
}

#: What an activity of a channel is from the start, before any property says otherwise.
FROM_THE_START: Mapping[str, Fields] = {
    "call": {"channel": "call", "direction": "outbound", "done": True, "removed": False},
    "email": {"channel": "email", "direction": "outbound", "done": True, "removed": False},
    "message": {"channel": "message", "done": True, "removed": False},
    "meeting": {"channel": "meeting", "direction": "mutual", "meets": True, "removed": False},
    "task": {"channel": "task", "done": False, "removed": False},
    "": {"removed": False},
}
#: What never changes of an activity of a channel (a task may be a call). Every change of a property repeats it, for
#: those who did not subscribe to the creation.
CONSTANT: Mapping[str, tuple[str, ...]] = {
    "call": ("channel",),
    "email": ("channel",),
    "message": ("channel",),
    "meeting": ("channel", "direction", "meets"),
    "task": (),
}
#: Where a record of a meeting without an end says when it is, the better one last.
_MEETING_TIMES = ("hs_timestamp", "hs_meeting_start_time", "hs_meeting_end_time")


def changed_engagement(channel: str, name: str, value: object, said_us: int) -> Fields:
    """What the change of one property says; empty where it is not read. Raises RefusedError."""
    read = ENGAGEMENT_PROPERTIES.get(channel, {}).get(name)
    said = {} if read is None else read(name, value, said_us)
    if not said:
        return {}
    return {key: FROM_THE_START[channel][key] for key in CONSTANT[channel]} | said


def place_of(channel: str, name: str) -> int:
    """Where a property stands among those of its channel: of one instant, the later one counts."""
    return (*ENGAGEMENT_PROPERTIES.get(channel, {}), name).index(name)


def whole_engagement(channel: str, values: Mapping[str, object], said_us: int) -> Fields:
    """What a record of the API says of an activity. Raises RefusedError."""
    fields = dict(FROM_THE_START[channel])
    if channel == "meeting":
        for name in _MEETING_TIMES:
            at_us = instant(name, values.get(name))
            if at_us is not None:
                fields["at_us"] = at_us
    for name, read in ENGAGEMENT_PROPERTIES.get(channel, {}).items():
        if values.get(name) not in (None, ""):
            fields |= read(name, values[name], said_us)
    return fields
