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
from signals.baselines import Baselines, Measure, Row
from signals.replay import Replayed, replay, replay_as_arrived
from signals.rules import Rules
from signals.simulate import CRM, WEB, Emitted, Options, simulate
from signals.simulation.arrival import DISORDER
from topics.instants import DAY_US, HOUR_US, MINUTE_US, SECOND_US, parse_rfc3339
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


def document() -> Doc:
    """The oracles' playbook as plain YAML."""
    return dict(yaml.safe_load((ORACLES / "playbook.yaml").read_text()))


#: How long won deals took from each stage: its place in weeks and a day more per percent, for each of its quantiles.
WAYS = Baselines(
    Row(
        measure=Measure.TO_WIN,
        pipeline="Sales",
        stage=stage["name"],
        n=50,
        events=50,
        quantiles=tuple((7 * place + step // 2) * DAY_US for step in range(1, 200)),
    )
    for place, stage in enumerate(document()["pipelines"][0]["stages"])
)


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


def rules_of(doc: Doc) -> Rules:
    loaded = load(yaml.safe_dump(doc, sort_keys=False), "playbook.yaml")
    return Rules(loaded.playbook, loaded.hash, SOURCES.values(), WAYS)


def simulated(tmp_path: Path, options: Options) -> Run:
    records = list(simulate(options))
    oracles = duckdb.connect(config={"threads": 2})
    for name, variable in ((CRM, "crm_file"), (WEB, "web_file")):
        path = tmp_path / f"{name}.jsonl"
        path.write_bytes(b"\n".join(one.record.value or b"null" for one in records if one.source == name))
        oracles.execute(f"SET VARIABLE {variable} = '{path}'")
    _define(oracles, document())
    _define_promises(oracles, document())
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
        "min_repeats": signals["junk_field"]["min_repeats"],
        "skip_life": signals["stage_skipped"]["expires_days"] * DAY_US,
        "bounce_warning": signals["stage_bounced"]["warning_entries"],
        "bounce_critical": signals["stage_bounced"]["critical_entries"],
        "edit": signals["stage_bounced"]["edit_minutes"] * MINUTE_US,
        "bounce_life": signals["stage_bounced"]["expires_days"] * DAY_US,
        "parked_from": signals["stage_parked"]["from_stage"],
        "grace": signals["stage_parked"]["grace_hours"] * HOUR_US,
        "stale": signals["stale_deal"]["days"] * DAY_US,
        "reopened_life": signals["reopened"]["expires_days"] * DAY_US,
        "unowned": signals["unowned"]["days"] * DAY_US,
    }
    for name, number in numbers.items():
        oracles.execute(f"SET VARIABLE {name} = {number}::BIGINT")
    oracles.execute(f"SET VARIABLE placeholders = {signals['junk_field']['placeholders']}::VARCHAR[]")
    names = [stage["name"] for stage in pipeline["stages"]]
    sql_place = names.index(pipeline["sql_stage"])
    oracles.execute(
        "CREATE TABLE stage (name VARCHAR, place INT, outcome VARCHAR, is_sql BOOLEAN, stay BIGINT, silence BIGINT,"
        " required BOOLEAN)"
    )
    oracles.executemany(
        "INSERT INTO stage VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (
                stage["name"],
                place,
                stage.get("outcome", "open"),
                place >= sql_place,
                stage.get("max_days", signals["stage_overstay"]["days"]) * DAY_US,
                stage.get("contact_days", signals["contact_gap"]["days"]) * DAY_US,
                stage.get("required", True),
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


def _define_promises(oracles: duckdb.DuckDBPyConnection, doc: Doc) -> None:
    """The numbers of contact, forecast and intent."""
    signals, (pipeline,) = doc["signals"], doc["pipelines"]
    silent, threads, step = signals["buyer_silent"], signals["single_threaded"], signals["next_step_stale"]
    category = signals["category_mismatch"]
    values = {
        "silent_plan": silent["plan_days"] * DAY_US,
        "silent_tries": silent["min_outbound"],
        "meeting": signals["no_next_meeting"]["business_days"] * DAY_US,
        "meeting_from": signals["no_next_meeting"]["from_stage"],
        "handoff": signals["handoff_stalled"]["business_days"] * DAY_US,
        "threads": threads["window_days"] * DAY_US,
        "threads_age": threads["min_age_days"] * DAY_US,
        "threads_people": threads["min_contacts"],
        "threads_amount": threads["min_amount"],
        "parked": signals["close_date_parked"]["days"],
        "shrunk": signals["amount_shrunk"]["percent"],
        "shrunk_life": signals["amount_shrunk"]["expires_days"] * DAY_US,
        "step_least": step["min_length"],
        "unanswered": signals["intent_unanswered"]["business_hours"] * HOUR_US,
    }
    for name, number in values.items():
        oracles.execute(f"SET VARIABLE {name} = {number}::BIGINT")
    for name, texts in (
        ("fillers", step["fillers"]),
        ("categories", category["order"]),
        ("commits", category["commit"]),
    ):
        oracles.execute(f"SET VARIABLE {name} = {texts}::VARCHAR[]")
    stages = pipeline["stages"]
    oracles.execute("CREATE TABLE stage_silence (name VARCHAR, silent BIGINT)")
    oracles.executemany(
        "INSERT INTO stage_silence VALUES (?, ?)",
        [(stage["name"], stage.get("silent_days", silent["days"]) * DAY_US) for stage in stages],
    )
    oracles.execute("CREATE TABLE stage_category (name VARCHAR, strongest INT)")
    oracles.executemany(
        "INSERT INTO stage_category VALUES (?, ?)",
        [
            (stage["name"], max(category["order"].index(name) + 1 for name in stage["forecast"]))
            for stage in stages
            if "forecast" in stage
        ],
    )
    oracles.execute("CREATE TABLE way (name VARCHAR, needed BIGINT)")
    oracles.executemany(
        "INSERT INTO way VALUES (?, ?)",
        [(stage["name"], (7 * place + 25) * DAY_US) for place, stage in enumerate(stages)],
    )


OPTIONS = Options(
    seed=8,
    deals=DEALS,
    days=DAYS,
    start_ms=START_MS,
    playbook=rules_of(document()).playbook,
    edges=0.35,
    unrest=True,
)


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


#: What ends by time alone, and what is judged on closed deals, too.
EXPIRING = {Kind.CLOSE_DATE_PUSHED, Kind.STAGE_BOUNCED, Kind.REOPENED}
EXPIRING_UNLESS_FIXED = {Kind.STAGE_SKIPPED, Kind.AMOUNT_SHRUNK}
OF_CLOSED = {Kind.REOPENED, Kind.HANDOFF_INCOMPLETE}


def test_every_time_that_a_deal_is_in_a_stage_once_more_says_how_grave_that_is(in_order: Run, judged: Replayed) -> None:
    told = {
        (one.deal_id, parse_rfc3339(one.occurred_at), one.severity.value)
        for one in judged.signals
        if one.kind is Kind.STAGE_BOUNCED and one.transition is not Step.RESOLVED
    }
    expected = in_order.ask("stage_bounced_severity")
    assert {severity for _, _, severity in expected} == {"warning", "critical"}
    assert set(expected) <= told


def test_a_resolution_says_closed_exactly_when_the_deal_ended_then(in_order: Run, judged: Replayed) -> None:
    ended = in_order.ends()
    resolved = [one for one in judged.signals if one.transition is Step.RESOLVED]
    said_closed = {(one.deal_id, parse_rfc3339(one.occurred_at)) for one in resolved if one.resolution == "closed"}
    others = [one for one in resolved if one.resolution != "closed"]
    assert said_closed
    assert said_closed <= ended
    for one in others:
        expires = one.kind in EXPIRING or (one.kind in EXPIRING_UNLESS_FIXED and one.resolution != "fixed")
        assert one.resolution == ("expired" if expires else "fixed")
        if one.kind not in OF_CLOSED:
            assert (one.deal_id, parse_rfc3339(one.occurred_at)) not in ended


def test_a_value_that_nobody_defined_is_told_once_from_when_it_first_stood_anywhere(in_order: Run) -> None:
    """Not per deal, and over only when it is defined: so it has no share in the comparisons by kind."""
    doc = document()
    stages = doc["pipelines"][0]["stages"]
    left_out = stages.pop(5)["name"]
    categories = ["Pipeline", "Best Case", "Commit"]
    for stage in stages:
        stage["forecast"] = categories
    doc["signals"].setdefault("category_mismatch", {})["order"] = categories
    known = {"known_stages": [stage["name"] for stage in stages], "known_categories": categories}
    for name, values in known.items():
        in_order.oracles.execute(f"SET VARIABLE {name} = {values}::VARCHAR[]")
    expected = in_order.ask("undefined_values")
    assert {value for _, value, _ in expected} == {left_out, "Closed", "Omitted"}
    told = [one for one in replay(in_order.parsed, rules_of(doc), UNTIL_US).signals if one.kind is Kind.VALUE_UNMAPPED]
    assert {one.transition for one in told} == {Step.OPENED}
    found = ((one.evidence.details[0], parse_rfc3339(one.occurred_at)) for one in told)
    assert Counter((detail["field"], detail["value"], at_us) for detail, at_us in found) == expected


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
    """One change of the playbook: a place in it, and what stands there instead.

    `ends`: it moves when an episode ends by itself, and nothing else.
    """

    kind: Kind
    path: tuple[str | int, ...]
    change: Callable[[Any], Any]
    ends: bool = False


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
BOUNCED = ("signals", "stage_bounced")
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
    Mutant(Kind.STAGE_SKIPPED, (*STAGES, 3, "required"), lambda required: not required),
    Mutant(Kind.STAGE_SKIPPED, STAGES, swapped(1)),
    Mutant(Kind.STAGE_SKIPPED, ("signals", "stage_skipped", "expires_days"), more(MILLISECOND), ends=True),
    Mutant(Kind.STAGE_SKIPPED, ("signals", "stage_skipped", "expires_days"), more(-MILLISECOND), ends=True),
    Mutant(Kind.STAGE_BOUNCED, (*BOUNCED, "warning_entries"), more(1)),
    Mutant(Kind.STAGE_BOUNCED, (*BOUNCED, "edit_minutes"), more(1440 * MILLISECOND)),
    Mutant(Kind.STAGE_BOUNCED, (*BOUNCED, "edit_minutes"), more(-1440 * MILLISECOND)),
    Mutant(Kind.STAGE_BOUNCED, (*BOUNCED, "expires_days"), more(1)),
    Mutant(Kind.STAGE_PARKED, ("signals", "stage_parked", "from_stage"), more(1)),
    Mutant(Kind.STAGE_PARKED, ("signals", "stage_parked", "grace_hours"), more(24 * MILLISECOND)),
    Mutant(Kind.STAGE_PARKED, ("signals", "stage_parked", "grace_hours"), more(-24 * MILLISECOND)),
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
    Mutant(Kind.ICP_MISMATCH, ("icp", 0, "when"), lambda _: "amount >= 6500.0"),
    Mutant(Kind.ICP_MISMATCH, ("icp", 1, "when"), negated),
    Mutant(Kind.JUNK_FIELD, ("signals", "junk_field", "min_repeats"), more(1)),
    Mutant(Kind.JUNK_FIELD, ("signals", "junk_field", "placeholders"), lambda words: words[1:]),
    Mutant(Kind.JUNK_FIELD, ("signals", "junk_field", "fields"), lambda fields: fields[1:]),
    Mutant(Kind.HANDOFF_INCOMPLETE, ("signals", "handoff_incomplete", "won_fields"), lambda _: []),
    Mutant(Kind.HANDOFF_INCOMPLETE, ("signals", "handoff_incomplete", "handover_fields"), lambda _: ["amount"]),
    Mutant(Kind.BUYER_SILENT, ("signals", "buyer_silent", "days"), more(1)),
    Mutant(Kind.BUYER_SILENT, ("signals", "buyer_silent", "min_outbound"), more(1)),
    Mutant(Kind.BUYER_SILENT, ("signals", "buyer_silent", "plan_days"), more(1)),
    Mutant(Kind.NO_NEXT_MEETING, ("signals", "no_next_meeting", "business_days"), more(1)),
    Mutant(Kind.NO_NEXT_MEETING, ("signals", "no_next_meeting", "from_stage"), more(1)),
    Mutant(Kind.NO_NEXT_MEETING, ("calendars", 0, "country"), lambda _: "CA"),
    Mutant(Kind.SINGLE_THREADED, ("signals", "single_threaded", "window_days"), more(1)),
    Mutant(Kind.SINGLE_THREADED, ("signals", "single_threaded", "min_contacts"), more(1)),
    Mutant(Kind.SINGLE_THREADED, ("signals", "single_threaded", "min_amount"), more(1000)),
    Mutant(Kind.SINGLE_THREADED, ("signals", "single_threaded", "min_age_days"), more(1)),
    Mutant(Kind.HANDOFF_STALLED, ("signals", "handoff_stalled", "business_days"), more(1)),
    Mutant(Kind.CLOSE_DATE_PUSHED, (*PUSHED, "min_days"), more(1)),
    Mutant(Kind.CLOSE_DATE_PASSED, ("timezone",), lambda _: "Pacific/Auckland"),
    Mutant(Kind.CLOSE_DATE_PARKED, ("signals", "close_date_parked", "days"), more(1)),
    Mutant(Kind.CLOSE_DATE_PARKED, ("signals", "close_date_parked", "corridor_factor"), more(0.1)),
    Mutant(Kind.CLOSE_DATE_WISHFUL, ("signals", "close_date_wishful", "quantile"), more(0.01)),
    Mutant(Kind.CATEGORY_MISMATCH, (*STAGES, 3, "forecast"), lambda names: [*names, "Best Case"]),
    Mutant(Kind.CATEGORY_MISMATCH, ("signals", "category_mismatch", "commit"), lambda _: ["Closed"]),
    Mutant(Kind.AMOUNT_SHRUNK, ("signals", "amount_shrunk", "percent"), more(1)),
    Mutant(Kind.AMOUNT_SHRUNK, ("signals", "amount_shrunk", "expires_days"), more(-9)),
    Mutant(Kind.NEXT_STEP_STALE, ("signals", "next_step_stale", "min_length"), more(-1)),
    Mutant(Kind.NEXT_STEP_STALE, ("pipelines", 0, "sql_stage"), lambda _: "Value Proposition"),
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
    Mutant(Kind.INTENT_UNANSWERED, ("signals", "intent_unanswered", "business_hours"), more(1)),
    Mutant(Kind.INTENT_UNANSWERED, ("calendars", 0, "country"), lambda _: "CA"),
    Mutant(Kind.STALE_DEAL, ("signals", "stale_deal", "days"), more(1)),
    Mutant(Kind.STALE_DEAL, ("signals", "stale_deal", "days"), more(MILLISECOND)),
    Mutant(Kind.STALE_DEAL, ("signals", "stale_deal", "days"), more(-MILLISECOND)),
    Mutant(Kind.REOPENED, ("signals", "reopened", "expires_days"), more(MILLISECOND), ends=True),
    Mutant(Kind.REOPENED, ("signals", "reopened", "expires_days"), more(-MILLISECOND), ends=True),
    Mutant(Kind.UNOWNED, ("signals", "unowned", "days"), more(1)),
    Mutant(Kind.UNOWNED, ("signals", "unowned", "days"), more(MILLISECOND)),
    Mutant(Kind.UNOWNED, ("signals", "unowned", "days"), more(-MILLISECOND)),
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
    same = Counter(deal for deal, _, _ in found.elements()) == Counter(deal for deal, _, _ in expected.elements())
    assert same is mutant.ends


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
