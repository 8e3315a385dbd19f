"""`signals rejected replay` on real brokers: sent once, and noted with it; who runs it later fences who did before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from kafka.errors import KafkaError

from engine.admin import TopicSpec, apply, produce, read_all, transacting
from engine.records import Output
from engine.settings import Broker
from tests.brokers.matrix import BOTH, slow_on_embedded
from topics.catalog import RAW_MAX_BYTES, REJECTED
from topics.codec import encode
from topics.outcomes import RawRecord, Rejected
from topics.rejections import REPLAYED_HEADER, Position, Replay, rejections_of

RAW = "crm.raw.again"
LARGE = {"max.message.bytes": str(RAW_MAX_BYTES)}
SOURCE = "again/default"


def rejected(offset: int, value: bytes, key: bytes | None = b"k") -> Output:
    raw = RawRecord(key, value, (("h", b"\xff"),), 1_000_000)
    (one,) = rejections_of(SOURCE, Position(RAW, 2, offset), raw, [Rejected("not_json")])
    return Output(REJECTED, SOURCE.encode(), encode(one))


def run(broker: Broker, folder: Path, *options: str) -> list[str]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALS_")}
    command = [sys.executable, "-m", "programs", "rejected", "replay", "--broker", broker.servers]
    ran = subprocess.run(
        [*command, "--source", SOURCE, *options],
        cwd=folder,
        env=environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


@slow_on_embedded
@pytest.mark.timeout(150)
def test_records_go_to_their_topic_again_and_only_once(broker: Broker, tmp_path: Path) -> None:
    apply(broker, [TopicSpec(RAW, 3, LARGE), TopicSpec(REJECTED, 3, LARGE)])
    large, cut = b"x" * 1_500_000, b"y" * 9_000_000
    produce(broker, [rejected(1, b"{"), rejected(2, b"", None), rejected(3, large), rejected(4, cut)])
    left = "1 left: larger than 8 MB, so only their beginning was kept; the source must send them again"
    assert run(broker, tmp_path, "--dry-run") == ["3 records would be sent again: not_json 3", left]
    assert run(broker, tmp_path, "--limit", "1")[0] == "1 record sent again: not_json 1"
    assert run(broker, tmp_path)[0] == "2 records sent again: not_json 2"
    assert run(broker, tmp_path) == ["0 records sent again", left, "3 left: sent again by an earlier replay"]
    found = list(read_all(broker, RAW))
    assert [(record.partition, record.key, record.value) for record in found] == [
        (2, b"k", b"{"),
        (2, None, b""),
        (2, b"k", large),
    ]
    for offset, record in enumerate(found, 1):
        headers = dict(record.headers)
        assert headers["h"] == b"\xff"
        was = msgspec.json.decode(headers[REPLAYED_HEADER], type=Replay)
        assert was == Replay(RAW, 2, offset, 1_000_000, 1)
        assert record.timestamp_us > 1_000_000


@pytest.mark.parametrize("broker", BOTH, indirect=True, scope="session")
def test_who_replays_later_fences_who_did_before(broker: Broker, fresh: str) -> None:
    apply(broker, [TopicSpec(fresh, 1, {})])
    with transacting(broker, f"replay.{fresh}") as first:
        assert first([Output(fresh, None, b"1")]) == 1
        with transacting(broker, f"replay.{fresh}") as second:
            with pytest.raises(KafkaError):
                first([Output(fresh, None, b"2")])
            assert second([Output(fresh, None, b"3")]) == 1
    assert [record.value for record in read_all(broker, fresh)] == [b"1", b"3"]
