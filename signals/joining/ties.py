"""What ties a deal to its account and its owner: what the deal itself says of them, as events on `people.events`."""

from __future__ import annotations

from collections.abc import Iterable

from topics.events import AnyEvent, DealChanged, DealRemoved, RelationChanged, Scalar, deal_key, event_id
from topics.sources.source import Provides, Source

#: The deal's field, what it names, and what a source must provide for that to be of use.
_TIES = (("account_id", "account", Provides.ACCOUNTS), ("owner_id", "owner", Provides.OWNERS))
_NONE: tuple[RelationChanged, ...] = ()


class Ties:
    """The ties that deals name, where their source, or an export of it, tells anything about those.

    Of a source that nobody configured, everything is taken.
    """

    def __init__(self, sources: Iterable[Source] = ()) -> None:
        provided: dict[str, frozenset[Provides]] = {}
        for source in sources:
            for key in (source.key, source.subject_key):
                provided[key] = provided.get(key, frozenset()) | source.provides
        self._of = {
            key: tuple((field, role) for field, role, needed in _TIES if needed in provides)
            for key, provides in provided.items()
        }
        self._all = tuple((field, role) for field, role, _ in _TIES)

    def of(self, event: AnyEvent) -> tuple[RelationChanged, ...]:
        """What an event says about the deal's account and owner; mostly nothing."""
        kind = type(event)
        if kind is DealChanged:
            fields = event.fields  # type: ignore[union-attr]  # see `kind`
            if "account_id" in fields or "owner_id" in fields:
                named = self._of.get(event.source, self._all)
                return tuple(_tie(event, role, fields[field]) for field, role in named if field in fields)
        elif kind is DealRemoved:
            return tuple(_tie(event, role, None) for _, role in self._of.get(event.source, self._all))
        return _NONE


def _tie(event: AnyEvent, role: str, subject: Scalar) -> RelationChanged:
    source, deal_id = event.key.split(":", 1)
    named = None if subject is None or subject == "" else str(subject)
    if role == "account" and named is not None:
        named = deal_key(source, named)
    return RelationChanged(
        id=event_id(event.id, role),
        key=f"{event.key}/{role}",
        source=event.source,
        at_us=event.at_us,
        seq=event.seq,
        origin=event.origin,
        relation=f"{deal_id}/{role}",
        fields={"deal": event.key, role: named},
    )
