"""The mapping file of Debezium, as a value: which table of the database is what, and which column means what.

    kind: debezium
    tenant: acme
    provides: [activities, close_date]
    tables:
      public.opportunities:
        kind: deals
        key: id
        columns: {stage: stage, amount: {to: amount, type: number}, is_deleted: {to: removed, type: bool}}

A table is called `table`, `schema.table` (`db.table` in MySQL) or `db.schema.table`; the longest name that fits counts,
and what a record does not say of its table is not asked.
How a value is written is said by the record's schema where it has one, else by `format`; a date without either is ISO
text. `load` takes the file's content (a dict) and answers with a `DatabaseMapping` or with every problem at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, NamedTuple, TypeAlias, get_args

from pydantic import BeforeValidator, Field, StringConstraints

from topics.events import Direction
from topics.sources.mapping_parts import (
    Column,
    ColumnName,
    Constant,
    FieldName,
    Formats,
    Part,
    TypesOf,
    ValueType,
    Writing,
    as_column,
    as_tuple,
    deal_types,
    format_problems,
    type_problems,
    validated,
)
from topics.sources.source import Provides, Source, SourceKind
from topics.sources.tables.kinds import ACTIVITY_TYPES, PERSON_TYPES, RELATION_TYPES, account_types

TableName = Annotated[str, StringConstraints(pattern=r"^[^.\s]+(\.[^.\s]+){0,2}$", max_length=200)]
UNAVAILABLE = "__debezium_unavailable_value"
#: Dates that are numbers, counted from 1970: how many are a second. Days are of a calendar and have no seconds.
EPOCHS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000, "epoch_ns": 1_000_000_000}
_NUMBERS = (*EPOCHS, "epoch_days")

_DATES = (ValueType.DAY, ValueType.INSTANT)
_TEXT = (ValueType.TEXT,)
_NAMES = {"first_name": _TEXT, "last_name": _TEXT}
_CONSTANT_TYPES = {str: ValueType.TEXT, bool: ValueType.BOOL, int: ValueType.NUMBER, float: ValueType.NUMBER}
#: A row is gone where a flag says so, or where the time of its deletion is filled in.
_REMOVED = (ValueType.BOOL, ValueType.INSTANT)


class DatabaseColumn(Column):
    """One column of a table. `of` names the table whose ids these are, where several of its kind are mapped."""

    of: TableName | None = None
    local: bool = Field(default=False, description="an epoch counts from 1970 in the mapping's zone, not in UTC")
    scale: int | None = Field(
        default=None, ge=-64, le=64, description="numbers are base64 with so many digits behind the point"
    )

    @property
    def epoch(self) -> str | None:
        """The format of dates that are numbers."""
        return next((name for name in self.format if name in _NUMBERS), None)

    def _date_problems(self) -> Iterator[str]:
        """A date needs no format: the record's schema says it, or it is ISO text."""
        yield from date_problems(self.type, self.format)

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.scale is not None and self.type is not ValueType.NUMBER:
            yield f"{self.type.value} has no scale"
        if self.local and (self.epoch is None or self.type is not ValueType.INSTANT):
            yield "only an instant that is an epoch can be local"
        if self.join is not None:
            yield "joins are for files: a table of a database has a kind of its own"


def date_problems(kind: ValueType, formats: tuple[str, ...]) -> Iterator[str]:
    """What is wrong with the formats of a date, which may have none."""
    numbers = [name for name in formats if name in _NUMBERS]
    patterns = tuple(name for name in formats if name not in _NUMBERS)
    if len(numbers) > 1:
        yield f"a number is one of {', '.join(numbers)}, not any"
    if patterns:
        yield from format_problems(kind, patterns)


DatabaseColumns = dict[ColumnName, Annotated[DatabaseColumn, BeforeValidator(as_column)]]


