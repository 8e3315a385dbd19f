"""Pipedrive's webhooks v2 and the records of its API: what each entity says, what makes two changes one, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from topics.events import AccountChanged, ActivityChanged, AnyEvent, DealChanged, DealRemoved, PersonChanged
from topics.events import RelationChanged as Relation
from topics.instants import parse_rfc3339
from topics.outcomes import READ_AT_HEADER, Accepted, Outcome, RawRecord, Rejected, Silent
from topics.sources.pipedrive import parse
from topics.sources.source import Source, SourceKind

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "payloads" / "pipedrive"
AT = "2024-01-01T10:00:00.461Z"
HASH, YES = "3d0fa3429dfa2d3dec265b4fc5dc8258ab66cdf3", "9ab10d1a2f3b4c5d6e7f80910a1b2c3d4e5f6071"
SOURCE = Source(name="pipedrive", kind=SourceKind.PIPEDRIVE, tenant="acme")
DEAL: dict[str, Any] = {
    "id": 8,
    "title": "Brightwater",
    "value": 100,
    "currency": "EUR",
    "status": "open",
    "stage_id": 2,
    "pipeline_id": 1,
    "owner_id": 12,
    "person_id": 11,
    "org_id": 1,
    "expected_close_date": "2024-03-31",
    "add_time": "2023-12-01T09:00:00Z",
    "update_time": "2024-01-01T10:00:00Z",
    "custom_fields": {},
    "is_archived": False,
}
CALL: dict[str, Any] = {
    "id": 2,
    "active_flag": True,
    "deal_id": 8,
    "done": False,
    "due_date": "2024-01-03",
    "due_time": None,
    "duration": None,
    "org_id": 1,
    "owner_id": 12,
    "person_id": 11,
    "type": "call",
    "update_time": "2024-01-01T09:00:00Z",
}


def us(text: str) -> int:
    return parse_rfc3339(text)


def hook(action: str, entity: str, data: object, previous: object = None, **meta: object) -> dict[str, Any]:
    known = next((one for one in (data, previous) if isinstance(one, dict)), {})
    said = {
        "action": action,
        "entity": entity,
        "company_id": "8087566",
        "correlation_id": "4095519f-02cb-44bc-bd2f-551d5383f202",
        "entity_id": str(known.get("id")),
        "id": "71825ee0-0054-4267-b5fd-d28b7a414212",
        "timestamp": AT,
        "version": "2.0",
        "webhook_id": "4710827",
        "change_source": "app",
        "user_id": "12",
        "attempt": 1,
    }
    return {"meta": said | meta, "data": data, "previous": previous}


def outcomes(body: object, source: Source = SOURCE, broker_us: int = 0, read_at: str | None = None) -> list[Outcome]:
    headers = () if read_at is None else ((READ_AT_HEADER, read_at.encode()),)
    return parse(source, RawRecord(None, msgspec.json.encode(body), headers, broker_us))


def outcome(body: object, source: Source = SOURCE) -> Outcome:
    (found,) = outcomes(body, source)
    return found


def events(body: object, source: Source = SOURCE) -> tuple[AnyEvent, ...]:
    found = outcome(body, source)
    assert isinstance(found, Accepted), found
    return found.events


def first(body: object, source: Source = SOURCE) -> Any:  # noqa: ANN401 - whichever event it is
    return events(body, source)[0]


def reason(body: object, source: Source = SOURCE) -> str:
    found = outcome(body, source)
    assert isinstance(found, Rejected), found
    return found.reason


def changed(source: Source = SOURCE, **said: Any) -> dict[str, Any]:  # noqa: ANN401 - a field's value
    """The fields that a deal's change tells."""
    found = first(hook("change", "deal", DEAL | said, {"title": "before"}), source)
    assert isinstance(found, DealChanged)
    return dict(found.fields)


