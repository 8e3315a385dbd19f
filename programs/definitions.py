"""Reads the files that definitions stand in: playbooks and mappings. They are judged where they are defined."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import NamedTuple

from playbook import yamltree
from playbook.load import Loaded, PlaybookError, Problem, dotted, load
from playbook.yamltree import MAX_BYTES
from signals import baselines
from signals.baselines import Baselines, BaselinesError
from topics.sources import mapping_files
from topics.sources.source import SourceKind
from topics.sources.tables.mapping import MappingError

DEFAULT_PLAYBOOK = "playbook/default.yaml"


class Text(NamedTuple):
    """A playbook with the text of its file."""

    loaded: Loaded
    text: str


def read_text(file: Path | None) -> Text:
    """The playbook of a file with its text, or the one that ships with the product. Raises PlaybookError."""
    text = default_text() if file is None else _text(file)
    return Text(load(text, DEFAULT_PLAYBOOK if file is None else str(file)), text)


def read_playbook(file: Path | None) -> Loaded:
    """The playbook of a file, or the one that ships with the product. Raises PlaybookError, also for no file."""
    return read_text(file).loaded


def default_playbook() -> Loaded:
    """The playbook that ships in the package."""
    return load(default_text(), DEFAULT_PLAYBOOK)


def default_text() -> str:
    """The text of the playbook that ships in the package."""
    return resources.files("playbook").joinpath("default.yaml").read_text(encoding="utf-8")


def read_baselines(file: Path) -> Baselines:
    """The baselines of a file. Raises PlaybookError with the reason, also for no file."""
    try:
        return baselines.read(file.read_bytes())
    except OSError as error:
        raise PlaybookError((Problem(str(file), 1, "", error.strerror or str(error)),)) from None
    except BaselinesError as error:
        raise PlaybookError((Problem(str(file), 1, "", str(error)),)) from None


def read_mapping(file: Path, kind: SourceKind | None = None) -> dict[str, object]:
    """A mapping file's content, checked: of this kind of source, of any without one.

    Raises PlaybookError with every problem and its line, also for no file.
    """
    tree = yamltree.read(_text(file))
    problems = [Problem(str(file), flaw.line, dotted(flaw.path), flaw.reason) for flaw in tree.flaws]
    if tree.values is not None:
        try:
            mapping_files.check(tree.values, kind)
        except MappingError as error:
            problems += [
                Problem(str(file), tree.line_of(each.where), dotted(each.where), each.what) for each in error.problems
            ]
    if problems or not isinstance(tree.values, dict):
        raise PlaybookError(tuple(problems))
    return tree.values


def _text(file: Path) -> str:
    """The text of a file. One byte more than the limit is read, so that a huge file is refused and not loaded."""
    try:
        with file.open("rb") as opened:
            return opened.read(MAX_BYTES + 1).decode()
    except OSError as error:
        raise PlaybookError((Problem(str(file), 1, "", error.strerror or str(error)),)) from None
    except UnicodeDecodeError as error:
        raise PlaybookError((Problem(str(file), 1, "", f"not UTF-8 at byte {error.start}"),)) from None
