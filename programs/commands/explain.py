"""`signals explain`: one deal's history, every signal with its evidence, and what is missing where nothing was said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from programs.commands.lives import Life, life_in_files, live
from programs.commands.present import history_of
from programs.commands.status import console
from programs.terminal import plain
from signals.emit import naming_of
from signals.explaining.happenings import Happening, happenings
from signals.explaining.story import Explained, Open, Quiet, explained
from topics.events import Scalar
from topics.instants import DAY_US, from_us, parse_rfc3339, rfc3339
from topics.signals import Evidence, Severity, Signal, Step, signal_id

_COLOURS = {Severity.INFO: "cyan", Severity.WARNING: "yellow", Severity.CRITICAL: "red"}


def explain(  # noqa: PLR0913 - one parameter per option of the command line
    deal: Annotated[str, typer.Argument(help="its id, or <source>/<tenant>:<id>")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
    history: Annotated[Path | None, typer.Option(help="files in place of the live log, as for `replay`")] = None,
    source: Annotated[list[str] | None, typer.Option(help="with --history: a source's name, or deal.events")] = None,
    mapping: Annotated[Path | None, typer.Option(help="with --history: what the columns mean")] = None,
    playbook: Annotated[Path | None, typer.Option(help="with --history: else the mapping's, or the settings'")] = None,
    baselines: Annotated[Path | None, typer.Option(help="with --history: learned limits")] = None,
    until: Annotated[str | None, typer.Option(help="with --history: T, an RFC 3339 instant")] = None,
    broker: Annotated[str | None, typer.Option("--broker", metavar="HOST:PORT", help="in place of the setting")] = None,
) -> None:
    """The timeline of a deal: what happened, what was said and why, what would end it, what is missing for the rest."""
    files = history_of(history, source, mapping, playbook, baselines, until)
    life = live(deal, broker) if files is None else life_in_files(files, deal)
    told = list(happenings(life.key, life.events[0].event.source, life.events))
    found = explained(life.panel, life.watch, life.at_us)
    if as_json:
        document = msgspec.json.encode(_document(life, told, found))
        sys.stdout.buffer.write(msgspec.json.format(document, indent=2) + b"\n")
        return
    _show(console(), life, told, found)


def _document(life: Life, told: list[Happening], found: Explained) -> dict[str, Any]:
    rules = life.panel.rules
    named = naming_of(rules, found.watch.deal)
    return {
        "key": life.key,
        "as_of": rfc3339(life.at_us),
        "playbook": rules.version,
        "deal": named._asdict(),
        "events": [
            {"id": one.event.id, "at": rfc3339(one.event.at_us), "offset": one.offset, "lines": one.lines}
            for one in told
        ],
        "signals": life.signals,
        "open": [_open_line(life, one) for one in found.open],
        "quiet": [_quiet_line(one) for one in found.quiet],
    }


def _open_line(life: Life, one: Open) -> dict[str, object]:
    episode = one.episode
    return {
        "id": signal_id(life.key, episode.kind, episode.anchor),
        "kind": episode.kind.value,
        "severity": episode.severity.value,
        "opened_at": rfc3339(episode.opened_us),
        "told": episode.told,
        "reason": episode.reason,
        "resolves": one.remedy,
        "ends_at": None if one.ends_us is None else rfc3339(one.ends_us),
    }


def _quiet_line(one: Quiet) -> dict[str, object]:
    said: dict[str, object] = {"kind": one.kind.value, "off": one.off}
    if one.missing is not None:
        said |= {**one.missing._asdict(), "short_by": one.missing.short_by}
    return {**said, "opens_at": None if one.opens_us is None else rfc3339(one.opens_us)}


def _show(out: Console, life: Life, told: list[Happening], found: Explained) -> None:
    deal = found.watch.deal
    named = naming_of(life.panel.rules, deal)
    out.print(Text(plain(f"{named.name or named.deal_id} ({life.key})"), style="bold"))
    worth = "" if named.amount is None else f"{named.amount:,.2f} {named.currency}".strip()
    parts = (named.pipeline, named.stage, named.segment, worth, named.owner, named.team)
    out.print(Text(plain(" · ".join(filter(None, parts)))))
    out.print(Text(plain(f"as of {rfc3339(life.at_us)}, by {life.panel.rules.version}"), style="dim"))
    if deal.suspect_us is not None:
        out.print(Text("suspect: its source lost changes, and nothing opens until it is read again", style="yellow"))
    if deal.loading:
        out.print(Text("its history is being loaded: what holds opens when that ends", style="yellow"))
    out.print(_timeline(life, told))
    _show_open(out, found)
    out.print(_quiet_table(found))


def _timeline(life: Life, told: list[Happening]) -> Table:
    """Events and signals by their dates; what was said at an event's instant stands after it."""
    rows = [(one.event.at_us, 0, place, _event_text(one)) for place, one in enumerate(told)]
    rows += [(parse_rfc3339(one.occurred_at), 1, place, _signal_text(one)) for place, one in enumerate(life.signals)]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="What happened", title_justify="left")
    table.add_column("when (UTC)", no_wrap=True)
    table.add_column("what", overflow="fold")
    for at_us, _, _, text in sorted(rows, key=lambda row: row[:3]):
        table.add_row(f"{from_us(at_us):%Y-%m-%d %H:%M}" if at_us else "(unknown)", text)
    return table


