"""One record of HubSpot's, and the events which say that it changed or ended."""

from __future__ import annotations

from typing import NamedTuple

from topics.events import AnyEvent
from topics.sources.hubspot.objects import Kind
from topics.sources.hubspot.values import Fields
from topics.sources.statements import Statement

#: The kinds of which something is said here; users are told by the API's records alone.
READ = frozenset({Kind.DEAL, Kind.ACTIVITY, Kind.PERSON, Kind.ACCOUNT})


class Subject(NamedTuple):
    """A record: what it is to us, and its id."""

    kind: Kind
    id: str


def changed(said: Statement, subject: Subject, fields: Fields, *, created: bool = False) -> AnyEvent:
    """These fields of a record that is read are so."""
    match subject.kind:
        case Kind.DEAL:
            return said.deal(subject.id, fields, created=created)
        case Kind.ACTIVITY:
            return said.activity(subject.id, fields)
        case Kind.PERSON:
            return said.person(subject.id, fields, user=False)
        case _:
            return said.account(subject.id, fields)


def ended(said: Statement, subject: Subject, merged_into: str | None = None) -> AnyEvent:
    """A record that is read is gone, or went into another one (an id)."""
    if subject.kind is Kind.DEAL:
        return said.deal_removed(subject.id, merged_into)
    return changed(said, subject, {"removed": True})
