"""Roll-ups as messages: one per recipient and week, the same however often it is written. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.reasons import Reason
from alerts.rollups.forecast import Forecast, Group, Line
from alerts.rollups.standings import Troubled
from alerts.rollups.team import Team
from alerts.values import Delivery, Form, Op, Recipient, Sheet, digest
from topics.signals import FAMILY, Evidence, Severity, Signal, Step
from topics.views import OpenSignal

#: Deals that a message names; the others stand in the app's home and in `signals rollup`.
MOST_DEALS = 10
#: Lines of one group, and exceptions.
MOST_LINES = 5


def team_letter(made: Team, to: Recipient, week: int, currency: str) -> Delivery | None:
    """A lead's roll-up; None where nothing is open, for then there is nothing to say."""
    title = f"{made.lead}'s team: {len(made.worst):,} of {made.deals:,} open deals have something open"
    return _letter("team", title, tuple(_team_lines(made, currency)), made.worst, to, week)


def forecast_letter(
    made: Forecast, worst: Sequence[Troubled], to: Recipient, week: int, currency: str
) -> Delivery | None:
    """A manager's roll-up, with the deals of the most money that something is wrong with."""
    title = f"Forecast, quarter to {made.quarter.last}: {_money(made.total.due, currency)} due, "
    title += f"{_money(made.total.won, currency)} won"
    return _letter("forecast", title, tuple(_forecast_lines(made, currency)), worst, to, week)


def _letter(  # noqa: PLR0913, PLR0917 - what it is made of
    what: str, title: str, lines: tuple[str, ...], worst: Sequence[Troubled], to: Recipient, week: int
) -> Delivery | None:
    signals = tuple(_signal(one, one.signals[0]) for one in worst[:MOST_DEALS])
    if not signals:
        return None
    return Delivery(
        seq=1,
        op=Op.POST,
        reason=Reason.ROLLED_UP,
        via=Reason.AS_LEAD if what == "team" else Reason.AS_REVOPS,
        recipient=to,
        signal=signals[0],
        signals=signals if len(signals) > 1 else (),
        message=digest(to.key, "rollup", what, str(week)),
        form=Form.ROLLUP,
        sheet=Sheet(title=title, lines=lines),
    )


def _team_lines(made: Team, currency: str) -> Iterator[str]:
    trend = made.trend
    if trend.before is not None and trend.ended is not None:
        yield f"{trend.now:,} open now, {trend.before:,} a week ago: {trend.opened:,} new, {trend.ended:,} over"
    else:
        yield f"{trend.now:,} open now, {trend.opened:,} of them since a week ago"
    yield f"{_money(made.at_risk, currency)} under a critical signal"
    for one in made.owners[:MOST_LINES]:
        total = sum(one.severities.values())
        critical = one.severities[Severity.CRITICAL]
        yield f"{one.owner or 'nobody'}: {total:,} on {one.deals:,} deals, {critical:,} critical"


def _forecast_lines(made: Forecast, currency: str) -> Iterator[str]:
    total = made.total
    yield (
        f"{total.deals:,} deals open, {_money(total.amount, currency)}, "
        f"of that {_money(total.at_risk, currency)} under a critical signal"
    )
    if total.unknown:
        yield f"{total.unknown:,} deals without an amount that can be told in {currency}"
    for name, line in list(made.groups[Group.CATEGORY].items())[:MOST_LINES]:
        yield f"{name or '(no category)'}: {_line(line, currency)}"
    for name, line in list(made.groups[Group.TEAM].items())[:MOST_LINES]:
        yield f"{name or '(no team)'}: {_line(line, currency)}"
    for one in made.exempt[:MOST_LINES]:
        yield f"Exception until {one.until[:10]}, {one.deal}: {one.reason} ({one.by})"


def _line(line: Line, currency: str) -> str:
    return f"{_money(line.amount, currency)} open in {line.deals:,} deals, {_money(line.due, currency)} due"


def _money(amount: float, currency: str) -> str:
    return f"{currency} {amount:,.0f}"


def _signal(one: Troubled, signal: OpenSignal) -> Signal:
    """The gravest signal of a deal, as far as its view tells."""
    deal = one.deal
    return Signal(
        id=signal.id,
        kind=signal.kind,
        family=FAMILY[signal.kind],
        severity=signal.severity,
        transition=Step.OPENED,
        subject_key=deal.key,
        deal_id=deal.deal_id,
        deal_name=deal.name,
        owner_id=deal.owner_id,
        owner=one.owner,
        team=deal.team,
        pipeline=deal.pipeline,
        stage=deal.stage,
        amount=deal.amount,
        currency=deal.currency,
        anchor=signal.opened_at,
        occurred_at=signal.opened_at,
        opened_at=signal.opened_at,
        reason=signal.reason,
        evidence=Evidence(),
        playbook=deal.playbook,
    )