class Changed(Part):
    """The column that says when a row changed last, for records that do not say it themselves."""

    column: ColumnName
    type: Literal[ValueType.DAY, ValueType.INSTANT] = ValueType.INSTANT
    format: Formats = ()

    def _problems(self) -> Iterator[str]:
        yield from date_problems(self.type, self.format)


class _Kind(NamedTuple):
    """A kind of table: the targets with their types, beside `removed`; which hold ids, and of which kind of table."""

    what: str
    types_of: TypesOf
    refers: Mapping[str, str]


_KINDS: Mapping[str, _Kind] = {
    "deals": _Kind("a deal", deal_types, {"account_id": "accounts", "owner_id": "users"}),
    "activities": _Kind(
        "an activity",
        {**ACTIVITY_TYPES, "deal": _TEXT, "at": _DATES}.get,
        {"deal": "deals", "person": "people", "account": "accounts", "owner": "users"},
    ),
    "accounts": _Kind("an account", account_types, {}),
    "people": _Kind(
        "a person",
        ({name: PERSON_TYPES[name] for name in ("name", "email", "title", "account")} | _NAMES).get,
        {"account": "accounts"},
    ),
    "users": _Kind(
        "a user", ({name: PERSON_TYPES[name] for name in ("name", "email", "active", "team", "role")} | _NAMES).get, {}
    ),
    "relations": _Kind(
        "a tie",
        RELATION_TYPES.get,
        {"deal": "deals", "activity": "activities", "person": "people", "account": "accounts", "owner": "users"},
    ),
}


class DatabaseTable(Part):
    """What all mapped tables have. `key`: the columns of the row's id."""

    kind: str
    key: Annotated[tuple[ColumnName, ...], BeforeValidator(as_tuple), Field(min_length=1)]
    columns: DatabaseColumns = Field(default={})
    constants: dict[FieldName, Constant] = Field(default={}, description="what every row says without a column")
    changed: Changed | None = None

    def _problems(self) -> Iterator[str]:
        targets = Counter([*(column.to for column in self.columns.values()), *self.constants])
        yield from (f"{name} is filled {times} times" for name, times in targets.items() if times > 1)
        yield from type_problems(self.columns, self._types_of, _KINDS[self.kind].what)
        for name, value in self.constants.items():
            yield from self._constant_problems(name, value)
        for name, column in self.columns.items():
            if column.of is not None and column.to not in self.refers:
                yield f"columns.{name}: {column.to} is no id of another table"

    def _constant_problems(self, name: str, value: Constant) -> Iterator[str]:
        allowed = self._types_of(name)
        if name == "removed":
            yield "removed is said by a column, not by all rows"
        elif allowed is None:
            yield f"{_KINDS[self.kind].what} has no {name}"
        elif _CONSTANT_TYPES[type(value)] not in allowed:
            yield f"{name}: {value!r} is of the wrong type"

    def _types_of(self, name: str) -> tuple[ValueType, ...] | None:
        return _REMOVED if name == "removed" else _KINDS[self.kind].types_of(name)

    @property
    def refers(self) -> Mapping[str, str]:
        """The targets that hold ids, and of which kind of table."""
        return _KINDS[self.kind].refers


class Deals(DatabaseTable):
    """One row per deal."""

    kind: Literal["deals"]


class Activities(DatabaseTable):
    """One row per call, e-mail, meeting or task. `done` is true unless a column or a constant says otherwise.

    `at` is when it took or takes place, or is due; for a meeting (`meets`), its end.
    """

    kind: Literal["activities"]

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        direction = self.constants.get("direction")
        if direction is not None and direction not in get_args(Direction):
            yield f"direction: {direction!r} is none of {', '.join(get_args(Direction))}"


class Accounts(DatabaseTable):
    """One row per company."""

    kind: Literal["accounts"]


class People(DatabaseTable):
    """One row per buyer: a contact, a lead. A name may stand in two columns: `first_name` and `last_name`."""

    kind: Literal["people"]


class Users(DatabaseTable):
    """One row per user of the CRM. Who is removed is not active."""

    kind: Literal["users"]


class Relations(DatabaseTable):
    """One row per tie of a person, an account or an owner to a deal or an activity, or of an activity to a deal."""

    kind: Literal["relations"]

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        ends = {column.to for column in self.columns.values()} & self.refers.keys()
        if not ends & {"deal", "activity"} or len(ends) == 1:
            yield "a tie names a deal or an activity, and who is tied to it"


Table: TypeAlias = Annotated[Deals | Activities | Accounts | People | Users | Relations, Field(discriminator="kind")]


class DatabaseMapping(Writing):
    """Everything that the changes of a database need to become events."""

    kind: Literal["debezium"] = "debezium"
    version: Literal[1] = 1
    tenant: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")
    playbook: str | None = Field(default=None, description="the playbook that fits, relative to this file")
    provides: frozenset[Provides] = frozenset()
    ids: Literal["per_table", "global"] = Field(
        default="per_table", description="global: no two rows of any tables have the same id (UUIDs)"
    )
    tombstones: Literal["silent", "delete"] = Field(
        default="silent", description="delete: the only sign of a deletion is a null value (unwrapped records)"
    )
    unavailable: str = Field(default=UNAVAILABLE, min_length=1, description="Debezium's unavailable.value.placeholder")
    tables: dict[TableName, Table] = Field(min_length=1)

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        for name, table in self.tables.items():
            for column_name, column in table.columns.items():
                what = self._reference_problem(table, column) or self._zone_problem(column)
                if what:
                    yield f"tables.{name}: columns.{column_name}: {what}"

    @property
    def says_zone(self) -> bool:
        """Whether the file says in which zone times are that name none."""
        return "timezone" in self.model_fields_set

    def _zone_problem(self, column: DatabaseColumn) -> str:
        """Values in ISO text may name their zone; what has a pattern without one never does."""
        patterns = (one for one in column.format if one not in {*_NUMBERS, "iso"} and "%z" not in one)
        naive = column.local or (column.type is ValueType.INSTANT and any(patterns))
        return "a time without a zone needs the mapping's timezone" if naive and not self.says_zone else ""

    def _reference_problem(self, table: Table, column: DatabaseColumn) -> str:
        kind = table.refers.get(column.to)
        if kind is None:
            return ""
        named = self._tables_of(kind)
        if column.of is not None and column.of not in named:
            return f"{column.of!r} is no table of {kind}"
        if column.of is None and len(named) > 1 and self.ids == "per_table":
            return f"of which table: {', '.join(named)}?"
        return ""

    def _tables_of(self, kind: str) -> list[str]:
        return [name for name, table in self.tables.items() if table.kind == kind]

    def prefix(self, name: str) -> str:
        """What stands before the ids of a table: its name, where another one of its kind may have the same ids."""
        named = self._tables_of(self.tables[name].kind)
        if len(named) == 1 or self.ids == "global":
            return ""
        short = name.rpartition(".")[2]
        alone = [one.rpartition(".")[2] for one in named].count(short) == 1
        return f"{short if alone else name}-"

    def referred(self, table: Table, column: DatabaseColumn) -> str:
        """What stands before the ids that a column holds: the same as in the table that they are of."""
        named = [column.of] if column.of else self._tables_of(table.refers.get(column.to, ""))
        return self.prefix(named[0]) if named else ""


def load(data: object) -> DatabaseMapping:
    """The mapping that a file's content describes. Raises MappingError with every problem."""
    return validated(DatabaseMapping, data)


def as_source(name: str, data: Mapping[str, object]) -> Source:
    """The source that a mapping file describes by itself, called `name`. Raises MappingError."""
    mapping = load(data)
    return Source(
        name=name, kind=SourceKind.DEBEZIUM, tenant=mapping.tenant, provides=mapping.provides, mapping=dict(data)
    )
