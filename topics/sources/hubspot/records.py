"""Records of HubSpot's CRM API (`GET /crm/v3/objects/…`): how a load begins, and how a suspect deal is read again.

A record holds the properties that were asked for, null or empty text where they have no value. So one that is absent
was not asked for and stays as it was; a deal's record is a full one (law 13) when its stage was asked for. It is dated
by when it was read, where the raw record says so, else by `updatedAt`, and what its `propertiesWithHistory` tell by
their own times. Associations that came with it are ties that are there; of others it says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from topics.codec import encode
from topics.events import Actor, AnyEvent, DealChanged, id_of
from topics.outcomes import Accepted, Outcome, Silent
from topics.silences import Silence
from topics.sources.field_values import event_time
from topics.sources.hubspot.actors import actor_of
from topics.sources.hubspot.associations import PRIMARY, Association, events_of, is_read
from topics.sources.hubspot.engagements import whole_engagement
from topics.sources.hubspot.objects import Kind, ObjectType, named_type, object_type, record_id
from topics.sources.hubspot.rules import Rules
from topics.sources.hubspot.subjects import READ, Subject, changed, ended
from topics.sources.hubspot.values import Fields, flag, instant, text
from topics.sources.read_at import dated
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.statements import Statement

Record = Mapping[str, Any]

#: Where a record says of what type it is; the API leaves that to the address, so an export must put it in.
TYPE_NAMES = ("objectTypeId", "objectType")
_DEAL = "0-3"
#: Where a record says when it last changed, the best place first.
_MODIFIED = ("hs_lastmodifieddate", "lastmodifieddate")
_STAGE = "dealstage"
_STAGE_SINCE = "hs_v2_date_entered_current_stage"
#: How the API writes the association without a label, where there are labels.
_UNLABELLED = "_unlabeled"
_TO = "_to_"


def is_record(row: Record) -> bool:
    """Whether a row is a record of the API: an object with its properties, or an owner."""
    return "id" in row and (isinstance(row.get("properties"), dict) or _is_owner(row))


def _is_owner(row: Record) -> bool:
    return "properties" not in row and "email" in row and "userId" in row


def read_record(rules: Rules, record: Record, read_us: int | None, broker_us: int) -> Outcome:
    """What becomes of one record; `read_us`: when it was read from the API, if that is known. Raises RefusedError."""
    if _is_owner(record):
        return Accepted((_owner(_said(rules, record, read_us, broker_us), record),))
    of = object_type(next((record[name] for name in TYPE_NAMES if record.get(name)), _DEAL))
    said = _said(rules, record, read_us, broker_us)
    subject = Subject(of.kind, record_id("id", record["id"]))
    if of.kind is Kind.USER:
        return _user(said, record["properties"])
    if of.kind not in READ:
        return Silent(Silence.ENTITY_NOT_READ)
    if record.get("archived") is True:
        return Accepted((ended(said, subject),))
    return Accepted((*_own_events(rules, said, subject, record, of.channel), *_ties(said, subject, record)))


def _own_events(rules: Rules, said: Statement, subject: Subject, record: Record, channel: str) -> Iterable[AnyEvent]:
    """What a record says of itself."""
    properties = record["properties"]
    match subject.kind:
        case Kind.DEAL:
            return _deal(rules, said, subject.id, record)
        case Kind.ACTIVITY:
            changed_us = _changed_us(record) or said.at_us
            return (changed(said, subject, whole_engagement(channel, properties, changed_us)),)
        case Kind.PERSON:
            return (changed(said, subject, _person(rules, record)),)
        case _:
            fields = rules.properties[Kind.ACCOUNT].read(properties)
            return (changed(said, subject, {**fields, "removed": False}),)


def _said(rules: Rules, record: Record, read_us: int | None, broker_us: int) -> Statement:
    """The record as a statement. What identifies it is all of it: another read may have asked for more."""
    at_us = dated("updatedAt", _changed_us(record), read_us, broker_us)
    identity = f"record\x1f{at_us}\x1f{id_of(encode(record).decode())}"
    return Statement(rules.source, rules.subjects, identity, at_us)


def _changed_us(record: Record) -> int | None:
    changed = instant("updatedAt", record.get("updatedAt"))
    properties = record.get("properties") or {}
    for name in _MODIFIED:
        changed = changed if changed is not None else instant(name, properties.get(name))
    return changed


# --- deals ------------------------------------------------------------------------------------------------------


def _deal(rules: Rules, said: Statement, identity: str, record: Record) -> Iterator[AnyEvent]:
    properties = record["properties"]
    fields = rules.properties[Kind.DEAL].read(properties)
    if fields.get("created_at") is None:
        fields.pop("created_at", None)
        created = instant("createdAt", record.get("createdAt"))
        if created is not None:
            fields["created_at"] = created
    companies = dict(_associated(record, Kind.ACCOUNT))
    account = next((company for company, label in companies.items() if label == PRIMARY), None)
    if account is not None:
        fields["account_id"] = account
    yield from _history(rules, said, identity, record)
    yield said.deal(identity, fields, full=_STAGE in properties)


def _history(rules: Rules, said: Statement, identity: str, record: Record) -> Iterator[DealChanged]:
    """The deal's earlier values, one event per instant at which any of them was set."""
    properties = rules.properties[Kind.DEAL]
    versions_at: dict[int, dict[str, object]] = {}
    actors_at: dict[int, set[Actor]] = {}
    for name, versions in _histories(record).items():
        if properties.meaning(name) is not None:
            for at_us, value, actor in _versions(name, versions):
                versions_at.setdefault(at_us, {})[name] = value
                actors_at.setdefault(at_us, set()).add(actor)
    for at_us, values in sorted(versions_at.items()):
        actors = actors_at[at_us]
        then = said._replace(
            identity=f"history\x1f{at_us}\x1f{id_of(encode(values).decode())}",
            at_us=event_time("timestamp", at_us, 0),
            actor=actors.pop() if len(actors) == 1 else "",
        )
        yield then.deal(identity, properties.read(values))


