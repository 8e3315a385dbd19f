"""Whatever changed, and in whichever form, order and number it arrives: the state is what Salesforce's record says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, TypeAlias

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.salesforce_changes import (
    IDS,
    SOURCE,
    Form,
    client,
    cometd,
    connect,
    connect_with_schema,
    events_of,
    header,
    pubsub,
    said,
)
from topics.events import AccountChanged, ActivityChanged, DealChanged, PersonChanged, RelationChanged
from topics.outcomes import Accepted

#: A busy machine is no fault of a parser, so no example has a deadline.
EXAMPLES = settings(deadline=None, max_examples=40)

#: What the record holds: a field, or a part of one as `Parent.Part`; None is empty.
Said: TypeAlias = dict[str, Any]

SCHEMAS: dict[str, tuple[str, ...]] = {
    "Opportunity": ("ChangeEventHeader", "Name", "StageName", "Amount", "NextStep", "OwnerId", "CloseDate", "Fit__c"),
    "Account": (
        "ChangeEventHeader",
        "Name",
        "BillingAddress",
        "ShippingAddress",
        "Industry",
        "NumberOfEmployees",
        "Tier__c",
    ),
    "Contact": ("ChangeEventHeader", "AccountId", "Title", "Email", "Phone"),
    "OpportunityContactRole": ("ChangeEventHeader", "OpportunityId", "ContactId", "Role", "IsPrimary"),
    "EventRelation": ("ChangeEventHeader", "RelationId", "EventId", "AccountId"),
}
PARTS = {"BillingAddress": ("Street", "City", "State", "PostalCode", "Country"), "ShippingAddress": ("Street", "City")}
WITH_SCHEMAS = msgspec.structs.replace(SOURCE, schemas=SCHEMAS)

_texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=12)
_ids = st.sampled_from([IDS["Contact"], IDS["Account"], IDS["Opportunity"]])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Amount": st.integers(-(10**12), 10**12) | st.floats(-1e15, 1e15),
    "NumberOfEmployees": st.integers(0, 10**7),
    "CloseDate": st.dates(date(2000, 1, 1), date(2090, 1, 1)).map(str),
    "Fit__c": st.booleans() | _texts,
    "IsPrimary": st.booleans(),
    **dict.fromkeys(("AccountId", "OpportunityId", "ContactId", "RelationId", "EventId"), _ids),
}


def _paths(entity: str) -> list[str]:
    """Every field of the entity, and every part of its compound ones."""
    names = SCHEMAS[entity][1:]
    return [
        path for name in names for path in ([f"{name}.{part}" for part in PARTS[name]] if name in PARTS else [name])
    ]


def changes(entity: str) -> st.SearchStrategy[Said]:
    """Some fields of the entity with their new values."""
    each = {path: st.none() | VALUES.get(path, _texts) for path in _paths(entity)}
    return st.fixed_dictionaries({}, optional=each).filter(bool)


def _nested(fields: Mapping[str, Any], blank: Mapping[str, Any]) -> Said:
    """The body: parts within their compound field."""
    body: Said = {name: dict(value) if isinstance(value, dict) else value for name, value in blank.items()}
    for path, value in fields.items():
        parent, _, part = path.partition(".")
        if part:
            compound = body.get(parent)
            body[parent] = {**(compound if isinstance(compound, dict) else {}), part: value}
        else:
            body[path] = value
    return body


def _blank(entity: str) -> Said:
    """A struct of every field, all null, compound ones also in their parts."""
    return {name: dict.fromkeys(PARTS[name]) if name in PARTS else None for name in SCHEMAS[entity][1:]}


def _bitmaps(entity: str, paths: Iterable[str]) -> list[str]:
    bits: dict[str, int] = {}
    for path in paths:
        parent, _, part = path.partition(".")
        index = SCHEMAS[entity].index(parent)
        if part:
            bits[f"{index}-"] = bits.get(f"{index}-", 0) | 1 << PARTS[parent].index(part)
        else:
            bits[""] = bits.get("", 0) | 1 << index
    return [f"{prefix}0x{value:X}" for prefix, value in bits.items()]


def update(form: Form, entity: str, fields: Said, *, bitmaps: bool = False, **more: object) -> Said:
    """An UPDATE in the form; `bitmaps` writes the lists as the Pub/Sub API does."""
    write = (lambda paths: _bitmaps(entity, paths)) if bitmaps else list
    lists: Said = {"changedFields": write(fields)}
    if form in {pubsub, client}:
        lists["nulledFields"] = write([path for path, value in fields.items() if value is None])
    blank = {} if form is cometd else _blank(entity)
    return form(header(entity, **{**lists, **more}), _nested(fields, blank))


def create(form: Form, entity: str, fields: Said) -> Said:
    """A CREATE in the form, before every update."""
    known = {path: value for path, value in fields.items() if value is not None}
    head = header(entity, "CREATE", sequenceNumber=0, commitNumber=1, transactionKey="first")
    return form(head, _nested(known, {} if form is cometd else _blank(entity)))


_entities = st.sampled_from(sorted(SCHEMAS))


@EXAMPLES
@given(data=st.data())
def test_every_form_of_a_change_says_the_same(data: st.DataObject) -> None:
    entity = data.draw(_entities)
    fields = data.draw(changes(entity))
    expected = said(update(cometd, entity, fields), WITH_SCHEMAS)
    assert [
        said(update(form, entity, fields), WITH_SCHEMAS) for form in (pubsub, client, connect, connect_with_schema)
    ] == [expected] * 4
    assert said(update(pubsub, entity, fields, bitmaps=True), WITH_SCHEMAS) == expected
    assert said(update(client, entity, fields, bitmaps=True), WITH_SCHEMAS) == expected


@EXAMPLES
@given(data=st.data())
def test_every_form_of_a_new_record_says_the_same(data: st.DataObject) -> None:
    entity = data.draw(_entities)
    fields = data.draw(changes(entity))
    expected = said(create(cometd, entity, fields), WITH_SCHEMAS)
    for form in (pubsub, client, connect, connect_with_schema):
        assert said(create(form, entity, fields), WITH_SCHEMAS) == expected


Told: TypeAlias = DealChanged | AccountChanged | PersonChanged | RelationChanged | ActivityChanged


def folded(documents: Iterable[Said]) -> Said:
    """The fields that the events of these records leave, each event once and in the source's order."""
    told: dict[str, Told] = {}
    for document in documents:
        for outcome in said(document, WITH_SCHEMAS):
            if isinstance(outcome, Accepted):
                told.update((event.id, event) for event in outcome.events if isinstance(event, Told))
    fields: Said = {}
    for event in sorted(told.values(), key=lambda one: one.order):
        fields |= event.fields
    return fields


