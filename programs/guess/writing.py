"""The proposal as a mapping file: what is sure as it stands, what is not left open, with the reason beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from programs.guess.kinds import Guess, guess
from programs.guess.sheets import Sheet, plain_name, sheets
from programs.guess.values import LOOKED_AT, NULLS, Looks, separators
from topics.sources.mapping_parts import ValueType
from topics.sources.source import Provides

_PLAIN = re.compile(r"[A-Za-z_%^][A-Za-z0-9_./%^-]*( [A-Za-z0-9_./%()-]+)*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n", "unsure"})
_WINTER, _SUMMER = (12, 1, 2), (6, 7, 8)
#: Fewer times than these say nothing of the hours at which people work.
_TIMES_NEEDED = 200
#: A column with more different words holds no names of things.
_FEW_WORDS = 200
_TYPED = {"close_date": ValueType.DAY}


def proposal(path: Path) -> str:
    """A mapping file for a file or a folder. Raises CallError and FilesError for what cannot be read."""
    found = sheets(path)
    guesses = [made for sheet in found if (made := guess(sheet, found)) is not None]
    left_out = [sheet for sheet in found if not any(made.sheet is sheet for made in guesses)]
    return "\n".join(_lines(path, guesses, left_out)) + "\n"


def _lines(path: Path, guesses: list[Guess], left_out: list[Sheet]) -> Iterator[str]:
    yield f"# Proposed from {path.name}, by the first {LOOKED_AT:,} rows. Look at what is marked unsure: what is left"
    yield "# open there is refused until it is filled in."
    for sheet in left_out:
        yield f"# left out: {sheet.pattern}: nothing of it seems to say anything of deals"
    if not any(made.kind in _OF_DEALS for made in guesses):
        yield "# unsure: nothing here looks like deals: no column is called deal_id, opportunity_id, case_id, ..."
    yield "version: 1"
    yield f"tenant: {_tenant(path)} # whose data it is"
    yield f"provides: [{', '.join(sorted(_provides(guesses)))}]"
    yield from _timezone(guesses)
    nulls = sorted({"", *(null for made in guesses for one in _used(made) for null in one.nulls if null in NULLS)})
    yield f"nulls: {_value(nulls)}"
    yield from _separators(guesses)
    yield ""
    yield "tables:" if guesses else "tables: {} # unsure: none was found"
    lookups = {str(made.keys["key"]): made.sheet.name for made in guesses if made.kind == "lookup"}
    for made in guesses:
        yield from _table(made, lookups)


_OF_DEALS = frozenset({"history", "snapshot", "milestones", "unsure"})
_SAYS: Mapping[str, Provides] = {
    "close_date": Provides.CLOSE_DATE,
    "next_step": Provides.NEXT_STEP,
    "forecast_category": Provides.CATEGORY,
    "owner_id": Provides.OWNERS,
    "account_id": Provides.ACCOUNTS,
}


def _provides(guesses: Iterable[Guess]) -> set[Provides]:
    said: set[Provides] = set()
    for made in guesses:
        if made.kind in _OF_DEALS:
            said |= {_SAYS[to] for to in made.columns.values() if to in _SAYS}
        elif made.kind == "activity":
            said |= {Provides.ACTIVITIES}
            constants = made.keys.get("constants")
            said |= {Provides.MEETINGS} if isinstance(constants, dict) and constants.get("meets") else set()
        elif made.kind == "relations":
            said |= {Provides.CONTACTS} if "person" in made.columns.values() else set()
    return said


def _timezone(guesses: Iterable[Guess]) -> Iterator[str]:
    times = [one for made in guesses for one in made.sheet.columns if one.type is ValueType.INSTANT]
    if any(not _has_zone(one) for one in times):
        yield "timezone: UTC # unsure: some times name no zone; is it UTC?"
    else:
        yield "timezone: UTC"
    if any(_stamped_local(one) for one in times):
        yield "stamped: zone # unsure: times are stamped +00:00, yet people begin at the same hour in winter and in"
        yield "# summer: if the digits are local, say `stamped: local` and their `timezone`"


def _has_zone(column: Looks) -> bool:
    """Whether every time of a column says its zone: an epoch does, a pattern seldom, ISO where it is written."""
    if "iso" in column.formats:
        return all(re.search(r"(Z|[+-]\d{2}:?\d{2})$", one) for one in column.values)
    return bool(column.formats) and all(one.startswith("epoch_") or "%z" in one for one in column.formats)


def _stamped_local(column: Looks) -> bool:
    """Whether a column is stamped UTC all year, and its days begin at the same hour in winter and in summer."""
    if not column.values or not all(re.search(r"(Z|\+00:00)$", one) for one in column.values):
        return False
    moments = [datetime.fromisoformat(one) for one in column.values]
    hours = {
        season: sorted(moment.hour for moment in moments if moment.month in season) for season in (_WINTER, _SUMMER)
    }
    if any(len(each) < _TIMES_NEEDED for each in hours.values()):
        return False
    begins = [each[len(each) // 20] for each in hours.values()]
    return begins[0] == begins[1]


def _separators(guesses: Iterable[Guess]) -> Iterator[str]:
    used = [one for made in guesses for one in _used(made)]
    fits = separators(used)
    if len(fits) == 1 or not fits:
        decimal, thousands = fits[0] if fits else (".", "")
        yield f"decimal: {_value(decimal)}" + ("" if fits else " # unsure: no separators fit all numbers")
        yield f"thousands: {_value(thousands)}"
        return
    told = " or ".join(f"decimal {_value(decimal)} with thousands {_value(thousands)}" for decimal, thousands in fits)
    yield f"decimal: unsure # unsure: {told}: every number fits"


def _used(made: Guess) -> list[Looks]:
    """The columns of a table that become something."""
    return [one for one in made.sheet.columns if one.name in made.columns]


def _table(made: Guess, lookups: Mapping[str, str]) -> Iterator[str]:
    sheet = made.sheet
    yield ""
    yield from (f"  # unsure: {note}" for note in (*sheet.unsure, *made.notes))
    yield f"  {sheet.name}:"
    yield f"    file: {_value(sheet.pattern)}"
    if sheet.file.delimiter != ",":
        yield f"    delimiter: {_value(sheet.file.delimiter)}"
    if sheet.file.encoding != "utf-8":
        yield f"    encoding: {sheet.file.encoding}"
    yield f"    kind: {made.kind}"
    for key, value in made.keys.items():
        yield f"    {key}: {_value(value)}{_open(made, value)}"
    if made.kind != "lookup" and (unmapped := _unmapped(made)):
        yield f"    # not mapped: {', '.join(map(_value, unmapped))}"
    if made.columns:
        yield "    columns:"
        for name, to in made.columns.items():
            yield from (f"      # unsure: {note}" for note in _twins(sheet.column(name)))
            yield f"      {_value(name)}: {_column(sheet.column(name), to, lookups.get(name))}"


def _unmapped(made: Guess) -> list[str]:
    """The columns with values that nothing of the table names."""
    said = repr(made.keys)
    return [
        one.name for one in made.sheet.columns if one.rows and one.name not in made.columns and one.name not in said
    ]


def _open(made: Guess, value: object) -> str:
    """Why a time is left open."""
    if not isinstance(value, dict) or "column" not in value:
        return ""
    unsure = made.sheet.column(value["column"]).unsure
    return f" # unsure: {unsure}" if unsure else ""


def _twins(looks: Looks) -> Iterator[str]:
    """Words that differ only in spaces, signs and case, where there are few words: one of them may be misspelt."""
    if looks.type is not ValueType.TEXT or len(looks.values) > _FEW_WORDS:
        return
    alike: dict[str, list[str]] = {}
    for one in looks.values:
        alike.setdefault(re.sub(r"[\W_]+", "", one).lower(), []).append(one)
    for words in alike.values():
        if len(words) > 1:
            yield f"{' and '.join(map(repr, words))} may be the same; `repairs` says so"


def _column(looks: Looks, to: str, lookup: str | None) -> str:
    kind = looks.type if looks.rows else _type_of_empty(to)
    kind = _TYPED.get(to, kind) if looks.is_time else kind
    kind = ValueType.TEXT if kind is not ValueType.BOOL and to in _TEXT_ONLY else kind
    said: dict[str, object] = {"to": to}
    if kind is not ValueType.TEXT:
        said["type"] = kind.value
    if kind in (ValueType.DAY, ValueType.INSTANT):
        said["format"] = list(looks.formats) if len(looks.formats) != 1 else looks.formats[0]
    if kind is ValueType.BOOL and looks.true_when != "true":
        said |= {"true_when": [looks.true_when], "false_when": [looks.false_when]}
    if kind is ValueType.NUMBER and looks.signs:
        said["signs"] = list(looks.signs)
    own = [null for null in looks.nulls if null not in NULLS]
    if own:
        said["nulls"] = own
    if lookup is not None:
        said["join"] = lookup
    unsure = f" # unsure: {looks.unsure}" if looks.unsure and kind in (ValueType.DAY, ValueType.INSTANT) else ""
    return (_value(to) if len(said) == 1 else _value(said)) + unsure


#: Fields that are text, whatever their values look like: ids of digits.
_TEXT_ONLY = frozenset(
    {
        "stage",
        "owner_id",
        "account_id",
        "name",
        "currency",
        "pipeline",
        "forecast_category",
        "next_step",
        "type",
        "lead_source",
        "person",
        "account",
        "owner",
        "deal",
        "activity",
        "role",
        "email",
        "title",
        "industry",
        "country",
        "website",
    }
)


def _type_of_empty(to: str) -> ValueType:
    """The type of a column of which no value was seen: what our field has."""
    if to in {"amount", "employees", "annual_revenue"}:
        return ValueType.NUMBER
    return ValueType.BOOL if to in {"removed", "active", "done"} else ValueType.TEXT


def _tenant(path: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", plain_name(path.name.partition(".")[0])).strip("-._")[:60] or "acme"


def _value(value: object) -> str:
    """A value of YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_value(key)}: {_value(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS and "%" not in text else json.dumps(text)
