"""Changes of one instant count in the order of the database's log, and whatever arrives in any order ends the same."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playbook.load import load as load_playbook
from signals.replay import Replayed, replay, replay_as_arrived
from signals.rules import Rules
from topics.codec import encode
from topics.instants import DAY_US, MINUTE_US
from topics.outcomes import Parser, RawRecord
from topics.signals import Kind
from topics.sources.debezium import parser
from topics.sources.debezium.mapping import as_source
from topics.sources.debezium.positions import NOWHERE, position_of, whole

# --- the place in the log ----------------------------------------------------------------------------------------

PLACES: list[tuple[str, list[dict[str, object]]]] = [
    ("PostgreSQL", [{"lsn": 1}, {"lsn": 24_023_128}, {"lsn": "24023129"}, {"lsn": 2**63 - 1}]),
    (
        "MySQL",
        [
            {"file": "mysql-bin.000003", "pos": 154, "row": 0},
            {"file": "mysql-bin.000003", "pos": 154, "row": 1},
            {"file": "mysql-bin.000003", "pos": 155, "row": 0},
            {"file": "mysql-bin.000010", "pos": "4", "row": "0"},
            {"file": "mysql-bin.999999", "pos": 2**32, "row": None},
            {"file": "other-bin.1000000", "pos": 4},
        ],
    ),
    (
        "SQL Server",
        [
            {"change_lsn": None, "commit_lsn": "00000025:00000448:0003", "event_serial_no": None},
            {"change_lsn": "00000025:00000d98:00a2", "commit_lsn": "00000025:00000d98:00ac", "event_serial_no": 1},
            {"change_lsn": "00000025:00000d98:00a2", "commit_lsn": "00000025:00000d98:00ac", "event_serial_no": 2},
            {"change_lsn": "00000025:00000d98:00a3", "commit_lsn": "00000025:00000d98:00ac", "event_serial_no": 1},
            {"change_lsn": "00000026:00000001:0001"},
            {"change_lsn": "ffffffff:ffffffff:ffff", "event_serial_no": 65_535},
        ],
    ),
    ("Oracle", [{"scn": "1"}, {"scn": "2868546", "ssn": 0}, {"scn": "2868546", "ssn": 1}, {"scn": "2868547"}]),
    ("MongoDB", [{"ord": 1}, {"ord": 2}]),
]


@pytest.mark.parametrize("places", [case[1] for case in PLACES], ids=[case[0] for case in PLACES])
def test_places_in_a_log_rise_with_it(places: list[dict[str, object]]) -> None:
    positions = [position_of(place) for place in places]
    assert all(before < after for before, after in pairwise(positions))
    assert all(position > NOWHERE and max(position) < 2**63 for position in positions)


UNKNOWN: list[dict[str, object]] = [
    {},
    {"lsn": None},
    {"lsn": -1},
    {"lsn": 2**63},
    {"lsn": True},
    {"lsn": "1e5"},
    {"file": "mysql-bin", "pos": 4},
    {"file": "mysql-bin.000003", "pos": None},
    {"file": "mysql-bin.000003", "pos": 2**60},
    {"file": 3, "pos": 4},
    {"change_lsn": "soon"},
    {"change_lsn": "ffffffffffffffff:ffffffffffffffff"},
    {"scn": "٣"},
    {"scn": "9" * 30},
]


@pytest.mark.parametrize("source", UNKNOWN)
def test_a_place_that_is_none_is_nowhere(source: dict[str, object]) -> None:
    assert position_of(source) == NOWHERE


@given(
    st.dictionaries(
        st.sampled_from(["lsn", "file", "pos", "row", "scn", "ssn", "change_lsn", "ord"]),
        st.integers() | st.text() | st.none() | st.booleans(),
    )
)
def test_any_source_has_a_place_that_the_wire_can_carry(source: dict[str, object]) -> None:
    assert all(0 <= part < 2**63 for part in position_of(source))


def test_a_whole_number_may_be_text() -> None:
    assert [whole(said) for said in (7, "7", "-7", 2**70)] == [7, 7, -7, 2**70]
    none: list[object] = [None, True, 7.0, "7.0", "", "x", "1" * 40, []]
    assert {whole(said) for said in none} == {None}


# --- any arrival ends the same -----------------------------------------------------------------------------------

MAPPING: dict[str, Any] = {
    "kind": "debezium",
    "tenant": "acme",
    "provides": ["activities", "meetings", "contacts", "close_date", "next_step", "owners", "accounts"],
    "tables": {
        "deals": {
            "kind": "deals",
            "key": "id",
            "columns": {
                "stage": "stage",
                "amount": {"to": "amount", "type": "number"},
                "close": {"to": "close_date", "type": "day"},
                "owner": "owner_id",
                "account": "account_id",
                "created": {"to": "created_at", "type": "instant"},
            },
        },
        "calls": {
            "kind": "activities",
            "key": "id",
            "columns": {"deal": "deal", "person": "person"},
            "constants": {"channel": "call", "direction": "outbound"},
        },
        "people": {"kind": "people", "key": "id", "columns": {"name": "name", "account": "account"}},
        "users": {
            "kind": "users",
            "key": "id",
            "columns": {"name": "name", "active": {"to": "active", "type": "bool"}},
        },
        "accounts": {"kind": "accounts", "key": "id", "columns": {"industry": "industry"}},
        "roles": {"kind": "relations", "key": ["deal", "person"], "columns": {"deal": "deal", "person": "person"}},
    },
}
START_US = 1_704_794_400_000_000
#: Well inside the horizon of lateness, so that nothing is too late.
SPAN_MINUTES = 60
END_US = START_US + 20 * DAY_US
ARRIVED_US = START_US + 2 * SPAN_MINUTES * MINUTE_US


@cache
def rules() -> Rules:
    """The playbook that ships, and the source."""
    playbook = load_playbook((files("playbook") / "default.yaml").read_text(), "default.yaml")
    return Rules(playbook.playbook, playbook.hash, (as_source("crm", MAPPING),))


@cache
def parse() -> Parser:
    """The parser of the source."""
    return parser(as_source("crm", MAPPING))


UNSENT = "__debezium_unavailable_value"
ids = st.integers(1, 2)
ROWS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "deals": st.fixed_dictionaries(
        {
            "id": ids,
            "stage": st.sampled_from(["Qualification", "Proposal/Price Quote", "Closed Won", UNSENT]),
            "amount": st.none() | st.integers(1, 9).map(lambda n: n * 1000),
            "close": st.none() | st.sampled_from(["2024-01-20", "2024-03-31"]),
            "owner": ids,
            "account": ids,
        }
    ),
    "calls": st.fixed_dictionaries({"id": ids, "deal": st.none() | ids, "person": st.none() | ids}),
    "people": st.fixed_dictionaries({"id": ids, "name": st.just("A"), "account": ids}),
    "users": st.fixed_dictionaries({"id": ids, "name": st.just("B"), "active": st.booleans()}),
    "accounts": st.fixed_dictionaries({"id": ids, "industry": st.sampled_from(["Shipping", None])}),
    "roles": st.fixed_dictionaries({"deal": ids, "person": ids}),
}


@st.composite
def logs(draw: st.DrawFn) -> list[bytes]:
    """The changes of a database, in the order of its log. Some share their instant."""
    values, at_us = [], START_US
    for lsn in range(1, draw(st.integers(1, 14)) + 1):
        table = draw(st.sampled_from(sorted(ROWS)))
        at_us += draw(st.sampled_from([0, 0, 1, MINUTE_US, 4 * MINUTE_US]))
        op, row = draw(st.sampled_from("cuuuud")), draw(ROWS[table])
        source = {"table": table, "ts_us": at_us, "lsn": lsn}
        change = (
            {"op": op, "before": row, "after": None, "source": source}
            if op == "d"
            else {"op": op, "before": None, "after": row, "source": source}
        )
        values.append(msgspec.json.encode(change))
    return values


def arrived(values: list[bytes]) -> Replayed:
    """What comes of these records in this order, with ticks between them."""
    return replay_as_arrived(
        [(parse(), RawRecord(None, value, (), ARRIVED_US + n)) for n, value in enumerate(values)], rules(), END_US
    )


def ended(replayed: Replayed) -> list[bytes]:
    """The deals and their open signals at the end, not when something was last heard of a deal."""
    return [encode(msgspec.structs.replace(view, as_of="")) for view in replayed.views(rules())]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_order_and_repeats_end_in_the_same_deals(data: st.DataObject) -> None:
    log = data.draw(logs())
    shuffled = data.draw(st.permutations(log + data.draw(st.lists(st.sampled_from(log), max_size=4))))
    at_rest = replay([(parse(), RawRecord(None, value)) for value in shuffled], rules(), END_US)
    in_order = replay([(parse(), RawRecord(None, value)) for value in log], rules(), END_US)
    assert ended(at_rest) == ended(in_order)
    assert ended(arrived(shuffled)) == ended(arrived(log))
    views = {view.deal_id: view for view in at_rest.views(rules())}
    for deal, row in table_of_deals(log).items():
        view = views[str(deal)]
        if row is None:
            assert view.outcome == "removed"
        else:
            said = (view.stage, view.amount, view.close_date, view.owner_id)
            assert said == (row["stage"] or "", row["amount"], row["close"] or "", str(row["owner"]))


def table_of_deals(log: list[bytes]) -> dict[int, dict[str, Any] | None]:
    """What the database says at the end: the rows by id, None for one that was deleted."""
    table: dict[int, dict[str, Any] | None] = {}
    stages: dict[int, str | None] = {}
    for value in log:
        change = msgspec.json.decode(value)
        if change["source"]["table"] != "deals":
            continue
        row = change["after"]
        if row is not None and row["stage"] == UNSENT:
            row["stage"] = stages.get(row["id"])
        table[(row or change["before"])["id"]] = row
        if row is not None:
            stages[row["id"]] = row["stage"]
    return table


def test_of_one_instant_the_later_place_in_the_log_counts() -> None:
    def change(stage: str, lsn: int) -> bytes:
        row = {"id": 1, "stage": stage, "amount": 5, "close": None, "owner": 1, "account": 1}
        return msgspec.json.encode(
            {"op": "u", "after": row, "source": {"table": "deals", "ts_us": START_US, "lsn": lsn}}
        )

    first, second = change("Qualification", 9), change("Proposal/Price Quote", 10)
    for values in ([first, second], [second, first]):
        (view,) = arrived(values).views(rules())
        assert view.stage == "Proposal/Price Quote"


def entered(op: str, mark: str) -> bytes:
    """A row of a deal in a stage where nobody stays for more than 21 days."""
    row = {"id": 1, "stage": "Proposal/Price Quote", "amount": 5, "close": "2024-12-31", "owner": 1, "account": 1}
    source = {"table": "deals", "ts_us": START_US, "lsn": 5, "snapshot": mark}
    return msgspec.json.encode({"op": op, "before": None, "after": row, "source": source})


@pytest.mark.parametrize(
    ("op", "mark", "since"),
    [("c", "false", "2024-01-09T10:00:00Z"), ("c", "true", ""), ("r", "true", ""), ("u", "false", "")],
)
def test_only_a_create_says_since_when_a_new_deal_is_in_its_stage(op: str, mark: str, since: str) -> None:
    record = RawRecord(None, entered(op, mark), (), ARRIVED_US)
    for replayed in (
        replay([(parse(), record)], rules(), END_US),
        replay_as_arrived([(parse(), record)], rules(), END_US),
    ):
        (view,) = replayed.views(rules())
        assert (view.stage, view.stage_since) == ("Proposal/Price Quote", since)


def test_what_a_snapshot_reads_is_quiet_until_its_last_row_is_folded() -> None:
    """Activities stand in a table that is read after the deals': until then every deal looks neglected."""

    def read(table: str, row: dict[str, Any], mark: str, minute: int) -> RawRecord:
        source = {"table": table, "ts_us": START_US + minute * MINUTE_US, "lsn": 5, "snapshot": mark}
        value = msgspec.json.encode({"op": "r", "before": None, "after": row, "source": source})
        return RawRecord(None, value, (), START_US + minute * MINUTE_US)

    deal = {
        "id": 1,
        "stage": "Proposal/Price Quote",
        "amount": 5,
        "close": "2024-12-31",
        "created": "2023-06-01T00:00:00Z",
    }
    rows = [
        read("deals", deal, "first", 0),
        read("other", {"id": 1}, "first_in_data_collection", 10),
        read("calls", {"id": 1, "deal": 1, "person": 1}, "last", 20),
    ]
    replayed = replay_as_arrived([(parse(), row) for row in rows], rules(), START_US + DAY_US, tick_every_us=MINUTE_US)
    assert Kind.CONTACT_GAP not in {signal.kind for signal in replayed.signals}
    assert Kind.CYCLE_EXCEEDED in {signal.kind for signal in replayed.signals}
    (view,) = replayed.views(rules())
    assert not view.loading
    unheld = replay_as_arrived(
        [(parse(), row) for row in rows[:1]], rules(), START_US + DAY_US, tick_every_us=MINUTE_US
    )
    assert Kind.CONTACT_GAP in {signal.kind for signal in unheld.signals}


