"""`signals rollup`: a lead's team and the forecast, from the live state or from files."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from alerts.actions import Action, decode_action
from alerts.audience import channel, person
from alerts.phrases import headline_of
from alerts.rollups.forecast import Forecast, Group, Line, forecast
from alerts.rollups.letters import forecast_letter, team_letter
from alerts.rollups.standings import OPEN, Standing, decode_standing, leads_of, led_by, troubled
from alerts.rollups.team import WEEK_US, Team, ended_by_lead, team
from alerts.values import Delivery, Recipient
from engine.records import Output
from playbook.calendars import Calendars
from playbook.model import Owner, Playbook
from playbook.owners import Directory
from programs.commands.loading import broker_answers, broker_of, ready
from programs.commands.present import history_of, present, replayed_history
from programs.commands.status import console
from programs.failures import CallError
from programs.startup import exchange
from programs.terminal import plain
from signals.money import Exchange
from topics.catalog import ALERT_ACTIONS, ALERT_OUTBOX, DEAL_SIGNALS
from topics.codec import decode_signal, encode
from topics.instants import parse_rfc3339, rfc3339
from topics.signals import Severity, Signal

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="What a lead sees of a team, a manager of the forecast."
)

TellOption = Annotated[bool, typer.Option("--tell", help="send it, too: to each lead, once a week")]
JsonOption = Annotated[bool, typer.Option("--json", help="for machines")]
HistoryOption = Annotated[Path | None, typer.Option(help="files in place of the live state, as for `replay`")]
SourceOption = Annotated[list[str] | None, typer.Option(help="with --history: a source's name")]
MappingOption = Annotated[Path | None, typer.Option(help="with --history: what the columns mean")]
PlaybookOption = Annotated[Path | None, typer.Option(help="with --history: else the mapping's, or the settings'")]
BaselinesOption = Annotated[Path | None, typer.Option(help="with --history: learned limits")]
UntilOption = Annotated[str | None, typer.Option(help="with --history: T, an RFC 3339 instant")]
BrokerOption = Annotated[str | None, typer.Option("--broker", metavar="HOST:PORT", help="in place of the setting")]
#: Deviations that the terminal shows of one team; --json has all.
MOST = 25


class Now(NamedTuple):
    """What both roll-ups are made of. `signals`: the transitions of the last week. Lists, for they are read again."""

    deals: list[Standing]
    signals: list[Signal]
    actions: list[Action]
    playbook: Playbook
    directory: Directory
    exchange: Exchange
    at_us: int


@app.command("team")
def show_team(  # noqa: PLR0913 - one parameter per option of the command line
    name: Annotated[str, typer.Argument(help="a lead's name; none: every lead")] = "",
    *,
    as_json: JsonOption = False,
    tell: TellOption = False,
    history: HistoryOption = None,
    source: SourceOption = None,
    mapping: MappingOption = None,
    playbook: PlaybookOption = None,
    baselines: BaselinesOption = None,
    until: UntilOption = None,
    broker: BrokerOption = None,
) -> None:
    """The deviations of a lead's team, worst first, and whether there are more or fewer than a week ago."""
    _refuse_untold(tell=tell, history=history)
    with _now(history, source, mapping, playbook, baselines, until, broker) as now:
        leads = _chosen(now, name)
        ended = ended_by_lead(now.signals, now.directory, now.at_us - WEEK_US)
        teams = [_team(now, lead, ended) for lead in leads]
        currency = now.exchange.base
        letters = [
            team_letter(one, _reachable(lead, now.playbook), _week(now, lead), currency)
            for one, lead in zip(teams, leads, strict=True)
        ]
    if tell:
        _tell(letters, broker)
    if as_json:
        _print_json([_team_document(one, now.at_us, now.exchange.base) for one in teams])
        return
    for one in teams:
        _show_team(one, now.exchange.base)


@app.command("forecast")
def show_forecast(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    as_json: JsonOption = False,
    tell: TellOption = False,
    history: HistoryOption = None,
    source: SourceOption = None,
    mapping: MappingOption = None,
    playbook: PlaybookOption = None,
    baselines: BaselinesOption = None,
    until: UntilOption = None,
    broker: BrokerOption = None,
) -> None:
    """The forecast by category, owner and team, and the exceptions that were made, with their reasons."""
    _refuse_untold(tell=tell, history=history)
    with _now(history, source, mapping, playbook, baselines, until, broker) as now:
        made = forecast(
            now.deals, now.directory, now.exchange.in_base, now.actions, now.at_us, now.playbook.fiscal_year_starts
        )
        is_open = [deal for deal in now.deals if deal.outcome == OPEN]
        worst = troubled(is_open, now.directory, now.exchange.in_base)
        letters = [forecast_letter(made, worst, to, week, now.exchange.base) for to, week in _managers(now)]
    if tell:
        _tell(letters, broker)
    if as_json:
        _print_json(_forecast_document(made, now.at_us, now.exchange.base))
        return
    _show_forecast(made, now.exchange.base)


