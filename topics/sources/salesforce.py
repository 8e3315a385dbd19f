"""Salesforce: change events of every entity that says something about deals, and records that were queried.

How a change event is read (shapes, nulls, bitmaps) is in `salesforce_change`, a record that was queried in
`salesforce_record`; what an entity's changes become in one file each, put together in `READERS`. One row is one record
id: an event that names three records gives three outcomes, with three ids.

Silent reasons: tombstone, own_write, entity_not_read, nothing_mapped, activity_gap, person_gap, account_gap,
relation_gap. Those of rejections are in `refusals`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

from topics.outcomes import Outcome, Parser, RawRecord, Rejected, Silent
from topics.silences import Silence
from topics.sources.bitmaps import Named, resolver
from topics.sources.json_records import json_object, that_fit
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.salesforce_accounts import accounts
from topics.sources.salesforce_activities import meetings, tasks
from topics.sources.salesforce_change import (
    HEADER,
    Body,
    is_own_write,
    read_change,
    read_header,
    refuse_large_fields,
    rows_of,
    unwrap,
)
from topics.sources.salesforce_deals import deals
from topics.sources.salesforce_people import contacts, leads, users
from topics.sources.salesforce_record import is_record, read_record
from topics.sources.salesforce_roles import contact_roles, event_relations, task_relations
from topics.sources.salesforce_subjects import Read
from topics.sources.source import Source

#: Entity -> what the changes of a source's records become.
READERS: Mapping[str, Callable[[Source], Read]] = MappingProxyType(
    {
        "Opportunity": deals,
        "Account": accounts,
        "Contact": contacts,
        "Lead": leads,
        "User": users,
        "Task": tasks,
        "Event": meetings,
        "OpportunityContactRole": contact_roles,
        "TaskRelation": task_relations,
        "EventRelation": event_relations,
    }
)

#: Standard entities that a channel may carry beside the ones that are read.
ENTITIES_NOT_READ = frozenset(
    {
        "AccountContactRelation",
        "AccountContactRole",
        "AccountPartner",
        "AccountTeamMember",
        "Asset",
        "AssignedResource",
        "Campaign",
        "CampaignMember",
        "Case",
        "CaseComment",
        "ContactPointEmail",
        "ContactPointPhone",
        "ContentDocumentLink",
        "Contract",
        "ContractContactRole",
        "EmailMessage",
        "Group",
        "Individual",
        "LiveChatTranscript",
        "MessagingSession",
        "Note",
        "ObjectTerritory2Association",
        "OpportunityLineItem",
        "OpportunityLineItemSchedule",
        "OpportunitySplit",
        "OpportunityTeamMember",
        "Order",
        "OrderItem",
        "Partner",
        "Pricebook2",
        "PricebookEntry",
        "Product2",
        "Profile",
        "Quote",
        "QuoteLineItem",
        "RecordType",
        "ServiceAppointment",
        "ServiceContract",
        "Territory2",
        "TopicAssignment",
        "UserRole",
        "UserTerritory2Association",
        "VideoCall",
        "VoiceCall",
        "WorkOrder",
        "WorkOrderLineItem",
    }
)

#: What the names of a customer's own entities end in: objects, external objects, metadata, big objects.
_CUSTOM_ENTITIES = ("__c", "__x", "__mdt", "__b")


class Rules(NamedTuple):
    """What of a source is compiled once. `readers`: entity -> what its changes become."""

    source_key: str
    own_client: str
    named: Named
    readers: Mapping[str, Read]


def parse(source: Source, record: RawRecord) -> list[Outcome]:
    """One outcome per record id of the change event. Compiles the source each time; see `parser`."""
    return parser(source)(record)


def parser(source: Source) -> Parser:
    """The rules of this source, its field names resolved once."""
    readers = {entity: reader(source) for entity, reader in READERS.items()}
    return partial(_parse, Rules(source.subject_key, source.own_client, resolver(source.schemas), readers))


def _parse(rules: Rules, record: RawRecord) -> list[Outcome]:
    value = record.value
    if value is None:
        return [Silent(Silence.TOMBSTONE)]
    try:
        document = json_object(value)
        if is_record(document):
            return that_fit(value, _read_record(rules, document, record))
        body = unwrap(document)
    except RefusedError as fault:
        return [Rejected(fault.reason, fault.detail)]
    try:
        outcomes = _read_change(rules, value, record.timestamp_us, body)
    except RefusedError as fault:
        return [Rejected(fault.reason, fault.detail)] * rows_of(body)
    return that_fit(value, outcomes)


def _read_change(rules: Rules, value: bytes, broker_us: int, body: Body) -> list[Outcome]:
    header = read_header(body.fields[HEADER])
    read = rules.readers.get(header.entity_name)
    if read is None:
        return [_entity_not_read(header.entity_name)] * len(header.record_ids)
    if rules.own_client and is_own_write(header, rules.own_client):
        return [Silent(Silence.OWN_WRITE)] * len(header.record_ids)
    refuse_large_fields(body.fields, len(value))
    return read(read_change(rules.source_key, rules.named, header, body, broker_us))


def _read_record(rules: Rules, document: dict[str, Any], record: RawRecord) -> list[Outcome]:
    change = read_record(rules.source_key, document, record)
    entity = change.header.entity_name
    if entity not in rules.readers:
        return [_entity_not_read(entity)]
    refuse_large_fields(document, len(record.value or b""))
    return rules.readers[entity](change)


def _entity_not_read(entity: str) -> Outcome:
    if entity in ENTITIES_NOT_READ or entity.endswith(_CUSTOM_ENTITIES):
        return Silent(Silence.ENTITY_NOT_READ)
    return Rejected(Reason.UNKNOWN_ENTITY.value, f"entityName {shown(entity)}")
