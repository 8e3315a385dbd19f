"""Opportunity changes become deal events, by the rules of Change Data Capture."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from topics.events import DealChanged, DealGap, DealRemoved, Event, SourceGap, event_id
from topics.outcomes import Accepted, Outcome, RawRecord, Rejected, Silent
from topics.sources.declared_fields import FieldTypeError
from topics.sources.salesforce import parse
from topics.sources.salesforce.deals import OPPORTUNITY
from topics.sources.salesforce.entities import ENTITIES_NOT_READ, READERS
from topics.sources.source import Source, SourceKind

MS = 1_704_103_200_000  # 2024-01-01T10:00:00Z
ID = "006SB00000AbCdEYAV"
SECOND_ID = "006SB00000AbCdFYAV"
SCHEMA = ("ChangeEventHeader", "Name", "StageName", "Amount", "CloseDate", "NextStep", "LastModifiedDate", "Fit__c")
SOURCE = Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="acme", schemas={"Opportunity": SCHEMA})


def header(change: str = "UPDATE", **more: object) -> dict[str, object]:
    return {
        "entityName": "Opportunity",
        "recordIds": [ID],
        "changeType": change,
        "changeOrigin": "com/salesforce/api/soap/60.0;client=Astro/",
        "transactionKey": "0005e192-1111-2222-3333-444455556666",
        "sequenceNumber": 1,
        "commitTimestamp": MS,
        "commitNumber": 1_652_977_933_433_528_301,
        "commitUser": "005SB000000146PYAQ",
        **more,
    }


def flat(head: dict[str, object], **fields: object) -> bytes:
    return msgspec.json.encode({"ChangeEventHeader": head, **fields})


def wrapped(head: dict[str, object], **fields: object) -> bytes:
    payload = {**fields, "ChangeEventHeader": head}
    return msgspec.json.encode({"data": {"schema": "abc", "payload": payload, "event": {"replayId": 7}}})


def read(value: bytes | None, source: Source = SOURCE, timestamp_us: int = 0) -> list[Outcome]:
    return parse(source, RawRecord(b"k", value, (), timestamp_us))


def event_of(outcomes: list[Outcome]) -> Event:
    (outcome,) = outcomes
    assert isinstance(outcome, Accepted), outcome
    (event,) = outcome.events
    return event


def changed(value: bytes, source: Source = SOURCE) -> DealChanged:
    event = event_of(read(value, source))
    assert isinstance(event, DealChanged)
    return event


# --- what an UPDATE says, by shape -------------------------------------------------------------------------------

LISTS: dict[str, Any] = {"nulledFields": [], "diffFields": [], "changedFields": ["StageName", "LastModifiedDate"]}

UPDATES: list[tuple[str, bytes, dict[str, object]]] = [
    (
        "flat: null is unchanged",
        flat(header(**LISTS), StageName="Qualification", Amount=None, NextStep=None, LastModifiedDate=MS),
        {"stage": "Qualification"},
    ),
    (
        "flat: null is cleared where nulledFields names it",
        flat(
            header(nulledFields=["NextStep"], changedFields=["NextStep", "StageName"]),
            StageName="Qualification",
            Amount=None,
            NextStep=None,
        ),
        {"stage": "Qualification", "next_step": None},
    ),
    (
        "flat: null of a changed field that nulledFields does not name is unchanged",
        flat(header(nulledFields=[], changedFields=["StageName", "Amount"]), StageName="Qualification", Amount=None),
        {"stage": "Qualification"},
    ),
    (
        "flat: nulledFields names a field that changedFields forgot",
        flat(header(nulledFields=["Amount"], changedFields=["StageName"]), StageName="Qualification", Amount=None),
        {"stage": "Qualification", "amount": None},
    ),
    (
        "flat: without any list only what has a value changed",
        flat(header(), StageName="Qualification", Amount=None),
        {"stage": "Qualification"},
    ),
    (
        "flat: without nulledFields a null of a changed field is cleared",
        flat(header(changedFields=["Amount"]), StageName=None, Amount=None),
        {"amount": None},
    ),
    (
        "wrapped: only what changed is there",
        wrapped(header(changedFields=["StageName"]), StageName="Qualification"),
        {"stage": "Qualification"},
    ),
    (
        "wrapped: null of a changed field is cleared",
        wrapped(header(changedFields=["NextStep", "StageName"]), StageName="Qualification", NextStep=None),
        {"stage": "Qualification", "next_step": None},
    ),
    (
        "wrapped: null of a changed field is cleared, be it in an empty nulledFields or not",
        wrapped(header(changedFields=["NextStep"], nulledFields=[]), NextStep=None),
        {"next_step": None},
    ),
    (
        "wrapped: a null that changedFields does not name is unchanged",
        wrapped(header(changedFields=["StageName"]), StageName="Qualification", NextStep=None),
        {"stage": "Qualification"},
    ),
    (
        "wrapped: without lists everything that is there changed",
        wrapped(header(), StageName="Qualification", NextStep=None),
        {"stage": "Qualification", "next_step": None},
    ),
    (
        "wrapped: an enriched field is there but unchanged",
        wrapped(header(changedFields=["Amount"]), StageName="Qualification", OwnerId="005SB1", Amount=5),
        {"amount": 5.0},
    ),
    (
        "bitmaps: changed and nulled",
        flat(header(changedFields=["0x14"], nulledFields=["0x10"]), StageName="stays", CloseDate=None, NextStep="x"),
        {"stage": "stays", "close_date": None},
    ),
    (
        "bitmaps and names in one list",
        flat(header(changedFields=["0x4", "Amount"], nulledFields=[]), StageName="Qualification", Amount=7),
        {"stage": "Qualification", "amount": 7.0},
    ),
    (
        "a cleared part of a compound field does not clear the field",
        wrapped(header(changedFields=["StageName"], nulledFields=["Name.Suffix"]), StageName="Q", Name="Acme"),
        {"stage": "Q"},
    ),
    (
        "a changed part of a compound field that is not there does not clear the field",
        wrapped(header(changedFields=["StageName", "Site__c.Latitude"]), StageName="Q", Site__c=None),
        {"stage": "Q"},
    ),
    (
        "a custom field keeps its name in lower case",
        wrapped(header(changedFields=["Budget_Confirmed__c", "Fit__c"]), Budget_Confirmed__c=True, Fit__c=None),
        {"budget_confirmed": True, "fit": None},
    ),
    (
        "a custom field does not take a standard one's place",
        wrapped(header(changedFields=["Stage__c", "StageName"]), Stage__c="mine", StageName="Qualification"),
        {"stage__c": "mine", "stage": "Qualification"},
    ),
    (
        "a standard field that nothing reads is left out",
        wrapped(header(changedFields=["IsPrivate", "StageName"]), IsPrivate=True, StageName="Qualification"),
        {"stage": "Qualification"},
    ),
]


@pytest.mark.parametrize(("value", "fields"), [case[1:] for case in UPDATES], ids=[case[0] for case in UPDATES])
def test_an_update_covers_what_changed_and_nothing_else(value: bytes, fields: dict[str, object]) -> None:
    event = changed(value)
    assert event.fields == fields
    assert (event.full, event.created) == (False, False)


NO_LISTS: dict[str, Any] = {"nulledFields": None, "diffFields": None, "changedFields": None}

CARRIED: list[tuple[str, Any, dict[str, Any], dict[str, object]]] = [
    ("CometD", lambda body: {"schema": "s", "payload": body, "event": {"replayId": 1}}, {}, {"next_step": None}),
    ("CometD under data", lambda body: {"data": {"payload": body, "event": {"replayId": 1}}}, {}, {"next_step": None}),
    ("the Pub/Sub API", lambda body: body, {}, {}),
    ("a client of the Pub/Sub API", lambda body: {"replayId": 1, "payload": body}, LISTS | {"changedFields": []}, {}),
    ("Connect", lambda body: {**body, "ReplayId": "1", "_ObjectType": "OpportunityChangeEvent"}, NO_LISTS, {}),
    ("Connect with its schema", lambda body: {"schema": {"type": "struct"}, "payload": body}, NO_LISTS, {}),
    ("Connect with a schema that is none", lambda body: {"schema": None, "payload": body}, NO_LISTS, {}),
]


@pytest.mark.parametrize(
    ("carry", "lists", "cleared"), [case[1:] for case in CARRIED], ids=[case[0] for case in CARRIED]
)
def test_a_null_without_a_list_is_cleared_only_where_nothing_unchanged_is_sent(
    carry: Any,  # noqa: ANN401 - a lambda of JSON
    lists: dict[str, Any],
    cleared: dict[str, object],
) -> None:
    body = {"ChangeEventHeader": header(**lists), "StageName": "Q", "NextStep": None}
    assert changed(msgspec.json.encode(carry(body))).fields == {"stage": "Q", **cleared}


WRAPPERS = [
    ("CometD", lambda body: {"data": {"schema": "s", "payload": body, "event": {"replayId": 1}}, "channel": "/data/x"}),
    ("CometD without data", lambda body: {"schema": "s", "payload": body, "event": {"replayId": 1}}),
    ("Kafka Connect with its schema", lambda body: {"schema": {"type": "struct"}, "payload": body}),
    ("Connect around CometD", lambda body: {"schema": None, "payload": {"data": {"payload": body}}}),
]


@pytest.mark.parametrize("wrap", [case[1] for case in WRAPPERS], ids=[case[0] for case in WRAPPERS])
def test_wrappers_are_taken_off(wrap: Any) -> None:  # noqa: ANN401 - a lambda of JSON
    body = {"ChangeEventHeader": header(changedFields=["NextStep"]), "NextStep": None}
    assert changed(msgspec.json.encode(wrap(body))).fields == {"next_step": None}


# --- full records ------------------------------------------------------------------------------------------------

CREATED: dict[str, Any] = {"StageName": "Prospecting", "CreatedDate": MS - 5000, "CloseDate": "2024-03-31"}


@pytest.mark.parametrize(("change", "created"), [("CREATE", True), ("UNDELETE", False), ("SNAPSHOT", False)])
@pytest.mark.parametrize("shape", [flat, wrapped])
def test_a_full_record_makes_absent_fields_empty(change: str, created: bool, shape: Any) -> None:  # noqa: ANN401, FBT001 - parametrised
    event = changed(shape(header(change), **CREATED, NextStep=None))
    empty = dict.fromkeys([*OPPORTUNITY.fields.values(), "fit"])
    assert event.fields == {
        **empty,
        "stage": "Prospecting",
        "created_at": (MS - 5000) * 1000,
        "close_date": "2024-03-31",
    }
    assert (event.full, event.created) == (True, created)


def test_a_create_without_its_date_was_created_when_it_was_committed() -> None:
    assert changed(wrapped(header("CREATE"), StageName="Prospecting")).fields["created_at"] == MS * 1000


def test_a_re_read_without_creation_leaves_the_creation_as_it_was() -> None:
    assert "created_at" not in changed(wrapped(header("UNDELETE"), StageName="Prospecting")).fields


def test_both_shapes_of_one_create_are_one_event() -> None:
    dates = {"CloseDate": 1_711_843_200_000, "CreatedDate": MS}
    texts = {"CloseDate": "2024-03-31", "CreatedDate": "2024-01-01T10:00:00.000Z"}
    assert changed(flat(header("CREATE"), **dates)) == changed(wrapped(header("CREATE"), **texts))


# --- identity, order, several records ----------------------------------------------------------------------------


def test_identity_and_order_are_the_sources_own() -> None:
    event = changed(wrapped(header(changedFields=["StageName"]), StageName="Qualification"))
    assert event.id == event_id("salesforce/acme", "0005e192-1111-2222-3333-444455556666", 1, ID)
    assert event.key == f"salesforce/acme:{ID}"
    assert event.source == "salesforce/acme"
    assert event.at_us == MS * 1000
    assert event.seq == (1_652_977_933_433_528_301, 1)


def test_a_commit_number_beyond_a_floats_precision_stays_exact() -> None:
    number = 2**53 + 1
    assert float(number) != number
    assert changed(flat(header(commitNumber=number), StageName="Q")).seq[0] == number


def test_numbers_of_64_bits_may_be_text_as_javascript_writes_them() -> None:
    as_text: dict[str, Any] = {"commitNumber": str(2**53 + 1), "sequenceNumber": "1", "commitTimestamp": str(MS)}
    as_numbers: dict[str, Any] = {name: int(value) for name, value in as_text.items()}
    assert changed(flat(header(**as_text), StageName="Q")) == changed(flat(header(**as_numbers), StageName="Q"))


NUMBERS: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("an amount as text", {"Amount": "40000.50"}, {"amount": 40000.5}),
    ("an amount below nothing", {"Amount": -12.5}, {"amount": -12.5}),
    (
        "the currency of the record, not the corporate one",
        {"Amount": 5, "CurrencyIsoCode": "JPY"},
        {"amount": 5.0, "currency": "JPY"},
    ),
    ("a close date in milliseconds", {"CloseDate": 1_711_843_200_000}, {"close_date": "2024-03-31"}),
    ("a close date in days", {"CloseDate": 19_813}, {"close_date": "2024-03-31"}),
    ("a close date as text with a time", {"CloseDate": "2024-03-31T00:00:00.000Z"}, {"close_date": "2024-03-31"}),
]


@pytest.mark.parametrize(("said", "fields"), [case[1:] for case in NUMBERS], ids=[case[0] for case in NUMBERS])
def test_numbers_and_days_in_every_spelling(said: dict[str, object], fields: dict[str, object]) -> None:
    assert changed(msgspec.json.encode({"ChangeEventHeader": header(), **said})).fields == fields


def test_one_event_about_several_records_is_one_row_for_each() -> None:
    outcomes = read(flat(header(recordIds=[ID, SECOND_ID]), StageName="Qualification"))
    events = [outcome.events[0] for outcome in outcomes if isinstance(outcome, Accepted)]
    assert [event.key for event in events] == [f"salesforce/acme:{ID}", f"salesforce/acme:{SECOND_ID}"]
    assert len({event.id for event in events}) == 2


def test_two_records_of_one_transaction_differ_and_a_repeat_does_not() -> None:
    one = changed(flat(header(), StageName="Q"))
    assert changed(flat(header(sequenceNumber=2), StageName="Q")).id != one.id
    assert changed(flat(header(transactionKey="other"), StageName="Q")).id != one.id
    assert changed(flat(header(commitNumber=9), StageName="Q")).id == one.id


# --- deletes and gaps --------------------------------------------------------------------------------------------

ENDINGS: list[tuple[str, type[Event], str]] = [
    ("DELETE", DealRemoved, f"salesforce/acme:{ID}"),
    ("GAP_CREATE", DealGap, f"salesforce/acme:{ID}"),
    ("GAP_UPDATE", DealGap, f"salesforce/acme:{ID}"),
    ("GAP_DELETE", DealGap, f"salesforce/acme:{ID}"),
    ("GAP_UNDELETE", DealGap, f"salesforce/acme:{ID}"),
    ("GAP_OVERFLOW", SourceGap, ""),
]


@pytest.mark.parametrize(("change", "kind", "key"), ENDINGS)
def test_changes_without_fields(change: str, kind: type[Event], key: str) -> None:
    event = event_of(read(flat(header(change), StageName=None)))
    assert type(event) is kind
    assert (event.key, event.at_us) == (key, MS * 1000)


def test_an_overflow_makes_the_whole_source_suspect() -> None:
    event = event_of(read(flat(header("GAP_OVERFLOW", recordIds=["000000000000000AAA"]))))
    assert isinstance(event, SourceGap)
    assert (event.key, event.source) == ("", "salesforce/acme")


def test_every_record_is_every_record_wherever_it_stands() -> None:
    outcomes = read(flat(header(recordIds=[ID, "006*"]), StageName="Q"))
    assert [type(outcome.events[0]) for outcome in outcomes if isinstance(outcome, Accepted)] == [SourceGap, SourceGap]


@pytest.mark.parametrize("change", ["UPDATE", "GAP_UPDATE", "DELETE"])
def test_a_change_of_every_record_makes_the_whole_source_suspect(change: str) -> None:
    """A custom field was converted and its data lost; the event names no record."""
    event = event_of(read(flat(header(change, recordIds=["006*"]))))
    assert isinstance(event, SourceGap)
    assert (event.key, event.source, event.at_us) == ("", "salesforce/acme", MS * 1000)


# --- what is silent ----------------------------------------------------------------------------------------------

OURS = msgspec.structs.replace(SOURCE, own_client="DealSignals")
OWN_ORIGIN = "com/salesforce/api/rest/60.0;client=DealSignals/"

SILENT: list[tuple[str, Source, bytes | None, list[str]]] = [
    ("a tombstone", SOURCE, None, ["tombstone"]),
    (
        "an update of nothing that is read",
        SOURCE,
        wrapped(header(changedFields=["LastModifiedDate"]), LastModifiedDate="2024-01-01T10:00:00Z"),
        ["nothing_mapped"],
    ),
    ("our own write", OURS, flat(header(changeOrigin=OWN_ORIGIN), StageName="Q"), ["own_write"]),
    (
        "an entity that nothing reads, for each record",
        SOURCE,
        flat(header(entityName="Campaign", recordIds=["701a", "701b"]), Name="Spring"),
        ["entity_not_read"] * 2,
    ),
]


@pytest.mark.parametrize(
    ("source", "value", "reasons"), [case[1:] for case in SILENT], ids=[case[0] for case in SILENT]
)
def test_rows_that_say_nothing(source: Source, value: bytes | None, reasons: list[str]) -> None:
    assert read(value, source) == [Silent(reason) for reason in reasons]


OWN_ORIGINS = [
    "com/salesforce/api/rest/60.0;client=DealSignals/",
    "com/salesforce/api/rest/60.0;client=DealSignals",
    "com/salesforce/api/bulkapi/60.0;client=DealSignals/1.4/",
    "1com/salesforce/api/soap/49.0;client=DealSignals",
    "com/salesforce/api/soap/60.0;client=DealSignals;device=x",
]


@pytest.mark.parametrize("shape", [flat, wrapped])
@pytest.mark.parametrize("own_client", ["DealSignals", "DealSignals/"])
@pytest.mark.parametrize("origin", OWN_ORIGINS)
def test_our_own_write_in_every_form(origin: str, own_client: str, shape: Any) -> None:  # noqa: ANN401 - a function
    ours = msgspec.structs.replace(SOURCE, own_client=own_client)
    ids: dict[str, Any] = {"recordIds": [ID, SECOND_ID]}
    for entity in READERS:
        value = shape(header(entityName=entity, changeOrigin=origin, changedFields=["StageName"], **ids), StageName="Q")
        assert read(value, ours) == [Silent("own_write")] * 2


def test_a_client_with_a_version_is_one_of_its_own_where_the_settings_say_so() -> None:
    first = msgspec.structs.replace(SOURCE, own_client="DealSignals/1")
    for origin, own in (("DealSignals/1", True), ("DealSignals/2", False), ("DealSignals", False)):
        outcomes = read(
            flat(header(changeOrigin=f"com/salesforce/api/rest/60.0;client={origin}"), StageName="Q"), first
        )
        assert (outcomes == [Silent("own_write")]) is own


def test_without_a_client_of_our_own_no_write_is_ours() -> None:
    for origin in (*OWN_ORIGINS, *OTHERS):
        assert changed(flat(header(changeOrigin=origin), StageName="Q"), SOURCE).fields == {"stage": "Q"}


OTHERS = [
    "com/salesforce/api/rest/60.0;client=DealSignalsTwo/",
    "com/salesforce/api/rest/60.0;client=dealsignals/",
    "com/salesforce/api/rest/60.0;client=",
    "com/salesforce/api/rest/60.0",
    "DealSignals",
    "",
    None,
]


@pytest.mark.parametrize("origin", OTHERS)
def test_another_clients_write_is_not_ours(origin: str | None) -> None:
    assert changed(flat(header(changeOrigin=origin), StageName="Q"), OURS).fields == {"stage": "Q"}


def test_no_entity_is_both_read_and_not_read() -> None:
    assert not ENTITIES_NOT_READ & READERS.keys()


# --- the source's own names --------------------------------------------------------------------------------------

NAMED = msgspec.structs.replace(SOURCE, fields={"Deal_Stage__c": "stage", "ARR__c": "arr", "NextStep": ""})


def test_the_settings_override_and_add_names_and_switch_fields_off() -> None:
    value = wrapped(header(), StageName="ours?", Deal_Stage__c="Discovery", ARR__c=12, NextStep="call")
    assert changed(value, NAMED).fields == {"stage": "Discovery", "arr": 12}


DECLARED = msgspec.structs.replace(
    SOURCE,
    schemas={},
    fields={"Start__c": "start:day", "Fit__c": "fit:bool=Yes|Mostly", "Opportunity.Seats__c": "seats:number"},
)


@pytest.mark.parametrize("start", ["2024-03-31", 1_711_843_200_000, 19_813])
def test_a_declared_type_reads_every_spelling_alike(start: object) -> None:
    value = flat(header(), Start__c=start, Fit__c="Mostly", Seats__c="12", Other__c="12")
    assert changed(value, DECLARED).fields == {"start": "2024-03-31", "fit": True, "seats": 12.0, "other": "12"}


def test_a_type_that_there_is_not_is_refused_when_the_source_is_compiled() -> None:
    with pytest.raises(FieldTypeError):
        read(b"{}", msgspec.structs.replace(SOURCE, fields={"Account.Tier__c": "tier:colour"}))


def test_a_full_record_covers_the_sources_own_names() -> None:
    fields = changed(wrapped(header("CREATE")), NAMED).fields
    assert fields["arr"] is None
    assert "next_step" not in fields
    assert "" not in fields


# --- dirt --------------------------------------------------------------------------------------------------------


def test_a_patch_of_a_long_text_is_no_value() -> None:
    value = flat(
        header(changedFields=["Notes__c", "StageName"], diffFields=["Notes__c"], nulledFields=[]),
        Notes__c="@@ -1 +1 @@\n-a\n+b",
        StageName="Qualification",
    )
    (outcome,) = read(value)
    assert isinstance(outcome, Accepted)
    assert outcome.dirt == ("diffed.long_text",)
    assert changed(value).fields == {"stage": "Qualification"}


def test_a_geolocation_is_left_out_and_counted() -> None:
    (outcome,) = read(flat(header(), StageName="Q", Site__c={"Latitude": 1.0, "Longitude": 2.0}))
    assert isinstance(outcome, Accepted)
    assert outcome.dirt == ("not_scalar.custom",)


# --- what is rejected --------------------------------------------------------------------------------------------

HOUR_US = 3_600_000_000

REJECTED: list[tuple[str, bytes, str]] = [
    ("no bytes", b"", "not_json"),
    ("no JSON", b"\x00\x01binary", "not_json"),
    ("not UTF-8", b'{"a": "\xff"}', "not_json"),
    ("cut off", flat(header(), StageName="Q")[:-9], "not_json"),
    ("nested without end", b'{"a":' * 100_000, "not_json"),
    ("a number that no float holds", b'{"a": 1e999}', "not_json"),
    ("a list", b"[]", "not_an_object"),
    ("a number", b"1", "not_an_object"),
    ("no header", b'{"StageName": "Q"}', "no_header"),
    ("a header that is text", b'{"ChangeEventHeader": "x"}', "no_header"),
    ("wrapped too often", b'{"data":' * 9 + flat(header(), StageName="Q") + b"}" * 9, "no_header"),
    ("an entity that no Salesforce has", flat(header(entityName="Banana"), StageName="Q"), "unknown_entity"),
    ("an entity without a name", flat(header(entityName=""), StageName="Q"), "bad_header"),
    ("an unknown change", flat(header("MERGE"), StageName="Q"), "unknown_change_type"),
    ("no record id", flat(header(recordIds=[]), StageName="Q"), "bad_record_ids"),
    ("a record id that is none", flat(header(recordIds=["006 ; DROP"]), StageName="Q"), "bad_record_ids"),
    ("a record id with a line feed", flat(header(recordIds=[ID + "\n"]), StageName="Q"), "bad_record_ids"),
    ("a negative sequence", flat(header(sequenceNumber=-1), StageName="Q"), "bad_header"),
    ("a sequence that is true", flat(header(sequenceNumber=True), StageName="Q"), "bad_header"),
    ("a commit number over 64 bits", flat(header(commitNumber=2**63), StageName="Q"), "bad_header"),
    ("changedFields is text", flat(header(changedFields="StageName"), StageName="Q"), "bad_header"),
    ("no commit time", flat(header(commitTimestamp=None), StageName="Q"), "absurd_time"),
    ("a commit time of words", flat(header(commitTimestamp="yesterday"), StageName="Q"), "absurd_time"),
    ("a commit time of 1999", flat(header(commitTimestamp=946_684_799_999), StageName="Q"), "absurd_time"),
    ("a commit time in seconds", flat(header(commitTimestamp=MS // 1000), StageName="Q"), "absurd_time"),
    ("a commit time in microseconds", flat(header(commitTimestamp=MS * 1000), StageName="Q"), "absurd_time"),
    ("a stage that is true", flat(header(), StageName=True), "wrong_type"),
    ("a stage that is a number", flat(header(), StageName=3), "wrong_type"),
    ("a close date in seconds", flat(header(), CloseDate=1_711_843_200), "absurd_date"),
    ("a close date of 1970", flat(header(), CloseDate=0), "absurd_date"),
    ("a close date of a sentinel", flat(header(), CloseDate="9999-12-31"), "absurd_date"),
    ("a close date of 1899", flat(header(), CloseDate="1899-12-30"), "absurd_date"),
    ("a close date as people write it", flat(header(), CloseDate="31/03/2024"), "bad_date"),
    ("an amount with a decimal comma", flat(header(), Amount="40000,50"), "wrong_type"),
    ("an amount with its currency", flat(header(), Amount="USD 40000"), "wrong_type"),
    ("a currency that is a number", flat(header(), CurrencyIsoCode=840), "wrong_type"),
    ("an amount that is true", flat(header(), Amount=True), "wrong_type"),
    ("an amount in words", flat(header(), Amount="forty"), "wrong_type"),
    ("an amount that is not a number", flat(header(), Amount="NaN"), "wrong_type"),
    ("an amount with parts", flat(header(), Amount={"value": 1}), "wrong_type"),
    ("an absurd amount", flat(header(), Amount=1e19), "absurd_number"),
    ("an absurd number of the customer's own", flat(header(), Seats__c=2**64), "absurd_number"),
    ("a close date of 0202", flat(header(), CloseDate="0202-01-01"), "absurd_date"),
    ("a close date of 9999", flat(header(), CloseDate="9999-12-31"), "absurd_date"),
    ("a close date before 1990 in ms", flat(header(), CloseDate=631_151_999_999), "absurd_date"),
    ("a close date that is none", flat(header(), CloseDate="2024-02-30"), "bad_date"),
    ("a close date in another order", flat(header(), CloseDate="31.12.2024"), "bad_date"),
    ("a close date without end", flat(header(), CloseDate="2024-01-01T" + "0" * 99), "bad_date"),
    ("a close date that is true", flat(header(), CloseDate=True), "wrong_type"),
    ("a creation without a zone", flat(header("CREATE"), CreatedDate="2024-01-01T10:00:00"), "bad_time"),
    ("a creation in the year 1", flat(header("CREATE"), CreatedDate="0001-01-01T00:00:00Z"), "absurd_date"),
    ("a megabyte in a field that is read", flat(header(), NextStep="x" * 2**20), "field_too_large"),
    ("a megabyte in a field that is not read", flat(header(), Description="x" * 2**20), "field_too_large"),
    ("33 KB in letters of three bytes", flat(header(), NextStep="…" * 11_000), "field_too_large"),
    ("nine megabytes", flat(header(), NextStep="x" * (9 * 2**20)), "record_too_large"),
    (
        "fields that are fine one by one, but too much for a message",
        flat(header(), **{f"Text_{n}__c": "x" * 30_000 for n in range(40)}),
        "event_too_large",
    ),
    (
        "a bitmap that ends beyond the schema",
        flat(header(changedFields=["0x100"]), StageName="Q"),
        "bitmap_beyond_schema",
    ),
    (
        "a nested bitmap of a field beyond the schema",
        flat(header(changedFields=["99-0x1"]), StageName="Q"),
        "bitmap_beyond_schema",
    ),
]


@pytest.mark.parametrize(("value", "reason"), [case[1:] for case in REJECTED], ids=[case[0] for case in REJECTED])
def test_what_cannot_be_is_rejected_by_name(value: bytes, reason: str) -> None:
    (outcome,) = read(value)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == reason
    assert len(outcome.detail) < 300


def test_a_bitmap_without_a_schema_is_rejected() -> None:
    source = msgspec.structs.replace(SOURCE, schemas={})
    (outcome,) = read(flat(header(changedFields=["0x4"]), StageName="Q"), source)
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "bitmap_without_schema"


def test_a_bad_value_rejects_every_row_of_its_event() -> None:
    outcomes = read(flat(header(recordIds=[ID, SECOND_ID]), Amount="forty"))
    assert [type(outcome) for outcome in outcomes] == [Rejected, Rejected]


ACCEPTED: list[tuple[str, bytes, dict[str, object]]] = [
    ("an amount as a decimal string", flat(header(), Amount="40000.50"), {"amount": 40000.5}),
    ("a negative amount", flat(header(), Amount=-5), {"amount": -5.0}),
    ("the first day that is believed", flat(header(), CloseDate=631_152_000_000), {"close_date": "1990-01-01"}),
    ("the last day that is believed", flat(header(), CloseDate="2100-12-31"), {"close_date": "2100-12-31"}),
    ("the last millisecond of a day", flat(header(), CloseDate=1_711_929_599_999), {"close_date": "2024-03-31"}),
    ("a close date with a time", flat(header(), CloseDate="2024-03-31T00:00:00.000Z"), {"close_date": "2024-03-31"}),
    ("32 KB exactly", flat(header(), NextStep="x" * 32_768), {"next_step": "x" * 32_768}),
    ("a leap day", flat(header(), CloseDate="2024-02-29"), {"close_date": "2024-02-29"}),
]


@pytest.mark.parametrize(("value", "fields"), [case[1:] for case in ACCEPTED], ids=[case[0] for case in ACCEPTED])
def test_what_is_at_the_edge_is_accepted(value: bytes, fields: dict[str, object]) -> None:
    assert changed(value).fields == fields


@pytest.mark.parametrize(("lead_us", "accepted"), [(-(10**15), True), (0, True), (HOUR_US, True), (HOUR_US + 1, False)])
def test_a_commit_may_be_at_most_an_hour_ahead_of_the_broker(lead_us: int, accepted: bool) -> None:  # noqa: FBT001 - parametrised
    (outcome,) = read(flat(header(), StageName="Q"), timestamp_us=MS * 1000 - lead_us)
    assert isinstance(outcome, Accepted) is accepted
    if isinstance(outcome, Rejected):
        assert outcome.reason == "time_in_future"
