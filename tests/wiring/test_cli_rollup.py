"""`signals rollup` against a real broker: what it shows; a week's roll-up is said once, however often it is told."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alerts.actions import Action, ActionKind, By, Role
from alerts.calls import Calls, slack_client
from alerts.compose import compose
from alerts.rollups.standings import Standing
from alerts.slack import Slack
from alerts.values import Delivery, Form, decode_delivery
from engine.admin import apply, produce, read_all
from engine.embedded import EmbeddedBroker
from engine.records import Output
from engine.settings import Broker
from playbook.load import load
from programs import cli
from programs.commands.rollup import in_force
from programs.commands.topics import specs
from programs.send import Send
from programs.startup import prepare
from tests.flow.voice_world import QUICK, DictStore, deliveries, world
from tests.golden.messages.block_kit import problems
from tests.integration.slack_server import TOKEN, SlackServer
from topics.catalog import ALERT_ACTIONS, ALERT_OUTBOX, DEAL_CURRENT
from topics.codec import encode
from topics.signals import Kind, Severity
from topics.views import DealView, OpenSignal

pytestmark = pytest.mark.broker

BOOK = """\
name: Roll-ups
pipelines:
  - name: Sales
    stages: [{name: Talk}, {name: Won, outcome: won}, {name: Lost, outcome: lost}]
owners:
  - {name: Ann, ids: [u1], team: North, lead: Lee Lead}
  - {name: Lee Lead, slack: U0LEE0001, lead: Mia Boss}
  - {name: Mia Boss, slack: U0ANN0001}
