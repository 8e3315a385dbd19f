"""What the changes of an entity become that is no deal: people, accounts, activities and what ties them together.

They share one shape: a delete says that the record is gone, a gap says nothing that a state could take in (the next
full record will), and else the fields that a change covers become an event, one for each record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from topics.events import AnyEvent, Scalar, deal_key
from topics.outcomes import Accepted, Outcome, Silent
from topics.silences import Silence
from topics.sources.salesforce.changes import GAPS, Change

Read: TypeAlias = Callable[[Change], list[Outcome]]
#: The fields that a change covers, under our names, and the dirt in them.
Said: TypeAlias = tuple[dict[str, Scalar], tuple[str, ...]]

_DELETES = frozenset({"DELETE", "GAP_DELETE"})
REMOVED: Mapping[str, Scalar] = MappingProxyType({"removed": True})
BACK: Mapping[str, Scalar] = MappingProxyType({"removed": False})


class Subject(NamedTuple):
    """An entity. `said`: what a change covers; `event`: what is said of one record; `gap`: what a gap counts as.

    `gone`: the fields of a deleted one; `back`: of one that is there again. `ties`: what a change says beside that
    about who is tied to a deal.
    """

    said: Callable[[Change], Said]
    event: Callable[[Change, str, dict[str, Scalar]], AnyEvent]
    gap: Silence
    gone: Mapping[str, Scalar] = REMOVED
    back: Mapping[str, Scalar] = BACK
    ties: Callable[[Change, str], tuple[AnyEvent, ...]] | None = None


def read(subject: Subject, change: Change) -> list[Outcome]:
    """One outcome per record."""
    kind = change.header.change_type
    if kind in _DELETES:
        return [
            Accepted((subject.event(change, record, dict(subject.gone)),), "", change.dirt)
            for record in change.header.record_ids
        ]
    if kind in GAPS or change.is_of_every_record:
        return silent(change, subject.gap)
    fields, dirt = subject.said(change)
    if kind == "UNDELETE":
        fields = {**subject.back, **fields}
    dirt += change.dirt
    outcomes: list[Outcome] = []
    for record in change.header.record_ids:
        events: tuple[AnyEvent, ...] = (subject.event(change, record, fields),) if fields else ()
        if subject.ties is not None:
            events += subject.ties(change, record)
        outcomes.append(Accepted(events, "", dirt) if events else Silent(Silence.NOTHING_MAPPED))
    return outcomes


def silent(change: Change, reason: Silence) -> list[Outcome]:
    """Every record of the change says nothing to us."""
    return [Silent(reason)] * len(change.header.record_ids)


def stamp(change: Change, record: str) -> dict[str, Any]:
    """What every event of the change of one record carries: the arguments of `Event`."""
    return {
        "id": change.id_of(record),
        "key": deal_key(change.source_key, record),
        "source": change.source_key,
        "at_us": change.at_us,
        "seq": change.seq,
    }
