"""`signals replay`: the same brain over files, no broker."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NamedTuple

import msgspec
import typer

from playbook.load import Loaded, PlaybookError
from programs.commands.loading import ready
from programs.crew import cores
from programs.definitions import read_mapping, read_playbook
from programs.failures import CallError, FilesError, WorkError
from programs.relogging import LogPlan, relived
from programs.replaying import Plan, Result, replayed
from programs.settings import ClockSettings, SourceSettings
from programs.startup import to_source
from signals import replay as brain
from signals.relive import LogError
from topics.catalog import DEAL_EVENTS
from topics.instants import from_us, parse_rfc3339
from topics.sources.mapping_files import as_source
from topics.sources.source import MAPPED_KINDS, Source, SourceKind

#: What can be read without a mapping: its kind's name is enough.
USUAL = tuple(kind for kind in SourceKind if kind not in MAPPED_KINDS)


class Chosen(NamedTuple):
    """What is replayed: the sources and the definitions."""

    sources: tuple[Source, ...]
    playbook: Loaded


class Writing(NamedTuple):
    """What is asked for, and where it goes: `-` is the terminal."""

    output: Path | None
    deals: Path | None
    report: Path | None

    def write(self, result: Result) -> None:
        """Write all of it."""
        _write_lines(self.output, result.signals)
        _write_lines(self.deals, result.views)
        _write_report(self.report, result, spoken=str(self.output) == "-")


def replay(  # noqa: PLR0913 - one parameter per option of the command line
    path: Annotated[Path, typer.Argument(help="a folder, or one file")],
    *,
    source: Annotated[list[str], typer.Option(help="a source's name; give it again for several")],
    mapping: Annotated[Path | None, typer.Option(help="what the columns mean, for tables")] = None,
    playbook: Annotated[Path | None, typer.Option(help="else the mapping's, else the settings'")] = None,
    until: Annotated[str | None, typer.Option(help="T, an RFC 3339 instant; else the last event's")] = None,
    output: Annotated[Path | None, typer.Option(help="JSON lines of signals; - for the terminal")] = None,
    deals: Annotated[Path | None, typer.Option(help="JSON lines: the final state of each deal")] = None,
    report: Annotated[Path | None, typer.Option(help="the figures of the run, as JSON; - for the terminal")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="processes that work at once; else one per core")] = None,
    definitions: Annotated[list[Path] | None, typer.Option(help="a playbook that a log of deal.events names")] = None,
) -> None:
    """Replay files through the brain: what would have been said, and when.

    With --source deal.events the file is a log of that topic, ticks included, and what was said live is said again.
    """
    signal.signal(signal.SIGTERM, _end)
    writing = Writing(output, deals, report)
    if source == [DEAL_EVENTS]:
        if mapping is not None or until is not None:
            raise CallError(f"--source {DEAL_EVENTS}: a log has ticks and events of its own; no --mapping, no --until")
        _relive(path, playbook, definitions or [], writing, jobs or cores())
        return
    if definitions:
        raise CallError(f"--definitions: goes with --source {DEAL_EVENTS}; a history has one --playbook")
    until_us = _instant(until)
    try:
        chosen = _chosen(source, mapping, playbook)
        if len(chosen.sources) > 1 and not path.is_dir():
            raise CallError(f"{path}: several sources are replayed from a folder with <source>.jsonl of each")
        plan = Plan(chosen.sources, chosen.playbook.playbook, chosen.playbook.hash, until_us, views=deals is not None)
        with replayed(path, plan, jobs or cores()) as result:
            writing.write(result)
    except (PlaybookError, FilesError) as error:
        raise CallError(*str(error).splitlines()) from None
    except OSError as error:
        raise CallError(f"{error.filename}: {error.strerror}") from None


def _relive(path: Path, playbook: Path | None, named: list[Path], writing: Writing, jobs: int) -> None:
    """A log of `deal.events`: its partitions as they were served live."""
    try:
        installation = ready(playbook=playbook)
        playbooks = (installation.playbook, *map(read_playbook, named))
        plan = LogPlan(path, playbooks, tuple(installation.sources), views=writing.deals is not None, jobs=jobs)
        with relived(plan) as result:
            writing.write(result)
    except (PlaybookError, FilesError, LogError) as error:
        raise CallError(*str(error).splitlines()) from None
    except OSError as error:
        raise CallError(f"{error.filename}: {error.strerror}") from None


def _end(number: int, _frame: object) -> None:
    """End as one who is asked to: workers are stopped, what was written down on the way is removed."""
    sys.exit(128 + number)


def _instant(text: str | None) -> int | None:
    try:
        return None if text is None else parse_rfc3339(text)
    except ValueError as error:
        raise CallError(f"--until: {error}") from None


def _chosen(names: list[str], mapping: Path | None, playbook: Path | None) -> Chosen:
    """Sources and playbook: from the mapping file where one is given, else from the settings."""
    if mapping is not None:
        if len(names) > 1:
            raise CallError("--mapping: goes with one --source")
        content = read_mapping(mapping)
        named = content.get("playbook")
        beside = mapping.parent / named if isinstance(named, str) else None
        return Chosen((as_source(names[0], content),), read_playbook(playbook or beside))
    configured = ready(playbook=playbook)
    known = {one.name: one for one in (*map(_usual, USUAL), *configured.sources)}
    if unknown := [name for name in names if name not in known]:
        raise CallError(
            *(f"--source: {name!r} is not configured (there are: {', '.join(known)})" for name in unknown),
            "tables and databases that the settings do not name need --mapping",
        )
    return Chosen(tuple(known[name] for name in names), configured.playbook)


def _usual(kind: SourceKind) -> Source:
    """A source that the settings do not name, as one of its kind usually is."""
    return to_source(SourceSettings(name=kind.value, kind=kind), ClockSettings().grace_seconds)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise WorkError(f"{path}: {error.strerror}") from None


def _write_lines(path: Path | None, lines: Iterable[bytes]) -> None:
    if path is None:
        return
    with _opened(path) as file:
        for line in lines:
            file.write(line)
            file.write(b"\n")


def _write_report(path: Path | None, result: Result, *, spoken: bool) -> None:
    """The figures: as JSON where they were asked for, else as a summary unless signals go to the terminal."""
    report = brain.report(result.tally, result.deals, result.steps)
    if path is not None:
        with _opened(path) as file:
            file.write(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
    elif not spoken:
        for line in _summary(report, result.until_us):
            typer.echo(line)


def _summary(report: dict[str, Any], until_us: int) -> Iterator[str]:
    yield f"as of {from_us(until_us):%Y-%m-%d %H:%M} UTC"
    for name in ("rows", "events", "deals"):
        yield f"{name:>10}  {report[name]:,}"
    for name in ("silent", "rejected", "dirt"):
        yield from (f"{name:>10}  {reason}: {count:,}" for reason, count in report[name].items())
    for kind, steps in report["signals"].items():
        yield f"{'signals':>10}  {kind}: {', '.join(f'{count:,} {step}' for step, count in steps.items())}"
