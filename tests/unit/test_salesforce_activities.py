"""Tasks and meetings: partial changes become exactly the fields that they cover."""

from __future__ import annotations

import msgspec
import pytest

from topics.events import ActivityChanged
from topics.instants import parse_rfc3339
from topics.outcomes import Accepted, Outcome, RawRecord, Rejected, Silent
from topics.sources.salesforce import parse
from topics.sources.source import Source, SourceKind

MS = 1_704_103_200_000  # 2024-01-01T10:00:00Z
SOURCE = Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="acme")
DEAL = "006SB00000AbCdEYAV"
DEAL_KEY = f"salesforce/acme:{DEAL}"
ACCOUNT = "001SB0000001AAA"
IDS = {"Task": "00TSB0000001AAA", "Event": "00USB0000001AAA"}


def us(text: str) -> int:
    return parse_rfc3339(text)


def read(entity: str, change: str, fields: dict[str, object]) -> list[Outcome]:
    header = {
        "entityName": entity,
        "recordIds": [IDS[entity]],
        "changeType": change,
        "transactionKey": "0005e192-1111-2222-3333-444455556666",
        "sequenceNumber": 1,
        "commitTimestamp": MS,
        "commitNumber": 5,
        "changedFields": list(fields) if change == "UPDATE" else [],
    }
    value = msgspec.json.encode({"data": {"payload": {**fields, "ChangeEventHeader": header}}})
    return parse(SOURCE, RawRecord(None, value))


def activity(entity: str, change: str, fields: dict[str, object]) -> ActivityChanged:
    (outcome,) = read(entity, change, fields)
    assert isinstance(outcome, Accepted), outcome
    (event,) = outcome.events
    assert isinstance(event, ActivityChanged)
    return event


# --- tasks -------------------------------------------------------------------------------------------------------

TASK_UPDATES: list[tuple[str, dict[str, object], dict[str, object]]] = [
    (
        "completed, with its time",
        {"Status": "Completed", "CompletedDateTime": "2024-01-01T09:30:00.000Z"},
        {"done": True, "at_us": us("2024-01-01T09:30:00Z")},
    ),
    ("completed, without a time: when it was committed", {"Status": "Completed"}, {"done": True, "at_us": MS * 1000}),
    (
        "completed in a status of the customer's own",
        {"Status": "Erledigt", "IsClosed": True},
        {"done": True, "at_us": MS * 1000},
    ),
    (
        "completed with a due date: the due date is no plan any more",
        {"Status": "Completed", "ActivityDate": "2024-05-01"},
        {"done": True, "at_us": MS * 1000},
    ),
    ("opened again", {"Status": "In Progress"}, {"done": False}),
    ("opened again, its completion cleared", {"Status": "Open", "CompletedDateTime": None}, {"done": False}),
    ("planned until the end of a day", {"ActivityDate": "2024-05-01"}, {"at_us": us("2024-05-02T00:00:00Z")}),
    ("planned, in epoch ms", {"ActivityDate": 1_714_521_600_000}, {"at_us": us("2024-05-02T00:00:00Z")}),
    ("no longer planned", {"ActivityDate": None}, {"at_us": None}),
    ("filed under a deal later", {"WhatId": DEAL}, {"deal": DEAL_KEY, "account": None}),
    ("moved to an account", {"WhatId": ACCOUNT}, {"deal": None, "account": ACCOUNT}),
    ("moved to a case", {"WhatId": "500SB0000001AAA"}, {"deal": None, "account": None}),
    ("taken off its deal", {"WhatId": None}, {"deal": None, "account": None}),
    ("the account that Salesforce derived says nothing", {"AccountId": ACCOUNT, "WhoId": None}, {"person": None}),
    ("another person", {"WhoId": "003SB0000001AAA"}, {"person": "003SB0000001AAA"}),
    ("a lead", {"WhoId": "00QSB0000001AAA"}, {"person": "00QSB0000001AAA"}),
    ("another owner", {"OwnerId": "005SB0000001AAA"}, {"owner": "005SB0000001AAA"}),
    ("a call after all", {"Type": "Call"}, {"channel": "call", "direction": "outbound"}),
    ("a type that is no channel says nothing", {"Type": "Other", "WhoId": None}, {"person": None}),
    ("a subtype that is no channel makes it a task", {"TaskSubtype": "Task"}, {"channel": "task", "direction": None}),
    ("an inbound call", {"CallType": "Inbound"}, {"direction": "inbound"}),
    ("an internal call has no direction", {"CallType": "Internal"}, {"direction": None}),
    ("in the bin", {"IsDeleted": True}, {"removed": True}),
    ("out of the bin", {"IsDeleted": False}, {"removed": False}),
]


