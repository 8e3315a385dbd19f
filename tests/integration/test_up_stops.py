"""`signals up` on Apache Kafka is told to stop while it is at work, again and again: in time, nothing lost or twice."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from engine.admin import read_all
from signals.simulate import Emitted
from tests.brokers.apache import NoKafkaError, kafka_cluster
from tests.conftest import REQUIRE_KAFKA
from tests.integration.slack_server import SlackServer
from tests.integration.test_definitions_live import holds_the_truth
from tests.integration.test_up_whole import (
    eventually,
    expected,
    final_signals,
    in_slices,
    marks,
    passes,
    playbook,
    ready,
    records,
    said,
    send,
    serving,
    shown,
    started,
)
from topics.catalog import DEAL_CURRENT
from topics.signals import Kind

__all__ = ["playbook", "records"]

STOPS = 4
STOP_S = 10.0
#: Two-day slices that are sent at once before each stop: what is at work when the signal comes.
AT_WORK = 2


@pytest.mark.kafka
@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_every_program_stops_in_time_under_load_and_nothing_is_lost_or_said_twice(
    tmp_path: Path, playbook: Path, records: list[Emitted]
) -> None:
    newest = max(one.record.timestamp_us for one in records) // 1000 * 1000
    truth = expected(records, playbook, newest)
    still_open = final_signals(truth.signals)
    slices = list(in_slices(records))
    each = len(slices) // (STOPS + 1)

    def work(slack: SlackServer, servers: str) -> None:
        for number in range(STOPS):
            with started(tmp_path, playbook, slack.url, servers) as up:
                eventually("all programs are ready", lambda up=up: ready(up))  # type: ignore[misc]  # bound at once
                mine = slices[number * each : (number + 1) * each]
                for part in mine[:-AT_WORK]:
                    send(up, part)
                    passes(up, part[-1].record.timestamp_us // 1000 * 1000)
                for part in mine[-AT_WORK:]:
                    send(up, part)
                began = time.monotonic()
                up.process.send_signal(signal.SIGTERM)
                assert up.process.wait(STOP_S) == 0
                assert time.monotonic() - began < STOP_S
            log = (tmp_path / "up.log").read_text()
            assert "killed, as they did not stop" not in log
            assert "did not finish in time" not in log
            assert "Traceback" not in log
        with started(tmp_path, playbook, slack.url, servers) as up:
            for part in slices[STOPS * each :]:
                send(up, part)
                passes(up, part[-1].record.timestamp_us // 1000 * 1000)
            eventually("what is open was said", lambda: final_signals(said(up)).keys() == still_open.keys())
            assert shown(final_signals(said(up))) == shown(still_open)
            holds_the_truth(up, playbook)  # what a batch said twice would be one too many
            viewed = {record.key.decode() for record in read_all(up.broker, DEAL_CURRENT) if record.key}
            assert viewed == set(truth.watches)
            owned = {one.id for one in still_open.values() if one.kind is not Kind.HIGH_INTENT and one.owner}
            eventually("every owner was told", lambda: owned <= marks(slack))

    try:
        with kafka_cluster() as cluster:
            await serving(lambda slack: work(slack, cluster.servers))
    except NoKafkaError as error:
        if os.environ.get(REQUIRE_KAFKA) == "1":
            raise
        pytest.skip(f"no Apache Kafka here: {error}")
