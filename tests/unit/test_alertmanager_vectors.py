"""Alertmanager's own timed acceptance scenarios, as far as the concepts are the same.

How they are mapped: an alert is a signal; `group_wait` is the group window of a signal that has settled at once;
`repeat_interval` is the first interval of repeats; an end that is pushed is a resolved transition; the inhibition
`JobDown` over `InstanceDown` where `job` and `zone` are equal is a graver kind over a milder one on the same deal (a
deal stands for the values of the equal labels). `want` says between which seconds which alerts stand in what is sent.

What does not apply, by scenario, stands in APART, each with the reason; everything else is held.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from alerts.values import Delivery, Op
from playbook.alerting import Alerts, Group, Inhibition, Settle
from playbook.model import Playbook
from tests.golden.messages.samples import PLAYBOOK, opened, resolved
from tests.unit.policy_timeline import Timeline
from topics.instants import DAY_US, SECOND_US
from topics.signals import Kind, Signal, signal_id

VECTORS = Path(__file__).parents[3] / "shared" / "reference" / "alertmanager_vectors.json"

#: (scenario, what is expected there): why it is not held here.
APART: dict[tuple[str, str], str] = {
    ("TestRepeat", "the repeat at 3 s"): "equal repeat intervals: here each is longer than the one before, so what is "
    "mapped is the first repeat",
    ("TestBatching", "the repeat at 9.1 s"): "a group that is sent again as a whole: here what was told repeats by "
    "itself, a warning in the next digest",
    ("TestBatching", "test1 and test5 with the second batch"): "a group shows all that fires each time: here one "
    "message per deal does, several deals do not share one for ever",
    ("TestResolved", "the end by resolve_timeout"): "alerts that nobody renews end by themselves: here an episode ends "
    "when detection says so, so the end is pushed at that instant",
    ("TestInhibiting", "what stands already is listed again"): "a group shows all that fires each time",
    (
        "TestInhibiting",
        "the end of JobDown lets InstanceDown be sent again",
    ): "it was told before it was muted, and what was told is not told again before its repeat",
}
#: The two alerts of the inhibition scenario as kinds of which one mutes the other.
KINDS = {"JobDown": Kind.STALE_DEAL, "InstanceDown": Kind.CONTACT_GAP}
SLACK_S = 0.15
POST, REMIND = Op.POST, Op.REMIND


class Said(NamedTuple):
    """What was sent, when, and which alerts it is about."""

    at_s: float
    op: Op
    alerts: frozenset[str]
    over: frozenset[str]


@pytest.fixture(scope="module")
def scenarios() -> dict[str, dict[str, Any]]:
    if not VECTORS.exists():
        pytest.skip(f"no {VECTORS.name} beside the checkout")
    return {each["name"]: each for each in json.loads(VECTORS.read_text())["scenarios"]}


def _playbook(config: dict[str, Any]) -> Playbook:
    group = Group(critical_seconds=config["group_wait"], seconds=config["group_wait"])
    first = max(config.get("repeat_interval", 3600.0), 1.0) * SECOND_US / DAY_US
    inhibit = config.get("inhibit")
    rows = (
        (Inhibition(by=KINDS[inhibit["source"]["alertname"]], kinds=(KINDS[inhibit["target"]["alertname"]],)),)
        if inhibit
        else ()
    )
    alerts = Alerts(
        settle=Settle(critical_seconds=0, seconds=0),
        group=group,
        inhibitions=rows,
        graver_in_family=False,
        quiet_hours=False,
        repeat_days=(first, 100.0),
    )
    return PLAYBOOK.model_copy(update={"alerts": alerts})


def _signal(labels: dict[str, str], *, critical: bool) -> Signal:
    """An alert as a signal: its name and further labels tell it apart, job and zone are the deal."""
    kind = KINDS.get(labels["alertname"], Kind.SQL_UNQUALIFIED if critical else Kind.NEXT_STEP_STALE)
    deal = f"test/{labels.get('job', '')}:{labels.get('zone', labels.get('lbl', labels['alertname']))}"
    base = opened(Kind.SQL_UNQUALIFIED) if critical else opened(Kind.CONTACT_GAP)
    signal = replace(base, kind=kind, subject_key=deal, deal_id=_name(labels))
    return replace(signal, id=signal_id(deal, kind, _name(labels)))


def _name(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels))


def _played(scenario: dict[str, Any], until_s: float, *, critical: bool = True) -> list[Said]:
    line = Timeline(_playbook(scenario["cfg"]))
    for at_s, alerts in scenario["push"]:
        for alert in alerts:
            signal = _signal(alert["labels"], critical=critical)
            line.push(at_s, resolved(signal) if "end" in alert else signal)
    line.until(until_s)
    return [_said(at_s, delivery) for at_s, delivery in line.own()]


def _said(at_s: float, delivery: Delivery) -> Said:
    over = frozenset(each.deal_id for each in delivery.shown if each.resolution is not None)
    return Said(at_s, delivery.op, frozenset(each.deal_id for each in delivery.shown), over)


def _wanted(scenario: dict[str, Any], number: int) -> tuple[float, float, frozenset[str]]:
    start_s, end_s, alerts = scenario["want"][number]
    return start_s, end_s, frozenset(_name(each["labels"]) for each in alerts)


def _holds(said: Said, wanted: tuple[float, float, frozenset[str]]) -> bool:
    start_s, end_s, alerts = wanted
    return start_s - SLACK_S <= said.at_s <= end_s + SLACK_S and said.alerts == alerts


def test_repeat(scenarios: dict[str, dict[str, Any]]) -> None:
    """Told when the window is over, repeated after the interval, and one notice of the end."""
    scenario = scenarios["TestRepeat"]
    first, again, end = _played(scenario, 10)
    assert _holds(first, _wanted(scenario, 0))
    assert first.op is POST
    assert (again.op, again.alerts) == (REMIND, first.alerts)
    assert _holds(again, _wanted(scenario, 1)), "the interval is one second here: Alertmanager's group_interval"
    assert _holds(end._replace(at_s=end.at_s + scenario["cfg"]["group_interval"]), _wanted(scenario, 2)), "at once"
    assert end.over == end.alerts


def test_batching(scenarios: dict[str, dict[str, Any]]) -> None:
    """What comes within the window is one message; what comes later is another, with nothing in between."""
    scenario = scenarios["TestBatching"]
    first, second = (each for each in _played(scenario, 9, critical=False) if each.op is POST)
    assert _holds(first, _wanted(scenario, 0))
    start_s, end_s, alerts = _wanted(scenario, 1)
    assert _holds(second, (start_s, end_s, alerts - first.alerts))


def test_resolved(scenarios: dict[str, dict[str, Any]]) -> None:
    """Three alerts are one message, and their end brings that message up to date."""
    scenario = scenarios["TestResolved"]
    ((at_s, alerts),) = scenario["push"]
    ended = [{**each, "end": at_s + scenario["cfg"]["resolve_timeout"]} for each in alerts]
    pushed = {**scenario, "push": [[at_s, alerts], [at_s + scenario["cfg"]["resolve_timeout"], ended]]}
    first, *edits = _played(pushed, 13)
    assert _holds(first, _wanted(scenario, 0))
    last = edits[-1]
    assert _holds(last._replace(at_s=last.at_s + 1), _wanted(scenario, 1)), "at once, not at the group's next interval"
    assert last.over == last.alerts
    assert {each.op for each in edits} == {Op.EDIT}


def test_inhibiting(scenarios: dict[str, dict[str, Any]]) -> None:
    """While the source fires, its target is muted where the labels are equal, and nowhere else."""
    scenario = scenarios["TestInhibiting"]
    said = [each for each in _played(scenario, 6) if each.op is not Op.EDIT]
    assert _holds(said[0], _wanted(scenario, 0))
    down = "alertname=InstanceDown,job=testjob,zone=aa"
    muted = [each for each in said if 3 - SLACK_S <= each.at_s <= 3.6]
    assert muted, "JobDown is told"
    assert all(each.op is not POST or down not in each.alerts for each in muted)
    pushed = [[3.0, [{"labels": {"alertname": "InstanceDown", "zone": "aa", "job": "testjob"}}]]]
    late = {**scenario, "push": sorted([*scenario["push"][:2], *scenario["push"][2:], *pushed], key=lambda one: one[0])}
    late["push"] = [one for one in late["push"] if one[0] != 1 or one[1][0]["labels"]["alertname"] == "test1"]
    told = [each for each in _played(late, 6) if down in each.alerts and each.op is not Op.EDIT]
    assert [round(each.at_s, 1) for each in told][:1] == [4.6], "told a window after the source's end, not before"


def test_what_is_apart_names_scenarios_that_exist(scenarios: dict[str, dict[str, Any]]) -> None:
    assert {name for name, _ in APART} <= set(scenarios)
    assert set(scenarios) == {"TestRepeat", "TestBatching", "TestResolved", "TestInhibiting"}
    assert all(len(reason) > 20 for reason in APART.values())