# --- deals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "previous", "created"), [("create", None, True), ("change", {"value": 1}, False)])
def test_a_create_and_a_change_are_full_records(action: str, previous: object, created: bool) -> None:  # noqa: FBT001 - a column of the table
    deal, person = events(hook(action, "deal", DEAL, previous))
    assert isinstance(deal, DealChanged)
    assert (deal.key, deal.at_us, deal.full, deal.created) == ("pipedrive/acme:8", us(AT), True, created)
    assert deal.fields == {
        "name": "Brightwater",
        "stage": "2",
        "amount": 100.0,
        "currency": "EUR",
        "pipeline": "1",
        "owner_id": "12",
        "account_id": "1",
        "close_date": "2024-03-31",
        "created_at": us("2023-12-01T09:00:00Z"),
    }
    assert isinstance(person, Relation)
    assert person.fields == {"deal": "pipedrive/acme:8", "person": "pipedrive/acme:11", "removed": False}


DEALS: list[tuple[dict[str, object], dict[str, object]]] = [
    ({"status": "won"}, {"stage": "won"}),
    ({"status": "lost", "lost_reason": "price"}, {"stage": "lost", "lost_reason": "price"}),
    ({"status": "open", "stage_id": 9}, {"stage": "9"}),
    ({"value": None}, {"amount": None}),
    ({"value": "12500.50"}, {"amount": 12500.5}),
    ({"expected_close_date": None}, {"close_date": None}),
    ({"expected_close_date": ""}, {"close_date": None}),
    ({"org_id": None}, {"account_id": None}),
    ({"org_id": {"value": 5, "name": "Acme"}}, {"account_id": "5"}),
    ({"owner_id": {"id": 5, "name": "Bo"}}, {"owner_id": "5"}),
    ({"add_time": "2023-12-01 09:00:00"}, {"created_at": us("2023-12-01T09:00:00Z")}),
    ({"add_time": 1701421200}, {"created_at": us("2023-12-01T09:00:00Z")}),
    ({"add_time": "1701421200000"}, {"created_at": us("2023-12-01T09:00:00Z")}),
    ({"probability": 40}, {"probability": 40.0}),
]


@pytest.mark.parametrize(("said", "fields"), DEALS, ids=[str(case[0]) for case in DEALS])
def test_a_field_of_a_deal(said: dict[str, Any], fields: dict[str, object]) -> None:
    assert changed(**said).items() >= fields.items()


def test_a_field_that_was_not_sent_stays_as_it_was() -> None:
    partly = {name: value for name, value in DEAL.items() if name not in {"value", "org_id", "add_time"}}
    found = first(hook("change", "deal", partly, {"title": "before"}))
    assert not {"amount", "account_id", "created_at"} & found.fields.keys()
    assert "created_at" not in changed(add_time=None)


REFUSED: list[tuple[dict[str, object], str]] = [
    ({"value": "1,500"}, "wrong_type"),
    ({"value": 1e30}, "absurd_number"),
    ({"expected_close_date": "31/03/2024"}, "bad_date"),
    ({"expected_close_date": "9999-12-31"}, "absurd_date"),
    ({"add_time": "2023-12-01T09:00:00"}, "bad_time"),
    ({"add_time": 0}, "absurd_date"),
    ({"owner_id": [1]}, "bad_record_ids"),
    ({"title": {"a": 1}}, "wrong_type"),
    ({"title": "x" * 40_000}, "field_too_large"),
]


@pytest.mark.parametrize(("said", "why"), REFUSED, ids=[str(case[0])[:40] for case in REFUSED])
def test_a_value_that_cannot_be_what_its_field_holds_is_refused(said: dict[str, object], why: str) -> None:
    assert reason(hook("change", "deal", DEAL | said, {"title": "before"})) == why


def test_a_deleted_deal_is_gone_and_one_that_was_merged_goes_into_another() -> None:
    gone = first(hook("delete", "deal", None, DEAL))
    merged = first(hook("delete", "deal", None, DEAL, merged_to_id="9"))
    assert isinstance(gone, DealRemoved)
    assert isinstance(merged, DealRemoved)
    assert (gone.key, gone.merged_into) == ("pipedrive/acme:8", None)
    assert merged.merged_into == "pipedrive/acme:9"


