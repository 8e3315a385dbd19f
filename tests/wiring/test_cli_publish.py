"""`signals playbook publish` and `show --published` against a real broker: the embedded one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.admin import read_all
from engine.embedded import EmbeddedBroker
from engine.settings import Broker
from programs import cli
from programs.definitions import default_playbook, default_text, read_playbook
from topics.catalog import DEAL_EVENTS, DEFINITIONS, PEOPLE_EVENTS
from topics.codec import decode_deal_event
from topics.definitions import CurrentDefinitions, PublishedPlaybook, decode_definition
from topics.events import DefinitionsChanged

pytestmark = pytest.mark.broker

Call = Callable[..., tuple[int, list[str], list[str]]]
DEFAULT = default_playbook().hash
DAYS = "stage_overstay: {days: 30}"


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


@pytest.fixture
def edited(tmp_path: Path) -> Callable[[str, str], str]:
    """The default playbook with some text replaced, as a file."""

    def edit(old: str, new: str) -> str:
        assert old in default_text()
        file = tmp_path / f"{abs(hash((old, new)))}.yaml"
        file.write_text(default_text().replace(old, new), encoding="utf-8")
        return str(file)

    return edit


def controls(servers: str, topic: str) -> list[tuple[int, str]]:
    """Which partition was switched to what, in order."""
    events = [(record.partition, decode_deal_event(record.value or b"")) for record in read_all(Broker(servers), topic)]
    return [(partition, event.playbook) for partition, event in events if isinstance(event, DefinitionsChanged)]


def test_a_playbook_is_stored_then_every_partition_switches(
    signals: Call, servers: str, edited: Callable[[str, str], str]
) -> None:
    signals("topics", "apply")
    assert signals("playbook", "show", "--published") == (
        1,
        [],
        ["nothing was published: each worker's own file counts (`signals playbook publish FILE`)"],
    )

    file = edited(DAYS, DAYS.replace("30", "20"))
    version = read_playbook(Path(file)).hash
    code, out, err = signals("playbook", "publish", file)
    assert (code, err) == (0, [])
    assert out[-1] == f"{version}: 8 partitions switch"
    assert any(line.endswith("30 -> 20") for line in out)
    assert controls(servers, DEAL_EVENTS) == [(number, version) for number in range(4)]
    assert controls(servers, PEOPLE_EVENTS) == [(number, version) for number in range(4)]

    known = [decode_definition(record.value or b"") for record in read_all(Broker(servers), DEFINITIONS)]
    assert [one.version for one in known if isinstance(one, PublishedPlaybook)] == [version, DEFAULT]
    (current,) = [one for one in known if isinstance(one, CurrentDefinitions)]
    assert current.playbook == version

    code, out, err = signals("playbook", "show", "--published")
    assert (code, err) == (0, [])
    assert out[0].startswith(f"# {version}, published at 20")
    assert "\n".join(out[1:]) == Path(file).read_text(encoding="utf-8").rstrip("\n")


def test_what_counts_already_is_left_alone_unless_asked(
    signals: Call, servers: str, edited: Callable[[str, str], str]
) -> None:
    signals("topics", "apply")
    file = edited(DAYS, DAYS.replace("30", "21"))
    signals("playbook", "publish", file)
    version = read_playbook(Path(file)).hash
    assert signals("playbook", "publish", file) == (0, [f"{version}: counts already, nothing to do"], [])
    assert len(controls(servers, DEAL_EVENTS)) == 4
    code, out, _ = signals("playbook", "publish", file, "--again")
    assert (code, out) == (0, ["nothing changes in meaning", f"{version}: 8 partitions switch"])
    assert len(controls(servers, DEAL_EVENTS)) == 8


def test_going_back_is_said(signals: Call, edited: Callable[[str, str], str]) -> None:
    signals("topics", "apply")
    first, second = edited(DAYS, DAYS.replace("30", "22")), edited(DAYS, DAYS.replace("30", "23"))
    signals("playbook", "publish", first)
    signals("playbook", "publish", second)
    code, out, _ = signals("playbook", "publish", first)
    assert code == 0
    assert out[0].startswith("back to a version that was first published at 20")
    assert any(line.endswith("23 -> 22") for line in out)


def test_a_version_may_be_made_known_alone(signals: Call, servers: str, edited: Callable[[str, str], str]) -> None:
    signals("topics", "apply")
    file = edited(DAYS, DAYS.replace("30", "24"))
    version = read_playbook(Path(file)).hash
    assert signals("playbook", "publish", file, "--only-store") == (
        0,
        [f"{version}: known, and switched to nowhere"],
        [],
    )
    assert controls(servers, DEAL_EVENTS) == []


def test_a_new_route_has_its_topic_before_anything_is_routed(signals: Call, edited: Callable[[str, str], str]) -> None:
    signals("topics", "apply")
    new = '\nintents:\n  - name: trial_ended\n    when: kind == "trial.ended"\n    route: trials'
    code, out, err = signals("playbook", "publish", edited("\nintents:", new))
    assert (code, err) == (0, [])
    assert "done: route.trials: created with 4 partitions" in out
    assert "intents[trial_ended]: new" in out


def test_a_wrong_playbook_is_refused_with_its_lines_and_nothing_is_written(
    signals: Call, servers: str, edited: Callable[[str, str], str]
) -> None:
    signals("topics", "apply")
    file = edited(DAYS, DAYS.replace("30", "-30"))
    code, out, err = signals("playbook", "publish", file)
    assert (code, out) == (2, [])
    assert all(line.startswith(f"{file}:") for line in err)
    assert list(read_all(Broker(servers), DEFINITIONS)) == []


def test_without_the_topics_it_says_so(signals: Call, edited: Callable[[str, str], str]) -> None:
    code, out, err = signals("playbook", "publish", edited(DAYS, DAYS.replace("30", "25")))
    assert (code, out, err) == (1, [], ["topic definitions does not exist"])
