"""What boards and rules ask for exists under that name with those labels; no label is without a bound (law 12)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from _pytest.mark.structures import ParameterSet
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import Metric

from alerts.metrics import Metrics
from boards.generate import BOARDS, rules
from engine.metrics import EngineMetrics, Readiness
from programs.intake.answers import Outcome
from programs.intake.metrics import IntakeMetrics
from signals.metrics import DetectMetrics, InputMetrics, JoinMetrics

#: Every label that a metric may have, and what bounds it.
BOUNDED = {
    "source": "the settings",
    "outcome": "an enum",
    "reason": "an enum, or the parsers' words",
    "what": "the parsers' and the machinery's words",
    "type": "the event types",
    "fate": "an enum",
    "kind": "an enum",
    "severity": "an enum",
    "transition": "an enum",
    "answer": "an enum",
    "op": "an enum",
    "state": "an enum",
    "result": "three words",
    "meaning": "the reply types",
    "method": "the Slack methods that are called",
    "pipeline": "the playbook",
    "segment": "the playbook",
    "team": "the playbook and the CRM, 64 and one for the others",
    "route": "the playbook",
    "stage": "the playbook",
    "currency": "three letters",
    "topic": "the catalogue",
    "partition": "the topics",
    "program": "the programs",
    "check": "the readiness checks",
    "playbook": "the versions that count at present, one or two",
    "named_by": "two words",
}

#: What Prometheus itself adds, or deploy/prometheus.yml.
FROM_PROMETHEUS = {"le", "job", "instance", "program", "alertname", "alertstate"}

NAME = re.compile(r"(?:signals[_:]|process_)[a-z0-9_:]+|\bup\b|\bALERTS\b")
BY = re.compile(r"by \(([^)]*)\)")
MATCHER = re.compile(r"(\w+)\s*=~?\s*\"")


def registry() -> CollectorRegistry:
    """Every metric of every program, on one registry."""
    made = CollectorRegistry()
    InputMetrics(made, ["salesforce/default"])
    JoinMetrics(made)
    DetectMetrics(made, list)
    Metrics(made)
    EngineMetrics(made, "detect")
    IntakeMetrics(made, ["crm/default"])
    made.register(Readiness("detect", {"broker": lambda: None}))
    ProcessCollector(registry=made)
    return made


def labels_by_name() -> dict[str, set[str]]:
    """The name of every sample, and the labels it has."""
    found: dict[str, set[str]] = {}
    for collector, names in registry()._collector_to_names.items():
        described = {name: set(getattr(collector, "_labelnames", ())) for name in names}
        families: list[Metric] = list(collector.collect())
        for family in families:
            labels = set(getattr(family, "_labelnames", ()))
            described |= {family.name: labels} if labels else {}
            described |= {each.name: set(each.labels) for each in family.samples if each.name not in described}
        found |= described
    return found


LABELS = labels_by_name()
RECORDED = {rule["record"]: rule["expr"] for group in rules()["groups"] for rule in group["rules"] if "record" in rule}


def _expressions() -> Iterator[ParameterSet]:
    for name, board in BOARDS.items():
        for row in board.rows:
            for panel in row.panels:
                for query in panel.queries:
                    yield pytest.param(query.expr, id=f"{name}: {panel.title}: {query.legend}")
    for group in rules()["groups"]:
        for rule in group["rules"]:
            yield pytest.param(rule["expr"], id=rule.get("record") or rule["alert"])


EXPRESSIONS = list(_expressions())


def labels_of(name: str) -> set[str]:
    """The labels that a name in an expression may have: a metric's own, or those that a recording rule keeps."""
    if name in RECORDED:
        return {label.strip() for kept in BY.findall(RECORDED[name]) for label in kept.split(",")} - {""}
    return LABELS.get(name, set())


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_every_name_in_an_expression_is_a_metric_or_recorded(expr: str) -> None:
    names = set(NAME.findall(expr)) - {"up", "ALERTS"}
    assert names <= LABELS.keys() | RECORDED.keys(), names - LABELS.keys() - RECORDED.keys()
    assert names or "up{" in expr or "ALERTS{" in expr


@pytest.mark.parametrize("expr", EXPRESSIONS)
def test_every_label_in_an_expression_is_one_of_its_metrics(expr: str) -> None:
    known = FROM_PROMETHEUS.union(*(labels_of(name) for name in NAME.findall(expr)))
    grouped = {label.strip() for kept in BY.findall(expr) for label in kept.split(",")} - {""}
    assert grouped <= known, grouped - known
    assert set(MATCHER.findall(expr)) <= known, set(MATCHER.findall(expr)) - known


def test_no_label_of_any_metric_is_without_a_bound() -> None:
    used = set().union(*LABELS.values())
    assert used <= BOUNDED.keys(), used - BOUNDED.keys()


def test_the_check_itself_would_see_a_label_that_names_a_deal() -> None:
    assert not {"deal", "deal_id", "owner", "person", "name", "email", "subject_key"} & BOUNDED.keys()
    assert LABELS["signals_open_deals"] == {"pipeline", "segment", "team"}
    assert LABELS["signals_transitions_total"] == {"kind", "severity", "transition"}


def test_every_outcome_that_an_alert_of_intake_names_is_one() -> None:
    rules_ = [rule["expr"] for group in rules()["groups"] for rule in group["rules"] if "alert" in rule]
    asked = [each for expr in rules_ if "intake" in expr for each in re.findall(r'outcome=~?"([a-z_|]+)"', expr)]
    assert {name for each in asked for name in each.split("|")} <= set(Outcome)
    assert any("bad_signature" in each for each in asked)
    assert any("away" in each for each in asked)


def test_counters_that_alerts_read_begin_at_zero() -> None:
    """`increase` does not see the first sample of a series, so the first failure must not be the first sample."""
    made = registry()
    for name, labels in (
        ("signals_rows_total", {"source": "salesforce/default", "outcome": "rejected"}),
        ("signals_intake_requests_total", {"source": "crm/default", "outcome": "bad_signature"}),
        ("signals_events_total", {"fate": "too_late"}),
        ("signals_events_total", {"fate": "undecodable"}),
        ("signals_alerts_messages_total", {"op": "post", "outcome": "gave_up"}),
    ):
        assert made.get_sample_value(name, labels) == 0, name
