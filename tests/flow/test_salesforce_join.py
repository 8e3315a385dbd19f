"""What a Salesforce org says about one lead, its conversion and its deal, in whichever order it arrives."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbook.load import load
from signals.replay import Replayed, replay, replay_as_arrived
from signals.rules import Rules
from tests.unit.salesforce_changes import IDS, SOURCE, cometd, header
from topics.instants import HOUR_US, parse_rfc3339, rfc3339
from topics.outcomes import READ_AT_HEADER, RawRecord
from topics.sources.salesforce import parser
from topics.sources.source import Provides

DEAL, ACCOUNT, CONTACT, LEAD, SELLER = (IDS[name] for name in ("Opportunity", "Account", "Contact", "Lead", "User"))
CALL, MAIL, LATER_CALL, MEETING = "00TSB00000CaLlXYAV", "00TSB00000MaIlXYAV", "00TSB00000LaTeRYAV", IDS["Event"]
START_US = parse_rfc3339("2024-03-04T09:00:00Z")
#: The whole story is shorter than an event may be late.
WATCH_US = 6 * HOUR_US
UNTIL_US = START_US + 20 * WATCH_US

#: In which watch of six hours, what happened to which record; the fields as the Streaming API sends them.
STORY: list[tuple[int, str, str, str, dict[str, Any]]] = [
    (
        0,
        "User",
        SELLER,
        "CREATE",
        {"Name": {"FirstName": "Ada", "LastName": "Byron"}, "IsActive": True, "Department": "SMB"},
    ),
    (0, "Lead", LEAD, "CREATE", {"Name": {"FirstName": "Emmy", "LastName": "Noether"}, "Company": "Cardinal"}),
    (1, "Task", CALL, "CREATE", {"WhoId": LEAD, "TaskSubtype": "Call", "Status": "Completed", "CallType": "Inbound"}),
    (
        3,
        "Account",
        ACCOUNT,
        "CREATE",
        {"Name": "Cardinal", "NumberOfEmployees": 250, "BillingAddress": {"Country": "USA"}},
    ),
    (3, "Contact", CONTACT, "CREATE", {"Name": {"FirstName": "Emmy", "LastName": "Noether"}, "AccountId": ACCOUNT}),
    (
        3,
        "Opportunity",
        DEAL,
        "CREATE",
        {
            "Name": "Cardinal",
            "StageName": "Prospecting",
            "AccountId": ACCOUNT,
            "OwnerId": SELLER,
            "CloseDate": "2024-06-30",
        },
    ),
    (
        3,
        "Lead",
        LEAD,
        "UPDATE",
        {"ConvertedOpportunityId": DEAL, "ConvertedContactId": CONTACT, "ConvertedAccountId": ACCOUNT},
    ),
    (
        4,
        "OpportunityContactRole",
        IDS["OpportunityContactRole"],
        "CREATE",
        {"OpportunityId": DEAL, "ContactId": CONTACT},
    ),
    (
        5,
        "Task",
        MAIL,
        "CREATE",
        {"WhoId": CONTACT, "TaskSubtype": "Email", "Subject": "[In] Re: offer", "Status": "Completed"},
    ),
    (6, "Event", MEETING, "CREATE", {"WhatId": ACCOUNT, "EndDateTime": "2024-03-07T15:00:00Z"}),
    (6, "EventRelation", IDS["EventRelation"], "CREATE", {"EventId": MEETING, "RelationId": CONTACT, "Status": "New"}),
    (7, "Account", ACCOUNT, "UPDATE", {"NumberOfEmployees": 300}),
    (8, "OpportunityContactRole", IDS["OpportunityContactRole"], "DELETE", {}),
    (9, "Task", LATER_CALL, "CREATE", {"WhoId": CONTACT, "TaskSubtype": "Call", "Status": "Completed"}),
    (10, "User", SELLER, "UPDATE", {"IsActive": False}),
]


def _records() -> list[RawRecord]:
    records = []
    for number, (watch, entity, record, change, fields) in enumerate(STORY, start=1):
        at_us, conversion = START_US + watch * WATCH_US, watch == 3
        head = header(
            entity,
            change,
            recordIds=[record],
            transactionKey="conversion" if conversion else f"t{number}",
            sequenceNumber=2 * number if conversion else 1,
            commitNumber=2**60 + (100 if conversion else 100 * watch + number),
            commitTimestamp=at_us // 1000,
            changedFields=list(fields) if change == "UPDATE" else [],
        )
        records.append(RawRecord(None, msgspec.json.encode(cometd(head, fields)), (), at_us))
    return records


RECORDS = _records()
LAST_US = RECORDS[-1].timestamp_us
PROVIDING = msgspec.structs.replace(SOURCE, provides=frozenset(Provides))
PARSE = parser(PROVIDING)


@pytest.fixture(scope="module")
def rules() -> Rules:
    playbook = load((files("playbook") / "default.yaml").read_text(), "default.yaml")
    return Rules(playbook.playbook, playbook.hash, (PROVIDING,))


def facts(replayed: Replayed) -> dict[str, Any]:
    """What is known of the one deal, without the positions and causes of its events, and what is open on it."""
    (watch,) = replayed.watches.values()
    deal = watch.deal
    return {
        "fields": deal.fields,
        "created": deal.created_us,
        "entries": [(entry.stage, entry.at_us) for entry in deal.entries],
        "activities": {
            name: msgspec.structs.replace(activity, mark=None) for name, activity in sorted(deal.activities.items())
        },
        "open": sorted((episode.kind, episode.opened_us) for episode in watch.episodes),
    }


def arrived(rules: Rules, records: list[RawRecord]) -> dict[str, Any]:
    return facts(replay_as_arrived([(PARSE, record) for record in records], rules, UNTIL_US))


def test_what_the_lead_and_its_contact_did_reaches_the_deal(rules: Rules) -> None:
    """The call before the conversion, the mail through the role, the meeting through its invitation; no more after."""
    known = arrived(rules, RECORDS)
    heard = {name.split()[0]: activity for name, activity in known["activities"].items() if not activity.removed}
    assert heard.keys() == {CALL, MAIL, MEETING}
    assert [heard[name].person for name in (CALL, MAIL, MEETING)] == [LEAD, CONTACT, CONTACT]
    assert heard[CALL].at_us == START_US + WATCH_US
    assert (heard[MAIL].direction, heard[MEETING].direction) == ("inbound", "mutual")


def test_the_account_and_the_owner_are_fields_of_the_deal(rules: Rules) -> None:
    fields = arrived(rules, RECORDS)["fields"]
    assert (fields["account_employees"], fields["account_country"]) == (300.0, "USA")
    assert (fields["owner_name"], fields["owner_team"], fields["owner_active"]) == ("Ada Byron", "SMB", False)


def test_a_history_at_rest_is_the_same_as_live(rules: Rules) -> None:
    replayed = replay([(PARSE, record) for record in RECORDS], rules, UNTIL_US)
    assert facts(replayed) == arrived(rules, RECORDS)
    report = replayed.report()
    assert (report["rows"], report["events"]) == (len(RECORDS), len(RECORDS))


@settings(deadline=None, max_examples=40)
@given(order=st.permutations(RECORDS), again=st.lists(st.sampled_from(RECORDS), max_size=4))
def test_any_order_of_arrival_ends_alike(rules: Rules, order: list[RawRecord], again: list[RawRecord]) -> None:
    """The conversion's four events too, whichever comes first; a repeat changes nothing. All within the lateness."""
    at_once = [record._replace(timestamp_us=LAST_US) for record in (*order, *again)]
    assert arrived(rules, at_once) == arrived(rules, [record._replace(timestamp_us=LAST_US) for record in RECORDS])


