"""Debezium: the changes of a database's tables, through a mapping file, to events.

One record is one row (a batch of CloudEvents: one per event). How a record says what changed is in `changes`, how
values are written in `values`; here is what a change means:

* `c`, `u` and `r` carry the whole row, so they are full records unless the value of a mapped column was not sent. Only
  `c` says that a deal came into being; a snapshot (`r`, or any create with the snapshot's mark) says where a deal is,
  not since when: its events are history (`backfill`), and the first and last rows of a snapshot hold the source's deals
  back in between, by a lease.
* `d` removes; of a row whose key changed, the deal goes on under its new key.
* `t` (truncate) does not say which deals are gone: all of the source are suspect until they are read again. Of other
  tables it is silent, and so is `m`, a message.
* The order is that of the source's time, then of the place in its log (`positions`), then of the event's id.
* A change is identified by its table, key, operation, time, place in the log and content, so that what Debezium sends
  again after a restart is a repeat.

Silent reasons: tombstone, table_not_read, not_a_row, message, truncated, empty_batch. Dirt: not_sent (a mapped column
without its value), clock (the source's time is not known) and what columns find. Those of rejections are in `refusals`
and `cells`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from topics.events import LoadStarted, SourceGap, event_id
from topics.instants import HOUR_US
from topics.outcomes import Accepted, Outcome, Parser, RawRecord, Rejected, Silent
from topics.silences import Dirt, Silence
from topics.sources.cells import UnreadableError
from topics.sources.debezium.changes import Change, changes
from topics.sources.debezium.mapping import load
from topics.sources.debezium.rows import TableRows
from topics.sources.field_values import event_time
from topics.sources.json_records import that_fit
from topics.sources.read_at import read_at_us
from topics.sources.refusals import Reason, RefusedError
from topics.sources.source import Source

#: How long a snapshot holds the deals of its source back from each row that begins or ends a table. A table of ten
#: million rows takes a connector about twenty minutes.
SNAPSHOT_LEASE_US = HOUR_US
_EDGES = frozenset({"first", "first_in_data_collection", "last_in_data_collection"})
_END = "last"


class _Named(NamedTuple):
    """The table as a record calls it; empty where it says nothing."""

    db: str
    schema: str
    table: str

    def fits(self, name: str) -> bool:
        """Whether this is the table that the mapping calls `name`: the same in all parts that both say."""
        *qualifiers, table = name.split(".")
        if table != self.table:
            return False
        if len(qualifiers) == 1:  # a schema, or in MySQL a database
            return qualifiers[0] in {self.schema, self.db} or not (self.schema or self.db)
        return all(not ours or ours == theirs for ours, theirs in zip((self.db, self.schema), qualifiers, strict=False))


#: More tables than a topic has; beyond, a table is looked for each time.
_REMEMBERED_TABLES = 4096


class _Rules(NamedTuple):
    """The source, its mapping compiled once. `known`: tables that were looked for, which come with every record."""

    source: Source
    tables: Mapping[str, TableRows]
    tombstones_delete: bool
    known: dict[_Named, TableRows | None]


def parser(source: Source) -> Parser:
    """The parser of one source. Raises MappingError."""
    mapping = load(source.mapping)
    tables = {name: TableRows(source, mapping, name) for name in mapping.tables}
    rules = _Rules(source, tables, mapping.tombstones == "delete", {})

    def parse(record: RawRecord) -> list[Outcome]:
        found = changes(record, tombstones_delete=rules.tombstones_delete)
        outcomes = [_outcome(rules, record, one) if isinstance(one, Change) else one for one in found]
        return outcomes if record.value is None else that_fit(record.value, outcomes)

    return parse


def _outcome(rules: _Rules, record: RawRecord, change: Change) -> Outcome:
    try:
        return _read(rules, record, change)
    except RefusedError as fault:
        return fault.rejected()
    except UnreadableError as error:
        return Rejected(error.reason, str(error))


def _read(rules: _Rules, record: RawRecord, change: Change) -> Outcome:
    if change.op == "m":
        return Silent(Silence.MESSAGE)
    rows = _rows_of(rules, change)
    if rows is None:
        return _of_no_table(rules, record, change)
    if change.op == "t" and rows.table.kind != "deals":
        return Silent(Silence.TRUNCATED)
    at_us, clock = _time(record, change, rows)
    if change.op == "t":
        return Accepted((_truncated(rules.source, rows, change, at_us),), "", clock)
    event, dirt = rows.event(change, at_us, certain=not clock)
    return Accepted((*_edge(rules.source, change, at_us), event), "", dirt + clock)


def _rows_of(rules: _Rules, change: Change) -> TableRows | None:
    """The mapped table of a change, None where it is not read. Raises RefusedError where that is not said."""
    named = _named(change.source)
    if named not in rules.known:
        found = _found(rules.tables, named)
        if len(rules.known) >= _REMEMBERED_TABLES:
            return found
        rules.known[named] = found
    return rules.known[named]


def _found(tables: Mapping[str, TableRows], named: _Named) -> TableRows | None:
    if not named.table and len(tables) == 1:
        return next(iter(tables.values()))
    if not named.table:
        raise RefusedError(Reason.NO_TABLE, "the record says no table, and the mapping has several")
    fitting = [rows for rows in tables.values() if named.fits(rows.name)]
    longest = max((rows.name.count(".") for rows in fitting), default=0)
    best = [rows for rows in fitting if rows.name.count(".") == longest]
    if len(best) > 1:
        raise RefusedError(Reason.NO_TABLE, f"{' or '.join(rows.name for rows in best)}: the record does not say which")
    return best[0] if best else None


def _named(source: Mapping[str, object]) -> _Named:
    db, schema, table = (source.get(part) for part in _Named._fields)
    return _Named(*(part if isinstance(part, str) else "" for part in (db, schema, table)))


def _time(record: RawRecord, change: Change, rows: TableRows) -> tuple[int, tuple[str, ...]]:
    """When the change happened: as its source says, else as near to that as anything does, which is dirt."""
    at_us = change.at_us or read_at_us(record) or rows.said_at(change)
    if at_us is not None:
        return event_time("the source's time", at_us, record.timestamp_us), ()
    if change.clock_us is not None:
        return event_time("the connector's time", change.clock_us, record.timestamp_us), (f"{Dirt.CLOCK}.connector",)
    if record.timestamp_us > 0:
        return event_time("timestamp", record.timestamp_us, record.timestamp_us), (f"{Dirt.CLOCK}.broker",)
    raise RefusedError(Reason.NO_TIME, "neither source nor row nor record says a time")


def _truncated(source: Source, rows: TableRows, change: Change, at_us: int) -> SourceGap:
    identity = event_id(source.key, rows.name, change.op, at_us, *change.position)
    return SourceGap(id=identity, key="", source=source.subject_key, at_us=at_us, seq=change.position)


def _edge(source: Source, change: Change, at_us: int) -> tuple[LoadStarted, ...]:
    """The lease of a snapshot. It ends with the last row, once all that was sent before has been folded."""
    if not change.is_read or change.snapshot not in {*_EDGES, _END}:
        return ()
    lease_us = at_us + (source.grace_us if change.snapshot == _END else SNAPSHOT_LEASE_US)
    identity = event_id(source.key, "snapshot", change.snapshot, *_named(change.source), at_us)
    return (LoadStarted(id=identity, key="", source=source.subject_key, at_us=at_us, lease_us=lease_us),)


def _of_no_table(rules: _Rules, record: RawRecord, change: Change) -> Outcome:
    """A row of a table that is not mapped: silent, but a snapshot may begin or end with it."""
    if change.at_us is None or not (edge := _edge(rules.source, change, change.at_us)):
        return Silent(Silence.TABLE_NOT_READ)
    event_time("the source's time", change.at_us, record.timestamp_us)
    return Accepted(edge, Silence.TABLE_NOT_READ)
