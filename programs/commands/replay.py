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

from playbook.load import PlaybookError
from programs.commands.choosing import check_path, chosen_of, instant
from programs.commands.loading import ready
from programs.crew import cores
from programs.definitions import read_baselines, read_playbook
from programs.failures import CallError, FilesError, WorkError
from programs.relogging import LogPlan, relived
from programs.replaying import Plan, Result, replayed
from programs.startup import exchange
from signals import replay as brain
from signals.baselines import NO_BASELINES
from signals.relive import LogError
from topics.catalog import DEAL_EVENTS
from topics.instants import from_us

#: What a file of baselines ends in; playbooks are YAML.
LEARNED = ".json"


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
    baselines: Annotated[
        Path | None, typer.Option(help="learned limits, as `signals baseline fit` writes them")
    ] = None,
    until: Annotated[str | None, typer.Option(help="T, an RFC 3339 instant; else the last event's")] = None,
    output: Annotated[Path | None, typer.Option(help="JSON lines of signals; - for the terminal")] = None,
    deals: Annotated[Path | None, typer.Option(help="JSON lines: the final state of each deal")] = None,
    report: Annotated[Path | None, typer.Option(help="the figures of the run, as JSON; - for the terminal")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="processes that work at once; else one per core")] = None,
    definitions: Annotated[list[Path] | None, typer.Option(help="what a log names: a playbook, a .json")] = None,
) -> None:
    """Replay files through the brain: what would have been said, and when.

    With --source deal.events the file is a log of that topic, ticks included, and what was said live is said again.
    """
    signal.signal(signal.SIGTERM, _end)
    writing = Writing(output, deals, report)
    if source == [DEAL_EVENTS]:
        if mapping is not None or until is not None or baselines is not None:
            raise CallError(
                f"--source {DEAL_EVENTS}: a log has ticks, events and definitions of its own; "
                "no --mapping, no --until, no --baselines"
            )
        _relive(path, playbook, definitions or [], writing, jobs or cores())
        return
    if definitions:
        raise CallError(f"--definitions: goes with --source {DEAL_EVENTS}; a history has one --playbook")
    until_us = instant(until)
    try:
        chosen = chosen_of(source, mapping, playbook)
        check_path(path, chosen)
        plan = Plan(
            chosen.sources,
            chosen.playbook.playbook,
            chosen.playbook.hash,
            until_us,
            views=deals is not None,
            baselines=NO_BASELINES if baselines is None else read_baselines(baselines),
            exchange=chosen.exchange,
        )
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
        playbooks = (installation.playbook, *(read_playbook(one) for one in named if one.suffix != LEARNED))
        learned = tuple(read_baselines(one) for one in named if one.suffix == LEARNED)
        sources, views = tuple(installation.sources), writing.deals is not None
        plan = LogPlan(
            path, playbooks, sources, views=views, jobs=jobs, learned=learned, exchange=exchange(installation.settings)
        )
        with relived(plan) as result:
            writing.write(result)
    except (PlaybookError, FilesError, LogError) as error:
        raise CallError(*str(error).splitlines()) from None
    except OSError as error:
        raise CallError(f"{error.filename}: {error.strerror}") from None


def _end(number: int, _frame: object) -> None:
    """End as one who is asked to: workers are stopped, what was written down on the way is removed."""
    sys.exit(128 + number)


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