@pytest.mark.parametrize(
    ("said", "fields"), [case[1:] for case in TASK_UPDATES], ids=[case[0] for case in TASK_UPDATES]
)
def test_a_tasks_update_covers_only_what_it_says(said: dict[str, object], fields: dict[str, object]) -> None:
    assert activity("Task", "UPDATE", said).fields == fields


TASKS: list[tuple[str, dict[str, object], dict[str, object]]] = [
    (
        "a planned call",
        {"WhatId": DEAL, "WhoId": "003a", "OwnerId": "005a", "TaskSubtype": "Call", "ActivityDate": "2024-05-01"},
        {
            "deal": DEAL_KEY,
            "account": None,
            "person": "003a",
            "owner": "005a",
            "channel": "call",
            "direction": "outbound",
            "done": False,
            "at_us": us("2024-05-02T00:00:00Z"),
        },
    ),
    (
        "a logged e-mail from outside",
        {"TaskSubtype": "Email", "Subject": "← Email: Re: offer", "Status": "Completed", "IsClosed": True},
        {
            "deal": None,
            "account": None,
            "person": None,
            "owner": None,
            "channel": "email",
            "direction": "inbound",
            "done": True,
            "at_us": MS * 1000,
        },
    ),
    (
        "a to-do without a date",
        {"Status": "Not Started", "Subject": "Send the offer"},
        {
            "deal": None,
            "account": None,
            "person": None,
            "owner": None,
            "channel": "task",
            "direction": None,
            "done": False,
            "at_us": None,
        },
    ),
]


@pytest.mark.parametrize(("said", "fields"), [case[1:] for case in TASKS], ids=[case[0] for case in TASKS])
@pytest.mark.parametrize("change", ["CREATE", "SNAPSHOT"])
def test_a_full_task_covers_everything(change: str, said: dict[str, object], fields: dict[str, object]) -> None:
    event = activity("Task", change, said)
    assert event.fields == fields
    assert (event.key, event.activity) == (f"salesforce/acme:{IDS['Task']}", IDS["Task"])


DIRECTIONS: list[tuple[dict[str, object], str | None]] = [
    ({"TaskSubtype": "Email", "Subject": "Email: our offer"}, "outbound"),
    ({"TaskSubtype": "Email", "Subject": "[Gong In] Re: our offer"}, "inbound"),
    ({"TaskSubtype": "Email", "Subject": "[Outreach] [Email] [In] Re: our offer"}, "inbound"),
    ({"TaskSubtype": "Email", "Subject": "[Gong Out] our offer"}, "outbound"),
    ({"TaskSubtype": "Email", "Subject": "Your inbound marketing"}, "outbound"),
    ({"TaskSubtype": "ListEmail", "Subject": "News"}, "outbound"),
    ({"TaskSubtype": "Call", "Subject": "[In] looks inbound, but a call has CallType"}, "outbound"),
    ({"TaskSubtype": "Call", "CallType": "Inbound"}, "inbound"),
    ({"TaskSubtype": "Call", "CallType": "Outbound"}, "outbound"),
    ({"TaskSubtype": "Task", "Type": "Meeting"}, "mutual"),
    ({"Type": "call"}, "outbound"),
    ({}, None),
]


@pytest.mark.parametrize(("said", "direction"), DIRECTIONS)
def test_who_spoke_to_whom(said: dict[str, object], direction: str | None) -> None:
    assert activity("Task", "CREATE", said).fields["direction"] == direction


# --- meetings ----------------------------------------------------------------------------------------------------

MEETING = {"channel": "meeting", "direction": "mutual", "meets": True}
START, END = "2024-01-10T09:00:00Z", "2024-01-10T09:45:00Z"

MEETING_UPDATES: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("moved, with its end", {"StartDateTime": START, "EndDateTime": END}, {"at_us": us(END)}),
    ("moved, with its length", {"StartDateTime": START, "DurationInMinutes": 45}, {"at_us": us(END)}),
    ("moved, in the older field", {"ActivityDateTime": START, "DurationInMinutes": "45"}, {"at_us": us(END)}),
    ("moved, without a length", {"ActivityDateTime": START}, {"at_us": us(START)}),
    (
        "moved, with a length that no meeting has",
        {"StartDateTime": START, "DurationInMinutes": -9},
        {"at_us": us(START)},
    ),
    ("all day", {"ActivityDate": "2024-01-10"}, {"at_us": us("2024-01-11T00:00:00Z")}),
    ("filed under a deal", {"WhatId": DEAL}, {"deal": DEAL_KEY, "account": None}),
    ("in the bin", {"IsDeleted": True}, {"removed": True}),
]


