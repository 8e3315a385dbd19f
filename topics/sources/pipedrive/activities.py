"""Pipedrive's activities: calls, meetings, e-mails and tasks, as fields of an activity.

The choices where Pipedrive leaves several readings:

* The type is a word of the company's own; those that Pipedrive starts with are in `CHANNELS`, every other one is a
  channel of its own. A meeting and a lunch are mutual, and a contact at their end; a call and an e-mail are outbound.
* It is planned for `due_date` and `due_time` (UTC), a meeting until it ends; without a time until the day is over.
* Once done it took place at its due time, or when it was done if that was earlier. When that was, `marked_as_done_time`
  says, else the change that set `done`.
"""

from __future__ import annotations

from topics.instants import DAY_US
from topics.sources.field_values import midnight
from topics.sources.pipedrive.values import Fields, Values, day, flag, instant, reference, span_us, text

CHANNELS = {"call": "call", "email": "email", "meeting": "meeting", "lunch": "meeting", "task": "task"}
DIRECTIONS = {"call": "outbound", "email": "outbound", "meeting": "mutual"}
MEETING = "meeting"
#: Our names of whom and what an activity is about, and where it says so, the better place first.
LINKS = {"person": ("person_id",), "account": ("org_id",), "owner": ("owner_id", "user_id")}


def activity_fields(values: Values, done_us: int | None, said_us: int) -> Fields:
    """What a whole activity says but its deal; `done_us`: when it was done, where this change says so."""
    channel = _channel(values)
    fields: Fields = {"channel": channel, "direction": DIRECTIONS.get(channel), "meets": channel == MEETING}
    for ours, places in LINKS.items():
        place = next((name for name in places if name in values), None)
        if place is not None:
            fields[ours] = reference(place, values[place])
    fields["done"] = flag("done", values.get("done")) is True
    fields["removed"] = flag("active_flag", values.get("active_flag")) is False
    due_us = _due_us(values, channel)
    if not fields["done"]:
        return {**fields, "at_us": due_us}
    marked_us = instant("marked_as_done_time", values.get("marked_as_done_time")) or done_us
    times = [at_us for at_us in (due_us, marked_us) if at_us is not None]
    if marked_us is None and due_us is not None and due_us > said_us:
        return fields  # it was done before, at a time that is known by now
    return {**fields, "at_us": min(times)} if times else fields


def _channel(values: Values) -> str:
    kind = (text("type", values.get("type")) or "task").lower()
    return CHANNELS.get(kind, kind)


def _due_us(values: Values, channel: str) -> int | None:
    iso = day("due_date", values.get("due_date"))
    if iso is None:
        return None
    clock_us = span_us("due_time", values.get("due_time"))
    if clock_us is None:
        return midnight(iso) + DAY_US
    lasts_us = span_us("duration", values.get("duration")) or 0
    return midnight(iso) + clock_us + (lasts_us if channel == MEETING else 0)


def participants(values: object) -> frozenset[str]:
    """The people who take part in an activity, by `participants`."""
    named = values.get("participants") if isinstance(values, dict) else None
    people = (one.get("person_id") for one in named if isinstance(one, dict)) if isinstance(named, list) else ()
    return frozenset(filter(None, (reference("participants", person) for person in people)))
