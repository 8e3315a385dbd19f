"""`signals replay LOG --source deal.events`: the log as a file, by any number of workers, and what is wrong with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from playbook.load import Loaded
from programs import relogging
from programs.definitions import default_playbook
from programs.failures import CallError, FilesError
from programs.jsonl import read_log
from programs.relogging import LogPlan, relived
from signals.baselines import Baselines, Measure, Row
from signals.judge import panel_of
from signals.relive import LogError, LogRecord, replay_log
from signals.rules import Rules
from tests.unit.brain_story import at, changed, created, tick
from tests.unit.definition_panels import switch_to
from topics.codec import decode_signal, encode
from topics.events import DealEvent, DefinitionsChanged
from topics.instants import DAY_US
from topics.signals import Kind, Step

SIGNALS = str(Path(sys.executable).parent / "signals")
PLAYBOOK = default_playbook()


def log_of(partitions: int, deals: int) -> list[LogRecord]:
    """A log in which deals stay too long, move back, and lose what qualified them; a tick a day in each partition."""
    records: list[LogRecord] = []
    for partition in range(partitions):
        events: list[DealEvent] = []
        for n in range(deals):
            key = f"crm/acme:D{partition}-{n}"
            events.append(created(at(n % 9), key, stage="Qualification", need_confirmed=True, amount=1000.0 * n))
            events.append(changed(at(20 + n % 7), key, stage="Prospecting"))
            events.append(changed(at(30 + n % 5), key, need_confirmed=False))
        events += [tick(at(day) + 1) for day in range(90)]
        events.sort(key=lambda event: event.at_us)
        records += [
            LogRecord(partition, offset, event.at_us + partition, event.key.encode(), encode(event))
            for offset, event in enumerate(events)
        ]
    return records


def written(path: Path, records: list[LogRecord]) -> Path:
    with path.open("wb") as file:
        for one in records:
            head = {"partition": one.partition, "offset": one.offset, "timestamp": one.timestamp_us}
            line = {**head, "key": (one.key or b"").decode(), "value": json.loads(one.value or b"null")}
            file.write(json.dumps(line).encode() + b"\n")
    return path


def run(path: Path, jobs: int, *more: Loaded) -> tuple[list[bytes], list[bytes], tuple[object, ...]]:
    with relived(LogPlan(path, (PLAYBOOK, *more), (), views=True, jobs=jobs)) as result:
        figures = (result.tally.rows, result.tally.events, result.deals, result.steps, result.until_us)
        return list(result.signals), list(result.views), figures


def test_a_log_in_a_file_is_relived_the_same_by_any_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = log_of(partitions=3, deals=40)
    panel = panel_of(Rules(PLAYBOOK.playbook, PLAYBOOK.hash))
    known = replay_log(records, panel)
    path = written(tmp_path / "log.jsonl", records)
    # every line says what its record says, but for spaces
    assert [one._replace(value=None) for one in read_log(path)] == [one._replace(value=None) for one in records]
    at_once = run(path, 1)
    assert at_once[0] == [encode(one) for one in known.signals]
    assert at_once[1] == [encode(view) for view in known.views()]
    assert at_once[2][:3] == (len(records), len(records), 120)
    assert {json.loads(line)["kind"] for line in at_once[0]} >= {"stage_overstay", "stage_regressed", "contact_gap"}
    monkeypatch.setattr(relogging, "SMALL_BYTES", 0)
    assert run(path, 2) == run(path, 5) == at_once


def test_what_is_folded_already_is_silent_and_what_is_no_event_is_rejected(tmp_path: Path) -> None:
    log = log_of(partitions=1, deals=1)
    log = [log[0], log[0]._replace(offset=1), LogRecord(0, 2, at(1), b"x", b"{}"), LogRecord(0, 3, at(1), b"x", None)]
    with relived(LogPlan(written(tmp_path / "log.jsonl", log), (PLAYBOOK,), ())) as result:
        tally = result.tally
    assert (tally.rows, tally.events, tally.silent, tally.rejected) == (
        4,
        1,
        {"duplicate": 1},
        {"undecodable": 2},
    )


@pytest.mark.parametrize(
    ("line", "error", "says"),
    [
        ('{"partition": 0, "offset": "x", "value": null}', FilesError, "log.jsonl: line 2: Expected `int`"),
        ("not json", FilesError, "log.jsonl: line 2: JSON is malformed"),
        ('{"partition": 0, "offset": 0, "value": null}', LogError, "partition 0: offset 0 comes after 0"),
    ],
)
def test_a_log_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, error: type[Exception], says: str
) -> None:
    path = written(tmp_path / "log.jsonl", log_of(1, 1)[:1])
    path.write_text(path.read_text() + line + "\n")
    for small in (1_000_000, 0):
        monkeypatch.setattr(relogging, "SMALL_BYTES", small)
        with pytest.raises(error, match=says):
            run(path, 2)


@pytest.mark.parametrize("small", [0, 1_000_000])
def test_definitions_that_the_log_names_must_be_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: int
) -> None:
    log = log_of(1, 1)
    switch = LogRecord(0, 1_000, at(95), b"", encode(switch_to("sha256:other")))
    path = written(tmp_path / "log.jsonl", [*log, switch])
    monkeypatch.setattr(relogging, "SMALL_BYTES", small)
    with pytest.raises(CallError, match="names definitions sha256:other: give their file with --definitions"):
        run(path, 2)
    signals, _, _ = run(path, 2, PLAYBOOK._replace(hash="sha256:other"))
    assert signals


def test_the_command_writes_what_was_said(tmp_path: Path) -> None:
    path = written(tmp_path / "log.jsonl", log_of(2, 3))
    command = [SIGNALS, "replay", str(path), "--source", "deal.events", "--output", "-", "--report", "report"]
    done = subprocess.run(command, capture_output=True, check=False, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["detected_at"] for one in lines] == sorted(one["detected_at"] for one in lines)
    assert {(one["evidence"]["events"][0]["topic"], one["subject_key"][:10]) for one in lines} >= {
        ("deal.events", "crm/acme:D")
    }
    report = json.loads((tmp_path / "report").read_text())
    assert report["rows"] == report["events"] == len(log_of(2, 3))
    for more, says in ((["--until", "2024-01-01T00:00:00Z"], "no --until"), (["--mapping", "m.yaml"], "no --mapping")):
        refused = subprocess.run([*command, *more], capture_output=True, check=False, cwd=tmp_path, timeout=60)
        assert refused.returncode == 2
        assert says in refused.stderr.decode()


def test_baselines_that_a_log_names_are_given_beside_the_playbooks(tmp_path: Path) -> None:
    row = Row(
        measure=Measure.DWELL, pipeline="Sales", stage="Qualification", n=40, events=40, quantiles=(2 * DAY_US,) * 199
    )
    learned = Baselines([row])
    control = DefinitionsChanged(id="c", key="", source="", at_us=at(0), baselines=learned.version)
    log: list[DealEvent] = [tick(at(0)), control, created(at(1), stage="Qualification"), tick(at(9))]
    records = [LogRecord(0, n, one.at_us, one.key.encode(), encode(one)) for n, one in enumerate(log)]
    path = written(tmp_path / "log.jsonl", records)
    with (
        pytest.raises(CallError, match=f"names definitions {learned.version}: give their file with --definitions"),
        relived(LogPlan(path, (PLAYBOOK,), ())),
    ):
        pass
    with relived(LogPlan(path, (PLAYBOOK,), (), learned=(learned,))) as result:
        said = [decode_signal(one) for one in result.signals]
    (overstay,) = [one for one in said if one.kind is Kind.STAGE_OVERSTAY and one.transition is Step.OPENED]
    assert overstay.evidence.baseline is not None
    assert overstay.evidence.baseline["version"] == learned.version
