"""A playbook published while the product runs: every worker switches where its log says, and dies in between.

The oracle is the same partition over the same log of `deal.events`, without broker, programs or kills.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import msgspec
import pytest

from engine.admin import produce, read_all
from engine.records import EVERY_PARTITION, Output, Record
from programs.definitions import read_playbook
from programs.demo.team import write_playbook
from programs.published import Published
from programs.settings import DEFAULT_SOURCES
from programs.startup import to_source
from signals.emit import Position
from signals.judge import Stored
from signals.keyed import DictStore
from signals.partition import Partition
from signals.simulate import Emitted, Options, simulate
from tests.brokers.apache import NoKafkaError, kafka_cluster
from tests.brokers.matrix import BOTH
from tests.integration.test_up_whole import START_MS, Up, eventually, in_slices, passes, ready, send, serving, started
from topics.catalog import DEAL_CURRENT, DEAL_EVENTS, DEAL_SIGNALS, DEFINITIONS, PEOPLE_EVENTS
from topics.codec import decode_deal_event, decode_signal, encode
from topics.events import DefinitionsChanged
from topics.signals import Signal, Step
from topics.views import DealView

#: More deals in each of the two partitions than a tick visits, so that a sweep takes several.
MANY = Options(seed=11, deals=3000, days=8, start_ms=START_MS)
FEW = Options(seed=11, deals=60, days=8, start_ms=START_MS)

decode_view = msgspec.json.Decoder(DealView).decode


@contextmanager
def broker(where: str) -> Iterator[str]:
    """A Kafka of the test's own, for the oracle reads whole topics; no servers: `up` brings the embedded one."""
    if where == "embedded":
        yield ""
        return
    try:
        with kafka_cluster() as cluster:
            yield cluster.servers
    except NoKafkaError as error:
        if os.environ.get("SIGNALS_REQUIRE_KAFKA") == "1":
            raise
        pytest.skip(f"no Apache Kafka here: {error}")


def stricter(file: Path) -> Path:
    """The playbook with limits that many deals have passed already."""
    text = file.read_text(encoding="utf-8")
    changed = re.sub(r"contact_gap: \{days: \d+", "contact_gap: {days: 2", text)
    changed = re.sub(r"stage_overstay: \{days: \d+", "stage_overstay: {days: 3", changed)
    assert changed != text
    other = file.with_name("stricter.yaml")
    other.write_text(changed, encoding="utf-8")
    return other


