"""States that the last release wrote, read on by this one: workers replaced one after another while records come in."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path

import msgspec

from engine.admin import produce
from engine.records import Output
from engine.writer import partition_of
from signals.migrations import read_state
from signals.packing import pack, unpack
from signals.partition import META_KEY
from signals.step import SCHEMA
from tests.chaos.calm import until
from tests.chaos.feed import Feed
from tests.chaos.lines import Line, Scale, Verdict, say
from tests.chaos.oracle import Logs, Slot
from tests.chaos.records import UNTIDY, supply
from tests.chaos.scene import ALL, Scene, scene
from tests.chaos.site import PARTITIONS
from tests.chaos.tuning import Tuning
from topics.catalog import STATE_DETECT

GOLDEN = Path(__file__).parents[1] / "golden" / "states"
WORKERS = 2
COPIES = 40


def _run(scale: Scale) -> Verdict:
    count = scale.of(4_000, 30_000)
    file = max(GOLDEN.glob("schema_*.json"))
    seeds = _seeds(json.loads(file.read_text(encoding="utf-8")))
    with scene(Tuning(session_s=3)) as stage:
        rows = [Output(STATE_DETECT, key, value, partition=partition) for (partition, key), value in seeds.items()]
        produce(stage.site.broker, rows)
        stage.staffed(WORKERS)
        with Feed(stage.site.broker, supply(scale.seed, count, UNTIDY), rate=scale.of(40, 100)) as feed:
            _roll(stage)
            if feed.done:
                return Verdict(passed=False, figure="the records ended before all workers were replaced")
            feed.enough(count)
            found = stage.judged(feed, scale.of(150, 600), replayed=False, seeds={STATE_DETECT: seeds})
    rewritten, unread = _read_on(found.logs, seeds)
    wrong = (*found.wrong, *unread, *(() if rewritten else ("no state was written in the present form",)))
    figure = (
        f"{len(seeds) - PARTITIONS} states of form {SCHEMA - 1}, {rewritten} by now in form {SCHEMA}; {found.figure}"
    )
    return Verdict(not wrong, figure, wrong)


def _seeds(golden: Mapping[str, str | Mapping[str, str]]) -> dict[Slot, bytes]:
    """What the release left, many times over: every state as so many deals, in the partitions where they belong."""
    meta, states = golden["meta"], golden["states"]
    assert isinstance(meta, str)
    assert isinstance(states, Mapping)
    seeds: dict[Slot, bytes] = {(partition, META_KEY): base64.b64decode(meta) for partition in range(PARTITIONS)}
    for name, value in states.items():
        state = base64.b64decode(value)
        for number in range(COPIES):
            key = f"{name}{number:03}".encode()
            seeds[partition_of(key, PARTITIONS), key] = _renamed(state, name.encode(), key)
    return seeds


def _renamed(kept: bytes, name: bytes, key: bytes) -> bytes:
    """The same state of another deal; behind a head it stands packed."""
    form = msgspec.msgpack.decode(kept)
    if isinstance(form[-1], bytes):
        return msgspec.msgpack.encode([*form[:-1], pack(_called(unpack(form[-1]), name, key))])
    return _called(kept, name, key)


def _called(state: bytes, name: bytes, key: bytes) -> bytes:
    """MessagePack says the length of a text of up to 31 bytes in the byte before it."""
    return state.replace(bytes([0xA0 | len(name)]) + name, bytes([0xA0 | len(key)]) + key)


def _roll(stage: Scene) -> None:
    """Every worker leaves and comes back, one after another."""
    for program in ALL:
        for worker in stage.crew.of(program):
            worker.stop()
            worker.start()
            took = until(f"{worker.name} is ready again", worker.ready, why=worker.why_not_ready)
            say(f"{worker.name} was replaced, and ready after {took:.1f} s")
    say(f"{len(stage.crew.workers)} workers replaced, one after another")


def _read_on(logs: Logs, seeds: Mapping[Slot, bytes]) -> tuple[int, list[str]]:
    """How many of the states stand there in the present form by now, and those that cannot be read."""
    last = {(record.partition, record.key or b""): record.value for record in logs[STATE_DETECT]}
    rewritten, unread = 0, []
    for slot, seed in seeds.items():
        value = last.get(slot)
        if value and value != seed and slot[1] != META_KEY:
            rewritten += 1
            if read_state(value).schema != SCHEMA:
                unread.append(f"{slot} is not in the present form")
    return rewritten, unread


LINE = Line(
    "upgrade",
    "workers replaced one after another over states of the last release, while records come in",
    "every state read on, rewritten on its next visit: equal to the oracle, nothing twice",
    _run,
)
