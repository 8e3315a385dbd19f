"""`signals intake` as a process: what it answered 200 is on the topic, whatever is killed; alone, and within `up`."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.admin import TopicSpec, apply, read_all
from engine.ports import free_port
from engine.settings import Broker
from programs.demo.team import write_playbook
from programs.settings import INTAKE, PROGRAMS
from tests.brokers.matrix import BOTH, slow_on_embedded
from tests.chaos.senders import (
    PATH,
    SECRET,
    SETTINGS,
    TOPIC,
    Senders,
    body_of,
    found,
    program,
    signed,
    wrong,
)
from tests.integration.test_up_whole import eventually, started
from topics.catalog import DEAL_EVENTS


@pytest.fixture
def topic(broker: Broker) -> str:
    apply(broker, [TopicSpec(TOPIC, 4, {})])
    return TOPIC


def posted(port: int, body: bytes, headers: dict[str, str], path: str = PATH) -> tuple[int, str | None]:
    """The status of an answer, and when to come again."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Retry-After")
    finally:
        connection.close()


@pytest.mark.chaos
@slow_on_embedded
@pytest.mark.usefixtures("topic")
@pytest.mark.timeout(150)
def test_what_was_answered_200_is_on_the_topic_though_intake_is_killed_and_stopped(
    broker: Broker, tmp_path: Path
) -> None:
    with program(tmp_path, broker) as intake:
        intake.wait()
        with Senders(intake.port) as senders:
            senders.until_taken(200)
            intake.kill()
            intake.start()
            senders.until_taken(200)
            code, took_s = intake.stop()
            assert (code, took_s < 10) == (0, True), intake.log[-2000:]
            intake.start()
            senders.until_taken(100)
        assert wrong(senders, found(broker)) == [], dict(senders.answers)
        assert SECRET not in intake.log
        assert "Traceback" not in intake.log


def test_without_kafka_it_listens_and_tells_senders_to_come_again(tmp_path: Path) -> None:
    with program(tmp_path, Broker(f"127.0.0.1:{free_port()}")) as intake:
        eventually("it listens", lambda: "listening" in intake.log)
        began = time.monotonic()
        status, again_s = posted(intake.port, body_of(1), signed(body_of(1)))
        assert (status, again_s) == (503, "10")
        assert time.monotonic() - began < 1
        assert posted(intake.port, body_of(1), {})[0] == 401
        eventually("it says why", lambda: "no Kafka broker answers" in str(intake.why_not_ready()))
        code, took_s = intake.stop()
        assert (code, took_s < 5) == (0, True)


@pytest.mark.parametrize("broker", [BOTH[0]], indirect=True, scope="session")
@pytest.mark.timeout(90)
def test_a_topic_that_is_missing_is_waited_for_and_not_made(broker: Broker, tmp_path: Path) -> None:
    with program(tmp_path, broker, source="nobody") as intake:
        eventually("it says why", lambda: "missing: crm.raw.nobody" in str(intake.why_not_ready()))
        body = body_of(1)
        assert posted(intake.port, body, signed(body, "nobody"), "/hubspot/nobody")[0] == 503
        apply(broker, [TopicSpec("crm.raw.nobody", 2, {})])
        intake.wait()
        assert posted(intake.port, body, signed(body, "nobody"), "/hubspot/nobody")[0] == 200
        assert [record.value for record in read_all(broker, "crm.raw.nobody")] == [body]


def test_without_its_secret_it_does_not_start_and_says_so_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "signals.toml").write_text(SETTINGS + "[sources.webhook]\n")
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALS_")}
    for command in (INTAKE, "up"):
        ran = subprocess.run(
            [sys.executable, "-m", "programs", command],
            cwd=tmp_path,
            env=environ | {"SIGNALS_BROKER": "127.0.0.1:9", "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 2
        assert ran.stderr.startswith("source crm: its webhook has no secret: set SIGNALS_SOURCE_CRM_SECRET")


@pytest.mark.broker
@pytest.mark.timeout(120)
@pytest.mark.chaos
def test_up_takes_webhooks_in_and_they_become_events(tmp_path: Path) -> None:
    (tmp_path / "signals.toml").write_text(SETTINGS)
    port = free_port()
    more = {"SIGNALS_INTAKE_PORT": str(port), "SIGNALS_SOURCE_CRM_SECRET": SECRET, "SIGNALS_CLOCK_MODE": "wall"}
    with started(tmp_path, write_playbook(tmp_path), "http://127.0.0.1:9/", "", **more) as up:
        body = (
            b'[{"eventId":1,"subscriptionId":1,"portalId":62515,"appId":1,"occurredAt":%d,"attemptNumber":0,'
            b'"subscriptionType":"deal.propertyChange","objectId":77,"propertyName":"dealname","propertyValue":"Big"}]'
        ) % (time.time() * 1000)
        eventually("it is taken", lambda: _status(port, body) == 200, within_s=60)
        events = eventually("it is an event", lambda: _about(up.broker, b"crm/default:77"))
        assert b'"Big"' in events[0]
        assert set(up.addresses) == set(PROGRAMS)


def _status(port: int, body: bytes) -> int | None:
    try:
        return posted(port, body, signed(body))[0]
    except OSError:
        return None


def _about(broker: Broker, key: bytes) -> list[bytes]:
    return [record.value or b"" for record in read_all(broker, DEAL_EVENTS) if record.key == key]
