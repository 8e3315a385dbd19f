"""Each kind of signal against a DuckDB query over the raw records, for every deal of a random run.

The queries in `oracles/` read the records as Salesforce and the web site sent them and share no code with parsers,
folds or detectors. Input in order of time: the same (deal, opened, resolved). Input late and twice: the same final
state. And each comparison fails when the brain's limit is off by one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
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
from topics.outcomes import Accepted, Parser, RawRecord
from topics.signals import Kind, Step
from topics.sources.registry import parser
from topics.sources.source import Provides, Source, SourceKind

ORACLES = Path(__file__).parent / "oracles"
START_MS = 1_735_689_600_000  # 2025-01-01
DEALS, DAYS = 160, 200
UNTIL_US = START_MS * 1000 + (DAYS + 2) * DAY_US  # by then, the latest has arrived

#: The kinds that there is a query for: `<kind>.sql`.
KINDS = tuple(kind for kind in Kind if (ORACLES / f"{kind.value}.sql").exists())

Episode = tuple[str, int, int | None]
Episodes = Counter[Episode]
Doc = dict[str, Any]

SOURCES = {
    CRM: Source(name="salesforce", kind=SourceKind.SALESFORCE, tenant="acme", provides=frozenset(Provides)),
    WEB: Source(name="web", kind=SourceKind.CLOUDEVENTS, tenant="acme", deal_source="salesforce/acme"),
}
PARSERS = {name: parser(source) for name, source in SOURCES.items()}


class Run(NamedTuple):
    """One simulated run: its records in the order of arrival, and the oracles' database over them."""

    records: list[Emitted]
    parsed: list[tuple[Parser, RawRecord]]
    oracles: duckdb.DuckDBPyConnection

    def oracle(self, kind: Kind) -> Episodes:
        """The query's answer: (deal, opened, resolved), instants in microseconds."""
        return self.ask(kind.value)

    def ask(self, name: str) -> Counter[Any]:
        """The rows of one query."""
        return Counter(self.oracles.execute((ORACLES / f"{name}.sql").read_text()).fetchall())

    def ends(self) -> set[tuple[str, int]]:
        """When deals were closed or removed."""
        return set(self.ask("ends"))


def document() -> Doc:
    """The oracles' playbook as plain YAML."""
    return dict(yaml.safe_load((ORACLES / "playbook.yaml").read_text()))


def rules_of(doc: Doc) -> Rules:
    loaded = load(yaml.safe_dump(doc, sort_keys=False), "playbook.yaml")
    return Rules(loaded.playbook, loaded.hash, SOURCES.values())


def simulated(tmp_path: Path, options: Options) -> Run:
    records = list(simulate(options))
    oracles = duckdb.connect(config={"threads": 2})
    for name, variable in ((CRM, "crm_file"), (WEB, "web_file")):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(b"\n".join(one.record.value or b"null" for one in records if one.source == name))
        oracles.execute(f"SET VARIABLE {variable} = '{path}'")
    _define(oracles, document())
    for file in sorted(ORACLES.glob("0*.sql")):
        oracles.execute(file.read_text())
    return Run(records, [(parsed_once(one), one.record) for one in records], oracles)


def parsed_once(emitted: Emitted) -> Parser:
    """The parser's answer, kept: the runs of this file differ in the playbook alone."""
    outcomes = PARSERS[emitted.source](emitted.record)
    return lambda _record: outcomes


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
    oracles.execute(
        "CREATE TABLE stage (name VARCHAR, place INT, outcome VARCHAR, is_sql BOOLEAN, stay BIGINT, silence BIGINT)"
    )
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


OPTIONS = Options(seed=8, deals=DEALS, days=DAYS, start_ms=START_MS, playbook=rules_of(document()).playbook, edges=0.35)


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return simulated(tmp_path_factory.mktemp("in_order"), OPTIONS)


