"""What mapping files are made of: a column, a time, how they are written; and what is wrong with a file.

Nothing is guessed: a date has a declared format, a repair is a line in the file, and what is neither is dirt that is
counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple, Self, TypeAlias, TypeVar
from zoneinfo import ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from topics.events import DEAL_FIELDS
from topics.sources.cells import FROM_NAME, NAMED_FORMATS, Clock, UnreadableError, instant, zone

ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,79}$")]
TableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,59}$")]
Format = Annotated[str, StringConstraints(min_length=2, max_length=60)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Constant: TypeAlias = str | bool | int | float

_PROBE = datetime(2023, 11, 24, 13, 45, 56)  # noqa: DTZ001 -- a naive probe; only its digits are compared


class ValueType(StrEnum):
    """What a cell holds. A `day` is a calendar day; an `instant` is a moment."""

    TEXT = "text"
    NUMBER = "number"
    DAY = "day"
    INSTANT = "instant"
    BOOL = "bool"


_DATES = (ValueType.DAY, ValueType.INSTANT)


class Problem(NamedTuple):
    """One thing wrong in a mapping file. `where` is the path of keys that leads to it."""

    where: tuple[str | int, ...]
    what: str

    def __str__(self) -> str:
        return f"{'.'.join(str(part) for part in self.where) or 'mapping'}: {self.what}"


class MappingError(ValueError):
    """A mapping file that cannot be used; `problems` holds all of it."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Part(BaseModel):
    """A part of a mapping file: frozen, nothing unknown in it, and every problem of it at once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if found := list(self._problems()):
            raise _inconsistent(found)
        return self

    def _problems(self) -> Iterator[str]:
        """What the fields cannot say one by one."""
        yield from ()


PartT = TypeVar("PartT", bound=Part)


def _inconsistent(found: list[str]) -> PydanticCustomError:
    """The error that carries several problems to `load`, one by one."""
    return PydanticCustomError("inconsistent", "{text}", {"text": "; ".join(found), "each": found})


def as_tuple(value: object) -> object:
    """One text is short for a list of one."""
    return (value,) if isinstance(value, str) else value


Formats = Annotated[tuple[Format, ...], BeforeValidator(as_tuple)]


def _as_text(value: object) -> object:
    """YAML reads 2024-01-31 as a day."""
    return value.isoformat() if isinstance(value, date) else value


class When(Part):
    """Where the time of an event stands, and how it is written. A `day` means its midnight in the mapping's zone.

    It stands in a column; or in the file's own name, where `name` is a regular expression whose one group is the date;
    or it is the same for the whole table (`constant`).
    """

    column: ColumnName | None = None
    name: Pattern | None = Field(default=None, description="a regular expression; its group is the date")
    constant: Annotated[str, BeforeValidator(_as_text)] | None = None
    type: Literal[ValueType.DAY, ValueType.INSTANT]
    format: Formats

    @property
    def cell(self) -> str:
        """Under which name the time stands in a row."""
        return self.column or FROM_NAME

    def _problems(self) -> Iterator[str]:
        yield from format_problems(self.type, self.format)
        if [self.column, self.name, self.constant].count(None) != 2:  # noqa: PLR2004 -- two of the three
            yield "one of column, name and constant says where the time stands"
        if self.name is not None:
            yield from _group_problems(self.name)
        if self.constant is not None:
            yield from _constant_problems(self.constant, self.format)


def _group_problems(pattern: str) -> Iterator[str]:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        yield f"name {pattern!r}: {error}"
    else:
        if groups != 1:
            yield f"name {pattern!r}: needs one group, which is the date"


def _constant_problems(constant: str, formats: tuple[str, ...]) -> Iterator[str]:
    try:
        instant(formats, Clock())(constant)
    except UnreadableError as error:
        yield f"constant: {error}"


class Column(Part):
    """One column: what it becomes, how it is written, what to repair in it and what to expect of it."""

    to: FieldName
    type: ValueType = ValueType.TEXT
    format: Formats = ()
    nulls: tuple[str, ...] = Field(default=(), description="beside the mapping's own")
    values: dict[str, str] = Field(default={}, description="the source's word -> ours; a translation, not dirt")
    repairs: dict[str, str] = Field(default={}, description="misspelt -> right; counted as repaired.<column>")
    expect: tuple[str, ...] = Field(default=(), description="any other value is counted as unexpected.<column>")
    required: bool = Field(default=False, description="an empty one is counted as empty.<column>")
    optional: bool = Field(default=False, description="the files may lack it; then it says nothing")
    join: TableName | None = Field(
        default=None, description="the lookup that has a row for this value; none: unmatched.<column>"
    )
    true_when: tuple[str, ...] = ("true",)
    false_when: tuple[str, ...] = ("false",)
    signs: tuple[str, ...] = Field(default=(), description="what may stand before or after a number: $, EUR, %")

    def _problems(self) -> Iterator[str]:
        if self.type in _DATES:
            yield from self._date_problems()
        elif self.format:
            yield f"{self.type.value} has no format"
        if self.signs and self.type is not ValueType.NUMBER:
            yield f"{self.type.value} has no signs"
        if any(not sign.strip() or any(map(str.isdigit, sign)) for sign in self.signs):
            yield "a sign has no digits, and is not empty"
        if both := {word.lower() for word in self.true_when} & {word.lower() for word in self.false_when}:
            yield f"true and false at once: {', '.join(sorted(both))}"

    def _date_problems(self) -> Iterator[str]:
        """What is wrong with how a date is said to be written."""
        yield from format_problems(self.type, self.format)


def as_column(value: object) -> object:
    """`sales_agent: owner_id` is short for `sales_agent: {to: owner_id}`."""
    return {"to": value} if isinstance(value, str) else value


class Writing(Part):
    """How the values of a source are written, where a column does not say otherwise."""

    timezone: str = Field(default="UTC", description="of times and days that name no zone")
    stamped: Literal["zone", "local"] = Field(
        default="zone", description="local: the zones that times name are wrong; their digits are times of `timezone`"
    )
    ambiguous: Literal["earlier", "later"] = Field(
        default="earlier", description="which one of two, when clocks are put back; counted as ambiguous.<column>"
    )
    nulls: tuple[str, ...] = Field(default=("",), description="cells that hold nothing")
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""

    def _problems(self) -> Iterator[str]:
        try:
            zone(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"no time zone is called {self.timezone!r}"
        if self.decimal == self.thousands:
            yield f"{self.decimal!r} cannot separate both decimals and thousands"

    def clock(self) -> Clock:
        """How times are to be understood that do not say it themselves."""
        return Clock(zone(self.timezone), local=self.stamped == "local", later=self.ambiguous == "later")


Columns = dict[ColumnName, Annotated[Column, BeforeValidator(as_column)]]
#: The types that a target may have; None where there is no such target.
TypesOf: TypeAlias = Callable[[str], tuple[ValueType, ...] | None]

#: What the product itself reads of a deal, where it is not text.
_DEAL_TYPES: dict[str, tuple[ValueType, ...]] = {
    "amount": (ValueType.NUMBER,),
    "close_date": (ValueType.DAY,),
    "created_at": (ValueType.INSTANT, ValueType.DAY),
    "removed": (ValueType.BOOL,),
}


def deal_types(name: str) -> tuple[ValueType, ...] | None:
    """What a field of a deal may be."""
    return _DEAL_TYPES.get(name, (ValueType.TEXT,) if name in DEAL_FIELDS else tuple(ValueType))


def type_problems(columns: Mapping[str, Column], types_of: TypesOf, what: str) -> Iterator[str]:
    """Columns that become something which `what` does not have, or of another type."""
    for name, column in columns.items():
        allowed = types_of(column.to)
        if allowed is None:
            yield f"columns.{name}: {what} has no {column.to}"
        elif column.type not in allowed:
            yield f"columns.{name}: {column.to} is {' or '.join(allowed)}, not {column.type.value}"


def format_problems(kind: ValueType, formats: tuple[str, ...]) -> Iterator[str]:
    """Formats that cannot be read, or that lose a part of the date."""
    if not formats:
        yield f"{kind.value} needs a format: a date is never guessed"
    for pattern in formats:
        if pattern not in NAMED_FORMATS and (what := _pattern_problem(kind, pattern)):
            yield f"format {pattern!r}: {what}"


def _pattern_problem(kind: ValueType, pattern: str) -> str:
    """What a pattern loses of a date when it is written and read again; nothing when it keeps all that is needed."""
    if "%Z" in pattern:
        return "names of zones are ambiguous; use %z"
    bare = pattern.replace("%z", "")
    try:
        back = datetime.strptime(_PROBE.strftime(bare), bare)  # noqa: DTZ007 -- see _PROBE
    except ValueError as error:
        return str(error)
    if back.date() != _PROBE.date():
        return "does not say the year, the month and the day"
    return "does not say the hour" if kind is ValueType.INSTANT and back.hour != _PROBE.hour else ""


def validated(model: type[PartT], data: object) -> PartT:
    """A file's content as this model. Raises MappingError with every problem."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise MappingError(_problems_of(error)) from error


def _problems_of(error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False):
        texts: list[str] = detail.get("ctx", {}).get("each", [detail["msg"]])
        yield from (Problem(_path(detail["loc"]), text) for text in texts)


def _path(where: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The keys as they stand in the file: pydantic puts the kind of a table behind its name."""
    return (*where[:2], *where[3:]) if where[:1] == ("tables",) else where
