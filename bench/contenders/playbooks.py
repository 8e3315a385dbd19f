"""The playbook of a run: the one that ships, or the same with some kinds only."""

from __future__ import annotations

from pathlib import Path

import yaml

import playbook
from playbook.load import Loaded, load
from programs.settings import Settings
from programs.startup import to_sources
from signals.judge import Panel, panel_of
from signals.rules import Rules
from topics.signals import Kind


def text_of(kinds: tuple[str, ...]) -> str:
    """The YAML of the playbook that ships, with every other kind switched off; no kinds: all of them."""
    text = (Path(playbook.__file__).parent / "default.yaml").read_text()
    if not kinds:
        return text
    values = yaml.safe_load(text)
    settings = values.setdefault("signals", {})
    for kind in Kind:
        settings[kind.value] = {**settings.get(kind.value, {}), "enabled": kind.value in kinds}
    return yaml.safe_dump(values, sort_keys=False)


def loaded(kinds: tuple[str, ...]) -> Loaded:
    """The same, checked."""
    return load(text_of(kinds), "bench.yaml")


def the_panel(kinds: tuple[str, ...] = ()) -> Panel:
    """The detectors under it, for the sources of a default installation."""
    book = loaded(kinds)
    return panel_of(Rules(book.playbook, book.hash, to_sources(Settings())))
