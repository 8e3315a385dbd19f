"""A simulated quarter of fifty owners: what everybody would have been told, held to what was promised.

The sums are done again here, from deliveries and the log alone: working hours with `zoneinfo` and nothing of ours.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from alerts.reasons import Fate, Reason
from alerts.values import Decision, Delivery, Form, Op
from playbook.load import Loaded, load
from playbook.model import Owner
from programs.definitions import default_text
from programs.published import Published
from programs.rehearsing import Heard, Rehearsal, when
from programs.settings import DEFAULT_SOURCES
from programs.startup import to_source
from signals.replay import replay
from signals.rules import Rules
from signals.simulate import Options, simulate
from tests.unit.policy_timeline import conserved
from topics.catalog import DEAL_SIGNALS
from topics.codec import encode
from topics.instants import DAY_US, SECOND_US, parse_rfc3339
from topics.signals import Severity, Signal, Step
from topics.sources.registry import parser

#: Half a minute of work, most of it the fan-out's and the policy's.
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

START_MS = 1_767_225_600_000  # 2026-01-01: the clocks change in March
DEALS, DAYS, OWNERS = 120, 91, 50
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "America/Los_Angeles", "Asia/Kolkata")
LISTS = frozenset({Form.DIGEST, Form.QUEUE})


class Quarter(NamedTuple):
    """What was rehearsed and what came of it."""

    playbook: Loaded
    signals: list[Signal]
    heard: list[Heard]

    def deliveries(self) -> list[tuple[int, Delivery]]:
        """Everything said or edited, and when."""
        return [(each.at_us, each.what) for each in self.heard if isinstance(each.what, Delivery)]

    def interruptions(self) -> list[tuple[int, Delivery]]:
        """What interrupted a person."""
        return [(at_us, one) for at_us, one in self.deliveries() if one.op is not Op.EDIT and not one.recipient.channel]

    def log(self) -> list[Decision]:
        """Every decision, in order."""
        return [each.what for each in self.heard if isinstance(each.what, Decision)]

    def zone(self, recipient: str) -> ZoneInfo:
        """Where a person is."""
        name = recipient.partition(":")[2]
        return ZoneInfo(next(each.timezone or "UTC" for each in self.playbook.playbook.owners if each.name == name))


@pytest.fixture(scope="module")
def quarter() -> Quarter:
    base = load(default_text(), "default.yaml")
    owners = tuple(
        Owner(
            name=f"Owner {number}",
            ids=(f"o{number}",),
            email=f"o{number}@example.com",
            timezone=ZONES[number % len(ZONES)],
            lead=f"Owner {number % 5}" if number >= 5 else None,
        )
        for number in range(OWNERS)
    )
    loaded = Loaded(base.playbook.model_copy(update={"owners": owners}), base.hash)
    sources = [to_source(setting, 0) for setting in DEFAULT_SOURCES]
    parsers = {source.name: parser(source) for source in sources}
    records = simulate(Options(seed=3, deals=DEALS, days=DAYS, start_ms=START_MS, people=True))
    said = replay(
        [(parsers[one.source], one.record) for one in records], Rules(loaded.playbook, loaded.hash, sources)
    ).signals
    numbers: dict[str, int] = {}
    signals = [_owned(signal, numbers.setdefault(signal.subject_key, len(numbers) % OWNERS)) for signal in said]
    rehearsal = Rehearsal(Published(loaded))
    heard = [each for one in signals for each in rehearsal.take(DEAL_SIGNALS, encode(one), when(one))]
    heard += rehearsal.until((START_MS + DAYS * 86_400_000) * 1000)
    return Quarter(loaded, signals, heard)


def _owned(signal: Signal, number: int) -> Signal:
    """The simulated team is smaller than fifty: deals are dealt out anew, and told of when they are detected."""
    return replace(signal, owner_id=f"o{number}", owner=f"Owner {number}", detected_at=signal.occurred_at)


def _local(at_us: int, zone: ZoneInfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).astimezone(zone)


def _works(moment: datetime) -> bool:
    return moment.weekday() < 5 and 9 <= moment.hour < 17


def _worked_s(start_us: int, end_us: int, zone: ZoneInfo) -> float:
    """Seconds of working time between two instants, second by second around the edges of days."""
    total, at_us = 0.0, start_us
    while at_us < end_us:
        moment = _local(at_us, zone)
        if _works(moment):
            close = moment.replace(hour=17, minute=0, second=0, microsecond=0)
            step_us = min(end_us, at_us + round((close - moment).total_seconds() * SECOND_US)) - at_us
            total += step_us / SECOND_US
        else:
            step_us = min(60 * SECOND_US - at_us % (60 * SECOND_US), end_us - at_us)
        at_us += step_us
    return total


def test_the_quarter_has_enough_in_it(quarter: Quarter) -> None:
    opened = [one for one in quarter.signals if one.transition is Step.OPENED]
    assert len(opened) > 1_000
    assert len({one.owner for one in opened}) == OWNERS
    assert sum(one.severity is Severity.CRITICAL for one in opened) > 50
    assert len(quarter.interruptions()) > 500


def test_no_owner_exceeds_the_budget_on_any_day_but_by_critical_ones_of_the_largest_deals(quarter: Quarter) -> None:
    most = quarter.playbook.playbook.alerts.budget.per_day
    days: Counter[tuple[str, object]] = Counter()
    lists: Counter[tuple[str, object]] = Counter()
    for at_us, one in quarter.interruptions():
        day = (one.recipient.key, _local(at_us, quarter.zone(one.recipient.key)).date())
        if one.form in LISTS:
            lists[day] += 1
        elif one.reason is Reason.TOLD_BEYOND_BUDGET:
            assert one.signal.severity is Severity.CRITICAL
            assert _is_of_the_largest(quarter, one.signal, at_us)
        else:
            days[day] += 1
    assert max(days.values()) <= most
    assert max(lists.values()) == 1, "one list a day"


def _is_of_the_largest(quarter: Quarter, signal: Signal, at_us: int) -> bool:
    amounts = {one.subject_key: one.amount or 0.0 for one in quarter.signals if when(one) <= at_us}
    larger = sum(each >= (signal.amount or 0.0) for each in amounts.values())
    return larger <= 0.1 * len(amounts) + 1


def test_nobody_is_told_anything_outside_their_working_hours(quarter: Quarter) -> None:
    broken = [
        (one.recipient.key, _local(at_us, quarter.zone(one.recipient.key)))
        for at_us, one in quarter.interruptions()
        if not _works(_local(at_us, quarter.zone(one.recipient.key)))
    ]
    assert broken == []


def test_critical_ones_are_told_within_a_minute_of_working_time(quarter: Quarter) -> None:
    """Counted from the detection, for all that were not inhibited, over budget or over by then."""
    held: dict[tuple[str, str], set[Reason]] = defaultdict(set)
    late, told = [], 0
    since = {one.id: when(one) for one in quarter.signals if one.transition is Step.OPENED}
    turned = {one.id for one in quarter.signals if one.transition is not Step.OPENED}
    for each in quarter.log():
        key = (each.signal, each.recipient)
        if each.reason in (Reason.TOLD, Reason.MERGED, Reason.JOINED, Reason.TOLD_BEYOND_BUDGET):
            critical = _severity(quarter, each) is Severity.CRITICAL and each.signal not in turned
            if each.via is Reason.AS_OWNER and critical and not held[key] & {Reason.OVER_BUDGET, Reason.INHIBITED}:
                took_s = _worked_s(since[each.signal], parse_rfc3339(each.at), quarter.zone(each.recipient))
                told += 1
                if took_s > 60:
                    late.append((each, took_s))
        held[key].add(each.reason)
    assert late == []
    assert told > 20


def _severity(quarter: Quarter, decision: Decision) -> Severity:
    return next(one.severity for one in quarter.signals if one.id == decision.signal)


def test_per_signal_and_recipient_and_kind_the_counts_add_up(quarter: Quarter) -> None:
    """Opened = told + merged + inhibited + held + dropped."""
    fates = conserved([each for each in quarter.log() if each.recipient])
    kinds = {one.id: one.kind for one in quarter.signals}
    opened: Counter[object] = Counter()
    met: set[tuple[str, str]] = set()
    for each in quarter.log():
        key = (each.signal, each.recipient)
        if each.recipient and key not in met and each.reason is Reason.SETTLING:
            met.add(key)
            opened[kinds[each.signal]] += 1
    by_fate: dict[object, Counter[Fate]] = defaultdict(Counter)
    for (signal, _), fate in fates.items():
        by_fate[kinds[signal]][fate] += 1
    assert {kind: counts.total() for kind, counts in by_fate.items()} == dict(opened)
    everywhere = sum(by_fate.values(), Counter())
    assert set(everywhere) >= {Fate.TOLD, Fate.MERGED, Fate.INHIBITED, Fate.DROPPED}
    to_owners = {(one.id, f"person:{one.owner}") for one in quarter.signals if one.transition is Step.OPENED}
    told_nobody = {each.signal for each in quarter.log() if not each.recipient}
    unmet = {key for key in to_owners - met if key[0] not in told_nobody}
    assert {kinds[signal].value for signal, _ in unmet} <= {"icp_mismatch", "value_unmapped", "unowned"}


def test_the_end_of_the_quarter_holds_nothing_that_nobody_can_explain(quarter: Quarter) -> None:
    last = {(each.signal, each.recipient): each for each in quarter.log()}
    waiting = [each for each in last.values() if each.reason in (Reason.SETTLING, Reason.GROUPING, Reason.QUIET_HOURS)]
    end_us = (START_MS + DAYS * 86_400_000) * 1000
    assert all(each.until and parse_rfc3339(each.until) > end_us - DAY_US for each in waiting)
