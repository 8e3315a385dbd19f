"""A loader that is killed at any moment goes on where it was when it is called again; nothing is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from engine.admin import apply, read_all
from engine.settings import Broker
from programs.commands.topics import specs
from programs.definitions import read_mapping
from programs.loads.backfill import CHUNK
from programs.startup import prepare
from topics.events import DealChanged, DealRemoved
from topics.outcomes import Accepted, RawRecord, Silent
from topics.sources.tables import parser
from topics.sources.tables.mapping import as_source

DEALS, WEEKS, KILLS = 4_000, 6, 3
ROWS = DEALS * WEEKS - WEEKS + 1
MAPPING = """
version: 1
tenant: acme
tables:
  deals:
    file: deals_*.csv
    kind: snapshot
    deal: id
    at: {name: '(\\d{4}-\\d{2}-\\d{2})', type: day, format: iso}
    missing: removed
    columns: {stage: stage, amount: {to: amount, type: number}}
"""
SETTINGS = '[[sources]]\nname = "killed"\nkind = "tables"\nmapping = "mapping.yaml"\n'


@pytest.fixture
def folder(tmp_path: Path, embedded_broker: Broker) -> Path:
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    (tmp_path / "signals.toml").write_text(SETTINGS)
    exports = tmp_path / "exports"
    exports.mkdir()
    for n in range(WEEKS):
        # each week a third of the deals has another amount, and one deal is gone
        rows = [f"D{deal},New,{deal + n // 3 if deal % 3 == n % 3 else deal}" for deal in range(bool(n), DEALS)]
        (exports / f"deals_2024-01-{1 + 5 * n:02}.csv").write_text("\n".join(["id,stage,amount", *rows, ""]))
    ready = prepare({"SIGNALS_BROKER": embedded_broker.servers}, tmp_path)
    apply(embedded_broker, specs(ready), replication=1)
    return tmp_path


def loading(folder: Path, broker: Broker) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "programs", "load", "exports", "--source", "killed", "--as-live"]
    environ = os.environ | {"SIGNALS_BROKER": broker.servers}
    return subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def progress(folder: Path) -> int:
    """Rows that the loader remembers."""
    file = folder / "data/loads/killed.sqlite"
    if not file.exists():
        return 0
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
        try:
            ((rows,),) = database.execute("SELECT coalesce(sum(rows), 0) FROM progress").fetchall()
        except sqlite3.Error:  # it is being made
            return 0
    return int(rows)


@pytest.mark.chaos
@pytest.mark.broker
def test_a_load_that_is_killed_goes_on_where_it_was(folder: Path, embedded_broker: Broker) -> None:
    chance = random.Random(11)  # noqa: S311 -- moments that repeat
    goes_on = 0
    for _ in range(KILLS):
        process = loading(folder, embedded_broker)
        before, deadline = progress(folder), time.monotonic() + 60
        while process.poll() is None and progress(folder) <= before and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(chance.random() / 20)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        goes_on += process.returncode == -signal.SIGKILL
    process = loading(folder, embedded_broker)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert goes_on, "every load was over before it could be killed"
    assert "of them before the load was interrupted" in out
    assert f"{ROWS:,} records loaded" in out

    rows: Counter[tuple[str, int]] = Counter()
    parse = parser(as_source("killed", read_mapping(folder / "mapping.yaml")))
    state: dict[str, tuple[int, float | None]] = {}
    silent = 0
    for record in read_all(embedded_broker, "crm.raw.killed"):
        said = json.loads(record.value or b"")
        rows[said.get("against", ""), said["n"]] += 1
        (outcome,) = parse(RawRecord(record.key, record.value))
        if isinstance(outcome, Silent):
            silent += 1
            continue
        assert isinstance(outcome, Accepted)
        for event in outcome.events:
            if isinstance(event, DealRemoved):
                state[event.key] = (event.at_us, None)
            elif isinstance(event, DealChanged) and event.at_us > state.get(event.key, (0, 0.0))[0]:
                state[event.key] = (event.at_us, float(str(event.fields["amount"])))
    of_rows = {n for against, n in rows if against != "missing"}
    assert of_rows == set(range(1, ROWS + 1))  # nothing is lost
    assert sum(rows.values()) <= ROWS + 1 + KILLS * CHUNK  # and a kill repeats one chunk at most
    assert silent
    assert state.pop("killed/acme:D0")[1] is None
    assert {key: amount for key, (_, amount) in state.items()} == {
        f"killed/acme:D{deal}": float(amount) for deal, amount in _last_week(folder)
    }


def _last_week(folder: Path) -> list[tuple[int, str]]:
    last = max((folder / "exports").iterdir())
    rows = [line.split(",") for line in last.read_text().splitlines()[1:]]
    return [(int(deal[1:]), amount) for deal, _, amount in rows]
