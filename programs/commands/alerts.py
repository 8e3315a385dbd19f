"""`signals alerts`: what became of a signal, and what everybody would have received from a history."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec.structs import replace
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerts.reasons import FATES, MEANING, Fate, Reason
from alerts.values import Decision, decode_decision
from playbook.load import Loaded, PlaybookError
from playbook.model import Owner
from programs.commands.choosing import check_path, chosen_of, instant
from programs.commands.loading import broker_answers, broker_of, ready
from programs.commands.topics import BrokerOption
from programs.crew import cores
from programs.definitions import read_baselines
from programs.failures import CallError, FilesError, WorkError
from programs.previewing import Counting, Preview, as_json
from programs.published import Published
from programs.rehearsing import Rehearsal, when
from programs.replaying import Plan, replayed
from programs.terminal import plain
from signals.baselines import NO_BASELINES
from topics.catalog import ALERT_LOG, DEAL_SIGNALS
from topics.codec import decode_signal, encode
from topics.instants import DAY_US
from topics.signals import Signal

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="What became of a signal; what everybody would receive."
)
_FATES = tuple(Fate)


@app.callback()
def alerts() -> None:
    """What became of a signal; what everybody would receive."""


@app.command("why")
def why(
    signal: Annotated[str, typer.Argument(help="its id, as messages and `signals explain` show it, or its beginning")],
    *,
    broker: BrokerOption = None,
    json: Annotated[bool, typer.Option("--json", help="the lines of alert.log, for machines")] = False,
) -> None:
    """What happened to a signal: whom it was told, why, and what it was held for."""
    target = broker_of(ready(broker=broker))
    with broker_answers():
        from engine.admin import read_all  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        log = decisions(signal, ((record.key, record.value) for record in read_all(target, ALERT_LOG)))
    if not log:
        raise WorkError(f"alert.log says nothing of a signal {signal}: it is not older than 400 days, or mistyped?")
    for line in [encode(each).decode() for each in log] if json else story(log):
        typer.echo(plain(line))


def decisions(signal: str, rows: Iterable[tuple[bytes | None, bytes | None]]) -> list[Decision]:
    """What `alert.log` says of a signal, or of those whose ids begin so, in order."""
    wanted = signal.strip().encode()
    found = []
    for key, value in rows:
        if wanted and (key or b"").startswith(wanted):
            try:
                found.append(decode_decision(value or b""))
            except msgspec.DecodeError:
                continue
    return sorted(found, key=lambda each: (each.signal, each.at))


def story(log: list[Decision]) -> Iterator[str]:
    """The decisions in words: one line each, and the end of it for everybody."""
    about = ""
    last: dict[tuple[str, str], Reason] = {}
    for each in log:
        if each.signal != about:
            about = each.signal
            yield f"signal {each.signal}: {each.kind.value} of {each.subject_key}"
        until = f", until {each.until} at the latest" if each.until else ""
        detail = f" ({each.detail})" if each.detail else ""
        op = f" [{each.op.value} {each.seq} of message {each.message}]" if each.op else ""
        said = f"{each.transition.value}: {MEANING[each.reason]}{detail}{until}{op}"
        yield f"  {each.at}  {_name(each.recipient)}: {said}"
        key = (each.signal, each.recipient)
        if each.reason in FATES and FATES.get(last.get(key, each.reason)) not in (Fate.TOLD, Fate.MERGED):
            last[key] = each.reason
    for (_, recipient), reason in last.items():
        yield f"  so far, {_name(recipient)}: {FATES[reason].value} ({reason.value})"


def _name(recipient: str) -> str:
    return recipient.partition(":")[2] or "nobody"


@app.command("preview")
def show_preview(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    history: Annotated[Path, typer.Option(help="a folder, or one file, as for `replay`")],
    source: Annotated[list[str], typer.Option(help="a source's name; give it again for several")],
    mapping: Annotated[Path | None, typer.Option(help="what the columns mean, for tables")] = None,
    playbook: Annotated[Path | None, typer.Option(help="else the mapping's, else the settings'")] = None,
    baselines: Annotated[Path | None, typer.Option(help="learned limits")] = None,
    until: Annotated[str | None, typer.Option(help="T, an RFC 3339 instant; else the last event's")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="processes that work at once; else one per core")] = None,
    json: Annotated[bool, typer.Option("--json", help="for machines")] = False,
) -> None:
    """What everybody would have received a week under this playbook, and which rule makes the noise."""
    try:
        chosen = chosen_of(source, mapping, playbook)
        check_path(history, chosen)
        plan = Plan(
            chosen.sources,
            chosen.playbook.playbook,
            chosen.playbook.hash,
            instant(until),
            baselines=NO_BASELINES if baselines is None else read_baselines(baselines),
        )
        with replayed(history, plan, jobs or cores()) as result:
            signals = [decode_signal(line) for line in result.signals]
            peopled = reachable(chosen.playbook, signals)
            shown = previewed(Rehearsal(Published(peopled)), signals, result.until_us)
    except (PlaybookError, FilesError) as error:
        raise CallError(*str(error).splitlines()) from None
    except OSError as error:
        raise CallError(f"{error.filename}: {error.strerror}") from None
    if json:
        sys.stdout.buffer.write(as_json(shown) + b"\n")
    else:
        if peopled is not chosen.playbook:
            typer.echo("not every owner has an address in the playbook: shown as if they had")
        _show(Console(), shown)


def reachable(loaded: Loaded, signals: Iterable[Signal]) -> Loaded:
    """The playbook as if every owner had an address; one that names no owners gets those whom the signals name."""
    names = {signal.owner or signal.owner_id: signal.owner_id for signal in signals if signal.owner or signal.owner_id}
    named = loaded.playbook.owners or tuple(
        Owner(name=name, ids=() if identity in ("", name) else (identity,)) for name, identity in sorted(names.items())
    )
    owners = tuple(
        each if each.slack or each.email else each.model_copy(update={"email": f"{number}@preview.invalid"})
        for number, each in enumerate(named)
    )
    if owners == loaded.playbook.owners:
        return loaded
    return Loaded(loaded.playbook.model_copy(update={"owners": owners}), loaded.hash)


def previewed(rehearsal: Rehearsal, signals: Iterable[Signal], until_us: int) -> Preview:
    """The figures of what these signals, in time order, would have brought about."""
    counting, start_us = Counting(), until_us
    for signal in signals:
        at_us = when(signal)
        start_us = min(start_us, at_us)
        for heard in rehearsal.take(DEAL_SIGNALS, encode(replace(signal, detected_at=signal.occurred_at)), at_us):
            counting.take(heard)
    for heard in rehearsal.until(until_us):
        counting.take(heard)
    return counting.preview(max(1.0, (until_us - start_us) / (7 * DAY_US)))


def _show(console: Console, shown: Preview) -> None:
    days = shown.days
    spread = f"{days.p50} (median), {days.p90} (p90), {days.most} (most)"
    console.print(f"{shown.weeks:.1f} weeks; messages to one recipient on a day with any: {spread}")
    people = _table("who", "a week", "interruptions", "digests", "beyond budget", "a day p50", "p90", "most")
    for each in shown.received:
        figures = (f"{each.a_week:.1f}", each.interruptions, each.digests, each.beyond_budget, *each.days[1:])
        people.add_row(Text(plain(_name(each.recipient))), *map(str, figures))
    console.print(people)
    kinds = _table("kind", "messages", "repeats", "passed on", *(fate.value for fate in _FATES))
    for one in shown.noise:
        fates = (one.fates.get(fate, 0) for fate in _FATES)
        kinds.add_row(one.kind.value, *map(str, (one.messages, one.repeats, one.passed_on, *fates)))
    console.print(kinds)
    held = _table("not told at once because", "times")
    for reason, times in shown.held.items():
        held.add_row(f"{reason.value}: {MEANING[reason]}", str(times))
    console.print(held)


def _table(first: str, *others: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right")
    return table
