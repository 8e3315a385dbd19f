"""Criteria in CEL, compiled once, three-valued: true, false, unknown.

A field that no event ever covered is *unknown*, and so is an expression that needs it; `a || b` with a true `b` needs
no `a`. A field that is *empty* is known: an expression that cannot be evaluated because of it is not met.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from playbook.evaluator import compile_cel
from topics.events import Scalar

# cel says: Failed to parse expression, then ERROR, <input>, line and column, the mistake, and what it expected instead.
_PLACE = re.compile(r"<input>:(?P<line>\d+):(?P<column>\d+): (?:Syntax error: )?(?P<what>.*?)(?: expecting .*)?$")


class CriterionError(ValueError):
    """An expression that is not CEL; the message says where."""


class Expression:
    """A compiled CEL expression. `references` are the variables that it reads."""

    __slots__ = ("_program", "references", "source")

    def __init__(self, source: str) -> None:
        try:
            self._program = compile_cel(source)
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


#: Answers that are kept per expression: 120 bytes each, so under a megabyte.
REMEMBERED = 4096
_ABSENT = object()
Answer = TypeVar("Answer")


class Remembered:
    """An expression over scalars that keeps its last answers by the values that it reads.

    An answer follows from those alone, so this is an `Expression` that is 40 times as fast (0.2 against 8 microseconds)
    where the same value is asked about again: of the same deal, mostly.
    """

    __slots__ = ("_answers", "_evaluate", "_names", "references", "source")

    def __init__(self, expression: Expression) -> None:
        self.source, self.references = expression.source, expression.references
        self._evaluate = expression.judge
        self._names = tuple(sorted(expression.references))
        self._answers: dict[tuple[object, ...], bool | None] = {}

    def judge(self, values: Mapping[str, Scalar]) -> bool | None:
        """True, false, or None for unknown, over the fields that are known (None for empty)."""
        key = value_key(self._names, values)
        answer = self._answers.get(key, _ABSENT)
        if answer is _ABSENT:
            answer = self._evaluate(values)
            keep(self._answers, key, answer)
        return answer  # type: ignore[return-value]  # what is kept are answers


def value_key(names: tuple[str, ...], values: Mapping[str, Scalar]) -> tuple[object, ...]:
    """What an expression that reads these names can tell apart: values and their types, for 1 is not 1.0 nor true."""
    if len(names) == 1:
        value = values.get(names[0], _ABSENT)
        return (value, value.__class__)
    found = [values.get(name, _ABSENT) for name in names]
    return (*found, *[value.__class__ for value in found])


def keep(answers: dict[tuple[object, ...], Answer], key: tuple[object, ...], answer: Answer) -> None:
    """Keep an answer; all are forgotten when there are too many. -0.0 equals 0.0 and is told apart by a division."""
    if len(answers) >= REMEMBERED:
        answers.clear()
    if 0.0 not in key or not any(isinstance(value, float) and value == 0 for value in key):
        answers[key] = answer


def _first_line(error: Exception) -> str:
    first = str(error).split("\n", 1)[0]
    place = _PLACE.search(first)
    return first if place is None else f"line {place['line']}, column {place['column']}: {place['what']}"
