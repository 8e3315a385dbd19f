"""A raw record of Salesforce to outcomes: a change event, or records that were queried.

One row is one record id: an event that names three records gives three outcomes, with three ids; a page of a query has
as many rows as records.

Silent reasons: tombstone, own_write, entity_not_read, nothing_mapped, empty_batch, activity_gap, person_gap,
account_gap, relation_gap. Those of rejections are in `refusals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from topics.outcomes import Outcome, Parser, RawRecord, Rejected, Silent
from topics.silences import Silence
from topics.sources.json_records import json_object, that_fit
from topics.sources.read_at import read_at_us
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.salesforce.bitmaps import Named, resolver
from topics.sources.salesforce.changes import (
    HEADER,
    Body,
    is_own_write,
    read_change,
    read_header,
    refuse_large_fields,
    rows_of,
    unwrap,
)
from topics.sources.salesforce.entities import READERS, is_not_read
from topics.sources.salesforce.records import read_record, records_in
from topics.sources.salesforce.subjects import Read
from topics.sources.source import Source


class Rules(NamedTuple):
    """What of a source is compiled once. `readers`: entity -> what its changes become."""

    source_key: str
    own_client: str
    named: Named
    readers: Mapping[str, Read]


def parse(source: Source, record: RawRecord) -> list[Outcome]:
    """One outcome per record id of the change event. Compiles the source each time; see `parser`."""
    return parser(source)(record)


def parser(source: Source) -> Parser:
    """The rules of this source, its field names resolved once."""
    readers = {entity: reader(source) for entity, reader in READERS.items()}
    return partial(_parse, Rules(source.subject_key, source.own_client, resolver(source.schemas), readers))


def _parse(rules: Rules, record: RawRecord) -> list[Outcome]:
    value = record.value
    if value is None:
        return [Silent(Silence.TOMBSTONE)]
    try:
        document = json_object(value)
        body = unwrap(document)
        if body is None:
            return that_fit(value, _read_records(rules, records_in(document), record))
    except RefusedError as fault:
        return [Rejected(fault.reason, fault.detail)]
    try:
        outcomes = _read_change(rules, value, record.timestamp_us, body)
    except RefusedError as fault:
        return [Rejected(fault.reason, fault.detail)] * rows_of(body)
    return that_fit(value, outcomes)


def _read_change(rules: Rules, value: bytes, broker_us: int, body: Body) -> list[Outcome]:
    header = read_header(body.fields[HEADER])
    read = rules.readers.get(header.entity_name)
    if read is None:
        return [_not_read(header.entity_name)] * len(header.record_ids)
    if rules.own_client and is_own_write(header, rules.own_client):
        return [Silent(Silence.OWN_WRITE)] * len(header.record_ids)
    refuse_large_fields(body.fields, len(value))
    return read(read_change(rules.source_key, rules.named, header, body, broker_us))


def _read_records(rules: Rules, records: list[Any], raw: RawRecord) -> list[Outcome]:
    read_us = read_at_us(raw)
    if not records:
        return [Silent(Silence.EMPTY_BATCH)]
    return [_read_record(rules, record, read_us, raw) for record in records]


def _read_record(rules: Rules, record: object, read_us: int | None, raw: RawRecord) -> Outcome:
    try:
        change = read_record(rules.source_key, record, read_us, raw.timestamp_us)
        entity = change.header.entity_name
        read = rules.readers.get(entity)
        if read is None:
            return _not_read(entity)
        refuse_large_fields(change.values, len(raw.value or b""))
        (outcome,) = read(change)
    except RefusedError as fault:
        return Rejected(fault.reason, fault.detail)
    return outcome


def _not_read(entity: str) -> Outcome:
    if is_not_read(entity):
        return Silent(Silence.ENTITY_NOT_READ)
    return Rejected(Reason.UNKNOWN_ENTITY.value, f"entityName {shown(entity)}")
