"""What the values of one column seem to be: their type, how they are written, what stands for nothing.

Nothing is guessed where two readings fit: then `unsure` says so, and the mapping file is left open there.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from topics.sources.cells import Raw, UnreadableError, as_text, number
from topics.sources.mapping_parts import ValueType

#: What exports write for nothing, and nobody writes for something.
NULLS = ("?", "N/A", "n/a", "#N/A", "NULL", "null", "NaN", "nan", "None")
#: What may be a word of the business, too: nothing only where every other value is a number or a date.
_MAYBE_NULLS = ("-", "--", "NA", "na", "none", "EMPTY", "(blank)", "0000-00-00")
#: Days that stand for "never" or "not yet".
_SENTINEL = re.compile(r"(?:9999|2999|3000|4000|1900|1899|0001)-|1970-01-01|12/31/9999|31/12/9999|1/1/1900|2050-01-01")

_BOOLS = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
_DAYS = (
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%Y/%m/%d",
    "%Y-%m-%d",
    "%d %b %Y",
    "%b %d, %Y",
    "%d-%b-%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
)
_TIMES = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_EPOCHS = {"epoch_s": (10, 10), "epoch_ms": (13, 13)}
_INTEGER = re.compile(r"[0-9]+")
#: So many rows of a table are looked at.
LOOKED_AT = 50_000

#: (decimal, thousands), the plainest first.
SEPARATORS = ((".", ""), (",", ""), (".", ","), (",", "."), (".", " "), (",", " "), (".", "'"))
_SIGNS = re.compile(r"^(?:[$€£¥]|[A-Z]{3}(?= ))|(?:[$€£¥%]|(?<= )[A-Z]{3})$")


class Looks(NamedTuple):
    """What a column looks like. `values`: the different ones that are no nulls, as text. `rows`: how many are none."""

    name: str
    type: ValueType
    values: tuple[str, ...]
    rows: int = 0
    of: int = 0
    formats: tuple[str, ...] = ()
    nulls: tuple[str, ...] = ()
    signs: tuple[str, ...] = ()
    true_when: str = "true"
    false_when: str = "false"
    unsure: str = ""

    @property
    def is_time(self) -> bool:
        """Whether it is a day or an instant, as far as can be told."""
        return self.type in (ValueType.DAY, ValueType.INSTANT)

    @property
    def is_unique(self) -> bool:
        """Whether no value stands twice, and none is missing."""
        return self.rows == self.of == len(self.values)


def looks(name: str, cells: Sequence[Raw], *, may_be_time: bool) -> Looks:
    """What a column looks like. `may_be_time`: its name allows a number to be an epoch."""
    texts = ["" if cell is None else as_text(cell).strip() for cell in cells]
    counted = Counter(texts)
    empty = [text for text in counted if text in NULLS]
    solid = [text for text in counted if text and text not in NULLS]
    of_type = _by_type(name, solid, may_be_time=may_be_time)
    if of_type.type is ValueType.TEXT:
        of_type = _without_maybes(name, solid, may_be_time=may_be_time) or of_type
    kept = set(solid) - set(of_type.nulls)
    nulls = tuple(sorted({*empty, *of_type.nulls}))
    return of_type._replace(
        values=tuple(sorted(kept)), rows=sum(counted[text] for text in kept), of=len(texts), nulls=nulls
    )


def _without_maybes(name: str, solid: list[str], *, may_be_time: bool) -> Looks | None:
    """The column without what may stand for nothing, where the rest is of another type than text."""
    maybes = [text for text in solid if text in _MAYBE_NULLS]
    if not maybes or len(maybes) == len(solid):
        return None
    found = _by_type(name, [text for text in solid if text not in maybes], may_be_time=may_be_time)
    return None if found.type is ValueType.TEXT else found._replace(nulls=(*found.nulls, *maybes))


def _by_type(name: str, solid: list[str], *, may_be_time: bool) -> Looks:
    text = Looks(name, ValueType.TEXT, ())
    if not solid:
        return text
    lower = {one.lower() for one in solid}
    if any(lower <= words for words in _BOOLS):
        words = next(words for words in _BOOLS if lower <= words)
        yes = next(word for word in ("true", "yes", "t", "y") if word in words)
        return text._replace(type=ValueType.BOOL, true_when=yes, false_when=next(iter(words - {yes})))
    sentinels = [one for one in solid if _SENTINEL.match(one)]
    dated = [one for one in solid if one not in sentinels]
    if dated and (found := _dates(name, dated, may_be_time=may_be_time)):
        return found._replace(nulls=tuple(sentinels))
    return _numbers(name, solid) or text


def _dates(name: str, values: list[str], *, may_be_time: bool) -> Looks | None:
    if may_be_time and all(map(_INTEGER.fullmatch, values)):
        fits = [key for key, (low, high) in _EPOCHS.items() if all(low <= len(one) <= high for one in values)]
        return Looks(name, ValueType.INSTANT, (), formats=tuple(fits)) if fits else None
    if _fits_all("iso", values):
        return Looks(name, _day_or_instant("iso", values), (), formats=("iso",))
    patterns = [day + time for day in _DAYS for time in _TIMES]
    fits = [pattern for pattern in patterns if _fits_all(pattern, values)]
    if not fits:
        return _mixed(name, values, patterns)
    kind = _day_or_instant(fits[0], values)
    if len({_moments(pattern, values) for pattern in fits}) > 1:
        return Looks(name, kind, (), unsure=f"every date fits {' and '.join(fits)}")
    unsure = "years of two digits" if "%y" in fits[0] else ""
    return Looks(name, kind, (), formats=() if unsure else (fits[0],), unsure=unsure)


def _mixed(name: str, values: list[str], patterns: list[str]) -> Looks | None:
    """Two spellings in one column: of ISO's and of another that is no other order of the day."""
    some = [one for one in values if _read("iso", one) is None]
    if len(some) == len(values):
        return _two_precisions(name, values, patterns)
    fits = [pattern for pattern in patterns if pattern.startswith("%Y-") and _fits_all(pattern, some)]
    if not fits:
        return None
    return Looks(name, _day_or_instant("iso", values), (), formats=("iso", fits[0]))


