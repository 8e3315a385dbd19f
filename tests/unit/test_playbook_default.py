"""The playbook that ships: it fits the standard stages of Salesforce and HubSpot, and it never accuses the unknown."""

from __future__ import annotations

from typing import Any

import pytest

from playbook.criteria import Expression
from playbook.model import Audience, Criterion, Outcome, Pipeline, Playbook
from programs.definitions import default_playbook
from topics.signals import Kind

PLAYBOOK: Playbook = default_playbook().playbook

SALESFORCE = [
    "Prospecting", "Qualification", "Needs Analysis", "Value Proposition", "Id. Decision Makers", "Perception Analysis",
    "Proposal/Price Quote", "Negotiation/Review", "Closed Won", "Closed Lost",
]  # fmt: skip
HUBSPOT = [
    "appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin", "contractsent",
    "closedwon", "closedlost",
]  # fmt: skip


def pipeline_of(value: str | None) -> Pipeline:
    named = [each for each in PLAYBOOK.pipelines if value in each.values]
    return named[0] if named else next(each for each in PLAYBOOK.pipelines if not each.values)


@pytest.mark.parametrize(
    ("pipeline", "values"), [(None, SALESFORCE), ("012000000000001AAA", SALESFORCE), ("default", HUBSPOT)]
)
def test_the_standard_stages_are_known_in_their_order(pipeline: str | None, values: list[str]) -> None:
    stages = pipeline_of(pipeline).stages
    known = {value: place for place, stage in enumerate(stages) for value in (stage.name, *stage.values)}
    assert [known[value] for value in values] == list(range(len(stages)))
    assert [stage.outcome for stage in stages[-2:]] == [Outcome.WON, Outcome.LOST]


@pytest.mark.parametrize("pipeline", PLAYBOOK.pipelines, ids=lambda each: each.name)
def test_the_late_stages_expect_contact_within_two_weeks(pipeline: Pipeline) -> None:
    still_open = [stage for stage in pipeline.stages if stage.outcome is Outcome.OPEN]
    assert [stage.contact_days for stage in still_open[-2:]] == [14, 14]
    assert all(stage.contact_days is None for stage in still_open[:-2])


def test_every_kind_has_an_action_for_the_owner_short_enough_for_a_message() -> None:
    assert set(PLAYBOOK.responses) == set(Kind)
    for kind, response in PLAYBOOK.responses.items():
        assert (Audience.OWNER in response.tell) is (kind not in NOT_THE_OWNERS)
        assert 20 <= len(response.action) <= 120


#: What is wrong with the definitions, or with nobody's deal, is not the owner's to mend.
NOT_THE_OWNERS = {Kind.ICP_MISMATCH, Kind.VALUE_UNMAPPED, Kind.UNOWNED}


def criteria() -> list[Criterion]:
    stages = [stage for pipeline in PLAYBOOK.pipelines for stage in pipeline.stages]
    return [*PLAYBOOK.icp, *(each for stage in stages for each in (*stage.entry, *stage.exit))]


@pytest.mark.parametrize("criterion", criteria(), ids=lambda each: each.name)
def test_a_field_that_the_crm_never_sent_neither_passes_nor_fails(criterion: Criterion) -> None:
    assert Expression(criterion.when).judge({}) is None


SEGMENTS: list[tuple[dict[str, Any], str]] = [
    ({}, "small business"),
    ({"amount": None}, "small business"),
    ({"amount": 24_999.99}, "small business"),
    ({"amount": 25_000}, "mid-market"),
    ({"amount": 99_999.0}, "mid-market"),
    ({"amount": 100_000.0}, "enterprise"),
]


@pytest.mark.parametrize(("fields", "segment"), SEGMENTS)
def test_segments(fields: dict[str, Any], segment: str) -> None:
    matching = (each.name for each in PLAYBOOK.segments if each.when is None or Expression(each.when).judge(fields))
    assert next(matching) == segment


ICP: list[tuple[str, dict[str, Any], list[bool | None]]] = [
    ("all that is wanted", {"amount": 5000, "account_id": "001", "lead_source": "Web"}, [True, True, True]),
    ("an amount in cents", {"amount": 4999.99, "account_id": "001", "lead_source": None}, [False, True, True]),
    ("nobody's", {"amount": 1e6, "account_id": "", "lead_source": "Purchased List"}, [True, False, False]),
    ("empty is not unknown", {"amount": None, "account_id": None}, [False, False, None]),
]


@pytest.mark.parametrize(("fields", "met"), [row[1:] for row in ICP], ids=[row[0] for row in ICP])
def test_icp(fields: dict[str, Any], met: list[bool | None]) -> None:
    assert [Expression(each.when).judge(fields) for each in PLAYBOOK.icp] == met


INTENTS: list[tuple[str, dict[str, Any], str | None]] = [
    ("demo_request", {}, "demo_request"),
    ("web.demo_requested", {"page": "/demo"}, "demo_request"),
    ("com.example.demo_request", {}, "demo_request"),
    ("nodemo_request", {}, None),
    ("web.page_viewed", {"page": "/pricing"}, "pricing_page"),
    ("web.page_view", {"url": "https://example.com/pricing?plan=team"}, "pricing_page"),
    ("web.page_viewed", {"page": "/blog/pricing"}, None),
    ("web.page_viewed", {}, None),
    ("web.page_viewed", {"page": None, "url": 7}, None),
    ("document.opened", {"document": "proposal"}, "proposal_opened"),
    ("crm.proposal_opened", {}, "proposal_opened"),
    ("document.opened", {"document": "nda"}, None),
    ("contact.changed_job", {"role": "champion"}, "champion_moved"),
    ("contact.changed_job", {"role": "user"}, None),
    ("", {}, None),
]


@pytest.mark.parametrize(("kind", "data", "intent"), INTENTS)
def test_intents(kind: str, data: dict[str, Any], intent: str | None) -> None:
    called = [each.name for each in PLAYBOOK.intents if Expression(each.when).judge({"kind": kind, "data": data})]
    assert called == ([] if intent is None else [intent])
