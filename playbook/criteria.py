"""Criteria in CEL, compiled once, three-valued: true, false, unknown.

A field that no event ever covered is *unknown*, and so is an expression that needs it; `a || b` with a true `b` needs
no `a`. A field that is *empty* is known: an expression that cannot be evaluated because of it is not met.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from playbook.evaluator import compile_cel
from playbook.fields import Declared, Misfit, typed
from topics.events import Scalar

# cel says: Failed to parse expression, then ERROR, <input>, line and column, the mistake, and what it expected instead.
_PLACE = re.compile(r"<input>:(?P<line>\d+):(?P<column>\d+): (?:Syntax error: )?(?P<what>.*?)(?: expecting .*)?$")


class CriterionError(ValueError):
    """An expression that is not CEL; the message says where."""


_UNTYPED: Mapping[str, Declared] = {}


class Expression:
    """A compiled CEL expression. `references` are the variables that it reads.

    `types`: of the fields that the playbook declares. Their values are read as these, and one that does not fit is
    unknown.
    """

    __slots__ = ("_program", "_types", "references", "source")

    def __init__(self, source: str, types: Mapping[str, Declared] = _UNTYPED) -> None:
        try:
            self._program = compile_cel(source)
        except ValueError as error:
            message = f"not a CEL expression: {_first_line(error)}"
            raise CriterionError(message) from error
        self.source = source
        self.references = frozenset(self._program.references()["variables"])
        self._types = {name: declared for name, declared in types.items() if name in self.references}

    def judge(self, values: Mapping[str, object]) -> bool | None:
        """True, false, or None for unknown, over the fields that are known (None for empty)."""
        known = {name: values[name] for name in self.references if name in values}
        for name, declared in self._types.items():
            if name in known:
                value = typed(declared, known[name])  # type: ignore[arg-type]  # a declared field is a deal's, a scalar
                if isinstance(value, Misfit):
                    del known[name]
                else:
                    known[name] = value
        try:
            result = self._program.execute(known)
        except (RuntimeError, TypeError, KeyError, ValueError, OverflowError, ZeroDivisionError):
            return False if len(known) == len(self.references) else None
        return result is True

    def misfits(self, values: Mapping[str, Scalar]) -> dict[str, str]:
        """The fields whose values are none of their declared type, each with the reason."""
        found: dict[str, str] = {}
        for name, declared in self._types.items():
            value = typed(declared, values[name]) if name in values else None
            if isinstance(value, Misfit):
                found[name] = value.reason
        return found


#: Answers that are kept per expression: 120 bytes each, so under a megabyte.
REMEMBERED = 4096
_ABSENT = object()
Answer = TypeVar("Answer")


class Remembered:
    """An expression over scalars that keeps its last answers by the values that it reads.

    An answer follows from those alone, so this is an `Expression` that is 40 times as fast (0.2 against 8 microseconds)
    where the same value is asked about again: of the same deal, mostly.
    """

    __slots__ = ("_answers", "_evaluate", "_names", "misfits", "references", "source")

    def __init__(self, expression: Expression) -> None:
        self.source, self.references = expression.source, expression.references
        self._evaluate, self.misfits = expression.judge, expression.misfits
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
