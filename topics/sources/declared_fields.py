"""`Source.fields`: which of a CRM's fields is called what here, and of what type it is.

A line of it is `"their name" = "our name"` or `"their name" = "our name:type"`; an empty name switches the field off.
A field of a deal stands by its name alone, one of a company with the entity before it: `"company.tier" = "tier"`.
A list of choices may be a yes or no: `"budget_confirmed:bool=Yes"`, or `bool=17|18` where the choices have numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from topics.sources.field_values import Coerce, scalar


class FieldType(StrEnum):
    """What a declared field may hold. `day` is a calendar day, `time` an instant."""

    TEXT = "text"
    NUMBER = "number"
    BOOL = "bool"
    DAY = "day"
    TIME = "time"


class Meaning(NamedTuple):
    """What a field is called here, and how its values are read."""

    name: str
    read: Coerce


class FieldTypeError(ValueError):
    """A declared type that there is not."""


Readers = Mapping[FieldType, Coerce]
Table = Mapping[str, Meaning | None]


def declared(fields: Mapping[str, str], entity: str, default: Table, readers: Readers) -> Table:
    """The table of an entity (`""`: deals) with the declared fields over the default ones; None: not read.

    A field that is declared without a type keeps the type that the default table gives to it or to our name, else it
    is text. A name that was declared for one field is not what the default table calls another. Raises FieldTypeError.
    """
    typed = {meaning.name: meaning.read for meaning in default.values() if meaning is not None}
    own: dict[str, Meaning | None] = {}
    for theirs, ours in fields.items():
        place, _, name = theirs.rpartition(".")
        if place == entity:
            own[name] = meaning_of(name, ours, typed, default, readers)
    taken = {meaning.name for meaning in own.values() if meaning is not None}
    kept = {name: meaning for name, meaning in default.items() if meaning is None or meaning.name not in taken}
    return MappingProxyType(kept | own)


def meaning_of(theirs: str, ours: str, typed: Mapping[str, Coerce], default: Table, readers: Readers) -> Meaning | None:
    """What one line means: a field without a type has that of our name (`typed`), or its own in the default table.

    None: the field is switched off. Raises FieldTypeError.
    """
    name, separator, kind = ours.partition(":")
    if not name:
        return None
    if separator:
        return Meaning(name, _reader(kind, readers))
    known = default.get(theirs)
    read = typed.get(name) or (known.read if known is not None else readers[FieldType.TEXT])
    return Meaning(name, read)


def _reader(kind: str, readers: Readers) -> Coerce:
    kind, chosen, choices = kind.partition("=")
    found = field_type(kind)
    if not chosen:
        return readers[found]
    if found is not FieldType.BOOL or not choices:
        message = f"only {FieldType.BOOL} has choices, as in {FieldType.BOOL}=Yes"
        raise FieldTypeError(message)
    return partial(_chosen, frozenset(choices.split("|")))


def _chosen(choices: frozenset[str], name: str, value: object) -> bool | None:
    """Whether one of the choices was made; None where there is no value."""
    said = scalar(name, value)
    return None if said is None or said == "" else str(said) in choices


def field_type(kind: str) -> FieldType:
    """The type of that name. Raises FieldTypeError, which says which there are."""
    try:
        return FieldType(kind)
    except ValueError as error:
        message = f"no type is called {kind!r} (there are: {', '.join(FieldType)})"
        raise FieldTypeError(message) from error


def misdeclared(fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The declared fields that cannot be read as they say, each with the reason."""
    for theirs, ours in fields.items():
        try:
            meaning_of(theirs, ours, {}, {}, dict.fromkeys(FieldType, scalar))
        except FieldTypeError as error:
            yield theirs, str(error)
