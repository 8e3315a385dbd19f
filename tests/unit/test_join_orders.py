"""Law 5 for the join: any arrival order of the same events ends in the same deals and the same open signals.

Deals with accounts and owners, roles made and cut, activities by deal, person and account, accounts and people that
change, and what buyers do outside the CRM, in any order and with repeats; and history at rest ends as that does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from signals.emit import view_of
from signals.history import AT_REST, Reading, joined_at_once, judged
from signals.intents import intents_of
from signals.joining.joiner import Joiner
from signals.joining.ties import Ties, compared
from signals.judge import Stored, Watch, panel_of
from signals.kept import read_kept
from signals.keyed import DictStore
from signals.partition import META_KEY, Partition
from signals.replay import heard
from tests.unit.brain_story import SOURCE, at, changed, created, removed, rules_of, tick
from tests.unit.brain_streams import examples
from topics.events import (
    AccountChanged,
    ActivityChanged,
    AnyEvent,
    EngagementSeen,
    PersonChanged,
    RelationChanged,
    Scalar,
    event_id,
)
from topics.instants import HOUR_US
from topics.outcomes import Accepted
from topics.signals import Kind, Signal, Step

RULES = rules_of(
    icp=[{"name": "big", "when": "account_employees >= 100"}],
    segments=[{"name": "banks", "when": 'account_industry == "bank"', "cycle_days": 8}],
    sql={"fields": ["budget", "owner_active"]},
    signals={"junk_field": {"min_repeats": 2}},
)
INTENTS = intents_of(RULES.playbook, RULES.version)
PANEL = panel_of(RULES)
COMPARED = compared(RULES.playbook)
UNTIL_US = at(60)

DEALS = ("D1", "D2", "D3")
ACCOUNTS, PEOPLE, OWNERS = ("A1", "A2"), ("P1", "P2"), ("U1", "U2")
SPAN_HOURS = 60  # within the lateness horizon, whatever comes when


def key(name: str | None) -> str | None:
    return None if name is None else f"{SOURCE}:{name}"


def _at(hours: int) -> int:
    return at(0) + hours * HOUR_US


def _deal(hours: int, deal: str, fields: dict[str, Scalar]) -> AnyEvent:
    return changed(_at(hours), f"{SOURCE}:{deal}", **fields)


def _activity(hours: int, name: str, fields: dict[str, Scalar]) -> AnyEvent:
    where = f"{SOURCE}:{name}"
    return ActivityChanged(
        id=event_id(where, hours, sorted(fields.items(), key=str)),
        key=where,
        source=SOURCE,
        at_us=_at(hours),
        activity=name,
        fields=fields,
    )


def _relation(hours: int, name: str, fields: dict[str, Scalar]) -> AnyEvent:
    where = f"{SOURCE}:{name}"
    return RelationChanged(
        id=event_id(where, hours, sorted(fields.items(), key=str)),
        key=where,
        source=SOURCE,
        at_us=_at(hours),
        relation=name,
        fields=fields,
    )


def _account(hours: int, name: str, fields: dict[str, Scalar]) -> AnyEvent:
    return AccountChanged(
        id=event_id(name, hours, sorted(fields.items(), key=str)),
        key=f"{SOURCE}:{name}",
        source=SOURCE,
        at_us=_at(hours),
        account=name,
        fields=fields,
    )


def _person(hours: int, name: str, fields: dict[str, Scalar]) -> AnyEvent:
    return PersonChanged(
        id=event_id(name, hours, sorted(fields.items(), key=str)),
        key=f"{SOURCE}:{name}",
        source=SOURCE,
        at_us=_at(hours),
        person=name,
        fields=fields,
    )


def _seen(hours: int, kind: str, who: tuple[str | None, str | None]) -> AnyEvent:
    person, account = who
    return EngagementSeen(
        id=event_id("seen", hours, kind, who),
        key=f"{SOURCE}:{person or account}",
        source="web/acme",
        at_us=_at(hours),
        kind=kind,
        data={"page": "x"},
        person=person,
        account=account,
    )


_hours = st.integers(1, SPAN_HOURS)


def _some(**values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Scalar]]:
    return st.fixed_dictionaries({}, optional=values).filter(bool)


_none = st.none()
_keys = {name: st.sampled_from([key(one) for one in names]) for name, names in (("deal", DEALS), ("person", PEOPLE))}
_deals = st.builds(
    _deal,
    _hours,
    st.sampled_from(DEALS),
    _some(
        account_id=st.sampled_from((*ACCOUNTS, None)),
        owner_id=st.sampled_from((*OWNERS, None)),
        stage=st.sampled_from(("Lead", "Demo", "Won", "Nowhere")),
        budget=st.booleans(),
        next_step=st.sampled_from(("Call them", "call  THEM.", "Send it", None)),
    ),
)
_activities = st.builds(
    _activity,
    _hours,
    st.sampled_from(("T1", "T2")),
    _some(
        deal=st.sampled_from((key("D1"), None)),
        person=st.sampled_from((*PEOPLE, None)),
        account=st.sampled_from((*ACCOUNTS, None)),
        at_us=st.integers(0, 20).map(at),
        done=st.booleans(),
        removed=st.booleans(),
    ),
)
_roles = st.one_of(
    st.builds(
        _relation, _hours, st.just("R1"), _some(**_keys, removed=st.booleans(), role=st.sampled_from(("buyer", None)))
    ),
    st.builds(
        lambda hours, who, deal, cut: _relation(
            hours, f"{who}-{deal}", {"person": key(who), "deal": key(deal), "removed": cut}
        ),
        _hours,
        st.sampled_from(PEOPLE),
        st.sampled_from(DEALS),
        st.booleans(),
    ),
    st.builds(
        lambda hours, what, activity, cut: _relation(
            hours, f"{activity}-{what}", {"activity": key(activity), _what(what): key(what), "removed": cut}
        ),
        _hours,
        st.sampled_from(("P1", "P2", "D1", "D2", "A1")),
        st.sampled_from(("T1", "T2")),
        st.booleans(),
    ),
)


def _what(name: str) -> str:
    return {"P": "person", "D": "deal", "A": "account"}[name[0]]


_accounts = st.builds(
    _account,
    _hours,
    st.sampled_from(ACCOUNTS),
    _some(employees=st.sampled_from((10, 500)), industry=st.sampled_from(("bank", "farm")), name=st.just("Acme")),
)
_people = st.builds(
    _person,
    _hours,
    st.sampled_from((*OWNERS, *PEOPLE)),
    _some(active=st.booleans(), name=st.sampled_from(("Ana", "Bo")), team=st.just("South")),
)
_engagements = st.builds(
    _seen, _hours, st.sampled_from(("demo", "page")), st.sampled_from((("P1", None), ("P2", "A1"), (None, "A1")))
)


class Arrival(NamedTuple):
    """The same events in order and as they come."""

    events: list[AnyEvent]
    arrived: list[AnyEvent]


@st.composite
def arrivals(draw: st.DrawFn) -> Arrival:
    """A mixed history, shuffled, some of it twice."""
    some = draw(
        st.lists(
            st.one_of(_deals, _activities, _roles, _roles, _accounts, _people, _engagements), min_size=4, max_size=14
        )
    )
    births = [
        created(
            at(0) + n,
            f"{SOURCE}:{deal}",
            stage="Lead",
            account_id="A1",
            owner_id=OWNERS[n % 2],
            budget=True,
            next_step="Call them",
        )
        for n, deal in enumerate(DEALS[:2])
    ]
    gone = [removed(_at(SPAN_HOURS), f"{SOURCE}:D2")] if draw(st.integers(0, 5)) == 0 else []
    distinct = list({one.id: one for one in (*births, *some, *gone)}.values())
    again = draw(st.lists(st.sampled_from(distinct), max_size=3))
    arrived = draw(st.permutations([*distinct, *again]))
    return Arrival(sorted(distinct, key=lambda one: one.order), list(arrived))


class Ended(NamedTuple):
    """Where it all led: the deals, and the signals that are open."""

    deals: dict[str, Any]
    alone: set[tuple[str, str]]


def live(events: list[AnyEvent]) -> Ended:
    """One event after the other through the join and the partition, then a tick at the end."""
    store, joiner, ties = DictStore(), Joiner(INTENTS, DictStore()), Ties((), COMPARED)
    partition = Partition(PANEL, store, AT_REST)
    offset = 0
    alone: list[Signal] = []
    for event in events:
        told, said = heard(joiner, ties, event, offset)
        alone += said
        for one in told:
            offset += 1
            partition.fold([Stored(one, offset)])
    partition.fold([Stored(tick(UNTIL_US), offset + 1)])
    watches = {name.decode(): read_kept(value).state.now for name, value in store.items() if name != META_KEY}
    return Ended({name: shown(one) for name, one in watches.items() if one.deal.entries}, open_of(alone))


def at_rest(events: list[AnyEvent]) -> Ended:
    """The same as history."""
    reading = Reading(INTENTS, Ties((), COMPARED))
    for offset, event in enumerate(events):
        reading.take(offset, [Accepted((event,))])
    (deals,) = reading.deals
    joined = joined_at_once([people for (people,) in reading.people], INTENTS, UNTIL_US)
    watches = judged(PANEL, deals + joined.events, reading.gaps, UNTIL_US).watches
    alone = open_of([one.signal for one in joined.said])
    return Ended({name: shown(one) for name, one in watches.items() if one.deal.entries}, alone)


def open_of(signals: list[Signal]) -> set[tuple[str, str]]:
    """The signals without a deal that nobody took back, each with its instant.

    A value that nobody defined is told of from when it was first heard of, so when depends on the order.
    """
    found: dict[str, tuple[str, str]] = {}
    for one in signals:
        if one.transition is Step.OPENED:
            found[one.id] = (one.id, "" if one.kind is Kind.VALUE_UNMAPPED else one.opened_at)
        else:
            del found[one.id]
    return set(found.values())


def shown(watch: Watch) -> dict[str, Any]:
    """A deal as people see it, and its activities and intents without what says in which order they came."""
    deal = watch.deal
    view = msgspec.to_builtins(view_of(RULES, watch))
    if not watch.dues:  # nobody lets time pass for it
        del view["as_of"], view["last_contact_at"]
    return {
        "view": view,
        "fields": deal.fields,
        "activities": {
            name: msgspec.structs.replace(one, mark=None) for name, one in deal.activities.items() if not one.removed
        },
        "intents": [(one.intent, one.at_us) for one in deal.intents],
        "losses": {name: one.at_us for name, one in deal.losses.items()},
        "entries": [(one.stage, one.at_us) for one in deal.entries],
        "repeats": deal.repeats,
    }


@given(arrivals())
@examples(400)
def test_any_arrival_order_ends_in_the_same_deals_and_open_signals(arrival: Arrival) -> None:
    assert live(arrival.arrived) == live(arrival.events)


@given(arrivals())
@examples(150)
def test_history_at_rest_ends_as_the_same_events_do_one_after_the_other(arrival: Arrival) -> None:
    assert at_rest(arrival.arrived) == live(arrival.events)
