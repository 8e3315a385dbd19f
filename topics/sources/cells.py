"""One cell of text to a value, by a declared format. What does not fit is refused, never guessed.

A reader of cells takes stripped text that is not null and raises `UnreadableError`. Cells of JSON and Parquet have
types of their own (`Raw`): `as_text` writes those as text where a reader wants some.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, time, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from topics.events import Scalar
from topics.instants import from_us, to_us

Read = Callable[[str], Scalar]
#: A cell as it stands in a file: text in CSV, with a type in JSON and Parquet.
Raw: TypeAlias = str | int | float | bool | None

#: The name under which a row says what stands in its file's own name, or for its whole table.
FROM_NAME = "(at)"

#: Formats that have a name instead of a pattern; everything else is a pattern of `datetime.strptime`.
NAMED_FORMATS = ("iso", "epoch_s", "epoch_ms")

#: The days that a date of a deal can lie between. Instants are counted from 1970, so what lies within three days of
#: that start is a zero in some zone and no date; sentinels such as 9999-12-31 are none either (declare them as nulls).
FIRST, LAST = datetime(1970, 1, 4, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
#: No CRM has written down an instant before: what seems earlier counts seconds where somebody read milliseconds.
FIRST_INSTANT = datetime(1980, 1, 1, tzinfo=UTC)

_EPOCH_US = {"epoch_s": 1_000_000, "epoch_ms": 1_000}
_EPOCH_TEXT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
#: What exports write between groups of three where a space is declared: plain, no-break, narrow no-break.
_SPACES = " \u00a0\u202f"
_SHOWN = 60  # characters of a cell in a message
#: Up to here a fraction holds every whole number: what a float says beyond may have been another one.
_EXACT = 2**53 - 1
_CACHED_DATES = 8192  # twenty years of days, or the instants of a burst


class Reason(StrEnum):
    """Why a row of a table is rejected."""

    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    TOO_LONG = "too_long"
    UNKNOWN_TABLE = "unknown_table"
    NO_DEAL_ID = "no_deal_id"
    NO_ID = "no_id"
    BAD_DATE = "bad_date"
    ABSURD_TIME = "absurd_time"
    BAD_CURRENCY = "bad_currency"
    RAGGED_ROW = "ragged_row"
    BAD_QUOTING = "bad_quoting"
    NOT_TEXT = "not_text"


class UnreadableError(ValueError):
    """A cell that is not what its column was declared to hold."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


def zone(name: str) -> tzinfo:
    """The time zone called `name`; UTC needs no time zone database."""
    return UTC if name == "UTC" else ZoneInfo(name)


class Clock(NamedTuple):
    """How a time is to be understood.

    `where`: the zone of times that name none; with `local`, of all that is written with digits of a calendar: the zones
    that they name are wrong. `later`: which of two it is when clocks are put back.
    """

    where: tzinfo = UTC
    local: bool = False
    later: bool = False


def as_text(cell: str | float) -> str:
    """A cell with a type, as CSV would write it: `true`, whole numbers with all digits, `2.5`.

    A whole number is one also where it is a fraction: a column of them with empty cells is written as `7.0`.
    """
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and is_whole(cell):
        return str(int(cell))
    return cell if isinstance(cell, str) else str(cell)


def is_whole(value: float) -> bool:
    """Whether a fraction is a whole number, and small enough that no digit of it was lost."""
    return value.is_integer() and abs(value) <= _EXACT


def text(cell: str) -> str:
    """The text itself."""
    return cell


def currency(cell: str) -> str:
    """A currency's code: three letters, as ISO 4217 has them, in any case."""
    code = cell.upper()
    if not _CURRENCY.fullmatch(code):
        raise UnreadableError(Reason.BAD_CURRENCY, f"{_shown(cell)} is no code of a currency")
    return code


def number(decimal: str, thousands: str, signs: tuple[str, ...] = ()) -> Callable[[str], float]:
    """Numbers with this decimal separator, and groups of three where there is a separator of thousands.

    One of the `signs` may stand before or after the number: those of a currency.
    """
    group = f"[{_SPACES}]" if thousands == " " else re.escape(thousands)
    whole = rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+)" if thousands else "[0-9]+"
    sign = "|".join(re.escape(one.strip()) for one in sorted(signs, key=len, reverse=True))
    around = rf"(?:(?:{sign})[{_SPACES}]*)?" if signs else ""
    after = rf"(?:[{_SPACES}]*(?:{sign}))?" if signs else ""
    digits = rf"{whole}(?:{re.escape(decimal)}[0-9]+)?(?:[eE][+-]?[0-9]{{1,3}})?"
    shape = re.compile(rf"([+-]?){around}([+-]?)({digits}){after}")
    drop = re.compile(group) if thousands else None

    def read(cell: str) -> float:
        found = shape.fullmatch(cell)
        if found is None or (found[1] and found[2]):
            raise UnreadableError(Reason.WRONG_TYPE, f"{_shown(cell)} is no number")
        bare = drop.sub("", found[3]) if drop is not None else found[3]
        return finite(float(found[1] + found[2] + bare.replace(decimal, ".")))

    return read


