"""What the settings say that currencies are worth counts wherever deals are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from programs.commands.choosing import chosen_of
from programs.published import Published
from programs.replaying import Plan
from programs.settings import Settings
from programs.startup import exchange
from signals.money import Exchange
from signals.rules import NO_RATES, Rules


def test_of_what_is_published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    own = chosen_of(["salesforce"], None, None).playbook
    worth = exchange(Settings.model_validate({"money": {"base_currency": "EUR", "rates": {"USD": 0.5}}}))
    assert worth.in_base(100.0, "USD") == 50.0
    assert Published(own, (), worth).panel(own.hash).rules.exchange is worth
    assert Published(own).panel(own.hash).rules.exchange is NO_RATES


def test_of_files_that_are_replayed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "signals.toml").write_text('[money]\nbase_currency = "EUR"\nrates = {USD = 0.5}\n')
    chosen = chosen_of(["salesforce"], None, None)
    assert chosen.exchange == Exchange("EUR", {"USD": 0.5})
    plan = Plan(chosen.sources, chosen.playbook.playbook, chosen.playbook.hash, exchange=chosen.exchange)
    rules = Rules(plan.playbook, plan.version, plan.sources, plan.baselines, plan.exchange)
    assert rules.exchange.in_base(3.0, "EUR") == 3.0
    assert rules.exchange.in_base(3.0, "XYZ") is None
