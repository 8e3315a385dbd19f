"""Each kind of signal against a DuckDB query over the raw records, for every deal of a random run.

The queries in `oracles/` read the records as Salesforce and the web site sent them and share no code with parsers,
folds or detectors. Input in order of time: the same (deal, opened, resolved). Input late and twice: the same final
state. And each comparison fails when the brain's limit is off by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
import yaml

from playbook.load import load
from signals.replay import Replayed, replay, replay_as_arrived
from signals.rules import Rules
from signals.simulate import CRM, WEB, Emitted, Options, simulate
from signals.simulation.arrival import DISORDER
from topics.instants import DAY_US, HOUR_US, SECOND_US, parse_rfc3339
from topics.signals import Kind, Resolution, Severity, Step
from topics.sources.registry import parser
from topics.sources.source import Provides, Source, SourceKind

ORACLES = Path(__file__).parent / "oracles"
START_MS = 1_735_689_600_000  # 2025-01-01
DEALS, DAYS = 220, 200
UNTIL_US = START_MS * 1000 + DAYS * DAY_US

Episode = tuple[str, int, int | None]
Doc = dict[str, Any]

SOURCES = {
    CRM: Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="acme", provides=frozenset(Provides)),
    WEB: Source(
        name="web", kind=SourceKind.CLOUDEVENTS, tenant="acme", fields={"deal_source": "salesforce/acme"}
    ),
}
PARSERS = {name: parser(source) for name, source in SOURCES.items()}


class Run(NamedTuple):
    """One simulated run: its records in the order of arrival, and the oracles' database over them."""

    records: list[Emitted]
    oracles: duckdb.DuckDBPyConnection

    def oracle(self, kind: Kind) -> set[Episode]:
        """The query's answer: (deal, opened, resolved), instants in microseconds."""
        return set(self.oracles.execute((ORACLES / f"{kind.value}.sql").read_text()).fetchall())


def document() -> Doc:
    """The oracles' playbook as plain YAML."""
    return dict(yaml.safe_load((ORACLES / "playbook.yaml").read_text()))


def rules_of(doc: Doc) -> Rules:
    loaded = load(yaml.safe_dump(doc, sort_keys=False), "playbook.yaml")
    return Rules(loaded.playbook, loaded.hash, SOURCES.values())


def simulated(tmp_path: Path, options: Options) -> Run:
    records = list(simulate(options))
    oracles = duckdb.connect(config={"threads": 2})
    for name, table in ((CRM, "raw_crm"), (WEB, "raw_web")):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(b"\n".join(one.record.value or b"null" for one in records if one.source == name))
        oracles.execute(f"CREATE TABLE {table} AS SELECT json AS value FROM read_ndjson_objects(?)", [str(path)])
    _define(oracles, document())
    for file in sorted(ORACLES.glob("0*.sql")):
        oracles.execute(file.read_text())
    return Run(records, oracles)


def _define(oracles: duckdb.DuckDBPyConnection, doc: Doc) -> None:
    """Hand the numbers of the playbook to the queries, read from the YAML and from nothing of the product."""
    signals, (pipeline,) = doc["signals"], doc["pipelines"]
    pushes = signals["close_date_pushed"]
    numbers = {
        "horizon": UNTIL_US,
        "plan": signals["contact_gap"]["plan_days"] * DAY_US,
        "settle": signals["gate_violated"]["settle_seconds"] * SECOND_US,
        "intent_window": signals["high_intent"]["window_hours"] * HOUR_US,
        "push_min": pushes["min_days"],
        "push_window": pushes["window_days"] * DAY_US,
        "push_warning": pushes["warning_count"],
        "push_critical": pushes["critical_count"],
        "push_single": pushes["single_days"],
        "push_sum": pushes["sum_days"],
        "push_life": pushes["expires_days"] * DAY_US,
    }
    for name, number in numbers.items():
        oracles.execute(f"SET VARIABLE {name} = {number}::BIGINT")
    names = [stage["name"] for stage in pipeline["stages"]]
    sql_place = names.index(pipeline["sql_stage"])
    oracles.execute("CREATE TABLE stage (name VARCHAR, place INT, outcome VARCHAR, is_sql BOOLEAN, stay BIGINT, silence BIGINT)")
    oracles.executemany(
        "INSERT INTO stage VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                stage["name"],
                place,
                stage.get("outcome", "open"),
                place >= sql_place,
                stage.get("max_days", signals["stage_overstay"]["days"]) * DAY_US,
                stage.get("contact_days", signals["contact_gap"]["days"]) * DAY_US,
            )
            for place, stage in enumerate(pipeline["stages"])
        ],
    )
    oracles.execute("CREATE TABLE segment (least DOUBLE, corridor BIGINT)")
    oracles.executemany(
        "INSERT INTO segment VALUES (?, ?)",
        [
            (float(segment["when"].split()[-1]) if "when" in segment else 0.0, segment["cycle_days"] * DAY_US)
            for segment in doc["segments"]
        ],
    )


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Run:
    playbook = rules_of(document()).playbook
    options = Options(seed=41, deals=DEALS, days=DAYS, start_ms=START_MS, playbook=playbook, edges=0.06)
    return simulated(tmp_path_factory.mktemp("in_order"), options)


@pytest.fixture(scope="module")
def disordered(tmp_path_factory: pytest.TempPathFactory) -> Run:
    playbook = rules_of(document()).playbook
    options = Options(
        seed=43, deals=DEALS, days=DAYS, start_ms=START_MS, playbook=playbook, edges=0.06, trouble=DISORDER
    )
    return simulated(tmp_path_factory.mktemp("disordered"), options)


@pytest.fixture(scope="module")
def judged(in_order: Run) -> Replayed:
    return replayed(in_order, document())


def replayed(run: Run, doc: Doc) -> Replayed:
    return replay(((PARSERS[one.source], one.record) for one in run.records), rules_of(doc), UNTIL_US)


def episodes(result: Replayed, kind: Kind) -> set[Episode]:
    """(deal, opened, resolved) of every episode of a kind that the brain told of."""
    running: dict[str, tuple[str, int]] = {}
    ended: list[Episode] = []
    for signal in (one for one in result.signals if one.kind is kind):
        at_us = parse_rfc3339(signal.occurred_at)
        if signal.transition is Step.OPENED:
            assert signal.id not in running
            running[signal.id] = (signal.deal_id, at_us)
        elif signal.transition is Step.RESOLVED:
            ended.append((*running.pop(signal.id), at_us))
    found = [*ended, *((deal, opened, None) for deal, opened in running.values())]
    assert len(set(found)) == len(found)
    return set(found)


def open_now(episodes_: set[Episode]) -> set[tuple[str, int]]:
    return {(deal, opened) for deal, opened, resolved in episodes_ if resolved is None}


@pytest.mark.parametrize("kind", Kind)
def test_in_order_of_time_every_episode_is_the_oracles(kind: Kind, in_order: Run, judged: Replayed) -> None:
    expected = in_order.oracle(kind)
    assert len(expected) > 20, "the run does not show this kind often enough to mean anything"
    assert any(resolved is None for _, _, resolved in expected)
    assert episodes(judged, kind) == expected
