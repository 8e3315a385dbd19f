"""What pydantic refuses, in the words of someone who writes the file. Never the value itself: it may be a secret."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from playbook.yamltree import Path


def refusals(error: ValidationError) -> Iterator[tuple[Path, str]]:
    """Each thing that is wrong, as (path, reason)."""
    errors = error.errors(include_url=False)
    for each in errors:
        if each["type"] != "too_short" or not _has_inner(each, errors):
            yield tuple(step for step in each["loc"] if step != "[key]"), _reason(each)


def _has_inner(short: ErrorDetails, errors: list[ErrorDetails]) -> bool:
    """Whether a list is "too short" only because its items were refused: pydantic counts those that passed."""
    place = short["loc"]
    return any(other is not short and other["loc"][: len(place)] == place for other in errors)


def _reason(error: ErrorDetails) -> str:
    if error["type"] == "string_type":
        found = next((what for kind, what in _UNQUOTED if isinstance(error["input"], kind)), "")
        return f"must be text, not {found}: put it in quotes" if found else "must be text"
    message = error["msg"].removeprefix("Value error, ")
    return _REASONS.get(error["type"]) or message[:1].lower() + message[1:]


#: What an unquoted word becomes. YAML takes yes, no, on and off for true and false.
_UNQUOTED = ((bool, "true or false"), (int, "a number"), (float, "a number"), (date, "a date"))

_REASONS = {
    "missing": "is missing",
    "extra_forbidden": "is not a name that is known here",
    "too_short": "must not be empty",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "model_type": "must be a mapping of names to values",
    "dict_type": "must be a mapping of names to values",
}
