"""How people, and accounts that are people, are called: in one piece, or in the parts of a compound field."""

from __future__ import annotations

from topics.events import Scalar
from topics.sources.field_values import text
from topics.sources.salesforce.changes import Change
from topics.sources.salesforce.fields import Fields
from topics.sources.salesforce.subjects import Said


def said_with_name(names: Fields, change: Change) -> Said:
    """What a change says about somebody: the fields of the table, and the name."""
    fields, dirt = names.read(change)
    return _named(change) | fields, dirt


def _named(change: Change) -> dict[str, Scalar]:
    """The `name`, where the change says all of it. Raises RefusedError.

    In one piece (users in some shapes, business accounts, records that were queried) or of its parts. On an UPDATE of
    one part the other is not known, and nothing is said.
    """
    values = change.values
    name = values.get("Name")
    if name is not None and not isinstance(name, dict):
        return {"name": text("Name", name)}
    parts = [text(part, _part(change, part)) for part in ("FirstName", "LastName")]
    if change.whole or all(parts):
        return {"name": " ".join(filter(None, parts)) or None}
    return {"name": None} if "Name" in values and name is None else {}


def _part(change: Change, part: str) -> object:
    within = change.part("Name", part)
    return change.values.get(part) if within is None else within
