"""Whole payloads, written by the rules of each source, and what they become: `tests/golden/sources/`.

The payloads that others published lie beside the checkout; they are read in place where they are there.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.golden_sources import Golden, goldens, written
from topics.events import DealChanged
from topics.outcomes import Accepted, Outcome, RawRecord, Rejected, Silent
from topics.sources.registry import parse
from topics.sources.source import Source, SourceKind

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "payloads"


@pytest.mark.parametrize("golden", [pytest.param(one, id=f"{one.stem}: {one.sentence}") for one in goldens()])
def test_a_golden_payload(golden: Golden) -> None:
    assert [written(outcome) for outcome in parse(golden.source, golden.record)] == golden.outcomes


def test_no_two_golden_events_share_an_id() -> None:
    ids = [event["id"] for golden in goldens() for outcome in golden.outcomes for event in outcome.get("events", ())]
    assert len(ids) >= 14
    assert len(set(ids)) == len(ids)


# --- what others published ---------------------------------------------------------------------------------------

needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published payloads lie beside the checkout")
SALESFORCE = Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="acme")
CLOUDEVENTS = Source(name="web", kind=SourceKind.CLOUDEVENTS, tenant="acme")


def published(source: Source, path: str) -> Outcome:
    (outcome,) = parse(source, RawRecord(None, (PUBLISHED / path).read_bytes()))
    return outcome


@needs_published
def test_the_documented_create_of_an_opportunity() -> None:
    outcome = published(SALESFORCE, "salesforce/pubsub_opportunity_create.json")
    assert isinstance(outcome, Accepted)
    (event,) = outcome.events
    assert isinstance(event, DealChanged)
    assert (event.full, event.created) == (True, True)
    assert event.seq == (1_652_977_933_433_528_300, 1)
    assert event.fields["close_date"] == "2022-05-31"
    assert event.fields["amount"] == 40000.0
    assert event.fields["next_step"] is None


@needs_published
def test_the_documented_enriched_update_of_an_account() -> None:
    """Industry is there but did not change, and of what changed nothing is read: the rule for enriched fields holds."""
    assert published(SALESFORCE, "salesforce/cometd_account_update_enriched.json") == Silent("nothing_mapped")


@needs_published
def test_a_database_change_inside_a_cloudevent_names_nobody() -> None:
    outcome = published(CLOUDEVENTS, "cloudevents/debezium_cloudevent_snapshot_read.json")
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "no_subject"


@needs_published
@pytest.mark.parametrize("name", ["docs_postgresql_02_op_u.json", "json_serde-unwrapped.json"])
def test_a_database_change_is_no_cloudevent(name: str) -> None:
    outcome = published(CLOUDEVENTS, f"debezium/{name}")
    assert isinstance(outcome, Rejected)
    assert outcome.reason == "not_a_cloudevent"