def change(
    op: str, row: dict[str, Any], minute: int, headers: tuple[tuple[str, bytes], ...] = (), **source: object
) -> RawRecord:
    """A change of the table of deals, that many minutes after the start."""
    at_us = START_US + minute * MINUTE_US
    part = {"before": row, "after": None} if op in "dt" else {"before": None, "after": row}
    document = {"op": op, **part, "source": {"table": "deals", "ts_us": at_us, "lsn": minute + 1, **source}}
    return RawRecord(None, msgspec.json.encode(document), headers, at_us + MINUTE_US)


DEAL = {"id": 1, "stage": "Proposal/Price Quote", "amount": 5, "close": "2024-12-31", "owner": 1, "account": 1}


def test_a_deal_whose_key_changes_goes_on_under_the_new_one() -> None:
    moves = [
        change("d", {"id": 1}, 5, (("__debezium.newkey", b'{"id": 3}'),)),
        change("c", DEAL | {"id": 3}, 5, (("__debezium.oldkey", b'{"id": 1}'),)),
    ]
    for order in (moves, moves[::-1]):
        replayed = replay_as_arrived([(parse(), one) for one in (change("c", DEAL, 0), *order)], rules(), END_US)
        old, new = replayed.views(rules())
        assert (old.key, old.outcome, new.key, new.outcome) == ("crm/acme:1", "removed", "crm/acme:3", "open")
        assert (new.stage, new.suspect, new.loading) == ("Proposal/Price Quote", False, False)


def test_after_a_truncate_deals_are_suspect_until_they_are_read_again() -> None:
    records = [change("c", DEAL, 0), change("c", DEAL | {"id": 2}, 0, lsn=2), change("t", {}, 5)]
    again = change("r", DEAL, 9, snapshot="incremental")

    def suspects(*arrived: RawRecord) -> list[bool]:
        replayed = replay_as_arrived([(parse(), one) for one in arrived], rules(), END_US)
        return [view.suspect for view in replayed.views(rules())]

    assert suspects(*records) == [True, True]
    assert suspects(*records, again) == [False, True]
    assert suspects(*records[:2], again, records[2]) == [False, True]
