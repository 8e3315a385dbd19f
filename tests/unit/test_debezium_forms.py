"""However a record of Debezium is wrapped, and whatever it is about: the same change is the same event."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topics.events import AnyEvent, DealChanged, DealRemoved, LoadStarted, SourceGap
from topics.instants import HOUR_US, MINUTE_US, parse_rfc3339
from topics.outcomes import READ_AT_HEADER, Accepted, Outcome, RawRecord, Rejected, Silent
from topics.sources.debezium import parser
from topics.sources.debezium.mapping import as_source

MAPPING: dict[str, Any] = {
    "kind": "debezium",
    "tenant": "acme",
    "tables": {
        "public.deals": {
            "kind": "deals",
            "key": "id",
            "columns": {"stage": "stage", "amount": {"to": "amount", "type": "number"}},
        }
    },
}
SEVERAL: dict[str, Any] = MAPPING | {
    "tables": {
        **MAPPING["tables"],
        "archive.deals": {"kind": "deals", "key": "id", "columns": {"stage": "stage"}},
        "public.calls": {
            "kind": "activities",
            "key": "id",
            "columns": {"deal_id": {"to": "deal", "of": "public.deals"}},
        },
    }
}
AT_US = 1_704_794_400_250_125
SOURCE = {
    "connector": "postgresql",
    "name": "crm",
    "ts_ms": AT_US // 1000,
    "ts_us": AT_US,
    "snapshot": "false",
    "db": "sales",
    "schema": "public",
    "table": "deals",
    "lsn": 24_023_128,
}
ROW = {"id": 7, "stage": "proposal", "amount": 100.5}
KEY = {"id": 7}


def envelope(op: str, row: object = None, **changes: object) -> dict[str, Any]:
    """A change of a row; `changes` are of its source."""
    part = {"before": row, "after": None} if op == "d" else {"before": None, "after": row}
    return {**part, "source": SOURCE | changes, "op": op, "ts_ms": AT_US // 1000 + 450}


def read(
    payload: object,
    key: object = KEY,
    headers: dict[str, str] | None = None,
    mapping: dict[str, Any] = MAPPING,
    timestamp_us: int = 0,
) -> list[Outcome]:
    """What becomes of a record; without a payload its value is null."""
    encode = msgspec.json.encode
    record = RawRecord(
        None if key is None else encode(key),
        None if payload is None else encode(payload),
        tuple((name, text.encode()) for name, text in (headers or {}).items()),
        timestamp_us,
    )
    return parser(as_source("crm", mapping))(record)


def event(payload: object, key: object = KEY, headers: dict[str, str] | None = None, **more: Any) -> AnyEvent:  # noqa: ANN401 - of `read`
    """The one event of a record."""
    (outcome,) = read(payload, key, headers, **more)
    assert isinstance(outcome, Accepted), outcome
    (one,) = outcome.events
    return one


def schema_of(*parts: str) -> dict[str, Any]:
    """The connect schema of the row, in these parts of an envelope; of the row itself without any."""
    fields = [
        {"field": "id", "type": "int64"},
        {"field": "stage", "type": "string"},
        {"field": "amount", "type": "double"},
    ]
    inner: list[dict[str, Any]] = [{"field": part, "type": "struct", "fields": fields} for part in parts]
    return {"type": "struct", "fields": inner or fields}


# --- one change in all forms -------------------------------------------------------------------------------------

META = {
    "op": "u",
    "source_ts_us": AT_US,
    "source_ts_ms": AT_US // 1000,
    "db": "sales",
    "schema": "public",
    "table": "deals",
    "lsn": 24_023_128,
}
CE_ATTRIBUTES = {
    "specversion": "1.0",
    "id": "name:crm;lsn:24023128",
    "source": "/debezium/postgresql/crm",
    "type": "io.debezium.connector.postgresql.DataChangeEvent",
    "time": "2024-01-09T10:00:00.250Z",
    "iodebeziumop": "u",
    "iodebeziumtsms": str(AT_US // 1000),
    "iodebeziumtsus": str(AT_US),
    "iodebeziumdb": "sales",
    "iodebeziumschema": "public",
    "iodebeziumtable": "deals",
    "iodebeziumlsn": "24023128",
    "iodebeziumsnapshot": "false",
}
UPDATE = envelope("u", ROW)
FORMS: list[tuple[str, Any, dict[str, str]]] = [
    ("with its schema", {"schema": schema_of("before", "after"), "payload": UPDATE}, {}),
    ("with a null for a schema", {"schema": None, "payload": UPDATE}, {}),
    ("with the payload alone", {"payload": UPDATE}, {}),
    ("with all of the row before", UPDATE | {"before": ROW | {"stage": "new"}}, {}),
    ("with only the key before", UPDATE | {"before": KEY}, {}),
    ("unwrapped, metadata in fields", ROW | {f"__{name}": value for name, value in META.items()}, {}),
    ("unwrapped, metadata as text", ROW | {f"__{name}": str(value) for name, value in META.items()}, {}),
    ("unwrapped, not deleted", ROW | {f"__{name}": value for name, value in META.items()} | {"__deleted": "false"}, {}),
    ("unwrapped, metadata in headers", ROW, {f"__{name}": str(value) for name, value in META.items()}),
    ("unwrapped, headers in JSON", ROW, {f"__{name}": json.dumps(value) for name, value in META.items()}),
    (
        "unwrapped, headers in JSON with a schema",
        ROW,
        {f"__{name}": json.dumps({"schema": {"type": "string"}, "payload": value}) for name, value in META.items()},
    ),
    (
        "unwrapped, with its schema",
        {"schema": schema_of(), "payload": ROW | {f"__{name}": value for name, value in META.items()}},
        {},
    ),
    ("in a CloudEvent", CE_ATTRIBUTES | {"data": {"before": None, "after": ROW}}, {}),
    (
        "in a CloudEvent that says so",
        CE_ATTRIBUTES | {"data": {"before": None, "after": ROW}},
        {"content-type": "application/cloudevents+json"},
    ),
    (
        "in a CloudEvent, its data with a schema",
        CE_ATTRIBUTES | {"data": {"schema": schema_of("before", "after"), "payload": {"before": None, "after": ROW}}},
        {},
    ),
    (
        "in a CloudEvent in binary mode",
        {"before": None, "after": ROW},
        {f"ce_{name}": value for name, value in CE_ATTRIBUTES.items()} | {"content-type": "application/json"},
    ),
]


@pytest.mark.parametrize(("payload", "headers"), [form[1:] for form in FORMS], ids=[form[0] for form in FORMS])
def test_the_same_change_in_any_form_is_the_same_event(payload: object, headers: dict[str, str]) -> None:
    expected = DealChanged(
        id=event(UPDATE).id,
        key="crm/acme:7",
        source="crm/acme",
        at_us=AT_US,
        seq=(24_023_128, 0),
        fields={"stage": "proposal", "amount": 100.5},
        full=True,
    )
    assert event(payload, headers=headers) == expected


def test_a_batch_of_cloudevents_is_a_row_per_change() -> None:
    one = CE_ATTRIBUTES | {"data": {"before": None, "after": ROW}}
    first, second, bad = read(
        [one, {**one, "iodebeziumop": "x"}, 7], headers={"content-type": "application/cloudevents-batch+json"}
    )
    assert isinstance(first, Accepted)
    assert [outcome.reason for outcome in (second, bad) if isinstance(outcome, Rejected)] == [
        "unknown_op",
        "not_an_object",
    ]


rows = st.fixed_dictionaries(
    {"id": st.integers(1, 2**63 - 1)},
    optional={
        "stage": st.none() | st.sampled_from(["new", "won", "__debezium_unavailable_value"]),
        "amount": st.none() | st.integers(0, 10**9),
        "note": st.text(max_size=5),
    },
)


@settings(deadline=None, max_examples=80)
@given(row=rows, op=st.sampled_from("cudr"), at_ms=st.integers(10**12, 2 * 10**12), lsn=st.integers(0, 2**62))
def test_wrapped_unwrapped_and_with_a_schema_agree_on_any_row(
    row: dict[str, Any], op: str, at_ms: int, lsn: int
) -> None:
    one = envelope(op, row, ts_ms=at_ms, ts_us=at_ms * 1000, lsn=lsn)
    flat = row | {"__op": op, "__table": "deals", "__schema": "public", "__source_ts_ms": at_ms, "__lsn": lsn}
    key = {"id": row["id"]}
    wrapped = read(one, key)
    assert read({"schema": schema_of("before", "after"), "payload": one}, key) == wrapped
    assert read(flat, key) == wrapped
    assert read({"schema": schema_of(), "payload": flat}, key) == wrapped


# --- operations --------------------------------------------------------------------------------------------------


def test_a_create_is_a_full_record_of_a_deal_that_came_into_being() -> None:
    created = event(envelope("c", ROW))
    assert isinstance(created, DealChanged)
    assert (created.full, created.created, created.origin) == (True, True, "live")


UNSENT = "__debezium_unavailable_value"


def test_a_value_that_was_not_sent_is_as_it_was() -> None:
    """It stands before the change where all of the row does, else nothing is said of it."""
    (known,) = read(UPDATE | {"before": ROW, "after": ROW | {"stage": UNSENT}})
    assert isinstance(known, Accepted)
    assert known == Accepted((msgspec.structs.replace(event(UPDATE), id=known.events[0].id),))
    (unknown,) = read(UPDATE | {"before": KEY, "after": ROW | {"stage": UNSENT}})
    assert isinstance(unknown, Accepted)
    (said,) = unknown.events
    assert isinstance(said, DealChanged)
    assert (said.fields, said.full, unknown.dirt) == ({"amount": 100.5}, False, ("not_sent.stage",))


def test_a_column_that_the_table_does_not_have_is_told_each_time() -> None:
    (outcome,) = read(envelope("u", {"id": 7, "amount": 5}))
    assert isinstance(outcome, Accepted)
    (said,) = outcome.events
    assert isinstance(said, DealChanged)
    assert (said.fields, said.full, outcome.dirt) == ({"amount": 5.0}, True, ("not_sent.stage",))


@pytest.mark.parametrize("source", [{"snapshot": "true"}, {"snapshot": True}, {"snapshot": "incremental"}, {}])
@pytest.mark.parametrize("op", ["r", "c"])
def test_a_snapshot_says_where_a_deal_is_not_since_when(op: str, source: dict[str, object]) -> None:
    if op == "c" and not source:
        return  # a create of the log, see above
    said = event(envelope(op, ROW, **source))
    assert isinstance(said, DealChanged)
    assert (said.full, said.created, said.origin) == (True, False, "backfill")


@pytest.mark.parametrize(
    ("mark", "lease_us"),
    [
        ("first", HOUR_US),
        ("first_in_data_collection", HOUR_US),
        ("last_in_data_collection", HOUR_US),
        ("last", 2 * MINUTE_US),
    ],
)
@pytest.mark.parametrize("table", ["deals", "invoices"])
def test_a_snapshot_holds_its_deals_back_until_its_last_row_is_folded(mark: str, lease_us: int, table: str) -> None:
    (outcome,) = read(envelope("r", ROW, snapshot=mark, table=table))
    assert isinstance(outcome, Accepted)
    started = outcome.events[0]
    assert isinstance(started, LoadStarted)
    assert (started.key, started.source, started.lease_us) == ("", "crm/acme", AT_US + lease_us)
    assert (len(outcome.events), outcome.silent) == ((2, "") if table == "deals" else (1, "table_not_read"))


@pytest.mark.parametrize("before", [KEY, ROW, {"id": 7, "stage": None, "amount": None}, None])
def test_a_delete_removes_whatever_stood_before(before: object) -> None:
    assert event(envelope("d", before)) == DealRemoved(
        id=event(envelope("d", KEY)).id, key="crm/acme:7", source="crm/acme", at_us=AT_US, seq=(24_023_128, 0)
    )


def test_a_tombstone_repeats_what_a_delete_said() -> None:
    assert read(None) == [Silent("tombstone")]
    assert read({"schema": None, "payload": None}) == [Silent("tombstone")]


@pytest.mark.parametrize("payload", [None, {"schema": None, "payload": None}])
def test_a_tombstone_is_the_delete_where_nothing_else_says_it(payload: object) -> None:
    mapping = MAPPING | {"tombstones": "delete"}
    removed = event(payload, mapping=mapping, headers={"__source_ts_ms": "1704794400250", "__table": "deals"})
    assert isinstance(removed, DealRemoved)
    assert (removed.key, removed.at_us) == ("crm/acme:7", 1_704_794_400_250_000)
    (outcome,) = read(payload, mapping=mapping, timestamp_us=AT_US)
    assert isinstance(outcome, Accepted)
    assert outcome.dirt == ("clock.broker",)
    (nameless,) = read(payload, None, mapping=mapping, timestamp_us=AT_US)
    assert isinstance(nameless, Rejected)
    assert nameless.reason == "no_key"


@pytest.mark.parametrize("wrap", [lambda key: key, lambda key: {"schema": {"type": "struct"}, "payload": key}])
def test_a_key_change_takes_the_deal_along(wrap: Any) -> None:  # noqa: ANN401 - a lambda
    gone = event(envelope("d", KEY), headers={"__debezium.newkey": json.dumps(wrap({"id": 8}))})
    assert isinstance(gone, DealRemoved)
    assert gone.merged_into == "crm/acme:8"
    there = event(envelope("c", ROW | {"id": 8}), {"id": 8}, {"__debezium.oldkey": json.dumps(wrap(KEY))})
    assert isinstance(there, DealChanged)
    assert (there.key, there.full, there.created) == ("crm/acme:8", True, False)


def test_a_truncated_table_of_deals_makes_all_of_them_suspect() -> None:
    gap = event(envelope("t", None), None)
    assert isinstance(gap, SourceGap)
    assert (gap.key, gap.source, gap.at_us) == ("", "crm/acme", AT_US)
    assert read(envelope("t", None, table="calls"), None, mapping=SEVERAL) == [Silent("truncated")]
    assert read(envelope("t", None, table="invoices"), None, mapping=SEVERAL) == [Silent("table_not_read")]


SILENT: list[tuple[str, Any, str]] = [
    ("a message", {"op": "m", "ts_ms": 1, "source": SOURCE, "message": {"prefix": "x", "content": ""}}, "message"),
    ("a heartbeat", {"ts_ms": 1_704_794_400_250}, "not_a_row"),
    ("a heartbeat with its schema", {"schema": {}, "payload": {"ts_ms": 1_704_794_400_250}}, "not_a_row"),
    (
        "the beginning of a transaction",
        {"status": "BEGIN", "id": "571", "event_count": None, "data_collections": None, "ts_ms": 1},
        "not_a_row",
    ),
    (
        "a change of a schema",
        {"source": SOURCE, "ts_ms": 1, "databaseName": "sales", "ddl": "ALTER TABLE deals", "tableChanges": []},
        "not_a_row",
    ),
    ("another table", envelope("u", ROW, table="invoices"), "table_not_read"),
    ("the table of another schema", envelope("u", ROW, schema="staging"), "table_not_read"),
]


@pytest.mark.parametrize(("payload", "reason"), [case[1:] for case in SILENT], ids=[case[0] for case in SILENT])
def test_what_is_no_change_of_a_mapped_row_is_silent_by_name(payload: object, reason: str) -> None:
    assert read(payload) == [Silent(reason)]


REJECTED: list[tuple[str, Any, Any, str]] = [
    ("an unknown operation", envelope("x", ROW), KEY, "unknown_op"),
    ("an operation that is a list", ROW | {"__op": ["u"]}, KEY, "unknown_op"),
    ("a create without its row", envelope("c", None), KEY, "wrong_type"),
    ("a document of MongoDB, which is text", envelope("u", '{"_id": 7}'), KEY, "wrong_type"),
    ("a number", 7, KEY, "not_an_object"),
    ("a payload that is text", {"schema": None, "payload": "row"}, KEY, "not_a_change"),
    ("nothing that is mapped", {"a": 1, "__source_ts_ms": AT_US // 1000}, KEY, "not_a_change"),
    ("a row without a key", envelope("u", {"stage": "new"}), None, "no_key"),
    ("a key that is null", envelope("u", ROW | {"id": None}), None, "no_key"),
    ("a key that is a fraction", envelope("u", ROW | {"id": 7.5}), None, "wrong_type"),
    ("a key that is true", envelope("u", ROW | {"id": True}), None, "wrong_type"),
    ("a key without end", envelope("u", ROW | {"id": "7" * 300}), None, "wrong_type"),
    ("no time at all", ROW, KEY, "no_time"),
    ("a time before there were events", envelope("u", ROW, ts_us=1_000_000), KEY, "absurd_time"),
    ("a time that is none", CE_ATTRIBUTES | {"time": "noon", "data": {"after": ROW}}, KEY, "bad_time"),
    ("a CloudEvent of something else", CE_ATTRIBUTES | {"data": "AAAA"}, KEY, "not_a_change"),
    ("a part of a row that is a list", envelope("u", ROW | {"stage": ["a"]}), KEY, "wrong_type"),
]


@pytest.mark.parametrize(
    ("payload", "key", "reason"), [case[1:] for case in REJECTED], ids=[case[0] for case in REJECTED]
)
def test_what_cannot_be_is_rejected_by_name(payload: object, key: object, reason: str) -> None:
    (outcome,) = read(payload, key)
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason == reason
    assert len(outcome.detail) < 300


ODD: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("a schema that is none", {"schema": [{"fields": 7}], "payload": UPDATE}, {}),
    (
        "a schema of odd parts",
        {"schema": {"fields": [7, {"field": []}, {"field": "after", "fields": {}}]}, "payload": UPDATE},
        {},
    ),
    (
        "a type that is a list",
        {"schema": {"fields": [{"field": "after", "fields": [{"field": "stage", "name": ["x"]}]}]}, "payload": UPDATE},
        {},
    ),
    ("a snapshot that is an object", envelope("u", ROW, snapshot={"a": 1}), {}),
    ("a table's schema that is a list", envelope("u", ROW, db=["sales"]), {}),
    ("a number of 400 digits in no mapped column", envelope("u", ROW | {"n": 10**400}), {}),
    ("nesting in no mapped column", envelope("u", ROW | {"n": [[[[{}]]]]}), {}),
    ("a new key that is no key", UPDATE, {"__debezium.newkey": "\x00"}),
]


@pytest.mark.parametrize(("payload", "headers"), [case[1:] for case in ODD], ids=[case[0] for case in ODD])
def test_what_nobody_asks_for_may_be_odd(payload: dict[str, Any], headers: dict[str, str]) -> None:
    said = event(json.loads(json.dumps(payload)), headers=headers)
    assert isinstance(said, DealChanged)
    assert said.fields == {"stage": "proposal", "amount": 100.5}


def test_a_value_of_no_json_is_rejected() -> None:
    (outcome,) = parser(as_source("crm", MAPPING))(RawRecord(b"\xff", b"\xff\xfe"))
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "not_json"


# --- which row, which table --------------------------------------------------------------------------------------

KEYS: list[tuple[str, bytes]] = [
    ("an object", b'{"id": 9007199254740993}'),
    ("an object with its schema", b'{"schema": {"type": "struct"}, "payload": {"id": 9007199254740993}}'),
    ("the id alone", b"9007199254740993"),
    ("text that is no JSON", b"9007199254740993 "),
]


@pytest.mark.parametrize("key", [key for _, key in KEYS], ids=[name for name, _ in KEYS])
def test_the_records_key_says_which_row_it_is_where_the_row_does_not(key: bytes) -> None:
    record = RawRecord(key, msgspec.json.encode(envelope("d", None)))
    (outcome,) = parser(as_source("crm", MAPPING))(record)
    assert isinstance(outcome, Accepted)
    assert outcome.events[0].key == "crm/acme:9007199254740993"


NAMES: list[tuple[str, dict[str, str], str]] = [
    ("in full", {"db": "sales", "schema": "public", "table": "deals"}, "stage"),
    ("a schema and a table", {"schema": "public", "table": "deals"}, "stage"),
    ("a table of MySQL, whose schemas are databases", {"db": "public", "table": "deals"}, "stage"),
    ("a table that stands once", {"table": "calls"}, "calls"),
    ("a table that stands twice", {"table": "deals"}, "no_table"),
    ("nothing", {}, "no_table"),
    ("another database's", {"db": "sales", "schema": "test", "table": "deals"}, "table_not_read"),
]


@pytest.mark.parametrize(("names", "said"), [case[1:] for case in NAMES], ids=[case[0] for case in NAMES])
def test_which_table_a_record_means(names: dict[str, str], said: str) -> None:
    source = {name: value for name, value in SOURCE.items() if name not in {"db", "schema", "table"}} | names
    (outcome,) = read({"op": "u", "after": ROW | {"deal_id": 7}, "source": source}, mapping=SEVERAL)
    match outcome:
        case Accepted(events=(DealChanged(key=key),)):
            assert (said, key) == ("stage", "crm/acme:public.deals-7")
        case Accepted(events=(one,)):
            assert (said, one.key) == ("calls", "crm/acme:7")
        case Silent(reason=reason) | Rejected(reason=reason):
            assert reason == said


def test_the_longest_name_counts() -> None:
    deals = MAPPING["tables"]["public.deals"]
    mapping = MAPPING | {"ids": "global", "tables": {"deals": deals | {"columns": {}}, "sales.public.deals": deals}}
    said = event(UPDATE, mapping=mapping)
    assert isinstance(said, DealChanged)
    assert said.fields
    other = event(envelope("u", ROW, schema="other"), mapping=mapping)
    assert isinstance(other, DealChanged)
    assert not other.fields


# --- when --------------------------------------------------------------------------------------------------------

CHANGED: dict[str, Any] = MAPPING | {
    "tables": {"public.deals": MAPPING["tables"]["public.deals"] | {"changed": {"column": "updated_at"}}}
}
SEEN_MS = AT_US // 1000


def update(source: dict[str, Any], clock_ms: int = SEEN_MS) -> dict[str, Any]:
    """An update from this source, as the connector saw it."""
    return {"op": "u", "after": ROW, "source": source, "ts_ms": clock_ms}


NO_TIME = {name: value for name, value in SOURCE.items() if not name.startswith("ts_")}
NOON = "2024-01-09T12:00:00Z"
NOON_US = parse_rfc3339(NOON)
TIMES: list[tuple[str, Any, dict[str, str], int, tuple[str, ...]]] = [
    ("the source's microseconds", UPDATE, {}, AT_US, ()),
    ("the source's nanoseconds", update(NO_TIME | {"ts_ns": AT_US * 1000 + 999}), {}, AT_US, ()),
    ("the source's milliseconds", update(NO_TIME | {"ts_ms": SEEN_MS}), {}, SEEN_MS * 1000, ()),
    ("when it was read", ROW | {"updated_at": "2024-01-01T00:00:00Z"}, {READ_AT_HEADER: NOON}, NOON_US, ()),
    ("the row's own column", ROW | {"updated_at": NOON, "__ts_ms": SEEN_MS}, {}, NOON_US, ()),
    ("the connector's clock", update(SOURCE | {"ts_ms": 0, "ts_us": None}), {}, SEEN_MS * 1000, ("clock.connector",)),
    ("the broker's clock", ROW, {}, NOON_US + HOUR_US, ("clock.broker",)),
]


@pytest.mark.parametrize(
    ("payload", "headers", "at_us", "dirt"), [case[1:] for case in TIMES], ids=[case[0] for case in TIMES]
)
def test_when_it_happened(payload: object, headers: dict[str, str], at_us: int, dirt: tuple[str, ...]) -> None:
    (outcome,) = read(payload, headers=headers, mapping=CHANGED, timestamp_us=NOON_US + HOUR_US)
    assert isinstance(outcome, Accepted), outcome
    assert outcome.events[0].at_us == at_us
    assert tuple(what for what in outcome.dirt if what.startswith("clock")) == dirt


def test_a_change_that_is_sent_again_is_a_repeat_though_the_connectors_clock_went_on() -> None:
    again = UPDATE | {"ts_ms": UPDATE["ts_ms"] + 60_000}
    assert event(again) == event(UPDATE)
    assert event(update(NO_TIME, SEEN_MS + 60_000)).id == event(update(NO_TIME)).id
    nowhere = {"table": "deals"}
    assert event(update(nowhere, SEEN_MS + 60_000)).id != event(update(nowhere)).id


DIFFERENT: list[dict[str, Any]] = [
    envelope("u", ROW | {"stage": "won"}),
    envelope("u", ROW | {"note": "of no mapped column"}),
    envelope("u", ROW, lsn=24_023_129),
    envelope("u", ROW, ts_us=AT_US + 1),
    envelope("u", ROW | {"id": 8}),
    envelope("c", ROW),
    envelope("d", ROW),
]


def test_other_changes_have_other_ids() -> None:
    ids = {event(one).id for one in (UPDATE, *DIFFERENT)}
    assert len(ids) == len(DIFFERENT) + 1
    elsewhere = parser(as_source("crm", MAPPING | {"tenant": "other"}))(RawRecord(None, msgspec.json.encode(UPDATE)))
    assert isinstance(elsewhere[0], Accepted)
    assert elsewhere[0].events[0].id not in ids
