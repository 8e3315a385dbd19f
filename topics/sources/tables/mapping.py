"""The mapping file of tables, as a value: which file, which column is what, how it is written, and what dirt to expect.

`load` takes the file's content (a dict) and answers with a `Mapping` or with every problem at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AbstractMapping
from typing import Literal

from pydantic import Field

from topics.sources.mapping_parts import (
    Column,
    MappingError,
    Part,
    PartT,
    Problem,
    TableName,
    ValueType,
    When,
    Writing,
    validated,
)
from topics.sources.source import Provides, Source, SourceKind
from topics.sources.tables.kinds import (
    Accounts,
    Activity,
    File,
    FileFormat,
    History,
    Lookup,
    Milestones,
    People,
    Relations,
    Removals,
    RowTable,
    Snapshot,
    Table,
)

__all__ = [
    "Accounts",
    "Activity",
    "Column",
    "File",
    "FileFormat",
    "History",
    "Lookup",
    "Mapping",
    "MappingError",
    "Milestones",
    "Part",
    "PartT",
    "People",
    "Problem",
    "Relations",
    "Removals",
    "RowTable",
    "Snapshot",
    "ValueType",
    "When",
    "Writing",
    "as_source",
    "load",
    "validated",
]


class Mapping(Writing):
    """Everything that a folder of tables needs to become events. The order of `tables` decides between equal times."""

    version: Literal[1] = 1
    tenant: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,59}$")
    playbook: str | None = Field(default=None, description="the playbook that fits, relative to this file")
    provides: frozenset[Provides] = frozenset()
    tables: dict[TableName, Table] = Field(min_length=1)

    def _problems(self) -> Iterator[str]:
        yield from super()._problems()
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


def as_source(name: str, data: AbstractMapping[str, object]) -> Source:
    """The source that a mapping file describes by itself, called `name`. Raises MappingError."""
    mapping = load(data)
    return Source(
        name=name, kind=SourceKind.TABLES, tenant=mapping.tenant, provides=mapping.provides, mapping=dict(data)
    )
