"""`signals playbook`: check a file of definitions, show the one in use, give editors its schema."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from engine.settings import Broker
from playbook.changes import changes
from playbook.check import Off, kinds_off
from playbook.load import Loaded, PlaybookError, load
from playbook.model import Playbook
from programs.commands.choosing import instant
from programs.commands.loading import broker_answers, broker_of, ready
from programs.commands.practice import report
from programs.commands.topics import specs
from programs.configuration import SettingsError, load_settings
from programs.crew import cores
from programs.definitions import Text, read_baselines, read_playbook, read_text
from programs.failures import CallError, WorkError
from programs.settings import Settings
from programs.startup import NotReadyError, Ready, to_sources
from programs.terminal import plain
from signals.baselines import NO_BASELINES
from topics.catalog import ROUTE_PREFIX
from topics.definitions import PublishedPlaybook
from topics.signals import Kind
from topics.sources.source import Source

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Check, show and publish the definitions.")
app.command("report")(report)

BrokerOption = Annotated[str | None, typer.Option("--broker", metavar="HOST:PORT", help="in place of the setting")]

#: So many changes are shown one by one.
MOST_LINES = 60


@app.command()
def check(  # noqa: PLR0913 - one parameter per option of the command line
    file: Annotated[Path | None, typer.Argument(help="the playbook; none: the one in use")] = None,
    *,
    history: Annotated[Path | None, typer.Option(help="what the limits would have fired on, in these files")] = None,
    source: Annotated[list[str] | None, typer.Option(help="whose history; give it again for several")] = None,
    mapping: Annotated[Path | None, typer.Option(help="what its columns mean, for tables")] = None,
    baselines: Annotated[Path | None, typer.Option(help="learned limits that go before fixed ones")] = None,
    until: Annotated[str | None, typer.Option(help="T, an RFC 3339 instant; else the history's last event")] = None,
) -> None:
    """Every error with its line; else the version and what is off; with a history what each limit fires on."""
    if history is not None:
        _say_worth(file, history, source or [], mapping, baselines, until)
        return
    loaded = _read(file or _settings().playbook)
    typer.echo(loaded.hash)
    typer.echo(plain(f"{loaded.playbook.name}: {_counts(loaded.playbook)}"))
    off = kinds_off(loaded.playbook, _sources(_settings()))
    everywhere = {row.kind for row in off if not row.source}
    typer.echo(f"{len(Kind) - len(everywhere)} of {len(Kind)} kinds of signal can open")
    for row in off:
        typer.echo(plain(f"off: {_off(row)}"))


def _say_worth(  # noqa: PLR0913, PLR0917 - what the command line says
    file: Path | None, history: Path, source: list[str], mapping: Path | None, baselines: Path | None, until: str | None
) -> None:
    from programs.commands import learning  # noqa: PLC0415 - scipy takes 1 s to import
    from programs.commands.worth_lines import worth_shown  # noqa: PLC0415 - the same

    try:
        learned = learning.of_history(history, source, mapping, file, instant(until), cores())
        known = NO_BASELINES if baselines is None else read_baselines(baselines)
    except PlaybookError as error:
        raise CallError(*str(error).splitlines()) from None
    typer.echo(learned.chosen.playbook.hash)
    for line in worth_shown(learning.judged(learned, known)):
        typer.echo(plain(line))


@app.command()
def show(
    *,
    published: Annotated[bool, typer.Option("--published", help="what was published last, from the broker")] = False,
    broker: BrokerOption = None,
) -> None:
    """The playbook in use, with its version: the file of the settings, or what was published last."""
    if published:
        found = _published(broker)
        typer.echo(f"# {found.version}, published at {found.published_at}")
        for line in found.text.splitlines():
            typer.echo(plain(line))
        return
    text = _text(_settings().playbook)
    typer.echo(f"# {text.loaded.hash}")
    typer.echo(text.text, nl=False)


@app.command()
def publish(
    file: Annotated[Path, typer.Argument(help="the playbook")],
    *,
    broker: BrokerOption = None,
    only_store: Annotated[
        bool, typer.Option("--only-store", help="make the version known, and switch nothing: for logs that name it")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="say the version that counts once more: for partitions that are new")
    ] = False,
) -> None:
    """Make it count: every partition switches at one offset of its own, on every worker (law 11)."""
    text = _text(file)
    installation = ready(broker=broker)
    target = broker_of(installation)
    with broker_answers():
        from programs import publishing  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        shelf = publishing.shelf(target)
        version, known = text.loaded.hash, shelf.playbooks
        counts = shelf.current is not None and shelf.current.playbook == version
        if counts and not again and version in known:
            typer.echo(f"{version}: counts already, nothing to do")
            return
        if version not in known:
            publishing.store(target, text)
        if only_store:
            typer.echo(f"{version}: known, and switched to nowhere")
            return
        before = _before(installation, shelf.in_force)
        if shelf.current is None and before.loaded.hash not in known:
            publishing.store(target, before)  # what counted before the first switch judges late events for days
        _say_what_changes(text, before, known.get(version))
        _make_routes(installation, before.loaded, text.loaded, target)
        partitions = publishing.switch(target, version)
    typer.echo(f"{version}: {partitions} partitions switch")


def _before(installation: Ready, in_force: PublishedPlaybook | None) -> Text:
    """What counted so far: what was published last, else the file of the settings."""
    if in_force is None:
        return _text(installation.settings.playbook)
    try:
        return Text(Loaded(load(in_force.text, in_force.version).playbook, in_force.version), in_force.text)
    except PlaybookError as error:
        raise WorkError("what counts now cannot be read by this release", *map(str, error.problems)) from None


def _say_what_changes(text: Text, before: Text, earlier: PublishedPlaybook | None) -> None:
    if earlier is not None and text.loaded.hash != before.loaded.hash:
        typer.echo(f"back to a version that was first published at {earlier.published_at}")
    lines = changes(before.loaded.playbook, text.loaded.playbook)
    for line in lines[:MOST_LINES]:
        typer.echo(plain(line))
    if len(lines) > MOST_LINES:
        typer.echo(f"and {len(lines) - MOST_LINES} more changes")
    if not lines:
        typer.echo("nothing changes in meaning")


def _make_routes(installation: Ready, before: Loaded, after: Loaded, target: Broker) -> None:
    """The routing topics that are new with a playbook must be there before anything is routed by it."""
    from kafka.errors import KafkaError  # noqa: PLC0415 - takes 0.2 s to import

    from engine import admin  # noqa: PLC0415 - the same

    known = _routes(before)
    wanted = [
        spec
        for spec in specs(installation._replace(playbook=after))
        if spec.name.startswith(ROUTE_PREFIX) and spec.name not in known
    ]
    if not wanted:
        return
    try:
        applied = admin.apply(target, wanted, replication=installation.settings.topics.replication)
    except KafkaError as error:
        names = ", ".join(spec.name for spec in wanted)
        raise WorkError(
            f"new routing topics: {names}: {error}",
            "nothing switches before who may has made them: signals topics apply",
        ) from None
    for done in applied.done:
        typer.echo(f"done: {done.topic}: created with {done.wanted} partitions")


def _routes(loaded: Loaded) -> set[str]:
    return {ROUTE_PREFIX + name for name in loaded.playbook.route_names}


def _published(broker: str | None) -> PublishedPlaybook:
    target = broker_of(ready(broker=broker))
    with broker_answers():
        from programs import publishing  # noqa: PLC0415 - kafka-python takes 0.2 s to import

        found = publishing.shelf(target).in_force
    if found is None:
        raise WorkError("nothing was published: each worker's own file counts (`signals playbook publish FILE`)")
    return found


def _text(file: Path | None) -> Text:
    try:
        return read_text(file)
    except PlaybookError as error:
        raise CallError(*map(str, error.problems)) from None


@app.command()
def schema() -> None:
    """The JSON Schema of a playbook, for editors."""
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Playbook.model_json_schema()}
    typer.echo(json.dumps(document, indent=2))


def _read(file: Path | None) -> Loaded:
    try:
        return read_playbook(file)
    except PlaybookError as error:
        raise CallError(*map(str, error.problems)) from None


def _settings() -> Settings:
    try:
        return load_settings(os.environ, Path())
    except SettingsError as error:
        raise CallError(*map(str, error.problems)) from None


def _sources(settings: Settings) -> tuple[Source, ...]:
    try:
        return to_sources(settings)
    except NotReadyError as error:
        raise CallError(*error.lines) from None


def _counts(playbook: Playbook) -> str:
    stages = sum(len(pipeline.stages) for pipeline in playbook.pipelines)
    counts = Counter(
        {
            "pipeline": len(playbook.pipelines),
            "stage": stages,
            "segment": len(playbook.segments),
            "SQL field": len(playbook.sql.fields),
            "ICP criterion": len(playbook.icp),
            "intent": len(playbook.intents),
            "owner": len(playbook.owners),
            "response": len(playbook.responses),
        }
    )
    return ", ".join(f"{count} {_plural(name, count)}" for name, count in counts.items())


def _plural(name: str, count: int) -> str:
    if count == 1:
        return name
    return "ICP criteria" if name == "ICP criterion" else f"{name}s"


def _off(row: Off) -> str:
    where = f" for {row.source}" if row.source else ""
    return f"{row.kind.value}{where}: {row.reason}"
