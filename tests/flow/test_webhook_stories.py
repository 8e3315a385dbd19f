"""A few days of HubSpot and of Pipedrive through parser, join and brain: what the CRM says is what the deals say."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from playbook.load import load
from signals.deal import Deal
from signals.replay import Replayed, replay, replay_as_arrived
from signals.rules import Rules
from topics.codec import encode
from topics.instants import parse_rfc3339
from topics.outcomes import READ_AT_HEADER, Parser, RawRecord
from topics.signals import Kind, Step
from topics.sources.registry import parser
from topics.sources.source import Provides, Source, SourceKind

EXAMPLES = Path(__file__).parents[2] / "examples"
DAY_MS = 86_400_000
START_MS = 1_704_103_200_000  # 2024-01-01T10:00:00Z
UNTIL_US = (START_MS + 60 * DAY_MS) * 1000
HUBSPOT = Source(name="hubspot", kind=SourceKind.HUBSPOT, tenant="5799820", provides=frozenset(Provides))
PIPEDRIVE = Source(name="pipedrive", kind=SourceKind.PIPEDRIVE, tenant="8087570", provides=frozenset(Provides))


def rules_of(source: Source, name: str, text: str) -> Rules:
    book = load(text, name)
    return Rules(book.playbook, book.hash, (source,))


def both_ways(rules: Rules, records: list[tuple[Parser, RawRecord]]) -> tuple[Replayed, Replayed]:
    """At rest, and as they arrived."""
    return replay(records, rules, UNTIL_US), replay_as_arrived(records, rules, UNTIL_US)


def deal_of(replayed: Replayed, key: str) -> Deal:
    return replayed.watches[key].deal


def opened(replayed: Replayed, key: str) -> set[Kind]:
    """The kinds that are open on a deal at the end."""
    found: set[tuple[Kind, str]] = set()
    for signal in replayed.signals:
        if signal.subject_key == key:
            (found.discard if signal.transition is Step.RESOLVED else found.add)((signal.kind, signal.id))
    return {kind for kind, _ in found}


# --- HubSpot -----------------------------------------------------------------------------------------------------

HUBSPOT_RULES = rules_of(HUBSPOT, "default.yaml", (files("playbook") / "default.yaml").read_text())
DEAL, OTHER, CONTACT, COMPANY, CALL = 11, 12, 21, 31, 41


def notice(day: float, kind: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    said = {"portalId": 5_799_820, "occurredAt": START_MS + round(day * DAY_MS), "eventId": 1, "attemptNumber": 0}
    return {**said, "subscriptionType": f"object.{kind}", **more}


def change(day: float, type_id: str, record: int, name: str, value: str) -> dict[str, Any]:
    said = {"objectTypeId": type_id, "objectId": record, "propertyName": name, "propertyValue": value}
    return notice(day, "propertyChange", **said)


def tie(day: float, type_id: int, one: int, other: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    ends = {"fromObjectId": one, "toObjectId": other, "associationTypeId": type_id, "associationRemoved": False}
    return notice(day, "associationChange", **(ends | more))


def posted(
    *notices: dict[str, Any], day: float = 0, headers: tuple[tuple[str, bytes], ...] = ()
) -> tuple[Parser, RawRecord]:
    body = list(notices) if len(notices) > 1 else notices[0]
    return parser(HUBSPOT), RawRecord(None, encode(body), headers, (START_MS + round(day * DAY_MS) + 1_000) * 1000)


STORY = [
    posted(
        notice(0, "creation", objectTypeId="0-3", objectId=DEAL),
        change(0, "0-3", DEAL, "pipeline", "default"),
        change(0, "0-3", DEAL, "dealstage", "appointmentscheduled"),
        change(0, "0-3", DEAL, "hubspot_owner_id", "910901"),
        tie(0, 5, DEAL, COMPANY),
        tie(0, 3, DEAL, CONTACT),
        change(0, "0-2", COMPANY, "industry", "Steel"),
    ),
    posted(
        notice(20, "creation", objectTypeId="0-48", objectId=CALL),
        change(20, "0-48", CALL, "hs_timestamp", str(START_MS + 20 * DAY_MS)),
        change(20, "0-48", CALL, "hs_call_direction", "INBOUND"),
        tie(20, 194, CALL, CONTACT),
        day=20,
    ),
]


def test_what_a_buyer_does_and_what_their_company_is_reaches_the_deal() -> None:
    """The call names the contact alone; the company's industry is the deal's, until another company is the main one."""
    key = f"hubspot/5799820:{DEAL}"
    for replayed in both_ways(HUBSPOT_RULES, STORY):
        deal = deal_of(replayed, key)
        contact = deal.last_contact(UNTIL_US)
        assert contact is not None
        assert contact.at_us == (START_MS + 20 * DAY_MS) * 1000
        assert (deal.fields["account_id"], deal.fields["account_industry"]) == (str(COMPANY), "Steel")
        assert Kind.STAGE_OVERSTAY in opened(replayed, key)
    swapped = [*STORY, posted(tie(30, 5, DEAL, COMPANY, associationRemoved=True), tie(30, 5, DEAL, 32), day=30)]
    for replayed in both_ways(HUBSPOT_RULES, swapped):
        deal = deal_of(replayed, key)
        assert deal.fields["account_id"] == "32"
        assert "account_industry" not in deal.fields


def test_a_merged_deal_resolves_and_the_survivor_is_silent_until_it_is_read_again() -> None:
    merge = posted(notice(1, "merge", objectTypeId="0-3", primaryObjectId=OTHER, mergedObjectIds=[DEAL]), day=1)
    record = {"id": str(OTHER), "properties": {"dealstage": "appointmentscheduled", "pipeline": "default"}}
    record |= {"createdAt": "2023-12-01T10:00:00Z", "updatedAt": "2023-12-02T10:00:00Z"}
    read = (READ_AT_HEADER, b"2024-01-03T10:00:00Z")
    survivor = f"hubspot/5799820:{OTHER}"
    for replayed in both_ways(HUBSPOT_RULES, [*STORY, merge]):
        gone, left = deal_of(replayed, f"hubspot/5799820:{DEAL}"), deal_of(replayed, survivor)
        assert (gone.removed, gone.merged_into) == (True, survivor)
        assert opened(replayed, gone.key) == set()
        assert left.suspect_us == (START_MS + DAY_MS) * 1000
        assert opened(replayed, survivor) == set()
    for replayed in both_ways(HUBSPOT_RULES, [*STORY, merge, posted(record, day=2, headers=(read,))]):
        assert deal_of(replayed, survivor).suspect_us is None
        assert Kind.CYCLE_EXCEEDED in opened(replayed, survivor)
    stale = posted(record, day=2)  # nobody says when it was read: it may be older than the merge
    for replayed in both_ways(HUBSPOT_RULES, [*STORY, merge, stale]):
        assert deal_of(replayed, survivor).suspect_us is not None


def test_a_load_sets_the_past_by_its_own_times() -> None:
    versions = [
        {"value": "contractsent", "timestamp": "2024-01-10T10:00:00Z"},
        {"value": "qualifiedtobuy", "timestamp": "2023-12-01T10:00:00Z"},
    ]
    record = {
        "id": "7",
        "properties": {"dealstage": "contractsent", "pipeline": "default"},
        "updatedAt": "2024-01-11T10:00:00Z",
    }
    record |= {"createdAt": "2023-12-01T10:00:00Z", "propertiesWithHistory": {"dealstage": versions}}
    replayed = replay([posted(record, day=11)], HUBSPOT_RULES, UNTIL_US)
    deal = deal_of(replayed, "hubspot/5799820:7")
    entered = [(entry.stage, entry.at_us) for entry in deal.entries]
    assert entered == [
        ("qualifiedtobuy", parse_rfc3339("2023-12-01T10:00:00Z")),
        ("contractsent", parse_rfc3339("2024-01-10T10:00:00Z")),
    ]
    assert Kind.STAGE_OVERSTAY in opened(replayed, deal.key)


# --- Pipedrive ---------------------------------------------------------------------------------------------------

PIPEDRIVE_RULES = rules_of(PIPEDRIVE, "pipedrive.yaml", (EXAMPLES / "playbooks" / "pipedrive.yaml").read_text())


def hook(
    day: float, entity: str, data: dict[str, Any], previous: dict[str, Any] | None = None
) -> tuple[Parser, RawRecord]:
    at_ms = START_MS + round(day * DAY_MS)
    meta = {"action": "create" if previous is None else "change", "entity": entity, "company_id": "8087570"}
    meta |= {"id": f"{entity}-{day}", "entity_id": str(data["id"]), "timestamp": str(at_ms // 1000)}
    body = encode({"meta": meta, "data": data, "previous": previous})
    return parser(PIPEDRIVE), RawRecord(None, body, (), (at_ms + 1_000) * 1000)


def pipedrive_deal(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    deal = {"id": 8, "stage_id": 1, "pipeline_id": 1, "status": "open", "value": 90_000, "person_id": 11, "org_id": 1}
    return {**deal, "add_time": "2024-01-01T10:00:00Z", **more}


def test_a_pipedrive_deal_from_its_first_stage_to_won() -> None:
    key = "pipedrive/8087570:8"
    meeting = {
        "id": 2,
        "type": "meeting",
        "done": False,
        "due_date": "2024-01-21",
        "due_time": "10:00",
        "person_id": 11,
    }
    story = [
        hook(0, "deal", pipedrive_deal()),
        hook(0.1, "organization", {"id": 1, "name": "Brightwater", "country_code": "EE"}),
        hook(5, "activity", meeting),
        hook(10, "deal", pipedrive_deal(stage_id=2), {"stage_id": 1}),
    ]
    for replayed in both_ways(PIPEDRIVE_RULES, story):
        deal = deal_of(replayed, key)
        contact = deal.last_contact(UNTIL_US)
        assert contact is not None
        assert contact.at_us == parse_rfc3339("2024-01-21T10:00:00Z")
        assert (deal.fields["account_country"], deal.entries[-1].stage) == ("EE", "2")
        assert {Kind.STAGE_OVERSTAY, Kind.CONTACT_GAP} <= opened(replayed, key)
    won = hook(50, "deal", pipedrive_deal(stage_id=2, status="won"), {"status": "open"})
    for replayed in both_ways(PIPEDRIVE_RULES, [*story, won]):
        assert deal_of(replayed, key).entries[-1].stage == "won"
        assert opened(replayed, key) == set()