def test_the_survivor_of_a_merge_says_all_that_it_is() -> None:
    survivor = first(hook("change", "deal", DEAL, {"update_time": "2024-01-01T09:00:00Z"}, merged_from_id="9"))
    assert isinstance(survivor, DealChanged)
    assert survivor.full


@pytest.mark.parametrize(
    ("said", "gone"),
    [({"is_archived": True}, True), ({"is_archived": True, "status": "won"}, False), ({"status": "deleted"}, True)],
)
def test_an_open_deal_that_is_put_away_is_gone(said: dict[str, object], gone: bool) -> None:  # noqa: FBT001 - a column of the table
    assert isinstance(first(hook("change", "deal", DEAL | said, {"is_archived": False})), DealRemoved) is gone


@pytest.mark.parametrize("previous", [{}, {"update_time": "x"}, {"update_time": "x", "modified": "y"}])
def test_a_change_of_nothing_but_its_time_is_silent(previous: dict[str, object]) -> None:
    assert outcome(hook("change", "deal", DEAL, previous)) == Silent("touched")


def test_a_change_that_does_not_say_what_changed_is_read() -> None:
    assert isinstance(first(hook("change", "deal", DEAL, None)), DealChanged)


def test_a_create_that_tells_what_was_before_is_a_change() -> None:
    found = first(hook("create", "deal", DEAL, {"value": 1}))
    assert (found.created, found.full) == (False, True)


def test_a_stage_that_changed_was_entered_then_though_the_deal_was_never_heard_of() -> None:
    found = outcome(hook("change", "deal", DEAL, {"stage_id": 1}))
    assert isinstance(found, Accepted)
    entered, whole, *_ = found.events
    assert isinstance(entered, DealChanged)
    assert isinstance(whole, DealChanged)
    assert (entered.fields, entered.full) == ({"stage": whole.fields["stage"]}, False)
    assert entered.at_us == whole.at_us
    assert entered.order < whole.order


def test_the_records_own_id_counts() -> None:
    found = outcome(hook("change", "deal", DEAL, {"value": 1}, entity_id=123))
    assert isinstance(found, Accepted)
    assert found.dirt == ("other_id.entity_id",)
    assert found.events[0].key == "pipedrive/acme:8"


def test_a_record_without_an_id_is_the_entitys() -> None:
    assert first(hook("delete", "deal", None, {"title": "x"}, entity_id="8")).key == "pipedrive/acme:8"
    assert reason(hook("delete", "deal", None, {"title": "x"}, entity_id=None)) == "bad_record_ids"


def test_a_delete_needs_no_more_than_the_id_and_a_change_is_never_what_was_before() -> None:
    assert isinstance(first(hook("delete", "deal", None, None, entity_id="8")), DealRemoved)
    assert reason(hook("change", "deal", None, {"id": 8, "value": 90}, entity_id="8")) == "not_an_object"


def test_a_deal_without_a_person_has_no_tie() -> None:
    (_, tie) = events(hook("change", "deal", DEAL | {"person_id": None}, {"person_id": 11}))
    assert isinstance(tie, Relation)
    assert tie.fields == {"deal": "pipedrive/acme:8", "person": None, "removed": True}


