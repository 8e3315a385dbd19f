"""Webhooks come late, twice, in any order and cut into bodies anyhow: the deals and what is open end the same.

HubSpot keeps no order and sends again for a day; Pipedrive sends again for minutes. Here a day and a half of both CRMs'
notices arrives in any order, some of them twice, in bodies of any size, and is held against the same notices in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playbook.load import load
from signals.replay import Replayed, replay_as_arrived
from signals.rules import Rules
from topics.codec import encode
from topics.outcomes import Accepted, RawRecord
from topics.signals import Step
from topics.sources.registry import parser
from topics.sources.source import Provides, Source, SourceKind

START_MS = 1_704_103_200_000  # 2024-01-01T10:00:00Z
UNTIL_US = (START_MS + 40 * 24 * 3_600_000) * 1000
HUBSPOT = Source(name="hubspot", kind=SourceKind.HUBSPOT, tenant="5799820", provides=frozenset(Provides))
PIPEDRIVE = Source(name="pipedrive", kind=SourceKind.PIPEDRIVE, tenant="8087570", provides=frozenset(Provides))
PLAYBOOK = load((files("playbook") / "default.yaml").read_text(), "default.yaml")
RULES = Rules(PLAYBOOK.playbook, PLAYBOOK.hash, (HUBSPOT, PIPEDRIVE))
EXAMPLES = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])

Notice = dict[str, Any]
deals, people, companies, calls = (st.sampled_from(ids) for ids in ((11, 12), (21, 22), (31,), (41, 42)))


def _property(type_id: str, of: st.SearchStrategy[int], name: str, values: Sequence[str]) -> st.SearchStrategy[Notice]:
    return st.fixed_dictionaries(
        {
            "subscriptionType": st.just("object.propertyChange"),
            "objectTypeId": st.just(type_id),
            "objectId": of,
            "propertyName": st.just(name),
            "propertyValue": st.sampled_from(values),
        }
    )


def _record(kind: str, of: st.SearchStrategy[int]) -> st.SearchStrategy[Notice]:
    return st.fixed_dictionaries({"subscriptionType": st.just(kind), "objectId": of})


def _tie(
    one: str, ones: st.SearchStrategy[int], other: str, others: st.SearchStrategy[int], type_ids: Sequence[int]
) -> st.SearchStrategy[Notice]:
    return st.fixed_dictionaries(
        {
            "subscriptionType": st.just("object.associationChange"),
            "fromObjectTypeId": st.just(one),
            "toObjectTypeId": st.just(other),
            "fromObjectId": ones,
            "toObjectId": others,
            "associationTypeId": st.sampled_from(type_ids),
            "associationRemoved": st.booleans(),
        }
    )


DAYS = [str(START_MS + days * 86_400_000) for days in (0, 10, 30, 60, 90)]
NOTICES = st.one_of(
    _property("0-3", deals, "dealstage", ["appointmentscheduled", "qualifiedtobuy", "contractsent", "closedwon", ""]),
    _property("0-3", deals, "amount", ["1000", "250000", ""]),
    _property("0-3", deals, "closedate", DAYS),
    _property("0-3", deals, "budget_confirmed", ["true", "false", ""]),
    _property("0-48", calls, "hs_timestamp", [str(START_MS + 3_600_000), str(START_MS + 7_200_000)]),
    _property("0-48", calls, "hs_call_direction", ["INBOUND", "OUTBOUND"]),
    _property("0-48", calls, "hs_call_status", ["COMPLETED", "NO_ANSWER"]),
    _property("0-2", companies, "industry", ["Steel", "Paper"]),
    _tie("0-3", deals, "0-1", people, [3, 36]),
    _tie("0-2", companies, "0-3", deals, [6, 342]),
    _tie("0-48", calls, "0-1", people, [194]),
    _tie("0-48", calls, "0-3", deals, [206]),
    st.one_of(
        _record("deal.deletion", st.just(12)),
        _record("deal.restore", st.just(12)),
        _record("contact.deletion", people),
        st.just({"subscriptionType": "deal.merge", "primaryObjectId": 13, "mergedObjectIds": [12]}),
    ),
)
#: What deals and calls begin with, in one minute: one call is a deal's, the other one a buyer's who is tied to a deal.
#: What is drawn comes after it.
BEGINNING: tuple[Notice, ...] = (
    *({"subscriptionType": "object.creation", "objectTypeId": "0-3", "objectId": one} for one in (11, 12)),
    *({"subscriptionType": "object.creation", "objectTypeId": "0-48", "objectId": one} for one in (41, 42)),
    *(
        {"subscriptionType": "deal.propertyChange", "objectId": one, "propertyName": name, "propertyValue": value}
        for one in (11, 12)
        for name, value in (("pipeline", "default"), ("dealstage", "appointmentscheduled"), ("hubspot_owner_id", "51"))
    ),
    *(
        {
            "subscriptionType": "object.associationChange",
            "associationTypeId": type_id,
            "fromObjectId": one,
            "toObjectId": other,
            "associationRemoved": False,
        }
        for type_id, one, other in ((206, 41, 11), (194, 42, 21), (3, 12, 21))
    ),
)


def _dated(notice: Notice, minute: int, number: int) -> Notice:
    return {
        "portalId": 5_799_820,
        "eventId": number,
        "occurredAt": START_MS + minute * 60_000,
        "attemptNumber": 0,
    } | notice


@st.composite
def hubspot(draw: st.DrawFn) -> list[bytes]:
    """Notices in the order of their times, each as JSON."""
    drawn = draw(st.lists(NOTICES, min_size=2, max_size=14))
    minutes = sorted(draw(st.lists(st.integers(0, 36 * 60), min_size=len(drawn), max_size=len(drawn))))
    said = [*((one, 0) for one in BEGINNING), *zip(drawn, minutes, strict=True)]
    return [encode(_dated(one, minute, number)) for number, (one, minute) in enumerate(said)]


PIPEDRIVE_DEAL = st.fixed_dictionaries(
    {
        "id": st.sampled_from([8, 9]),
        "stage_id": st.sampled_from([1, 2, 3]),
        "status": st.sampled_from(["open", "open", "won", "lost"]),
        "value": st.sampled_from([None, 100, 90_000]),
        "expected_close_date": st.sampled_from([None, "2024-02-01", "2024-03-31"]),
        "person_id": st.sampled_from([None, 11]),
        "org_id": st.sampled_from([None, 1]),
        "pipeline_id": st.just(1),
        "add_time": st.just("2023-12-01T09:00:00Z"),
    }
)
PIPEDRIVE_CALL = st.fixed_dictionaries(
    {
        "id": st.sampled_from([2, 3]),
        "type": st.sampled_from(["call", "meeting"]),
        "done": st.booleans(),
        "due_date": st.sampled_from([None, "2024-01-02"]),
        "deal_id": st.sampled_from([None, 8]),
        "person_id": st.sampled_from([None, 11]),
        "org_id": st.sampled_from([None, 1]),
    }
)


@st.composite
def pipedrive(draw: st.DrawFn) -> list[bytes]:
    """Webhooks in the order of their times, each as JSON."""
    records = st.tuples(st.just("deal"), PIPEDRIVE_DEAL) | st.tuples(st.just("activity"), PIPEDRIVE_CALL)
    drawn = draw(
        st.lists(st.tuples(st.sampled_from(["create", "change", "change", "delete"]), records), min_size=2, max_size=12)
    )
    minutes = sorted(draw(st.lists(st.integers(0, 36 * 60), min_size=len(drawn), max_size=len(drawn), unique=True)))
    return [
        encode(_webhook(action, entity, record, minute))
        for (action, (entity, record)), minute in zip(drawn, minutes, strict=True)
    ]


def _webhook(action: str, entity: str, record: Notice, minute: int) -> Notice:
    meta = {
        "action": action,
        "entity": entity,
        "company_id": "8087570",
        "id": f"e-{minute}",
        "entity_id": str(record["id"]),
    }
    meta["timestamp"] = str(START_MS // 1000 + minute * 60)
    gone = action == "delete"
    return {"meta": meta, "data": None if gone else record, "previous": record if gone else None}


def _again(notice: bytes, attempt: int) -> bytes:
    """The same notice as it is sent again."""
    body = msgspec.json.decode(notice)
    (body.get("meta") or body)["attempt" if "meta" in body else "attemptNumber"] = attempt
    return encode(body)


@st.composite
def arrivals(draw: st.DrawFn, notices: list[bytes], most: int) -> list[bytes]:
    """The notices in any order, some twice, in bodies of up to `most` rows."""
    again = [_again(one, draw(st.integers(1, 4))) for one in draw(st.lists(st.sampled_from(notices), max_size=4))]
    left = draw(st.permutations([*notices, *again]))
    bodies = []
    while left:
        size = draw(st.integers(1, most))
        bodies.append(left[0] if size == 1 else b"[" + b",".join(left[:size]) + b"]")
        left = left[size:]
    return bodies


def ended(source: Source, bodies: Sequence[bytes]) -> tuple[dict[str, Any], set[tuple[str, str, str]]]:
    """The deals at T without what tells of arrival, and the signals that are open."""
    arrived = (
        (parser(source), RawRecord(None, body, (), (START_MS + 48 * 3_600_000 + n) * 1000))
        for n, body in enumerate(bodies)
    )
    replayed = replay_as_arrived(arrived, RULES, UNTIL_US)
    facts = {
        key: (
            watch.deal.fields,
            watch.deal.removed,
            watch.deal.merged_into,
            watch.deal.suspect_us,
            watch.deal.last_contact(UNTIL_US),
        )
        for key, watch in replayed.watches.items()
    }
    return {key: _without_marks(said) for key, said in facts.items()}, _open(replayed)


def _without_marks(facts: tuple[Any, ...]) -> Any:  # noqa: ANN401 - facts of any kind
    """The facts; of the last contact only when it was: the mark on it says where the event stands."""
    *said, contact = facts
    return (*said, None if contact is None else contact.at_us)


def _open(replayed: Replayed) -> set[tuple[str, str, str]]:
    found: set[tuple[str, str, str]] = set()
    for signal in replayed.signals:
        identity = (signal.subject_key, str(signal.kind), signal.id)
        (found.discard if signal.transition is Step.RESOLVED else found.add)(identity)
    return found


@EXAMPLES
@given(data=st.data())
def test_hubspots_notices_end_the_same_in_any_order(data: st.DataObject) -> None:
    notices = data.draw(hubspot())
    assert ended(HUBSPOT, data.draw(arrivals(notices, 5))) == ended(HUBSPOT, [b"[" + b",".join(notices) + b"]"])


@EXAMPLES
@given(data=st.data())
def test_pipedrives_webhooks_end_the_same_in_any_order(data: st.DataObject) -> None:
    webhooks = data.draw(pipedrive())
    assert ended(PIPEDRIVE, data.draw(arrivals(webhooks, 1))) == ended(PIPEDRIVE, webhooks)


@pytest.mark.parametrize(
    ("source", "drawn"), [(HUBSPOT, hubspot()), (PIPEDRIVE, pipedrive())], ids=["hubspot", "pipedrive"]
)
@EXAMPLES
@given(data=st.data())
def test_a_body_says_what_its_rows_say(
    source: Source, drawn: st.SearchStrategy[list[bytes]], data: st.DataObject
) -> None:
    """Arrays cut anyhow hold the same events, and a row that was sent again the same ones once more."""
    notices = data.draw(drawn)
    apart = [outcome for one in notices for outcome in parser(source)(RawRecord(None, one))]
    together = parser(source)(RawRecord(None, b"[" + b",".join(notices) + b"]"))
    again = parser(source)(RawRecord(None, b"[" + b",".join(_again(one, 3) for one in notices) + b"]"))
    assert together == apart == again
    ids = [event.id for outcome in apart if isinstance(outcome, Accepted) for event in outcome.events]
    assert len(set(ids)) == len(ids)
