"""`signals playbook report`: where the playbook and the practice differ, worst first."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich import box
from rich.table import Table
from rich.text import Text

from alerts.actions import ActionKind, decode_action
from playbook.model import Playbook
from programs.commands.loading import broker_answers, broker_of, ready
from programs.commands.present import History, history_of, last_values, present, replayed_history
from programs.commands.status import console
from programs.terminal import plain
from signals.practice import Definition, Practice, Report, Seen, as_document
from topics.catalog import ALERT_ACTIONS, DEAL_SIGNALS, PIPELINE_INDICATORS
from topics.codec import decoder
from topics.indicators import Figures, GateFigures
from topics.instants import from_us
from topics.signals import Signal
from topics.standing import Answer

_view = decoder(Seen)
_signal = decoder(Signal)
_figures = decoder(Figures)
#: What takes a deal out of a definition, in people's own words.
_EXCEPTIONS = frozenset({ActionKind.OVERRIDE, ActionKind.NOT_RELEVANT})
#: So many criteria of a gate are named.
MOST_CRITERIA = 3


def report(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for machines, with every team")] = False,
    history: Annotated[Path | None, typer.Option(help="files in place of the live state, as for `replay`")] = None,
    source: Annotated[list[str] | None, typer.Option(help="with --history: a source's name")] = None,
    mapping: Annotated[Path | None, typer.Option(help="with --history: what the columns mean")] = None,
    playbook: Annotated[Path | None, typer.Option(help="with --history: else the mapping's, or the settings'")] = None,
    baselines: Annotated[Path | None, typer.Option(help="with --history: learned limits")] = None,
    until: Annotated[str | None, typer.Option(help="with --history: T, an RFC 3339 instant")] = None,
    broker: Annotated[str | None, typer.Option("--broker", metavar="HOST:PORT", help="in place of the setting")] = None,
) -> None:
    """How often each gate, SQL field, ICP criterion and stage is met, broken and overridden, and by which team."""
    files = history_of(history, source, mapping, playbook, baselines, until)
    found = _live(broker) if files is None else _of_history(files)
    if as_json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(as_document(found)), indent=2) + b"\n")
        return
    out = console()
    out.print(Text(f"Definitions and practice, as of {from_us(found.at_us):%Y-%m-%d %H:%M} UTC", style="bold"))
    out.print(Text("gates: entries within 90 days; the others: open deals now", style="dim"))
    out.print(_table(found))


def _of_history(history: History) -> Report:
    with replayed_history(history, figures=True) as (result, chosen):
        loaded = chosen.playbook
        found = Report(result.until_us, loaded.playbook)
        _take(found, result.views, result.signals, result.indicators)
    return found


def _live(broker: str | None) -> Report:
    with present(None, broker) as now:
        known: Playbook = next(iter(now.playbooks.values()))
        target = broker_of(ready(broker=broker))
        with broker_answers():
            from engine.admin import read_all  # noqa: PLC0415 - kafka-python takes 0.2 s to import

            said = (one.value for one in read_all(target, DEAL_SIGNALS) if one.value)
            exceptions = [_exception(one.value) for one in read_all(target, ALERT_ACTIONS) if one.value]
            found = Report(now.at_us, known, filter(None, exceptions))
            _take(found, now.views, said, map(_figures, last_values(target, PIPELINE_INDICATORS)))
    return found


def _take(found: Report, views: Iterable[bytes], said: Iterable[bytes], figures: Iterable[Figures]) -> None:
    for view in views:
        found.take_deal(_view(view))
    for one in figures:
        if isinstance(one, GateFigures):
            found.take_gate(one)
    for line in said:
        found.take_signal(_signal(line))


def _exception(value: bytes) -> str:
    """The signal that an action takes out of its definition; empty for other actions, and for what is none."""
    try:
        action = decode_action(value)
    except msgspec.DecodeError:
        return ""
    return action.signal if action.kind in _EXCEPTIONS else ""


def _table(found: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in (
        "",
        "definition",
        "broken",
        "met",
        "unknown",
        "overridden",
        "n",
        "share broken",
        "most by",
        "what fails",
    ):
        table.add_column(name, justify="left" if name in {"", "definition", "most by", "what fails"} else "right")
    for definition, practice in found.worst_first():
        table.add_row(*_cells(definition, practice))
    return table


def _cells(definition: Definition, practice: Practice) -> list[str | Text]:
    count, share, worst = practice.total, practice.broken_share, practice.worst_team
    name = f"{definition.name} ({definition.pipeline})" if definition.pipeline else definition.name
    failing = ", ".join(f"{name} {times}x" for name, times in practice.criteria.most_common(MOST_CRITERIA))
    return [
        definition.sort.value,
        Text(plain(name)),
        f"{count[Answer.NOT_MET]:,}",
        f"{count[Answer.MET]:,}",
        f"{count[Answer.UNKNOWN]:,}",
        f"{practice.overridden.total():,}",
        f"{practice.judged:,}",
        "-" if share is None else f"{share:.1%}",
        Text("" if worst is None else plain(f"{worst[0] or '(no team)'} {worst[1]:.0%}")),
        Text(plain(failing)),
    ]