# --- settings ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "sent", "value"),
    [
        ("budget", {"type": "double", "value": 123}, "123"),
        ("budget:number", {"type": "monetary", "value": 200, "currency": "EUR"}, 200.0),
        ("budget:number", 200, 200.0),
        ("budget", {"type": "varchar", "value": "much"}, "much"),
        ("budget", {"type": "enum", "id": 17}, "17"),
        ("budget", {"type": "set", "values": [{"id": 13}, {"id": 14}]}, "13,14"),
        ("budget", {"type": "set", "values": []}, None),
        ("budget", {"type": "address", "value": "Tallinn", "locality": "Tallinn"}, "Tallinn"),
        ("budget:day", {"type": "date", "value": "2024-06-27"}, "2024-06-27"),
        ("budget:day", {"type": "daterange", "from": "2024-06-06", "until": "2024-06-14"}, "2024-06-06"),
        ("budget:bool=17|18", {"type": "enum", "id": 18}, True),
        ("budget:bool=17|18", 19, False),
        ("budget:bool=17", None, None),
        ("budget:bool", True, True),
        ("budget", None, None),
        ("budget", {"type": "varchar", "value": None}, None),
    ],
)
def test_a_declared_custom_field(declared: str, sent: object, value: object) -> None:
    source = msgspec.structs.replace(SOURCE, fields={HASH: declared})
    assert changed(source, custom_fields={HASH: sent, YES: {"type": "enum", "id": 1}})["budget"] == value


def test_a_declared_custom_field_that_was_not_sent_is_empty() -> None:
    """Pipedrive sends the custom fields that have a value."""
    source = msgspec.structs.replace(SOURCE, fields={HASH: "budget", f"organization.{YES}": "tier"})
    assert changed(source, custom_fields={})["budget"] is None
    without = {name: value for name, value in DEAL.items() if name != "custom_fields"}
    assert "budget" not in first(hook("create", "deal", without), source).fields
    organization = first(hook("create", "organization", {"id": 1, "custom_fields": {YES: {"id": 3}}}), source)
    assert organization.fields == {"tier": "3", "removed": False}


def test_a_declared_field_that_is_no_custom_one_stands_among_the_others() -> None:
    source = msgspec.structs.replace(SOURCE, fields={"channel_id": "lead_source", "lost_reason": ""})
    assert changed(source, channel_id=7, lost_reason="price", custom_fields={})["lead_source"] == "7"
    without = first(hook("change", "deal", DEAL, {"value": 1}), source).fields
    assert not {"lead_source", "lost_reason"} & without.keys()


def test_our_own_writes_are_dropped_and_nobody_elses() -> None:
    source = msgspec.structs.replace(SOURCE, own_client="12")
    ours = hook("change", "deal", DEAL, {"value": 1}, change_source="api")
    assert outcome(ours, source) == Silent("own_write")
    assert isinstance(first(hook("change", "deal", DEAL, {"value": 1}), source), DealChanged)
    assert isinstance(first(hook("change", "deal", DEAL, {"value": 1}, change_source="api", user_id="1")), DealChanged)


def test_another_companys_webhooks_are_refused_where_the_tenant_is_a_company() -> None:
    source = msgspec.structs.replace(SOURCE, tenant="7")
    assert reason(hook("create", "deal", DEAL), source) == "foreign_company"
    assert first(hook("create", "deal", DEAL, company_id=7), source).key == "pipedrive/7:8"


# --- what identifies a change, and when it was -------------------------------------------------------------------


def test_an_attempt_is_no_new_change() -> None:
    again = hook("create", "deal", DEAL, attempt=4, webhook_id="9", correlation_id="x", permitted_user_ids=["1"])
    assert [one.id for one in events(again)] == [one.id for one in events(hook("create", "deal", DEAL))]


@pytest.mark.parametrize(
    "other",
    [{"company_id": 1}, {"id": "x"}, {"timestamp": "2024-01-01T10:00:00.462Z"}],
    ids=lambda other: next(iter(other)),
)
def test_each_of_these_makes_another_change(other: dict[str, object]) -> None:
    assert first(hook("create", "deal", DEAL, **other)).id != first(hook("create", "deal", DEAL)).id


def test_two_events_of_a_user_are_two_though_their_id_is_the_users() -> None:
    user = {"id": 12, "name": "Bo", "email": "bo@example.com", "active_flag": True}
    one = hook("change", "user", user, {"name": "B"}, id="12", timestamp=1_704_103_200)
    other = hook("change", "user", user, {"name": "B"}, id="12", timestamp=1_704_103_201)
    assert first(one).id != first(other).id


