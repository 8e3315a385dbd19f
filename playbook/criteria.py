"""Criteria in CEL, compiled once, three-valued: true, false, unknown.

A field that no event ever covered is *unknown*, and so is an expression that needs it; `a || b` with a true `b` needs
no `a`. A field that is *empty* is known: an expression that cannot be evaluated because of it is not met.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import cel

# cel says: Failed to parse expression, then ERROR, <input>, line and column, the mistake, and what it expected instead.
_PLACE = re.compile(r"<input>:(?P<line>\d+):(?P<column>\d+): (?:Syntax error: )?(?P<what>.*?)(?: expecting .*)?$")


class CriterionError(ValueError):
    """An expression that is not CEL; the message says where."""


class Expression:
    """A compiled CEL expression. `references` are the variables that it reads."""

    __slots__ = ("_program", "references", "source")

    def __init__(self, source: str) -> None:
        try:
            self._program = cel.compile(source)
        except ValueError as error:
            message = f"not a CEL expression: {_first_line(error)}"
            raise CriterionError(message) from error
        self.source = source
        self.references = frozenset(self._program.references()["variables"])

    def judge(self, values: Mapping[str, object]) -> bool | None:
        """True, false, or None for unknown, over the fields that are known (None for empty)."""
        try:
            result = self._program.execute({name: values[name] for name in self.references if name in values})
        except (RuntimeError, TypeError, KeyError, ValueError, OverflowError, ZeroDivisionError):
            return False if all(name in values for name in self.references) else None
        return result is True


def _first_line(error: Exception) -> str:
    first = str(error).split("\n", 1)[0]
    place = _PLACE.search(first)
    return first if place is None else f"line {place['line']}, column {place['column']}: {place['what']}"
