"""Reading a playbook's values before they are known to be right.

The checks across a playbook run over the plain values, not over the model, so that one wrong number does not hide
everything else that is wrong. What has the wrong shape here is passed over: pydantic has named it already.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from playbook.yamltree import Path


class Part(NamedTuple):
    """A mapping somewhere in the file, and where it stands."""

    path: Path
    values: dict[str, object]

    def text(self, key: str) -> str | None:
        """The text under a key, trimmed as the model trims it; None where there is none."""
        value = self.values.get(key)
        return value.strip() if isinstance(value, str) and value.strip() else None

    def texts(self, key: str) -> Iterator[tuple[Path, str]]:
        """The texts of a list under a key, each with its path."""
        for place, value in enumerate(_list(self.values.get(key))):
            if isinstance(value, str) and value.strip():
                yield (*self.path, key, place), value.strip()

    def parts(self, key: str) -> list[Part]:
        """The mappings of a list under a key."""
        return [
            Part((*self.path, key, place), value)
            for place, value in enumerate(_list(self.values.get(key)))
            if isinstance(value, dict)
        ]

    def part(self, key: str) -> Part:
        """The mapping under a key; an empty one where there is none."""
        value = self.values.get(key)
        return Part((*self.path, key), value if isinstance(value, dict) else {})

    def at(self, key: str) -> Path:
        """The path of a key of this part."""
        return (*self.path, key)


def whole(values: object) -> Part:
    """The file itself as a part."""
    return Part((), values if isinstance(values, dict) else {})


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