def _event_text(one: Happening) -> Text:
    return Text("\n".join(plain(line) for line in one.lines))


def _signal_text(one: Signal) -> Text:
    mark = {Step.OPENED: "▲", Step.UPDATED: "△", Step.RESOLVED: "▽"}[one.transition]
    how = f" ({one.resolution.value})" if one.resolution is not None else ""
    head = f"{mark} {one.kind.value} {one.transition.value}{how}, {one.severity.value}: {one.reason}"
    lines = [head]
    if one.transition is not Step.RESOLVED:
        lines += [f"  {line}" for line in _evidence(one.evidence)]
        lines.append(f"  signal {one.id}, by {one.playbook}")
    colour = "green" if one.transition is Step.RESOLVED else _COLOURS[one.severity]
    return Text("\n".join(plain(line) for line in lines), style=colour)


def _evidence(evidence: Evidence) -> Iterator[str]:
    if evidence.observed is not None and evidence.limit is not None:
        yield f"observed {evidence.observed:g}, limit {evidence.limit:g} {evidence.unit}".rstrip()
    if evidence.baseline is not None:
        yield f"learned: {_pairs(evidence.baseline)}"
    for one in evidence.details:
        yield _pairs(one)
    if evidence.events:
        yield "caused by " + ", ".join(
            f"{one.topic}[{one.partition}]@{one.offset}" if one.topic else one.id for one in evidence.events
        )


def _pairs(values: dict[str, Scalar]) -> str:
    return ", ".join(f"{name}: {'(empty)' if value is None else value}" for name, value in values.items())


def _show_open(out: Console, found: Explained) -> None:
    if not found.open:
        out.print(Text("Nothing is open."))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="What is open", title_justify="left")
    for name in ("kind", "severity", "since (UTC)", "why", "ends with"):
        table.add_column(name, overflow="fold")
    for one in found.open:
        episode = one.episode
        table.add_row(
            Text(episode.kind.value, style=_COLOURS[episode.severity]),
            episode.severity.value + ("" if episode.told else ", not told"),
            f"{from_us(episode.opened_us):%Y-%m-%d %H:%M}",
            Text(plain(episode.reason)),
            Text(plain(one.remedy)),
        )
    out.print(table)


def _quiet_table(found: Explained) -> Table:
    """What did not open: what could first, then what cannot."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title="What is not, and what is missing", title_justify="left")
    for name in ("kind", "what is missing", "observed", "limit", "to go", "by time alone"):
        table.add_column(name, overflow="fold", justify="right" if name in {"observed", "limit", "to go"} else "left")
    for one in sorted(found.quiet, key=lambda one: (bool(one.off), one.opens_us is None, one.opens_us or 0)):
        what, observed, limit, to_go = one.off, "", "", ""
        if one.missing is not None:
            what = one.missing.what
            if one.missing.observed is not None and one.missing.limit is not None:
                observed, limit = f"{one.missing.observed:,.4g}", f"{one.missing.limit:,.4g} {one.missing.unit}"
                to_go = f"{max(one.missing.limit - one.missing.observed, 0):,.4g}"
            if one.missing.baseline is not None:
                what += f" (learned: {_pairs(one.missing.baseline)})"
        table.add_row(
            Text(one.kind.value),
            Text(plain(what), style="dim" if one.off else ""),
            observed,
            limit,
            to_go,
            "" if one.opens_us is None else _in_days(one.opens_us, found.at_us),
        )
    return table


def _in_days(opens_us: int, at_us: int) -> str:
    return f"{from_us(opens_us):%Y-%m-%d %H:%M}, in {(opens_us - at_us) / DAY_US:.1f} days"
