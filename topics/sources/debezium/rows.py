"""A changed row of a mapped table: which id it has, what its columns say, and the event that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias, get_args

import msgspec

from topics.events import (
    AccountChanged,
    ActivityChanged,
    AnyEvent,
    DealChanged,
    DealRemoved,
    Direction,
    Origin,
    PersonChanged,
    RelationChanged,
    Scalar,
    deal_key,
    event_id,
)
from topics.instants import DAY_US
from topics.silences import Dirt
from topics.sources import cells
from topics.sources.debezium.changes import Change, Row, Types
from topics.sources.debezium.mapping import Changed, DatabaseColumn, DatabaseMapping, Table
from topics.sources.debezium.positions import NOWHERE
from topics.sources.debezium.values import ReadValue, identity, reader_of
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.source import Source

#: Which of a tie's ends are keys; an owner is an id.
_KEYED_ENDS = ("deal", "activity", "person", "account")

_as_json = msgspec.json.Encoder(order="deterministic").encode


class _Cell(NamedTuple):
    """A column, compiled. `prefix`: what stands before the ids that it holds; None: it holds none."""

    name: str
    to: str
    read: ReadValue
    prefix: str | None


class Said(NamedTuple):
    """What the columns of a row say, by target. `removed`: the row is no more.

    `full`: no column is missing whose value the table has. One that the row does not have at all is not captured, or
    gone: nothing will ever be known of it.
    """

    fields: dict[str, Scalar]
    full: bool
    removed: bool
    dirt: tuple[str, ...]


class Stamp(NamedTuple):
    """What all events of a row carry."""

    id: str
    key: str
    source: str
    at_us: int
    seq: tuple[int, int]
    origin: Origin


#: What a row becomes: of a change, what its columns say, and the row's id.
_Make: TypeAlias = Callable[["TableRows", Change, Said, str, dict[str, Any]], AnyEvent]


class TableRows:
    """The rows of one mapped table."""

    def __init__(self, source: Source, mapping: DatabaseMapping, name: str) -> None:
        self.name, self.table = name, mapping.tables[name]
        self.subjects = source.subject_key
        self._source = source.key
        self._prefix = mapping.prefix(name)
        self._cells = tuple(
            _cell(mapping, self.table, column_name, column) for column_name, column in self.table.columns.items()
        )
        self._constants: dict[str, Scalar] = dict(self.table.constants)
        self._changed = None if self.table.changed is None else _moment(mapping, self.table.changed)
        self.midnight = cells.midnight(("iso",), mapping.clock())
        self._make = _MAKE[self.table.kind]

    def said_at(self, change: Change) -> int | None:
        """When the row says that it changed last."""
        return None if self._changed is None else self._changed(change.row, change.types)

    def event(self, change: Change, at_us: int, *, certain: bool = True) -> tuple[AnyEvent, tuple[str, ...]]:
        """The event of a change, and what was dirty in it. Raises RefusedError, UnreadableError.

        A time that is not `certain` may be another one when the change is sent again: its place in the log says enough.
        """
        row_id = self._row_id(change)
        said = Said({}, full=False, removed=True, dirt=()) if change.op == "d" else self._said(change)
        content = "" if change.op == "d" else _as_json(change.row).decode()
        when = at_us if certain or change.position == NOWHERE else ""
        stamp = Stamp(
            id=event_id(self._source, self.name, row_id, change.op, when, *change.position, content),
            key=deal_key(self.subjects, row_id),
            source=self._source,
            at_us=at_us,
            seq=change.position,
            origin="backfill" if change.is_read else "live",
        )
        return self._make(self, change, said, row_id, stamp._asdict()), said.dirt

    def id_of(self, key: object) -> str | None:
        """The id of the row with this key; None where the key does not say it."""
        columns = self.table.key
        if not isinstance(key, dict):
            key = {columns[0]: key} if len(columns) == 1 else {}
        return self._joined(key, {})

    def _row_id(self, change: Change) -> str:
        found = self._joined(change.row, change.types) or self.id_of(change.key)
        if found is None:
            raise RefusedError(Reason.NO_KEY, f"{self.name}: neither row nor key says {', '.join(self.table.key)}")
        return found

    def _joined(self, row: Row, types: Types) -> str | None:
        parts = [identity(name, row.get(name), types.get(name)) for name in self.table.key]
        return self._prefix + "-".join(parts) if all(parts) else None

    def _said(self, change: Change) -> Said:
        row, types = change.row, change.types
        if not any(cell.name in row for cell in self._cells) and not any(name in row for name in self.table.key):
            raise RefusedError(Reason.NOT_A_CHANGE, f"no column of {self.name}")
        fields, dirt, full, removed = self._constants.copy(), list[str](), True, False
        for name, to, read, prefix in self._cells:
            value = row.get(name)
            meaning = read(value, types.get(name)) if name in row else None
            if meaning is None and name in row and name in change.before:
                value = change.before[name]  # what is not sent is unchanged
                meaning = read(value, types.get(name))
            if meaning is None:
                full = full and name not in row
                dirt.append(f"{Dirt.NOT_SENT}.{name}")
                continue
            dirt += meaning.dirt
            if to == "removed":
                removed = meaning.value not in (None, False)
            elif prefix is None or meaning.value is None:
                fields[to] = meaning.value
            elif isinstance(value, float):
                raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected an id, got {shown(value)}")
            else:
                fields[to] = f"{prefix}{meaning.value}"
        return Said(fields, full, removed, tuple(dirt))


def _cell(mapping: DatabaseMapping, table: Table, name: str, column: DatabaseColumn) -> _Cell:
    prefix = mapping.referred(table, column) if column.to in table.refers else None
    return _Cell(name, column.to, reader_of(mapping, name, column), prefix)


def _moment(mapping: DatabaseMapping, changed: Changed) -> Callable[[Row, Types], int | None]:
    name = changed.column
    read = reader_of(mapping, name, DatabaseColumn(to="created_at", type=changed.type, format=changed.format))

    def moment(row: Row, types: Types) -> int | None:
        meaning = read(row.get(name), types.get(name))
        return meaning.value if meaning is not None and isinstance(meaning.value, int) else None

    return moment


def _deal(rows: TableRows, change: Change, said: Said, _row_id: str, stamp: dict[str, Any]) -> AnyEvent:
    if said.removed:
        moved_to = None if change.moved_to is None else rows.id_of(change.moved_to)
        return DealRemoved(**stamp, merged_into=None if moved_to is None else deal_key(rows.subjects, moved_to))
    fields = said.fields
    if fields.get("created_at", 0) is None:
        del fields["created_at"]  # a deal's creation is never empty
    created = change.op == "c" and not change.is_read and change.moved_from is None
    return DealChanged(**stamp, fields=fields, full=said.full, created=created)


def _activity(rows: TableRows, _change: Change, said: Said, row_id: str, stamp: dict[str, Any]) -> AnyEvent:
    if said.removed:
        return ActivityChanged(**stamp, activity=row_id, fields={"removed": True})
    fields: dict[str, Scalar] = {"done": True, "removed": False} | said.fields
    direction = fields.get("direction")
    if direction is not None and direction not in get_args(Direction):
        raise RefusedError(Reason.WRONG_TYPE, f"direction: {shown(direction)}")
    if "at" in fields:
        fields["at_us"] = _activity_time(rows, fields.pop("at"), done=fields["done"] is True)
    _keyed(rows, fields, ("deal",))
    return ActivityChanged(**stamp, activity=row_id, fields=fields)


def _activity_time(rows: TableRows, said: Scalar, *, done: bool) -> Scalar:
    """What is due on a day is due until the day is over."""
    if not isinstance(said, str):
        return said
    return rows.midnight(said) + (0 if done else DAY_US)


def _account(_rows: TableRows, _change: Change, said: Said, row_id: str, stamp: dict[str, Any]) -> AnyEvent:
    return AccountChanged(**stamp, account=row_id, fields={**said.fields, "removed": said.removed})


def _buyer(_rows: TableRows, _change: Change, said: Said, row_id: str, stamp: dict[str, Any]) -> AnyEvent:
    fields = _with_name(said.fields) | {"removed": said.removed}
    return PersonChanged(**stamp, person=row_id, user=False, fields=fields)


def _user(_rows: TableRows, _change: Change, said: Said, row_id: str, stamp: dict[str, Any]) -> AnyEvent:
    fields = _with_name(said.fields)
    fields["active"] = False if said.removed else fields.get("active", True)
    return PersonChanged(**stamp, person=row_id, user=True, fields=fields)


def _with_name(fields: dict[str, Scalar]) -> dict[str, Scalar]:
    """A name in two columns is one; of one of them alone nothing is said."""
    parts = {"first_name", "last_name"} & fields.keys()
    kept = {name: value for name, value in fields.items() if name not in parts}
    if len(parts) == 2:  # noqa: PLR2004 -- both
        kept["name"] = " ".join(str(fields[name]) for name in ("first_name", "last_name") if fields[name]) or None
    return kept


def _relation(rows: TableRows, _change: Change, said: Said, row_id: str, stamp: dict[str, Any]) -> AnyEvent:
    fields = {**said.fields, "removed": said.removed}
    _keyed(rows, fields, _KEYED_ENDS)
    return RelationChanged(**stamp, relation=row_id, fields=fields)


def _keyed(rows: TableRows, fields: dict[str, Scalar], ends: tuple[str, ...]) -> None:
    """Ids of these ends as keys."""
    for end in ends:
        if fields.get(end) is not None:
            fields[end] = deal_key(rows.subjects, str(fields[end]))


_MAKE: Mapping[str, _Make] = {
    "deals": _deal,
    "activities": _activity,
    "accounts": _account,
    "people": _buyer,
    "users": _user,
    "relations": _relation,
}