TIMES: list[tuple[object, str]] = [
    (AT, AT),
    ("2024-01-01T11:00:00+01:00", "2024-01-01T10:00:00Z"),
    (1_704_103_200, "2024-01-01T10:00:00Z"),
    ("1704103200", "2024-01-01T10:00:00Z"),
    (1_704_103_200_461, AT),
    (None, "2024-01-01T10:00:00Z"),
    ("", "2024-01-01T10:00:00Z"),
]


@pytest.mark.parametrize(("said", "at"), TIMES)
def test_a_time_is_text_seconds_or_milliseconds(said: object, at: str) -> None:
    assert first(hook("create", "deal", DEAL, timestamp=said)).at_us == us(at)


@pytest.mark.parametrize(
    ("said", "why"),
    [("today", "bad_time"), (0, "absurd_date"), ("1999-01-01T00:00:00Z", "absurd_time"), (True, "wrong_type")],
)
def test_a_time_that_nobody_can_have_meant(said: object, why: str) -> None:
    assert reason(hook("create", "deal", DEAL, timestamp=said)) == why


def test_a_change_after_it_was_received_is_refused() -> None:
    (found,) = outcomes(hook("create", "deal", DEAL), broker_us=us("2024-01-01T08:00:00Z"))
    assert isinstance(found, Rejected)
    assert found.reason == "time_in_future"


# --- activities --------------------------------------------------------------------------------------------------


def activity(action: str = "change", previous: object = None, at: str = AT, **said: Any) -> dict[str, Any]:  # noqa: ANN401 - a field's value
    found = first(hook(action, "activity", CALL | said, previous, timestamp=at))
    assert isinstance(found, ActivityChanged)
    return dict(found.fields)


def test_an_activity_is_told_whole() -> None:
    assert activity() == {
        "channel": "call",
        "direction": "outbound",
        "meets": False,
        "deal": "pipedrive/acme:8",
        "person": "11",
        "account": "1",
        "owner": "12",
        "done": False,
        "removed": False,
        "at_us": us("2024-01-04T00:00:00Z"),
    }


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ({"due_time": "14:30"}, {"at_us": us("2024-01-03T14:30:00Z")}),
        ({"due_time": {"timezone_id": None, "value": "14:30:00"}}, {"at_us": us("2024-01-03T14:30:00Z")}),
        ({"due_time": {"timezone_id": None, "value": ""}}, {"at_us": us("2024-01-04T00:00:00Z")}),
        ({"due_date": None}, {"at_us": None}),
        ({"type": "lunch"}, {"channel": "meeting", "meets": True, "direction": "mutual"}),
        (
            {"type": "meeting", "due_time": "12:30", "duration": "01:30"},
            {"at_us": us("2024-01-03T14:00:00Z"), "meets": True},
        ),
        ({"type": "Demo"}, {"channel": "demo", "meets": False, "direction": None}),
        ({"type": None}, {"channel": "task"}),
        ({"deal_id": None}, {"deal": None}),
        ({"active_flag": False}, {"removed": True}),
        ({"user_id": 13, "owner_id": 12}, {"owner": "12"}),
        (
            {"done": 1, "due_date": None, "marked_as_done_time": "2024-01-01 08:00:00"},
            {"at_us": us("2024-01-01T08:00:00Z")},
        ),
    ],
    ids=str,
)
def test_a_field_of_an_activity(said: dict[str, Any], fields: dict[str, object]) -> None:
    assert activity(**said).items() >= fields.items()


