"""CloudEvents 1.x on Kafka: what buyers do outside the CRM becomes `EngagementSeen`.

One event is one row; how a record holds it, or several of them, is in `modes`. The subject is named by the
data or by extension attributes (`SUBJECTS`), or as `Source.fields` says; `Source.deal_source` is the key of the CRM
whose ids those are (`salesforce/acme`), by default this source.
Silent reasons: tombstone, empty_batch; those of rejections are in `refusals`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from topics.events import EngagementSeen, Scalar, deal_key, event_id
from topics.instants import parse_rfc3339
from topics.outcomes import Accepted, Outcome, Parser, RawRecord
from topics.sources.cloudevents.modes import CloudEvent, Message, messages
from topics.sources.field_values import event_time, scalar
from topics.sources.json_records import that_fit
from topics.sources.refusals import Reason, RefusedError, shown
from topics.sources.source import Source

#: How producers call the subjects: keys of the data, and extension attributes (lower case, by the specification).
SUBJECTS = {
    "deal_id": ("deal_id", "dealId", "dealid", "opportunity_id", "opportunityId", "opportunityid"),
    "contact_id": ("contact_id", "contactId", "contactid", "person_id", "personId", "personid"),
    "account_id": ("account_id", "accountId", "accountid", "company_id", "companyId", "companyid"),
}

_REQUIRED = ("id", "source", "type")
_ATTRIBUTE_LIMIT = 1024
_ID_LIMIT = 128


class Names(NamedTuple):
    """The source's names, resolved once. `subjects`: canonical id -> where to look for it, in this order."""

    source_key: str
    subject_source: str
    renamed: Mapping[str, str]
    subjects: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, source: Source) -> Names:
        """The names of this source; its own come before the usual ones."""
        subjects = {
            ours: (*(theirs for theirs, name in source.fields.items() if name == ours), *usual)
            for ours, usual in SUBJECTS.items()
        }
        return cls(source.key, source.subject_key, source.fields, subjects)


def parse(source: Source, record: RawRecord) -> list[Outcome]:
    """One outcome. Compiles the source each time; see `parser`."""
    return parser(source)(record)


def parser(source: Source) -> Parser:
    """The rules of this source, its names resolved once."""
    return partial(_parse, Names.of(source))


def _parse(names: Names, record: RawRecord) -> list[Outcome]:
    outcomes = [_outcome(names, message, record.timestamp_us) for message in messages(record)]
    return outcomes if record.value is None else that_fit(record.value, outcomes)


def _outcome(names: Names, message: Message, broker_us: int) -> Outcome:
    if not isinstance(message, CloudEvent):
        return message
    try:
        return _read(names, message, broker_us)
    except RefusedError as fault:
        return fault.rejected()


def _read(names: Names, event: CloudEvent, broker_us: int) -> Outcome:
    attributes = event.attributes
    identity, origin, kind = _attributes(attributes)
    at_us = _time(attributes.get("time"), broker_us)
    data = event.data if isinstance(event.data, dict) else {}
    deal, person, account = (_subject(names, ours, data, attributes) for ours in SUBJECTS)
    subject = deal or person or account
    if subject is None:
        raise RefusedError(Reason.NO_SUBJECT, f"no deal, contact or account in {shown(kind)}")
    scalars, dirt = _scalars(names, data)
    seen = EngagementSeen(
        id=event_id(names.source_key, origin, identity),
        key=deal_key(names.subject_source, subject),
        source=names.source_key,
        at_us=at_us,
        kind=kind,
        data=scalars,
        deal=None if deal is None else deal_key(names.subject_source, deal),
        person=person,
        account=account,
    )
    return Accepted((seen,), dirt=dirt)


def _attributes(event: Mapping[str, object]) -> tuple[str, str, str]:
    if "specversion" not in event:
        raise RefusedError(Reason.NOT_A_CLOUDEVENT, "no specversion")
    version = event["specversion"]
    if not isinstance(version, str) or not version.startswith("1."):
        raise RefusedError(Reason.SPECVERSION, f"specversion {shown(version)}, only 1.x is read")
    identity, origin, kind = (_required(event, name) for name in _REQUIRED)
    return identity, origin, kind


def _required(event: Mapping[str, object], name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise RefusedError(Reason.MISSING_ATTRIBUTE, f"{name}: expected text, got {shown(value)}")
    if len(value) > _ATTRIBUTE_LIMIT:
        raise RefusedError(
            Reason.FIELD_TOO_LARGE, f"{name}: {len(value)} characters, at most {_ATTRIBUTE_LIMIT} are read"
        )
    return value


def _time(value: object, broker_us: int) -> int:
    """`time`, which is optional in CloudEvents; without it, when the broker received the event."""
    if value is None:
        if broker_us <= 0:
            raise RefusedError(Reason.NO_TIME, "neither time nor a timestamp of the record")
        return event_time("timestamp", broker_us, broker_us)
    if not isinstance(value, str):
        raise RefusedError(Reason.WRONG_TYPE, f"time: expected text, got {shown(value)}")
    try:
        at_us = parse_rfc3339(value)
    except (ValueError, OverflowError) as error:
        raise RefusedError(Reason.BAD_TIME, f"time: {shown(value)}") from error
    return event_time("time", at_us, broker_us)


def _subject(names: Names, ours: str, data: Mapping[str, object], event: Mapping[str, object]) -> str | None:
    for place in (data, event):
        for theirs in names.subjects[ours]:
            value = place.get(theirs)
            if value is not None and value != "":
                return _id(theirs, value)
    return None


def _id(name: str, value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63:
        return str(value)
    if isinstance(value, str) and len(value) <= _ID_LIMIT and value.isprintable() and not value.isspace():
        return value.strip()
    raise RefusedError(Reason.WRONG_TYPE, f"{name}: expected an id, got {shown(value)}")


def _scalars(names: Names, data: Mapping[str, object]) -> tuple[dict[str, Scalar], tuple[str, ...]]:
    kept = {
        names.renamed.get(name, name): scalar(shown(name), value)
        for name, value in data.items()
        if not isinstance(value, dict | list)
    }
    return kept, () if len(kept) == len(data) else ("not_scalar.data",)
