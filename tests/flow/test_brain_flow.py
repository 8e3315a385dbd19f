"""Records in, signals out, through the join and a partition: the same brain live, replayed, in any order of arrival."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from signals.episodes import Episode
from signals.judge import Watch
from signals.replay import Replayed, replay, replay_as_arrived
from signals.step import HORIZON_US
from tests.unit.brain_story import activity_of, at, created, full_record, gap, rules_of
from tests.unit.brain_streams import calm_changes, examples, instants, of_deal
from topics.codec import decode_event, encode
from topics.events import AnyEvent, EngagementSeen, Scalar, event_id
from topics.instants import DAY_US, HOUR_US, MINUTE_US
from topics.outcomes import Accepted, Outcome, Parser, RawRecord
from topics.signals import Signal, Step

RULES = rules_of()
UNTIL_US = at(60)
DEALS = ("crm/acme:D1", "crm/acme:D2")


def parse(record: RawRecord) -> list[Outcome]:
    assert record.value is not None
    return [Accepted((decode_event(record.value),))]


def record(event: AnyEvent, arrived_us: int) -> tuple[Parser, RawRecord]:
    return parse, RawRecord(event.key.encode(), encode(event), (), arrived_us)


def in_time(events: list[AnyEvent]) -> Replayed:
    return replay([record(event, event.at_us) for event in events], RULES, UNTIL_US)


def as_arrived(log: list[tuple[AnyEvent, int]], tick_every_us: int = DAY_US) -> Replayed:
    records = [record(event, arrived_us) for event, arrived_us in log]
    return replay_as_arrived(records, RULES, UNTIL_US, tick_every_us=tick_every_us, grace_us=0)


_activity_fields = st.fixed_dictionaries(
    {},
    optional={
        "deal": st.sampled_from((*DEALS, DEALS[0], None)),
        "done": st.booleans(),
        "meets": st.booleans(),
        "removed": st.booleans(),
        "at_us": instants,
    },
)


def _of_people(at_us: int, name: str, fields: dict[str, Scalar]) -> AnyEvent:
    return activity_of(fields, at_us, name, f"crm/acme:{name}")


def _engagement(at_us: int, kind: str, deal: str) -> AnyEvent:
    identity = event_id(at_us, kind, deal)
    return EngagementSeen(id=identity, key=deal, source="web/acme", at_us=at_us, kind=kind, data={}, deal=deal)


_deal_events = st.builds(
    lambda make, at_us, key: of_deal(key, make(at_us)),
    calm_changes,
    instants,
    st.sampled_from(DEALS),
)
_people = st.builds(_of_people, instants, st.sampled_from(("T1", "T2")), _activity_fields)
_engagements = st.builds(_engagement, instants, st.sampled_from(("demo", "page", "other")), st.sampled_from(DEALS))
_delays = st.sampled_from((0, 0, 1, MINUTE_US, HOUR_US, DAY_US, 2 * DAY_US, HORIZON_US))


@st.composite
def logs(draw: st.DrawFn) -> list[tuple[AnyEvent, int]]:
    """Events of two deals, with activities and engagements that the join must place, each as it arrives."""
    some: st.SearchStrategy[AnyEvent] = st.one_of(_deal_events, _deal_events, _people, _engagements)
    first: list[AnyEvent] = [created(at(0), key, stage="Lead", need=True, amount=500.0) for key in DEALS]
    coming = [(event, event.at_us) for event in first]
    coming += [
        (event, event.at_us + late)
        for event, late in draw(st.lists(st.tuples(some, _delays), min_size=10, max_size=40))
    ]
    coming += [
        (event, arrived_us + HOUR_US) for event, arrived_us in draw(st.lists(st.sampled_from(coming), max_size=4))
    ]
    return sorted(coming, key=lambda one: one[1])


def shown(watches: dict[str, Watch]) -> dict[str, object]:
    """What is known of each deal: without offsets, and without ordinals, which count repeats of the join."""
    return {key: (_facts(watch), [_episode(one) for one in watch.episodes]) for key, watch in sorted(watches.items())}


def _facts(watch: Watch) -> object:
    deal = watch.deal
    contact = deal.last_contact(UNTIL_US)
    activities = {
        name: (one.contact_us(), one.planned_us()) for name, one in deal.activities.items() if not one.removed
    }
    entries = [(one.stage, one.at_us) for one in deal.entries]
    moves = [(one.at_us, one.from_day, one.to_day) for one in deal.moves]
    return (deal.fields, deal.created_us, entries, moves, sorted(deal.losses), activities, contact and contact.at_us)


def _episode(episode: Episode) -> object:
    return (*episode.identity, episode.severity, episode.opened_us, episode.told, episode.reason, episode.details)


@given(logs())
@examples(80)
def test_any_arrival_through_the_join_and_the_partition_ends_as_the_replay(log: list[tuple[AnyEvent, int]]) -> None:
    events = list({event.id: event for event, _ in log}.values())
    assert shown(as_arrived(log).watches) == shown(in_time(events).watches)


@given(logs())
@examples(60)
def test_the_signals_as_they_arrive_leave_open_what_the_replay_leaves_open(log: list[tuple[AnyEvent, int]]) -> None:
    events = list({event.id: event for event, _ in log}.values())
    assert _open(as_arrived(log).signals) == _open(in_time(events).signals)


@given(logs(), st.sampled_from((MINUTE_US * 61, 7 * DAY_US)))
@examples(40)
def test_how_often_time_is_told_changes_nothing_of_what_is_said_in_order(
    log: list[tuple[AnyEvent, int]], tick_every_us: int
) -> None:
    known = sorted({event.id: event for event, _ in log}.values(), key=lambda event: event.order)
    # No two at one instant: there the order is by id, and the join gives activities ids of its own.
    events = [msgspec.structs.replace(event, at_us=event.at_us + index) for index, event in enumerate(known)]
    ordered = [(event, event.at_us) for event in events]
    often, canonical = as_arrived(ordered, tick_every_us).signals, in_time(events).signals
    assert sorted(_plain(one) for one in often) == sorted(_plain(one) for one in canonical)


def _plain(signal: Signal) -> bytes:
    causes = tuple(msgspec.structs.replace(one, offset=0) for one in signal.evidence.events)
    return encode(msgspec.structs.replace(signal, evidence=msgspec.structs.replace(signal.evidence, events=causes)))


def _open(signals: list[Signal]) -> dict[str, tuple[str, str, str]]:
    found: dict[str, tuple[str, str, str]] = {}
    for one in signals:
        if one.transition is Step.RESOLVED:
            del found[one.id]
        else:
            found[one.id] = (one.kind.value, one.opened_at, one.reason)
    return found


def test_a_suspect_deal_says_nothing_new_until_it_is_read_again_and_then_what_holds() -> None:
    key = DEALS[0]
    events: list[AnyEvent] = [
        created(at(0), key, stage="Demo"),
        gap(at(1), key),
        full_record(at(20), key, stage="Demo"),
    ]
    said = in_time(events).signals
    assert [(one.kind.value, one.transition.value, one.occurred_at[:10], one.opened_at[:10]) for one in said] == [
        ("contact_gap", "opened", "2024-03-04", "2024-03-04"),
        ("stage_overstay", "opened", "2024-03-07", "2024-03-07"),
        ("stale_deal", "opened", "2024-04-05", "2024-04-05"),
    ]
    assert in_time(events[:2]).signals == []


def test_two_changes_of_an_activity_at_one_instant_are_two() -> None:
    events: list[AnyEvent] = [
        created(at(0), DEALS[0], stage="Lead"),
        _of_people(at(6), "T1", {"deal": DEALS[0], "done": True, "at_us": at(0.5)}),
        _of_people(at(6), "T1", {}),
    ]
    arrived = as_arrived([(event, event.at_us) for event in sorted(events, key=lambda one: one.order)])
    assert [_plain(one) for one in arrived.signals] == [_plain(one) for one in in_time(events).signals]


def test_the_report_counts_rows_and_signals() -> None:
    events: list[AnyEvent] = [created(at(0), DEALS[0], stage="Demo")]
    report = in_time(events).report()
    assert (report["rows"], report["events"], report["deals"]) == (1, 1, 1)
    kinds = ("contact_gap", "stage_overstay", "stale_deal")
    assert report["signals"] == {kind: {"opened": 1} for kind in kinds}
