"""ingest, batch by batch: what goes where, what is counted, and when a source pauses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from engine.records import EVERY_PARTITION, Batch, Record
from programs.ingest import ORIGIN_HEADER, Ingest, MakeIngest
from signals.metrics import InputMetrics
from tests.unit.brain_streams import examples
from topics.codec import decode_event, decode_rejection
from topics.outcomes import Accepted, Outcome, Rejected, Silent
from topics.sources.health import WINDOW, SourceHealth
from topics.sources.source import Source, SourceKind

CRM = Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="acme")
TOPIC = "crm.raw.salesforce"
HEADER = (
    '"ChangeEventHeader":{"entityName":"%s","recordIds":%s,"changeType":"%s","transactionKey":"t%d",'
    '"sequenceNumber":1,"commitTimestamp":1735689600000,"commitNumber":%d,"changedFields":["%s"]}'
)


class NoStore:
    """Ingest keeps no state."""

    def get(self, key: bytes) -> bytes | None:
        """Nothing is kept."""
        raise AssertionError(key)

    def put(self, key: bytes, value: bytes | None) -> None:
        """Nothing is kept."""
        raise AssertionError(key, value)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Nothing is kept."""
        return iter(())

    async def flush(self) -> None:
        """Nothing is kept."""


def change(
    n: int, kind: str = "UPDATE", entity: str = "Opportunity", ids: str = '["006A"]', field: str = "Name"
) -> bytes:
    return f'{{{HEADER % (entity, ids, kind, n, n, field)},"{field}":"x{n}"}}'.encode()


def batch_of(*values: bytes | None, origin: bytes = b"") -> Batch:
    headers = ((ORIGIN_HEADER, origin),) if origin else ()
    records = [Record(TOPIC, 2, 100 + n, 1735689600000000 + n, b"k", value, headers) for n, value in enumerate(values)]
    return Batch(TOPIC, 2, tuple(records))


@pytest.fixture
def metrics() -> InputMetrics:
    return InputMetrics(CollectorRegistry(), (CRM.key,))


@pytest.fixture
def ingest(metrics: InputMetrics) -> Ingest:
    return MakeIngest((CRM,), metrics)(2, NoStore())


def counted(metrics: InputMetrics) -> dict[tuple[str, str], float]:
    families = (metrics.rows, metrics.silent, metrics.rejected, metrics.dirt)
    return {
        (
            sample.name,
            sample.labels.get("outcome") or sample.labels.get("reason") or sample.labels["what"],
        ): sample.value
        for family in families
        for metric in family.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


async def test_every_event_goes_to_its_topic_in_order_and_every_row_is_counted(
    ingest: Ingest, metrics: InputMetrics
) -> None:
    outputs = await ingest.process(
        batch_of(
            change(1, ids='["006A","006B"]'),
            None,
            change(2, entity="Task", field="Status"),
            b"<html>",
            change(3, kind="GAP_OVERFLOW"),
            change(4, entity="Campaign"),
            b"<html>",
        )
    )
    assert [(one.topic, one.key, one.partition, one.timestamp_us) for one in outputs] == [
        ("deal.events", b"salesforce/acme:006A", None, 1735689600000000),
        ("deal.events", b"salesforce/acme:006B", None, 1735689600000000),
        ("people.events", b"salesforce/acme:006A", None, 1735689600000002),
        ("crm.rejected", b"salesforce/acme", None, 1735689600000003),
        ("deal.events", b"", EVERY_PARTITION, 1735689600000004),
        ("crm.rejected", b"salesforce/acme", None, 1735689600000006),
    ]
    assert decode_event(outputs[1].value or b"").key == "salesforce/acme:006B"
    rejection = decode_rejection(outputs[5].value or b"")
    assert (rejection.reason, rejection.partition, rejection.offset, rejection.value) == ("not_json", 2, 106, b"<html>")
    assert counted(metrics) == {
        ("signals_rows_total", "events"): 4,
        ("signals_rows_total", "silent"): 2,
        ("signals_rows_total", "rejected"): 2,
        ("signals_rows_silent_total", "tombstone"): 1,
        ("signals_rows_silent_total", "entity_not_read"): 1,
        ("signals_rows_rejected_total", "not_json"): 2,
    }


async def test_history_that_is_loaded_is_marked(ingest: Ingest) -> None:
    loaded = await ingest.process(batch_of(change(1), origin=b"backfill"))
    live = await ingest.process(batch_of(change(1), origin=b"elsewhere"))
    assert [decode_event(one.value or b"").origin for one in (*loaded, *live)] == ["backfill", "live"]


async def test_all_rows_of_a_record_that_is_refused_are_counted(ingest: Ingest, metrics: InputMetrics) -> None:
    (output,) = await ingest.process(batch_of(change(1, entity="Nothing", ids='["a","b","c"]')))
    assert decode_rejection(output.value or b"").rows == 3
    assert counted(metrics)["signals_rows_rejected_total", "unknown_entity"] == 3


_OUTCOMES: tuple[Outcome, ...] = (Accepted(()), Silent("x"), Rejected("y"))


@given(st.lists(st.lists(st.sampled_from(_OUTCOMES), max_size=40), max_size=12), st.integers(0, 2 * WINDOW))
@examples(60)
def test_a_batch_of_rows_is_to_health_what_its_rows_are_one_by_one(batches: list[list[Outcome]], before: int) -> None:
    at_once = one_by_one = SourceHealth().after([Rejected("z")] * before)
    for batch in batches:
        at_once = at_once.after(batch)
        for outcome in batch:
            one_by_one = one_by_one.after([outcome])
    assert at_once == one_by_one
    assert at_once.rows <= WINDOW
    assert at_once.rejected <= at_once.rows


async def test_a_value_is_passed_on_once_by_each_who_serves_the_partition(metrics: InputMetrics) -> None:
    make = MakeIngest((CRM,), metrics, ("next_step",))
    ingest, successor = make(2, NoStore()), make(2, NoStore())
    stages = [change(n, field="StageName") for n in (1, 2, 1)]

    async def passed_on(by: Ingest) -> list[bytes]:
        outputs = await by.process(batch_of(*stages))
        return [one.key or b"" for one in outputs if one.topic == "people.events"]

    texts = b"salesforce/acme:006A/texts"
    first, second = b"salesforce/acme:stage/x1", b"salesforce/acme:stage/x2"
    assert await passed_on(ingest) == [texts, first, texts, second, texts]
    assert await passed_on(ingest) == [texts, texts, texts]
    assert await passed_on(successor) == [texts, first, texts, second, texts]