def finite(value: float) -> float:
    """A number that has a type already, as far as it is one."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise UnreadableError(Reason.WRONG_TYPE, f"{_shown(str(value))} is too large a number")
    return number


def boolean(true_when: tuple[str, ...], false_when: tuple[str, ...]) -> Callable[[str], bool]:
    """The declared words for true and false, in any case."""
    words = {word.lower(): True for word in true_when} | {word.lower(): False for word in false_when}

    def read(cell: str) -> bool:
        value = words.get(cell.lower())
        if value is None:
            raise UnreadableError(Reason.WRONG_TYPE, f"{_shown(cell)} is none of {', '.join(words)}")
        return value

    return read


def day(formats: tuple[str, ...], clock: Clock) -> Callable[[str], str]:
    """The calendar day, as an ISO string. The clock matters only to formats that are instants (epochs)."""
    moment = _moment(formats, clock)
    return lru_cache(_CACHED_DATES)(lambda cell: moment(cell).date().isoformat())


def midnight(formats: tuple[str, ...], clock: Clock) -> Callable[[str], int]:
    """The first instant of the calendar day in that zone, in microseconds since 1970."""
    moment = _moment(formats, clock, FIRST_INSTANT)
    return lru_cache(_CACHED_DATES)(lambda cell: to_us(datetime.combine(moment(cell).date(), time(), clock.where)))


def instant(formats: tuple[str, ...], clock: Clock) -> Callable[[str], int]:
    """The moment in microseconds since 1970. Without a zone of its own it is in the clock's.

    A time that was left out there, when clocks were put forward, is refused: the zone is another one.
    """
    moment = _moment(formats, clock, FIRST_INSTANT)

    def read(cell: str) -> int:
        found = moment(cell)
        if found.astimezone(UTC).astimezone(found.tzinfo).replace(tzinfo=None) != found.replace(tzinfo=None):
            raise UnreadableError(Reason.BAD_DATE, f"{_shown(cell)} was left out in {clock.where}: clocks went forward")
        return to_us(found)

    return lru_cache(_CACHED_DATES)(read)


def ambiguous(formats: tuple[str, ...], clock: Clock) -> Callable[[str], bool]:
    """Whether a time was twice, when clocks were put back, and does not say which one it is. Never raises."""
    written = tuple(pattern for pattern in formats if pattern not in _EPOCH_US)  # an epoch is never in doubt
    if clock.where is UTC or not written:
        return lambda _cell: False
    moment = _moment(written, clock)

    def read(cell: str) -> bool:
        try:
            found = moment(cell)
        except UnreadableError:
            return False
        return found.tzinfo is clock.where and found.replace(fold=0).utcoffset() != found.replace(fold=1).utcoffset()

    return lru_cache(_CACHED_DATES)(read)


def _moment(formats: tuple[str, ...], clock: Clock, first: datetime = FIRST) -> Callable[[str], datetime]:
    """The aware moment that all fitting formats agree on, not before `first`."""

    def read(cell: str) -> datetime:
        fits = {moment for pattern in formats if (moment := _fit(cell, pattern, clock)) is not None}
        if not fits:
            raise UnreadableError(Reason.BAD_DATE, f"{_shown(cell)} is not of the form {' or '.join(formats)}")
        if len(fits) > 1:
            raise UnreadableError(Reason.BAD_DATE, f"{_shown(cell)} means different times in {' and '.join(formats)}")
        moment = fits.pop()
        if not first <= moment < LAST:
            raise UnreadableError(
                Reason.ABSURD_TIME,
                f"{_shown(cell)} is not between {first.date()} and {LAST.date()}: a sentinel?",
            )
        return moment

    return read


def _fit(cell: str, pattern: str, clock: Clock) -> datetime | None:
    if scale := _EPOCH_US.get(pattern):
        return _epoch(cell, scale, clock)
    try:
        moment = datetime.fromisoformat(cell) if pattern == "iso" else datetime.strptime(cell, pattern)  # noqa: DTZ007 -- the zone is added below
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo and not clock.local:
        return moment
    return moment.replace(tzinfo=clock.where, fold=1 if clock.later else 0)


def _epoch(cell: str, scale: int, clock: Clock) -> datetime | None:
    """The moment of an epoch. Raises UnreadableError for one that is far off: of another unit."""
    if not _EPOCH_TEXT.fullmatch(cell):
        return None
    whole, _, part = cell.partition(".")
    try:
        moment = from_us(int(whole) * scale + int(part.ljust(6, "0") or 0) * scale // 1_000_000)
    except OverflowError:
        moment = LAST
    if not FIRST_INSTANT <= moment < LAST:
        unit = "milliseconds" if moment >= LAST else "seconds"
        raise UnreadableError(Reason.ABSURD_TIME, f"{_shown(cell)} is far off: perhaps it counts {unit}")
    return moment.astimezone(clock.where)


def _shown(cell: str) -> str:
    """The cell as it may stand in a message: quoted, and cut."""
    return repr(cell if len(cell) <= _SHOWN else cell[:_SHOWN] + "…")