def _histories(record: Record) -> Mapping[str, object]:
    """Versions of properties by name. Since when the stage is what it is may be all that is told of it."""
    history = record.get("propertiesWithHistory")
    histories = history if isinstance(history, dict) else {}
    properties = record["properties"]
    since = properties.get(_STAGE_SINCE)
    if not since or _STAGE in histories or not properties.get(_STAGE):
        return histories
    return {**histories, _STAGE: [{"value": properties[_STAGE], "timestamp": since}]}


def _versions(name: str, versions: object) -> Iterator[tuple[int, object, Actor]]:
    if not isinstance(versions, list):
        raise RefusedError(Reason.WRONG_TYPE, f"history of {name}: expected a list, got {shown(versions)}")
    for version in versions:
        at_us = instant("timestamp", version.get("timestamp")) if isinstance(version, dict) else None
        if at_us is None:
            raise RefusedError(Reason.NO_TIME, f"history of {name}: a version without a timestamp")
        yield at_us, version.get("value"), actor_of(version.get("sourceType"))


# --- people -----------------------------------------------------------------------------------------------------


def _person(rules: Rules, record: Record) -> Fields:
    properties = record["properties"]
    fields = rules.properties[Kind.PERSON].read(properties)
    fields |= _name(properties, "firstname", "lastname")
    account = next((company for company, label in _associated(record, Kind.ACCOUNT) if label == PRIMARY), None)
    if account is not None:
        fields["account"] = account
    return {**fields, "removed": False}


def _name(values: Mapping[str, object], first: str, last: str) -> Fields:
    """A name of its parts, where both were asked for."""
    if first not in values or last not in values:
        return {}
    return {"name": " ".join(filter(None, (text(first, values[first]), text(last, values[last])))) or None}


def _owner(said: Statement, owner: Record) -> AnyEvent:
    """A user as the API's owners have them: their id is what stands in `hubspot_owner_id`."""
    fields: Fields = {**_name(owner, "firstName", "lastName"), "email": text("email", owner.get("email"))}
    fields["active"] = owner.get("archived") is not True
    teams = owner.get("teams")
    if isinstance(teams, list):
        fields["team"] = _team(teams)
    return said.person(record_id("id", owner["id"]), fields, user=True)


def _team(teams: Iterable[object]) -> str | None:
    named = [team for team in teams if isinstance(team, dict)]
    main = next((team for team in named if team.get("primary") is True), named[0] if named else {})
    return text("teams", main.get("name"))


def _user(said: Statement, properties: Mapping[str, object]) -> Outcome:
    """A user as a record, which is known to deals by another id, `hubspot_owner_id`."""
    owner = text("hubspot_owner_id", properties.get("hubspot_owner_id"))
    if owner is None:
        return Silent(Silence.NOTHING_MAPPED)
    fields = _name(properties, "hs_given_name", "hs_family_name")
    if "hs_email" in properties:
        fields["email"] = text("hs_email", properties["hs_email"])
    if "hs_deactivated" in properties:
        fields["active"] = flag("hs_deactivated", properties["hs_deactivated"]) is not True
    return Accepted((said.person(record_id("hubspot_owner_id", owner), fields, user=True),))


# --- associations -----------------------------------------------------------------------------------------------


def _ties(said: Statement, one: Subject, record: Record) -> Iterator[AnyEvent]:
    """The relations of a record. Its main company is among its own fields."""
    for name in _named_associations(record):
        kind = (named_type(name) or ObjectType(Kind.OTHER)).kind
        for other, label in _associated(record, kind):
            association = Association(frozenset((one, Subject(kind, other))), label)
            if is_read(association):
                yield from events_of(said, association)


def _named_associations(record: Record) -> Iterable[str]:
    associations = record.get("associations")
    return associations if isinstance(associations, dict) else ()


def _associated(record: Record, kind: Kind) -> Iterator[tuple[str, str | None]]:
    """The records of a kind that a record is associated with, each once, with the label that counts."""
    found: dict[str, str | None] = {}
    for name in _named_associations(record):
        if (named_type(name) or ObjectType(Kind.OTHER)).kind is kind:
            results = record["associations"][name]
            results = results.get("results") if isinstance(results, dict) else results
            for one in results if isinstance(results, list) else ():
                if isinstance(one, dict):
                    other, label = record_id(name, one.get("id")), _label(one.get("type"))
                    found[other] = found.get(other) or label
    yield from found.items()


def _label(said: object) -> str | None:
    """`deal_to_company` is the main one, `deal_to_company_unlabeled` and `deal_to_contact` none; others are labels."""
    if not isinstance(said, str) or said.endswith(_UNLABELLED):
        return None
    if _TO not in said:
        return said
    return PRIMARY if said.endswith("_to_company") else None
