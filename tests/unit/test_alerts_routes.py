"""Which topic an intent goes to."""

from __future__ import annotations

import msgspec
import pytest

from alerts.reasons import Reason
from alerts.routes import decode_cloud_event, route
from playbook.owners import Directory
from tests.golden.messages.samples import ANN, PLAYBOOK, opened, resolved, updated
from topics.codec import encode
from topics.events import Scalar
from topics.signals import Evidence, Kind, Signal

DIRECTORY = Directory(PLAYBOOK.owners)
INTENT = opened(Kind.HIGH_INTENT)


def _with(*intents: Scalar) -> Signal:
    return opened(Kind.HIGH_INTENT, evidence=Evidence(details=tuple({"intent": each} for each in intents)))


CASES = [
    ("an intent with a route", INTENT, [("routed", "route.sales-now")]),
    ("an intent without a route", _with("pricing_page"), [("intent_without_route", "")]),
    ("an intent that the playbook does not know", _with("smoke_signal"), [("intent_unknown", "")]),
    ("a signal that names no intent", _with(), [("intent_unknown", "")]),
    ("a name that is no text", _with(7), [("intent_unknown", "")]),
    (
        "several intents, each once",
        _with("demo_request", "pricing_page", "demo_request"),
        [("routed", "route.sales-now"), ("intent_without_route", "")],
    ),
    ("an update is not a new intent", updated(INTENT), [("not_new", "")]),
    ("nor is the end of one", resolved(INTENT), [("not_new", "")]),
    ("any other kind", opened(Kind.CONTACT_GAP), [("not_an_intent", "")]),
]


@pytest.mark.parametrize(("signal", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_routes(signal: Signal, expected: list[tuple[str, str]]) -> None:
    routings = route(PLAYBOOK, DIRECTORY, signal)
    assert [(each.reason.value, each.topic) for each in routings] == expected
    assert all((each.event is not None) == (each.reason is Reason.ROUTED) for each in routings)


def test_the_event_is_a_structured_cloud_event_with_deal_owner_and_time_limit() -> None:
    (routing,) = route(PLAYBOOK, DIRECTORY, INTENT)
    wire = msgspec.json.decode(encode(routing.event))
    assert {name: wire[name] for name in ("specversion", "source", "type", "subject", "time", "datacontenttype")} == {
        "specversion": "1.0",
        "source": "/deal-signals",
        "type": "deal-signals.high_intent.opened",
        "subject": INTENT.subject_key,
        "time": "2026-11-04T09:30:00Z",
        "datacontenttype": "application/json",
    }
    data = wire["data"]
    assert data["intent"] == "demo_request"
    assert data["answer_by"] == "2026-11-04T13:30:00Z"
    assert data["owner"] == {"id": ANN.ids[0], "name": ANN.name, "slack": ANN.slack}
    assert data["signal"]["deal_name"] == "Acme renewal 2027"
    assert decode_cloud_event(encode(routing.event)) == routing.event


def test_a_repeat_has_the_same_id_and_two_intents_of_one_signal_have_two() -> None:
    playbook = PLAYBOOK.model_copy(
        update={"intents": tuple(each.model_copy(update={"route": "r"}) for each in PLAYBOOK.intents)}
    )
    both = _with("demo_request", "pricing_page")
    first = [each.event.id for each in route(playbook, DIRECTORY, both) if each.event]
    again = [each.event.id for each in route(playbook, DIRECTORY, both) if each.event]
    assert first == again
    assert len(set(first)) == 2


def test_an_owner_whom_the_playbook_does_not_know_is_named_as_the_crm_names_them() -> None:
    (routing,) = route(PLAYBOOK, DIRECTORY, opened(Kind.HIGH_INTENT, owner_id="0059", owner="Zoe Zed"))
    assert routing.event is not None
    assert (routing.event.data.owner.id, routing.event.data.owner.name) == ("0059", "Zoe Zed")
