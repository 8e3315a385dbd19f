"""Roll-ups: what a lead sees of a team, and a manager of the forecast."""

from __future__ import annotations

from datetime import date

import pytest

from alerts.actions import Action, ActionKind, By, Role
from alerts.rollups.forecast import Group, Line, forecast, quarter_of
from alerts.rollups.standings import OPEN, WON, Standing, decode_standing, leads_of, led_by, troubled
from alerts.rollups.team import Trend, ended_by_lead, team
from playbook.model import Owner
from playbook.owners import Directory
from tests.golden.messages.samples import opened, resolved, updated
from topics.codec import encode
from topics.instants import DAY_US, parse_rfc3339
from topics.signals import Kind, Severity
from topics.views import DealView, OpenSignal

ANN = Owner(name="Ann", ids=("u1",), team="North", lead="Lee")
BEN = Owner(name="Ben", ids=("u2",), team="North", lead="Lee")
CAM = Owner(name="Cam", ids=("u3",), team="South", lead="Mia")
LEE = Owner(name="Lee", team="North", lead="Mia")
MIA = Owner(name="Mia")
OWNERS = (ANN, BEN, CAM, LEE, MIA)
DIRECTORY = Directory(OWNERS)
NOW = parse_rfc3339("2026-11-18T12:00:00Z")
RATES = {"USD": 1.0, "EUR": 2.0}


def worth(amount: float, currency: str) -> float | None:
    rate = RATES.get(currency)
    return None if rate is None else amount * rate


def signal(name: str, severity: Severity = Severity.WARNING, at: str = "2026-11-01T00:00:00Z") -> OpenSignal:
    return OpenSignal(id=name, kind=Kind.CONTACT_GAP, severity=severity, opened_at=at, reason="r")


def deal(  # noqa: PLR0913 - what a row of these tables may say
    key: str,
    owner_id: str = "u1",
    amount: float | None = 100.0,
    *signals: OpenSignal,
    currency: str = "USD",
    category: str = "Commit",
    close_date: str = "2026-12-01",
    outcome: str = OPEN,
    ended_at: str = "",
) -> Standing:
    view = DealView(
        key=key,
        source="crm/x",
        deal_id=key,
        owner_id=owner_id,
        outcome=outcome,
        amount=amount,
        currency=currency,
        category=category,
        close_date=close_date,
        ended_at=ended_at,
        open_signals=signals,
    )
    return decode_standing(encode(view))


CRITICAL = Severity.CRITICAL


def test_worst_first_is_the_gravest_then_the_most_money_then_the_oldest() -> None:
    deals = [
        deal("calm", "u1", 9_999.0),
        deal("small", "u1", 10.0, signal("a")),
        deal("old", "u1", 50.0, signal("b", at="2026-10-01T00:00:00Z")),
        deal("new", "u1", 50.0, signal("c", at="2026-10-02T00:00:00Z")),
        deal("euro", "u1", 30.0, signal("d"), currency="EUR"),
        deal("nobody's money", "u1", 999.0, signal("e"), currency="XXX"),
        deal("grave", "u1", 1.0, signal("g"), signal("f", CRITICAL)),
    ]
    found = troubled(deals, DIRECTORY, worth)
    assert [one.deal.key for one in found] == ["grave", "euro", "old", "new", "small", "nobody's money"]
    assert [one.id for one in found[0].signals] == ["f", "g"]


def test_a_lead_sees_the_deals_of_those_who_report_to_them() -> None:
    assert [lead.name for lead in leads_of(OWNERS, DIRECTORY)] == ["Lee", "Mia"]
    deals = [deal("a", "u1"), deal("b", "u2"), deal("c", "u3"), deal("d", "stranger")]
    assert [one.key for one in led_by(LEE, deals, DIRECTORY)] == ["a", "b"]
    assert [one.key for one in led_by(MIA, deals, DIRECTORY)] == ["c"]


def test_a_team_counts_its_people_its_money_and_its_week() -> None:
    deals = [
        deal("a", "u1", 100.0, signal("1", CRITICAL), signal("2", at="2026-11-11T12:00:00Z")),
        deal("b", "u2", 40.0, signal("3", at="2026-11-11T11:59:59Z")),
        deal("c", "u2", 10.0),
        deal("won", "u2", 10.0, outcome=WON),
    ]
    made = team("Lee", deals, DIRECTORY, worth, NOW, ended=3)
    assert (made.deals, made.at_risk, [one.deal.key for one in made.worst]) == (3, 100.0, ["a", "b"])
    assert made.trend == Trend(now=3, opened=1, ended=3)
    assert made.trend.before == 5
    assert [(one.owner, one.deals, one.at_risk, dict(one.severities)) for one in made.owners] == [
        ("Ann", 1, 100.0, {CRITICAL: 1, Severity.WARNING: 1}),
        ("Ben", 2, 0.0, {Severity.WARNING: 1}),
    ]


def test_what_nobody_counted_says_nothing_of_a_week_ago() -> None:
    assert team("Lee", [], DIRECTORY, worth, NOW, ended=None).trend.before is None


