"""Rows about deals: histories, snapshots, milestones, removals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from topics.events import DealChanged, DealRemoved, Scalar, event_id
from topics.instants import DAY_US
from topics.outcomes import Accepted, Outcome, Rejected, Silent
from topics.silences import Dirt, Silence
from topics.sources.cells import Reason, as_text
from topics.sources.columns import Moment, moment_of
from topics.sources.tables.mapping import History, Mapping, Milestones, Removals, Snapshot, ValueType
from topics.sources.tables.rows import (
    Against,
    Filled,
    Interpret,
    Plan,
    Row,
    content_id,
    doubts,
    filled,
    id_in,
    read_cell,
)

#: The field that says that the deal was deleted; it is an event of its own.
_REMOVED = "removed"

_replace = msgspec.structs.replace


class _Subject(NamedTuple):
    """The deal of a row, by its key; the row's number, what identifies its content, when it was read (0: not said)."""

    key: str
    n: int
    content: str
    read_us: int


class _Change(NamedTuple):
    """What a row says of its deal at one time. `place` of `places` keeps the changes of one row and day in order."""

    at_us: int | None
    fields: dict[str, Scalar]
    full: bool = False
    created: bool = False
    place: int = 0
    places: int = 1


def _of_deals(plan: Plan, column: str, interpret: Callable[[Row, str], Outcome]) -> Interpret:
    """Asks about rows that name a deal."""

    def of_row(row: Row) -> Outcome:
        deal = id_in(plan, row, column)
        if not deal:
            return Rejected(Reason.NO_DEAL_ID, column)
        if plan.deal is not None and plan.deal.search(deal) is None:
            return Silent(Silence.NO_DEAL)
        return interpret(row, deal)

    return of_row


def history(plan: Plan, table: History) -> Interpret:
    """Rows of a history."""
    fill = filled if table.changes is None else _single_change(table.changes.field, table.changes.value, plan)

    def interpret(row: Row, deal: str) -> Outcome:
        found = fill(plan, row)
        if found is None:
            return Silent(Silence.FIELD_UNMAPPED)
        at_us = plan.moments[0](row.row)
        change = _Change(at_us, found.fields, full=table.full and found.complete)
        events = _events(plan, _subject(plan, row, deal), [change])
        dirt = (*found.dirt, f"{Dirt.AGAIN}.row") if row.again else found.dirt
        return Accepted(events, Silence.UNDATED if at_us is None else "", dirt)

    return _of_deals(plan, table.deal, interpret)


def _single_change(field: str, value: str, plan: Plan) -> Callable[[Plan, Row], Filled | None]:
    """Reads a row that says which field it changes, as if that field were its only column. None: not mapped."""
    by_name = {cell.name: cell for cell in plan.cells}

    def fill(plan: Plan, row: Row) -> Filled | None:
        name = row.row.get(field)
        cell = None if name is None else by_name.get(as_text(name).strip())
        if cell is None or value not in row.row:
            return None
        dirt: list[str] = []
        fields = plan.constants | {cell.to: read_cell(cell, row.row[value], row.joined, dirt)}
        return Filled(fields, tuple(dirt) + doubts(plan, row), complete=False)

    return fill


def snapshot(plan: Plan, table: Snapshot, mapping: Mapping) -> Interpret:
    """Rows of snapshots: what differs from the one before becomes a full record, dated at the snapshot.

    Of what was not compared, or has another stage, the table may say since when the deal is in it.
    """
    entered = None if table.entered is None else moment_of(mapping, table.entered)
    # A day means its midnight, and the export was made in the course of it.
    within_us = DAY_US - 1 if table.at.type is ValueType.DAY else 0

    def interpret(row: Row, deal: str) -> Outcome:
        if row.against is Against.SAME:
            return Silent(Silence.UNCHANGED)
        if row.against is Against.OLDER:
            return Silent(Silence.OLDER_SNAPSHOT)
        if row.against is Against.MISSING:
            return _missing(plan, table, row, deal)
        at_us = plan.moments[0](row.row)
        found = filled(plan, row)
        change = _Change(at_us, found.fields, full=found.complete, place=1, places=2)
        if at_us is None or entered is None or row.against is Against.OTHER:
            events = _events(plan, _subject(plan, row, deal), [change])
            return Accepted(events, Silence.UNDATED if at_us is None else "", found.dirt)
        since, dirt = _since(entered, row, at_us, within_us)
        changes = [_Change(since, {"stage": found.fields.get("stage")}, places=2)] if since is not None else []
        return Accepted(_events(plan, _subject(plan, row, deal), [*changes, change]), "", found.dirt + dirt)

    return _of_deals(plan, table.deal, interpret)


def _since(entered: Moment, row: Row, at_us: int, within_us: int) -> tuple[int | None, tuple[str, ...]]:
    """Since when the deal is in its stage, as far as that was before the snapshot."""
    since_us = entered(row.row)
    if since_us is not None and since_us > at_us + within_us:
        return None, (f"{Dirt.CONTRADICTION}.entered",)
    return (None if since_us is None else min(since_us, at_us)), ()


