"""In what two playbooks differ, one line each, as a person reads the file: `pipelines[Sales].stages[Demo].max_days`.

Parts with a name are told apart by it, wherever they stand in their list; the order of stages and of segments means
something, so a change of it is said too. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from playbook.model import Playbook

#: A value longer than this is cut: criteria may have 2,000 characters.
LONGEST = 80


def changes(before: Playbook, after: Playbook) -> list[str]:
    """Every difference in meaning, defaults included, in the order of the file. Nothing: they have the same version."""
    return list(_differences("", before.model_dump(mode="json"), after.model_dump(mode="json")))


def _differences(path: str, before: Any, after: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    if before == after:
        return
    if isinstance(before, dict) and after is None:
        yield f"{path}: gone"
    elif isinstance(after, dict) and (before is None or isinstance(before, dict)):
        known = before or {}
        for name in dict.fromkeys((*known, *after)):
            yield from _differences(f"{path}.{name}" if path else name, known.get(name), after.get(name))
    elif _named(before) and _named(after) and (before or after):
        yield from _parts(path, {one["name"]: one for one in before}, {one["name"]: one for one in after})
    else:
        yield f"{path}: {_shown(before)} -> {_shown(after)}"


def _parts(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys((*before, *after)):
        if name not in after:
            yield f"{path}[{name}]: gone"
        elif name not in before:
            yield f"{path}[{name}]: new"
        else:
            yield from _differences(f"{path}[{name}]", before[name], after[name])
    left, right = [name for name in before if name in after], [name for name in after if name in before]
    if left != right:
        yield f"{path}: in another order: {_shown(right)}"


def _named(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and "name" in one for one in value)


def _shown(value: object) -> str:
    if value is None:
        text = "none"
    elif isinstance(value, bool):
        text = "on" if value else "off"
    elif isinstance(value, list):
        text = ", ".join(map(str, value)) or "none"
    elif isinstance(value, float):
        text = f"{value:g}"
    else:
        text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