def test_what_ended_in_the_week_is_what_was_open_before_it() -> None:
    since = parse_rfc3339("2026-11-05T00:00:00Z")
    old = opened(Kind.CONTACT_GAP, anchor="w", owner_id="u1", owner="Ann", opened_at="2026-11-04T00:00:00Z")
    new = opened(Kind.STAGE_OVERSTAY, anchor="x", owner_id="u1", owner="Ann", opened_at="2026-11-06T00:00:00Z")
    of_another = opened(Kind.CONTACT_GAP, anchor="z", owner_id="u3", owner="Cam", opened_at="2026-11-04T00:00:00Z")
    stranger = opened(Kind.CONTACT_GAP, anchor="y", owner_id="?", owner="?")
    ended = [resolved(one) for one in (old, new, of_another, stranger)]
    assert ended_by_lead(ended, DIRECTORY, since) == {"Lee": 1, "Mia": 1}
    assert ended_by_lead([resolved(old), updated(old)], DIRECTORY, since) == {}, "it is open again"


@pytest.mark.parametrize(
    ("day", "starts", "first", "last"),
    [
        ("2026-11-18", 1, "2026-10-01", "2026-12-31"),
        ("2026-01-01", 1, "2026-01-01", "2026-03-31"),
        ("2024-02-29", 2, "2024-02-01", "2024-04-30"),
        ("2026-01-31", 2, "2025-11-01", "2026-01-31"),
        ("2026-12-31", 12, "2026-12-01", "2027-02-28"),
    ],
)
def test_fiscal_quarters(day: str, starts: int, first: str, last: str) -> None:
    quarter = quarter_of(date.fromisoformat(day), starts)
    assert (quarter.first.isoformat(), quarter.last.isoformat()) == (first, last)


def test_the_forecast_adds_up_in_every_direction() -> None:
    deals = [
        deal("a", "u1", 100.0, signal("1", CRITICAL)),
        deal("b", "u2", 40.0, category="Pipeline", close_date="2027-01-01"),
        deal("late", "u3", 7.0, category="Pipeline", close_date="2026-03-01"),
        deal("no amount", "u3", None, category=""),
        deal("won", "u1", 30.0, outcome=WON, category="Closed", ended_at="2026-10-01T00:00:00Z"),
        deal("won before", "u1", 30.0, outcome=WON, category="Closed", ended_at="2026-09-30T23:59:59Z"),
        deal("lost", "u1", 30.0, outcome="lost", ended_at="2026-10-02T00:00:00Z"),
        deal("undefined", "u1", 30.0, outcome=""),
    ]
    made = forecast(deals, DIRECTORY, worth, [], NOW, 1)
    assert made.total == Line(4, 1, 147.0, 107.0, 100.0, 1, 30.0)
    assert list(made.groups[Group.CATEGORY]) == ["Commit", "Pipeline", "Closed", ""]
    assert made.groups[Group.CATEGORY]["Pipeline"] == Line(2, 0, 47.0, 7.0, 0.0)
    assert made.groups[Group.TEAM].keys() == {"North", "South"}
    for lines in made.groups.values():
        for name in Line.__slots__:
            assert sum(getattr(line, name) for line in lines.values()) == getattr(made.total, name)


def action(name: str, kind: ActionKind, until: str = "", reason: str = "", at: str = "2026-11-10T00:00:00Z") -> Action:
    by = By(team_id="T", user_id="U", name="Lee", role=Role.LEAD)
    return Action(id=f"{name}{at}", kind=kind, signal=name, subject_key=name, by=by, at=at, until=until, reason=reason)


def test_exceptions_are_named_while_they_hold_with_their_reason() -> None:
    actions = [
        action("s1", ActionKind.OVERRIDE, "2026-12-01T00:00:00Z", "first"),
        action("s1", ActionKind.OVERRIDE, "2026-12-24T00:00:00Z", "the board decides", "2026-11-11T00:00:00Z"),
        action("s2", ActionKind.OVERRIDE, "2026-11-18T12:00:00Z", "over at this very instant"),
        action("s3", ActionKind.SNOOZE, "2026-12-01T00:00:00Z", "a snooze"),
        action("gone", ActionKind.OVERRIDE, "2026-11-30T00:00:00Z", "its signal is over"),
    ]
    made = forecast([deal("a", "u1", 1.0, signal("s1"), signal("s2"))], DIRECTORY, worth, actions, NOW, 1)
    assert [(one.deal, one.kind, one.by, one.reason) for one in made.exempt] == [
        ("gone", None, "Lee", "its signal is over"),
        ("a", Kind.CONTACT_GAP, "Lee", "the board decides"),
    ]


def test_the_week_is_a_week() -> None:
    edge = signal("1", at="2026-11-11T12:00:00Z")
    assert team("Lee", [deal("a", "u1", 1.0, edge)], DIRECTORY, worth, NOW, None).trend.opened == 1
    assert team("Lee", [deal("a", "u1", 1.0, edge)], DIRECTORY, worth, NOW + 1, None).trend.opened == 0
    assert NOW - parse_rfc3339(edge.opened_at) == 7 * DAY_US
