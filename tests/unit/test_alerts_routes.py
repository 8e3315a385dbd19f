"""Which topic an intent goes to."""

from __future__ import annotations

import msgspec
import pytest

from alerts.reasons import Reason
from alerts.routes import Routes, decode_cloud_event
from playbook.model import Route
from playbook.owners import Directory
from tests.golden.messages.samples import ANN, PLAYBOOK, opened, resolved, updated
from topics.codec import encode
from topics.events import Scalar
from topics.signals import Evidence, Kind, Signal

DIRECTORY = Directory(PLAYBOOK.owners)
ROUTES = Routes(PLAYBOOK, DIRECTORY)
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
    routings = ROUTES.of(signal)
    assert [(each.reason.value, each.topic) for each in routings] == expected
    assert all((each.event is not None) == (each.reason is Reason.ROUTED) for each in routings)


def test_the_event_is_a_structured_cloud_event_with_deal_owner_and_time_limit() -> None:
    (routing,) = ROUTES.of(INTENT)
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
    first = [each.event.id for each in Routes(playbook, DIRECTORY).of(both) if each.event]
    again = [each.event.id for each in Routes(playbook, DIRECTORY).of(both) if each.event]
    assert first == again
    assert len(set(first)) == 2


def test_an_owner_whom_the_playbook_does_not_know_is_named_as_the_crm_names_them() -> None:
    (routing,) = ROUTES.of(opened(Kind.HIGH_INTENT, owner_id="0059", owner="Zoe Zed"))
    assert routing.event is not None
    assert (routing.event.data.owner.id, routing.event.data.owner.name) == ("0059", "Zoe Zed")


RULES = PLAYBOOK.model_copy(
    update={
        "routes": (
            Route(name="large", when="has(deal.amount) && deal.amount >= 50000.0"),
            Route(name="small", intents=("pricing_page",), when="deal.amount < 50000.0"),
            Route(name="europe", when='event.country in ["DE", "FR"]'),
            Route(name="demos", intents=("demo_request",), when='intent == "demo_request"'),
        )
    }
)


def _seen(amount: float | None, **data: Scalar) -> Signal:
    details = (
        {"intent": "pricing_page", "kind": "web.page_view"} | {f"data.{name}": one for name, one in data.items()},
    )
    return opened(Kind.HIGH_INTENT, amount=amount, evidence=Evidence(details=details))


RULED = [
    ("by the deal", _seen(60_000.0), ["large"]),
    ("by the deal, and of these intents", _seen(40_000.0), ["small"]),
    ("at the limit", _seen(50_000.0), ["large"]),
    ("by the event, and more than one", _seen(60_000.0, country="DE"), ["large", "europe"]),
    ("another value of the event", _seen(60_000.0, country="US"), ["large"]),
    ("an amount that nobody knows is neither", _seen(None), []),
    ("a route for other intents", INTENT, ["sales-now", "large", "demos"]),
    ("without a deal there is nothing to compare", msgspec.structs.replace(_seen(60_000.0), deal_id=""), []),
]


@pytest.mark.parametrize(("signal", "routes"), [row[1:] for row in RULED], ids=[row[0] for row in RULED])
def test_rules_over_event_and_deal(signal: Signal, routes: list[str]) -> None:
    routings = Routes(RULES, DIRECTORY).of(signal)
    assert [each.topic.removeprefix("route.") for each in routings if each.event] == routes
    assert len({each.event.id for each in routings if each.event}) <= 1, "the same event, wherever it goes"


def test_an_intent_that_nobody_answered_goes_where_the_intent_went() -> None:
    late = msgspec.structs.replace(INTENT, kind=Kind.INTENT_UNANSWERED, id="late")
    first, followed = (ROUTES.of(one)[0] for one in (INTENT, late))
    assert followed.topic == first.topic
    assert first.event is not None
    assert followed.event is not None
    assert followed.event.type == "deal-signals.intent_unanswered.opened"
    assert followed.event.id != first.event.id


FRIDAY_AFTERNOON = msgspec.structs.replace(INTENT, occurred_at="2026-11-06T15:00:00Z")


def test_the_time_limit_counts_business_hours() -> None:
    (routing,) = ROUTES.of(FRIDAY_AFTERNOON)
    assert routing.event is not None
    assert routing.event.data.answer_by == "2026-11-09T11:00:00Z", "two hours on Friday, two on Monday"


def test_without_a_limit_there_is_none() -> None:
    off = {"intent_unanswered": PLAYBOOK.signals.intent_unanswered.model_copy(update={"enabled": False})}
    quiet = PLAYBOOK.model_copy(update={"signals": PLAYBOOK.signals.model_copy(update=off)})
    (routing,) = Routes(quiet, DIRECTORY).of(INTENT)
    assert routing.event is not None
    assert routing.event.data.answer_by is None