DONE: list[tuple[str, dict[str, Any], object]] = [
    ("before it was due: when it was done", {"at": "2024-01-02T08:00:00Z"}, us("2024-01-02T08:00:00Z")),
    ("after it was due: when it was due", {"at": "2024-01-09T08:00:00Z"}, us("2024-01-04T00:00:00Z")),
    (
        "logged as done: when it was due",
        {"action": "create", "previous": None, "at": "2024-01-09T08:00:00Z"},
        us("2024-01-04T00:00:00Z"),
    ),
    ("logged without a date: when it was logged", {"action": "create", "previous": None, "due_date": None}, us(AT)),
    (
        "changed long after: when it was due",
        {"previous": {"subject": "x"}, "at": "2024-06-01T08:00:00Z"},
        us("2024-01-04T00:00:00Z"),
    ),
    (
        "changed after it was done early: as it was said then",
        {"previous": {"subject": "x"}, "at": "2024-01-02T09:00:00Z"},
        None,
    ),
]


@pytest.mark.parametrize(("said", "at_us"), [case[1:] for case in DONE], ids=[case[0] for case in DONE])
def test_when_an_activity_took_place(said: dict[str, Any], at_us: int | None) -> None:
    fields = activity(**{"action": "change", "previous": {"done": False}, "done": True, **said})
    assert fields["done"] is True
    assert fields.get("at_us") == at_us


def test_people_take_part_until_they_are_taken_off() -> None:
    there = [{"person_id": 11, "primary": True}, {"person_id": 12, "primary": False}]
    body = hook("change", "activity", CALL | {"participants": there}, {"participants": [{"person_id": 13}]})
    ties = [one for one in events(body) if isinstance(one, Relation)]
    assert [(one.fields["person"], one.fields["removed"]) for one in ties] == [
        ("pipedrive/acme:11", False),
        ("pipedrive/acme:12", False),
        ("pipedrive/acme:13", True),
    ]


def test_a_deleted_activity_is_removed() -> None:
    assert first(hook("delete", "activity", None, CALL)).fields == {"removed": True}


def test_a_record_of_the_api_may_say_that_it_was_deleted() -> None:
    gone = {"is_deleted": True}
    assert isinstance(first(hook("change", "deal", DEAL | gone)), DealRemoved)
    for entity in ("activity", "person", "organization"):
        record = {"id": 1, "entity": entity, "update_time": AT}
        assert first(record | gone).fields == {"removed": True}
        assert first(record | {"is_deleted": False}).fields["removed"] is False


# --- people and organizations ------------------------------------------------------------------------------------


def test_a_person() -> None:
    emails = [{"value": "home@example.com", "primary": False}, {"value": "ana@example.com", "primary": True}]
    data = {"id": 11, "name": "Ana Silva", "emails": emails, "phones": [{"value": "1"}], "org_id": 1, "job_title": None}
    found = first(hook("create", "person", data))
    assert isinstance(found, PersonChanged)
    assert (found.person, found.user) == ("11", False)
    assert found.fields == {
        "name": "Ana Silva",
        "email": "ana@example.com",
        "title": None,
        "account": "1",
        "removed": False,
    }


@pytest.mark.parametrize(
    ("emails", "email"), [([], None), ([{"value": "a@b.c"}], "a@b.c"), ([7], None), ([{"value": ""}], None)]
)
def test_a_persons_address(emails: object, email: str | None) -> None:
    assert first(hook("create", "person", {"id": 11, "emails": emails})).fields["email"] == email


def test_an_organization_a_user_and_what_was_deleted() -> None:
    organization = first(hook("create", "organization", {"id": 1, "name": "Acme", "country_code": "EE"}))
    user = first(
        hook(
            "change", "user", {"id": "12", "name": "Bo", "email": "b@c.d", "active_flag": False}, {"active_flag": True}
        )
    )
    assert isinstance(organization, AccountChanged)
    assert organization.fields == {"name": "Acme", "country": "EE", "removed": False}
    assert isinstance(user, PersonChanged)
    assert (user.user, user.fields) == (True, {"name": "Bo", "email": "b@c.d", "active": False})
    assert first(hook("delete", "organization", None, {"id": 1})).fields == {"removed": True}
    assert first(hook("delete", "person", None, {"id": 1})).fields == {"removed": True}
    assert first(hook("delete", "user", None, {"id": 1})).fields == {"active": False}


