"""One cell of text to a value, by a declared format. What does not fit is refused, never guessed.

A reader of cells takes stripped text that is not null and raises `UnreadableError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from topics.events import Scalar
from topics.instants import from_us, to_us

Read = Callable[[str], Scalar]

#: The years that a date of a deal can lie in: instants are counted from 1970, and sentinels such as 9999-12-31 are
#: no dates (declare them as nulls).
FIRST_YEAR, LAST_YEAR = 1970, 2199

_EPOCH_US = {"epoch_s": 1_000_000, "epoch_ms": 1_000}
_EPOCH_TEXT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,6})?")
_SHOWN = 60  # characters of a cell in a message
_CACHED_DATES = 8192  # twenty years of days, or the instants of a burst


class Reason(StrEnum):
    """Why a row of a table is rejected."""

    NOT_JSON = "not_json"
    WRONG_TYPE = "wrong_type"
    TOO_LONG = "too_long"
    UNKNOWN_TABLE = "unknown_table"
    NO_DEAL_ID = "no_deal_id"
    BAD_DATE = "bad_date"
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


def text(cell: str) -> str:
    """The text itself."""
    return cell


def number(decimal: str, thousands: str) -> Callable[[str], float]:
    """Numbers with this decimal separator, and groups of three where there is a separator of thousands."""
    group = re.escape(thousands)
    whole = rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+)" if thousands else "[0-9]+"
    shape = re.compile(rf"[+-]?{whole}(?:{re.escape(decimal)}[0-9]+)?(?:[eE][+-]?[0-9]{{1,3}})?")

    def read(cell: str) -> float:
        if not shape.fullmatch(cell):
            raise UnreadableError(Reason.WRONG_TYPE, f"{_shown(cell)} is no number")
        value = float(cell.replace(thousands, "").replace(decimal, "."))
        if not math.isfinite(value):
            raise UnreadableError(Reason.WRONG_TYPE, f"{_shown(cell)} is too large a number")
        return value

    return read


def boolean(true_when: tuple[str, ...], false_when: tuple[str, ...]) -> Callable[[str], bool]:
    """The declared words for true and false, in any case."""
    words = {word.lower(): True for word in true_when} | {word.lower(): False for word in false_when}

    def read(cell: str) -> bool:
        value = words.get(cell.lower())
        if value is None:
            raise UnreadableError(Reason.WRONG_TYPE, f"{_shown(cell)} is none of {', '.join(words)}")
        return value

    return read


def day(formats: tuple[str, ...], where: tzinfo) -> Callable[[str], str]:
    """The calendar day, as an ISO string. `where` matters only to formats that are instants (epochs)."""
    moment = _moment(formats, where)
    return lru_cache(_CACHED_DATES)(lambda cell: moment(cell).date().isoformat())


def midnight(formats: tuple[str, ...], where: tzinfo) -> Callable[[str], int]:
    """The first instant of the calendar day in that zone, in microseconds since 1970."""
    calendar_day = day(formats, where)
    return lru_cache(_CACHED_DATES)(
        lambda cell: to_us(datetime.combine(date.fromisoformat(calendar_day(cell)), time(), where))
    )


def instant(formats: tuple[str, ...], where: tzinfo) -> Callable[[str], int]:
    """The moment in microseconds since 1970. Without a zone of its own it is in `where` (the earlier of two)."""
    moment = _moment(formats, where)
    return lru_cache(_CACHED_DATES)(lambda cell: to_us(moment(cell)))


def _moment(formats: tuple[str, ...], where: tzinfo) -> Callable[[str], datetime]:
    """The aware moment that all fitting formats agree on."""

    def read(cell: str) -> datetime:
        fits = {moment for pattern in formats if (moment := _fit(cell, pattern, where)) is not None}
        if not fits:
            raise UnreadableError(Reason.BAD_DATE, f"{_shown(cell)} is not of the form {' or '.join(formats)}")
        if len(fits) > 1:
            raise UnreadableError(Reason.BAD_DATE, f"{_shown(cell)} means different times in {' and '.join(formats)}")
        moment = fits.pop()
        if not FIRST_YEAR <= moment.astimezone(UTC).year <= LAST_YEAR:
            raise UnreadableError(Reason.BAD_DATE, f"{_shown(cell)} is outside the years {FIRST_YEAR} to {LAST_YEAR}")
        return moment

    return read


def _fit(cell: str, pattern: str, where: tzinfo) -> datetime | None:
    try:
        moment = _parse(cell, pattern, where)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=where)


def _parse(cell: str, pattern: str, where: tzinfo) -> datetime:
    if scale := _EPOCH_US.get(pattern):
        return _epoch(cell, scale).astimezone(where)
    if pattern == "iso":
        return datetime.fromisoformat(cell)
    return datetime.strptime(cell, pattern)  # noqa: DTZ007 -- the caller adds the zone where the format has none


def _epoch(cell: str, scale: int) -> datetime:
    if not _EPOCH_TEXT.fullmatch(cell):
        raise ValueError(cell)
    whole, _, part = cell.partition(".")
    return from_us(int(whole) * scale + int(part.ljust(6, "0") or 0) * scale // 1_000_000)


def _shown(cell: str) -> str:
    """The cell as it may stand in a message: quoted, and cut."""
    return repr(cell if len(cell) <= _SHOWN else cell[:_SHOWN] + "…")
