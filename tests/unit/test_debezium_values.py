"""How a database's values are written is said by the record's schema, else by the mapping; and never guessed."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics.instants import parse_rfc3339
from topics.sources.cells import UnreadableError
from topics.sources.debezium.mapping import DatabaseColumn, load
from topics.sources.debezium.values import decimal_text, identity, reader_of, unavailable
from topics.sources.refusals import RefusedError

PLACEHOLDER = "__debezium_unavailable_value"
TABLES = {"deals": {"kind": "deals", "key": "id", "columns": {"stage": "stage"}}}
PLAIN: dict[str, Any] = {"kind": "debezium", "tenant": "acme", "tables": TABLES}
BERLIN = PLAIN | {"timezone": "Europe/Berlin"}
VARIABLE = "io.debezium.data.VariableScaleDecimal"
DEBEZIUM, CONNECT = "io.debezium.time.", "org.apache.kafka.connect.data."


def value(
    raw: object, column: dict[str, Any], kind: str | None = None, mapping: dict[str, Any] = PLAIN, **parameters: str
) -> object:
    """What a value says, "not sent" where it was not. Raises RefusedError, UnreadableError."""
    read = reader_of(load(mapping), "c", DatabaseColumn.model_validate({"to": "x", **column}))
    meaning = read(raw, None if kind is None else {"name": kind, "parameters": parameters})
    return "not sent" if meaning is None else meaning.value


def refused(raw: object, column: dict[str, Any], kind: str | None = None, mapping: dict[str, Any] = PLAIN) -> str:
    """Why a value is refused."""
    with pytest.raises((RefusedError, UnreadableError)) as caught:
        value(raw, column, kind, mapping)
    assert str(caught.value.args[-1]).startswith("c: ")
    assert isinstance(caught.value, RefusedError | UnreadableError)
    return str(caught.value.reason)


DAY, INSTANT = {"type": "day"}, {"type": "instant"}
NUMBER, TEXT, BOOL = {"type": "number"}, {"type": "text"}, {"type": "bool"}
NINE_US = parse_rfc3339("2024-06-15T09:30:00.123456Z")
#: The digits of half past nine, as a column without a zone is written.
SEVEN_US = parse_rfc3339("2024-06-15T07:30:00.123456Z")
UNSCALED = b64encode((123_456).to_bytes(3, "big", signed=True)).decode()
NEGATIVE = b64encode((-5).to_bytes(1, "big", signed=True)).decode()

TYPED: list[tuple[str, object, dict[str, str], str, dict[str, str], object]] = [
    ("a date", 19_889, DAY, DEBEZIUM + "Date", {}, "2024-06-15"),
    ("a date of Connect's", 19_889, DAY, CONNECT + "Date", {}, "2024-06-15"),
    ("a date in text", "2024-06-15Z", DAY, DEBEZIUM + "IsoDate", {}, "2024-06-15"),
    ("a date as text", 19_889, TEXT, DEBEZIUM + "Date", {}, "2024-06-15"),
    ("a local time in microseconds", NINE_US, INSTANT, DEBEZIUM + "MicroTimestamp", {}, SEVEN_US),
    ("a local time in milliseconds", NINE_US // 1000, INSTANT, DEBEZIUM + "Timestamp", {}, SEVEN_US // 1000 * 1000),
    ("a local time of Connect's", NINE_US // 1000, INSTANT, CONNECT + "Timestamp", {}, SEVEN_US // 1000 * 1000),
    ("a local time in nanoseconds", NINE_US * 1000, INSTANT, DEBEZIUM + "NanoTimestamp", {}, SEVEN_US),
    ("a local time in text", "2024-06-15T09:30:00.123456Z", INSTANT, DEBEZIUM + "IsoTimestamp", {}, SEVEN_US),
    ("a time with its zone", "2024-06-15T09:30:00.123456Z", INSTANT, DEBEZIUM + "ZonedTimestamp", {}, NINE_US),
    ("a time with another zone", "2024-06-15T11:30:00.123456+02:00", INSTANT, DEBEZIUM + "ZonedTimestamp", {}, NINE_US),
    ("the day of a local time", NINE_US, DAY, DEBEZIUM + "MicroTimestamp", {}, "2024-06-15"),
    ("a decimal", UNSCALED, NUMBER, CONNECT + "Decimal", {"scale": "2"}, 1234.56),
    ("a decimal below nothing", NEGATIVE, NUMBER, CONNECT + "Decimal", {"scale": "2"}, -0.05),
    ("a whole decimal", UNSCALED, NUMBER, CONNECT + "Decimal", {"scale": "0"}, 123_456.0),
    ("a rounded decimal", UNSCALED, NUMBER, CONNECT + "Decimal", {"scale": "-2"}, 12_345_600.0),
    ("a decimal as a number", 1234.56, NUMBER, CONNECT + "Decimal", {"scale": "2"}, 1234.56),
    ("a decimal as text", UNSCALED, TEXT, CONNECT + "Decimal", {"scale": "2"}, "1234.56"),
    ("a decimal with its scale", {"scale": 1, "value": UNSCALED}, NUMBER, VARIABLE, {}, 12_345.6),
    ("a word of an enumeration", "won", TEXT, "io.debezium.data.Enum", {"allowed": "won,lost"}, "won"),
    ("null of any type", None, DAY, DEBEZIUM + "Date", {}, None),
]


@pytest.mark.parametrize(
    ("raw", "column", "kind", "parameters", "expected"), [case[1:] for case in TYPED], ids=[case[0] for case in TYPED]
)
def test_a_semantic_type_says_how_a_value_is_written(
    raw: object, column: dict[str, str], kind: str, parameters: dict[str, str], expected: object
) -> None:
    assert value(raw, column, kind, BERLIN, **parameters) == expected


def _in(unit: str, **more: object) -> dict[str, Any]:
    return INSTANT | {"format": unit} | more


DECLARED: list[tuple[str, object, dict[str, Any], object]] = [
    ("ISO text", "2024-06-15", DAY, "2024-06-15"),
    ("a time in ISO text", "2024-06-15T09:30:00.123456Z", INSTANT, NINE_US),
    ("a local time in ISO text", "2024-06-15T09:30:00.123456", INSTANT, SEVEN_US),
    ("days", 19_889, DAY | {"format": "epoch_days"}, "2024-06-15"),
    ("seconds", NINE_US // 10**6, _in("epoch_s"), NINE_US // 10**6 * 10**6),
    ("milliseconds", NINE_US // 1000, _in("epoch_ms"), NINE_US // 1000 * 1000),
    ("microseconds", NINE_US, _in("epoch_us"), NINE_US),
    ("nanoseconds", NINE_US * 1000, _in("epoch_ns"), NINE_US),
    ("milliseconds of a local time", NINE_US // 1000, _in("epoch_ms", local=True), SEVEN_US // 1000 * 1000),
    ("a pattern", "15.06.2024", DAY | {"format": "%d.%m.%Y"}, "2024-06-15"),
    ("a number or a pattern: a number", 19_889, DAY | {"format": ["%d.%m.%Y", "epoch_days"]}, "2024-06-15"),
    ("a decimal in text", "1234.56", NUMBER, 1234.56),
    ("a whole number", 1234, NUMBER, 1234.0),
    ("base64 with a declared scale", UNSCALED, NUMBER | {"scale": 2}, 1234.56),
    ("a number beside a declared scale", 7, NUMBER | {"scale": 2}, 7.0),
    ("true", True, BOOL, True),
    ("a number that is a flag", 1, BOOL, True),
    ("a number that is no flag", 0, BOOL, False),
    ("a word that is a flag", "Y", BOOL | {"true_when": ["Y"], "false_when": ["N"]}, True),
    ("a number over 2^53 as text", 2**53 + 1, TEXT, "9007199254740993"),
    ("a number over 2^64 as text", 10**24 + 1, TEXT, "1000000000000000000000001"),
    ("text", "Acme", TEXT, "Acme"),
    ("the source's word", "g", TEXT | {"values": {"g": "won"}}, "won"),
    ("a value that was not sent", PLACEHOLDER, TEXT, "not sent"),
    ("a number that was not sent", PLACEHOLDER, NUMBER, "not sent"),
]


@pytest.mark.parametrize(
    ("raw", "column", "expected"), [case[1:] for case in DECLARED], ids=[case[0] for case in DECLARED]
)
def test_without_a_type_the_mapping_says_it(raw: object, column: dict[str, Any], expected: object) -> None:
    assert value(raw, column, mapping=BERLIN) == expected


REFUSED: list[tuple[str, object, dict[str, Any], str | None, str]] = [
    ("a number for a day, in no declared unit", 19_889, DAY, None, "no_format"),
    ("a number for a time, in no declared unit", NINE_US, INSTANT, None, "no_format"),
    ("a fraction for a time", 1.5, _in("epoch_s"), None, "no_format"),
    ("milliseconds that are declared as seconds", NINE_US // 1000, _in("epoch_s"), None, "absurd_date"),
    ("seconds that are declared as milliseconds", NINE_US // 10**6, _in("epoch_ms"), None, "absurd_date"),
    ("nanoseconds that are declared as microseconds", NINE_US * 1000, _in("epoch_us"), None, "absurd_date"),
    ("the end of time", 2_932_896, DAY, DEBEZIUM + "Date", "absurd_time"),
    ("the beginning of time", 0, DAY, DEBEZIUM + "Date", "absurd_time"),
    ("beyond the end of time", 2**31 - 1, DAY, DEBEZIUM + "Date", "absurd_date"),
    ("infinity", 9_223_372_036_825_200_000, INSTANT, DEBEZIUM + "MicroTimestamp", "absurd_date"),
    ("a local time, of which no zone is known", NINE_US, INSTANT, DEBEZIUM + "MicroTimestamp", "no_zone"),
    ("a local time in text, of which no zone is known", "2024-06-15T09:30:00", INSTANT, None, "no_zone"),
    ("text for a number of days", "soon", DAY, DEBEZIUM + "Date", "wrong_type"),
    ("a number for text with a zone", 5, INSTANT, DEBEZIUM + "ZonedTimestamp", "wrong_type"),
    ("a day that there is not", "2024-02-30", DAY, None, "bad_date"),
    ("a decimal that is no base64", "?", NUMBER, CONNECT + "Decimal", "wrong_type"),
    ("a decimal without its scale", 5, NUMBER, VARIABLE, "wrong_type"),
    ("a decimal with a comma, where none is declared", "1.234,5", NUMBER, None, "wrong_type"),
    ("text for a number", "much", NUMBER, None, "wrong_type"),
    ("not a number", "NaN", NUMBER, None, "wrong_type"),
    ("a number for a flag", 2, BOOL, None, "wrong_type"),
    ("a list", [1], TEXT, None, "wrong_type"),
    ("an object", {"a": 1}, TEXT, None, "wrong_type"),
]


@pytest.mark.parametrize(
    ("raw", "column", "kind", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_cannot_be_read_is_refused_by_name(
    raw: object, column: dict[str, Any], kind: str | None, reason: str
) -> None:
    assert refused(raw, column, kind) == reason


SENTINELS: list[tuple[str, object, dict[str, Any], str | None]] = [
    ("a date", 2_932_896, DAY, DEBEZIUM + "Date"),
    ("a time", 253_402_214_400_000_000, INSTANT, DEBEZIUM + "MicroTimestamp"),
    ("the last microsecond", "9999-12-31T23:59:59.999999Z", INSTANT, DEBEZIUM + "ZonedTimestamp"),
    ("text", "9999-12-31", DAY, None),
    ("zero", 0, DAY, DEBEZIUM + "Date"),
    ("infinity", 9_223_372_036_825_200_000, INSTANT, DEBEZIUM + "MicroTimestamp"),
    ("zero in seconds", 0, _in("epoch_s"), None),
]


@pytest.mark.parametrize(
    ("raw", "column", "kind"), [case[1:] for case in SENTINELS], ids=[case[0] for case in SENTINELS]
)
def test_a_declared_sentinel_is_empty(raw: object, column: dict[str, Any], kind: str | None) -> None:
    mapping = BERLIN | {"nulls": ["", "9999-12-31", "1970-01-01", "9223372036825200000"]}
    assert value(raw, column, kind, mapping) is None
    assert value("2024-06-15T10:00:00Z", column | {"format": ()}, None, mapping) is not None


def test_the_clocks_hour_that_came_twice_is_told() -> None:
    read = reader_of(load(BERLIN), "c", DatabaseColumn.model_validate({"to": "x", **INSTANT}))
    meaning = read("2024-10-27T02:30:00", None)
    assert meaning is not None
    assert meaning.value == parse_rfc3339("2024-10-27T00:30:00Z")
    assert meaning.dirt == ("ambiguous.c",)


def _placeholders(text: str) -> list[tuple[str, object]]:
    content = text.encode()
    return [
        ("text", text),
        ("bytes in base64", b64encode(content).decode()),
        ("bytes in base64 for addresses", urlsafe_b64encode(content).decode()),
        ("bytes in hexadecimal digits", content.hex()),
        ("a list of texts", [text]),
        ("a list of numbers", list(content)),
        ("a map", {text: text}),
        ("a map in text", f'{{"{text}":"{text}"}}'),
    ]


@pytest.mark.parametrize(
    ("raw"), [case[1] for case in _placeholders(PLACEHOLDER)], ids=[case[0] for case in _placeholders(PLACEHOLDER)]
)
def test_the_placeholder_in_any_type_is_no_value(raw: object) -> None:
    assert unavailable(PLACEHOLDER)(raw)
    assert value(raw, TEXT) == "not sent"
    assert value(raw, NUMBER, CONNECT + "Decimal", scale="2") == "not sent"
    assert not unavailable("gone")(raw)


@pytest.mark.parametrize(
    "raw", ["", "x" + PLACEHOLDER, [], [PLACEHOLDER, PLACEHOLDER], {}, None, 7, True, list(b"abc")]
)
def test_anything_else_is_a_value(raw: object) -> None:
    assert not unavailable(PLACEHOLDER)(raw)


@given(unscaled=st.integers(-(2**200), 2**200), scale=st.integers(-20, 60))
def test_a_decimal_keeps_all_its_digits(unscaled: int, scale: int) -> None:
    size = unscaled.bit_length() // 8 + 1
    text = decimal_text(b64encode(unscaled.to_bytes(size, "big", signed=True)).decode(), scale)
    whole, _, part = text.partition(".")
    assert int(whole + part) * 10 ** max(0, -scale if part == "" and scale > 0 else 0) == unscaled * 10 ** max(
        0, -scale
    )
    assert "e" not in text.lower()
    assert Decimal(text) == Decimal(f"{unscaled}e{-scale}")


@given(moment=st.datetimes(datetime(1991, 1, 1), datetime(2099, 1, 1)))  # noqa: DTZ001 - in UTC
def test_every_unit_names_the_same_instant(moment: datetime) -> None:
    since = moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    at_us = since // timedelta(microseconds=1)
    assert value(at_us, _in("epoch_us")) == at_us
    assert value(at_us * 1000 + 7, _in("epoch_ns")) == at_us
    assert value(at_us // 1000, _in("epoch_ms")) == at_us // 1000 * 1000
    assert value(moment.isoformat() + "+00:00", INSTANT) == at_us
    assert value(since.days, DAY, DEBEZIUM + "Date") == (date(1970, 1, 1) + timedelta(since.days)).isoformat()


IDS: list[tuple[str, object, str | None, str]] = [
    ("a number", 7, None, "7"),
    ("a number over 2^53", 2**53 + 1, None, "9007199254740993"),
    ("text", " 0062o00001 ", None, "0062o00001"),
    ("a decimal of Oracle's", {"scale": 0, "value": UNSCALED}, VARIABLE, "123456"),
    ("a UUID", "0f8fad5b-d9cb-469f-a165-70867728950e", "io.debezium.data.Uuid", "0f8fad5b-d9cb-469f-a165-70867728950e"),
    ("null", None, None, ""),
    ("nothing", "", None, ""),
]


@pytest.mark.parametrize(("raw", "kind", "expected"), [case[1:] for case in IDS], ids=[case[0] for case in IDS])
def test_an_id_keeps_all_its_digits(raw: object, kind: str | None, expected: str) -> None:
    assert identity("id", raw, None if kind is None else {"name": kind}) == expected
