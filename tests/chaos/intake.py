"""Intake and its broker killed, frozen and stopped while webhooks come in: what was answered 200 is on the topic."""

from __future__ import annotations

import random
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from engine.admin import TopicSpec, apply
from engine.settings import Broker
from tests.brokers.apache import KafkaCluster, kafka_cluster
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.senders import HUBSPOT_S, TOPIC, Program, Senders, found, program, wrong

PARTITIONS = 4
AWAY_S = 3.0
FROZEN_S = 7.0
"""Longer than any answer may take."""


def _run(scale: Scale) -> Verdict:
    chance = random.Random(scale.seed)  # noqa: S311  # chaos that can be repeated
    rounds, between = scale.of(1, 6), scale.of(300, 2_000)
    blows = [blow for _ in range(rounds) for blow in chance.sample(_BLOWS, len(_BLOWS))]
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="chaos-intake-") as folder, kafka_cluster() as cluster:
        broker = Broker(cluster.servers)
        apply(broker, [TopicSpec(TOPIC, PARTITIONS, {})])
        with program(Path(folder), broker) as intake:
            intake.wait()
            with Senders(intake.port) as senders:
                for blow in blows:
                    senders.until_taken(chance.randrange(between // 2, between))
                    said += blow(intake, cluster)
                    intake.wait()
                senders.until_taken(between)
            numbers = found(broker)
            code, _ = intake.stop()
            traces = intake.log.count("Traceback")
    said += wrong(senders, numbers)
    said += [f"intake ended with {code}"] * (code != 0) + [f"{traces} tracebacks in its log"] * (traces > 0)
    figure = (
        f"{len(blows)} blows; {len(senders.taken):,} answered 200, all on the topic, "
        f"{numbers.total() - len(numbers)} of them more than once; slowest answer {senders.slowest_s:.1f} s"
    )
    say(f"answers: {dict(senders.answers)}")
    return Verdict(not said, figure, tuple(said))


def _killed(intake: Program, _: KafkaCluster) -> list[str]:
    say("intake is killed")
    intake.kill()
    intake.start()
    return []


def _stopped(intake: Program, _: KafkaCluster) -> list[str]:
    code, took_s = intake.stop()
    say(f"intake is stopped: exit code {code} after {took_s:.1f} s")
    intake.start()
    return [f"stopped in good order it ended with {code}"] if code else []


def _frozen(intake: Program, _: KafkaCluster) -> list[str]:
    say("intake is frozen")
    intake.signal(signal.SIGSTOP)
    time.sleep(AWAY_S)
    intake.signal(signal.SIGCONT)
    return []


def _broker_killed(_: Program, cluster: KafkaCluster) -> list[str]:
    say("the broker is killed; its disk is kept")
    cluster.kill()
    time.sleep(AWAY_S)
    cluster.start()
    return []


def _broker_stopped(_: Program, cluster: KafkaCluster) -> list[str]:
    say("the broker is stopped")
    cluster.stop()
    cluster.start()
    return []


def _broker_frozen(_: Program, cluster: KafkaCluster) -> list[str]:
    say("the broker is frozen")
    for node in cluster.nodes:
        node.signal(signal.SIGSTOP)
    time.sleep(FROZEN_S)
    for node in cluster.nodes:
        node.signal(signal.SIGCONT)
    return []


def _both_killed(intake: Program, cluster: KafkaCluster) -> list[str]:
    say("intake and the broker are killed")
    cluster.kill()
    intake.kill()
    intake.start()
    time.sleep(AWAY_S)
    cluster.start()
    return []


_BLOWS: list[Callable[[Program, KafkaCluster], list[str]]] = [
    _killed,
    _stopped,
    _frozen,
    _broker_killed,
    _broker_stopped,
    _broker_frozen,
    _both_killed,
]

LINE = Line(
    "intake",
    "webhooks come in while intake and its broker are killed, frozen, stopped and started again",
    f"what was answered 200 is on the topic, byte for byte; every answer within {HUBSPOT_S:.0f} s",
    _run,
    alone=True,
)
