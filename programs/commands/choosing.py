"""Which history a command reads: files of some sources, by which definitions, up to when."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from playbook.load import Loaded
from programs.commands.loading import ready
from programs.definitions import read_mapping, read_playbook
from programs.failures import CallError
from programs.settings import ClockSettings, SourceSettings
from programs.startup import exchange, to_source
from signals.money import Exchange
from signals.rules import NO_RATES
from topics.instants import parse_rfc3339
from topics.sources.mapping_files import as_source
from topics.sources.source import MAPPED_KINDS, Source, SourceKind

#: What can be read without a mapping: its kind's name is enough.
USUAL = tuple(kind for kind in SourceKind if kind not in MAPPED_KINDS)


class Chosen(NamedTuple):
    """The sources and the definitions, and what currencies are worth."""

    sources: tuple[Source, ...]
    playbook: Loaded
    exchange: Exchange = NO_RATES


def instant(text: str | None) -> int | None:
    """What --until says, in microseconds. Raises CallError."""
    try:
        return None if text is None else parse_rfc3339(text)
    except ValueError as error:
        raise CallError(f"--until: {error}") from None


def chosen_of(names: list[str], mapping: Path | None, playbook: Path | None) -> Chosen:
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
    return Chosen(tuple(known[name] for name in names), configured.playbook, exchange(configured.settings))


def _usual(kind: SourceKind) -> Source:
    """A source that the settings do not name, as one of its kind usually is."""
    return to_source(SourceSettings(name=kind.value, kind=kind), ClockSettings().grace_seconds)


def check_path(path: Path, chosen: Chosen) -> None:
    """Raise CallError where several sources are to be read from one file."""
    if len(chosen.sources) > 1 and not path.is_dir():
        raise CallError(f"{path}: several sources are replayed from a folder with <source>.jsonl of each")
