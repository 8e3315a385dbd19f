"""Pipedrive's webhooks v2: a change out of each.

`data` is the whole record as it is now, so a create and a change are full records (law 13); `previous` holds the fields
that changed, with what they were, and of a delete, whose `data` is null, all of it. It is dated by `meta.timestamp`.
What identifies it is company, entity, record, action, event and time, never the number of the attempt; the id of the
event is not enough, as that of a user's events is the user's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topics.events import Actor
from topics.outcomes import Accepted, Outcome, Silent
from topics.silences import Dirt, Silence
from topics.sources.field_values import event_time
from topics.sources.pipedrive.changes import Action, Change
from topics.sources.pipedrive.entities import reader
from topics.sources.pipedrive.rules import Rules
from topics.sources.pipedrive.values import Values, instant, reference
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.statements import CHANGED, CREATED, ENDED, Statement

_RANKS = {Action.CREATE: CREATED, Action.CHANGE: CHANGED, Action.DELETE: ENDED}
#: What changes by itself with every change, and when a user comes by.
TOUCHES = frozenset({"update_time", "modified", "last_login"})
_OWN_WRITE_SOURCE = "api"
#: `meta.change_source`: a person in Pipedrive itself, or something that has a token.
_ACTORS: dict[str, Actor] = {"app": "person", "api": "system"}


def read_webhook(rules: Rules, body: Mapping[str, Any], broker_us: int) -> Outcome:
    """What becomes of one webhook. Raises RefusedError."""
    meta = body["meta"]
    if not isinstance(meta, dict):
        raise RefusedError(Reason.NO_META, f"meta is {shown(meta)}")
    action, entity = meta.get("action"), meta.get("entity")
    if not isinstance(action, str) or action not in _RANKS:
        raise RefusedError(Reason.UNKNOWN_ACTION, f"action {shown(action)}: webhooks v2 are read, no others")
    if rules.company and str(meta.get("company_id")) != rules.company:
        raise RefusedError(Reason.FOREIGN_COMPANY, f"company_id {shown(meta.get('company_id'))}, not {rules.company}")
    read = reader(entity)
    if read is None:
        return Silent(Silence.ENTITY_NOT_READ)
    if _is_own_write(rules, meta):
        return Silent(Silence.OWN_WRITE)
    change, dirt = _changed(rules, body, meta, broker_us)
    if _is_touch(change, meta):
        return Silent(Silence.TOUCHED)
    return Accepted(read(change), dirt=dirt)


def _is_own_write(rules: Rules, meta: Mapping[str, Any]) -> bool:
    """Whether it was written through the API by the user who is ourselves."""
    by_api = meta.get("change_source") == _OWN_WRITE_SOURCE
    return bool(rules.own_client) and by_api and str(meta.get("user_id")) == rules.own_client


def _changed(
    rules: Rules, body: Mapping[str, Any], meta: Mapping[str, Any], broker_us: int
) -> tuple[Change, tuple[str, ...]]:
    data, previous, action = _object("data", body), _object("previous", body), Action(meta["action"])
    if action is Action.CREATE and previous:
        action = Action.CHANGE  # seen in Pipedrive's own samples: what was before is told, so it is no creation
    values = (previous or {}) if data is None and action is Action.DELETE else data
    if values is None:  # what it was before is not what it is now
        raise RefusedError(Reason.NOT_AN_OBJECT, f"data of a {action} is null")
    record = reference("id", values.get("id")) or reference("entity_id", meta.get("entity_id"))
    if record is None:
        raise RefusedError(Reason.BAD_RECORD_IDS, "neither the record nor entity_id has an id")
    at_us = instant("timestamp", meta.get("timestamp"))
    if at_us is None:
        at_us = instant("update_time", values.get("update_time"))
    if at_us is None:
        raise RefusedError(Reason.NO_TIME, "neither timestamp nor update_time")
    event = (meta.get("company_id"), meta["entity"], record, action, meta.get("id"), at_us, values.get("update_time"))
    identity = "\x1f".join(map(str, event))
    at_us = event_time("timestamp", at_us, broker_us)
    actor = _ACTORS.get(str(meta.get("change_source")), "")
    said = Statement(rules.source, rules.subjects, identity, at_us, _RANKS[action], actor=actor)
    other = meta.get("entity_id") is not None and str(meta["entity_id"]) != record
    dirt = (f"{Dirt.OTHER_ID}.entity_id",) if other else ()
    merged_to = reference("merged_to_id", meta.get("merged_to_id"))
    return Change(rules, said, record, values, previous, action, merged_to), dirt


def _object(name: str, body: Mapping[str, Any]) -> Values | None:
    value = body.get(name)
    if value is not None and not isinstance(value, dict):
        raise RefusedError(Reason.NOT_AN_OBJECT, f"{name} is {shown(value)}")
    return value


def _is_touch(change: Change, meta: Mapping[str, Any]) -> bool:
    """Whether nothing changed but what changes by itself; after a merge everything may have."""
    if change.action is not Action.CHANGE or change.previous is None or meta.get("merged_from_id"):
        return False
    return change.previous.keys() <= TOUCHES
