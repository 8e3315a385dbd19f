"""Change events of Salesforce as tests write them: a header, a body and the form that carries both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from topics.events import Event
from topics.outcomes import Accepted, Outcome, RawRecord
from topics.sources.salesforce import parse
from topics.sources.source import Source, SourceKind

MS = 1_704_103_200_000  # 2024-01-01T10:00:00Z
DEAL, SECOND_DEAL = "006SB00000AbCdEYAV", "006SB00000AbCdFYAV"
IDS = {
    "Opportunity": DEAL,
    "Account": "001SB00000AcCoUYAV",
    "Contact": "003SB00000CoNtAYAV",
    "Lead": "00QSB00000LeAdXYAV",
    "User": "005SB00000UsErXYAV",
    "Task": "00TSB00000TaSkXYAV",
    "Event": "00USB00000EvEnTYAV",
    "OpportunityContactRole": "00KSB00000RoLeXYAV",
    "TaskRelation": "0RTSB00000TaReLYAV",
    "EventRelation": "0RESB00000EvReLYAV",
}
SOURCE = Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="acme")


def key(record: str) -> str:
    """A record's key in the source of the tests."""
    return f"{SOURCE.key}:{record}"


def header(entity: str, change: str = "UPDATE", **more: object) -> dict[str, Any]:
    """A ChangeEventHeader as CometD sends it: without nulledFields and diffFields."""
    return {
        "entityName": entity,
        "recordIds": [IDS[entity]],
        "changeType": change,
        "changeOrigin": "com/salesforce/api/soap/60.0;client=Astro/",
        "transactionKey": "0005e192-1111-2222-3333-444455556666",
        "sequenceNumber": 1,
        "commitTimestamp": MS,
        "commitNumber": 1_652_977_933_433_528_301,
        "commitUser": IDS["User"],
        **more,
    }


def cometd(head: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The Streaming API's message: what changed."""
    body = {"schema": "I8b-dYxvxs5wOtCBr4qsew", "payload": {**fields, "ChangeEventHeader": head}}
    return {"data": {**body, "event": {"replayId": 7}}, "channel": "/data/ChangeEvents"}


def pubsub(head: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The Pub/Sub API's payload, decoded."""
    return {"ChangeEventHeader": {"nulledFields": [], "diffFields": [], "changedFields": [], **head}, **fields}


def client(head: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The same as Salesforce's client for Node.js hands it on."""
    return {"replayId": 18_098_167, "payload": pubsub(head, fields)}


def connect(head: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """A record of Confluent's connector, of JSON without a schema: a struct whose header has every field, too."""
    lists = {"nulledFields": None, "diffFields": None, "changedFields": None}
    beside = {
        "ReplayId": "7",
        "_ObjectType": f"{head['entityName']}ChangeEvent",
        "_EventType": "jD3mFmPIa2SzXEBOBnyIcg",
    }
    return {"ReplayId": "7", "ChangeEventHeader": {**lists, **head}, **fields, **beside}


def connect_with_schema(head: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The same with Connect's schema around it."""
    schema = {
        "type": "struct",
        "optional": False,
        "name": f"io.confluent.salesforce.{head['entityName']}",
        "fields": [],
    }
    return {"schema": schema, "payload": connect(head, fields)}


Form = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
#: The forms whose body has every field of the entity.
DENSE: tuple[Form, ...] = (pubsub, client, connect, connect_with_schema)
FORMS: tuple[Form, ...] = (cometd, *DENSE)


def said(document: object, source: Source = SOURCE, **record: Any) -> list[Outcome]:  # noqa: ANN401 - of a RawRecord
    """What becomes of a document."""
    return parse(source, RawRecord(None, msgspec.json.encode(document), **record))


def changed(entity: str, change: str, fields: dict[str, Any], source: Source = SOURCE, **head: object) -> list[Outcome]:
    """What becomes of one change in the Streaming API's form; on UPDATE the fields that are there changed."""
    named = {"changedFields": list(fields)} if change == "UPDATE" else {}
    return said(cometd(header(entity, change, **{**named, **head}), fields), source)


def events_of(outcomes: list[Outcome]) -> tuple[Event, ...]:
    """The events of the one row."""
    (outcome,) = outcomes
    assert isinstance(outcome, Accepted), outcome
    return outcome.events


def event_of(outcomes: list[Outcome]) -> Event:
    """The one event of the one row."""
    (event,) = events_of(outcomes)
    return event
