"""What the fields of an entity of Salesforce's are called here, and how their values are read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from topics.events import Scalar
from topics.silences import Dirt
from topics.sources.declared_fields import FieldType, Meaning, Readers, meaning_of
from topics.sources.field_values import Coerce, flag, instant, number, scalar, text
from topics.sources.salesforce.changes import Change
from topics.sources.salesforce.days import day
from topics.sources.source import Source

#: The entity that a name in `Source.fields` without an entity before it is about.
DEALS = "Opportunity"
#: How the values of a field are read whose type the settings declare.
READERS: Readers = {
    FieldType.TEXT: text,
    FieldType.NUMBER: number,
    FieldType.BOOL: flag,
    FieldType.DAY: day,
    FieldType.TIME: instant,
}
_CUSTOM = "__c"
#: More than any entity has; beyond, names are worked out each time.
_REMEMBERED_FIELDS = 4096


class Table(NamedTuple):
    """An entity and its standard fields: Salesforce's name -> ours; a part of a compound field as `Parent.Part`.

    `read`: our name -> how its values are read; one that is not there is read as whatever it is. `canonical`: names
    that no custom field takes. `custom`: whether fields of the customer's own are read.
    """

    entity: str
    fields: Mapping[str, str]
    read: Mapping[str, Coerce]
    canonical: tuple[str, ...] = ()
    custom: bool = False


class _Meaning(NamedTuple):
    """What a field of Salesforce's is called here, and how its values are read. `custom`: no table names it."""

    name: str
    read: Coerce
    custom: bool = False


class Fields:
    """The fields of one entity of one source, resolved once. Raises FieldTypeError for a type that there is not.

    `Source.fields` adds and overrides names and types (`declared_fields`), as `Entity.Field` (an Opportunity's also as
    `Field`); an empty name switches a field off. A custom field that no table names keeps its own name in lower case
    without `__c` (`Budget_Confirmed__c`: `budget_confirmed`), unless that is a name of the table; other fields are not
    read. `blank`: what a full record that does not mention a field says about it, which is that it is empty.
    """

    def __init__(self, table: Table, source: Source) -> None:
        own = _own_fields(table, source)
        taken = {meaning.name for meaning in own.values() if meaning is not None}
        self._known: dict[str, _Meaning | None] = {
            **{
                api: _Meaning(name, table.read.get(name, scalar))
                for api, name in table.fields.items()
                if name not in taken
            },
            **own,
        }
        self._custom = table.custom
        names = [meaning.name for meaning in self._known.values() if meaning is not None]
        self._taken = frozenset(table.canonical) | frozenset(names)
        self._compounds = _compounds(self._known)
        custom = (api for api in source.schemas.get(table.entity, ()) if self._is_custom(api) and api not in own)
        self.blank: Mapping[str, Scalar] = dict.fromkeys((*names, *(_custom_name(api, self._taken) for api in custom)))

    def read(self, change: Change) -> tuple[dict[str, Scalar], tuple[str, ...]]:
        """The fields that the change covers, and the dirt in them. Raises RefusedError."""
        fields: dict[str, Scalar] = {}
        dirt: tuple[str, ...] = ()
        known = self._known
        for api, value in change.values.items():
            meaning = known[api] if api in known else self._learnt(api)
            if meaning is None:
                if api in self._compounds:
                    fields.update(_parts(self._compounds[api], value, whole=change.whole))
            elif value is None:
                fields[meaning.name] = None
            elif meaning.custom and isinstance(value, dict | list):
                dirt = (*dirt, f"{Dirt.NOT_SCALAR}.custom")  # a geolocation: no criterion reads it; no name in a label
            else:
                fields[meaning.name] = meaning.read(api, value)
        return ({**self.blank, **fields} if change.whole else fields), dirt

    def means(self, api: str, name: str) -> bool:
        """Whether the source's field is our `name`."""
        meaning = self._known.get(api)
        return meaning is not None and meaning.name == name

    def _learnt(self, api: str) -> _Meaning | None:
        """What a field means that the table does not name; remembered, as the same ones come with every record."""
        meaning = _Meaning(_custom_name(api, self._taken), scalar, custom=True) if self._is_custom(api) else None
        if len(self._known) < _REMEMBERED_FIELDS:
            self._known[api] = meaning
        return meaning

    def _is_custom(self, api: str) -> bool:
        return self._custom and api.endswith(_CUSTOM)


def _compounds(known: Mapping[str, _Meaning | None]) -> dict[str, dict[str, _Meaning]]:
    """The parts of each compound field that are read."""
    compounds: dict[str, dict[str, _Meaning]] = {}
    for api, meaning in known.items():
        compound, _, part = api.partition(".")
        if part and meaning is not None:
            compounds.setdefault(compound, {})[part] = meaning
    return compounds


def _parts(read: Mapping[str, _Meaning], value: object, *, whole: bool) -> Iterable[tuple[str, Scalar]]:
    """The parts of a compound field that are read; a part that is not there is empty where all of it is."""
    parts = value if isinstance(value, dict) else {}
    for part, meaning in read.items():
        if whole or value is None or part in parts:
            yield meaning.name, meaning.read(part, parts.get(part))


def _own_fields(table: Table, source: Source) -> dict[str, _Meaning | None]:
    """What `Source.fields` says about the entity; None: not read. A name without an entity is an Opportunity's."""
    own: dict[str, _Meaning | None] = {}
    for theirs, ours in source.fields.items():
        before, found, after = theirs.partition(".")
        if found and before == table.entity:
            own[after] = _declared(after, ours, table)
        elif not found and table.entity == DEALS:
            own[theirs] = _declared(theirs, ours, table)
    return own


def _declared(api: str, ours: str, table: Table) -> _Meaning | None:
    meaning = meaning_of(api, ours, table.read, {api: Meaning("", scalar)}, READERS)
    return None if meaning is None else _Meaning(*meaning)


def _custom_name(api: str, taken: frozenset[str]) -> str:
    short = api[: -len(_CUSTOM)].lower()
    return api.lower() if short in taken else short