@contextmanager
def _now(  # noqa: PLR0913, PLR0917 - the options that say of what
    history: Path | None,
    source: list[str] | None,
    mapping: Path | None,
    playbook: Path | None,
    baselines: Path | None,
    until: str | None,
    broker: str | None,
) -> Iterator[Now]:
    files = history_of(history, source, mapping, playbook, baselines, until)
    if files is not None:
        with replayed_history(files) as (result, chosen):
            signals = _recent(map(decode_signal, result.signals), result.until_us - WEEK_US)
            deals = list(map(decode_standing, result.views))
            yield _assembled(deals, signals, [], chosen.playbook.playbook, result.until_us, chosen.exchange)
        return
    installation = ready(broker=broker)
    with present(None, broker) as now:
        deals = list(map(decode_standing, now.views))
    known = in_force(deals, now.playbooks, installation.playbook.playbook)
    with broker_answers():
        from engine.admin import read_all  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        target = broker_of(installation)
        actions = [decode_action(one.value) for one in read_all(target, ALERT_ACTIONS) if one.value]
        week = read_all(target, DEAL_SIGNALS, now.at_us - WEEK_US)
        signals = _recent((decode_signal(one.value) for one in week if one.value), now.at_us - WEEK_US)
    actions.sort(key=lambda action: (action.at, action.id))
    yield _assembled(deals, signals, actions, known, now.at_us, exchange(installation.settings))


def _assembled(  # noqa: PLR0913, PLR0917 - what it is made of
    deals: list[Standing],
    signals: list[Signal],
    actions: list[Action],
    playbook: Playbook,
    at_us: int,
    rates: Exchange,
) -> Now:
    return Now(deals, signals, actions, playbook, Directory(playbook.owners), rates, at_us)


def in_force(deals: list[Standing], known: Mapping[str, Playbook], own: Playbook) -> Playbook:
    """The definitions by which most deals stand; the own file where nobody published those."""
    versions = Counter(deal.playbook for deal in deals).most_common(1)
    return next((known[version] for version, _ in versions if version in known), own)


def _recent(signals: Iterable[Signal], since_us: int) -> list[Signal]:
    return [signal for signal in signals if parse_rfc3339(signal.occurred_at) >= since_us]


def _refuse_untold(*, tell: bool, history: Path | None) -> None:
    """People are told what is so now, not what was so in files. Raises CallError."""
    if tell and history is not None:
        raise CallError("--tell: of the live state only, without --history")


def _reachable(owner: Owner, playbook: Playbook) -> Recipient:
    """An owner as a recipient; the fallback channel for one whom Slack cannot find."""
    if owner.slack or owner.email or not playbook.fallback_channel:
        return person(owner)
    return channel(playbook.fallback_channel)


def _week(now: Now, owner: Owner | None) -> int:
    """The first day of the week in which it is now, where somebody is."""
    hours = Calendars(now.playbook).of(owner)
    return hours.week_of(hours.zone.day_of(now.at_us))


def _managers(now: Now) -> Iterator[tuple[Recipient, int]]:
    """Who hears of the forecast: everybody to whom a lead reports, and RevOps; each with the week that it is there."""
    leads = leads_of(now.playbook.owners, now.directory)
    for manager in leads_of(leads, now.directory):
        yield _reachable(manager, now.playbook), _week(now, manager)
    if now.playbook.revops_channel:
        yield channel(now.playbook.revops_channel), _week(now, None)


def _tell(letters: Iterable[Delivery | None], broker: str | None) -> None:
    """Hand them to `send`, which says each once, however often it is handed over."""
    written = [one for one in letters if one is not None]
    target = broker_of(ready(broker=broker))
    with broker_answers():
        from engine.admin import produce  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        produce(target, [Output(ALERT_OUTBOX, one.recipient.key.encode(), encode(one)) for one in written])
    names = ", ".join(one.recipient.name for one in written)
    sys.stderr.write(plain(f"handed over for {names}" if written else "nothing is open, nobody is told") + "\n")


def _chosen(now: Now, name: str) -> list[Owner]:
    """The leads that are asked for. Raises CallError for one that nobody reports to."""
    leads = leads_of(now.playbook.owners, now.directory)
    if not leads:
        raise CallError("the playbook names no leads: owners with `lead:`")
    chosen = [lead for lead in leads if name in ("", lead.name)]
    if not chosen:
        raise CallError(f"nobody reports to {name!r}; leads are {', '.join(lead.name for lead in leads)}")
    return chosen


