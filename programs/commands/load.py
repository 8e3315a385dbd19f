"""`signals load`: files onto a source's raw topic, as a backfill."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from playbook.load import PlaybookError
from programs.backfill import Load
from programs.commands.loading import broker_answers, broker_of, ready
from programs.definitions import read_mapping
from programs.failures import CallError, FilesError
from programs.rest import records_at_rest


def load(
    path: Annotated[Path, typer.Argument(help="a folder, or one file")],
    *,
    source: Annotated[str, typer.Option(help="the source's name in the settings")],
    mapping: Annotated[Path | None, typer.Option(help="must be the mapping that the settings name")] = None,
    as_live: Annotated[bool, typer.Option("--as-live", help="new events, not history: they may shout")] = False,
    broker: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="in place of the setting")] = None,
) -> None:
    """Put files on the source's raw topic, while `ingest` and `join` run: the load ends when they have read it."""
    installation = ready(broker=broker)
    chosen = next((one for one in installation.sources if one.name == source), None)
    if chosen is None:
        known = ", ".join(one.name for one in installation.sources)
        raise CallError(f"--source: {source!r} is not configured (there are: {known})")
    try:
        if mapping is not None and read_mapping(mapping) != chosen.mapping:
            raise CallError(f"--mapping: ingest reads {source} by the mapping in its settings, which is another one")
        records = records_at_rest(path, chosen)
        written = 0
        with broker_answers():
            for written in Load(broker_of(installation), chosen, as_live=as_live).run(records):
                typer.echo(f"{written:,} records on crm.raw.{source}")
    except (PlaybookError, FilesError) as error:
        raise CallError(*str(error).splitlines()) from None
    typer.echo(f"{written:,} records loaded" + ("" if as_live else "; what holds now opens now"))
