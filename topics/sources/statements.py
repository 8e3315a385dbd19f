"""One thing that a source said at one instant, and the events that it becomes.

Each event's id is made of what identifies the statement and of what the event is about, so that a repeat of the
statement repeats its events, and the events of one statement differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from topics.events import (
    AccountChanged,
    ActivityChanged,
    Actor,
    DealChanged,
    DealGap,
    DealRemoved,
    PersonChanged,
    RelationChanged,
    Scalar,
    deal_key,
    id_of,
)

#: What comes first of the statements of one instant: a record comes into being, it changes, it ends.
CREATED, CHANGED, ENDED = 0, 1, 2


class Statement(NamedTuple):
    """What is said by `source` about the records of `subjects` (both keys of sources) at `at_us`.

    `identity` is what the source says identifies the statement. `rank` orders the statements of one instant, and
    `place` those of one rank. `actor` is who made the change, as far as the source says.
    """

    source: str
    subjects: str
    identity: str
    at_us: int
    rank: int = CHANGED
    place: int = 0
    actor: Actor = ""

    def key(self, record: str) -> str:
        """The key of a record: of the source whose ids these are."""
        return deal_key(self.subjects, record)

    def _id(self, about: str) -> str:
        return id_of(f"{self.source}\x1f{self.identity}\x1f{about}")

    def deal(self, deal: str, fields: dict[str, Scalar], *, full: bool = False, created: bool = False) -> DealChanged:
        """These fields of a deal are so."""
        return DealChanged(
            id=self._id(f"deal {deal}"),
            key=self.key(deal),
            source=self.source,
            at_us=self.at_us,
            seq=(self.rank, self.place),
            fields=fields,
            full=full,
            created=created,
            actor=self.actor,
        )

    def deal_removed(self, deal: str, merged_into: str | None = None) -> DealRemoved:
        """A deal is gone, or went into another one (an id)."""
        return DealRemoved(
            id=self._id(f"deal removed {deal}"),
            key=self.key(deal),
            source=self.source,
            at_us=self.at_us,
            seq=(ENDED, self.place),
            merged_into=None if merged_into is None else self.key(merged_into),
        )

    def deal_gap(self, deal: str) -> DealGap:
        """A deal changed, nobody said how."""
        return DealGap(
            id=self._id(f"deal gap {deal}"),
            key=self.key(deal),
            source=self.source,
            at_us=self.at_us,
            seq=(ENDED, self.place),
        )

    def activity(self, activity: str, fields: dict[str, Scalar]) -> ActivityChanged:
        """These fields of an activity are so."""
        return ActivityChanged(
            id=self._id(f"activity {activity}"),
            key=self.key(activity),
            source=self.source,
            at_us=self.at_us,
            seq=(self.rank, self.place),
            activity=activity,
            fields=fields,
        )

    def person(self, person: str, fields: dict[str, Scalar], *, user: bool) -> PersonChanged:
        """These fields of a person are so: of a user of the CRM, or of a buyer."""
        return PersonChanged(
            id=self._id(f"person {person}"),
            key=self.key(person),
            source=self.source,
            at_us=self.at_us,
            seq=(self.rank, self.place),
            person=person,
            fields=fields,
            user=user,
        )

    def account(self, account: str, fields: dict[str, Scalar]) -> AccountChanged:
        """These fields of an account are so."""
        return AccountChanged(
            id=self._id(f"account {account}"),
            key=self.key(account),
            source=self.source,
            at_us=self.at_us,
            seq=(self.rank, self.place),
            account=account,
            fields=fields,
        )

    def relation(self, relation: str, ends: Mapping[str, str | None], fields: dict[str, Scalar]) -> RelationChanged:
        """These fields of what ties records are so. `ends`: `deal`, `activity`, `person`, `account` to ids."""
        keys = {end: None if record is None else self.key(record) for end, record in ends.items()}
        return RelationChanged(
            id=self._id(f"relation {relation}"),
            key=self.key(relation),
            source=self.source,
            at_us=self.at_us,
            seq=(self.rank, self.place),
            relation=relation,
            fields={**keys, **fields},
        )