def _team(now: Now, lead: Owner, ended: Counter[str]) -> Team:
    deals = led_by(lead, now.deals, now.directory)
    return team(lead.name, deals, now.directory, now.exchange.in_base, now.at_us, ended[lead.name])


def _print_json(document: object) -> None:
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


def _team_document(one: Team, at_us: int, currency: str) -> dict[str, object]:
    return {
        "lead": one.lead,
        "as_of": rfc3339(at_us),
        "currency": currency,
        "deals": one.deals,
        "deals_with_something_open": len(one.worst),
        "at_risk": one.at_risk,
        "open_signals": one.trend.now,
        "opened_this_week": one.trend.opened,
        "ended_this_week": one.trend.ended,
        "a_week_ago": one.trend.before,
        "owners": [
            {
                "owner": each.owner,
                "deals": each.deals,
                "at_risk": each.at_risk,
                **{severity.value: each.severities[severity] for severity in Severity},
            }
            for each in one.owners
        ],
        "worst": [
            {
                "deal": each.deal.key,
                "name": each.deal.name,
                "owner": each.owner,
                "stage": each.deal.stage,
                "worth": each.worth,
                "signals": each.signals,
            }
            for each in one.worst
        ],
    }


def _forecast_document(made: Forecast, at_us: int, currency: str) -> dict[str, object]:
    return {
        "as_of": rfc3339(at_us),
        "quarter": {"first": made.quarter.first.isoformat(), "last": made.quarter.last.isoformat()},
        "currency": currency,
        "total": _line_document(made.total),
        **{
            group.value: [{"name": name, **_line_document(line)} for name, line in lines.items()]
            for group, lines in made.groups.items()
        },
        "overrides": [
            {"deal": one.deal, "kind": one.kind, "by": one.by, "reason": one.reason, "until": one.until}
            for one in made.exempt
        ],
    }


def _line_document(line: Line) -> dict[str, object]:
    return {name: getattr(line, name) for name in Line.__slots__}


_STYLES = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: "dim"}


def _show_team(one: Team, currency: str) -> None:
    out = console()
    out.print(Text(plain(f"{one.lead}'s team"), style="bold"))
    out.print(
        f"{len(one.worst):,} of {one.deals:,} open deals have something open; "
        f"{currency} {one.at_risk:,.0f} under a critical signal"
    )
    trend = one.trend
    out.print(f"{trend.now:,} open now, {trend.before:,} a week ago: {trend.opened:,} new, {trend.ended:,} over")
    people = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    people.add_column("owner")
    for name in ("deals", "critical", "warning", "info", f"at risk, {currency}"):
        people.add_column(name, justify="right")
    for each in one.owners:
        counts = [f"{each.severities[severity]:,}" for severity in (Severity.CRITICAL, Severity.WARNING, Severity.INFO)]
        people.add_row(Text(plain(each.owner or "(nobody)")), f"{each.deals:,}", *counts, f"{each.at_risk:,.0f}")
    out.print(people)
    worst = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("", "deal", "what", "owner", currency, "since"):
        worst.add_column(name, justify="right" if name == currency else "left", overflow="fold")
    for deal in one.worst[:MOST]:
        worst.add_row(
            Text(deal.severity.value, _STYLES[deal.severity]),
            Text(plain(deal.deal.called)),
            Text(plain("; ".join(headline_of(signal.kind, deal.deal.stage) for signal in deal.signals))),
            Text(plain(deal.owner)),
            f"{deal.worth:,.0f}",
            min(signal.opened_at for signal in deal.signals)[:10],
        )
    out.print(worst)
    if len(one.worst) > MOST:
        out.print(Text(f"and {len(one.worst) - MOST:,} more (--json has all)", style="dim"))


def _show_forecast(made: Forecast, currency: str) -> None:
    out = console()
    first, last = made.quarter
    out.print(Text(f"forecast in {currency}; the quarter is {first} to {last}", style="bold"))
    for group in Group:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column(f"by {group.value}")
        for name in ("deals", "open", "due this quarter", "at risk", "won deals", "won", "without amount"):
            table.add_column(name, justify="right")
        for name, line in made.groups[group].items():
            table.add_row(Text(plain(name or "(none)")), *_figures(line))
        table.add_section()
        table.add_row("all", *_figures(made.total), style="bold")
        out.print(table)
    out.print(Text(f"{len(made.exempt)} exceptions hold", style="bold"))
    for one in made.exempt:
        what = f"{one.deal}: {one.kind or 'a signal that is over'}, until {one.until[:10]}, by {one.by}: {one.reason}"
        out.print(Text(plain(what)))


def _figures(line: Line) -> list[str]:
    money = (f"{each:,.0f}" for each in (line.amount, line.due, line.at_risk))
    return [f"{line.deals:,}", *money, f"{line.won_deals:,}", f"{line.won:,.0f}", f"{line.unknown:,}"]
