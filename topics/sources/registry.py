"""Every source that there is a parser for, as a table. A new source is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from topics.outcomes import Outcome, Parser, RawRecord
from topics.sources import cloudevents, debezium, hubspot, pipedrive, salesforce, tables
from topics.sources.source import Source, SourceKind

PARSERS: Mapping[SourceKind, Callable[[Source], Parser]] = MappingProxyType(
    {
        SourceKind.SALESFORCE: salesforce.parser,
        SourceKind.HUBSPOT: hubspot.parser,
        SourceKind.PIPEDRIVE: pipedrive.parser,
        SourceKind.DEBEZIUM: debezium.parser,
        SourceKind.CLOUDEVENTS: cloudevents.parser,
        SourceKind.TABLES: tables.parser,
    }
)


def parser(source: Source) -> Parser:
    """The rules of this source, compiled once; call it once per source, the result once per record."""
    return PARSERS[source.kind](source)


def parse(source: Source, record: RawRecord) -> list[Outcome]:
    """One outcome per row of the record. Compiles the source each time."""
    return parser(source)(record)
