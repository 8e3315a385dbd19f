"""The mapping file of tables, as a value: which file, which column is what, how it is written, and what dirt to expect.

Nothing is guessed: a date has a declared format, a repair is a line in the file, and what is neither is dirt that is
counted. `load` takes the file's content (a dict) and answers with a `Mapping` or with every problem at once.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as AbstractMapping
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal, NamedTuple, Self, TypeAlias, TypeVar, get_args
from zoneinfo import ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from topics.events import DEAL_FIELDS, Direction
from topics.sources.cells import zone
from topics.sources.source import Provides, Source, SourceKind

ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=200)]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,79}$")]
TableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,59}$")]
Format = Annotated[str, StringConstraints(min_length=2, max_length=60)]
Constant: TypeAlias = str | bool | int | float

#: Formats that have a name instead of a pattern; everything else is a pattern of `datetime.strptime`.
NAMED_FORMATS = ("iso", "epoch_s", "epoch_ms")

_PROBE = datetime(2023, 11, 24, 13, 45, 56)  # noqa: DTZ001 -- a naive probe; only its digits are compared


class ValueType(StrEnum):
    """What a cell holds. A `day` is a calendar day; an `instant` is a moment."""

    TEXT = "text"
    NUMBER = "number"
    DAY = "day"
    INSTANT = "instant"
    BOOL = "bool"


_DATES = (ValueType.DAY, ValueType.INSTANT)

#: What the product itself reads of a deal, where it is not text.
_DEAL_TYPES: dict[str, tuple[ValueType, ...]] = {
    "amount": (ValueType.NUMBER,),
    "close_date": (ValueType.DAY,),
    "created_at": (ValueType.INSTANT, ValueType.DAY),
}
#: What a column of an activity may become (see `topics.events.ActivityChanged`); its deal and its time stand apart.
_ACTIVITY_TYPES: dict[str, tuple[ValueType, ...]] = {
    "person": (ValueType.TEXT,),
    "owner": (ValueType.TEXT,),
    "channel": (ValueType.TEXT,),
    "direction": (ValueType.TEXT,),
    "meets": (ValueType.BOOL,),
    "done": (ValueType.BOOL,),
    "removed": (ValueType.BOOL,),
}


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


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Formats = Annotated[tuple[Format, ...], BeforeValidator(_as_tuple)]
Stages = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]


class When(Part):
    """Where the time of an event stands, and how it is written. A `day` means its midnight in the mapping's zone."""

    column: ColumnName
    type: Literal[ValueType.DAY, ValueType.INSTANT]
    format: Formats

    def _problems(self) -> Iterator[str]:
        yield from _format_problems(self.type, self.format)


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
    join: TableName | None = Field(
        default=None, description="the lookup that has a row for this value; none: unmatched.<column>"
    )
    true_when: tuple[str, ...] = ("true",)
    false_when: tuple[str, ...] = ("false",)

    def _problems(self) -> Iterator[str]:
        if self.type in _DATES:
            yield from _format_problems(self.type, self.format)
        elif self.format:
            yield f"{self.type.value} has no format"
        if both := {word.lower() for word in self.true_when} & {word.lower() for word in self.false_when}:
            yield f"true and false at once: {', '.join(sorted(both))}"


def _as_column(value: object) -> object:
    """`sales_agent: owner_id` is short for `sales_agent: {to: owner_id}`."""
    return {"to": value} if isinstance(value, str) else value


Columns = dict[ColumnName, Annotated[Column, BeforeValidator(_as_column)]]


class _File(Part):
    file: str = Field(min_length=1, description="a name or a glob under the folder that is loaded; .gz is unpacked")
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"

    def _problems(self) -> Iterator[str]:
        path = PurePosixPath(self.file)
        if path.is_absolute() or ".." in path.parts:
            yield f"file {self.file!r} leads out of the folder that is loaded"
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            yield f"no encoding is called {self.encoding!r}"


class Lookup(_File):
    """A table that says more about the values of another one: one row per `key`. It makes no events by itself."""

    kind: Literal["lookup"]
    key: ColumnName


