"""Brokers lost, killed, frozen and started again, under `acks=all`."""

from __future__ import annotations

import signal
import time

from tests.chaos.calm import until
from tests.chaos.feed import Feed
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.records import UNTIDY, records
from tests.chaos.scene import Scene, scene

NODES = 3
AWAY_S = 5.0
MORE = 0.1
"""The share of the records that must get through while a node is away: the others carry on."""


def _run(scale: Scale) -> Verdict:
    emitted = records(scale.seed, scale.of(6_000, 100_000), UNTIDY)
    with scene(nodes=NODES) as stage:
        stage.staffed(scale.of(1, 2))
        with Feed(stage.site.broker, emitted, rate=scale.of(300, 500)) as feed:
            until("a few records are sent", lambda: feed.share > MORE / 2)
            for _ in range(scale.of(1, 3)):
                _one_lost(stage, feed)
                _one_frozen(stage, feed)
                _all_killed(stage, feed)
            found = stage.judged(feed, scale.of(200, 900))
        workers = stage.crew.workers.values()
        ended = [f"{worker.name} ended with {worker.exit_code}" for worker in workers if not worker.alive]
    wrong = (*found.wrong, *ended)
    rounds = scale.of(1, 3)
    return Verdict(not wrong, f"{rounds} lost, {rounds} frozen, {rounds} times all killed; {found.figure}", wrong)


def _one_lost(stage: Scene, feed: Feed) -> None:
    node, sent = stage.cluster.nodes[0], feed.share
    node.kill()
    took = until("the others carry on without the lost one", lambda: feed.share > min(0.99, sent + MORE), 120)
    say(f"node {node.node} killed: {MORE:.0%} more of the records after {took:.1f} s without it")
    node.start()
    node.wait()


def _one_frozen(stage: Scene, feed: Feed) -> None:
    node, sent = stage.cluster.nodes[1], feed.share
    node.signal(signal.SIGSTOP)
    took = until("the others carry on without the frozen one", lambda: feed.share > min(0.99, sent + MORE), 120)
    say(f"node {node.node} frozen: {MORE:.0%} more of the records after {took:.1f} s")
    node.signal(signal.SIGCONT)


def _all_killed(stage: Scene, feed: Feed) -> None:
    sent = feed.share
    stage.cluster.kill()
    time.sleep(AWAY_S)
    stage.cluster.start()
    took = until("records flow again", lambda: feed.share > min(0.99, sent + MORE), 120)
    say(f"all nodes killed and started again: {MORE:.0%} more of the records after {took:.1f} s")


LINE = Line(
    "brokers",
    "one of three brokers lost, one frozen, all killed and started again; acks=all",
    "the others carry on; equal, nothing twice, nothing lost",
    _run,
    alone=True,
)
