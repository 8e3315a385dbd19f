"""`signals playbook`: check a file of definitions, show the one in use, give editors its schema."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from playbook.check import Off, kinds_off
from playbook.load import Loaded, PlaybookError
from playbook.model import Playbook
from programs.configuration import SettingsError, load_settings
from programs.definitions import default_text, read_playbook
from programs.failures import CallError
from programs.settings import Settings
from programs.startup import NotReadyError, to_sources
from programs.terminal import plain
from topics.signals import Kind
from topics.sources.source import Source

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Check and show the definitions.")


@app.command()
def check(file: Annotated[Path | None, typer.Argument(help="the playbook; none: the one in use")] = None) -> None:
    """Every error with its line; else the version and what is off."""
    loaded = _read(file or _settings().playbook)
    typer.echo(loaded.hash)
    typer.echo(plain(f"{loaded.playbook.name}: {_counts(loaded.playbook)}"))
    off = kinds_off(loaded.playbook, _sources(_settings()))
    everywhere = {row.kind for row in off if not row.source}
    typer.echo(f"{len(Kind) - len(everywhere)} of {len(Kind)} kinds of signal can open")
    for row in off:
        typer.echo(plain(f"off: {_off(row)}"))


@app.command()
def show() -> None:
    """The playbook in use, with its version."""
    file = _settings().playbook
    loaded = _read(file)
    typer.echo(f"# {loaded.hash}")
    typer.echo(default_text() if file is None else file.read_text(encoding="utf-8"), nl=False)


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
