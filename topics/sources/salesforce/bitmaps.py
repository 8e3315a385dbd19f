"""Salesforce's bitmaps of field names: `"0x400800"`, and `"4-0x01"` for the parts of the compound field number 4.

Bit i, counted from the lowest, is the i-th field of the entity's schema, ChangeEventHeader being field 0. Documented in
the Pub/Sub API guide ("event deserialization considerations"); the vectors are in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from topics.sources.refusals import Reason, RefusedError, shown

#: The parts of an address in the order of its schema. Orgs with state and country picklists have more of them after
#: Country, so a higher bit stays a number.
ADDRESS_PARTS = ("Street", "City", "State", "PostalCode", "Country")
#: The parts of a person's name in the order of its schema; what follows them differs by the org's settings.
NAME_PARTS = ("Salutation", "FirstName", "LastName")

_TOP = re.compile(r"0x([0-9A-Fa-f]{1,512})")
_NESTED = re.compile(r"(\d{1,4})-0x([0-9A-Fa-f]{1,512})", re.ASCII)

_REMEMBERED = 1024
_USUAL_LIST = 64


class ChangedField(NamedTuple):
    """A field that a list names; `part` is empty for a whole one, and `name` is then `parent`, else `parent.part`."""

    name: str
    parent: str
    part: str = ""


Schemas = Mapping[str, tuple[str, ...]]
#: (entity, changedFields or nulledFields) -> the fields of the body. Raises RefusedError.
Named = Callable[[str, tuple[str, ...]], tuple[ChangedField, ...]]


def field_names(items: Iterable[str], entity: str, schemas: Schemas) -> tuple[str, ...]:
    """The names that a list of names and bitmaps stands for; a part of a compound field as `Parent.Part`.

    `schemas`: entity -> its fields in order; `<entity>.<field>` -> the parts of a compound field in order, without
    which a part is named by `ADDRESS_PARTS` or by its number. Raises RefusedError: bitmap_without_schema,
    bitmap_beyond_schema.
    """
    return tuple(dict.fromkeys(name for item in items for name in _names(item, entity, schemas)))


def resolver(schemas: Schemas) -> Named:
    """`field_names` of these schemas, remembering the lists of the usual changes."""

    def resolved(entity: str, items: tuple[str, ...]) -> tuple[ChangedField, ...]:
        names = ((name, name.partition(".")) for name in field_names(items, entity, schemas))
        return tuple(ChangedField(name, parent, part) for name, (parent, _, part) in names)

    remembered = lru_cache(maxsize=_REMEMBERED)(resolved)

    def named(entity: str, items: tuple[str, ...]) -> tuple[ChangedField, ...]:
        return remembered(entity, items) if len(items) <= _USUAL_LIST else resolved(entity, items)

    return named


def _names(item: str, entity: str, schemas: Schemas) -> Iterator[str]:
    if "0x" not in item:
        yield item
    elif top := _TOP.fullmatch(item):
        schema = _schema(item, entity, schemas)
        for bit in _bits(top[1]):
            yield _field(schema, bit, item, entity)
    elif nested := _NESTED.fullmatch(item):
        parent = _field(_schema(item, entity, schemas), int(nested[1]), item, entity)
        yield from _parts(parent, nested[2], schemas.get(f"{entity}.{parent}"))
    else:
        yield item


def _parts(parent: str, bitmap: str, order: tuple[str, ...] | None) -> Iterator[str]:
    parts = order or _usual_parts(parent)
    for bit in _bits(bitmap):
        yield f"{parent}.{parts[bit] if bit < len(parts) else bit}"


def _usual_parts(parent: str) -> tuple[str, ...]:
    if parent == "Name":
        return NAME_PARTS
    return ADDRESS_PARTS if parent.endswith("Address") else ()


def _bits(digits: str) -> Iterator[int]:
    bits = int(digits, 16)
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _schema(item: str, entity: str, schemas: Schemas) -> tuple[str, ...]:
    schema = schemas.get(entity)
    if not schema:
        raise RefusedError(Reason.BITMAP_WITHOUT_SCHEMA, f"{shown(item)}: no schemas.{entity} is set for the source")
    return schema


def _field(schema: tuple[str, ...], index: int, item: str, entity: str) -> str:
    if index >= len(schema):
        reason = f"{shown(item)}: field {index}, but schemas.{entity} has {len(schema)} fields"
        raise RefusedError(Reason.BITMAP_BEYOND_SCHEMA, reason)
    return schema[index]
