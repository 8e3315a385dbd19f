"""Mapping files of every kind of source that needs one: `kind` at their top says which, tables where it is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from topics.sources.debezium import mapping as debezium_mapping
from topics.sources.mapping_parts import MappingError, Problem
from topics.sources.source import Source, SourceKind
from topics.sources.tables import mapping

#: A file's content -> what it says; raises MappingError with every problem.
LOAD: Mapping[SourceKind, Callable[[object], object]] = MappingProxyType(
    {SourceKind.TABLES: mapping.load, SourceKind.DEBEZIUM: debezium_mapping.load}
)
#: The same with a name -> the source that it describes.
AS_SOURCE: Mapping[SourceKind, Callable[[str, Mapping[str, object]], Source]] = MappingProxyType(
    {SourceKind.TABLES: mapping.as_source, SourceKind.DEBEZIUM: debezium_mapping.as_source}
)


def kind_of(data: object) -> SourceKind:
    """The kind of source that a file's content is for. Raises MappingError for one that has no mapping file."""
    said = data.get("kind", SourceKind.TABLES) if isinstance(data, Mapping) else SourceKind.TABLES
    if said not in AS_SOURCE:
        raise MappingError([Problem(("kind",), f"{said!r} is none of {', '.join(AS_SOURCE)}")])
    return SourceKind(said)


def check(data: object, kind: SourceKind | None = None) -> None:
    """Raise MappingError with every problem of a file's content, also when it is for another kind of source."""
    found = kind_of(data)
    if kind is not None and found is not kind:
        raise MappingError([Problem(("kind",), f"a file for {found}; the source is of the kind {kind}")])
    LOAD[found](data)


def as_source(name: str, data: Mapping[str, object]) -> Source:
    """The source that a mapping file describes by itself, called `name`. Raises MappingError."""
    return AS_SOURCE[kind_of(data)](name, data)