def _missing(plan: Plan, table: Snapshot, row: Row, deal: str) -> Outcome:
    at_us = plan.moments[0](row.row)
    if table.missing != "removed" or at_us is None:
        return Silent(Silence.MISSING_KEPT)
    return Accepted((_removed(plan, _subject(plan, row, deal), at_us),))


def removals(plan: Plan, table: Removals) -> Interpret:
    """Rows that say which deal is gone, or went into another one."""

    def interpret(row: Row, deal: str) -> Outcome:
        at_us = plan.moments[0](row.row)
        if at_us is None:
            return Silent(Silence.UNDATED)
        into = id_in(plan, row, table.into) if table.into else ""
        subject = _subject(plan, row, deal)
        return Accepted((_removed(plan, subject, at_us, plan.key(into) if into else None),), "", doubts(plan, row))

    return _of_deals(plan, table.deal, interpret)


def milestones(plan: Plan, table: Milestones) -> Interpret:
    """The dated columns of a row, as changes.

    Where the dates and the row's stage contradict each other, or there are none, the row is undated: it says where
    the deal is, not since when.
    """
    reveals = [{table.columns[name].to for name in milestone.reveals} for milestone in table.milestones]

    def interpret(row: Row, deal: str) -> Outcome:
        found = filled(plan, row)
        reached = [
            (at_us, place) for place, moment in enumerate(plan.moments) if (at_us := moment(row.row)) is not None
        ]
        subject = _subject(plan, row, deal)
        if _agree(reached, found.fields.get("stage"), table):
            return Accepted(_events(plan, subject, _passed(table, reveals, found, reached)), "", found.dirt)
        undated = _events(plan, subject, [_Change(None, found.fields, full=found.complete)])
        contradiction = (f"{Dirt.CONTRADICTION}.stage",) if reached else ()
        return Accepted(undated, Silence.UNDATED, found.dirt + contradiction)

    return _of_deals(plan, table.deal, interpret)


def _agree(reached: list[tuple[int, int]], stage: Scalar, table: Milestones) -> bool:
    """Whether the dates rise in the milestones' order and end with the one that the row's stage belongs to."""
    return bool(reached) and reached == sorted(reached) and stage in table.milestones[reached[-1][1]].stage


def _passed(
    table: Milestones, reveals: list[set[str]], found: Filled, reached: list[tuple[int, int]]
) -> Iterable[_Change]:
    """One change per date. The last is the full row; those before do not know what a later one revealed."""
    *earlier, (last_us, last) = reached
    for position, (at_us, place) in enumerate(earlier, start=1):
        hidden = {_REMOVED}.union(*(reveals[later] for _, later in reached[position:]))
        known = {name: value for name, value in found.fields.items() if name not in hidden}
        fields = known | {"stage": table.milestones[place].stage[0]}
        yield _Change(at_us, fields, created=table.milestones[place].creates, place=place, places=len(reveals))
    created = table.milestones[last].creates
    # A full record of a deal never seen before does not say since when it is in its stage; a milestone does.
    full = found.complete and (created or bool(earlier))
    yield _Change(last_us, found.fields, full=full, created=created, place=last, places=len(reveals))


def _subject(plan: Plan, row: Row, deal: str) -> _Subject:
    return _Subject(plan.key(deal), row.n, content_id(plan, row, row.again), row.read_us)


def _events(plan: Plan, subject: _Subject, changes: Iterable[_Change]) -> tuple[DealChanged | DealRemoved, ...]:
    """The changes as events. What says that the deal was deleted becomes an event of its own, after them.

    A full row that was read at a known time says that all of it was still so then: a suspect deal is clean again.
    """
    events: list[DealChanged | DealRemoved] = []
    removed: Scalar = None
    last: _Change | None = None
    for last in changes:
        removed = last.fields.pop(_REMOVED, None)
        events.append(_deal_changed(plan, subject, last))
    if last is None:
        return ()
    if last.full and subject.read_us > (last.at_us or 0):
        last = last._replace(at_us=subject.read_us, created=False)
        again = _deal_changed(plan, subject, last)
        events.append(_replace(again, id=event_id(subject.content, "read", subject.read_us)))
    if removed is True:
        events.append(_removed(plan, subject, last.at_us or 0))
    return tuple(events)


def _deal_changed(plan: Plan, subject: _Subject, change: _Change) -> DealChanged:
    return DealChanged(
        id=f"{subject.content}{change.place:x}",
        key=subject.key,
        source=plan.source,
        at_us=change.at_us or 0,
        seq=(plan.place, subject.n * change.places + change.place),
        fields=change.fields,
        full=change.full,
        created=change.created,
        undated=change.at_us is None,
    )


def _removed(plan: Plan, subject: _Subject, at_us: int, merged_into: str | None = None) -> DealRemoved:
    """The deal is gone, after everything that the row says of that instant."""
    return DealRemoved(
        id=event_id(subject.content, "removed"),
        key=subject.key,
        source=plan.source,
        at_us=at_us,
        seq=(plan.place + 1, subject.n),
        merged_into=merged_into,
    )
