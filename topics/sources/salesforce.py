"""Salesforce Change Data Capture: Opportunity, Task, Event and User.

How a change event is read (shapes, nulls, bitmaps) is in `salesforce_change`; here is what each entity becomes. One row
is one record id: an event that names three records gives three outcomes, with three ids.

Silent reasons: tombstone, own_write, entity_not_read, nothing_mapped, activity_gap, person_gap. Those of rejections are
in `refusals`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

from topics.events import (
    DEAL_FIELDS,
    ActivityChanged,
    DealChanged,
    DealGap,
    DealRemoved,
    PersonChanged,
    Scalar,
    SourceGap,
    deal_key,
)
from topics.outcomes import Accepted, Outcome, Parser, RawRecord, Rejected, Silent
from topics.sources.bitmaps import Named, resolver
from topics.sources.field_values import Coerce, day, flag, instant, number, scalar, text
from topics.sources.json_records import json_object, that_fit
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.salesforce_activities import meeting_fields, task_fields
from topics.sources.salesforce_change import (
    GAPS,
    Body,
    Change,
    is_own_write,
    read_change,
    read_header,
    refuse_large_fields,
    rows_of,
    unwrap,
)
from topics.sources.source import Source

#: Salesforce's standard fields of an Opportunity and what the product calls them; `Source.fields` adds and overrides.
OPPORTUNITY_FIELDS = {
    "Name": "name",
    "StageName": "stage",
    "Amount": "amount",
    "CurrencyIsoCode": "currency",
    "CloseDate": "close_date",
    "CreatedDate": "created_at",
    "OwnerId": "owner_id",
    "RecordTypeId": "pipeline",
    "ForecastCategoryName": "forecast_category",
    "NextStep": "next_step",
    "AccountId": "account_id",
    "Type": "type",
    "LeadSource": "lead_source",
    "Probability": "probability",
}

#: Standard entities that a channel may carry beside the ones that are read.
ENTITIES_NOT_READ = frozenset(
    {
        "Account",
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
        "Contact",
        "ContactPointEmail",
        "ContactPointPhone",
        "ContentDocumentLink",
        "Contract",
        "ContractContactRole",
        "EmailMessage",
        "EventRelation",
        "Group",
        "Individual",
        "Lead",
        "LiveChatTranscript",
        "MessagingSession",
        "Note",
        "ObjectTerritory2Association",
        "OpportunityContactRole",
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
        "TaskRelation",
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

_COERCE: dict[str, Coerce] = {
    **dict.fromkeys(DEAL_FIELDS, text),
    "amount": number,
    "probability": number,
    "close_date": day,
    "created_at": instant,
}
_CUSTOM = "__c"
#: More than any entity has; beyond, names are worked out each time.
_REMEMBERED_FIELDS = 4096

Read = Callable[[Change], list[Outcome]]


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
    readers: dict[str, Read] = {
        "Opportunity": partial(_deals, DealFields(source)),
        "Task": partial(_activities, task_fields),
        "Event": partial(_activities, meeting_fields),
        "User": _people,
    }
    return partial(_parse, Rules(source.key, source.own_client, resolver(source.schemas), readers))


def _parse(rules: Rules, record: RawRecord) -> list[Outcome]:
    value = record.value
    if value is None:
        return [Silent("tombstone")]
    try:
        body = unwrap(json_object(value))
    except RefusedError as fault:
        return [Rejected(fault.reason, fault.detail)]
    try:
        outcomes = _read(rules, value, record.timestamp_us, body)
    except RefusedError as fault:
        return [Rejected(fault.reason, fault.detail)] * rows_of(body)
    return that_fit(value, outcomes)


def _read(rules: Rules, value: bytes, broker_us: int, body: Body) -> list[Outcome]:
    header = read_header(body)
    read = rules.readers.get(header.entity_name)
    if read is None:
        return [_entity_not_read(header.entity_name)] * len(header.record_ids)
    if rules.own_client and is_own_write(header, rules.own_client):
        return [Silent("own_write")] * len(header.record_ids)
    refuse_large_fields(body.fields, len(value))
    return read(read_change(rules.source_key, rules.named, header, body, broker_us))


def _entity_not_read(entity: str) -> Outcome:
    if entity in ENTITIES_NOT_READ:
        return Silent("entity_not_read")
    return Rejected(Reason.UNKNOWN_ENTITY.value, f"entityName {shown(entity)}")


def _silent(change: Change, reason: str) -> list[Outcome]:
    return [Silent(reason)] * len(change.header.record_ids)


class _Meaning(NamedTuple):
    """What a field of Salesforce's is called here, and how its values are read. `custom`: no table names it."""

    name: str
    read: Coerce
    custom: bool = False