revops_channel: C0REVOPS1
"""
SETTINGS = 'playbook = "book.yaml"\n[money]\nrates = {EUR = 2.0}\n'
NOW = "2026-11-04T12:00:00Z"
Call = Callable[..., tuple[int, str, str]]


def view(name: str, amount: float, currency: str, *signals: OpenSignal) -> DealView:
    return DealView(
        key=f"crm/x:{name}",
        source="crm/x",
        deal_id=name,
        name=f"<{name}>",
        owner_id="u1",
        stage="Talk",
        outcome="open",
        amount=amount,
        currency=currency,
        category="Commit",
        close_date="2026-12-01",
        open_signals=signals,
        as_of=NOW,
    )


def signal(name: str, severity: Severity) -> OpenSignal:
    return OpenSignal(name, Kind.CONTACT_GAP, severity, "2026-11-03T00:00:00Z", "no contact for more than 30 days")


DEALS = (
    view("small", 10.0, "USD", signal("s1", Severity.WARNING)),
    view("large", 500.0, "EUR", signal("s2", Severity.CRITICAL), signal("s3", Severity.INFO)),
    view("calm", 7.0, "USD"),
)
EXCEPTION = Action(
    id="a1",
    kind=ActionKind.OVERRIDE,
    signal="s1",
    subject_key="crm/x:small",
    by=By(team_id="T", user_id="U", name="Lee Lead", role=Role.LEAD),
    at="2026-11-03T00:00:00Z",
    until="2026-11-30T00:00:00Z",
    reason="they decide in November",
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("broker")
    with EmbeddedBroker(folder / "broker") as running:
        broker = Broker(running.servers)
        apply(broker, specs(prepare({"SIGNALS_BROKER": running.servers}, folder)), replication=1)
        produce(broker, [Output(DEAL_CURRENT, one.key.encode(), encode(one)) for one in DEALS])
        produce(broker, [Output(ALERT_ACTIONS, EXCEPTION.subject_key.encode(), encode(EXCEPTION))])
        yield running.servers


@pytest.fixture
def signals(servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    (tmp_path / "book.yaml").write_text(BOOK)
    (tmp_path / "signals.toml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGNALS_BROKER", servers)

    def call(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["signals", "rollup", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


def test_the_forecast_is_in_base_currency_with_the_exceptions_and_their_reasons(signals: Call) -> None:
    code, out, _ = signals("forecast", "--json")
    made = json.loads(out)
    assert code == 0
    assert made["total"] | {"won": 0} == made["total"]
    assert [made["total"][name] for name in ("deals", "amount", "due", "at_risk")] == [3, 1017.0, 1017.0, 1000.0]
    (exception,) = made["overrides"]
    assert (exception["deal"], exception["reason"], exception["by"]) == ("<small>", EXCEPTION.reason, "Lee Lead")


def test_a_team_is_shown_in_a_terminal(signals: Call) -> None:
    code, out, err = signals("team", "Lee Lead")
    assert (code, err) == (0, "")
    assert "Lee Lead's team" in out
    assert "2 of 3 open deals have something open; USD 1,000 under a critical signal" in out
    assert out.index("<large>") < out.index("<small>")


def test_told_twice_it_is_handed_over_twice_and_said_once(signals: Call, servers: str) -> None:
    for _ in range(2):
        assert signals("team", "--tell")[::2] == (0, "handed over for Lee Lead\n")
        assert signals("forecast", "--tell")[::2] == (0, "handed over for Mia Boss, C0REVOPS1\n")
    written = [decode_delivery(one.value) for one in read_all(Broker(servers), ALERT_OUTBOX) if one.value]
    assert {one.form for one in written} == {Form.ROLLUP}
    assert len({one.id for one in written}) == 3 < len(written)


async def test_slack_shows_each_once(servers: str) -> None:
    written = [decode_delivery(one.value) for one in read_all(Broker(servers), ALERT_OUTBOX) if one.value]
    async with SlackServer() as slack:
        made = world(None, patience=QUICK)  # type: ignore[arg-type]  # its voice comes next
        made = replace(made, voice=Slack(Calls(slack_client(TOKEN, slack.url, 2), made.metrics)))
        await Send(made, DictStore()).process(deliveries(*written))
        assert len(slack.posts()) == 3


def test_files_are_not_told(signals: Call, tmp_path: Path) -> None:
    code, _, err = signals("team", "--tell", "--history", str(tmp_path), "--source", "salesforce")
    assert (code, err) == (2, "--tell: of the live state only, without --history\n")


def test_it_reads_well_and_slack_takes_it(servers: str) -> None:
    written = {one.about: one for one in map(_decoded, read_all(Broker(servers), ALERT_OUTBOX))}
    playbook = load(BOOK, "book.yaml").playbook
    texts = []
    for one in written.values():
        message = compose(playbook, one, one.via).main
        assert problems(message.text, list(message.blocks)) == []
        texts.append(json.dumps(message.blocks, ensure_ascii=False))
    (team,) = [text for text in texts if "Lee Lead's team" in text]
    assert "2 of 3 open deals have something open" in team
    assert "USD 1,000 under a critical signal" in team
    assert "&lt;large&gt;" in team, "what a CRM wrote is escaped"
    assert any("they decide in November (Lee Lead)" in text for text in texts)


def _decoded(record: object) -> Delivery:
    return decode_delivery(record.value)  # type: ignore[attr-defined]  # a record of the outbox


def test_files_are_counted_at_the_rates_of_the_settings(signals: Call, tmp_path: Path) -> None:
    change = {
        "Name": "Euro deal",
        "StageName": "Talk",
        "Amount": 100.0,
        "CurrencyIsoCode": "EUR",
        "CloseDate": "2026-12-01",
        "ChangeEventHeader": {
            "entityName": "Opportunity",
            "recordIds": ["006Sm0000000001IAA"],
            "changeType": "CREATE",
            "transactionKey": "t",
            "sequenceNumber": 1,
            "commitTimestamp": 1_793_000_000_000,
            "commitNumber": 1,
        },
    }
    (tmp_path / "crm.jsonl").write_text(json.dumps({"data": {"payload": change, "event": {"replayId": 1}}}) + "\n")
    code, out, err = signals("forecast", "--json", "--history", "crm.jsonl", "--source", "salesforce")
    assert (code, err) == (0, "")
    total = json.loads(out)["total"]
    assert (total["deals"], total["amount"], total["unknown"]) == (1, 200.0, 0)


def test_what_counts_is_what_most_deals_stand_by() -> None:
    own, other = (load(BOOK.replace("Roll-ups", name), "book.yaml") for name in ("Own", "Other"))
    deals = [Standing(key=str(place), deal_id="", playbook=other.hash) for place in range(2)]
    deals.append(Standing(key="old", deal_id="", playbook=own.hash))
    known = {own.hash: own.playbook, other.hash: other.playbook}
    assert in_force(deals, known, own.playbook).name == "Other"
    assert in_force(deals, {}, own.playbook).name == "Own"
    assert in_force([], known, own.playbook).name == "Own"
