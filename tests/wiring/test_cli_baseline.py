"""`signals baseline` against a real broker, the embedded one: learn from the topic, publish, show, withdraw."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.admin import produce, read_all
from engine.embedded import EmbeddedBroker
from engine.records import Output
from engine.settings import Broker
from programs import cli
from signals.baselines import read
from topics.catalog import DEAL_EVENTS, PEOPLE_EVENTS, STAGE_DWELLS
from topics.codec import decode_deal_event, encode
from topics.definitions import NO_BASELINES
from topics.dwells import Dwell, DwellRecord, DwellUndone, dwell_key
from topics.events import DefinitionsChanged
from topics.instants import DAY_US

pytestmark = pytest.mark.broker

Call = Callable[..., tuple[int, list[str], list[str]]]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[str]:
    with EmbeddedBroker(tmp_path / "broker") as broker:
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


def stay(number: int, days: float) -> Dwell:
    return Dwell(
        deal=f"crm/acme:{number}",
        entry=str(number),
        pipeline="Sales",
        stage="Proposal",
        from_us=0,
        until_us=int(days * DAY_US),
    )


def controls(servers: str, topic: str) -> set[str]:
    found = [decode_deal_event(one.value or b"") for one in read_all(Broker(servers), topic)]
    return {one.baselines for one in found if isinstance(one, DefinitionsChanged)}


def test_what_detect_has_seen_is_learned_published_shown_and_taken_back(signals: Call, servers: str) -> None:
    assert signals("topics", "apply")[0] == 0
    code, _, wrong = signals("baseline", "show", "--published")
    assert (code, wrong) == (1, ["no baselines count: fixed limits do (`signals baseline fit --publish`)"])
    said: list[DwellRecord] = [*(stay(n, n + 1) for n in range(40)), stay(99, 5000)]
    said.append(DwellUndone(deal="crm/acme:99", entry="99", pipeline="Sales", stage="Proposal"))
    produce(Broker(servers), [Output(STAGE_DWELLS, dwell_key(one), encode(one)) for one in said])
    code, out, _ = signals("baseline", "fit", "--from-topic", "--publish")
    assert code == 0
    learned = read(Path("baselines.json").read_bytes())
    (row,) = [one for one in learned.rows if one.stage]
    assert (row.n, row.events, row.quantile_us(0.9)) == (40, 40, 36 * DAY_US)
    assert out[-1].startswith(f"{learned.version}: ")
    assert out[-1].endswith(" partitions switch")
    assert controls(servers, DEAL_EVENTS) == {learned.version}
    assert controls(servers, PEOPLE_EVENTS) == set()
    assert signals("baseline", "show", "--published")[1][0] == learned.version
    assert signals("baseline", "publish")[1] == [f"{learned.version}: counts already, nothing to do"]
    assert signals("baseline", "publish", "--withdraw")[0] == 0
    assert controls(servers, DEAL_EVENTS) == {learned.version, NO_BASELINES}
    assert signals("baseline", "show", "--published")[0] == 1


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["fit"], "--history PATH or --from-topic: what to learn from"),
        (["fit", "--from-topic", "--history", "x"], "--history PATH or --from-topic: what to learn from"),
        (["fit", "--history", "x"], "--source NAME: whose history it is (`tables` with --mapping)"),
        (["show", "none.json"], "none.json:1: No such file or directory"),
        (["publish", "none.json"], "none.json:1: No such file or directory"),
    ],
)
def test_a_wrong_call_is_one_line_and_exit_two(
    arguments: list[str],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["signals", "baseline", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [why]
