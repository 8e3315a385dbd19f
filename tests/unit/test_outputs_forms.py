"""What other systems are told: Alertmanager's webhook form, and the signed one as its own library reads it."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from alerts.outputs import FORMS
from alerts.outputs.alertmanager import NOT_OVER
from alerts.outputs.answers import answer, pause
from alerts.outputs.standard import identity
from alerts.outputs.target import Form, Request, Target
from alerts.replies import Ambiguous, Barred, Limited, Refused
from tests.golden.messages.samples import opened, resolved, updated
from topics.codec import encode
from topics.instants import SECOND_US
from topics.signals import Kind, Resolution, Signal

PLAIN = b"correct horse battery staple"
HANDED_OUT = b"whsec_" + base64.b64encode(PLAIN)
GAP = opened(Kind.CONTACT_GAP)
OTHER_DEAL = opened(Kind.STAGE_OVERSTAY, subject_key="salesforce/acme:006B", deal_id="006B")


def now_s() -> int:
    """The library refuses what was signed long ago."""
    return int(datetime.now(UTC).timestamp())


def told(form: Form, *signals: Signal, secret: bytes | None = None) -> list[Request]:
    return FORMS[form](Target("pager", form, secret), signals, now_s() * SECOND_US)


def body(request: Request) -> Any:  # noqa: ANN401 - any JSON
    return msgspec.json.decode(request.body)


@pytest.mark.parametrize("secret", [PLAIN, HANDED_OUT], ids=["plain", "as it is handed out"])
def test_a_signed_request_is_what_the_standard_s_own_library_verifies(secret: bytes) -> None:
    (request,) = told(Form.WEBHOOK, GAP, secret=secret)
    verified = Webhook(HANDED_OUT.decode()).verify(request.body, request.headers)
    assert verified["type"] == "deal-signals.contact_gap.opened"
    assert verified["timestamp"] == GAP.occurred_at
    assert verified["data"] == msgspec.json.decode(encode(GAP))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda request: (request.body + b" ", request.headers),
        lambda request: (request.body, request.headers | {"webhook-id": "msg_other"}),
        lambda request: (request.body, request.headers | {"webhook-timestamp": str(now_s() + 1)}),
    ],
    ids=["another body", "another id", "another time"],
)
def test_nothing_of_it_can_be_changed(spoil: Any) -> None:  # noqa: ANN401 - a function of the table
    (request,) = told(Form.WEBHOOK, GAP, secret=PLAIN)
    changed, headers = spoil(request)
    with pytest.raises(WebhookVerificationError):
        Webhook(HANDED_OUT.decode()).verify(changed, headers)


def test_without_a_secret_nothing_is_signed() -> None:
    (request,) = told(Form.WEBHOOK, GAP)
    assert "webhook-signature" not in request.headers
    assert "Authorization" not in told(Form.ALERTMANAGER, GAP)[0].headers


def test_one_request_per_transition_each_with_its_id() -> None:
    story = [GAP, updated(GAP), resolved(GAP)]
    requests = told(Form.WEBHOOK, *story)
    assert [body(one)["type"].rsplit(".", 1)[1] for one in requests] == ["opened", "updated", "resolved"]
    assert len({one.headers["webhook-id"] for one in requests}) == len(story)
    assert identity(GAP) == identity(msgspec.structs.replace(GAP)), "a repeat has the same id"
    again = msgspec.structs.replace(GAP, detected_at="2026-11-09T00:00:00Z")
    assert identity(again) != identity(GAP), "what comes back after it was withdrawn is told anew"


def test_alertmanager_s_form_is_one_group_per_deal() -> None:
    first, second = told(Form.ALERTMANAGER, GAP, resolved(opened(Kind.STAGE_REGRESSED)), OTHER_DEAL, secret=b"t0ken")
    assert first.headers == {"Content-Type": "application/json", "Authorization": "Bearer t0ken"}
    group = body(first)
    assert {name: group[name] for name in ("version", "status", "receiver", "groupLabels", "truncatedAlerts")} == {
        "version": "4",
        "status": "firing",
        "receiver": "pager",
        "groupLabels": {"subject": GAP.subject_key},
        "truncatedAlerts": 0,
    }
    assert group["groupKey"] != body(second)["groupKey"]
    firing, over = group["alerts"]
    assert (firing["status"], firing["startsAt"], firing["endsAt"]) == ("firing", GAP.opened_at, NOT_OVER)
    assert firing["fingerprint"] == GAP.id
    assert firing["labels"]["alertname"] == "contact_gap"
    assert firing["labels"].items() >= group["commonLabels"].items()
    assert "alertname" not in group["commonLabels"], "they differ in it"
    assert over["status"] == "resolved"
    assert over["endsAt"] == resolved(GAP).occurred_at
    assert over["annotations"]["resolution"] == Resolution.FIXED.value


def test_a_group_in_which_everything_is_over_is_resolved() -> None:
    (request,) = told(Form.ALERTMANAGER, GAP, resolved(GAP))
    assert body(request)["status"] == "resolved"
    assert [alert["fingerprint"] for alert in body(request)["alerts"]] == [GAP.id], "of one signal, the last word"


def test_no_label_is_empty() -> None:
    bare = opened(Kind.CONTACT_GAP, team="", owner="", owner_id="", pipeline="")
    (alert,) = body(told(Form.ALERTMANAGER, bare)[0])["alerts"]
    assert all(alert["labels"].values())
    assert "team" not in alert["labels"]


@pytest.mark.parametrize("form", Form)
def test_nothing_to_tell_makes_no_request(form: Form) -> None:
    assert told(form) == []


def test_a_target_hears_of_the_kinds_that_it_names() -> None:
    some = Target("pager", Form.WEBHOOK, kinds=frozenset({Kind.CONTACT_GAP}))
    assert some.wants(GAP)
    assert some.wants(resolved(GAP))
    assert not some.wants(OTHER_DEAL)
    assert Target("pager", Form.WEBHOOK).wants(OTHER_DEAL)


ANSWERS = [
    (200, {}, None),
    (204, {}, None),
    (429, {"Retry-After": "7"}, Limited(7.0)),
    (503, {"retry-after": "9"}, Limited(9.0)),
    (503, {}, Ambiguous("http_503")),
    (500, {}, Ambiguous("http_500")),
    (408, {}, Ambiguous("http_408")),
    (302, {}, Barred("http_302")),
    (401, {}, Barred("http_401")),
    (404, {}, Barred("http_404")),
    (410, {}, Barred("http_410")),
]


@pytest.mark.parametrize(("status", "headers", "said"), ANSWERS)
def test_answers(status: int, headers: dict[str, str], said: object) -> None:
    assert answer(status, headers) == said


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_a_request_that_is_not_wanted_is_not_made_again(status: int) -> None:
    assert isinstance(answer(status, {}), Refused)


def test_pauses_grow_and_the_last_repeats() -> None:
    asked = [pause(Ambiguous("x"), tries, (1.0, 2.0, 4.0), 60.0) for tries in (1, 2, 3, 4, 9)]
    assert asked == [1.0, 2.0, 4.0, 4.0, 4.0]
    assert pause(Limited(7.0), 5, (1.0,), 60.0) == 7.0
    assert pause(Barred("x"), 5, (1.0,), 60.0) == 60.0
