"""`signals status`, `explain` and `playbook report` from the topics of a broker, as detect writes them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alerts.actions import Action, ActionKind, By, Role
from engine.admin import apply, produce
from engine.embedded import EmbeddedBroker
from engine.records import Output
from engine.settings import Broker
from programs import cli
from programs.commands.topics import specs
from programs.startup import prepare
from signals.emit import Position
from signals.judge import Stored, panel_of
from signals.keyed import DictStore
from signals.partition import Folded, Partition
from signals.rules import Rules
from tests.unit.brain_story import at, changed, created, tick
from topics.catalog import ALERT_ACTIONS, DEAL_CURRENT, DEAL_EVENTS, DEAL_SIGNALS, PIPELINE_INDICATORS
from topics.codec import encode
from topics.events import DealEvent, Scalar
from topics.signals import Kind

pytestmark = pytest.mark.broker

SOURCE = "crm/acme"
QUALIFIED: dict[str, Scalar] = {
    "budget_confirmed": True,
    "authority_confirmed": True,
    "need_confirmed": True,
    "timeline_confirmed": True,
}


def key(name: str) -> str:
    return f"{SOURCE}:{name}"


def log() -> list[DealEvent]:
    """Deals that meet SQL, do not, are unknown, are lost, and stay too long; ticks to the end of the story."""
    known: dict[str, Scalar] = {"amount": 9000.0, "account_id": "A1", "lead_source": "Web", "owner_team": "South"}
    events: list[DealEvent] = [
        created(at(0), key("met"), stage="Needs Analysis", **known, **QUALIFIED),
        created(at(1), key("not"), stage="Qualification", **known, **QUALIFIED | {"need_confirmed": False}),
        changed(at(2), key("not"), stage="Needs Analysis"),
        created(at(2), key("unknown"), stage="Needs Analysis", **known),
        created(at(3), key("lost"), stage="Qualification", **{**known, "amount": 10.0}),
        changed(at(4), key("lost"), stage="Closed Lost"),
        created(at(5), key("gone"), stage="Qualification", **known),
    ]
    return sorted([*events, *(tick(at(day) + 1) for day in range(60))], key=lambda event: event.at_us)


class Live(NamedTuple):
    """A broker that holds what detect made of the log."""

    folder: Path
    broker: Broker
    folded: Folded


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    with EmbeddedBroker(folder / "broker") as running:
        broker = Broker(running.servers)
        installation = prepare({"SIGNALS_BROKER": broker.servers}, folder)
        apply(broker, specs(installation), replication=1)
        rules = Rules(*installation.playbook, installation.sources)
        folded = Partition(panel_of(rules), DictStore(), Position(DEAL_EVENTS, 0)).fold(
            [Stored(event, offset) for offset, event in enumerate(log())]
        )
        produce(broker, outputs(folded))
        yield Live(folder, broker, folded)


def outputs(folded: Folded) -> Iterator[Output]:
    """The records of all topics concerned. Everything stands in one partition, as the log does."""
    for event in log():
        yield Output(DEAL_EVENTS, event.key.encode(), encode(event), partition=0)
    for deal, view in folded.views.items():
        yield Output(DEAL_CURRENT, deal.encode(), encode(view))
    yield Output(DEAL_CURRENT, key("gone").encode(), None)
    for place, figures in folded.figures.items():
        yield Output(PIPELINE_INDICATORS, place.encode(), None if figures is None else encode(figures))
    for signal in folded.signals:
        yield Output(DEAL_SIGNALS, signal.subject_key.encode(), encode(signal))
    (violated,) = [one for one in folded.signals if one.kind is Kind.GATE_VIOLATED]
    by = By(team_id="T", user_id="U", name="Ana", role=Role.LEAD)
    action = Action(id="a", kind=ActionKind.OVERRIDE, signal=violated.id, subject_key=key("not"), by=by, at="")
    yield Output(ALERT_ACTIONS, key("not").encode(), encode(action))


def said(live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *call: str) -> str:
    monkeypatch.chdir(live.folder)
    monkeypatch.setattr(sys, "argv", ["signals", *call, "--broker", live.broker.servers])
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code, capsys.readouterr().err
    return capsys.readouterr().out


def test_the_three_questions_are_answered_from_the_last_views(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document: dict[str, Any] = json.loads(
        said(live, monkeypatch, capsys, "status", "--json", "--deals", "--by", "team")
    )
    questions = document["questions"]
    numbers = {name: [one[what] for what in ("met", "not_met", "unknown")] for name, one in questions.items()}
    assert document["deals"] == 4  # the one that was forgotten is none
    assert numbers == {"sql_criteria": [1, 1, 1], "icp_adherence": [3, 0, 0], "cycle": [0, 3, 0]}
    assert [one["team"] for one in questions["sql_criteria"]["by"]["team"]] == ["South"]
    failing = {one["deal_id"]: one["why"] for one in questions["sql_criteria"]["deals"]}
    assert failing["not"] == "not: need_confirmed"
    assert failing["unknown"] == f"unknown: {', '.join(QUALIFIED)}"


def test_the_same_stands_in_a_terminal(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(live, monkeypatch, capsys, "status", "--by", "team")
    assert "1. What share of the pipeline meets the SQL criteria now?" in text
    assert "team South" in text
    assert "50.0%" in text


def test_a_deal_is_explained_from_its_partition(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    document: dict[str, Any] = json.loads(said(live, monkeypatch, capsys, "explain", "not", "--json"))
    assert document["key"] == key("not")
    assert [one["lines"] for one in document["events"]][1] == ["stage: Qualification -> Needs Analysis"]
    mine = [json.loads(encode(one)) for one in live.folded.signals if one.subject_key == key("not")]
    assert [{**one, "detected_at": ""} for one in document["signals"]] == mine
    opened = {one["kind"]: one["resolves"] for one in document["open"]}
    assert opened["sql_unqualified"] == "all qualification fields are true (need_confirmed)"
    assert {one["kind"] for one in document["quiet"]} | opened.keys() == set(Kind)


def test_an_explanation_stands_in_a_terminal(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(live, monkeypatch, capsys, "explain", key("met"))
    assert "stage_overstay opened, warning: more than 30 days in Needs Analysis" in text
    assert "every qualification field is true" in text


def test_the_report_of_definitions_knows_entries_criteria_and_overrides(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: list[dict[str, Any]] = json.loads(said(live, monkeypatch, capsys, "playbook", "report", "--json"))
    gate = next(one for one in rows if one["sort"] == "gate")
    assert {name: gate[name] for name in ("definition", "met", "broken", "unknown", "overridden", "criteria")} == {
        "definition": "Needs Analysis",
        "met": 0,
        "broken": 1,
        "unknown": 0,
        "overridden": 1,
        "criteria": {"exit of Qualification: the need is confirmed": 1},
    }
    fields = {one["definition"]: (one["met"], one["broken"], one["unknown"]) for one in rows if one["sort"] == "sql"}
    assert fields["need_confirmed"] == (1, 1, 1)
    assert "gate" in said(live, monkeypatch, capsys, "playbook", "report")


def test_a_deal_that_nobody_knows_is_said_to_be_so(
    live: Live, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(live.folder)
    monkeypatch.setattr(sys, "argv", ["signals", "explain", "D404", "--broker", live.broker.servers])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "no deal is called 'D404'" in capsys.readouterr().err
