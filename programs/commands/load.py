"""`signals load`: files onto a source's raw topic, as a backfill."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from playbook.load import PlaybookError
from programs.commands.load_shown import shown
from programs.commands.loading import broker_answers, broker_of, ready
from programs.definitions import read_mapping
from programs.failures import CallError, FilesError
from programs.files.memory import Memory
from programs.loads.files import Files, Mode, Written
from programs.startup import Ready
from topics.instants import parse_rfc3339
from topics.sources.source import Source


def load(  # noqa: PLR0913 - one parameter per option of the command line
    path: Annotated[Path | None, typer.Argument(help="a folder, or one file")] = None,
    *,
    source: Annotated[str | None, typer.Option(help="the source's name in the settings")] = None,
    mapping: Annotated[Path | None, typer.Option(help="must be the mapping that the settings name")] = None,
    as_live: Annotated[bool, typer.Option("--as-live", help="new events, not history: they may shout")] = False,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="how deals stand: every row is read, suspect deals are clean again")
    ] = False,
    read_at: Annotated[
        str | None, typer.Option(help="when --snapshot was exported, an RFC 3339 instant; else the files' own time")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="also where rows come too late to change anything")] = False,
    guess: Annotated[
        Path | None, typer.Option(help="propose a mapping for a file or a folder, and load nothing")
    ] = None,
    broker: Annotated[str | None, typer.Option(metavar="HOST:PORT", help="in place of the setting")] = None,
) -> None:
    """Put files on the source's raw topic, while `ingest` and `join` run: the load ends when they have read it.

    A load that was killed goes on where it was when it is called again.
    """
    if guess is not None:
        if path is not None or source is not None:
            raise CallError("--guess: proposes a mapping and loads nothing; it takes one file or folder")
        from programs.commands.guess import propose  # noqa: PLC0415 - only this way needs it

        propose(guess)
        return
    if path is None or source is None:
        raise CallError("load needs a PATH and --source (or --guess PATH)")
    installation = ready(broker=broker)
    chosen = _chosen(installation, source, mapping)
    if read_at is not None and not snapshot:
        raise CallError("--read-at: goes with --snapshot")
    files = Files(path, chosen, Mode(as_live, snapshot, _instant(read_at)))
    try:
        with broker_answers(), closing(_memory(installation, chosen)) as memory:
            _load(installation, files, memory, force=force)
    except FilesError as error:
        raise CallError(*error.problems) from None


def _chosen(installation: Ready, name: str, mapping: Path | None) -> Source:
    chosen = next((one for one in installation.sources if one.name == name), None)
    if chosen is None:
        known = ", ".join(one.name for one in installation.sources)
        raise CallError(f"--source: {name!r} is not configured (there are: {known})")
    try:
        if mapping is not None and read_mapping(mapping) != chosen.mapping:
            raise CallError(f"--mapping: ingest reads {name} by the mapping in its settings, which is another one")
    except PlaybookError as error:
        raise CallError(*str(error).splitlines()) from None
    return chosen


def _instant(text: str | None) -> int | None:
    try:
        return None if text is None else parse_rfc3339(text)
    except ValueError:
        raise CallError(f"--read-at: {text!r} is no RFC 3339 instant with a zone") from None


def _memory(installation: Ready, source: Source) -> Memory:
    """What was remembered of the source's loads, in a file that only we read."""
    return Memory(installation.settings.data_dir / "loads" / f"{source.name}.sqlite")


def _load(installation: Ready, files: Files, memory: Memory, *, force: bool) -> None:
    from programs.loads.backfill import Load  # noqa: PLC0415 - aiokafka takes 0.3 s to import

    broker, identity = broker_of(installation), files.identity()
    is_history = not (files.mode.as_live or files.mode.snapshot)
    if is_history and memory.progress(identity) is None:
        _refuse_late(installation, files, memory, force=force)
    done = Written(0)
    with shown() as show:
        load = Load(broker, files.source, memory, identity, as_live=files.mode.as_live)
        for done in load.run(lambda skip: files.rows(memory, skip, show.read)):
            show.wrote(done)
    _say(files, done)


def _refuse_late(installation: Ready, files: Files, memory: Memory, *, force: bool) -> None:
    """History for deals that are live already is refused, or told where it is wanted all the same (law 5)."""
    from programs.loads.lateness import late_rows, live_deals  # noqa: PLC0415 - kafka-python takes 0.2 s to import

    deals = live_deals(broker_of(installation), files.source.subject_key)
    if not deals:
        return
    with shown() as show:
        records = (record for _, record in files.rows(memory, 0, show.read))
        late = late_rows(records, files.source, deals)
    memory.roll_back()
    if not late.rows:
        return
    told = f"{late} are too late: their deals are live, and what decided on them came three days later (as {late.deal})"
    if not force:
        raise CallError(
            told,
            "nothing was loaded; --force loads the rest with them: they are counted as too_late and change nothing",
            "--snapshot reads how the deals stand, and asks for no history",
        )
    typer.echo(told)


def _say(files: Files, done: Written) -> None:
    """What was loaded."""
    told = f"{done.rows:,} records loaded"
    if done.resumed:
        told += f" ({done.resumed:,} of them before the load was interrupted)"
    if done.derived:
        told += f", {done.derived:,} deals were missing in a later snapshot"
    typer.echo(told if files.mode.as_live else f"{told}; what holds now opens now")
