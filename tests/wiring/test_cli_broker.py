"""`signals topics` and `signals rejected` against a real broker: the embedded one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.admin import produce
from engine.embedded import EmbeddedBroker
from engine.records import Output
from engine.settings import Broker
from programs import cli
from topics.catalog import REJECTED, TOPICS
from topics.codec import encode
from topics.rejections import Rejection

pytestmark = pytest.mark.broker

Call = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker.servers


@pytest.fixture
def signals(servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGNALS_BROKER", servers)

    def call(*arguments: str) -> tuple[int, list[str], list[str]]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["signals", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out.splitlines(), said.err.splitlines()

    return call


def rejection(number: int, **changes: object) -> Rejection:
    usual: dict[str, object] = {
        "source": "salesforce/default",
        "reason": "not_json",
        "detail": "at byte 0",
        "topic": "crm.raw.salesforce",
        "partition": 1,
        "offset": number,
        "timestamp_us": 1_700_000_000_000_000 + number,
        "key": b"006",
        "value": b"\xff\x1b]0;owned\x07{" + b"a" * 1000,
    }
    return Rejection(**{**usual, **changes})  # type: ignore[arg-type]  # one row of a table of cases


def test_the_topics_are_missing_then_made_then_as_they_should_be(signals: Call) -> None:
    code, out, err = signals("topics", "check")
    assert (code, out) == (1, [])
    assert "deal.events: does not exist, wanted with 4 partitions" in err

    code, out, err = signals("rejected", "list")
    assert (code, out, err) == (1, [], [f"topic {REJECTED} does not exist"])

    code, out, err = signals("topics", "apply")
    assert (code, err) == (0, [])
    assert {f"done: {topic.name}: created with {topic.partitions or 4} partitions" for topic in TOPICS} <= set(out)

    assert signals("topics", "apply") == (0, ["nothing to do"], [])
    code, out, err = signals("topics", "check")
    assert (code, out, err) == (0, [f"{len(TOPICS) + 5} topics are as they should be"], [])
    assert signals("rejected", "list") == (0, [], ["0 rejected"])


def test_a_topic_of_another_size_is_named_and_left_alone_unless_asked(
    signals: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    signals("topics", "apply")
    monkeypatch.setenv("SIGNALS_PARTITIONS", "5")
    code, out, err = signals("topics", "apply")
    assert (code, out) == (1, [])
    assert "deal.signals: partitions is 4, wanted 5" in err


def test_rejects_are_shown_newest_last_and_cannot_steer_the_terminal(signals: Call, servers: str) -> None:
    signals("topics", "apply")
    values = [
        encode(rejection(0)),
        encode(rejection(1, source="web/default", reason="no_subject", detail="", value=b"{}")),
        encode(rejection(2, rows=3, detail="\x1b[2J")),
        encode(rejection(3, value=b"x" * 70, size=9_000_000, sha256="0" * 64, timestamp_us=2**62)),
        b"not a rejection",
    ]
    written = [Output(REJECTED, b"source", value) for value in values]
    assert produce(Broker(servers), written) == len(values)

    code, out, err = signals("rejected", "list")
    assert code == 0
    assert err == ["7 rejected: not_json 5, no_subject 1, unreadable 1"]
    first = r"2023-11-14T22:13:20Z salesforce/default crm.raw.salesforce[1]@0 not_json (at byte 0): 1012 bytes: "
    assert out[0].startswith(first + r"\xff\x1b]0;owned\x07{aaa")
    assert len(out[0]) < 400
    assert out[1].endswith("web/default crm.raw.salesforce[1]@1 no_subject: 2 bytes: {}")
    assert r"not_json x3 (\x1b[2J)" in out[2]
    assert out[3].startswith("4611686018427387904 us ")
    assert "9000000 bytes: xxx" in out[3]
    assert " unreadable (" in out[4]
    assert "\x1b" not in "".join(out)

    code, out, err = signals("rejected", "list", "--last", "1", "--source", "salesforce/default", "--json")
    (newest,) = map(json.loads, out)
    assert (newest["offset"], newest["size"], newest["begins"]) == (3, 9_000_000, "x" * 70)
    assert err == ["5 rejected: not_json 5"]

    code, out, err = signals("rejected", "list", "--reason", "no_subject")
    assert [line.split()[3] for line in out] == ["no_subject:"]
