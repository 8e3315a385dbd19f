"""A playbook's text to its values and its version, or to everything that is wrong with it, at once.

Pure: who calls has read the file. The version is a hash of what the definitions mean, defaults included, so comments,
order of keys and ways of writing a number do not change it.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from pydantic import ValidationError

from playbook import references, yamltree
from playbook.model import Playbook
from playbook.refusals import refusals
from playbook.yamltree import Flaw, Path


class Problem(NamedTuple):
    """One thing that is wrong: where, and why. `path` is dotted, places in lists count from 0: `pipelines[0].name`."""

    file: str
    line: int
    path: str
    reason: str

    def __str__(self) -> str:
        """As a compiler would say it."""
        return f"{self.file}:{self.line}: {f'{self.path}: ' if self.path else ''}{self.reason}"


class Loaded(NamedTuple):
    """A playbook and its version, `sha256:<64 hex digits>`."""

    playbook: Playbook
    hash: str


class PlaybookError(ValueError):
    """The text is no playbook. `problems` has every reason, in the order of the file; one line each in the message."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def load(text: str, file: str) -> Loaded:
    """The playbook that a YAML text defines. `file` is only the name in the messages. Raises PlaybookError."""
    tree = yamltree.read(text)
    found = list(tree.flaws)
    if tree.values is not None:
        found += [Flaw(tree.line_of(path), path, reason) for path, reason in references.problems(tree.values)]
        try:
            playbook = Playbook.model_validate(tree.values)
        except ValidationError as error:
            found += [Flaw(tree.line_of(path), path, reason) for path, reason in refusals(error)]
    if found:
        raise PlaybookError(
            tuple(
                Problem(file, each.line, dotted(each.path), each.reason)
                for each in sorted(found, key=lambda flaw: flaw.line)
            )
        )
    return Loaded(playbook, content_hash(playbook))


def content_hash(playbook: Playbook) -> str:
    """`sha256:` over the canonical JSON of every value, defaults included: the same meaning has the same version."""
    canonical = json.dumps(playbook.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def dotted(path: Path) -> str:
    """`pipelines[0].stages[2].max_days`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")
