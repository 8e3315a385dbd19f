"""Whom activities and ties concern: the two sorts of record, see `signals.joining.records`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from signals.deal import is_true
from signals.joining.records import MAX_TARGETS, Fields, Sort, Target, key_of
from topics.events import ActivityChanged, RelationChanged

#: Through whom an activity reaches deals that it does not name itself; the first that it names counts.
_THROUGH = ("person", "account")
#: Whom a tie is told to: the first that it names.
_HUBS = ("activity", "person", "account", "owner")


def _of_activity(prefix: str, fields: Fields, told: dict[str, Fields]) -> tuple[Target, ...]:
    """Its deals; without any, the people whom it names; without those, the accounts. Told: what ties it to others."""
    known = [fields, *(one for one in told.values() if not is_true(one.get("removed")))]
    deals = _named(prefix, known, "deal")
    if deals:
        return tuple(Target(deal) for deal in deals)
    for hub in _THROUGH:
        keys = _named(prefix, known, hub)
        if keys:
            return tuple(Target(key, _via(hub, key)) for key in keys)
    return ()


def _named(prefix: str, known: Iterable[Fields], name: str) -> list[str]:
    keys = {key_of(prefix, one.get(name)) for one in known} - {""}
    return sorted(keys)[:MAX_TARGETS] if len(keys) > 1 else list(keys)


def _of_relation(prefix: str, fields: Fields, _told: dict[str, Fields]) -> tuple[Target, ...]:
    """The one whom it ties: an activity, else a person, an account or an owner, and those to a deal."""
    deal = key_of(prefix, fields.get("deal"))
    if is_true(fields.get("removed")):
        return ()
    for hub in _HUBS:
        key = key_of(prefix, fields.get(hub))
        if key:
            return (Target(key, _via(hub, key), deal),) if deal or hub == "activity" else ()
    return ()


def _via(hub: str, key: str) -> str:
    return f"{hub}:{key.split(':', 1)[1]}"


def _content_of_activity(target: Target, fields: Fields) -> Fields:
    """All that is known; through a person, that person took part."""
    hub, _, name = target.via.partition(":")
    return {**fields, "person": name} if hub == "person" else fields


def _make_activity(name: str, **said: Any) -> ActivityChanged:  # noqa: ANN401 - the fields of the event
    return ActivityChanged(activity=name, **said)


def _make_relation(name: str, **said: Any) -> RelationChanged:  # noqa: ANN401 - the fields of the event
    return RelationChanged(relation=name, **said)


ACTIVITY = Sort(
    _of_activity,
    _content_of_activity,
    lambda _target: {"removed": True},
    lambda _target: {},
    _make_activity,
    says_all=True,
)
RELATION = Sort(
    _of_relation,
    lambda _target, fields: fields,
    lambda target: {"deal": target.deal, "removed": True},
    lambda target: {"deal": target.deal},
    _make_relation,
    says_all=False,
)
