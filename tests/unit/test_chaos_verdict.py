"""The judge of the chaos lines sees what it is there to see: a table of what may be wrong on a topic."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from alerts.retry import PATIENCE
from engine.records import Record
from programs.startup import prepare
from signals.simulate import CRM
from tests.chaos.__main__ import NAMES
from tests.chaos.faults import strikes
from tests.chaos.oracle import Expected, Place, Row, row_of
from tests.chaos.records import records, with_hot_deal
from tests.chaos.tuning import scaled
from tests.chaos.verdict import differences, repeated, same
from tests.golden.messages.samples import opened, resolved
from topics.catalog import ALERT_OUTBOX, DEAL_SIGNALS, PEOPLE_EVENTS, PIPELINE_INDICATORS, STAGE_DWELLS, STATE_DETECT
from topics.codec import encode
from topics.dwells import Dwell, DwellRecord, DwellUndone, dwell_key
from topics.events import ValueSeen, deal_key
from topics.outcomes import Accepted
from topics.signals import Kind, Signal
from topics.sources.registry import parser

FIRST = opened(Kind.CLOSE_DATE_PUSHED)
SECOND = opened(Kind.STAGE_OVERSTAY)
THIRD = resolved(FIRST)
KEY = FIRST.subject_key.encode()
SAID = (FIRST, SECOND, THIRD)


def signals_log(*signals: Signal) -> list[Record]:
    return [Record(DEAL_SIGNALS, 0, offset, 0, KEY, encode(signal)) for offset, signal in enumerate(signals)]


def state_log(**states: int) -> list[Record]:
    rows = [(name.encode(), msgspec.msgpack.encode({"n": number, "m": 0})) for name, number in states.items()]
    return [Record(STATE_DETECT, 0, offset, 0, key, value) for offset, (key, value) in enumerate(rows)]


def should() -> Expected:
    rows = [row_of(DEAL_SIGNALS, KEY, encode(signal)) for signal in SAID]
    states = {(0, b"a"): msgspec.msgpack.encode({"m": 0, "n": 1}), (0, b"b"): msgspec.msgpack.encode({"m": 0, "n": 2})}
    return Expected({DEAL_SIGNALS: rows}, {Place("detect", DEAL_SIGNALS, 0): rows}, {STATE_DETECT: states})


def later(signal: Signal) -> Signal:
    return msgspec.structs.replace(signal, detected_at="2031-01-01T00:00:00Z")


def changed(signal: Signal) -> Signal:
    return msgspec.structs.replace(signal, reason="something else")


@pytest.mark.parametrize(
    ("signals", "wrong"),
    [
        pytest.param(SAID, [], id="what was said is right"),
        pytest.param((later(FIRST), SECOND, later(THIRD)), [], id="when it was detected does not matter"),
        pytest.param((FIRST, THIRD), ["lost", "differs"], id="one is missing"),
        pytest.param((FIRST, SECOND, SECOND, THIRD), ["twice", "differs"], id="one stands there twice"),
        pytest.param((FIRST, later(FIRST), SECOND, THIRD), ["twice", "differs"], id="twice, detected at another time"),
        pytest.param(
            (FIRST, changed(SECOND), THIRD), ["lost", "not expected", "differs"], id="one says something else"
        ),
        pytest.param((SECOND, FIRST, THIRD), ["differs"], id="two have changed places"),
        pytest.param((*SAID, changed(THIRD)), ["not expected", "differs"], id="one too many"),
    ],
)
def test_what_is_wrong_with_transitions_is_seen(signals: tuple[Signal, ...], wrong: list[str]) -> None:
    logs = {DEAL_SIGNALS: signals_log(*signals), STATE_DETECT: state_log(a=1, b=2)}
    found = [each.what for each in differences(logs, should())]
    assert len(found) == len(wrong)
    assert all(part in what for part, what in zip(wrong, found, strict=True))


@pytest.mark.parametrize(
    ("states", "wrong"),
    [
        pytest.param({"a": 1, "b": 2}, [], id="the same"),
        pytest.param({"a": 1}, ["keys missing"], id="a deal is missing"),
        pytest.param({"a": 1, "b": 3}, ["keys with another value"], id="a deal ends otherwise"),
        pytest.param({"a": 1, "b": 2, "c": 3}, ["keys too many"], id="a deal that nobody knows"),
    ],
)
def test_what_is_wrong_with_the_final_state_is_seen(states: dict[str, int], wrong: list[str]) -> None:
    logs = {DEAL_SIGNALS: signals_log(*SAID), STATE_DETECT: state_log(**states)}
    assert [each.what for each in differences(logs, should())] == wrong


def outbox_log(*rows: tuple[bytes, bytes]) -> list[Record]:
    return [Record(ALERT_OUTBOX, 0, offset, 0, key, value) for offset, (key, value) in enumerate(rows)]


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        pytest.param([(b"Ana", b"1"), (b"Bo", b"2"), (b"Ana", b"3")], [], id="as it should be"),
        pytest.param([(b"Bo", b"2"), (b"Ana", b"1"), (b"Ana", b"3")], [], id="somebody else was told first"),
        pytest.param([(b"Ana", b"3"), (b"Bo", b"2"), (b"Ana", b"1")], ["differs"], id="the last is told first"),
    ],
)
def test_what_people_are_told_is_in_order_for_each(rows: list[tuple[bytes, bytes]], wrong: list[str]) -> None:
    told: list[Row] = [(b"Ana", b"1"), (b"Bo", b"2"), (b"Ana", b"3")]
    wanted = Expected({ALERT_OUTBOX: told}, {Place("notify", ALERT_OUTBOX, 0): told}, {})
    found = [each.what for each in differences({ALERT_OUTBOX: outbox_log(*rows)}, wanted)]
    assert len(found) == len(wrong)
    assert all(part in what for part, what in zip(wrong, found, strict=True))


@pytest.mark.parametrize(
    ("seen", "wrong"),
    [
        pytest.param(["a", "b"], [], id="once"),
        pytest.param(["a", "b", "a"], [], id="again, by the next worker"),
        pytest.param(["a"], ["lost"], id="one is missing"),
        pytest.param(["a", "b", "c"], ["not expected"], id="one too many"),
    ],
)
def test_values_may_be_passed_on_again(seen: list[str], wrong: list[str]) -> None:
    def value(name: str, deal: str) -> tuple[bytes, bytes]:
        key = deal_key("crm/default", f"stage/{name}")
        return key.encode(), encode(
            ValueSeen(id=name, key=key, source="crm/default", at_us=0, field="stage", value=name, deal=deal)
        )

    records_of = [Record(PEOPLE_EVENTS, 0, n, 0, *value(name, f"deal {n}")) for n, name in enumerate(seen)]
    wanted = [row_of(PEOPLE_EVENTS, *value(name, "another")) for name in ("a", "b")]
    found = differences({PEOPLE_EVENTS: records_of}, Expected({PEOPLE_EVENTS: wanted}, {}, {}))
    assert [each.what for each in found] == wrong


def dwell(stage: str, until_us: int | None = None) -> Dwell:
    return Dwell(
        deal="crm/default:1", entry=f"entered {stage}", pipeline="Sales", stage=stage, from_us=0, until_us=until_us
    )


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        pytest.param([dwell("Lead", 5), dwell("Demo")], [], id="as the oracle says it"),
        pytest.param([dwell("Lead"), dwell("Lead", 5), dwell("Demo"), dwell("Demo")], [], id="anew with each batch"),
        pytest.param([dwell("Lead", 5), dwell("Lead"), dwell("Demo")], ["lost", "not expected"], id="the last is old"),
        pytest.param([dwell("Lead", 5)], ["lost"], id="one is missing"),
        pytest.param([dwell("Lead", 5), dwell("Demo"), dwell("Quote")], ["not expected"], id="one too many"),
    ],
)
def test_of_a_stay_the_last_word_counts(said: list[Dwell], wrong: list[str]) -> None:
    undone = DwellUndone(deal="crm/default:1", entry="entered Quote", pipeline="Sales", stage="Quote")

    def row(of: DwellRecord) -> Row:
        return dwell_key(of), encode(of)

    log = [Record(STAGE_DWELLS, 0, n, 0, *row(one)) for n, one in enumerate(said)]
    should_be = [row(one) for one in (dwell("Lead", 5), dwell("Demo"), dwell("Quote"), undone)]
    found = differences({STAGE_DWELLS: log}, Expected({STAGE_DWELLS: should_be}, {}, {}))
    assert [each.what for each in found] == wrong


def test_when_an_indicator_was_made_does_not_matter_and_what_it_says_does() -> None:
    def cell(deals: int, as_of: str) -> bytes:
        return msgspec.json.encode({"open_deals": deals, "as_of": as_of})

    wanted = Expected({}, {}, {PIPELINE_INDICATORS: {(0, b"cell"): cell(3, "2025-01-01T00:00:00Z")}})
    found = [
        [
            each.what
            for each in differences(
                {PIPELINE_INDICATORS: [Record(PIPELINE_INDICATORS, 0, 0, 0, b"cell", value)]}, wanted
            )
        ]
        for value in (cell(3, "2025-02-02T00:00:00Z"), cell(4, "2025-01-01T00:00:00Z"))
    ]
    assert found == [[], ["keys with another value"]]


def test_repeats_are_counted_whatever_the_moment_of_detection() -> None:
    assert repeated(signals_log(FIRST, SECOND, later(FIRST), later(SECOND), FIRST)) == 3


def test_maps_in_another_order_are_the_same_state() -> None:
    assert same(msgspec.msgpack.encode({"a": 1, "b": 2}), msgspec.msgpack.encode({"b": 2, "a": 1}))
    assert not same(msgspec.msgpack.encode([1, 2]), msgspec.msgpack.encode([2, 1]))


def test_a_seed_gives_the_same_strikes_and_hits_every_program() -> None:
    names = ["detect-1", "detect-2", "ingest-1", "notify-1"]
    planned = strikes(7, names, 9)
    assert planned == strikes(7, names, 9) != strikes(8, names, 9)
    assert {strike.worker.split("-")[0] for strike in planned} == {"detect", "ingest", "notify"}
    assert [strike.at for strike in planned] == sorted(strike.at for strike in planned)


def test_the_table_has_every_line_of_the_promise() -> None:
    assert NAMES == [
        "kills",
        "boundaries",
        "churn",
        "frozen",
        "brokers",
        "disk",
        "clock",
        "dirty",
        "intake",
        "slack",
        "soak",
        "upgrade",
        "publish",
        "tests",
    ]


def test_the_hot_deal_has_half_of_all_records_and_each_is_an_event() -> None:
    plain = records(3, 300)
    added = [one for one in with_hot_deal(plain) if one not in plain]
    ready = prepare({"SIGNALS_BROKER": "127.0.0.1:9"}, Path())
    parse = parser(next(source for source in ready.sources if source.name == CRM))
    assert len(added) == len(plain)
    assert {(one.record.key or b"")[:3] for one in added} == {b"006"}
    assert len({one.record.key for one in added}) == 1
    assert all(isinstance(outcome, Accepted) for one in added for outcome in parse(one.record))


def test_an_hour_of_patience_with_slack_is_scaled_as_a_whole() -> None:
    assert scaled(1.0) == PATIENCE
    assert scaled(0.5).backoff_s == tuple(wait / 2 for wait in PATIENCE.backoff_s)
