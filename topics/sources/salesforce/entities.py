"""The entities of Salesforce: which ones are read, each in a file of its own, and which are not.

An entity that stands in neither table is rejected: nobody knows what it says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from topics.sources.salesforce.accounts import accounts
from topics.sources.salesforce.activities import meetings, tasks
from topics.sources.salesforce.deals import deals
from topics.sources.salesforce.people import contacts, leads, users
from topics.sources.salesforce.roles import contact_roles, event_relations, task_relations
from topics.sources.salesforce.subjects import Read
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


def is_not_read(entity: str) -> bool:
    """Whether it is known to say nothing about deals: by its name, or as one of the customer's own."""
    return entity in ENTITIES_NOT_READ or entity.endswith(_CUSTOM_ENTITIES)