# --- what was lost and is read again -----------------------------------------------------------------------------

LOSSES = ["GAP_UPDATE", "GAP_OVERFLOW"]
QUERIED: dict[str, Any] = {
    "attributes": {"type": "Opportunity", "url": f"/services/data/v60.0/sobjects/Opportunity/{DEAL}"},
    "Id": DEAL,
    "StageName": "Qualification",
    "SystemModstamp": "2024-03-04T15:00:00.000+0000",
}


def _lost(kind: str, watch: int) -> RawRecord:
    """The source says that changes were lost, of one deal or of them all."""
    at_us = START_US + watch * WATCH_US
    ids = ["000000000000000AAA"] if kind == "GAP_OVERFLOW" else [DEAL]
    head = header("Opportunity", kind, recordIds=ids, transactionKey="lost", commitTimestamp=at_us // 1000)
    return RawRecord(None, msgspec.json.encode(cometd(head, {})), (), at_us)


def _queried(read_watch: int | None) -> RawRecord:
    """The deal as a query answers, and when that was, where it is said."""
    at_us = START_US + (read_watch or 12) * WATCH_US
    said = () if read_watch is None else ((READ_AT_HEADER, rfc3339(at_us).encode()),)
    return RawRecord(None, msgspec.json.encode(QUERIED), said, at_us)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize(
    ("read_watch", "suspect"), [(None, True), (10, True), (12, False)], ids=["by its own time", "before", "after"]
)
def test_a_suspect_deal_is_clean_by_what_was_read_after_the_loss(
    rules: Rules,
    kind: str,
    read_watch: int | None,
    suspect: bool,  # noqa: FBT001 - parametrised
) -> None:
    """A record that did not change since is no younger for being queried, so it is dated by the query."""
    records = [*RECORDS, _lost(kind, 11), _queried(read_watch)]
    (watch,) = replay_as_arrived([(PARSE, record) for record in records], rules, UNTIL_US).watches.values()
    assert (watch.deal.suspect_us is not None) is suspect
    assert watch.deal.fields["stage"] == ("Prospecting" if read_watch is None else "Qualification")
