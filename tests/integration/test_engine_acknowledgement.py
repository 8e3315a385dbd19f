"""Each record is done exactly once, whatever raises, stops, joins, freezes or is killed (design, laws 7 and 8)."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from engine.settings import Broker, StoreKind
from tests.brokers.apache import KafkaCluster, NoKafkaError
from tests.brokers.matrix import on_kafka, slow_on_embedded
from tests.brokers.running import committed, copied, ends, fill, lost, prepare, state, unlike_once, worker
from tests.brokers.worker import POISON, Boundary, Plan

RECORDS = 1_000
STOP_S = 10.0


@pytest.fixture
def session_s(request: pytest.FixtureRequest) -> float:
    """How soon a dead worker is missed: short where the broker lets us, for each kill waits that long."""
    return 6.0 if request.node.callspec.params["broker"] == "embedded" else 2.0


def finish(plan: Plan, broker: Broker) -> None:
    """Let a healthy worker do what is left, and stop it."""
    with worker(plan) as last:
        goal = ends(broker, plan.topic)
        last.until(lambda: committed(broker, plan.topic) == goal)
        last.signal(signal.SIGTERM)
        assert last.wait(STOP_S) == 0


def assert_all_done(plan: Plan, broker: Broker) -> None:
    """Every record has its output once, and is counted once in the state."""
    assert unlike_once(broker, plan.topic) == {}
    assert sum(count for _, count in state(broker, plan.topic).values()) == sum(ends(broker, plan.topic).values())


@slow_on_embedded
def test_an_exception_in_a_batch_ends_the_worker_and_loses_nothing(broker: Broker, fresh: str, tmp_path: Path) -> None:
    prepare(broker, fresh, 2, RECORDS)
    fill(broker, fresh, 1, POISON)
    fill(broker, fresh, RECORDS)
    plan = Plan(broker.servers, fresh, str(tmp_path), dies_of_poison=True)
    with worker(plan) as dying:
        assert dying.wait() == 1
        assert "a poisoned record" in dying.log.read_text()
    assert lost(broker, fresh) == set()
    poisoned = len(committed(broker, fresh)) and sum(committed(broker, fresh).values())
    assert poisoned < 2 * RECORDS + 1
    finish(Plan(broker.servers, fresh, str(tmp_path)), broker)
    assert_all_done(plan, broker)


@pytest.mark.parametrize("stops", [2, pytest.param(10, marks=pytest.mark.chaos)])
@slow_on_embedded
def test_stops_in_mid_batch_lose_nothing_and_repeat_nothing(
    broker: Broker, fresh: str, tmp_path: Path, stops: int
) -> None:
    prepare(broker, fresh, 2, 4 * RECORDS)
    plan = Plan(broker.servers, fresh, str(tmp_path), delay_s=0.15)
    for _ in range(stops):
        with worker(plan) as stopping:
            stopping.until(stopping.in_a_batch)
            began = time.monotonic()
            stopping.signal(signal.SIGTERM)
            assert stopping.wait(STOP_S) == 0
            assert time.monotonic() - began < STOP_S
            assert not stopping.in_a_batch()
        assert lost(broker, fresh) == set()
    done = copied(broker, fresh)
    assert len(done) == len(set(done)) == sum(committed(broker, fresh).values())


@pytest.mark.chaos
def test_a_batch_too_slow_to_wait_for_is_done_again(broker: Broker, fresh: str, tmp_path: Path) -> None:
    prepare(broker, fresh, 1, 100)
    slow = Plan(broker.servers, fresh, str(tmp_path), delay_s=60, drain_s=0.5)
    with worker(slow) as stopping:
        stopping.until(stopping.in_a_batch)
        stopping.signal(signal.SIGTERM)
        assert stopping.wait(STOP_S) == 0
    assert committed(broker, fresh).get(0, 0) == 0
    finish(Plan(broker.servers, fresh, str(tmp_path)), broker)
    assert_all_done(slow, broker)


@pytest.mark.chaos
@on_kafka
def test_a_second_worker_in_mid_batch_loses_nothing(broker: Broker, fresh: str, tmp_path: Path) -> None:
    prepare(broker, fresh, 4, 2 * RECORDS)
    first_plan = Plan(broker.servers, fresh, str(tmp_path), delay_s=0.2, max_batch_records=25)
    with worker(first_plan) as first:
        first.until(first.in_a_batch)
        with worker(first_plan) as second:
            second.until(second.in_a_batch)
            assert lost(broker, fresh) == set()
            fill(broker, fresh, RECORDS)
            second.signal(signal.SIGTERM)
            assert second.wait(STOP_S) == 0
        assert lost(broker, fresh) == set()
        first.signal(signal.SIGTERM)
        assert first.wait(STOP_S) == 0
    assert lost(broker, fresh) == set()
    finish(Plan(broker.servers, fresh, str(tmp_path)), broker)
    assert_all_done(first_plan, broker)


@pytest.mark.chaos
@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_state_survives_the_kill_of_a_worker(
    broker: Broker, fresh: str, tmp_path: Path, store: StoreKind, session_s: float
) -> None:
    prepare(broker, fresh, 2, RECORDS)
    plan = Plan(
        broker.servers,
        fresh,
        str(tmp_path),
        store=store,
        delay_s=0.1,
        max_batch_records=50,
        session_timeout_s=session_s,
    )
    with worker(plan) as killed:
        killed.until(lambda: sum(committed(broker, fresh).values()) > RECORDS / 10)
        killed.until(killed.in_a_batch)
        killed.signal(signal.SIGKILL)
        assert killed.wait() == -signal.SIGKILL
    assert lost(broker, fresh) == set()
    with worker(plan) as heir:
        heir.until(lambda: sum(what == "made" for what, *_ in heir.lines()) == 2)
        assert sum(int(keys) for what, _, keys in heir.lines() if what == "made") == 50
        heir.until(lambda: committed(broker, fresh) == ends(broker, fresh))
        heir.signal(signal.SIGTERM)
        assert heir.wait(STOP_S) == 0
    assert_all_done(plan, broker)


@pytest.mark.parametrize("strike", list(product(get_args(Boundary), get_args(StoreKind))), ids="-".join)
@pytest.mark.chaos
def test_a_kill_at_any_boundary_repeats_nothing(
    broker: Broker, fresh: str, tmp_path: Path, strike: tuple[Boundary, StoreKind], session_s: float
) -> None:
    prepare(broker, fresh, 2, RECORDS)
    boundary, store = strike
    early = boundary in {"taken over", "loaded"}
    plan = Plan(
        broker.servers,
        fresh,
        str(tmp_path),
        store=store,
        max_batch_records=50,
        session_timeout_s=session_s,
        strikes_at=boundary,
        strikes_after=2 if early else 7,
    )
    with worker(plan) as killed:
        assert killed.wait() == -signal.SIGKILL
        assert killed.struck()
    assert lost(broker, fresh) == set()
    finish(replace(plan, strikes_at=None), broker)
    assert_all_done(plan, broker)


@pytest.mark.chaos
@on_kafka
def test_a_worker_that_froze_in_a_transaction_is_fenced_and_goes_on(
    broker: Broker, fresh: str, tmp_path: Path, session_s: float
) -> None:
    prepare(broker, fresh, 2, RECORDS)
    plan = Plan(
        broker.servers,
        fresh,
        str(tmp_path / "frozen"),
        delay_s=0.1,
        max_batch_records=50,
        session_timeout_s=session_s,
        strikes_at="written",
        strikes_with=signal.SIGSTOP,
    )
    heir_plan = Plan(broker.servers, fresh, str(tmp_path), session_timeout_s=session_s)
    (tmp_path / "frozen").mkdir()
    with worker(plan) as frozen:
        frozen.until(frozen.struck)
        with worker(heir_plan) as heir:
            heir.until(lambda: committed(broker, fresh) == ends(broker, fresh))
            frozen.signal(signal.SIGCONT)
            frozen.until(lambda: "transaction lost" in frozen.log.read_text())
            fill(broker, fresh, RECORDS)
            heir.until(lambda: committed(broker, fresh) == ends(broker, fresh))
            assert unlike_once(broker, fresh) == {}
            heir.signal(signal.SIGTERM)
            assert heir.wait(STOP_S) == 0
        fill(broker, fresh, RECORDS)
        frozen.until(lambda: committed(broker, fresh) == ends(broker, fresh))
        frozen.signal(signal.SIGTERM)
        assert frozen.wait(STOP_S) == 0
    assert_all_done(plan, broker)


@on_kafka
@pytest.mark.chaos
def test_the_partitions_of_a_frozen_worker_move(broker: Broker, fresh: str, tmp_path: Path, session_s: float) -> None:
    prepare(broker, fresh, 2, RECORDS)
    plan = Plan(broker.servers, fresh, str(tmp_path), delay_s=0.1, session_timeout_s=session_s)
    with worker(plan) as frozen:
        frozen.until(frozen.in_a_batch)
        frozen.signal(signal.SIGSTOP)
        finish(Plan(broker.servers, fresh, str(tmp_path)), broker)
        assert lost(broker, fresh) == set()
        frozen.signal(signal.SIGCONT)
        frozen.signal(signal.SIGTERM)
        assert frozen.wait(STOP_S) == 0
    assert lost(broker, fresh) == set()
    assert_all_done(plan, broker)


@pytest.mark.kafka
@pytest.mark.chaos
def test_a_worker_outlives_its_broker_and_goes_on(fresh: str, tmp_path: Path) -> None:
    cluster = KafkaCluster(tmp_path / "kafka")
    try:
        try:
            cluster.start()
        except NoKafkaError as error:
            pytest.skip(f"no Apache Kafka here: {error}")
        broker = Broker(cluster.servers)
        prepare(broker, fresh, 2, RECORDS)
        plan = Plan(broker.servers, fresh, str(tmp_path), delay_s=0.2, max_batch_records=50)
        with worker(plan) as outliving:
            outliving.until(outliving.in_a_batch)
            cluster.kill()
            time.sleep(plan.session_timeout_s + 2)
            assert outliving.process.is_alive()
            cluster.start()
            fill(broker, fresh, RECORDS)
            outliving.until(lambda: committed(broker, fresh) == ends(broker, fresh))
            outliving.signal(signal.SIGTERM)
            assert outliving.wait(STOP_S) == 0
        assert lost(broker, fresh) == set()
        assert_all_done(plan, broker)
    finally:
        cluster.kill()