class _Rows(_File):
    sorted: bool = Field(
        default=False, description="true: in order of time already, so it is streamed; false: sorted in memory"
    )
    deal: ColumnName = Field(description="the column of the deal's id")
    columns: Columns = {}
    constants: dict[FieldName, Constant] = Field(default={}, description="what every row says without a column")

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        targets = Counter([*(column.to for column in self.columns.values()), *self.constants])
        yield from (f"{name} is filled {times} times" for name, times in targets.items() if times > 1)

    def event_times(self) -> tuple[When, ...]:
        """Where the times of a row's events stand, in the order of the row's events."""
        raise NotImplementedError

    def own_columns(self) -> set[str]:
        """The columns that the file must have; those of lookups (`lookup.column`) are among `columns` too."""
        return {self.deal, *self.columns, *(when.column for when in self.event_times())}


class _DealRows(_Rows):
    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        yield from _type_problems(self.columns, _deal_types)


class Changes(Part):
    """A history in which each row changes one field: the column with its name, the column with its new value."""

    field: ColumnName
    value: ColumnName


class History(_DealRows):
    """One row per change of a deal.

    Without `changes`, `columns` are columns and each row states all of them; `full` says that nothing else is known of
    the deal. With `changes`, `columns` are the names that stand in the field column; other names are silent.
    """

    kind: Literal["history"]
    at: When
    changes: Changes | None = None
    full: bool = False

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if not self.columns:
            yield "no columns"
        if self.changes and self.full:
            yield "a row that changes one field is no full record"

    def event_times(self) -> tuple[When, ...]:
        """The time of the change."""
        return (self.at,)

    def own_columns(self) -> set[str]:
        """With `changes`, the keys of `columns` are values of a column."""
        if self.changes is None:
            return super().own_columns()
        return {self.deal, self.at.column, self.changes.field, self.changes.value}


class Activity(_Rows):
    """One row per contact between people. `done` is true unless a column or a constant says otherwise.

    `at` is when it took or takes place; for a meeting (`meets`), its end.
    """

    kind: Literal["activity"]
    at: When
    id: ColumnName | None = Field(default=None, description="none: the row's content is what identifies it")

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        yield from _type_problems(self.columns, _ACTIVITY_TYPES.get)
        for name, value in self.constants.items():
            if name not in _ACTIVITY_TYPES:
                yield f"an activity has no {name}"
            elif isinstance(value, bool) is not (_ACTIVITY_TYPES[name] == (ValueType.BOOL,)):
                yield f"{name}: {value!r} is of the wrong type"
            elif name == "direction" and value not in get_args(Direction):
                yield f"direction: {value!r} is none of {', '.join(get_args(Direction))}"

    def event_times(self) -> tuple[When, ...]:
        """The time of the contact."""
        return (self.at,)

    def own_columns(self) -> set[str]:
        """With the column of the activity's own id."""
        return super().own_columns() | ({self.id} if self.id else set())


class Milestone(Part):
    """A dated column: on that date the deal entered this stage (of several: the one that the row's stage names).

    `reveals` are columns that were filled in on that date, which the dates before could not know.
    """

    stage: Stages
    at: When
    reveals: tuple[ColumnName, ...] = ()
    creates: bool = Field(default=False, description="the deal came into being on that date")


class Milestones(_DealRows):
    """One row per deal as it stands, with dated columns for the past: each date becomes a change of its own."""

    kind: Literal["milestones"]
    milestones: tuple[Milestone, ...] = Field(min_length=1, description="in the order in which a deal passes them")

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if not any(column.to == "stage" for column in self.columns.values()):
            yield "no column becomes the stage"
        stages = Counter(stage for milestone in self.milestones for stage in milestone.stage)
        yield from (f"stage {stage!r} has {times} milestones" for stage, times in stages.items() if times > 1)
        if any(len(milestone.stage) > 1 for milestone in self.milestones[:-1]):
            yield "only the last milestone may be one of several stages: of an earlier one the row does not say which"
        revealed = (name for milestone in self.milestones for name in milestone.reveals)
        yield from (f"reveals {name!r}, which is no mapped column" for name in revealed if name not in self.columns)
        if sum(milestone.creates for milestone in self.milestones) > 1:
            yield "a deal comes into being once"

    def event_times(self) -> tuple[When, ...]:
        """One per milestone."""
        return tuple(milestone.at for milestone in self.milestones)