@EXAMPLES
@given(data=st.data())
def test_any_order_with_repeats_ends_as_the_record_is(data: st.DataObject) -> None:
    """Told in parts, in mixed forms, shuffled and repeated: as a record that is created as it is at the end."""
    entity = data.draw(_entities)
    steps = data.draw(st.lists(changes(entity), min_size=1, max_size=6))
    forms = data.draw(st.lists(st.sampled_from([cometd, pubsub, client]), min_size=len(steps), max_size=len(steps)))
    told = [create(cometd, entity, steps[0])]
    for number, (form, fields) in enumerate(zip(forms[1:], steps[1:], strict=False), start=2):
        told.append(update(form, entity, fields, commitNumber=2**60 + number, transactionKey=f"t{number}"))
    record: Said = {}
    for fields in steps:
        record |= fields
    arrived = data.draw(st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=3))]))
    assert folded(arrived) == folded(told) == folded([create(cometd, entity, record)])


@EXAMPLES
@given(data=st.data(), count=st.integers(1, 40))
def test_a_change_of_several_records_is_the_change_of_each(data: st.DataObject, count: int) -> None:
    entity = data.draw(_entities)
    fields = data.draw(changes(entity))
    ids = [f"{IDS[entity][:3]}SB{number:010d}YAV" for number in range(count)]
    outcomes = said(update(pubsub, entity, fields, recordIds=ids), WITH_SCHEMAS)
    assert outcomes == [
        outcome for each in ids for outcome in said(update(pubsub, entity, fields, recordIds=[each]), WITH_SCHEMAS)
    ]
    assert len(outcomes) == count


@EXAMPLES
@given(number=st.integers(2**53, 2**63 - 1), sequence=st.integers(0, 2**31))
def test_numbers_that_no_float_holds_stay_exact(number: int, sequence: int) -> None:
    document = update(pubsub, "Opportunity", {"StageName": "Q"}, commitNumber=number, sequenceNumber=sequence)
    (event,) = events_of(said(document))
    assert event.seq == (number, sequence)