def publish(up: Up, file: Path, *options: str) -> list[str]:
    """The command, as a person calls it."""
    command = [sys.executable, "-m", "programs", "playbook", "publish", str(file), *options]
    environ = {**os.environ, "SIGNALS_BROKER": up.broker.servers}
    done = subprocess.run(
        command, env=environ, cwd=file.parent, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def metric(up: Up, program: str, name: str) -> float | None:
    try:
        with urlopen(up.addresses[program], timeout=2) as answer:  # noqa: S310 - a loopback address that `up` printed
            text = answer.read().decode()
    except OSError:
        return None
    found = re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
    return None if found is None else float(found[1])


def why_not_ready(up: Up, program: str) -> str:
    try:
        urlopen(up.addresses[program].replace("/metrics", "/readyz"), timeout=2).close()  # noqa: S310 - as above
    except HTTPError as error:
        return error.read().decode()
    except OSError:
        return ""
    return ""


def log_of(up: Up, topic: str) -> dict[int, list[Record]]:
    by_partition: dict[int, list[Record]] = {}
    for record in read_all(up.broker, topic):
        by_partition.setdefault(record.partition, []).append(record)
    return by_partition


class Undisturbed:
    """What the partitions say and hold, given their logs and what was published."""

    def __init__(self, up: Up, playbook: Path) -> None:
        published = Published(read_playbook(playbook), [to_source(setting, 0) for setting in DEFAULT_SOURCES])
        for record in read_all(up.broker, DEFINITIONS):
            published.take(record)
        own = published.panel(published.own.hash)
        self.signals: dict[int, list[bytes]] = {}
        self.views: dict[str, DealView] = {}
        for number, records in log_of(up, DEAL_EVENTS).items():
            partition = Partition(own, DictStore(), Position(DEAL_EVENTS, number), published.panel)
            folded = partition.fold(Stored(decode_deal_event(one.value or b""), one.offset) for one in records)
            self.signals[number] = [encode(one) for one in folded.signals]
            self.views |= {key: view for key, view in folded.views.items() if view is not None}


def said_by_detect(up: Up) -> dict[int, list[Signal]]:
    """What detect said, in order; signals of people without a deal are join's."""
    said: dict[int, list[Signal]] = {}
    for number, records in log_of(up, DEAL_SIGNALS).items():
        signals = [decode_signal(record.value or b"") for record in records]
        said[number] = [msgspec.structs.replace(one, detected_at="") for one in signals if one.deal_id]
    return said


def caught_up(up: Up, playbook: Path) -> bool:
    truth = Undisturbed(up, playbook)
    return {number: len(one) for number, one in said_by_detect(up).items()} == {
        number: len(one) for number, one in truth.signals.items()
    }


def holds_the_truth(up: Up, playbook: Path) -> list[Signal]:
    """Transitions byte for byte, views by value; answers with the transitions."""
    eventually("everything was said", lambda: caught_up(up, playbook), 90)
    truth, said = Undisturbed(up, playbook), said_by_detect(up)
    for number, signals in said.items():
        assert [encode(one) for one in signals] == truth.signals[number]
    views = {record.key.decode(): record.value for record in read_all(up.broker, DEAL_CURRENT) if record.key}
    assert {key: decode_view(value) for key, value in views.items() if value} == truth.views
    return [one for number in sorted(said) for one in said[number]]


def offsets_of(up: Up, topic: str, version: str) -> dict[int, list[int]]:
    """Where the log of each partition names a version."""
    found: dict[int, list[int]] = {}
    for number, records in log_of(up, topic).items():
        found[number] = [one.offset for one in records if version in (one.value or b"").decode()]
    return found


@pytest.mark.parametrize(
    ("where", "options"),
    [
        pytest.param("embedded", FEW, marks=[pytest.mark.broker, pytest.mark.chaos], id="embedded"),
        pytest.param("kafka", MANY, marks=[pytest.mark.kafka, pytest.mark.chaos], id="kafka"),
    ],
)
@pytest.mark.timeout(400)
async def test_a_published_playbook_counts_at_its_offset_though_detect_dies_in_the_sweep(
    where: str, options: Options, tmp_path: Path
) -> None:
    playbook = write_playbook(tmp_path)
    other = stricter(playbook)
    version, slices = read_playbook(other).hash, list(in_slices(list(simulate(options))))
    assert len(slices) == 4

    def work(slack: object) -> None:
        with broker(where) as servers, started(tmp_path, playbook, slack.url, servers) as up:  # type: ignore[attr-defined]  # a SlackServer
            eventually("all programs are ready", lambda: ready(up))
            for part in slices[:3]:
                fed(up, part)
            lines = publish(up, other)
            assert lines[-1] == f"{version}: 4 partitions switch"
            assert any("contact_gap.days: " in line for line in lines)
            again(up, slices[2], 1)
            if where == "kafka":
                eventually("some deals wait for the next tick", lambda: metric(up, "detect", BEHIND))
            os.kill(up.child("detect"), signal.SIGKILL)
            fed(up, slices[3])
            eventually("detect is back", lambda: ready(up), 60)
            again(up, slices[3], 5)
            signals = holds_the_truth(up, playbook)
            assert {len(offsets) for offsets in offsets_of(up, DEAL_EVENTS, version).values()} == {1}
            assert {len(offsets) for offsets in offsets_of(up, PEOPLE_EVENTS, version).values()} == {1}
            steps = Counter((one.playbook == version, one.transition) for one in signals)
            assert steps[True, Step.OPENED] > 20
            assert metric(up, "detect", BEHIND) == 0

    await serving(work)


BEHIND = "signals_definitions_behind_deals"


def fed(up: Up, part: list[Emitted]) -> None:
    """A slice of the records, and the clock past it."""
    send(up, part)
    passes(up, part[-1].record.timestamp_us // 1000 * 1000)


def again(up: Up, part: list[Emitted], times: int) -> None:
    """The last record so many times more, a minute later each: repeats that do nothing but move the clock."""
    for minutes in range(1, times + 1):
        last = part[-1].record
        send(up, [part[-1]._replace(record=last._replace(timestamp_us=last.timestamp_us + minutes * 60_000_000))])
        passes(up, (last.timestamp_us + minutes * 60_000_000) // 1000 * 1000)


@pytest.mark.chaos
@pytest.mark.parametrize("where", BOTH)
@pytest.mark.timeout(300)
async def test_a_version_that_nobody_knows_holds_its_partitions_until_it_is_published(
    where: str, tmp_path: Path
) -> None:
    playbook = write_playbook(tmp_path)
    other = stricter(playbook)
    version, slices = read_playbook(other).hash, list(in_slices(list(simulate(FEW))))

    def work(slack: object) -> None:
        with broker(where) as servers, started(tmp_path, playbook, slack.url, servers) as up:  # type: ignore[attr-defined]  # a SlackServer
            eventually("all programs are ready", lambda: ready(up))
            fed(up, slices[0])
            control = DefinitionsChanged(id="0" * 20, key="", source="", at_us=1, playbook=version)
            for topic in (DEAL_EVENTS, PEOPLE_EVENTS):
                produce(up.broker, [Output(topic, b"", encode(control), partition=EVERY_PARTITION)])
            for program in ("detect", "join"):
                why = eventually(f"{program} is not ready", lambda name=program: why_not_ready(up, name))  # type: ignore[misc]  # a default of its own
                assert f"unknown definitions {version}" in why
            send(up, slices[1])
            before = {number: len(one) for number, one in said_by_detect(up).items()}
            os.kill(up.child("detect"), signal.SIGKILL)
            eventually("the next one waits, too", lambda: version in why_not_ready(up, "detect"), 60)
            assert {number: len(one) for number, one in said_by_detect(up).items()} == before
            assert publish(up, other, "--only-store") == [f"{version}: known, and switched to nowhere"]
            eventually("all programs are ready", lambda: ready(up), 60)
            passes(up, slices[1][-1].record.timestamp_us // 1000 * 1000)
            holds_the_truth(up, playbook)
        lines = (tmp_path / "up.log").read_text(encoding="utf-8")
        assert "waiting: the log names definitions that are not known here" in lines
        assert "the definitions are there, going on" in lines

    await serving(work)


def test_the_log_of_a_switch_is_json(tmp_path: Path) -> None:
    """The control as it stands on the topic, for programs in other languages."""
    control = DefinitionsChanged(
        id="0" * 20, key="", source="", at_us=1, playbook=read_playbook(write_playbook(tmp_path)).hash
    )
    value = json.loads(encode(control))
    assert (value["type"], value["playbook"][:7]) == ("definitions_changed", "sha256:")
