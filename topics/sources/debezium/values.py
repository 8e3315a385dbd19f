"""A value of a database's column, as Debezium writes it, to a cell that a column of the mapping can read.

With a schema the semantic type says how a value is written: days, milli-, micro- and nanoseconds, decimals in base64.
Those become ISO text and decimal text, exactly. What is without such a type is as the mapping declares it (`format`,
`scale`), and a number that should be a date, but has no format, is refused: its unit is not guessed.

A timestamp without a zone is written as if it were UTC; it is a local time of the mapping's `timezone`, and refused
where that does not say one.
"""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias, TypeVar
from uuid import UUID

from topics.silences import Dirt
from topics.sources.cells import Raw
from topics.sources.columns import Meaning, reading
from topics.sources.debezium.mapping import EPOCHS, DatabaseColumn, DatabaseMapping
from topics.sources.debezium.positions import whole
from topics.sources.mapping_parts import ValueType
from topics.sources.refusals import Reason, RefusedError, shown

ValueT = TypeVar("ValueT")
AboutT = TypeVar("AboutT")
SaidT = TypeVar("SaidT")

_DATES = (ValueType.DAY, ValueType.INSTANT)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- digits of a calendar: the zone is added where it is known
_ISO_DAY = 10  # characters
#: No CRM has counted a time before: what seems earlier was counted in a larger unit.
_FIRST_EPOCH = "1980"
#: More than any database's numeric has, less than what would take long to write down.
_MOST_DIGITS_BYTES, _MOST_SCALE = 64, 128
_LONGEST_ID = 255  # characters

#: A column's part of the connect schema; None where it was not sent.
Type: TypeAlias = Mapping[str, Any] | None
#: What a value says; None where the connector did not send it.
Said: TypeAlias = Meaning | None
ReadValue: TypeAlias = Callable[[object, Type], Said]


class _Typed(NamedTuple):
    """A value whose type says how it is written, as text. `naive`: a time of a calendar that names no zone."""

    text: str
    naive: bool = False


