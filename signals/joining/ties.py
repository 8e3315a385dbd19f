"""What a deal's change says to others than the deal, as events on `people.events`.

What ties it to its account and its owner; which texts stand on it, that the owner's other deals are compared with; and
which values stand where the playbook gives values a meaning.
"""

from __future__ import annotations

from collections.abc import Iterable

from playbook.meanings import DEFINED_FIELDS
from playbook.model import Playbook
from signals.joining.records import MAX_TEXT, Fields
from signals.texts import text_key
from topics.events import (
    AnyEvent,
    DealChanged,
    DealRemoved,
    RelationChanged,
    Scalar,
    ValueSeen,
    deal_key,
    event_id,
    source_of,
)
from topics.sources.source import Provides, Source

#: The deal's field, what it names, and what a source must provide for that to be of use.
_TIES = (("account_id", "account", Provides.ACCOUNTS), ("owner_id", "owner", Provides.OWNERS))
_NONE: tuple[RelationChanged, ...] = ()

#: The end of the name of the record of a deal's texts, and what its fields of texts begin with.
TEXTS, TEXT = "/texts", "text."
#: What else decides whom a deal's texts concern: whose deal it is, and whether it is open.
_CONCERNING = {"owner_id": "owner", "stage": "stage", "pipeline": "pipeline"}


def compared(playbook: Playbook) -> tuple[str, ...]:
    """The fields whose texts are compared with those on the owner's other deals; none where nobody asks."""
    numbers = playbook.signals.junk_field
    return numbers.repeated if numbers.enabled else ()


class Ties:
    """The ties that deals name, where their source, or an export of it, tells anything about those.

    Of a source that nobody configured, everything is taken. `texts`: the fields whose texts are compared with those
    on the owner's other deals.
    """

    def __init__(self, sources: Iterable[Source] = (), texts: Iterable[str] = ()) -> None:
        self._texts = frozenset(texts)
        self._concerning = self._texts.union(_CONCERNING) if self._texts else self._texts
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
        """What an event says about the deal's account, its owner and its texts; mostly nothing."""
        kind = type(event)
        said = _NONE
        if kind is DealChanged:
            fields = event.fields  # type: ignore[union-attr]  # see `kind`
            if "account_id" in fields or "owner_id" in fields:
                named = self._of.get(event.source, self._all)
                said = tuple(_tie(event, role, fields[field]) for field, role in named if field in fields)
            if self._texts and not self._concerning.isdisjoint(fields):
                said = (*said, self._shown(event, fields))
        elif kind is DealRemoved:
            said = tuple(_tie(event, role, None) for _, role in self._of.get(event.source, self._all))
            if self._texts:
                said = (*said, _record(event, TEXTS, {"owner": None}))
        return said

    def _shown(self, event: AnyEvent, fields: Fields) -> RelationChanged:
        """What the change says of the deal's texts, by their hashes."""
        said: Fields = {name: fields[field] for field, name in _CONCERNING.items() if field in fields}
        said |= {TEXT + name: text_key(name, fields[name]) or None for name in self._texts if name in fields}
        return _record(event, TEXTS, said)


def values_of(event: AnyEvent) -> tuple[ValueSeen, ...]:
    """The values of a change to which the playbook gives a meaning, or should; mostly none."""
    if type(event) is not DealChanged:
        return ()
    fields = event.fields
    return tuple(
        _value(event, field, str(fields[field])) for field in DEFINED_FIELDS if fields.get(field) not in (None, "")
    )


def _value(event: DealChanged, field: str, value: str) -> ValueSeen:
    value = value[:MAX_TEXT]
    pipeline = str(event.fields.get("pipeline") or "") if field == "stage" else ""
    return ValueSeen(
        id=event_id("value", event.source, field, value),
        key=deal_key(event.source, f"{field}/{value}"),
        source=event.source,
        at_us=event.at_us,
        seq=event.seq,
        origin=event.origin,
        field=field,
        value=value,
        pipeline=pipeline,
        deal=event.key,
    )


def _tie(event: AnyEvent, role: str, subject: Scalar) -> RelationChanged:
    named = None if subject is None or subject == "" else str(subject)
    if role == "account" and named is not None:
        named = deal_key(source_of(event.key), named)
    return _record(event, f"/{role}", {role: named})


def _record(event: AnyEvent, name: str, fields: Fields) -> RelationChanged:
    """What an event of a deal says of a record of the deal's own."""
    return RelationChanged(
        id=event_id(event.id, name.removeprefix("/")),
        key=f"{event.key}{name}",
        source=event.source,
        at_us=event.at_us,
        seq=event.seq,
        origin=event.origin,
        relation=f"{event.key.split(':', 1)[1]}{name}",
        fields={"deal": event.key, **fields},
    )
