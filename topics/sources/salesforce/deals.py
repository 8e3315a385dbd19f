"""Salesforce's Opportunity: a deal, what becomes of it, and the gaps in what we are told of it."""

from __future__ import annotations

from functools import partial

from topics.events import DEAL_FIELDS, DealChanged, DealGap, DealRemoved, Scalar, SourceGap, deal_key, id_of
from topics.outcomes import Accepted, Outcome
from topics.silences import Silence
from topics.sources.field_values import Coerce, event_time, instant, number, text
from topics.sources.salesforce.changes import Change, actor_of
from topics.sources.salesforce.days import day
from topics.sources.salesforce.fields import DEALS, Fields, Table
from topics.sources.salesforce.records import STAGE_SINCE
from topics.sources.salesforce.subjects import Read, silent
from topics.sources.source import Source

_READ: dict[str, Coerce] = {
    **dict.fromkeys(DEAL_FIELDS, text),
    "amount": number,
    "probability": number,
    "close_date": day,
    "created_at": instant,
}
_STAGE, _CREATED = "StageName", "CreatedDate"
OPPORTUNITY = Table(
    DEALS,
    {
        "Name": "name",
        _STAGE: "stage",
        "Amount": "amount",
        "CurrencyIsoCode": "currency",
        "CloseDate": "close_date",
        _CREATED: "created_at",
        "OwnerId": "owner_id",
        "RecordTypeId": "pipeline",
        "ForecastCategoryName": "forecast_category",
        "NextStep": "next_step",
        "AccountId": "account_id",
        "Type": "type",
        "LeadSource": "lead_source",
        "Probability": "probability",
    },
    _READ,
    canonical=DEAL_FIELDS,
    custom=True,
)


def deals(source: Source) -> Read:
    """What the changes of this source's opportunities become."""
    return partial(_deals, Fields(OPPORTUNITY, source))


def _deals(names: Fields, change: Change) -> list[Outcome]:
    kind = change.header.change_type
    if (change.full or kind == "UPDATE") and not change.is_of_every_record:
        return _changed_deals(names, change)
    return [Accepted((_without_fields(change, record),), "", change.dirt) for record in change.header.record_ids]


def _without_fields(change: Change, record: str) -> DealRemoved | DealGap | SourceGap:
    """The event of a change that says nothing about fields: a delete, or a gap."""
    kind, identity, source, at_us, seq = (
        change.header.change_type,
        change.id_of(record),
        change.source_key,
        change.at_us,
        change.seq,
    )
    if kind == "GAP_OVERFLOW" or change.is_of_every_record:
        return SourceGap(id=identity, key="", source=source, at_us=at_us, seq=seq)
    make = DealRemoved if kind == "DELETE" else DealGap
    return make(id=identity, key=deal_key(source, record), source=source, at_us=at_us, seq=seq)


def _changed_deals(names: Fields, change: Change) -> list[Outcome]:
    fields, dirt = names.read(change)
    created = change.header.change_type == "CREATE"
    if change.full:
        _keep_creation(fields, change.at_us if created else None)
    elif not fields:
        return silent(change, Silence.NOTHING_MAPPED)
    dirt += change.dirt
    since = _stage_since(names, change, fields)
    source, at_us, seq, actor = change.source_key, change.at_us, change.seq, actor_of(change.header)
    full = change.full and "stage" in fields  # whoever did not ask for the stage did not ask for the deal
    outcomes: list[Outcome] = []
    for record in change.header.record_ids:
        event = DealChanged(
            id=change.id_of(record),
            key=deal_key(source, record),
            source=source,
            at_us=at_us,
            seq=seq,
            fields=fields,
            full=full,
            created=created,
            actor=actor,
        )
        outcomes.append(Accepted((event,) if since is None else (_entered(event, record, since), event), "", dirt))
    return outcomes


def _keep_creation(fields: dict[str, Scalar], committed_us: int | None) -> None:
    """A deal's creation is never empty: where a full record lacks it, the CREATE's commit, else not covered."""
    if fields.get("created_at") is None:
        fields.pop("created_at", None)
        if committed_us is not None:
            fields["created_at"] = committed_us


def _stage_since(names: Fields, change: Change, fields: dict[str, Scalar]) -> int | None:
    """When a record that was queried entered its stage, where it says so and the stage is Salesforce's own.

    Where it never left the stage in which it was created, Salesforce says nothing, and it is since then.
    """
    if not change.is_queried or STAGE_SINCE not in change.values or fields.get("stage") is None:
        return None
    if not names.means(_STAGE, "stage"):
        return None
    since_us = instant(STAGE_SINCE, change.values[STAGE_SINCE] or change.values.get(_CREATED))
    return since_us if since_us is None or since_us < change.at_us else None


def _entered(event: DealChanged, record: str, since_us: int) -> DealChanged:
    """That a deal entered its stage, which is the same change however often the record is queried."""
    return DealChanged(
        id=id_of(f"{event.source}\x1f{STAGE_SINCE}\x1f{record}\x1f{since_us}"),
        key=event.key,
        source=event.source,
        at_us=event_time(STAGE_SINCE, since_us, 0),
        fields={"stage": event.fields["stage"]},
    )
