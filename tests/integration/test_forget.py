"""`signals forget` against `signals up`: what is forgotten is gone from every topic that keeps the last of each key."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.admin import produce, read_all
from engine.records import Output
from engine.settings import Broker
from programs.settings import PROGRAMS
from topics.catalog import DEAL_CURRENT, DEAL_EVENTS, PEOPLE_EVENTS, RAW_PREFIX, STATE_DETECT, STATE_JOIN

SOURCE = "salesforce/default"
D1, D2, ACCOUNT, ANA = "006SB00000AbCdEYAV", "006SB00000AbCdFYAV", "001SB00000AbCdEYAV", "003SB00000AbCdEYAV"
NAMES = (b"Ana Ruiz", b"ana@example.com", b"Chief Buyer")
pytestmark = [
    pytest.mark.broker,
    # the topics are read again and again: kafka-python leaves a connection to the garbage collector now and then
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"),
]


def change(entity: str, record: str, kind: str, number: int, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    header = {
        "entityName": entity,
        "recordIds": [record],
        "changeType": kind,
        "changeOrigin": "com/salesforce/api/soap/60.0;client=Astro/",
        "transactionKey": f"{number:08}-7a3c-4bd1-9f00-51f3c2ab5fed",
        "sequenceNumber": 1,
        "commitTimestamp": round(time.time() * 1000) - 60_000 + number,
        "commitNumber": 1_652_977_933_433_528_000 + number,
        "commitUser": "005SB000000146PYAQ",
        "nulledFields": [],
        "diffFields": [],
        "changedFields": list(fields) if kind == "UPDATE" else [],
    }
    return {"ChangeEventHeader": header, **fields}


def opportunity(record: str, number: int, name: str) -> dict[str, Any]:
    fields = {"Name": name, "StageName": "Prospecting", "CloseDate": "2030-01-01", "AccountId": ACCOUNT}
    return change("Opportunity", record, "CREATE", number, **fields)


HISTORY = (
    change("Account", ACCOUNT, "CREATE", 1, Name="Brightwater", Industry="Energy"),
    change("Contact", ANA, "CREATE", 2, FirstName="Ana", LastName="Ruiz", Email="ana@example.com", Title="Chief Buyer"),
    opportunity(D1, 3, "Brightwater renewal"),
    opportunity(D2, 4, "Brightwater pilot"),
    change("OpportunityContactRole", "00KSB00000AbCdEYAV", "CREATE", 5, OpportunityId=D1, ContactId=ANA, Role="Buyer"),
    change("Task", "00TSB00000AbCdEYAV", "CREATE", 6, WhoId=ANA, Status="Completed", ActivityDate="2024-01-05"),
)


def send(broker: Broker, *changes: dict[str, Any]) -> None:
    produce(broker, [Output(RAW_PREFIX + "salesforce", b"k", json.dumps(one).encode()) for one in changes])


def latest(broker: Broker, topic: str) -> dict[bytes, bytes]:
    """What the topic keeps: the last of each key."""
    values: dict[bytes, bytes] = {}
    for record in read_all(broker, topic):
        values[record.key or b""] = record.value or b""
    return {key: value for key, value in values.items() if value}


def eventually(what: str, holds: Callable[[], bool], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(1)


@contextmanager
def up(folder: Path) -> Iterator[Broker]:
    """`signals up` with a broker of its own, messages drawn in its output."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALS_", "SLACK_"))} | {
        "SIGNALS_DATA_DIR": str(folder / "data"),
        "SIGNALS_CLOCK_GRACE": "0",
        "SIGNALS_WEB_PORT": "0",
        "SIGNALS_PARTITIONS": "2",
    }
    with (folder / "up.log").open("w") as log:
        command = [sys.executable, "-m", "programs", "up"]
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        said: dict[str, str] = {}
        while PROGRAMS[-1] not in said:
            line = process.stdout.readline()
            assert line, (folder / "up.log").read_text()
            name, _, address = line.partition(" ")
            said[name] = address.strip()
        yield Broker(said["broker"])
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)


def forget(folder: Path, broker: Broker, subject: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "programs", "forget", subject, "--broker", broker.servers, "--yes", *options]
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALS_", "SLACK_"))}
    return subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.chaos
def test_what_is_forgotten_is_gone_and_stays_so(tmp_path: Path) -> None:
    with up(tmp_path) as broker:
        send(broker, *HISTORY)
        deals = [f"{SOURCE}:{deal}".encode() for deal in (D1, D2)]
        eventually("both deals are there", lambda: set(deals) <= latest(broker, DEAL_CURRENT).keys())
        held = b"".join(latest(broker, STATE_JOIN).values())
        eventually("Ana is known", lambda: all(name in b"".join(latest(broker, STATE_JOIN).values()) for name in NAMES))
        assert held

        done = forget(tmp_path, broker, f"{SOURCE}:{D1}")
        assert (done.returncode, done.stderr) == (0, "")
        assert "known as deal" in done.stdout
        assert "crm.raw.salesforce" in done.stdout
        for topic in (DEAL_CURRENT, STATE_DETECT):
            kept = latest(broker, topic).keys()
            assert deals[0] not in kept
            assert deals[1] in kept

        done = forget(tmp_path, broker, f"{SOURCE}:{ANA}", "--what", "person")
        assert (done.returncode, done.stderr) == (0, "")
        left = b"".join(key + value for key, value in latest(broker, STATE_JOIN).items())
        assert not [name for name in (*NAMES, ANA.encode()) if name in left]

        # neither the account nor the one who is gone bring the deal back
        send(
            broker,
            change("Account", ACCOUNT, "UPDATE", 10, Industry="Water"),
            change("Task", "00TSB00000AbCdEYAV", "UPDATE", 11, Status="Not Started"),
        )
        eventually("the account is told", lambda: b"Water" in latest(broker, DEAL_CURRENT)[deals[1]] or _told(broker))
        assert deals[0] not in latest(broker, DEAL_CURRENT)

        again = forget(tmp_path, broker, f"{SOURCE}:{D1}")
        assert again.returncode == 0
        assert "nothing is known of it" in again.stdout


def _told(broker: Broker) -> bool:
    """Whether the join has told the other deal of the account's change."""
    return b"Water" in b"".join(record.value or b"" for record in read_all(broker, DEAL_EVENTS))


@pytest.mark.parametrize("subject", ["crm/acme:1", "salesforce/default", "salesforce/default:"])
def test_a_subject_that_is_none_of_ours_is_refused(tmp_path: Path, subject: str, embedded_broker: Broker) -> None:
    done = forget(tmp_path, embedded_broker, subject)
    assert done.returncode == 2
    assert "the sources are salesforce/default" in done.stderr
    assert PEOPLE_EVENTS not in done.stdout
