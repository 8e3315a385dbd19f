"""What is known of a deal's account and owner, among the deal's own fields: `account_industry`, `owner_active`.

It is shown while the deal names that subject (`account_id`, `owner_id`). What is heard of another one waits, since at
one instant the deal's change and what is told because of it may come in either order; the last such one is kept. A
field of the deal's own goes before one of the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from topics.events import RelatedChanged, Scalar

ROLES = ("account", "owner")

Fields = dict[str, Scalar]
#: Of a subject (`account:001`): the fields as they stand on the deal, but for those that the deal has of its own.
Related = dict[str, Fields]


class Shown(NamedTuple):
    """A deal's fields and what they hold of its subjects, and the names that were touched by that."""

    fields: Fields
    related: Related
    touched: list[str]


def told(fields: Fields, related: Related, event: RelatedChanged) -> Shown:
    """All that is known of a subject now; an event without fields takes back what was said, and says nothing."""
    if not event.fields:
        return Shown(fields, related, [])
    subject, prefix = f"{event.role}:{event.subject}", f"{event.role}_"
    said = {prefix + name: value for name, value in event.fields.items()}
    present = _subject(fields, event.role)
    if subject != present:
        kept = {one: known for one, known in related.items() if one == present or not one.startswith(event.role)}
        return Shown(fields, {**kept, subject: said}, [])
    return _shown(fields, related, subject, said)


def renamed(before: Mapping[str, Scalar], fields: Fields, related: Related, said: Iterable[str]) -> Shown:
    """After a change of the deal's own fields, those in `said`: another account's fields are gone, its own are there.

    `before` and `fields`: the deal's fields before and after the change.
    """
    touched: list[str] = []
    for role in ROLES:
        old, new = _subject(before, role), _subject(fields, role)
        shown = related.get(old, _NONE)
        own = [name for name in said if name in shown]
        if own:
            shown = {name: value for name, value in shown.items() if name not in own}
            related = {**related, old: shown}
        if old != new:
            fields = {name: value for name, value in fields.items() if name not in shown}
            waiting = related.get(new)
            related = {one: known for one, known in related.items() if not one.startswith(role)}
            touched += shown
            if waiting is not None:
                fields, related, more = _shown(fields, related, new, waiting)
                touched += [name for name in more if name not in touched]
    return Shown(fields, related, touched)


def _shown(fields: Fields, related: Related, subject: str, said: Fields) -> Shown:
    old = related.get(subject, _NONE)
    shown = {name: value for name, value in said.items() if name in old or name not in fields}
    touched = [name for name, value in shown.items() if name not in old or old[name] != value]
    gone = [name for name in old if name not in shown]
    if gone:
        fields = {name: value for name, value in fields.items() if name not in gone}
    return Shown({**fields, **shown}, {**related, subject: shown}, touched + gone)


def _subject(fields: Mapping[str, Scalar], role: str) -> str:
    return f"{role}:{fields.get(role + '_id')}"


_NONE: Fields = {}
