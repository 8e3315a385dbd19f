"""Whatever a source repeats, reorders and delays: the same deals and the same open signals as of the sorted stream.

Records come within the lateness horizon, in any order and some of them twice, with ticks between them; what comes after
the horizon is counted. After a gap a deal is silent until it is read again.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from playbook.model import Playbook
from signals.emit import view_of
from signals.history import AT_REST
from signals.judge import Stored, panel_of
from signals.keyed import DictStore
from signals.partition import Partition
from signals.replay import Replayed, replay, replay_as_arrived
from signals.rules import Rules
from signals.step import Fate
from tests.unit.change_streams import HOUR_MS, PLAYBOOK, START_MS, TELLERS, Step, Teller, Told, lives, truth
from topics.events import DealEvent, Tick
from topics.instants import DAY_US
from topics.outcomes import Accepted, RawRecord
from topics.signals import Kind
from topics.signals import Step as Transition
from topics.sources.registry import parser

UNTIL_US = START_MS * 1000 + 60 * DAY_US
#: Hours by which a record is late; all of them within the horizon together with the span of the lives.
_DELAYS = st.sampled_from((0, 0, 0, 0.001, 0.5, 3, 12, 25))


class Arrival(NamedTuple):
    """A life, and its records as they come: number, and when the broker has it."""

    steps: list[Step]
    order: list[tuple[int, int]]


@st.composite
def arrivals(draw: st.DrawFn) -> Arrival:
    """Delays and repeats of the records of a life; `order` is taken modulo their number."""
    steps = draw(lives())
    count = 2 * len(steps)
    delays = draw(st.lists(_DELAYS, min_size=count, max_size=count))
    again = draw(st.lists(st.integers(0, count - 1), max_size=4))
    return Arrival(steps, [(number, round(delays[number] * HOUR_MS)) for number in [*range(count), *again]])


def arrived(told: list[Told], arrival: Arrival) -> list[RawRecord]:
    """The records in the order in which the broker has them, stamped by it."""
    late = sorted(
        (told[number].at_ms + delay + 60_000 * copy, number)
        for copy, (number, delay) in enumerate(arrival.order)
        if number < len(told)
    )
    return [told[number].record._replace(timestamp_us=at_ms * 1000) for at_ms, number in late]


def rules_of(teller: Teller) -> Rules:
    return Rules(Playbook.model_validate(PLAYBOOK), "sha256:streams", (teller.source,))


def ended(replayed: Replayed, rules: Rules) -> dict[str, Any]:
    """The deals as people see them, their open signals among them, without what says in which order records came."""
    return {key: {**msgspec.to_builtins(view_of(rules, watch)), "as_of": ""} for key, watch in replayed.watches.items()}


def open_signals(replayed: Replayed) -> set[tuple[str, str]]:
    """The signals that were opened and not resolved, by id and kind."""
    still: set[tuple[str, str]] = set()
    for one in replayed.signals:
        identity = (one.id, one.kind.value)
        still = still - {identity} if one.transition is Transition.RESOLVED else still | {identity}
    return still


@pytest.mark.parametrize("name", TELLERS)
@settings(deadline=None, max_examples=30)
@given(arrival=arrivals())
def test_any_arrival_order_ends_as_the_sorted_stream_does(name: str, arrival: Arrival) -> None:
    teller = TELLERS[name]
    rules, parse, told = rules_of(teller), parser(teller.source), teller.tell(arrival.steps)
    in_order = replay([(parse, one.record) for one in told], rules, UNTIL_US)
    as_arrived = replay_as_arrived([(parse, one) for one in arrived(told, arrival)], rules, UNTIL_US)
    assert ended(as_arrived, rules) == ended(in_order, rules)
    assert open_signals(as_arrived) == open_signals(in_order)
    assert {teller.key(deal) for deal in truth(arrival.steps)} == in_order.watches.keys()


@pytest.mark.parametrize("name", TELLERS)
def test_there_is_something_to_say_of_such_lives(name: str) -> None:
    teller = TELLERS[name]
    rules, parse = rules_of(teller), parser(teller.source)

    def is_said(arrival: Arrival) -> bool:
        return bool(replay([(parse, one.record) for one in teller.tell(arrival.steps)], rules, UNTIL_US).signals)

    found = find(
        arrivals(),
        is_said,
        settings=settings(max_examples=500, database=None, phases=[Phase.generate]),
        random=Random(1),  # noqa: S311 -- no secret
    )
    assert is_said(found)


@pytest.mark.parametrize("name", TELLERS)
@settings(deadline=None, max_examples=25)
@given(steps=lives())
def test_the_deals_are_what_the_source_said_last(name: str, steps: list[Step]) -> None:
    teller = TELLERS[name]
    rules, parse = rules_of(teller), parser(teller.source)
    watches = replay([(parse, one.record) for one in teller.tell(steps)], rules, UNTIL_US).watches
    for deal, values in truth(steps).items():
        now = watches[teller.key(deal)].deal
        assert now.removed == (values is None)
        if values is not None:
            names = {"stage": "stage", "amount": "amount", "close_date": "close_date", "owner": "owner_id"}
            assert {name: now.fields.get(theirs) for name, theirs in names.items()} == values


# --- what the source lost ---------------------------------------------------------------------------------------------

DAY_MS = 24 * HOUR_MS
SALESFORCE = TELLERS["salesforce"]
LIFE = [Step(deal, START_MS + deal, "created", {"stage": "1", "amount": 100.0}) for deal in (1, 2)]


def salesforce(kind: str, record: str, days: float, **fields: object) -> Told:
    """A change event of an opportunity, so many days into the story."""
    (sample,) = SALESFORCE.tell([Step(1, START_MS + round(days * DAY_MS), "created", {})])
    document = msgspec.json.decode(sample.record.value or b"")
    header = document["ChangeEventHeader"] | {
        "changeType": kind,
        "recordIds": [record],
        "transactionKey": f"{kind}-{days}",
        "commitNumber": 1_652_977_933_433_600_000 + round(days * 1000),
    }
    value = {**document, **fields, "ChangeEventHeader": header}
    return Told(sample.at_ms, RawRecord(None, msgspec.json.encode(value)))


FIRST, SECOND = f"006{1:015}", f"006{2:015}"
LOST = salesforce("GAP_UPDATE", FIRST, 1)
OVERFLOW = salesforce("GAP_OVERFLOW", "000000000000000AAA", 1)
MOVED = salesforce("UPDATE", FIRST, 2, Amount=7.0)
READ_BEFORE = salesforce("SNAPSHOT", FIRST, 0.5, StageName="1", Amount=100.0)
READ_AGAIN = salesforce("SNAPSHOT", FIRST, 3, StageName="1", Amount=7.0, OwnerId="11")
#: Days after which the first stage is overstayed.
OVERDUE_US = (START_MS + 12 * DAY_MS) * 1000

SUSPECTS = [
    ("nothing is lost: both overstay", [], {FIRST, SECOND}, set()),
    ("changes of one were lost: it is silent", [LOST], {SECOND}, {FIRST}),
    ("its later changes are folded, and say nothing", [LOST, MOVED], {SECOND}, {FIRST}),
    ("it is read again: it speaks", [LOST, MOVED, READ_AGAIN], {FIRST, SECOND}, set()),
    ("it was read before: that ends nothing", [READ_BEFORE, LOST], {SECOND}, {FIRST}),
    ("changes of all were lost: all are silent", [OVERFLOW], set(), {FIRST, SECOND}),
    ("one of them is read again", [OVERFLOW, READ_AGAIN], {FIRST}, {SECOND}),
]


@pytest.mark.parametrize(
    ("told", "speak", "suspect"), [case[1:] for case in SUSPECTS], ids=[one[0] for one in SUSPECTS]
)
@settings(deadline=None, max_examples=6)
@given(data=st.data())
def test_after_a_gap_a_deal_is_silent_until_it_is_read_again(
    told: list[Told], speak: set[str], suspect: set[str], data: st.DataObject
) -> None:
    """In whatever order that comes, as long as the deals are known before the whole source overflows."""
    rules, parse = rules_of(SALESFORCE), parser(SALESFORCE.source)
    births = [one.record for one in SALESFORCE.tell(LIFE)]
    later = data.draw(st.permutations([one.record for one in (*told, *told[:1])]))
    stamped = [one._replace(timestamp_us=(START_MS + 4 * DAY_MS) * 1000) for one in later]
    replayed = replay_as_arrived([(parse, one) for one in (*births, *stamped)], rules, OVERDUE_US)
    opened = {one.deal_id for one in replayed.signals if one.kind is Kind.STAGE_OVERSTAY}
    assert opened == speak
    now = {watch.deal.deal_id: watch.deal for watch in replayed.watches.values()}
    assert {name for name, deal in now.items() if deal.suspect_us is not None} == suspect
    assert now[FIRST].fields["amount"] == (7.0 if MOVED in told or READ_AGAIN in told else 100.0)
    rest = replay([(parse, one) for one in (*births, *later)], rules, OVERDUE_US)
    assert {one.deal_id for one in rest.signals if one.kind is Kind.STAGE_OVERSTAY} == speak


@pytest.mark.parametrize("name", TELLERS)
def test_what_comes_after_the_horizon_is_counted_and_changes_nothing(name: str) -> None:
    """A change that is older than three days before what was folded."""
    teller = TELLERS[name]
    steps = [
        LIFE[0]._replace(fields={"stage": "1", "amount": 100.0, "owner": "11"}),
        Step(1, START_MS + HOUR_MS, "changed", {"amount": 5.0}),
        Step(1, START_MS + 8 * DAY_MS, "changed", {"stage": "2"}),
        Step(1, START_MS + 16 * DAY_MS, "changed", {"stage": "3"}),
    ]
    created, late, *others = teller.tell(steps)
    partition = Partition(panel_of(rules_of(teller)), DictStore(), AT_REST)
    fates: Counter[Fate] = Counter()
    parse = parser(teller.source)
    for offset, one in enumerate((created, *others, late)):
        events = [event for outcome in parse(one.record) if isinstance(outcome, Accepted) for event in outcome.events]
        fates += partition.fold([Stored(event, offset) for event in events if isinstance(event, DealEvent)]).fates
        at_us = one.at_ms * 1000
        partition.fold([Stored(Tick(id=f"t{offset}", key="", source="", at_us=at_us), offset)])
    assert fates[Fate.TOO_LATE] >= 1