# --- bodies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entity", ["lead", "note", "pipeline", "product", "stage"])
def test_entities_that_are_not_read(entity: str) -> None:
    assert outcome(hook("create", entity, {"id": 1})) == Silent("entity_not_read")


BODIES: list[tuple[object, str]] = [
    (hook("create", "planet", {"id": 1}), "unknown_entity"),
    (hook("create", "deal", None), "not_an_object"),
    (hook("create", "deal", [1]), "not_an_object"),
    (hook("change", "deal", DEAL, "x"), "not_an_object"),
    (hook("updated", "deal", DEAL), "unknown_action"),
    ({"meta": {"action": {"a": 1}, "entity": "deal"}, "data": DEAL}, "unknown_action"),
    (hook("create", "deal", DEAL | {"status": {"a": 1}}), "wrong_type"),
    ({"meta": 7}, "no_meta"),
    ({"success": True}, "no_meta"),
    (7, "not_an_object"),
]


@pytest.mark.parametrize(("body", "why"), BODIES, ids=[f"{n} {case[1]}" for n, case in enumerate(BODIES)])
def test_a_body_that_is_no_webhook(body: object, why: str) -> None:
    assert reason(body) == why


def test_records_of_the_api_are_dated_by_when_they_were_read_or_changed_after() -> None:
    page = {"success": True, "data": [DEAL, {**CALL, "entity": "activity"}, {"id": "b18", "entity": "lead"}, 7]}
    deal, call, lead, none = outcomes(page, read_at="2024-02-01T00:00:00Z")
    assert isinstance(deal, Accepted)
    assert isinstance(call, Accepted)
    since, whole, tie = deal.events
    assert [one.at_us for one in (whole, tie, *call.events)] == [us("2024-02-01T00:00:00Z")] * 3
    assert isinstance(since, DealChanged)
    assert isinstance(whole, DealChanged)
    assert (whole.full, since.full, since.fields) == (True, False, {"stage": "2"})
    assert lead == Silent("entity_not_read")
    assert isinstance(none, Rejected)
    assert events(DEAL)[1].at_us == us("2024-01-01T10:00:00Z")
    assert reason({name: value for name, value in DEAL.items() if not name.endswith("_time")}) == "no_time"


@pytest.mark.parametrize(
    ("said", "since", "stage"),
    [
        ({}, "2023-12-01T09:00:00Z", "2"),
        ({"stage_change_time": "2023-12-24T09:00:00Z"}, "2023-12-24T09:00:00Z", "2"),
        ({"status": "won", "won_time": "2023-12-31T09:00:00Z"}, "2023-12-31T09:00:00Z", "won"),
        ({"status": "lost", "lost_time": None}, None, None),
    ],
    ids=str,
)
def test_a_record_says_since_when_a_deal_is_in_its_stage(
    said: dict[str, object], since: str | None, stage: str | None
) -> None:
    found = [one for one in events(DEAL | said) if isinstance(one, DealChanged) and not one.full]
    assert [(one.at_us, one.fields) for one in found] == ([] if since is None else [(us(since), {"stage": stage})])


needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published payloads lie beside the checkout")


@needs_published
def test_the_published_create_and_stage_change() -> None:
    """Their `meta` is the same but for nothing, so what the records say tells them apart."""
    create, stage = (
        events(msgspec.json.decode((PUBLISHED / name).read_bytes()))[0]
        for name in ("v2_deal_create.json", "v2_deal_change_stage.json")
    )
    assert isinstance(create, DealChanged)
    assert isinstance(stage, DealChanged)
    assert (create.created, stage.created) == (True, False)
    assert create.key == stage.key == "pipedrive/acme:1"
    assert (create.fields["stage"], stage.fields["stage"]) == ("1", "2")
    assert create.order < stage.order