@pytest.fixture(scope="module")
def disordered(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return simulated(tmp_path_factory.mktemp("disordered"), OPTIONS._replace(seed=43, trouble=DISORDER))


@pytest.fixture(scope="module")
def judged(in_order: Run) -> Replayed:
    return replay(in_order.parsed, rules_of(document()), UNTIL_US)


@pytest.fixture(scope="module")
def lived(disordered: Run) -> Replayed:
    return replay_as_arrived(disordered.parsed, rules_of(document()), UNTIL_US)


def episodes(result: Replayed, kind: Kind) -> Episodes:
    """(deal, opened, resolved) of every episode of a kind that the brain told of, in order of time."""
    running: dict[str, tuple[str, int]] = {}
    ended: list[Episode] = []
    for signal in (one for one in result.signals if one.kind is kind):
        at_us = parse_rfc3339(signal.occurred_at)
        if signal.transition is Step.OPENED:
            assert signal.id not in running
            running[signal.id] = (signal.deal_id, at_us)
        elif signal.transition is Step.RESOLVED:
            ended.append((*running.pop(signal.id), at_us))
    return Counter([*ended, *((deal, opened, None) for deal, opened in running.values())])


def still_open(found: Episodes) -> Counter[tuple[str, int]]:
    return Counter((deal, opened) for deal, opened, resolved in found.elements() if resolved is None)


@pytest.mark.parametrize("kind", KINDS)
def test_in_order_of_time_every_episode_is_the_oracles(kind: Kind, in_order: Run, judged: Replayed) -> None:
    expected = in_order.oracle(kind)
    assert expected.total() > 30, "the run does not show this kind often enough to mean anything"
    assert still_open(expected)
    assert episodes(judged, kind) == expected


def test_every_push_raises_or_renews_the_alarm(in_order: Run, judged: Replayed) -> None:
    told = Counter(
        (one.deal_id, parse_rfc3339(one.occurred_at), one.severity.value)
        for one in judged.signals
        if one.kind is Kind.CLOSE_DATE_PUSHED and one.transition is not Step.RESOLVED
    )
    expected = in_order.ask("close_date_pushed_severity")
    assert {severity for _, _, severity in expected} == {"warning", "critical"}
    assert told == expected


def test_a_resolution_says_closed_exactly_when_the_deal_ended_then(in_order: Run, judged: Replayed) -> None:
    ended = in_order.ends()
    resolved = [one for one in judged.signals if one.transition is Step.RESOLVED]
    said_closed = {(one.deal_id, parse_rfc3339(one.occurred_at)) for one in resolved if one.resolution == "closed"}
    others = [one for one in resolved if one.resolution != "closed"]
    assert said_closed
    assert said_closed <= ended
    for one in others:
        assert one.resolution == ("expired" if one.kind is Kind.CLOSE_DATE_PUSHED else "fixed")
        assert (one.deal_id, parse_rfc3339(one.occurred_at)) not in ended


@pytest.mark.parametrize("kind", KINDS)
def test_late_and_twice_the_final_state_is_the_oracles(kind: Kind, disordered: Run, lived: Replayed) -> None:
    expected = still_open(disordered.oracle(kind))
    held = Counter(
        (watch.deal.deal_id, episode.opened_us)
        for watch in lived.watches.values()
        for episode in watch.episodes
        if episode.kind is kind
    )
    assert expected
    assert held == expected


@pytest.mark.parametrize("kind", KINDS)
def test_late_and_twice_who_only_listens_ends_up_knowing_the_same(kind: Kind, disordered: Run, lived: Replayed) -> None:
    signals = [signal for signal in lived.signals if signal.kind is kind]
    last = {signal.id: signal for signal in signals}
    heard = Counter(
        (signal.deal_id, parse_rfc3339(signal.opened_at))
        for signal in last.values()
        if signal.transition is not Step.RESOLVED
    )
    assert heard == still_open(disordered.oracle(kind))
    balance = Counter(signal.id for signal in signals if signal.transition is Step.OPENED)
    balance.subtract(signal.id for signal in signals if signal.transition is Step.RESOLVED)
    assert balance == Counter({signal.id: int(signal.transition is not Step.RESOLVED) for signal in last.values()}), (
        "openings less resolutions are what is open"
    )


def test_late_and_twice_is_what_the_disordered_run_is(disordered: Run, lived: Replayed) -> None:
    distinct = len({one.record.value for one in disordered.records})
    assert len(disordered.records) - distinct > distinct / 12
    commits = [_commit_us(one) for one in disordered.records if one.source == CRM]
    backwards = sum(later < earlier for earlier, later in pairwise(commits))
    assert backwards > len(commits) / 4
    assert any(signal.resolution == "corrected" for signal in lived.signals)


def _commit_us(emitted: Emitted) -> int:
    (outcome, *_) = PARSERS[CRM](emitted.record)
    return outcome.events[0].at_us if isinstance(outcome, Accepted) else 0


# One unit off. Each mutant changes one number of the playbook for the brain alone; the oracle keeps the old one.

MILLISECOND = 1 / 86_400_000
"""In days: the smallest difference that Salesforce's clock knows."""


class Mutant(NamedTuple):
    """One change of the playbook: a place in it, and what stands there instead."""

    kind: Kind
    path: tuple[str | int, ...]
    change: Callable[[Any], Any]


def more(by: float) -> Callable[[Any], Any]:
    return lambda number: number + by


def swapped(with_next: int) -> Callable[[Any], Any]:
    def swap(stages: list[Doc]) -> list[Doc]:
        stages = list(stages)
        stages[with_next], stages[with_next + 1] = stages[with_next + 1], stages[with_next]
        return stages

    return swap


def negated(expression: str) -> str:
    return f"!({expression})"


STAGES = ("pipelines", 0, "stages")
PUSHED = ("signals", "close_date_pushed")
MUTANTS = [
    Mutant(Kind.STAGE_OVERSTAY, (*STAGES, 1, "max_days"), more(1)),
    Mutant(Kind.STAGE_OVERSTAY, (*STAGES, 1, "max_days"), more(MILLISECOND)),
    Mutant(Kind.STAGE_OVERSTAY, (*STAGES, 1, "max_days"), more(-MILLISECOND)),
    Mutant(Kind.STAGE_OVERSTAY, ("signals", "stage_overstay", "days"), more(1)),
    Mutant(Kind.CYCLE_EXCEEDED, ("segments", 2, "cycle_days"), more(1)),
    Mutant(Kind.CYCLE_EXCEEDED, ("segments", 2, "cycle_days"), more(MILLISECOND)),
    Mutant(Kind.CYCLE_EXCEEDED, ("segments", 2, "cycle_days"), more(-MILLISECOND)),
    Mutant(Kind.STAGE_REGRESSED, STAGES, swapped(1)),
    Mutant(Kind.STAGE_REGRESSED, STAGES, swapped(6)),
    Mutant(Kind.CONTACT_GAP, ("signals", "contact_gap", "days"), more(1)),
    Mutant(Kind.CONTACT_GAP, ("signals", "contact_gap", "days"), more(MILLISECOND)),
    Mutant(Kind.CONTACT_GAP, ("signals", "contact_gap", "days"), more(-MILLISECOND)),
    Mutant(Kind.CONTACT_GAP, (*STAGES, 7, "contact_days"), more(1)),
    Mutant(Kind.CONTACT_GAP, ("signals", "contact_gap", "plan_days"), more(1)),
    Mutant(Kind.SQL_UNQUALIFIED, ("pipelines", 0, "sql_stage"), lambda _: "Value Proposition"),
    Mutant(Kind.SQL_UNQUALIFIED, ("sql", "fields"), lambda fields: fields[1:]),
    Mutant(Kind.POST_SQL_INCONSISTENT, ("pipelines", 0, "sql_stage"), lambda _: "Value Proposition"),
    Mutant(Kind.POST_SQL_INCONSISTENT, ("sql", "fields"), lambda fields: fields[1:]),
    Mutant(Kind.GATE_VIOLATED, ("signals", "gate_violated", "settle_seconds"), more(1)),
    Mutant(Kind.GATE_VIOLATED, ("signals", "gate_violated", "settle_seconds"), more(0.001)),
    Mutant(Kind.GATE_VIOLATED, ("signals", "gate_violated", "settle_seconds"), more(-0.001)),
    Mutant(Kind.GATE_VIOLATED, (*STAGES, 1, "exit", 0, "when"), negated),
    Mutant(Kind.GATE_VIOLATED, (*STAGES, 2, "entry", 0, "when"), negated),
    Mutant(Kind.GATE_VIOLATED, (*STAGES, 6, "required_fields"), lambda fields: fields[1:]),
    Mutant(Kind.CLOSE_DATE_PUSHED, (*PUSHED, "min_days"), more(1)),
    Mutant(Kind.CLOSE_DATE_PUSHED, (*PUSHED, "window_days"), more(1)),
    Mutant(Kind.CLOSE_DATE_PUSHED, (*PUSHED, "warning_count"), more(1)),
    Mutant(Kind.CLOSE_DATE_PUSHED, (*PUSHED, "single_days"), more(1)),
    Mutant(Kind.CLOSE_DATE_PUSHED, (*PUSHED, "sum_days"), more(1)),
    Mutant(Kind.CLOSE_DATE_PUSHED, (*PUSHED, "expires_days"), more(1)),
    Mutant(Kind.CLOSE_DATE_PUSHED, (*PUSHED, "expires_days"), more(MILLISECOND)),
    Mutant(Kind.CLOSE_DATE_PUSHED, (*PUSHED, "expires_days"), more(-MILLISECOND)),
    Mutant(Kind.HIGH_INTENT, ("signals", "high_intent", "window_hours"), more(1)),
    Mutant(Kind.HIGH_INTENT, ("signals", "high_intent", "window_hours"), more(24 * MILLISECOND)),
    Mutant(Kind.HIGH_INTENT, ("signals", "high_intent", "window_hours"), more(-24 * MILLISECOND)),
    Mutant(Kind.HIGH_INTENT, ("intents", 0, "when"), negated),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: f"{one.kind}-{one.path[-1]}")
def test_one_unit_off_is_noticed(mutant: Mutant, in_order: Run) -> None:
    doc = only(mutant.kind, document())
    before = place(doc, mutant.path)
    after = mutant.change(before)
    assert after != before
    put(doc, mutant.path, after)
    found = episodes(replay(in_order.parsed, rules_of(doc), UNTIL_US), mutant.kind)
    expected = in_order.oracle(mutant.kind)
    assert found != expected
    # not only dated otherwise: other deals, or another number of times
    assert Counter(deal for deal, _, _ in found.elements()) != Counter(deal for deal, _, _ in expected.elements())


def test_one_push_more_for_critical_is_noticed(in_order: Run) -> None:
    doc = only(Kind.CLOSE_DATE_PUSHED, document())
    put(doc, (*PUSHED, "critical_count"), 5)
    judged = replay(in_order.parsed, rules_of(doc), UNTIL_US)
    told = {(one.deal_id, parse_rfc3339(one.occurred_at), one.severity.value) for one in judged.signals}
    assert not set(in_order.ask("close_date_pushed_severity")) <= told


def only(kind: Kind, doc: Doc) -> Doc:
    """The playbook with every other kind switched off: what a kind finds does not depend on the others."""
    for other in Kind:
        doc["signals"].setdefault(other.value, {})["enabled"] = other is kind
    return doc


def place(part: Any, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - any part of a YAML document
    for name in path:
        part = part[name]
    return part


def put(doc: Doc, path: tuple[str | int, ...], value: object) -> None:
    place(doc, path[:-1])[path[-1]] = value
