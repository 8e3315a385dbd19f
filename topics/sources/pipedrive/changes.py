"""One record of Pipedrive's as it is said to be, whoever says so."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from topics.sources.pipedrive.rules import Rules
from topics.sources.pipedrive.values import Values
from topics.sources.statements import Statement


class Action(StrEnum):
    """What happened to the record."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


class Change(NamedTuple):
    """`values` is the record; of a delete, what it was. `previous`: what changed, with what it was; None: nobody says.

    `merged_to` is the id of the record into which a deleted one went.
    """

    rules: Rules
    said: Statement
    id: str
    values: Values
    previous: Values | None
    action: Action
    merged_to: str | None
