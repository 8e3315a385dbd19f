"""Rows about what is keyed by something else than a deal: activities, accounts, people, and what ties them to deals."""

from __future__ import annotations

from typing import get_args

from topics.events import AccountChanged, ActivityChanged, Direction, PersonChanged, RelationChanged, Scalar, event_id
from topics.outcomes import Accepted, Outcome, Rejected, Silent
from topics.silences import Silence
from topics.sources.cells import Reason, UnreadableError
from topics.sources.tables.mapping import Accounts, Activity, People, Relations
from topics.sources.tables.rows import Interpret, Plan, Row, content_id, filled, id_in

#: The ends of a tie that are written as keys; an owner stays an id (`RelationChanged`).
_KEYS = ("deal", "activity", "person", "account")
_TIED, _TIES = ("deal", "activity"), ("person", "account", "owner")


def activity(plan: Plan, table: Activity) -> Interpret:
    """Rows of contacts between people."""

    def interpret(row: Row) -> Outcome:
        deal = _deal(plan, row, table.deal)
        found = filled(plan, row)
        own = id_in(plan, row, table.id) if table.id else ""
        if not (deal or found.fields.get("person") or found.fields.get("account") or (own and table.deal is None)):
            return Silent(Silence.NO_DEAL)
        at_us = plan.moments[0](row.row)
        if at_us is None:
            return Silent(Silence.UNDATED)
        _check_direction(found.fields.get("direction"))
        fields: dict[str, Scalar] = {"done": True} | found.fields | {"at_us": at_us}
        if deal:
            fields["deal"] = plan.key(deal)
        return Accepted((_activity_changed(plan, row, own, at_us, fields),), "", found.dirt)

    return interpret


def _deal(plan: Plan, row: Row, column: str | None) -> str:
    deal = id_in(plan, row, column) if column else ""
    return deal if plan.deal is None or plan.deal.search(deal) else ""


def _check_direction(direction: Scalar) -> None:
    if direction is not None and direction not in get_args(Direction):
        raise UnreadableError(Reason.WRONG_TYPE, f"direction: {str(direction)[:60]!r}")


def _activity_changed(plan: Plan, row: Row, own: str, at_us: int, fields: dict[str, Scalar]) -> ActivityChanged:
    content = content_id(plan, row)
    name = own or content
    return ActivityChanged(
        id=content,
        key=plan.key(name),
        source=plan.source,
        at_us=at_us,
        seq=(plan.place, row.n),
        activity=name,
        fields=fields,
    )


def accounts(plan: Plan, table: Accounts) -> Interpret:
    """Rows of companies."""

    def interpret(row: Row) -> Outcome:
        account = id_in(plan, row, table.account)
        if not account:
            return Rejected(Reason.NO_ID, table.account)
        found, (at_us, undated) = filled(plan, row), _since(plan, row)
        event = AccountChanged(
            id=content_id(plan, row),
            key=plan.key(account),
            source=plan.source,
            at_us=at_us,
            seq=(plan.place, row.n),
            account=account,
            fields=found.fields,
        )
        return Accepted((event,), undated, found.dirt)

    return interpret


def people(plan: Plan, table: People) -> Interpret:
    """Rows of persons: users of the CRM, and buyers."""

    def interpret(row: Row) -> Outcome:
        person = id_in(plan, row, table.person)
        if not person:
            return Rejected(Reason.NO_ID, table.person)
        found, (at_us, undated) = filled(plan, row), _since(plan, row)
        event = PersonChanged(
            id=content_id(plan, row),
            key=plan.key(person),
            source=plan.source,
            at_us=at_us,
            seq=(plan.place, row.n),
            person=person,
            fields=found.fields,
            user=table.user,
        )
        return Accepted((event,), undated, found.dirt)

    return interpret


def relations(plan: Plan, table: Relations) -> Interpret:
    """Rows of ties."""

    def interpret(row: Row) -> Outcome:
        found = filled(plan, row)
        ends = {name: found.fields.get(name) for name in (*_TIED, *_TIES)}
        own = id_in(plan, row, table.id) if table.id else ""
        whole = any(ends[name] for name in _TIED) and (
            any(ends[name] for name in _TIES) or all(ends[name] for name in _TIED)
        )
        if not whole and not (own and found.fields.get("removed")):
            return Silent(Silence.NO_TIE)
        at_us, undated = _since(plan, row)
        relation = own or event_id(plan.table, *ends.values())
        keys: dict[str, Scalar] = {name: plan.key(str(ends[name])) for name in _KEYS if ends[name]}
        event = RelationChanged(
            id=content_id(plan, row),
            key=plan.key(relation),
            source=plan.source,
            at_us=at_us,
            seq=(plan.place, row.n),
            relation=relation,
            fields=found.fields | keys,
        )
        return Accepted((event,), undated, found.dirt)

    return interpret


def _since(plan: Plan, row: Row) -> tuple[int, str]:
    """When it became so: from the beginning, where the table does not say when; and whether the row alone does not."""
    if not plan.moments:
        return 0, ""
    at_us = plan.moments[0](row.row)
    return (0, Silence.UNDATED) if at_us is None else (at_us, "")