class DealFields:
    """The names of an Opportunity's fields: Salesforce's -> ours, and how their values are read.

    A custom field that the table does not name keeps its own name in lower case without `__c` (`Budget_Confirmed__c`:
    `budget_confirmed`), unless that is a name of the table; other fields are not read. An empty name in
    `Source.fields` switches a field off. `blank`: what a full record that does not mention a field says about it,
    which is that it is empty.
    """

    def __init__(self, source: Source) -> None:
        overridden = frozenset(source.fields.values())
        standard = {api: name for api, name in OPPORTUNITY_FIELDS.items() if name not in overridden}
        names = standard | source.fields
        self._taken = frozenset(DEAL_FIELDS) | frozenset(names.values())
        self._known: dict[str, _Meaning | None] = {
            api: _Meaning(name, _COERCE.get(name, scalar)) if name else None for api, name in names.items()
        }
        custom = (_custom_name(api, self._taken) for api in source.schemas.get("Opportunity", ()) if _is_custom(api))
        self.blank: Mapping[str, Scalar] = dict.fromkeys(filter(None, (*names.values(), *custom)))

    def read(self, values: Mapping[str, object]) -> tuple[dict[str, Scalar], tuple[str, ...]]:
        """The canonical fields that the values cover, and the dirt in them. Raises RefusedError."""
        fields: dict[str, Scalar] = {}
        dirt: tuple[str, ...] = ()
        known = self._known
        for api, value in values.items():
            meaning = known[api] if api in known else self._learnt(api)
            if meaning is None:
                continue
            if value is None:
                fields[meaning.name] = None
            elif meaning.custom and isinstance(value, dict | list):
                dirt = (*dirt, "not_scalar.custom")  # a geolocation: no criterion can read it; no name in a label
            else:
                fields[meaning.name] = meaning.read(api, value)
        return fields, dirt

    def _learnt(self, api: str) -> _Meaning | None:
        """What a field means that the table does not name; remembered, as the same ones come with every record."""
        meaning = _Meaning(_custom_name(api, self._taken), scalar, custom=True) if _is_custom(api) else None
        if len(self._known) < _REMEMBERED_FIELDS:
            self._known[api] = meaning
        return meaning


def _is_custom(api: str) -> bool:
    return api.endswith(_CUSTOM)


def _custom_name(api: str, taken: frozenset[str]) -> str:
    short = api[: -len(_CUSTOM)].lower()
    return api.lower() if short in taken else short


def _deals(names: DealFields, change: Change) -> list[Outcome]:
    kind = change.header.change_type
    if kind == "UPDATE" or change.full:
        return _changed_deals(names, change)
    return [Accepted((_without_fields(change, record),), "", change.dirt) for record in change.header.record_ids]


def _without_fields(change: Change, record: str) -> DealRemoved | DealGap | SourceGap:
    """The event of a change that says nothing about fields: a delete, or a gap."""
    kind, identity, source, at_us, seq = (
        change.header.change_type,
        change.id_of(record),
        change.source_key,
        change.at_us,
        change.seq,
    )
    if kind == "GAP_OVERFLOW":
        return SourceGap(id=identity, key="", source=source, at_us=at_us, seq=seq)
    make = DealRemoved if kind == "DELETE" else DealGap
    return make(id=identity, key=deal_key(source, record), source=source, at_us=at_us, seq=seq)


