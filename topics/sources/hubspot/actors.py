"""Who made a change, as HubSpot names its source: `changeSource` of a webhook, `sourceType` of a version.

From HubSpot's guides to webhooks and to the history of properties. Other sources (a form that a buyer filled in, a
merge, one that is new) say nothing: who knows whether that was work on the deal.
"""

from __future__ import annotations

from topics.events import Actor

_PEOPLE = ("CRM", "CRM_UI", "CRM_UI_BULK_ACTION", "MOBILE_ANDROID", "MOBILE_IOS", "SALES", "SALES_MESSAGES", "TASK")
_SYSTEMS = (
    "AI_GROUP",
    "API",
    "AUTOMATION_PLATFORM",
    "AUTOMATION_JOURNEY",
    "BATCH_UPDATE",
    "CALCULATED",
    "IMPORT",
    "INTEGRATION",
    "INTEGRATIONS_SYNC",
    "MIGRATION",
    "BACKFILL",
    "DATA_ENRICHMENT",
    "DATASET",
    "DEALS",
    "PIPELINE_SETTINGS",
    "SALESFORCE",
    "WORKFLOWS",
    "WORKFLOW_CONTACT_DELETE_ACTION",
)
_ACTORS: dict[str, Actor] = {**dict.fromkeys(_PEOPLE, "person"), **dict.fromkeys(_SYSTEMS, "system")}


def actor_of(source: object) -> Actor:
    """A person, a system, or unknown."""
    return _ACTORS.get(source, "") if isinstance(source, str) else ""
