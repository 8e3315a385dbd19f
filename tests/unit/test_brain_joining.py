"""The join: what is keyed by an activity, a person or an account reaches the deals, whatever arrived first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from signals.deal import Activity, Deal, evolve
from signals.intents import intents_of
from signals.joining.alone import intent_on_deal
from signals.joining.joiner import Joined, Joiner
from signals.joining.records import MAX_CHANGES, Record, fold_record, in_order
from signals.joining.targets import ACTIVITY
from signals.keyed import DictStore
from tests.unit.brain_story import SOURCE, activity_of, at, rules_of
from tests.unit.brain_streams import examples
from topics.events import ActivityChanged, EngagementSeen, Scalar
from topics.instants import DAY_US, HOUR_US
from topics.signals import Cause

D1, D2 = "crm/acme:D1", "crm/acme:D2"
TASK = "crm/acme:T1"
INTENTS = intents_of(rules_of().playbook, "sha256:story")


def change(hours: float, **fields: Scalar) -> ActivityChanged:
    return activity_of(fields, at(0) + round(hours * HOUR_US), "T1", TASK)


def join_activity(state: Record | None, event: ActivityChanged) -> tuple[Record | None, list[ActivityChanged]]:
    state, said = fold_record(ACTIVITY, TASK, state, event, event.activity)
    return state, [one for one in said if isinstance(one, ActivityChanged)]


def arrive(changes: list[ActivityChanged]) -> list[ActivityChanged]:
    """What the join sends, in its order."""
    state: Record | None = None
    sent: list[ActivityChanged] = []
    for one in changes:
        state, fresh = join_activity(state, one)
        sent += fresh
    return sent


def on_deals(sent: list[ActivityChanged]) -> dict[str, tuple[int | None, int | None, str, str]]:
    """What each deal knows of the activity in the end: as a contact, as a plan, with whom."""
    known = {}
    for key in {one.key for one in sent}:
        deal = Deal(key, SOURCE)
        latest: dict[str, ActivityChanged] = {}
        for one in sent:
            if one.key == key and (one.change not in latest or one.version > latest[one.change].version):
                latest[one.change] = one
        for offset, event in enumerate(sorted(latest.values(), key=lambda one: one.order)):
            deal, _ = evolve(deal, event, offset)
        seen = deal.activities.get("T1", Activity(removed=True))
        if not seen.removed:
            known[key] = (seen.contact_us(), seen.planned_us(), seen.direction, seen.person)
    return known


_fields = st.fixed_dictionaries(
    {},
    optional={
        "deal": st.sampled_from((D1, D1, D2, None)),
        "at_us": st.sampled_from((at(0), at(1), at(2), None)),
        "done": st.booleans(),
        "meets": st.booleans(),
        "removed": st.booleans(),
        "person": st.sampled_from(("p1", "p2")),
    },
)
_changes = st.lists(st.tuples(st.integers(0, 5), _fields), min_size=1, max_size=8).map(
    lambda rows: list({one.id: one for one in (change(hours, **fields) for hours, fields in rows)}.values())
)


@given(_changes.flatmap(lambda changes: st.tuples(st.just(changes), st.permutations(changes))))
@examples(120)
def test_any_order_of_an_activitys_changes_gives_deals_the_same_activities(
    both: tuple[list[ActivityChanged], list[ActivityChanged]],
) -> None:
    changes, arrived = both
    in_order = sorted(changes, key=lambda one: one.order)
    assert on_deals(arrive(arrived)) == on_deals(arrive(in_order))


@given(_changes.flatmap(lambda changes: st.tuples(st.permutations(changes), st.sampled_from(changes))))
@examples(50)
def test_a_repeated_change_sends_nothing(both: tuple[list[ActivityChanged], ActivityChanged]) -> None:
    changes, again = both
    state: Record | None = None
    for one in changes:
        state, _ = join_activity(state, one)
    assert join_activity(state, again) == (state, [])


def test_changes_wait_until_one_names_the_deal() -> None:
    assert arrive([change(0, at_us=at(1)), change(1, done=True)]) == []


def test_what_waited_arrives_at_once_dated_by_the_naming() -> None:
    (sent,) = arrive([change(0, at_us=at(1)), change(1, done=True), change(2, deal=D1)])
    assert (sent.key, sent.at_us) == (D1, at(0) + 2 * HOUR_US)
    assert sent.fields == {"at_us": at(1), "done": True, "deal": D1, "removed": False}


NAMED: dict[str, Scalar] = {"deal": D1, "at_us": at(1), "removed": False}


def test_an_update_that_carries_only_what_changed_reaches_the_deal_that_an_earlier_event_named() -> None:
    sent = arrive([change(0, deal=D1, at_us=at(1)), change(1, done=True)])
    assert [(one.key, one.fields) for one in sent] == [(D1, NAMED), (D1, {**NAMED, "done": True})]


def test_the_update_may_come_before_the_creation() -> None:
    sent = arrive([change(1, done=True), change(0, deal=D1, at_us=at(1))])
    assert [(one.at_us, one.fields) for one in sent] == [(at(0), NAMED), (at(0) + HOUR_US, {**NAMED, "done": True})]


def test_a_late_change_is_said_again_with_all_that_came_after_it_in_a_higher_version() -> None:
    sent = arrive([change(0, deal=D1), change(2, done=True), change(1, at_us=at(5))])
    assert [(one.at_us - at(0), one.version, one.fields.get("at_us")) for one in sent] == [
        (0, 1, None),
        (2 * HOUR_US, 2, at(0) + 2 * HOUR_US),
        (1 * HOUR_US, 3, at(5)),
        (2 * HOUR_US, 3, at(5)),
    ]


def test_a_deal_named_no_longer_hears_that_the_activity_is_gone() -> None:
    sent = arrive([change(0, deal=D1, at_us=at(1), done=True), change(1, deal=D2)])
    assert on_deals(sent) == {D2: (at(1), None, "", "")}


def test_a_deal_named_again_hears_all_of_it() -> None:
    sent = arrive([change(0, deal=D1, at_us=at(1), done=True), change(1, deal=None), change(2, deal=D1)])
    assert on_deals(sent) == {D1: (at(1), None, "", "")}


def test_the_changes_kept_are_bounded_and_nothing_of_them_is_lost() -> None:
    changes = [change(0, deal=D1, at_us=at(1)), *(change(n, person=f"p{n}") for n in range(1, 3 * MAX_CHANGES))]
    state: Record | None = None
    sent: list[ActivityChanged] = []
    for one in changes:
        state, fresh = join_activity(state, one)
        sent += fresh
    assert state is not None
    assert len(state.changes) <= MAX_CHANGES
    assert on_deals(sent) == {D1: (None, at(1), "", f"p{3 * MAX_CHANGES - 1}")}
    assert len(sent) == len(changes)


_named = st.fixed_dictionaries(
    {}, optional={"deal": st.sampled_from((D1, D2, None)), "done": st.booleans(), "person": st.sampled_from("abc")}
)


@given(st.lists(st.tuples(st.integers(0, 99), _named), max_size=3 * MAX_CHANGES))
@examples(60)
def test_what_comes_in_order_is_joined_at_once_as_one_after_the_other(
    some: list[tuple[int, dict[str, Scalar]]],
) -> None:
    changes = sorted((change(hours, **fields) for hours, fields in some), key=lambda one: one.order)
    assert [said for said, _ in in_order(ACTIVITY, TASK, changes, "T1")] == arrive(changes)


def engagement(at_us: int, kind: str, deal: str | None = None) -> EngagementSeen:
    return EngagementSeen(
        id=f"{kind}{at_us}",
        key="crm/acme:P1",
        source="web/acme",
        at_us=at_us,
        kind=kind,
        data={},
        deal=deal,
        person="P1",
    )


def test_an_engagement_that_the_playbook_calls_an_intent_goes_to_its_deal() -> None:
    seen = intent_on_deal(INTENTS, engagement(at(1), "demo", D1))
    assert seen is not None
    assert (seen.key, seen.source, seen.intent, seen.at_us, seen.window_us, seen.person) == (
        D1,
        SOURCE,
        "demo_request",
        at(1),
        DAY_US,
        "P1",
    )


def test_any_other_engagement_is_none() -> None:
    assert intent_on_deal(INTENTS, engagement(at(1), "newsletter", D1)) is None
    assert intent_on_deal(INTENTS, engagement(at(1), "demo")) is None
    assert Joiner(INTENTS, DictStore()).fold(engagement(at(1), "newsletter"), Cause("e")) == Joined([], [], [])


def test_an_intent_without_a_deal_is_said_once_per_window() -> None:
    joiner = Joiner(INTENTS, DictStore())
    said = []
    for moment in (at(1), at(2), at(2) + 1, at(2.5)):
        (*signals,) = joiner.fold(engagement(moment, "demo"), Cause("e", "people.events", 1, 7)).signals
        said.append([(one.subject_key, one.deal_id, one.occurred_at) for one in signals])
    assert said == [
        [("crm/acme:P1", "", "2024-03-02T00:00:00Z")],
        [],
        [("crm/acme:P1", "", "2024-03-03T00:00:00.000001Z")],
        [],
    ]