def _changed_deals(names: DealFields, change: Change) -> list[Outcome]:
    fields, dirt = names.read(change.values)
    created = change.header.change_type == "CREATE"
    if change.full:
        fields = {**names.blank, **fields}
        _keep_creation(fields, change.at_us if created else None)
    elif not fields:
        return _silent(change, "nothing_mapped")
    dirt += change.dirt
    source, at_us, seq, full = change.source_key, change.at_us, change.seq, change.full
    outcomes: list[Outcome] = []
    for record in change.header.record_ids:
        event = DealChanged(
            id=change.id_of(record),
            key=deal_key(source, record),
            source=source,
            at_us=at_us,
            seq=seq,
            fields=fields,
            full=full,
            created=created,
        )
        outcomes.append(Accepted((event,), "", dirt))
    return outcomes


def _keep_creation(fields: dict[str, Scalar], committed_us: int | None) -> None:
    """A deal's creation is never empty: where a full record lacks it, the CREATE's commit, else not covered."""
    if fields.get("created_at") is None:
        fields.pop("created_at", None)
        if committed_us is not None:
            fields["created_at"] = committed_us


def _activities(read: Callable[[Change], dict[str, Scalar]], change: Change) -> list[Outcome]:
    kind = change.header.change_type
    if kind in {"DELETE", "GAP_DELETE"}:
        fields: dict[str, Scalar] = {"removed": True}
    elif kind in GAPS:
        return _silent(change, "activity_gap")
    else:
        fields = read(change)
    if not fields:
        return _silent(change, "nothing_mapped")
    source, at_us, seq = change.source_key, change.at_us, change.seq
    outcomes: list[Outcome] = []
    for record in change.header.record_ids:
        event = ActivityChanged(
            id=change.id_of(record),
            key=deal_key(source, record),
            source=source,
            at_us=at_us,
            seq=seq,
            activity=record,
            fields=fields,
        )
        outcomes.append(Accepted((event,), "", change.dirt))
    return outcomes


def _people(change: Change) -> list[Outcome]:
    kind = change.header.change_type
    if kind in {"DELETE", "GAP_DELETE"}:
        fields: dict[str, Scalar] = {"active": False}
    elif kind in GAPS:
        return _silent(change, "person_gap")
    else:
        fields = _person_fields(change)
    if not fields:
        return _silent(change, "nothing_mapped")
    source, at_us, seq = change.source_key, change.at_us, change.seq
    outcomes: list[Outcome] = []
    for record in change.header.record_ids:
        event = PersonChanged(
            id=change.id_of(record),
            key=deal_key(source, record),
            source=source,
            at_us=at_us,
            seq=seq,
            person=record,
            fields=fields,
        )
        outcomes.append(Accepted((event,), "", change.dirt))
    return outcomes


def _person_fields(change: Change) -> dict[str, Scalar]:
    values = change.values
    fields: dict[str, Scalar] = {}
    name = _person_name(values.get("Name"), values, change)
    if name is not None:
        fields["name"] = name
    if change.full or "Email" in values:
        fields["email"] = text("Email", values.get("Email"))
    active = flag("IsActive", values.get("IsActive"))
    if active is not None:
        fields["active"] = active
    return fields


def _person_name(name: object, values: Mapping[str, object], change: Change) -> str | None:
    """A name in one piece or of its parts. On an UPDATE of one part the other is not known, and nothing is said."""
    if name is not None and not isinstance(name, dict):
        return text("Name", name)
    parts = name if isinstance(name, dict) else values
    first, last = text("FirstName", parts.get("FirstName")), text("LastName", parts.get("LastName"))
    if not last or not (first or change.full):
        return None
    return f"{first} {last}" if first else last
