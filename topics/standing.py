"""How something stands to a definition, as views and indicators say it."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Answer(StrEnum):
    """How a deal stands to a definition. Unknown is reported beside a ratio, never in it (law 13)."""

    MET = "met"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


def together(answers: list[bool | None]) -> Answer:
    """The answer of several criteria: one that is false decides; else one that is unknown."""
    if False in answers:
        return Answer.NOT_MET
    return Answer.UNKNOWN if None in answers else Answer.MET


class Judged(msgspec.Struct, frozen=True):
    """How a deal stands to a definition, and the criteria that are not met, or not known, by their names."""

    answer: Answer
    failed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
