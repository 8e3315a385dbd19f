"""Who made a change: a person, a system, or unknown where the source does not say."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from topics.events import DealChanged
from topics.outcomes import Accepted, RawRecord
from topics.sources.registry import parse
from topics.sources.source import Source, SourceKind

MS = 1_704_103_200_000  # 2024-01-01T10:00:00Z
HUBSPOT = Source(name="hubspot", kind=SourceKind.HUBSPOT, tenant="acme")
PIPEDRIVE = Source(name="pipedrive", kind=SourceKind.PIPEDRIVE, tenant="acme")
SALESFORCE = Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="acme")


def actors(source: Source, body: object) -> list[str]:
    """Who made each change of a deal that a record tells of."""
    accepted = [one for one in parse(source, RawRecord(None, msgspec.json.encode(body))) if isinstance(one, Accepted)]
    return [event.actor for one in accepted for event in one.events if isinstance(event, DealChanged)]


def notice(**more: object) -> dict[str, Any]:
    said = {"eventId": 1, "portalId": 2, "occurredAt": MS, "subscriptionType": "deal.propertyChange", "objectId": 3}
    return {**said, "propertyName": "amount", "propertyValue": "9", **more}


@pytest.mark.parametrize(
    ("source", "actor"),
    [
        ("CRM_UI", "person"),
        ("MOBILE_IOS", "person"),
        ("INTEGRATION", "system"),
        ("API", "system"),
        ("AUTOMATION_PLATFORM", "system"),
        ("CALCULATED", "system"),
        ("IMPORT", "system"),
        ("FORM", ""),
        ("SOMETHING_NEW", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_hubspot_says_by_the_source_of_the_change(source: object, actor: str) -> None:
    assert actors(HUBSPOT, notice(changeSource=source)) == [actor]


def test_hubspot_may_leave_the_source_out() -> None:
    assert actors(HUBSPOT, notice()) == [""]


def test_hubspots_history_says_it_for_each_version() -> None:
    history = {
        "amount": [
            {"value": "3", "timestamp": "2024-01-03T00:00:00Z", "sourceType": "CRM_UI"},
            {"value": "2", "timestamp": "2024-01-02T00:00:00Z", "sourceType": "CRM_UI"},
            {"value": "1", "timestamp": "2024-01-01T00:00:00Z", "sourceType": "API"},
        ],
        "dealname": [
            {"value": "B", "timestamp": "2024-01-02T00:00:00Z", "sourceType": "CALCULATED"},
            {"value": "A", "timestamp": "2024-01-01T00:00:00Z", "sourceType": "API"},
        ],
    }
    record = {
        "id": "3",
        "properties": {"dealname": "B", "amount": "3", "dealstage": "contractsent"},
        "propertiesWithHistory": history,
        "updatedAt": "2024-01-04T00:00:00Z",
        "objectType": "deal",
    }
    assert actors(HUBSPOT, record)[:3] == ["system", "", "person"]


@pytest.mark.parametrize(("source", "actor"), [("app", "person"), ("api", "system"), ("elsewhere", ""), (None, "")])
def test_pipedrive_says_app_or_api(source: str | None, actor: str) -> None:
    meta = {"action": "change", "entity": "deal", "id": "m", "company_id": "9", "timestamp": "2024-01-01T10:00:00Z"}
    body = {"meta": {**meta, "change_source": source}, "data": {"id": 3, "value": 9}, "previous": {"value": 8}}
    assert actors(PIPEDRIVE, body) == [actor]


@pytest.mark.parametrize(
    ("origin", "actor"),
    [
        ("com/salesforce/api/soap/51.0;client=SfdcInternalAPI/", "person"),
        ("com/salesforce/api/bulk/51.0;client=Loader/", "system"),
        ("com/salesforce/api/rest/51.0;client=Outreach/", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_salesforce_says_lightning_or_a_bulk_load(origin: str | None, actor: str) -> None:
    header = {
        "entityName": "Opportunity",
        "recordIds": ["0065g00000XyZAAA"],
        "changeType": "UPDATE",
        "changeOrigin": origin,
        "transactionKey": "t",
        "sequenceNumber": 1,
        "commitTimestamp": MS,
        "commitNumber": 5,
        "commitUser": "0055g00000AnnAAA",
        "changedFields": ["Amount"],
    }
    body = {"data": {"payload": {"ChangeEventHeader": header, "Amount": 9.0}, "event": {"replayId": 1}}}
    assert actors(SALESFORCE, body) == [actor]
