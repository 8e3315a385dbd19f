"""`signals baseline`: learn limits from how long deals took, see what they would fire on, make them count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from playbook.load import PlaybookError
from programs.commands.choosing import instant
from programs.commands.learning import judged, of_history, of_topic
from programs.commands.loading import broker_answers, broker_of, ready
from programs.commands.worth_lines import limit_shown, rows_shown, worth_document, worth_shown
from programs.crew import cores
from programs.definitions import read_baselines
from programs.failures import CallError, WorkError
from programs.terminal import plain
from signals.baselines import Baselines, BaselinesError, read, written
from signals.fitting import Group, fit, naive_medians
from signals.worth import MOST_FIRED, Worth, noise_of
from topics.definitions import NO_BASELINES
from topics.instants import rfc3339

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Learn limits from the past, and look at them.")

BrokerOption = Annotated[str | None, typer.Option("--broker", metavar="HOST:PORT", help="in place of the setting")]

#: Where the fit is written unless it is said otherwise.
FILE = Path("baselines.json")


@app.command("fit")
def fit_command(  # noqa: PLR0913 - one parameter per option of the command line
    *,
    history: Annotated[Path | None, typer.Option(help="a folder, or one file, as `signals replay` reads it")] = None,
    from_topic: Annotated[bool, typer.Option("--from-topic", help="the stays that `detect` has seen")] = False,
    source: Annotated[list[str] | None, typer.Option(help="a source's name; give it again for several")] = None,
    mapping: Annotated[Path | None, typer.Option(help="what the columns mean, for tables")] = None,
    playbook: Annotated[Path | None, typer.Option(help="else the mapping's, else the settings'")] = None,
    until: Annotated[str | None, typer.Option(help="T, an RFC 3339 instant; else the last event's")] = None,
    output: Annotated[Path, typer.Option(help="the file to write")] = FILE,
    report: Annotated[Path | None, typer.Option(help="what each limit would fire on, as JSON")] = None,
    publish: Annotated[bool, typer.Option("--publish", help="make it count at once, on every worker")] = False,
    broker: BrokerOption = None,
    force: Annotated[bool, typer.Option("--force", help="also where a limit would be noise")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="processes that work at once; else one per core")] = None,
) -> None:
    """Fit quantiles of time in stage, won cycles and ways to a win; say what each limit would fire on."""
    if (history is None) is not from_topic:
        raise CallError("--history PATH or --from-topic: what to learn from")
    try:
        if history is None:
            learning = of_topic(ready(broker=broker, playbook=playbook), instant(until))
        else:
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
    typer.echo(plain(f"{baselines.version or 'nothing'}: written to {output}"))
    if publish:
        _publish(baselines, broker, only_store=False)


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="as `signals baseline fit` wrote it")] = FILE,
    *,
    published: Annotated[bool, typer.Option("--published", help="what was published last, from the broker")] = False,
    broker: BrokerOption = None,
) -> None:
    """What was learned: each stage and segment with n, the dwells that ended, and quantiles."""
    _say(_published(broker) if published else _read(file), [], {})


@app.command("publish")
def publish_command(
    file: Annotated[Path, typer.Argument(help="as `signals baseline fit` wrote it")] = FILE,
    *,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="no baselines count, and none are learned live")] = False,
    only_store: Annotated[bool, typer.Option("--only-store", help="make them known, and switch nothing")] = False,
    broker: BrokerOption = None,
) -> None:
    """Make them count: every partition switches at one offset of its own, on every worker (law 11)."""
    if withdraw:
        _withdraw(broker)
        return
    _publish(_read(file), broker, only_store=only_store)


def _publish(baselines: Baselines, broker: str | None, *, only_store: bool) -> None:
    if not baselines.rows:
        raise CallError("nothing was learned, so there is nothing to publish (--withdraw takes back what counts)")
    target = broker_of(ready(broker=broker))
    with broker_answers():
        from programs import publishing  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        shelf, version = publishing.shelf(target), baselines.version
        if version not in shelf.baselines:
            publishing.store_baselines(target, baselines)
        if only_store:
            typer.echo(f"{version}: known, and switched to nowhere")
        elif shelf.current_baselines is not None and shelf.current_baselines.baselines == version:
            typer.echo(f"{version}: counts already, nothing to do")
        else:
            typer.echo(f"{version}: {publishing.switch_baselines(target, version)} partitions switch")


def _withdraw(broker: str | None) -> None:
    target = broker_of(ready(broker=broker))
    with broker_answers():
        from programs import publishing  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        partitions = publishing.switch_baselines(target, NO_BASELINES)
    typer.echo(f"{partitions} partitions switch to fixed limits; publish a file to count what was learned again")


def _published(broker: str | None) -> Baselines:
    target = broker_of(ready(broker=broker))
    with broker_answers():
        from programs import publishing  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        found = publishing.shelf(target).learned
    if found is None:
        raise WorkError("no baselines count: fixed limits do (`signals baseline fit --publish`)")
    try:
        return read(found.text)
    except BaselinesError as error:
        raise WorkError(f"what counts now cannot be read by this release: {error}") from None


def _read(file: Path) -> Baselines:
    try:
        return read_baselines(file)
    except PlaybookError as error:
        raise CallError(*str(error).splitlines()) from None


def refuse_noise(worths: Iterable[Worth], *, force: bool) -> None:
    """Raise WorkError where a learned limit fires on more deals than is worth an interruption."""
    noise = noise_of(worths)
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