def _from_epoch(value: object, per_s: int) -> datetime:
    number = whole(value)
    if number is None:
        raise RefusedError(Reason.WRONG_TYPE, f"expected a time, got {shown(value)}")
    try:
        return _EPOCH + timedelta(microseconds=number * 1_000_000 // per_s)
    except OverflowError as error:
        raise RefusedError(Reason.ABSURD_DATE, shown(value)) from error


def _epoch_day(value: object, _type: Type) -> _Typed:
    number = whole(value)
    if number is None:
        raise RefusedError(Reason.WRONG_TYPE, f"expected a number of days, got {shown(value)}")
    try:
        return _Typed(date.fromordinal(_EPOCH.toordinal() + number).isoformat())
    except (ValueError, OverflowError) as error:
        raise RefusedError(Reason.ABSURD_DATE, f"{shown(value)} days") from error


def _timestamp(per_s: int) -> Callable[[object, Type], _Typed]:
    return lambda value, _type: _Typed(_from_epoch(value, per_s).isoformat(), naive=True)


def _iso(value: object, _type: Type) -> _Typed:
    if not isinstance(value, str):
        raise RefusedError(Reason.WRONG_TYPE, f"expected a time, got {shown(value)}")
    return _Typed(value)


def _iso_naive(value: object, kind: Type) -> _Typed:
    """IsoDate and IsoTimestamp: a Z stands behind what has no zone."""
    return _Typed(_iso(value, kind).text.removesuffix("Z"), naive=True)


def _decimal(value: object, kind: Type) -> _Typed:
    parameters = kind.get("parameters") if kind else None
    scale = whole(parameters.get("scale")) if isinstance(parameters, dict) else 0
    return _Typed(decimal_text(value, scale or 0))


def _variable_decimal(value: object, _type: Type) -> _Typed:
    if not isinstance(value, dict):
        raise RefusedError(Reason.WRONG_TYPE, f"expected a decimal with its scale, got {shown(value)}")
    return _Typed(decimal_text(value.get("value"), whole(value.get("scale")) or 0))


#: The semantic types that say how a value is written.
_BY_NAME: dict[str, Callable[[object, Type], _Typed]] = {
    "io.debezium.time.Date": _epoch_day,
    "org.apache.kafka.connect.data.Date": _epoch_day,
    "io.debezium.time.Timestamp": _timestamp(EPOCHS["epoch_ms"]),
    "org.apache.kafka.connect.data.Timestamp": _timestamp(EPOCHS["epoch_ms"]),
    "io.debezium.time.MicroTimestamp": _timestamp(EPOCHS["epoch_us"]),
    "io.debezium.time.NanoTimestamp": _timestamp(EPOCHS["epoch_ns"]),
    "io.debezium.time.ZonedTimestamp": _iso,
    "io.debezium.time.IsoDate": _iso_naive,
    "io.debezium.time.IsoTimestamp": _iso_naive,
    "org.apache.kafka.connect.data.Decimal": _decimal,
    "io.debezium.data.VariableScaleDecimal": _variable_decimal,
}


def decimal_text(value: object, scale: int) -> str:
    """A decimal, its unscaled number in base64 (or as a number by itself), with all its digits. Raises RefusedError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)  # the converter writes numbers (decimal.format=NUMERIC)
    try:
        content = b64decode(value, validate=True) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        content = b""
    if not content or len(content) > _MOST_DIGITS_BYTES or abs(scale) > _MOST_SCALE:
        raise RefusedError(Reason.WRONG_TYPE, f"expected a decimal, got {shown(value)}")
    unscaled = int.from_bytes(content, "big", signed=True)
    return format(Decimal((int(unscaled < 0), tuple(map(int, str(abs(unscaled)))), -scale)), "f")


def native(value: object, kind: Type) -> Raw | _Typed:
    """The value as its type says; as it stands where the type says nothing. Raises RefusedError for what has parts."""
    name = kind.get("name") if kind else None
    read = _BY_NAME.get(name) if isinstance(name, str) else None
    if read is not None and value is not None:
        return read(value, kind)
    if isinstance(value, dict) and value.keys() == {"scale", "value"}:
        return _variable_decimal(value, kind)
    if value is None or isinstance(value, str | int | float):
        return value
    raise RefusedError(Reason.WRONG_TYPE, f"expected one value, got {shown(value)}")


def identity(name: str, value: object, kind: Type) -> str:
    """An id with all its digits, empty where there is none. Raises RefusedError for what cannot be one."""
    said = _named(name, native, value, kind)
    if isinstance(said, _Typed):
        return said.text.strip()
    if said is None:
        return ""
    if isinstance(said, float | bool):
        raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected an id, got {shown(value)}")
    text = str(said).strip()
    if len(text) > _LONGEST_ID:
        raise RefusedError(Reason.WRONG_TYPE, f"{name}: an id of {len(text)} characters")
    return text


def reader_of(mapping: DatabaseMapping, name: str, column: DatabaseColumn) -> ReadValue:
    """How the values of a column are read. They raise RefusedError and UnreadableError."""
    return _Reader(mapping, name, column).read


class _Reader:
    """A column, compiled: its values as their type says, and where that says nothing, as the column does."""

    def __init__(self, mapping: DatabaseMapping, name: str, column: DatabaseColumn) -> None:
        self._name, self._column = name, column
        self._is_date, self._is_text = column.type in _DATES, column.type is ValueType.TEXT
        self._nulls = frozenset((*mapping.nulls, *column.nulls))
        self._empty = Meaning(None, (f"{Dirt.EMPTY}.{name}",) if column.required else ())
        self._needs_zone = column.type is ValueType.INSTANT and not mapping.says_zone
        self._is_unavailable = unavailable(mapping.unavailable)
        iso = column.model_copy(update={"format": ("iso",)}) if self._is_date else column
        plain = mapping.model_copy(update={"decimal": ".", "thousands": ""})
        self._of_typed = reading(plain, name, iso)
        self._of_declared = reading(mapping, name, column if column.format else iso)

    def read(self, value: object, kind: Type) -> Said:
        """What a value of this type says; None where it was not sent."""
        if value is None:
            return self._of_declared(None)
        if self._is_unavailable(value):
            return None
        if self._is_text and kind is None and isinstance(value, str):
            return self._of_declared(value)
        if isinstance(value, int) and str(value) in self._nulls:
            return self._empty
        said = _named(self._name, native, value, kind)
        if not isinstance(said, _Typed):
            said = self._declared(said)
        return self._typed(said) if isinstance(said, _Typed) else self._plain(said)

    def _typed(self, said: _Typed) -> Meaning:
        text = said.text
        if text in self._nulls or (self._is_date and text[:_ISO_DAY] in self._nulls):
            return self._empty
        if self._needs_zone and said.naive:
            raise RefusedError(Reason.NO_ZONE, f"{self._name}: {shown(text)}")
        return self._of_typed(text)

    def _plain(self, said: Raw) -> Meaning:
        if self._needs_zone and isinstance(said, str) and said not in self._nulls and _is_naive(said):
            raise RefusedError(Reason.NO_ZONE, f"{self._name}: {shown(said)}")
        return self._of_declared(said)

    def _declared(self, value: Raw) -> Raw | _Typed:
        """A value without a semantic type, as the mapping says that it is written."""
        column = self._column
        if column.type is ValueType.BOOL and value in (0, 1):
            return bool(value)
        if column.scale is not None and isinstance(value, str):
            return _Typed(_named(self._name, decimal_text, value, column.scale))
        if not self._is_date or not isinstance(value, int | float) or isinstance(value, bool):
            return value
        return self._counted(value)

    def _counted(self, value: float) -> _Typed:
        """A date that is a number."""
        epoch = self._column.epoch
        if epoch is None or isinstance(value, float):
            raise RefusedError(Reason.NO_FORMAT, f"{self._name}: {shown(value)} is a date in no declared format")
        if epoch == "epoch_days":
            return _named(self._name, _epoch_day, value, None)
        digits = _named(self._name, _from_epoch, value, EPOCHS[epoch]).isoformat()
        if value and digits < _FIRST_EPOCH:
            raise RefusedError(Reason.ABSURD_DATE, f"{self._name}: {shown(value)} is far off: is it in {epoch}?")
        return _Typed(digits, naive=True) if self._column.local else _Typed(digits + "+00:00")


def _is_naive(text: str) -> bool:
    try:
        return datetime.fromisoformat(text.strip()).tzinfo is None
    except ValueError:
        return False  # of another format, which names a zone


def _named(name: str, read: Callable[[ValueT, AboutT], SaidT], value: ValueT, about: AboutT) -> SaidT:
    """What a value says. Raises RefusedError with the column's name before its detail."""
    try:
        return read(value, about)
    except RefusedError as fault:
        raise RefusedError(Reason(fault.reason), f"{name}: {fault.detail}") from fault


def unavailable(placeholder: str) -> Callable[[object], bool]:
    """Whether a value stands for one that was not sent: the placeholder as text, bytes, list or map."""
    content = placeholder.encode()
    texts = frozenset(
        {placeholder, b64encode(content).decode(), urlsafe_b64encode(content).decode(), content.hex()}
        | {str(UUID(bytes=hashlib.md5(content, usedforsecurity=False).digest(), version=3))}
        | {f'{{"{placeholder}":"{placeholder}"}}'}
    )
    lists: tuple[list[Any], ...] = ([placeholder], list(content))

    def is_unavailable(value: object) -> bool:
        if isinstance(value, str):
            return value in texts
        if isinstance(value, list):
            return value in lists or (len(value) == 1 and isinstance(value[0], str) and value[0] in texts)
        return isinstance(value, dict) and value == {placeholder: placeholder}

    return is_unavailable
