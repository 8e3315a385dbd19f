"""Indicators: what one deal counts for, and sums that never drift."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from prometheus_client import CollectorRegistry

from signals.indicators import Made, Totals
from signals.metrics import MAX_TEAMS, OTHER, DetectMetrics
from signals.money import Exchange
from signals.standing import Cell, Entered, OwnedBy, Standing, standing_after, standing_of
from tests.unit.brain_story import PANEL, SOURCE, at, changed, created, full_record, gap, history, intent, removed
from tests.unit.brain_streams import examples, histories
from topics.events import DealEvent
from topics.indicators import WINDOW_DAYS, OwnerFigures
from topics.instants import DAY_US, HOUR_US, MINUTE_US
from topics.signals import Kind, Severity
from topics.standing import Answer

RULES = PANEL.rules


def standing(*events: DealEvent, until: int = at(0)) -> Any:  # noqa: ANN401 - the rows compare single attributes
    return standing_of(RULES, history(events, max(until, events[-1].at_us))[0])


MET = Answer.MET
OF_CRM: dict[str, Any] = {"owner_id": "u9", "owner_team": "East"}
FULL: dict[str, Any] = {"amount": 1500.5, "currency": "EUR", "owner_id": "u1", "budget": True, "need": True}

ROWS: list[tuple[str, str, object, dict[str, Any]]] = [
    ("the labels are the playbook's names", "cell", Cell("Sales", "big", "South"), FULL),
    ("an owner whom nobody knows has no team", "cell", Cell("Sales", "big", ""), {**FULL, "owner_id": "u9"}),
    ("one whom only the CRM knows has its team there", "cell", Cell("Sales", "big", "East"), {**FULL, **OF_CRM}),
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
    assert standing(created(at(0), stage="Lead"), last) is None


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


def test_what_is_open_on_a_closed_deal_is_an_open_signal_and_no_money_at_risk() -> None:
    reopened = [created(at(0), stage="Lead", amount=500.0), changed(at(1), stage="Won"), changed(at(2), stage="Lead")]
    closed = standing(*reopened, changed(at(3), stage="Lost"))
    assert (closed.signals, closed.is_open) == (((Kind.REOPENED, Severity.INFO),), False)
    totals = Totals()
    totals.change(None, closed)
    assert totals.signals == {(Kind.REOPENED, Severity.INFO): 1}
    assert (totals.cells, totals.owners) == ({}, {})


def test_what_is_taken_away_is_what_was_added() -> None:
    totals = Totals()
    first = standing(created(at(0), stage="Demo", amount=0.1, currency="EUR"))
    second = standing(created(at(0), stage="Lead", amount=0.2, currency="EUR"))
    for _ in range(1000):
        totals.change(None, first)
        totals.change(first, second)
        totals.change(second, first)
        totals.change(first, None)
    assert not any([totals.cells, totals.owners, totals.gates, totals.signals, totals.suspect])


def test_amounts_are_summed_in_cents() -> None:
    totals = Totals()
    for _ in range(3):
        totals.change(None, standing(created(at(0), stage="Lead", amount=0.1, currency="EUR")))
    ((cell, sums),) = totals.cells.items()
    assert (cell, sums.cents, sums.open_deals) == (Cell("Sales", "small", ""), {"EUR": 30}, 3)


KEPT: list[tuple[str, list[DealEvent], Answer | None]] = [
    ("one that never reached SQL", [changed(at(1), need=True)], None),
    ("one that meets the criteria", [changed(at(1), stage="Demo", budget=True, need=True)], Answer.MET),
    ("one that goes on", [changed(at(1), stage="Demo", budget=True, need=True), changed(at(2), stage="Proposal")], MET),
    ("one that lost a field", [changed(at(1), stage="Demo", **FULL), changed(at(2), need=None)], Answer.NOT_MET),
    ("one that fell back", [changed(at(1), stage="Demo", **FULL), changed(at(2), stage="Lead")], Answer.NOT_MET),
    ("one of which a field was never heard", [changed(at(1), stage="Demo", budget=True)], Answer.UNKNOWN),
    ("one that was won", [changed(at(1), stage="Demo", need=False), changed(at(2), stage="Won")], Answer.MET),
]


@pytest.mark.parametrize(("events", "kept"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])
def test_a_deal_that_reached_sql_kept_to_it_or_not(events: list[DealEvent], kept: Answer | None) -> None:
    found = standing(created(at(0), stage="Lead", owner_id="u1"), *events)
    assert found.kept_sql == (None if kept is None else (at(1) // DAY_US, kept))


def test_a_deal_that_fell_back_before_it_was_closed_counts_no_more_once_it_is_removed() -> None:
    assert standing(created(at(0), stage="Demo"), changed(at(1), stage="Lead"), removed(at(2))) is None


ENTRY = at(1) // DAY_US
GATES: list[tuple[str, dict[str, Any], list[Entered]]] = [
    ("all criteria hold", {"need": True}, [Entered("Sales", "Demo", "South", ENTRY, Answer.MET)]),
    ("one does not", {"need": False}, [Entered("Sales", "Demo", "South", ENTRY, Answer.NOT_MET)]),
    ("one is unknown", {}, [Entered("Sales", "Demo", "South", ENTRY, Answer.UNKNOWN)]),
]


@pytest.mark.parametrize(("fields", "entered"), [row[1:] for row in GATES], ids=[row[0] for row in GATES])
def test_an_entry_counts_as_its_gate_was_found(fields: dict[str, Any], entered: list[Entered]) -> None:
    deal = [created(at(0), stage="Lead", owner_id="u1", **fields), changed(at(1), stage="Demo")]
    assert list(standing(*deal, until=at(1) + MINUTE_US).entered) == []
    assert list(standing(*deal, until=at(1) + MINUTE_US + 1).entered) == entered
    later = [changed(at(2), need=True, owner_id="u2"), changed(at(3), stage="Won")]
    assert list(standing(*deal, *later).entered) == entered


def test_a_stage_without_criteria_has_no_gate_and_the_values_of_the_settle_time_count() -> None:
    deal = [created(at(0), stage="Demo"), changed(at(1), stage="Lead"), changed(at(2), stage="Demo")]
    settled = changed(at(2) + MINUTE_US, need=True)
    assert [one.answer for one in standing(*deal, settled, until=at(3)).entered] == [Answer.MET]
    assert [one.answer for one in standing(*deal, until=at(3)).entered] == [Answer.UNKNOWN]


def test_money_is_at_risk_under_a_critical_signal_only() -> None:
    totals = Totals()
    safe = standing(created(at(0), stage="Demo", **FULL), until=at(4))
    assert {severity for _, severity in safe.signals} == {Severity.WARNING}
    totals.change(None, safe)
    totals.change(None, standing(created(at(0), stage="Demo", **{**FULL, "need": False})))
    ((_, sums),) = totals.cells.items()
    assert (sums.cents, sums.at_risk_cents) == ({"EUR": 300_100}, {"EUR": 150_050})


def test_an_owner_has_deals_and_what_deviates_on_them() -> None:
    totals, ana = Totals(), OwnedBy("u1", "Ana", "South")
    totals.change(None, standing(created(at(0), stage="Demo", **{**FULL, "need": False}), until=at(4)))
    totals.change(None, standing(created(at(0), stage="Lead", owner_id="u1"), intent(at(1))))
    assert totals.figures(ana, Made(2, "", "v"), RULES.playbook.hygiene) == OwnerFigures(
        partition=2,
        owner_id="u1",
        owner="Ana",
        team="South",
        open_deals=2,
        deviations={"contact_gap": 1, "sql_unqualified": 1},
        weight=35.0,
        score=82.5,
        as_of="",
        playbook="v",
    )


def test_what_was_reached_on_the_first_day_of_the_window_counts_until_the_day_is_over() -> None:
    totals = Totals(at(1))
    totals.change(None, standing(created(at(0), stage="Lead", amount=5.0), changed(at(1) + 7, stage="Demo", **FULL)))
    totals.touched.clear()
    ((cell, sums),) = totals.cells.items()
    totals.pass_to(at(1 + WINDOW_DAYS + 1) - 1)
    assert (sums.kept_sql.total(), totals.touched) == (1, set())
    totals.pass_to(at(1 + WINDOW_DAYS + 1))
    assert (sums.kept_sql.total(), totals.touched, sums.open_deals) == (0, {cell}, 1)


def test_the_figures_of_a_cell_are_gone_when_nothing_is_left_to_count() -> None:
    totals, one = Totals(), standing(created(at(0), stage="Lead", owner_id="u1"))
    totals.change(None, one)
    totals.change(one, None)
    assert totals.touched == {one.cell, one.owner}
    assert [totals.figures(place, Made(0, "", ""), RULES.playbook.hygiene) for place in totals.touched] == [None, None]


class OneServed:
    """A partition as the metrics read it."""

    number, tick_us, version, switched, behind, known_deals = 0, 0, "sha256:v", False, 0, 0

    def __init__(self, totals: Totals) -> None:
        self.totals = totals


def test_teams_that_the_crm_names_without_end_share_a_label() -> None:
    totals, registry = Totals(), CollectorRegistry()
    for n in range(MAX_TEAMS + 10):
        deal = created(at(0), stage="Lead", owner_id="u9", owner_team=f"T{n:03}", amount=100.0)
        totals.change(None, standing(deal))
    DetectMetrics(registry, lambda: [OneServed(totals)], Exchange("EUR", {}))
    (family,) = [one for one in registry.collect() if one.name == "signals_open_deals"]
    counted = {sample.labels["team"]: sample.value for sample in family.samples}
    assert len(counted) == MAX_TEAMS + 1
    assert (counted[OTHER], sum(counted.values())) == (10, MAX_TEAMS + 10)
    base = {"pipeline": "Sales", "segment": "small", "team": OTHER, "currency": "EUR"}
    assert registry.get_sample_value("signals_open_amount_base", base) == 1000


def test_amounts_in_base_currency_are_those_that_have_a_rate() -> None:
    euros = Exchange("EUR", {"USD": 0.9})
    assert [euros.in_base(10.0, currency) for currency in ("EUR", "", "USD", "CHF")] == [10.0, 10.0, 9.0, None]


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
