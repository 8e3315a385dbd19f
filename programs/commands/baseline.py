"""`signals baseline`: learn limits from how long deals took, see what they would fire on, make them count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from playbook.load import PlaybookError
from programs.commands.choosing import instant
from programs.commands.learning import judged, of_history
from programs.commands.worth_lines import limit_shown, rows_shown, worth_document, worth_shown
from programs.crew import cores
from programs.definitions import read_baselines
from programs.failures import CallError, WorkError
from programs.terminal import plain
from signals.baselines import Baselines, written
from signals.fitting import Group, fit, naive_medians
from signals.worth import MOST_FIRED, Worth
from topics.instants import rfc3339

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Learn limits from the past, and look at them.")

#: Where the fit is written unless it is said otherwise.
FILE = Path("baselines.json")


@app.command("fit")
def fit_command(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    history: Annotated[Path | None, typer.Option(help="a folder, or one file, as `signals replay` reads it")] = None,
    source: Annotated[list[str] | None, typer.Option(help="a source's name; give it again for several")] = None,
    mapping: Annotated[Path | None, typer.Option(help="what the columns mean, for tables")] = None,
    playbook: Annotated[Path | None, typer.Option(help="else the mapping's, else the settings'")] = None,
    until: Annotated[str | None, typer.Option(help="T, an RFC 3339 instant; else the last event's")] = None,
    output: Annotated[Path, typer.Option(help="the file to write")] = FILE,
    report: Annotated[Path | None, typer.Option(help="what each limit would fire on, as JSON")] = None,
    force: Annotated[bool, typer.Option("--force", help="also where a limit would be noise")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="processes that work at once; else one per core")] = None,
) -> None:
    """Fit quantiles of time in stage, won cycles and ways to a win; say what each limit would fire on."""
    if history is None:
        raise CallError("--history PATH: what to learn from")
    try:
        learning = of_history(history, source or [], mapping, playbook, instant(until), jobs or cores())
    except PlaybookError as error:
        raise CallError(*str(error).splitlines()) from None
    baselines = fit(learning.samples, learning.at_us, rfc3339(learning.at_us))
    worths = judged(learning, baselines)
    _say(baselines, worths, naive_medians(learning.samples, learning.at_us))
    if report is not None:
        _write(report, json.dumps([worth_document(one) for one in worths], indent=2) + "\n")
    refuse_noise(worths, force=force)
    _write(output, written(baselines))
    typer.echo(plain(f"{baselines.version}: written to {output}"))


@app.command()
def show(file: Annotated[Path, typer.Argument(help="as `signals baseline fit` wrote it")] = FILE) -> None:
    """What was learned: each stage and segment with n, the dwells that ended, and quantiles."""
    try:
        baselines = read_baselines(file)
    except PlaybookError as error:
        raise CallError(*str(error).splitlines()) from None
    _say(baselines, [], {})


def refuse_noise(worths: Iterable[Worth], *, force: bool) -> None:
    """Raise WorkError where a learned limit fires on more deals than is worth an interruption."""
    noise = [one for one in worths if one.learned is not None and one.is_noise]
    if noise and not force:
        raise WorkError(
            *(f"refused: {limit_shown(one)} fires on {one.share:.1%} of deals, over {MOST_FIRED:.0%}" for one in noise),
            "nothing is written; --force takes them all the same",
        )


def _say(baselines: Baselines, worths: list[Worth], naive_us: Mapping[Group, int]) -> None:
    typer.echo(baselines.version or "nothing was learned: no stay of a known length has ended")
    if baselines.made_at:
        typer.echo(f"as of {baselines.made_at}")
    for line in (*rows_shown(baselines, naive_us), *worth_shown(worths)):
        typer.echo(plain(line))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WorkError(f"{file}: {error.strerror}") from None
