"""The kinds of tables that a mapping file may describe: which rows they hold, and which columns those have."""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Annotated, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field

from topics.events import Direction
from topics.sources.cells import UnreadableError, currency
from topics.sources.mapping_parts import (
    ColumnName,
    Columns,
    Constant,
    FieldName,
    Part,
    Pattern,
    TypesOf,
    ValueType,
    When,
    as_tuple,
    deal_types,
    type_problems,
)

Stages = Annotated[tuple[str, ...], BeforeValidator(as_tuple), Field(min_length=1)]

_TEXT, _BOOL, _NUMBER = (ValueType.TEXT,), (ValueType.BOOL,), (ValueType.NUMBER,)

#: What a column of an activity may become (see `topics.events.ActivityChanged`); its deal and its time stand apart.
ACTIVITY_TYPES: dict[str, tuple[ValueType, ...]] = {
    "person": _TEXT,
    "account": _TEXT,
    "owner": _TEXT,
    "channel": _TEXT,
    "direction": _TEXT,
    "meets": _BOOL,
    "done": _BOOL,
    "removed": _BOOL,
}
#: The same of a person, a user of the CRM or a buyer (`PersonChanged`).
PERSON_TYPES: dict[str, tuple[ValueType, ...]] = {
    "name": _TEXT,
    "email": _TEXT,
    "active": _BOOL,
    "team": _TEXT,
    "role": _TEXT,
    "title": _TEXT,
    "account": _TEXT,
    "removed": _BOOL,
}
#: The same of an account (`AccountChanged`), where it is not the customer's own field.
_ACCOUNT_TYPES: dict[str, tuple[ValueType, ...]] = {
    "name": _TEXT,
    "industry": _TEXT,
    "country": _TEXT,
    "type": _TEXT,
    "website": _TEXT,
    "employees": _NUMBER,
    "annual_revenue": _NUMBER,
    "removed": _BOOL,
}
#: The same of what ties people, accounts and activities to deals (`RelationChanged`).
RELATION_TYPES: dict[str, tuple[ValueType, ...]] = {
    "deal": _TEXT,
    "activity": _TEXT,
    "person": _TEXT,
    "account": _TEXT,
    "owner": _TEXT,
    "role": _TEXT,
    "removed": _BOOL,
}
_TIED, _TIES = frozenset({"deal", "activity"}), frozenset({"person", "account", "owner"})


def account_types(name: str) -> tuple[ValueType, ...] | None:
    """What a field of an account may be."""
    return _ACCOUNT_TYPES.get(name, tuple(ValueType))


class FileFormat(StrEnum):
    """How the rows of a file are written."""

    CSV = "csv"
    JSONL = "jsonl"
    PARQUET = "parquet"


class File(Part):
    """Where a table stands, and how its files are written."""

    file: str = Field(
        min_length=1, description="a name or a glob under the folder that is loaded; .gz and .zst are unpacked"
    )
    format: FileFormat | None = Field(default=None, description="none: as the file's name ends")
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


class Lookup(File):
    """A table that says more about the values of another one: one row per `key`. It makes no events by itself."""

    kind: Literal["lookup"]
    key: ColumnName


class Rows(File):
    """A table whose rows make events."""

    sorted: bool = Field(default=False, description="true: in order of time already; false: sorted when it is read")
    columns: Columns = Field(default={})
    constants: dict[FieldName, Constant] = Field(default={}, description="what every row says without a column")

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        targets = Counter([*(column.to for column in self.columns.values()), *self.constants])
        yield from (f"{name} is filled {times} times" for name, times in targets.items() if times > 1)

    def _typed(self, types_of: TypesOf, what: str) -> Iterator[str]:
        """What is wrong with the targets of columns and constants."""
        yield from type_problems(self.columns, types_of, what)
        for name, value in self.constants.items():
            allowed = types_of(name)
            if allowed is None:
                yield f"{what} has no {name}"
            elif allowed in (_TEXT, _BOOL) and isinstance(value, bool) is not (allowed == _BOOL):
                yield f"{name}: {value!r} is of the wrong type"

    def event_times(self) -> tuple[When, ...]:
        """Where the times of a row's events stand, in the order of the row's events."""
        raise NotImplementedError

    def id_columns(self) -> tuple[str, ...]:
        """The columns that name what the row is about; the first one that is there orders the raw topic."""
        raise NotImplementedError

    def own_columns(self) -> set[str]:
        """The columns that the file must have; those of lookups (`lookup.column`) are among `columns` too."""
        needed = {name for name, column in self.columns.items() if not column.optional}
        times = {when.column for when in self.event_times() if when.column is not None}
        return needed | times | set(self.id_columns())


class DealRows(Rows):
    """A table whose rows are about deals. A column that becomes `removed` says that the deal was deleted."""

    deal: ColumnName = Field(description="the column of the deal's id")
    deal_matches: Pattern | None = Field(
        default=None, description="a regular expression: what else stands in the column is no deal"
    )

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        yield from self._typed(deal_types, "a deal")
        yield from _pattern_problems(self.deal_matches)
        code = self.constants.get("currency")
        if code is not None:
            try:
                currency(str(code))
            except UnreadableError as error:
                yield f"currency: {error}"

    def id_columns(self) -> tuple[str, ...]:
        """The deal's."""
        return (self.deal,)


def _pattern_problems(pattern: str | None) -> Iterator[str]:
    try:
        re.compile(pattern or "")
    except re.error as error:
        yield f"deal_matches {pattern!r}: {error}"


class Changes(Part):
    """A history in which each row changes one field: the column with its name, the column with its new value."""

    field: ColumnName
    value: ColumnName