@pytest.mark.parametrize(
    ("said", "fields"), [case[1:] for case in MEETING_UPDATES], ids=[case[0] for case in MEETING_UPDATES]
)
def test_a_meetings_update(said: dict[str, object], fields: dict[str, object]) -> None:
    assert activity("Event", "UPDATE", said).fields == {**MEETING, **fields}


def test_a_full_meeting_covers_everything() -> None:
    said: dict[str, object] = {"WhatId": DEAL, "WhoId": "003a", "OwnerId": "005a", "EndDateTime": END}
    ends = {"deal": DEAL_KEY, "account": None, "person": "003a", "owner": "005a"}
    assert activity("Event", "CREATE", said).fields == {**MEETING, **ends, "at_us": us(END)}


STANDING_FOR_OTHERS: list[tuple[str, str, dict[str, object]]] = [
    ("Event", "the pattern of a series", {"GroupEventType": "3", "IsRecurrence": False}),
    ("Event", "the pattern of an older series", {"GroupEventType": "0", "IsRecurrence": True}),
    ("Event", "the copy in an invited user's calendar", {"IsChild": True, "GroupEventType": "1"}),
    ("Task", "the pattern of a task that repeats itself", {"IsRecurrence": True}),
]


@pytest.mark.parametrize(
    ("entity", "said"),
    [(case[0], case[2]) for case in STANDING_FOR_OTHERS],
    ids=[case[1] for case in STANDING_FOR_OTHERS],
)
@pytest.mark.parametrize("change", ["CREATE", "UNDELETE", "SNAPSHOT"])
def test_a_record_that_stands_for_others_is_no_activity(entity: str, change: str, said: dict[str, object]) -> None:
    more = {"WhatId": DEAL, "EndDateTime": END, "Status": "Completed"}
    assert activity(entity, change, {**more, **said}).fields == {"removed": True}


# --- removal, silence, rejection ---------------------------------------------------------------------------------


@pytest.mark.parametrize("entity", ["Task", "Event"])
@pytest.mark.parametrize(("change", "removed"), [("DELETE", True), ("GAP_DELETE", True), ("UNDELETE", False)])
def test_a_deleted_activity_is_removed_and_can_come_back(entity: str, change: str, removed: bool) -> None:  # noqa: FBT001 - parametrised
    assert activity(entity, change, {}).fields["removed"] is removed


@pytest.mark.parametrize(
    ("entity", "change", "fields", "reason"),
    [
        ("Task", "UPDATE", {"LastModifiedDate": "2024-01-01T10:00:00Z"}, "nothing_mapped"),
        ("Task", "UPDATE", {"Subject": "renamed"}, "nothing_mapped"),
        ("Event", "UPDATE", {"DurationInMinutes": 45}, "nothing_mapped"),
        ("Event", "UPDATE", {"Subject": "renamed"}, "nothing_mapped"),
        ("Task", "GAP_UPDATE", {}, "activity_gap"),
        ("Event", "GAP_OVERFLOW", {}, "activity_gap"),
    ],
)
def test_changes_that_say_nothing(entity: str, change: str, fields: dict[str, object], reason: str) -> None:
    assert read(entity, change, fields) == [Silent(reason)]


@pytest.mark.parametrize(
    ("entity", "fields", "reason"),
    [
        ("Task", {"Status": 1}, "wrong_type"),
        ("Task", {"IsClosed": "yes"}, "wrong_type"),
        ("Task", {"WhatId": ["006"]}, "wrong_type"),
        ("Task", {"ActivityDate": "4000-12-31"}, "absurd_date"),
        ("Task", {"CompletedDateTime": "yesterday"}, "bad_time"),
        ("Event", {"EndDateTime": "2024-01-10T09:00:00"}, "bad_time"),
        ("Event", {"StartDateTime": START, "DurationInMinutes": "long"}, "wrong_type"),
        ("Event", {"EndDateTime": "1066-10-14T09:00:00Z"}, "absurd_date"),
    ],
)
def test_values_that_cannot_be(entity: str, fields: dict[str, object], reason: str) -> None:
    (outcome,) = read(entity, "UPDATE", fields)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason
