"""The lives of some deals as each source tells them, and what is true of the deals in the end.

`told` writes a life as the records of a source, in its own shape; `truth` folds the same life in a few lines that share
nothing with the product. Values are plain enough for every source: stages, owners and ids are digits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from hypothesis import strategies as st

from topics.outcomes import RawRecord
from topics.sources.source import Provides, Source, SourceKind

START_MS = 1_704_103_200_000  # 2024-01-01T10:00:00Z
HOUR_MS = 3_600_000
#: Everything happens within so many hours, which is less than the lateness horizon.
SPAN_HOURS = 40

Fields: TypeAlias = dict[str, Any]
What: TypeAlias = Literal["created", "changed", "deleted"]


#: Definitions under which much of such lives is said.
PLAYBOOK: dict[str, Any] = {
    "name": "streams",
    "pipelines": [
        {
            "name": "Sales",
            "values": ["1"],
            "sql_stage": "2",
            "stages": [
                {"name": "1", "max_days": 10},
                {"name": "2", "max_days": 5, "required_fields": ["amount"]},
                {"name": "3", "max_days": 3, "required_fields": ["amount", "close_date"]},
                {"name": "4", "outcome": "won"},
                {"name": "5", "outcome": "lost"},
            ],
        }
    ],
    "segments": [{"name": "all", "cycle_days": 30}],
    "sql": {"fields": ["amount"]},
}


class Step(NamedTuple):
    """One change of one deal. `fields` of `stage`, `amount`, `close_date`, `owner`; None for empty."""

    deal: int
    at_ms: int
    what: What
    fields: Fields


class Told(NamedTuple):
    """One record, and when what it tells of happened."""

    at_ms: int
    record: RawRecord


_values = {
    "stage": st.sampled_from(("1", "2", "3", "4")),
    "amount": st.sampled_from((None, 100.0, 2500.5, 12000.0)),
    "close_date": st.sampled_from((None, "2024-02-29", "2024-03-31", "2024-04-01", "2024-06-30")),
    "owner": st.sampled_from(("11", "12")),
}
_BIRTH: Fields = {"stage": "1", "amount": None, "close_date": "2024-02-29", "owner": "11"}


@st.composite
def lives(draw: st.DrawFn, deals: int = 3) -> list[Step]:
    """Some deals, each created, changed some times and perhaps deleted, no two changes at one instant."""
    steps = [Step(1 + deal, START_MS + deal, "created", dict(_BIRTH)) for deal in range(deals)]
    more = draw(st.lists(st.tuples(st.integers(1, deals), st.integers(1, SPAN_HOURS)), min_size=3, max_size=12))
    for number, (deal, hours) in enumerate(more):
        fields = draw(st.fixed_dictionaries({}, optional=_values).filter(bool))
        steps.append(Step(deal, START_MS + hours * HOUR_MS + 1000 * number, "changed", fields))
    if draw(st.booleans()):
        steps.append(Step(draw(st.integers(1, deals)), START_MS + (SPAN_HOURS + 1) * HOUR_MS, "deleted", {}))
    return sorted(steps, key=lambda one: one.at_ms)


def truth(steps: Iterable[Step]) -> dict[int, Fields | None]:
    """Each deal's last values; None for one that was deleted."""
    deals: dict[int, Fields | None] = {}
    for one in sorted(steps, key=lambda each: each.at_ms):
        deals[one.deal] = None if one.what == "deleted" else {**(deals.get(one.deal) or {}), **one.fields}
    return deals


# --- how each source tells it ------------------------------------------------------------------------------------


def _record(value: object, key: object = None) -> RawRecord:
    return RawRecord(None if key is None else json.dumps(key).encode(), json.dumps(value).encode())


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _salesforce(steps: list[Step]) -> list[Told]:
    names = {"stage": "StageName", "amount": "Amount", "close_date": "CloseDate", "owner": "OwnerId"}
    kinds = {"created": "CREATE", "changed": "UPDATE", "deleted": "DELETE"}
    told = []
    for number, one in enumerate(steps):
        fields = {names[name]: value for name, value in one.fields.items()}
        header = {
            "entityName": "Opportunity",
            "recordIds": [f"006{one.deal:015}"],
            "changeType": kinds[one.what],
            "changeOrigin": "",
            "transactionKey": f"{number:08}-7a3c-4bd1-9f00-51f3c2ab5fed",
            "sequenceNumber": 1,
            "commitTimestamp": one.at_ms,
            "commitNumber": 1_652_977_933_433_528_000 + number,
            "commitUser": "005SB000000146PYAQ",
            "nulledFields": [name for name, value in fields.items() if value is None],
            "diffFields": [],
            "changedFields": list(fields) if one.what == "changed" else [],
        }
        unchanged = dict.fromkeys(names.values())  # the flat shape has every field, null where it did not change
        told.append(Told(one.at_ms, _record({"ChangeEventHeader": header, **unchanged, **fields})))
    return told


def _hubspot(steps: list[Step]) -> list[Told]:
    names = {"stage": "dealstage", "amount": "amount", "close_date": "closedate", "owner": "hubspot_owner_id"}
    told = []
    for number, one in enumerate(steps):
        common = {
            "eventId": number,  # is not unique: a restart of theirs counts anew
            "subscriptionId": 1,
            "portalId": 1,
            "appId": 2,
            "occurredAt": one.at_ms,
            "attemptNumber": 0,
            "changeSource": "CRM_UI",
            "objectId": one.deal,
        }
        notices: list[dict[str, Any]] = []
        if one.what != "changed":
            notices.append(common | {"subscriptionType": "deal.creation" if one.what == "created" else "deal.deletion"})
        notices += [
            common
            | {
                "subscriptionType": "deal.propertyChange",
                "propertyName": names[name],
                "propertyValue": _as_text(name, value),
            }
            for name, value in one.fields.items()
        ]
        told.append(Told(one.at_ms, _record(notices)))
    return told


def _as_text(name: str, value: object) -> str:
    """Every value is text; a day is the milliseconds of its midnight."""
    if value is None:
        return ""
    if name == "close_date":
        return str(round(datetime.fromisoformat(str(value)).replace(tzinfo=UTC).timestamp() * 1000))
    return str(value)


def _pipedrive(steps: list[Step]) -> list[Told]:
    told = []
    now: dict[int, Fields] = {}
    for number, one in enumerate(steps):
        before = now.get(one.deal, {})
        after = {**before, **one.fields}
        now[one.deal] = after
        data: Fields = {
            "id": one.deal,
            "title": f"Deal {one.deal}",
            "value": after.get("amount"),
            "currency": "EUR",
            "status": "open",
            "stage_id": int(after["stage"]),
            "pipeline_id": 1,
            "owner_id": int(after["owner"]),
            "person_id": None,
            "org_id": None,
            "expected_close_date": after.get("close_date"),
            "add_time": _iso(START_MS),
            "update_time": _iso(one.at_ms),
            "custom_fields": {},
        }
        names = {"stage": "stage_id", "amount": "value", "close_date": "expected_close_date", "owner": "owner_id"}
        previous = {names[name]: before.get(name) for name in one.fields if before.get(name) != after[name]}
        meta = {
            "action": {"created": "create", "changed": "change", "deleted": "delete"}[one.what],
            "entity": "deal",
            "company_id": "1",
            "entity_id": str(one.deal),
            "id": f"00000000-0000-4000-8000-{number:012}",
            "timestamp": _iso(one.at_ms),
            "version": "2.0",
            "attempt": 1,
            "user_id": "11",
        }
        value = {
            "meta": meta,
            "data": None if one.what == "deleted" else data,
            "previous": None if one.what == "created" else previous | {"update_time": _iso(one.at_ms - 1)},
        }
        told.append(Told(one.at_ms, _record(value)))
    return told


def _debezium(steps: list[Step]) -> list[Told]:
    told = []
    now: dict[int, Fields] = {}
    for number, one in enumerate(steps):
        before, after = now.get(one.deal), {**now.get(one.deal, {}), **one.fields}
        now[one.deal] = after
        source = {"connector": "postgresql", "db": "crm", "schema": "public", "table": "deals", "snapshot": "false"}
        value = {
            "before": None if before is None else {"id": one.deal},
            "after": None if one.what == "deleted" else {"id": one.deal, **after},
            "source": source | {"ts_ms": one.at_ms, "lsn": 1000 + number, "txId": number, "name": "crm"},
            "op": {"created": "c", "changed": "u", "deleted": "d"}[one.what],
            "ts_ms": one.at_ms + 700,  # the connector's clock, which says nothing
        }
        told.append(Told(one.at_ms, _record(value, {"id": one.deal})))
        if one.what == "deleted":
            told.append(Told(one.at_ms, RawRecord(json.dumps({"id": one.deal}).encode(), None)))
    return told


_PROVIDES = frozenset({Provides.CLOSE_DATE, Provides.OWNERS})
_DEBEZIUM: dict[str, object] = {
    "kind": "debezium",
    "tenant": "acme",
    "provides": ["close_date", "owners"],
    "tables": {
        "public.deals": {
            "kind": "deals",
            "key": "id",
            "columns": {
                "stage": "stage",
                "amount": {"to": "amount", "type": "number"},
                "close_date": {"to": "close_date", "type": "day", "format": "iso"},
                "owner": "owner_id",
            },
        }
    },
}


class Teller(NamedTuple):
    """A configured source, how it tells of steps, and the key of a deal there."""

    source: Source
    tell: Callable[[list[Step]], list[Told]]
    key: Callable[[int], str]


def _source(kind: SourceKind, tenant: str, mapping: dict[str, object] | None = None) -> Source:
    return Source(name=kind.value, kind=kind, tenant=tenant, provides=_PROVIDES, mapping=mapping)


TELLERS: Mapping[str, Teller] = {
    "salesforce": Teller(
        _source(SourceKind.SALESFORCE, "acme"), _salesforce, lambda deal: f"salesforce/acme:006{deal:015}"
    ),
    "hubspot": Teller(_source(SourceKind.HUBSPOT, "1"), _hubspot, lambda deal: f"hubspot/1:{deal}"),
    "pipedrive": Teller(_source(SourceKind.PIPEDRIVE, "1"), _pipedrive, lambda deal: f"pipedrive/1:{deal}"),
    "debezium": Teller(
        _source(SourceKind.DEBEZIUM, "acme", _DEBEZIUM), _debezium, lambda deal: f"debezium/acme:{deal}"
    ),
}