class History(DealRows):
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
        times = {self.at.column} - {None}
        return {self.deal, *filter(None, times), self.changes.field, self.changes.value}


class Snapshot(DealRows):
    """One full row per deal as it stands at a date. Successive ones are compared: what is the same is silent.

    `entered`: the column that says since when the deal is in its stage; without one a deal that was not seen before is
    in its stage since an unknown time. `missing`: a deal that is not in the next snapshot was removed, or is kept as it
    stands; without it nothing is asked, for an export may be a part of all deals.
    """

    kind: Literal["snapshot"]
    at: When
    entered: When | None = None
    missing: Literal["removed", "kept"] | None = None

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if not self.columns:
            yield "no columns"
        if self.entered is not None and self.entered.column is None:
            yield "entered: the time of a deal's stage stands in a column"

    def event_times(self) -> tuple[When, ...]:
        """The date of the snapshot."""
        return (self.at,)

    def own_columns(self) -> set[str]:
        """With the column that says since when."""
        since = None if self.entered is None else self.entered.column
        return super().own_columns() | ({since} if since else set())


class Milestone(Part):
    """A dated column: on that date the deal entered this stage (of several: the one that the row's stage names).

    `reveals` are columns that were filled in on that date, which the dates before could not know.
    """

    stage: Stages
    at: When
    reveals: tuple[ColumnName, ...] = ()
    creates: bool = Field(default=False, description="the deal came into being on that date")

    def _problems(self) -> Iterator[str]:
        if self.at.column is None:
            yield "at: the date of a milestone stands in a column"


class Milestones(DealRows):
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


class Removals(DealRows):
    """One row per deal that was deleted, or merged into another one (`into`)."""

    kind: Literal["removals"]
    at: When
    into: ColumnName | None = Field(default=None, description="the column of the deal that it was merged into")

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        if self.columns or self.constants:
            yield "a deal that is gone has no columns"

    def event_times(self) -> tuple[When, ...]:
        """When it was removed."""
        return (self.at,)

    def own_columns(self) -> set[str]:
        """With the survivor's."""
        return super().own_columns() | ({self.into} if self.into else set())


class Activity(Rows):
    """One row per contact between people. `done` is true unless a column or a constant says otherwise.

    `at` is when it took or takes place; for a meeting (`meets`), its end. What names no deal reaches those of its
    person or account, or those that a table of relations ties it to by its `id`.
    """

    kind: Literal["activity"]
    at: When
    deal: ColumnName | None = Field(default=None, description="the column of the deal's id")
    deal_matches: Pattern | None = Field(
        default=None, description="a regular expression: what else stands in the column is no deal"
    )
    id: ColumnName | None = Field(default=None, description="none: the row's content is what identifies it")

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        yield from self._typed(ACTIVITY_TYPES.get, "an activity")
        yield from _pattern_problems(self.deal_matches)
        direction = self.constants.get("direction")
        if direction is not None and direction not in get_args(Direction):
            yield f"direction: {direction!r} is none of {', '.join(get_args(Direction))}"
        if self.deal is None and self.id is None and not self._named():
            yield "an activity names its deal, its person, its account, or has an id for a table of relations"

    def _named(self) -> bool:
        return any(column.to in {"person", "account"} for column in self.columns.values())

    def event_times(self) -> tuple[When, ...]:
        """The time of the contact."""
        return (self.at,)

    def id_columns(self) -> tuple[str, ...]:
        """The deal's, then its own."""
        return tuple(filter(None, (self.deal, self.id)))


class _Undatable(Rows):
    """Rows that may say how things stand, not since when: without `at` they count from the beginning."""

    at: When | None = None

    def event_times(self) -> tuple[When, ...]:
        """Since when it is so, where the table says."""
        return () if self.at is None else (self.at,)


class Accounts(_Undatable):
    """One row per account, or per change of one. What is no canonical field is the customer's own."""

    kind: Literal["accounts"]
    account: ColumnName = Field(description="the column of the account's id")

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        yield from self._typed(account_types, "an account")

    def id_columns(self) -> tuple[str, ...]:
        """The account's."""
        return (self.account,)


class People(_Undatable):
    """One row per person, or per change of one: users of the CRM (owners) and buyers."""

    kind: Literal["people"]
    person: ColumnName = Field(description="the column of the person's id")
    user: bool | None = Field(
        default=None, description="true: users of the CRM; false: buyers; none: whoever has this id"
    )

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        yield from self._typed(PERSON_TYPES.get, "a person")

    def id_columns(self) -> tuple[str, ...]:
        """The person's."""
        return (self.person,)


class Relations(_Undatable):
    """One row per tie: of a person, an account or an owner to a deal or an activity, or of an activity to a deal."""

    kind: Literal["relations"]
    id: ColumnName | None = Field(default=None, description="none: what it ties is what identifies it")

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
        yield from self._typed(RELATION_TYPES.get, "a tie")
        ends = {column.to for column in self.columns.values()}
        if not ends & _TIED or not (ends & _TIES or ends >= _TIED):
            yield "a tie names a deal or an activity, and who is tied to it"

    def id_columns(self) -> tuple[str, ...]:
        """Its own, or those of its ends."""
        ends = tuple(name for name, column in self.columns.items() if column.to in _TIED | _TIES)
        return (self.id,) if self.id else ends


Table: TypeAlias = Annotated[
    History | Snapshot | Milestones | Removals | Activity | Accounts | People | Relations | Lookup,
    Field(discriminator="kind"),
]
RowTable: TypeAlias = History | Snapshot | Milestones | Removals | Activity | Accounts | People | Relations
