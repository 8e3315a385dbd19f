"""The simulated CRM's records: repeatable, in order, of both shapes, understood by the parsers, late only on demand."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable
from itertools import islice, pairwise

import msgspec
import pytest

from signals.simulate import CRM, WEB, Emitted, Options, _Life, simulate
from signals.simulation.arrival import DISORDER, LIVE, TIDY
from signals.simulation.cdc import SCHEMAS
from signals.simulation.ids import record_id
from topics.events import ActivityChanged, DealChanged, DealGap, EngagementSeen, PersonChanged
from topics.instants import DAY_US, HOUR_US, from_us
from topics.outcomes import Accepted, Outcome, Rejected
from topics.sources.registry import parser
from topics.sources.source import Provides, Source, SourceKind

START_MS = 1_735_689_600_000  # 2025-01-01
OPTIONS = Options(seed=7, deals=80, days=120, start_ms=START_MS)
CRM_SOURCE = Source(name=CRM, kind=SourceKind.SALESFORCE, tenant="t", provides=frozenset(Provides), schemas=SCHEMAS)
WEB_SOURCE = Source(name=WEB, kind=SourceKind.CLOUDEVENTS, tenant="t", deal_source=CRM_SOURCE.key)
PARSERS = {CRM: parser(CRM_SOURCE), WEB: parser(WEB_SOURCE)}


def outcomes(records: Iterable[Emitted]) -> list[Outcome]:
    return [outcome for one in records for outcome in PARSERS[one.source](one.record)]


def rejections(records: Iterable[Emitted]) -> Counter[str]:
    return Counter(one.reason for one in outcomes(records) if isinstance(one, Rejected))


@pytest.fixture(scope="module")
def tidy() -> list[Emitted]:
    return list(simulate(OPTIONS))


@pytest.fixture(scope="module")
def late() -> list[Emitted]:
    return list(simulate(OPTIONS._replace(trouble=DISORDER)))


def created(records: Iterable[Emitted]) -> list[int]:
    """When each deal was created, in microseconds."""
    births = [one for one in records if b'"changeType":"CREATE"' in (one.record.value or b"")]
    return [
        event.at_us
        for one in outcomes(births)
        if isinstance(one, Accepted)
        for event in one.events
        if isinstance(event, DealChanged)
    ]


def header(emitted: Emitted) -> dict[str, object]:
    body = msgspec.json.decode(emitted.record.value or b"")
    body = body["data"]["payload"] if "channel" in body else body
    return dict(body["ChangeEventHeader"])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    messy = OPTIONS._replace(trouble=LIVE._replace(gaps=0.01), faults=0.1)
    assert list(simulate(messy)) == list(simulate(messy))
    assert list(simulate(messy)) != list(simulate(messy._replace(seed=8)))


@pytest.mark.parametrize("run", ["tidy", "late"])
def test_records_come_in_order_of_arrival_and_none_before_it_was_committed(
    run: str, request: pytest.FixtureRequest
) -> None:
    records = request.getfixturevalue(run)
    assert all(one.record.timestamp_us <= two.record.timestamp_us for one, two in pairwise(records))
    accepted = [(one, outcome) for one in records for outcome in PARSERS[one.source](one.record)]
    for emitted, outcome in accepted:
        if isinstance(outcome, Accepted):
            assert outcome.events[0].at_us <= emitted.record.timestamp_us


def test_every_record_of_a_tidy_run_is_understood_and_every_entity_and_engagement_comes(tidy: list[Emitted]) -> None:
    assert not rejections(tidy)
    kinds = Counter(type(event) for one in outcomes(tidy) if isinstance(one, Accepted) for event in one.events)
    assert min(kinds[kind] for kind in (DealChanged, ActivityChanged, PersonChanged, EngagementSeen)) >= 20


def test_both_shapes_and_bitmaps_say_the_same() -> None:
    wrapped = outcomes(simulate(OPTIONS._replace(pubsub=0.0)))
    flat = outcomes(simulate(OPTIONS._replace(pubsub=1.0)))
    bits = outcomes(simulate(OPTIONS._replace(pubsub=1.0, bitmaps=True)))
    assert any(isinstance(one, Accepted) and None in _values(one) for one in wrapped)
    assert wrapped == flat
    assert flat == bits


def _values(accepted: Accepted) -> list[object]:
    return [value for event in accepted.events if isinstance(event, DealChanged) for value in event.fields.values()]


def test_shapes_are_mixed_by_the_share_asked_for(tidy: list[Emitted]) -> None:
    records = [one for one in tidy if one.source == CRM]
    wrapped = sum(b'"channel"' in (one.record.value or b"") for one in records)
    assert 0.4 < wrapped / len(records) < 0.6


def test_some_changes_name_several_deals_and_some_share_a_transaction_or_a_second(tidy: list[Emitted]) -> None:
    headers = [header(one) for one in tidy if one.source == CRM]
    assert any(len(list(one["recordIds"])) > 1 for one in headers)  # type: ignore[call-overload]  # JSON of any type
    transactions = Counter(str(one["transactionKey"]) for one in headers)
    assert max(transactions.values()) > 1
    seconds = Counter((str(one["recordIds"]), int(str(one["commitTimestamp"])) // 1000) for one in headers)
    assert max(seconds.values()) > 1
    assert all(int(str(one["commitNumber"])) > 2**53 for one in headers)


def test_in_disorder_a_tenth_comes_twice_and_nothing_later_than_the_horizon(
    tidy: list[Emitted], late: list[Emitted]
) -> None:
    assert {one.record.value for one in late} == {one.record.value for one in tidy}
    assert 0.07 < 1 - len(tidy) / len(late) < 0.13
    delays = [
        one.record.timestamp_us - outcome.events[0].at_us
        for one in late
        for outcome in PARSERS[one.source](one.record)
        if isinstance(outcome, Accepted)
    ]
    assert max(delays) <= 36 * HOUR_US
    assert sum(delay > HOUR_US for delay in delays) > len(delays) / 3


def test_garbage_is_rejected_for_many_reasons_and_beside_it_nothing_is_missing(tidy: list[Emitted]) -> None:
    messy = list(simulate(OPTIONS._replace(trouble=TIDY._replace(garbage=0.05))))
    assert len(rejections(messy)) >= 5
    assert max(len(one.record.value or b"") for one in messy) > 1_000_000
    assert not Counter(one.record.value for one in tidy) - Counter(one.record.value for one in messy)


def test_a_gap_hides_a_change_and_the_deal_is_mostly_read_again() -> None:
    events = [
        event
        for one in outcomes(simulate(OPTIONS._replace(trouble=TIDY._replace(gaps=0.05))))
        if isinstance(one, Accepted)
        for event in one.events
    ]
    gaps = sum(isinstance(event, DealGap) for event in events)
    read_again = sum(isinstance(event, DealChanged) and event.full and not event.created for event in events)
    assert gaps > 10
    assert gaps / 2 < read_again < gaps


def test_all_deals_start_in_time_and_none_after(tidy: list[Emitted]) -> None:
    births = created(tidy)
    assert len(births) == OPTIONS.deals
    assert START_MS * 1000 <= min(births) < max(births) < START_MS * 1000 + OPTIONS.days * DAY_US


def test_people_keep_office_hours_and_slow_down_in_august_and_december() -> None:
    moments = [from_us(at_us) for at_us in created(simulate(Options(seed=3, deals=300, days=365, start_ms=START_MS)))]
    months = Counter(moment.month for moment in moments)
    assert max(months[8], months[12]) < min(months[month] for month in (3, 5, 6, 10))
    assert sum(moment.weekday() >= 5 for moment in moments) < len(moments) / 20


def test_the_endless_form_holds_only_the_living() -> None:
    endless = Options(seed=5, deals=30, days=60, start_ms=START_MS, endless=True)
    stream = simulate(endless)
    assert len(list(islice(stream, 4_000))) == 4_000
    early = _alive()
    last = list(islice(stream, 12_000))[-1]
    assert last.record.timestamp_us > START_MS * 1000 + 400 * DAY_US
    assert _alive() < 1.5 * early


def _alive() -> int:
    return sum(isinstance(one, _Life) for one in gc.get_objects())


@pytest.mark.parametrize(
    ("prefix", "number", "expected"),
    [
        ("006", 1, "006Sm0000000001IAA"),
        ("00T", 123456789, "00TSm0123456789MAA"),
    ],
)
def test_record_ids_end_in_the_check_that_salesforce_computes(prefix: str, number: int, expected: str) -> None:
    assert record_id(prefix, number) == expected
