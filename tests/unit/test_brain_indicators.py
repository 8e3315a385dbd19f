"""Indicators: what one deal counts for, and sums that never drift."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given

from signals.indicators import Answer, Cell, Standing, Totals, standing_after, standing_of
from tests.unit.brain_story import PANEL, SOURCE, at, changed, created, full_record, gap, history, removed
from tests.unit.brain_streams import examples, histories
from topics.events import DealEvent
from topics.instants import HOUR_US
from topics.signals import Kind, Severity

RULES = PANEL.rules


def standing(*events: DealEvent, until: int = at(0)) -> Any:  # noqa: ANN401 - the rows compare single attributes
    return standing_of(RULES, history(events, max(until, events[-1].at_us))[0])


FULL: dict[str, Any] = {"amount": 1500.5, "currency": "EUR", "owner_id": "u1", "budget": True, "need": True}

ROWS: list[tuple[str, str, object, dict[str, Any]]] = [
    ("the labels are the playbook's names", "cell", Cell("Sales", "big", "South"), FULL),
    ("an owner whom nobody knows has no team", "cell", Cell("Sales", "big", ""), {**FULL, "owner_id": "u9"}),
    ("a deal of no segment has none", "cell", Cell("Sales", "", "South"), {**FULL, "amount": None}),
    ("all SQL fields true is met", "sql", Answer.MET, FULL),
    ("one that is false is not met", "sql", Answer.NOT_MET, {**FULL, "need": False}),
    ("one that is empty is not met", "sql", Answer.NOT_MET, {**FULL, "need": None}),
    ("false decides over unknown", "sql", Answer.NOT_MET, {"budget": False}),
    ("unknown is said to be so", "sql", Answer.UNKNOWN, {"budget": True}),
    ("the ICP met", "icp", Answer.MET, {"amount": 100}),
    ("the ICP not met", "icp", Answer.NOT_MET, {"amount": 99.0}),
    ("the ICP unknown", "icp", Answer.UNKNOWN, {}),
    ("an amount counts in cents", "cents", 150_050, FULL),
    ("an unknown amount is nothing", "cents", 0, {}),
    ("an amount that is no number is nothing", "cents", 0, {"amount": "a lot"}),
    ("an amount that is a yes is nothing", "cents", 0, {"amount": True}),
    ("an amount without end is nothing", "cents", 0, {"amount": float("inf")}),
    ("an amount that is not a number is nothing", "cents", 0, {"amount": float("nan")}),
    ("an amount that no state can hold is nothing", "cents", 0, {"amount": 1e300}),
    ("a currency is three letters", "currency", "EUR", FULL),
    ("anything else is none: labels are bounded", "currency", "", {"currency": "Euros <b>"}),
]


@pytest.mark.parametrize(("attribute", "expected", "fields"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_standing(attribute: str, expected: object, fields: dict[str, Any]) -> None:
    assert getattr(standing(created(at(0), stage="Demo", **fields)), attribute) == expected


def test_before_sql_nothing_is_asked() -> None:
    assert standing(created(at(0), stage="Lead", **FULL)).sql is None


@pytest.mark.parametrize(
    "last",
    [changed(at(1), stage="Won"), changed(at(1), stage="Limbo"), removed(at(1))],
    ids=["closed", "in a stage that nobody defined", "removed"],
)
def test_only_open_deals_count(last: DealEvent) -> None:
    assert standing(created(at(0), stage="Demo"), last) is None


def test_a_deal_past_its_corridor_counts_even_while_it_is_suspect() -> None:
    deal = created(at(0), stage="Lead", amount=500.0)
    assert not standing(deal, until=at(8)).over_cycle
    assert standing(deal, until=at(8) + 1).over_cycle
    suspect = standing(deal, gap(at(1)), until=at(9))
    assert suspect.over_cycle
    assert suspect.signals == ()


def test_a_suspect_deal_is_counted_with_its_hour_until_it_is_read_again() -> None:
    deal, lost = created(at(0), stage="Lead", amount=500.0), gap(at(1) + 90 * 60_000_000)
    assert standing(deal).suspect is None
    assert standing(deal, lost).suspect == (SOURCE, at(1) // HOUR_US + 1)
    assert standing(deal, lost, changed(at(2), stage="Demo")).suspect is not None
    assert standing(deal, lost, full_record(at(2), stage="Demo", amount=500.0)).suspect is None
    totals = Totals()
    totals.change(None, standing(deal, lost))
    assert totals.suspect == {(SOURCE, at(1) // HOUR_US + 1): 1}
    totals.change(standing(deal, lost), standing(deal))
    assert totals.suspect == {}


def test_open_signals_count_by_kind_and_severity() -> None:
    found = standing(created(at(0), stage="Demo", budget=False), until=at(4))
    assert found.signals == ((Kind.CONTACT_GAP, Severity.WARNING), (Kind.SQL_UNQUALIFIED, Severity.CRITICAL))


def test_what_is_taken_away_is_what_was_added() -> None:
    totals = Totals()
    first = standing(created(at(0), stage="Demo", amount=0.1, currency="EUR"))
    second = standing(created(at(0), stage="Lead", amount=0.2, currency="EUR"))
    for _ in range(1000):
        totals.change(None, first)
        totals.change(first, second)
        totals.change(second, first)
        totals.change(first, None)
    assert {figure for sums in vars(totals).values() for figure in sums.values()} == {0}


def test_amounts_are_summed_in_cents() -> None:
    totals = Totals()
    for _ in range(3):
        totals.change(None, standing(created(at(0), stage="Lead", amount=0.1, currency="EUR")))
    assert totals.amount_cents == {(Cell("Sales", "small", ""), "EUR"): 30}
    assert totals.open_deals == {Cell("Sales", "small", ""): 3}


@given(histories)
@examples(60)
def test_what_a_deal_counts_for_after_an_event_is_what_it_counts_for_asked_anew(events: list[DealEvent]) -> None:
    before = history(events[:1], events[0].at_us)[0]
    counted = standing_of(RULES, before)
    for count in range(2, len(events) + 1):
        now = history(events[:count], events[count - 1].at_us)[0]
        counted = standing_after(RULES, before, counted, now)
        assert counted == standing_of(RULES, now)
        before = now


def test_a_standing_is_read_back_as_it_was_written() -> None:
    whole = standing(created(at(0), stage="Demo", **FULL), until=at(9))
    assert whole.signals
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(whole), type=Standing) == whole