def _two_precisions(name: str, values: list[str], patterns: list[str]) -> Looks | None:
    """Times with and without fractions, or seconds, of one order of the day."""
    for day in _DAYS:
        mine = [pattern for pattern in patterns if pattern in {day + time for time in _TIMES}]
        needed = [pattern for pattern in mine if any(_read(pattern, one) for one in values)]
        if needed and all(any(_read(pattern, one) for pattern in needed) for one in values):
            twins = [other for other in _DAYS if other != day and all(_reads_some(other, one) for one in values)]
            if twins:
                return Looks(name, ValueType.INSTANT, (), unsure=f"every date fits {day} and {' and '.join(twins)}")
            return Looks(name, ValueType.INSTANT, (), formats=tuple(needed))
    return None


def _reads_some(day: str, value: str) -> bool:
    return any(_read(day + time, value) for time in _TIMES)


def _fits_all(pattern: str, values: Iterable[str]) -> bool:
    return all(_read(pattern, one) is not None for one in values)


def _read(pattern: str, value: str) -> datetime | None:
    try:
        if pattern == "iso":
            return datetime.fromisoformat(value) if "-" in value[1:] else None
        return datetime.strptime(value, pattern)  # noqa: DTZ007 -- only its digits are compared
    except ValueError:
        return None


def _moments(pattern: str, values: Iterable[str]) -> tuple[datetime | None, ...]:
    return tuple(_read(pattern, one) for one in values)


def _day_or_instant(pattern: str, values: Iterable[str]) -> ValueType:
    """A column of midnights holds days."""
    midnights = all(
        moment is None or (moment.hour, moment.minute, moment.second) == (0, 0, 0)
        for moment in (_read(pattern, one) for one in values)
    )
    return ValueType.DAY if midnights else ValueType.INSTANT


def _numbers(name: str, values: list[str]) -> Looks | None:
    signs = tuple(sorted({found[0].strip() for one in values if (found := _SIGNS.search(one))}))
    if any(_fits_separators(pair, values, signs) for pair in SEPARATORS):
        return Looks(name, ValueType.NUMBER, (), signs=signs)
    return None


def _fits_separators(pair: tuple[str, str], values: Iterable[str], signs: tuple[str, ...] = ()) -> bool:
    read = number_of(pair, signs)
    return all(read(one) is not None for one in values)


def number_of(pair: tuple[str, str], signs: tuple[str, ...]) -> Callable[[str], float | None]:
    """Reads a number with these separators; None for what is none."""
    read = number(*pair, signs)

    def of(text: str) -> float | None:
        try:
            return read(text)
        except UnreadableError:
            return None

    return of


def separators(columns: Iterable[Looks]) -> list[tuple[str, str]]:
    """The separators with which every number of a load can be read; several only where they mean different numbers."""
    numbers = [column for column in columns if column.type is ValueType.NUMBER]
    meanings: dict[tuple[float | None, ...], tuple[str, str]] = {}
    for pair in SEPARATORS:
        read = tuple(number_of(pair, column.signs)(one) for column in numbers for one in column.values)
        if None not in read:
            meanings.setdefault(read, pair)
    return list(meanings.values())