Table: TypeAlias = Annotated[History | Activity | Milestones | Lookup, Field(discriminator="kind")]
RowTable: TypeAlias = History | Activity | Milestones


class Mapping(Part):
    """Everything that a folder of tables needs to become events. The order of `tables` decides between equal times."""

    version: Literal[1] = 1
    tenant: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")
    playbook: str | None = Field(default=None, description="the playbook that fits, relative to this file")
    provides: frozenset[Provides] = frozenset()
    timezone: str = Field(default="UTC", description="of times and days that name no zone")
    nulls: tuple[str, ...] = Field(default=("",), description="cells that hold nothing")
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    tables: dict[TableName, Table] = Field(min_length=1)

    def _problems(self) -> Iterator[str]:
        try:
            zone(self.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            yield f"no time zone is called {self.timezone!r}"
        if self.decimal == self.thousands:
            yield f"{self.decimal!r} cannot separate both decimals and thousands"
        if not self.row_tables():
            yield "only lookups: no table makes events"
        for name, table in self.row_tables().items():
            yield from (f"tables.{name}: {what}" for what in self._join_problems(table))

    def _join_problems(self, table: RowTable) -> Iterator[str]:
        joined = {column.join for column in table.columns.values()} - {None}
        lookups = self.lookups()
        yield from (f"joins {name!r}, which is no lookup" for name in sorted(filter(None, joined - set(lookups))))
        for column in table.columns:
            lookup = column.partition(".")[0]
            if self.is_joined(column) and lookup not in joined:
                yield f"{column!r} needs a column that joins {lookup!r}"

    def row_tables(self) -> dict[str, RowTable]:
        """The tables whose rows make events."""
        return {name: table for name, table in self.tables.items() if not isinstance(table, Lookup)}

    def lookups(self) -> dict[str, Lookup]:
        """The tables that only say more about values of others."""
        return {name: table for name, table in self.tables.items() if isinstance(table, Lookup)}

    def is_joined(self, column: str) -> bool:
        """Whether a column, written `lookup.column`, comes from a lookup."""
        lookup, dot, _ = column.partition(".")
        return bool(dot) and lookup in self.lookups()


def load(data: object) -> Mapping:
    """The mapping that a file's content describes. Raises MappingError with every problem."""
    return validated(Mapping, data)


def validated(model: type[PartT], data: object) -> PartT:
    """A file's content as this model. Raises MappingError with every problem."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise MappingError(_problems_of(error)) from error


def as_source(name: str, data: AbstractMapping[str, object]) -> Source:
    """The source that a mapping file describes by itself, called `name`. Raises MappingError."""
    mapping = load(data)
    return Source(
        name=name, kind=SourceKind.TABLES, tenant=mapping.tenant, provides=mapping.provides, mapping=dict(data)
    )


def _problems_of(error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors(include_url=False, include_input=False):
        texts: list[str] = detail.get("ctx", {}).get("each", [detail["msg"]])
        yield from (Problem(_path(detail["loc"]), text) for text in texts)


def _path(where: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The keys as they stand in the file: pydantic puts the kind of a table behind its name."""
    return (*where[:2], *where[3:]) if where[:1] == ("tables",) else where


def _format_problems(kind: ValueType, formats: tuple[str, ...]) -> Iterator[str]:
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


def _deal_types(name: str) -> tuple[ValueType, ...] | None:
    return _DEAL_TYPES.get(name, (ValueType.TEXT,) if name in DEAL_FIELDS else tuple(ValueType))


def _type_problems(columns: Columns, types_of: Callable[[str], tuple[ValueType, ...] | None]) -> Iterator[str]:
    for name, column in columns.items():
        allowed = types_of(column.to)
        if allowed is None:
            yield f"columns.{name}: an activity has no {column.to}"
        elif column.type not in allowed:
            yield f"columns.{name}: {column.to} is {' or '.join(allowed)}, not {column.type.value}"
